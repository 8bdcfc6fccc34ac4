"""What an exercise's answer got right, what not, and one hint.

Every `check_*` takes the learner's answer and returns a `Result`, whatever the answer is: wrong, unfinished,
failing or endless. A check tests properties and never a stored random value, so that any correct answer passes.
"""

import contextlib
import math
import signal
import threading
from dataclasses import dataclass

import numpy as np

from resnet_edu import gradients

TIME_LIMIT = 5.0  # seconds for one answer


@dataclass(frozen=True)
class Result:
    """The outcome of a check: `status` is "correct", "wrong" or "not attempted"; the message says why."""

    status: str
    message: str
    hint: str = ""

    @property
    def passed(self):
        return self.status == "correct"

    def __repr__(self):
        sign = {"correct": "✓", "wrong": "✗", "not attempted": "○"}[self.status]
        return f"{sign} {self.message}" + (f"\n  Hint: {self.hint}" if self.hint else "")


class _WrongAnswerError(Exception):
    def __init__(self, message, hint):
        super().__init__(message)
        self.result = Result("wrong", message, hint)


class _NotAttemptedError(Exception):
    pass


class _TooSlowError(BaseException):
    """Not an Exception, so that an answer's own `except Exception` does not swallow it."""


def check_depth(answer):
    """Check `depth(n)`: the number of layers of a network with n two-layer blocks in each of three stages."""

    def verify():
        mistakes = {
            "only the layers inside the blocks were counted.": (
                lambda n: 6 * n,
                "Add the first and the last layer.",
            ),
            "one layer is missing.": (lambda n: 6 * n + 1, "Both the first convolution and the classifier count."),
            "a block was counted as one layer.": (lambda n: 3 * n + 2, "Each block has two convolutions."),
            "one stage was counted.": (lambda n: 2 * n + 2, "There are three stages of n blocks."),
        }
        for n in (1, 3, 9, 18):
            got = _number(_call(answer, n), f"depth({n})")
            for symptom, (mistake, hint) in mistakes.items():
                if got == mistake(n) != 6 * n + 2:
                    _wrong(f"depth({n}) gave {got:g}: {symptom}", hint)
            if got != 6 * n + 2:
                _wrong(f"depth({n}) gave {got:g}.", "3 stages × n blocks × 2 layers, and 2 layers more.")
        return "Right: 3 × n × 2 + 2 = 6n + 2, so n = 3 gives 20 layers and n = 9 gives 56."

    return _run(verify)


def check_shrink_factor(answer):
    """Check `shrink_factor(depth)`: the most that `depth` sigmoids in a row can pass on of a gradient."""

    def verify():
        for depth in (1, 2, 3, 10, 40):
            got, right = _number(_call(answer, depth), f"shrink_factor({depth})"), 0.25**depth
            if math.isclose(got, right, rel_tol=1e-9):
                continue
            if math.isclose(got, 0.25 * depth, rel_tol=1e-9):
                _wrong(
                    f"shrink_factor({depth}) gave {got:.3g}: the factors were added.",
                    "The chain rule multiplies the derivatives of nested functions.",
                )
            if math.isclose(got, 0.5**depth, rel_tol=1e-9):
                _wrong(
                    f"shrink_factor({depth}) gave {got:.3g}: that uses σ(0) = 1/2, the value of the sigmoid.",
                    "What passes through is its slope, σ′(z) = σ(z)(1 − σ(z)), at its steepest point.",
                )
            if math.isclose(got, 0.25 ** (depth - 1), rel_tol=1e-9):
                _wrong(
                    f"shrink_factor({depth}) gave {got:.3g}: one sigmoid is missing.",
                    "With depth = 1 there is one sigmoid, and so one factor.",
                )
            if got > 1:
                _wrong(
                    f"shrink_factor({depth}) gave {got:.3g}, which is more than 1.",
                    "A sigmoid is never steeper than 1/4, so it can only shrink a gradient.",
                )
            _wrong(
                f"shrink_factor({depth}) gave {got:.3g}.",
                "Find the largest slope of one sigmoid; the chain rule multiplies one such factor for each.",
            )
        return (
            "Right: each sigmoid passes on at most a quarter, so depth of them at most 0.25 to the power of depth."
        )

    return _run(verify)


