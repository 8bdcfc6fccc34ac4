"""Each check accepts correct answers of any style and names the symptom of typical mistakes."""

import functools
import math
import operator
import threading

import keras
import numpy as np
import pytest

from resnet_edu import checks


def norms_with_lists(weights, x):
    signals = [np.asarray(x)]
    for w in weights:
        signals.append(np.tanh(np.dot(w, signals[-1])))
    delta = signals[-1]
    out = []
    for layer in reversed(range(len(weights))):
        delta = delta * (1 - signals[layer + 1] ** 2)
        out.insert(0, float(np.linalg.norm(delta) * np.linalg.norm(signals[layer])))
        delta = weights[layer].T @ delta
    return out


def norms_by_jacobians(weights, x):
    signals = [x]
    for w in weights:
        signals.append(np.tanh(w @ signals[-1]))
    result = np.zeros(len(weights))
    for layer in range(len(weights)):
        back = signals[-1]
        for later in range(len(weights) - 1, layer, -1):
            back = weights[later].T @ (np.diag(1 - signals[later + 1] ** 2) @ back)
        result[layer] = np.linalg.norm(np.outer((1 - signals[layer + 1] ** 2) * back, signals[layer]))
    return tuple(result)


def norms_by_complex_step(weights, x):
    def loss(matrices):
        h = x.astype(complex)
        for matrix in matrices:
            h = np.tanh(matrix @ h)
        return 0.5 * (h @ h)

    result = []
    for layer, w in enumerate(weights):
        gradient = np.zeros_like(w)
        for index in np.ndindex(*w.shape):
            moved = [matrix.astype(complex) for matrix in weights]
            moved[layer][index] += 1e-20j
            gradient[index] = loss(moved).imag / 1e-20
        result.append(np.sqrt((gradient**2).sum()))
    return result


def norms_with_a_mistake(weights, x, *, mistake):
    signals = [x]
    for w in weights:
        signals.append(np.tanh(w @ signals[-1]))
    delta, norms = np.ones_like(x) if mistake == "ones" else signals[-1], []
    matrices = weights if mistake == "reversed weights" else weights[::-1]
    for w, before, after in zip(matrices, signals[-2::-1], signals[:0:-1], strict=True):
        unsloped = delta
        if mistake not in ("no slope", "slope late"):
            delta = delta * (1 - (before if mistake == "slope of input" else after) ** 2)
        gradient = np.outer(delta, after if mistake == "output" else before)
        norms.append(np.linalg.norm(delta if mistake == "delta" else gradient))
        if mistake == "slope late":
            delta = delta * (1 - after**2)
        if mistake == "slope lost":
            delta = unsloped
        delta = (w if mistake == "no transpose" else w.T) @ delta
    if mistake == "squared":
        norms = [norm**2 for norm in norms]
    return norms if mistake == "order" else norms[::-1]


def scaled(scale, distribution="normal"):
    return keras.initializers.VarianceScaling(scale=scale, mode="fan_in", distribution=distribution)


CORRECT = {
    checks.check_depth: [
        lambda n: 6 * n + 2,
        lambda n: 1 + sum(2 for _ in range(3 * n)) + 1,
        lambda n: np.int64(2 + 3 * 2 * n),
        lambda n: 6.0 * n + 2.0,
    ],
    checks.check_shrink_factor: [
        lambda depth: 0.25**depth,
        lambda depth: functools.reduce(operator.mul, [1 / 4] * depth, 1),
        lambda depth: math.exp(depth * math.log(0.25)),
        lambda depth: np.float64(2.0) ** (-2 * depth),
    ],
    checks.check_he_stddev: [
        lambda shape: (2 / (shape[0] * shape[1] * shape[2])) ** 0.5,
        lambda shape: math.sqrt(2 / math.prod(shape[:-1])),
        lambda shape: np.sqrt(2.0 / np.prod(shape[:3])),
        lambda shape: keras.ops.convert_to_numpy(keras.ops.sqrt(2.0 / float(np.prod(shape[:3])))),
    ],
    checks.check_backward_norms: [norms_with_lists, norms_by_jacobians, norms_by_complex_step],
    checks.check_rescue: [
        {"activation": "tanh", "initializer": "he_normal"},
        {"activation": "selu", "initializer": "he_normal"},
        {"initializer": scaled(2.8)},
        {"activation": keras.activations.tanh, "initializer": scaled(2.5, "uniform")},
    ],
    functools.partial(checks.check_prediction, "sigmoid"): ["b", " B ", "b\n", "(b)", "b:"],
    functools.partial(checks.check_prediction, "batch_norm"): ["c", "C", " c"],
}

