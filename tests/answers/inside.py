"""Answers to the exercises of lesson 7."""

import math

import numpy as np
from scipy import stats

from resnet_edu import lesions
from resnet_edu.checks import inside as checks


def without_by_loop(parts, name, x, y):
    for part in parts:
        if part.name != name:
            x = part(x)
    return np.mean(np.argmax(x, axis=-1) == y)


def without_by_library(parts, name, x, y):
    return lesions.accuracy_of(lesions.without(parts, [name]), x, y)


def without_by_counting(parts, name, x, y):
    kept = [part for part in parts if part.name != name]
    right = 0
    for probabilities, label in zip(lesions.run_parts(kept, x), y, strict=True):
        right += int(np.argmax(probabilities)) == label
    return right / len(y)


def share_by_binomial(blocks, shortest, longest):
    return stats.binom.cdf(longest, blocks, 0.5) - stats.binom.cdf(shortest - 1, blocks, 0.5)


def share_by_pascal(blocks, shortest, longest):
    row = [1]
    for _ in range(blocks):
        row = [a + b for a, b in zip([0, *row], [*row, 0], strict=True)]
    return sum(row[shortest : longest + 1]) / sum(row)


def scale_by_bisection(blocks, growth):
    low, high = 0.0, growth
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if (1 + middle**2) ** blocks < growth else (low, middle)
    return low


def autocorrelation_by_loops(values, lag):
    mean = sum(values) / len(values)
    top = sum((values[i] - mean) * (values[i + lag] - mean) for i in range(len(values) - lag))
    return top / sum((value - mean) ** 2 for value in values)


def autocorrelation_by_correlate(values, lag):
    v = values - np.mean(values)
    full = np.correlate(v, v, "full")
    return full[len(v) - 1 + lag] / full[len(v) - 1]


def normalize_by_loop(direction, kernel):
    out = np.array(direction)
    for i in range(kernel.shape[-1]):
        out[..., i] *= np.linalg.norm(kernel[..., i]) / np.linalg.norm(direction[..., i])
    return out


def normalize_flat(direction, kernel):
    d, k = direction.reshape(-1, direction.shape[-1]), kernel.reshape(-1, kernel.shape[-1])
    return (d / np.linalg.norm(d, axis=0) * np.linalg.norm(k, axis=0)).reshape(direction.shape)


def centred(v):
    return v - v.mean()


def lengths(values):
    return np.sqrt((values**2).sum(axis=tuple(range(values.ndim - 1)), keepdims=True))


CORRECT = {
    checks.check_accuracy_without: [without_by_loop, without_by_library, without_by_counting],
    checks.check_path_share: [
        lambda blocks, shortest, longest: (
            sum(math.comb(blocks, k) for k in range(shortest, longest + 1)) / 2**blocks
        ),
        share_by_binomial,
        share_by_pascal,
        lambda blocks, shortest, longest: np.float32(share_by_pascal(blocks, shortest, longest)),
    ],
    checks.check_branch_scale: [
        lambda blocks, growth: math.sqrt(growth ** (1 / blocks) - 1),
        lambda blocks, growth: np.sqrt(np.exp(np.log(growth) / blocks) - 1),
        lambda blocks, growth: math.expm1(math.log(growth) / blocks) ** 0.5,
        scale_by_bisection,
    ],
    checks.check_autocorrelation: [
        lambda values, lag: np.sum(centred(values)[:-lag] * centred(values)[lag:]) / np.sum(centred(values) ** 2),
        lambda values, lag: centred(values)[lag:] @ centred(values)[:-lag] / (values.var() * len(values)),
        autocorrelation_by_loops,
        autocorrelation_by_correlate,
    ],
    checks.check_filter_normalize: [
        lambda direction, kernel: direction * lengths(kernel) / lengths(direction),
        normalize_by_loop,
        normalize_flat,
        lambda direction, kernel: normalize_by_loop(direction, kernel).astype("float32"),
    ],
}