def check_he_stddev(answer):
    """Check `he_stddev(kernel_shape)` for kernels `(height, width, channels in, channels out)`."""

    def verify():
        for shape in [(3, 3, 16, 48), (3, 3, 16, 16), (1, 1, 64, 10), (7, 5, 3, 64)]:
            height, width, channels, filters = shape
            got = _number(_call(answer, shape), f"he_stddev({shape})")
            fan_in, fan_out = height * width * channels, height * width * filters
            if math.isclose(got, math.sqrt(2 / fan_in), rel_tol=1e-6):
                continue
            mistakes = [
                (2 / fan_in, "that is the variance.", "The standard deviation is its square root."),
                (
                    math.sqrt(2 / fan_out),
                    "that counts the outputs of the kernel.",
                    "He et al. keep the forward signal's variance: count the inputs that one output sums over.",
                ),
                (
                    math.sqrt(2 / channels),
                    "that counts the channels, but not the pixels under the kernel.",
                    "One output sums over height × width × channels values.",
                ),
                (
                    math.sqrt(1 / fan_in),
                    "that is right for a linear layer.",
                    "ReLU sets half of the signal to zero; the 2 makes up for it.",
                ),
                (
                    math.sqrt(2 / (fan_in + fan_out)),
                    "that is Glorot's rule.",
                    "He's rule looks at the inputs alone.",
                ),
                (math.sqrt(fan_in / 2), "the fraction is upside down.", "More inputs need smaller weights."),
            ]
            for value, symptom, hint in mistakes:
                if math.isclose(got, value, rel_tol=1e-6):
                    _wrong(f"he_stddev({shape}) gave {got:.4g}: {symptom}", hint)
            _wrong(
                f"he_stddev({shape}) gave {got:.4g}.",
                "Count the values that one output sums over (fan-in), then take √(2 / fan-in).",
            )
        return "Right for four kernel shapes: the standard deviation is √(2 / (height × width × channels in))."

    return _run(verify)


def check_backward_norms(answer):
    """Check `backward_norms(weights, x)` against central finite differences, on chains it has not seen."""

    def verify():
        rng = np.random.default_rng()
        for depth, width in ((1, 3), (3, 4), (6, 5)):
            weights = [rng.normal(size=(width, width)) for _ in range(depth)]
            x = rng.normal(size=width)
            kept = [weight.copy() for weight in weights]
            got = _call(answer, [weight.copy() for weight in weights], x.copy())
            right = _finite_difference_norms(kept, x)
            try:
                got = np.asarray(got, float)
            except (TypeError, ValueError):
                _wrong("backward_norms did not give a list of numbers.", "Return one norm for each weight matrix.")
            if got.shape != (depth,):
                _wrong(
                    f"for {depth} weight matrices the result has the shape {got.shape}, not ({depth},).",
                    "Return one norm for each weight matrix, the first one's first.",
                )
            _diagnose_norms(got, right, kept, x)
        return "Right: equal to finite differences for chains of 1, 3 and 6 layers."

    return _run(verify)


def check_rescue(answer):
    """Check the setting that shall rescue a plain 56-layer network without batch normalization."""

    def verify():
        if not isinstance(answer, dict):
            _wrong("the setting is not a dict.", 'Write it like dict(activation="tanh", initializer="he_normal").')
        unknown = set(answer) - {"activation", "initializer"}
        if unknown:
            _wrong(
                f"the setting changes {', '.join(sorted(map(str, unknown)))}.",
                "Only activation and initializer may change: no batch normalization, no shortcut, depth 56.",
            )
        x, y = _digits_batch()
        for seed in (101, 102):
            norms = gradients.fresh_gradient_norms(x, y, depth=56, batch_norm=False, seed=seed, **answer)
            values = np.array(list(gradients.select_convolutions(norms).values()))
            if not np.all(np.isfinite(values)):
                _wrong("the numbers overflow.", "The signal grows from layer to layer: draw smaller weights.")
            level = f"the norms go from {values.min():.1e} to {values.max():.1e}"
            if values.max() > 100:
                _wrong(f"{level}, above 100.", "Draw smaller weights.")
            if values.min() < 0.01 and values.max() < 0.05:
                _wrong(f"{level}: small at every layer.", "Draw larger weights: raise the initializer's scale.")
            if values.min() < 0.01:
                _wrong(
                    f"{level}: too far apart.",
                    "The gradient shrinks on its way back. Look for an activation that passes more on.",
                )
        return "Right: for two seeds you have not seen, all 55 norms lie between 0.01 and 100."

    return _run(verify, attempted=_is_given(answer))


PREDICTIONS = {
    "sigmoid": {
        "a": "No: the last layer is as close to the loss as in a shallow network. Its gradient stays large.",
        "b": "",
        "c": "No: equal norms need layers that pass on as much as they get. A sigmoid passes on at most 1/4.",
        "d": "No: growing needs factors above 1. A sigmoid's slope is at most 1/4.",
    },
    "batch_norm": {
        "a": "No: batch normalization rescales the signal at every layer, so neither it nor the gradient dies.",
        "b": "No: it is not even, although each layer's signal is. Look at the first convolution's norm.",
        "c": "",
        "d": "No: the order is the other way round. The layers near the input have the large gradients.",
    },
}