WRONG = {
    checks.check_depth: [
        (lambda n: 8, "as for every other argument"),
        (lambda n: 6 * n, "only the layers inside the blocks"),
        (lambda n: 6 * n + 1, "one layer is missing"),
        (lambda n: 3 * n + 2, "a block was counted as one layer"),
        (lambda n: 2 * n + 2, "one stage was counted"),
        (lambda n: 7 * n, "depth(1) gave 7."),
        (lambda n: str(6 * n + 2), "gave str, not a number"),
        (lambda n: 10**400, "gave int, not a number"),
        (lambda n: n / 0, "ZeroDivisionError"),
        (8, "a function is needed here, not int"),
    ],
    checks.check_shrink_factor: [
        (lambda depth: 0.25 * depth, "factors were added"),
        (lambda depth: 0.5**depth, "value of the sigmoid"),
        (lambda depth: 0.25 ** (depth - 1), "one sigmoid is missing"),
        (lambda depth: 4.0**depth, "more than 1"),
        (lambda depth: 0.2**depth, "gave 0.2."),
        (lambda depth: 0.25, "as for every other argument"),
        (lambda depth: depth**0.25, "swapped"),
        (checks._steepest_chain, "one particular chain"),
        (lambda depth: [0.25] * depth, "not a number"),
        (lambda: 0.25, "TypeError"),
        (0.25, "a function is needed"),
    ],
    checks.check_he_stddev: [
        (lambda shape: 2 / math.prod(shape[:3]), "that is the variance"),
        (lambda shape: math.sqrt(2 / (shape[0] * shape[1] * shape[3])), "counts the outputs"),
        (lambda shape: math.sqrt(2 / shape[2]), "not the pixels"),
        (lambda shape: math.sqrt(1 / math.prod(shape[:3])), "linear layer"),
        (
            lambda shape: math.sqrt(2 / (math.prod(shape[:3]) + shape[0] * shape[1] * shape[3])),
            "Glorot's rule",
        ),
        (lambda shape: math.sqrt(math.prod(shape[:3]) / 2), "upside down"),
        (lambda shape: math.sqrt(2 / math.prod(shape)), "all four numbers"),
        (lambda shape: math.sqrt(2) / math.prod(shape[:3]), "root was taken of the 2 alone"),
        (lambda shape: math.sqrt(2 / (shape[0] * shape[1])), "but not the channels"),
        (lambda shape: math.sqrt(3 / math.prod(shape[:3])), "gave 0.1443."),
        (lambda shape: math.nan, "gave nan"),
        (lambda shape: shape[4], "IndexError"),
    ],
    checks.check_backward_norms: [
        (functools.partial(norms_with_a_mistake, mistake="order"), "wrong order"),
        (functools.partial(norms_with_a_mistake, mistake="squared"), "squared norms"),
        (functools.partial(norms_with_a_mistake, mistake="no slope"), "slope of tanh is missing"),
        (functools.partial(norms_with_a_mistake, mistake="no transpose"), "instead of its transpose"),
        (functools.partial(norms_with_a_mistake, mistake="output"), "wrong already"),
        (functools.partial(norms_with_a_mistake, mistake="slope late"), "too late"),
        (functools.partial(norms_with_a_mistake, mistake="slope lost"), "lost its slope"),
        (functools.partial(norms_with_a_mistake, mistake="slope of input"), "at the layer's input"),
        (functools.partial(norms_with_a_mistake, mistake="ones"), "started with ones"),
        (functools.partial(norms_with_a_mistake, mistake="delta"), "norms of δ"),
        (functools.partial(norms_with_a_mistake, mistake="reversed weights"), "those before it are not"),
        (lambda weights, x: weights, "gradients themselves"),
        (lambda weights, x: norms_with_lists(weights, x)[:-1], "has the shape (2,), not (3,)"),
        (lambda weights, x: "one norm", "did not give a list of numbers"),
        (lambda weights, x: weights[len(weights)], "IndexError"),
    ],
    checks.check_rescue: [
        ({"activation": "relu", "initializer": "he_normal"}, "small at every layer"),
        ({"activation": "sigmoid", "initializer": "he_normal"}, "too far apart"),
        ({"initializer": scaled(6.0)}, "above 1000"),
        ({"initializer": keras.initializers.RandomNormal(stddev=100.0)}, "overflow"),
        ({"activation": "tanh", "batch_norm": True}, "has the key batch_norm"),
        ({"initialiser": "he_normal"}, "has the key initialiser"),
        ({"initializer": "zeros"}, "all norms are 0"),
        ("tanh", "is not a dict"),
        ({"activation": "tahn"}, "ValueError"),
    ],
    functools.partial(checks.check_prediction, "sigmoid"): [
        ("a", "close to the loss"),
        ("c", "at most 1/4"),
        ("d", "factors above 1"),
        ("e", "not one of the options"),
        (2, "not one of the options"),
    ],
    functools.partial(checks.check_prediction, "batch_norm"): [
        ("a", "nor the gradient dies"),
        ("b", "it is not even"),
        ("d", "the other way round"),
        ("", "not one of the options"),
        (["c"], "not one of the options"),
    ],
}


