"""Checks of lesson 1."""

import math

import numpy as np

from resnet_edu import data, gradients
from resnet_edu.checks.answers import call, run, time_limit, wrong
from resnet_edu.checks.comparing import Call, close_numbers, compare


def check_shrink_factor(answer, *, cases=(1, 2, 3, 10, 40)):
    """Check `shrink_factor(depth)`: a bound on what `depth` sigmoids in a row can pass on of a gradient."""
    mistakes = [
        (
            lambda depth: 0.25 * depth,
            "the factors were added.",
            "The chain rule multiplies the derivatives of nested functions.",
        ),
        (
            lambda depth: 0.5**depth,
            "that uses σ(0) = 1/2, the value of the sigmoid.",
            "What passes through is its slope, σ′(z) = σ(z)(1 − σ(z)), where it is steepest.",
        ),
        (
            lambda depth: 0.25 ** (depth - 1),
            "one sigmoid is missing.",
            "With depth = 1 there is one sigmoid, and so one factor.",
        ),
        (lambda depth: 4.0**depth, "it is more than 1.", "A slope of at most 1/4 can only shrink a gradient."),
        (lambda depth: depth**0.25, "base and exponent are swapped.", "Multiply `depth` factors of 1/4."),
        (
            _steepest_chain,
            "that is the factor of one particular chain.",
            "The bound takes the steepest slope, 1/4, at every step.",
        ),
    ]

    def verify():
        compare(
            answer,
            "shrink_factor",
            [Call(each) for each in cases],
            right=lambda depth: 0.25**depth,
            mistakes=mistakes,
            close=close_numbers(floor=0),
            hint="Find the largest slope of one sigmoid; the chain rule multiplies one such factor for each.",
        )
        return "Right: each sigmoid passes on at most a quarter, so `depth` of them at most 0.25**depth."

    return run(answer, verify)


def check_he_stddev(answer, *, cases=((3, 3, 16, 48), (3, 3, 16, 16), (1, 1, 64, 10), (7, 5, 3, 64))):
    """Check `he_stddev(kernel_shape)` for kernels `(height, width, channels in, channels out)`."""
    mistakes = [
        (lambda s: 2 / math.prod(s[:3]), "that is the variance.", "The standard deviation is its square root."),
        (
            lambda s: math.sqrt(2) / math.prod(s[:3]),
            "the root was taken of the 2 alone.",
            "Divide first, then take the root of the whole fraction.",
        ),
        (
            lambda s: math.sqrt(2 / (s[0] * s[1] * s[3])),
            "that counts the outputs of the kernel.",
            "The usual choice, and Keras', is fan-in: the inputs that one output sums over.",
        ),
        (
            lambda s: math.sqrt(2 / math.prod(s)),
            "all four numbers were multiplied.",
            "One output belongs to one filter: the number of filters does not enter its sum.",
        ),
        (
            lambda s: math.sqrt(2 / s[2]),
            "that counts the channels, but not the pixels under the kernel.",
            "One output sums over height × width × channels values.",
        ),
        (
            lambda s: math.sqrt(2 / (s[0] * s[1])),
            "that counts the pixels under the kernel, but not the channels.",
            "One output sums over height × width × channels values.",
        ),
        (
            lambda s: math.sqrt(1 / math.prod(s[:3])),
            "that is right for a linear layer.",
            "ReLU sets half of the signal to zero; the 2 makes up for it.",
        ),
        (
            lambda s: math.sqrt(2 / (s[0] * s[1] * (s[2] + s[3]))),
            "that is Glorot's rule.",
            "He's rule looks at the inputs alone.",
        ),
        (
            lambda s: math.sqrt(math.prod(s[:3]) / 2),
            "the fraction is upside down.",
            "More inputs need smaller weights.",
        ),
    ]

    def verify():
        compare(
            answer,
            "he_stddev",
            [Call(each) for each in cases],
            right=lambda s: math.sqrt(2 / math.prod(s[:3])),
            mistakes=mistakes,
            hint="Count the values that one output sums over (fan-in), then take √(2 / fan-in).",
        )
        return "Right for four kernel shapes: the standard deviation is √(2 / (height × width × channels in))."

    return run(answer, verify)


def check_backward_norms(answer, *, cases=((3, 4), (1, 3), (6, 5)), seed=None):
    """Check `backward_norms(weights, x)` against central finite differences; cases are `(depth, width)`."""

    def verify():
        rng = np.random.default_rng(seed)
        for depth, width in cases:
            weights = [rng.normal(size=(width, width)) for _ in range(depth)]
            x = rng.normal(size=width)
            got = call(answer, [weight.copy() for weight in weights], x.copy())
            try:
                got = np.asarray(got, float)
            except (TypeError, ValueError):
                wrong("backward_norms did not give a list of numbers.", "Return one norm for each weight matrix.")
            if got.shape == (depth, width, width):
                wrong("those are the gradients themselves.", "Return the norm of each: np.linalg.norm.")
            if got.shape != (depth,):
                wrong(
                    f"for {depth} weight matrices the result has the shape {got.shape}, not ({depth},).",
                    "Return one norm for each weight matrix, that of the first layer first.",
                )
            _diagnose_norms(got, _finite_difference_norms(weights, x), weights, x)
        *others, longest = sorted({depth for depth, _ in cases})
        shown = f"{', '.join(map(str, others))} and {longest}"
        return f"Right: equal to finite differences for chains of {shown} layers."

    return run(answer, verify)