WRONG = {
    checks.check_accuracy_without: [
        (lambda parts, name, x, y: lesions.accuracy_of(parts, x, y), "that of the whole network"),
        (lambda parts, name, x, y: without_by_loop(parts, name, x, y) * len(y), "the number of right answers"),
        (lambda parts, name, x, y: 1 - without_by_loop(parts, name, x, y), "the share of wrong answers"),
        (lambda parts, name, x, y: without_by_loop(parts, parts[2].name, x, y), "the accuracy is"),
        (lambda parts, name, x, y: 0.1, "the accuracy is"),
        (lambda parts, name, x, y: lesions.run_parts(parts, x), "gave ndarray, not a number"),
        (lambda parts, name, x, y: without_by_loop([p for p in parts if p.name == name], "", x, y), ""),
        (lambda parts, name: 1.0, "TypeError"),
        (0.5, "a function is needed"),
    ],
    checks.check_path_share: [
        (lambda n, a, b: sum(math.comb(n, k) for k in range(a, b)) / 2**n, "the longest paths are missing"),
        (
            lambda n, a, b: sum(math.comb(n, k) for k in range(a + 1, b + 1)) / 2**n,
            "the shortest paths are missing",
        ),
        (lambda n, a, b: (b - a + 1) / (n + 1), "every length was counted once"),
        (lambda n, a, b: sum(math.comb(n, k) for k in range(a, b + 1)), "the number of the paths"),
        (lambda n, a, b: 100 * share_by_pascal(n, a, b), "in percent"),
        (lambda n, a, b: sum(math.perm(n, k) for k in range(a, b + 1)) / 2**n, "the order of the blocks"),
        (lambda n, a, b: sum(math.comb(n, k) for k in range(a, b + 1)) / math.factorial(n), "divided by n!"),
        (lambda n, a, b: sum(math.comb(n, k) for k in range(a, b + 1)) / n**2, "divided by blocks**2"),
        (lambda n, a, b: 1 - share_by_pascal(n, a, b), "the share of the others"),
        (lambda n, a, b: 0.0045, "and the same at every other call"),
        (lambda n, a, b: round(share_by_pascal(n, a, b), 2), "not"),
        (lambda n, a, b: [math.comb(n, k) for k in range(a, b + 1)], "not a number"),
        (0.0045, "a function is needed"),
    ],
    checks.check_branch_scale: [
        (lambda n, growth: growth ** (1 / n) - 1, "that is its square"),
        (lambda n, growth: growth ** (0.5 / n), "by the shortcut was forgotten"),
        (lambda n, growth: growth ** (1 / n), "one block multiplies the variance"),
        (lambda n, growth: math.sqrt((growth - 1) / n), "as if all were equal"),
        (lambda n, growth: math.sqrt(math.log(growth) / n), "the approximation for many blocks"),
        (lambda n, growth: n**-0.5, "the growth does not enter it"),
        (lambda n, growth: 1 / n, "the growth does not enter it"),
        (lambda n, growth: math.sqrt(growth**n - 1), "the exponent is upside down"),
        (lambda n, growth: growth ** (1 / (2 * n)) - 1, "as if they were equal"),
        (lambda n, growth: 1, "and the same at every other call"),
        (lambda n, growth: round(scale_by_bisection(n, growth), 1), "not"),
        (lambda n: 0.1, "TypeError"),
        (0.117, "a function is needed"),
    ],
    checks.check_autocorrelation: [
        (lambda v, lag: np.sum(v[:-lag] * v[lag:]) / np.sum(v**2), "the mean was not subtracted"),
        (
            lambda v, lag: np.sum(centred(v)[:-lag] * centred(v)[lag:]) / np.sum(v**2),
            "before the mean was subtracted",
        ),
        (lambda v, lag: np.sum(centred(v)[:-lag] * centred(v)[lag:]), "by the sum of the squares"),
        (lambda v, lag: np.sum(centred(v)[:-lag] * centred(v)[lag:]) / len(v), "by the number of the values"),
        (
            lambda v, lag: np.mean(centred(v)[:-lag] * centred(v)[lag:]) / np.var(v),
            "means over different numbers of values",
        ),
        (lambda v, lag: np.corrcoef(v[:-lag], v[lag:])[0, 1], "the correlation of the two pieces"),
        (
            lambda v, lag: np.sum(centred(v) * np.roll(centred(v), lag)) / np.sum(centred(v) ** 2),
            "joined to the beginning",
        ),
        (lambda v, lag: autocorrelation_by_correlate(v, lag + 1), "a lag of one more"),
        (lambda v, lag: autocorrelation_by_correlate(np.diff(v), lag), "of the differences"),
        (lambda v, lag: 1.0, "and the same at every other call"),
        (lambda v, lag: v[:-lag] * v[lag:], "not a number"),
        (lambda v: 1.0, "TypeError"),
        (1.0, "a function is needed"),
    ],
    checks.check_filter_normalize: [
        (lambda d, k: d / np.linalg.norm(d) * np.linalg.norm(k), "scaled by one number"),
        (lambda d, k: d * lengths(k), "were not divided by"),
        (lambda d, k: d / lengths(d), "have the length 1"),
        (lambda d, k: d / lengths(d) ** 2 * lengths(k) ** 2, "the root is missing"),
        (
            lambda d, k: d * np.linalg.norm(k.reshape(-1, k.shape[-1]), axis=0).sum(),
            "or of another direction",
        ),
        (lambda d, k: k / lengths(k) * lengths(d), "direction and kernel are swapped"),
        (lambda d, k: d, "it is unchanged"),
        (lambda d, k: k, "or of another direction"),
        (lambda d, k: lengths(k), "gave the shape"),
        (lambda d, k: "x", "not an array of numbers"),
        (lambda d: d, "TypeError"),
        (np.ones((3, 3)), "a function is needed"),
    ],
}