def check_prediction(question, answer):
    """Say whether the answer, a letter, to one of the `PREDICTIONS` came true, and if not, why."""

    def verify():
        if question not in PREDICTIONS:
            raise ValueError(f"no question is called {question!r}")
        options = PREDICTIONS[question]
        letter = answer.strip().lower() if isinstance(answer, str) else None
        if letter not in options:
            _wrong("that is not one of the options.", f"Answer with one of {', '.join(map(repr, options))}.")
        if options[letter]:
            _wrong(options[letter], "Compare with the figure, then change your answer or keep it in mind.")
        return "That is what happens."

    return _run(verify, attempted=_is_given(answer))


def _run(verify, *, attempted=True):
    """Turn a verification into a Result: it returns what was right, or raises what was wrong."""
    if not attempted:
        return Result("not attempted", "not attempted yet")
    try:
        with _time_limit(TIME_LIMIT):
            return Result("correct", verify())
    except _WrongAnswerError as wrong:
        return wrong.result
    except _NotAttemptedError:
        return Result("not attempted", "not attempted yet")
    except _TooSlowError:
        return Result("wrong", f"no answer after {TIME_LIMIT:g} seconds.", "Is there a loop that never ends?")
    except Exception as error:
        return Result(
            "wrong", f"your answer stopped with {type(error).__name__}: {error}", "Run it by itself to see where."
        )


def _is_given(answer):
    return answer is not None and answer is not Ellipsis


def _call(function, *arguments):
    """Call the learner's function; a stub, which returns nothing, counts as not attempted."""
    if not _is_given(function):
        raise _NotAttemptedError
    if not callable(function):
        _wrong(f"a function is needed here, not {type(function).__name__}.", "Pass its name without parentheses.")
    result = function(*arguments)
    if result is None:
        raise _NotAttemptedError
    return result


def _number(value, what):
    try:
        return float(value)
    except (TypeError, ValueError):
        _wrong(f"{what} gave {type(value).__name__}, not a number.", "Return one number.")


def _wrong(message, hint):
    raise _WrongAnswerError(message, hint)


@contextlib.contextmanager
def _time_limit(seconds):
    """Stop an endless answer, where the system has timers for it: on Unix, in the main thread."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(signum, frame):
        raise _TooSlowError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _digits_batch():
    from resnet_edu import data  # noqa: PLC0415, only this check needs scikit-learn

    (x, y), _ = data.load_digits()
    return (x[:64] / 255.0 - x.mean() / 255.0).astype("float32"), y[:64]


def _chain_loss(weights, x):
    """Half the squared length of tanh(W_L … tanh(W_1 x))."""
    for weight in weights:
        x = np.tanh(weight @ x)
    return 0.5 * float(x @ x)


def _finite_difference_norms(weights, x, step=1e-6):
    norms = []
    for weight in weights:
        slopes = np.empty_like(weight)
        for index in np.ndindex(*weight.shape):
            kept = weight[index]
            weight[index] = kept + step
            above = _chain_loss(weights, x)
            weight[index] = kept - step
            slopes[index] = (above - _chain_loss(weights, x)) / (2 * step)
            weight[index] = kept
        norms.append(np.linalg.norm(slopes))
    return np.array(norms)


def _backward_norms(weights, x, *, slope=True, transpose=True):
    """Norms as the exercise wants them, or with one of its usual mistakes."""
    signals = [x]
    for weight in weights:
        signals.append(np.tanh(weight @ signals[-1]))
    delta, norms = signals[-1], []
    for weight, before, after in zip(weights[::-1], signals[-2::-1], signals[:0:-1], strict=True):
        if slope:
            delta = delta * (1 - after**2)
        norms.append(np.linalg.norm(np.outer(delta, before)))
        delta = (weight.T if transpose else weight) @ delta
    return np.array(norms[::-1])


def _diagnose_norms(got, right, weights, x):
    if np.allclose(got, right, rtol=1e-4, atol=1e-8):
        return
    mistakes = [
        (right[::-1], "the norms are in the wrong order.", "The backward pass meets the last layer first."),
        (right**2, "those are squared norms.", "Take the square root of the sum of squares."),
        (
            _backward_norms(weights, x, slope=False),
            "the slope of tanh is missing.",
            "Multiply δ by 1 − tanh² of that layer before you use it.",
        ),
        (
            _backward_norms(weights, x, transpose=False),
            "δ went back through W instead of its transpose.",
            "Forward is W @ h, so backward is W.T @ δ.",
        ),
    ]
    for value, symptom, hint in mistakes:
        if np.allclose(got, value, rtol=1e-4, atol=1e-8):
            _wrong(symptom, hint)
    last_right = np.isclose(got[-1], right[-1], rtol=1e-4)
    where = "all layers but the last" if last_right else "the last layer already"
    _wrong(
        f"the norms differ from finite differences at {where}: {got.round(4)} instead of {right.round(4)}.",
        "For each layer, from the last: δ ← δ · (1 − h²), norm of the outer product of δ with the layer's input, "
        "δ ← W.T @ δ.",
    )
