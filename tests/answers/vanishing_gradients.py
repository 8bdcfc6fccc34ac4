"""Answers to the exercises of lesson 1."""

import functools
import math
import operator

import keras
import numpy as np

from resnet_edu import checks
from resnet_edu.checks import vanishing_gradients


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
}

WRONG = {
    checks.check_shrink_factor: [
        (lambda depth: 0.25 * depth, "factors were added"),
        (lambda depth: 0.5**depth, "value of the sigmoid"),
        (lambda depth: 0.25 ** (depth - 1), "one sigmoid is missing"),
        (lambda depth: 4.0**depth, "more than 1"),
        (lambda depth: 0.2**depth, "gave 0.2, not 0.25"),
        (lambda depth: 0.25, "the same at every other call"),
        (lambda depth: depth**0.25, "swapped"),
        (vanishing_gradients._steepest_chain, "one particular chain"),
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
        (lambda shape: math.sqrt(3 / math.prod(shape[:3])), "gave 0.144338, not"),
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
}

VALUES = {checks.check_rescue}