def name_of(check):
    return getattr(check, "__name__", None) or f"{check.func.__name__}-{check.args[0]}"


@pytest.mark.parametrize(
    ("check", "answer"),
    [pytest.param(c, a, id=f"{name_of(c)}-{i}") for c, answers in CORRECT.items() for i, a in enumerate(answers)],
)
def test_a_correct_answer_is_accepted(check, answer):
    result = check(answer)
    assert result.passed, result
    assert repr(result).startswith("✓")


@pytest.mark.parametrize(
    ("check", "answer", "symptom"),
    [pytest.param(c, a, s, id=f"{name_of(c)}-{i}") for c, rows in WRONG.items() for i, (a, s) in enumerate(rows)],
)
def test_a_wrong_answer_is_told_its_symptom_and_a_hint(check, answer, symptom):
    result = check(answer)
    assert result.status == "wrong"
    assert symptom in result.message
    assert result.hint
    assert repr(result).startswith("✗")
    assert "Hint: " in repr(result)


@pytest.mark.parametrize("check", list(CORRECT), ids=name_of)
def test_there_are_enough_answers_of_both_kinds(check):
    mistakes = [message for same, rows in WRONG.items() if name_of(same) == name_of(check) for _, message in rows]
    assert len(CORRECT[check]) >= 3
    assert len(mistakes) >= 5


def stubs_of(check):
    takes_a_value = name_of(check).startswith(("check_prediction", "check_rescue"))
    return [None, ...] if takes_a_value else [None, ..., lambda *arguments: None]


@pytest.mark.parametrize(
    ("check", "stub"),
    [pytest.param(c, s, id=f"{name_of(c)}-{i}") for c in CORRECT for i, s in enumerate(stubs_of(c))],
)
def test_a_stub_is_not_attempted(check, stub):
    assert repr(check(stub)).startswith("○ not attempted yet")


def test_an_endless_answer_is_stopped(monkeypatch):
    monkeypatch.setattr(checks, "TIME_LIMIT", 0.3)

    swallowed = []

    def endless(n):
        while True:
            try:
                n += 1
            except:  # noqa: E722, this is what a learner may write
                swallowed.append(n)
                if len(swallowed) > 1:
                    raise

    result = checks.check_depth(endless)
    assert result.status == "wrong"
    assert "no answer after many seconds" in result.message


def test_an_answer_that_ends_the_program_does_not():
    def leave(n):
        raise SystemExit(f"no layers in {n}")

    assert "SystemExit: no layers in 1" in checks.check_depth(leave).message


def test_the_stop_button_stops_a_check():
    def interrupted(n):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        checks.check_depth(interrupted)


def test_a_check_works_outside_the_main_thread():
    results = []
    thread = threading.Thread(target=lambda: results.append(checks.check_depth(lambda n: 6 * n + 2)))
    thread.start()
    thread.join()
    assert results[0].passed


def test_an_unknown_question_is_the_lessons_mistake_not_the_learners():
    assert "no question is called" in checks.check_prediction("sigmiod", "a").message