def check_rescue(answer, *, depth=56, activation=None, seeds=(101, 102)):
    """Check the setting that shall rescue a plain network without batch normalization.

    Where an `activation` is named, the answer must keep it.
    """

    def verify():
        form = 'Write it like {"activation": "relu", "initializer": "he_normal"}.'
        if not isinstance(answer, dict):
            wrong("the setting is not a dict.", form)
        unknown = ", ".join(sorted(map(str, set(answer) - {"activation", "initializer"})))
        if unknown:
            wrong(f"the setting has the key {unknown}.", f"Only activation and initializer may change. {form}")
        if activation and answer.get("activation", activation) != activation:
            wrong(f"the activation is no longer {activation}.", "Here only the initializer may change.")
        x, y = _digits_batch()
        for seed in seeds:
            with time_limit(30):  # a first call also compiles
                norms = gradients.fresh_gradient_norms(x, y, depth=depth, batch_norm=False, seed=seed, **answer)
            _diagnose_level(np.array(list(gradients.select_convolutions(norms).values())))
        return f"Right: for two draws that you have not seen, all {depth - 1} norms lie between 0.001 and 1000."

    return run(answer, verify, hint="Check the spelling of the activation and the initializer.")


def _diagnose_level(norms):
    if not np.all(np.isfinite(norms)):
        wrong("the numbers overflow.", "The signal grows from layer to layer: draw smaller weights.")
    if not norms.any():
        wrong("all norms are 0.", "No signal comes through: draw larger weights.")
    level = f"the norms go from {norms.min():.1e} to {norms.max():.1e}"
    if norms.max() > 1000:
        wrong(f"{level}, above 1000.", "Draw smaller weights.")
    if norms.min() < 0.001 and norms.max() < 100 * norms.min():
        wrong(f"{level}: small at every layer.", "Draw larger weights: raise the initializer's scale.")
    if norms.min() < 0.001:
        wrong(
            f"{level}: too far apart.",
            "The gradient shrinks on its way back. Look for an activation that passes more on.",
        )


def _steepest_chain(depth):
    """The most that the chain h ← σ(h) of this depth, from any start, passes on of a gradient."""
    start = np.linspace(-10, 10, 200_001)
    product = np.ones_like(start)
    for _ in range(depth):
        start = 1 / (1 + np.exp(-start))
        product *= start * (1 - start)
    return float(product.max())


def _digits_batch():
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


def _imitate_norms(weights, x, *, slope="first", transpose=True, start="output", of="gradient"):
    """Norms as the exercise wants them, or with one of its usual mistakes."""
    signals = [x]
    for weight in weights:
        signals.append(np.tanh(weight @ signals[-1]))
    delta, norms = signals[-1] if start == "output" else np.ones_like(x), []
    for weight, before, after in zip(weights[::-1], signals[-2::-1], signals[:0:-1], strict=True):
        sloped = delta * (1 - (before if slope == "of the input" else after) ** 2)
        used = delta if slope in ("never", "late") else sloped
        norms.append(np.linalg.norm(used if of == "delta" else np.outer(used, before)))
        passed_on = delta if slope in ("never", "not passed on") else sloped
        delta = (weight.T if transpose else weight) @ passed_on
    return np.array(norms[::-1])


NORM_MISTAKES = [
    (
        {"slope": "never"},
        "the slope of tanh is missing.",
        "Multiply δ by 1 − h², the slope of that layer, before you use it.",
    ),
    (
        {"slope": "late"},
        "the slope of tanh comes too late.",
        "Multiply δ by 1 − h² before you take the gradient, not after.",
    ),
    (
        {"slope": "not passed on"},
        "δ lost its slope on the way back.",
        "Pass on the δ that already contains the slope.",
    ),
    (
        {"slope": "of the input"},
        "the slope was taken at the layer's input.",
        "A layer's slope is 1 − h² with its own output h.",
    ),
    (
        {"transpose": False},
        "δ went back through W instead of its transpose.",
        "Forward is W @ h; back is W.T @ δ.",
    ),
    (
        {"start": "ones"},
        "δ started with ones.",
        "The derivative of half the squared length of h with respect to h is h itself.",
    ),
    (
        {"of": "delta"},
        "those are the norms of δ.",
        "The gradient of W is the outer product of δ and the layer's input.",
    ),
]


def _diagnose_norms(got, right, weights, x):
    def agrees(values):
        return np.allclose(got, values, rtol=1e-4, atol=1e-8)

    if agrees(right):
        return
    if agrees(right[::-1]):
        wrong("the norms are in the wrong order.", "The backward pass meets the last layer first.")
    if agrees(right**2):
        wrong("those are squared norms.", "Take the square root of the sum of squares.")
    for options, symptom, hint in NORM_MISTAKES:
        if agrees(_imitate_norms(weights, x, **options)):
            wrong(symptom, hint)
    shown = f"{got.round(4)} instead of {right.round(4)}, by finite differences"
    if np.isclose(got[-1], right[-1], rtol=1e-4):
        wrong(
            f"the last layer's norm is right, those before it are not: {shown}.",
            "What goes back from a layer to the one before?",
        )
    wrong(
        f"the last layer's norm is wrong already: {shown}.",
        "Try one layer by hand: what is the loss's derivative with respect to its output, then to its weights?",
    )
