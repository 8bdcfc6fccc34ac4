"""Answers to the exercises of lesson 9."""

import math
import statistics

import keras
import numpy as np

from resnet_edu.checks import degradation as checks


def rate_by_max(results):
    return max(results, key=lambda rate: np.median(results[rate]))


def rate_by_loop(results):
    best, highest = None, -1.0
    for rate, accuracies in results.items():
        ordered = sorted(accuracies)
        half = len(ordered) // 2
        median = ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
        if median > highest:
            best, highest = rate, median
    return best


def rate_by_numpy(results):
    medians = [statistics.median(values) for values in results.values()]
    return np.array(list(results), "float32")[np.argmax(medians)]


def rate_by_popping(results):
    ranked = []
    while results:
        rate, accuracies = results.popitem()
        accuracies.sort()
        ranked.append((statistics.median(accuracies), rate))
    return max(ranked)[1]


def rate_by(summary):
    return lambda results: max(results, key=lambda rate: summary(results[rate]))


def length_by_root(length, gradient, rate, momentum):
    return math.sqrt(length**2 + (rate * gradient / (1 - momentum)) ** 2)


def length_by_hypot(length, gradient, rate, momentum):
    return np.hypot(length, gradient * rate * (1 - momentum) ** -1)


def length_by_steps(length, gradient, rate, momentum):
    way, step = 0.0, rate * gradient
    while step > 1e-12:
        way, step = way + step, step * momentum
    return (length * length + way * way) ** 0.5


def length_by_norm(length, gradient, rate, momentum):
    return np.linalg.norm([length, rate * gradient / (1 - momentum)])


def length_by_keras(length, gradient, rate, momentum):
    step = keras.ops.convert_to_tensor(rate * gradient / (1 - momentum), "float32")
    return keras.ops.sqrt(length**2 + step**2)


def dead_by_formula(gamma, beta, limit):
    return np.sum(-beta / np.abs(gamma) > limit)


def dead_by_loop(gamma, beta, limit):
    count = 0
    for g, b in zip(gamma, beta, strict=True):
        if max(g * limit + b, -g * limit + b) <= 0:
            count += 1
    return count


def dead_by_relu(gamma, beta, limit):
    x = np.linspace(-limit, limit, 1001)
    outputs = np.maximum(gamma[:, None] * x + beta[:, None], 0)
    return int((outputs.max(axis=1) == 0).sum())


def dead_in_place(gamma, beta, limit):
    np.abs(gamma, out=gamma)
    beta += gamma * limit
    return len(beta[beta < 0])


CORRECT = {
    checks.check_best_rate: [rate_by_max, rate_by_loop, rate_by_numpy, rate_by_popping],
    checks.check_thrown_length: [
        length_by_root,
        length_by_hypot,
        length_by_steps,
        length_by_norm,
        length_by_keras,
    ],
    checks.check_dead_channels: [dead_by_formula, dead_by_loop, dead_by_relu, dead_in_place],
}

WRONG = {
    checks.check_best_rate: [
        (rate_by(np.mean), "the means were compared"),
        (rate_by(max), "the best seeds"),
        (rate_by(min), "the worst seeds"),
        (lambda results: min(results, key=lambda rate: np.median(results[rate])), "the lowest median"),
        (lambda results: max(np.median(values) for values in results.values()), "the highest median itself"),
        (max, "the largest rate"),
        (min, "the smallest rate"),
        (rate_by(lambda values: values[len(values) // 2]), "in the order in which they stand"),
        (lambda results: next(iter(results)), "the first rate of the dict"),
        (rate_by(lambda values: sorted(values)[len(values) // 2]), "the upper one of the middle two"),
        (rate_by(statistics.median_low), "the lower one of the middle two"),
        (rate_by(lambda values: sorted(values)[1]), "the second of the sorted"),
        (rate_by(lambda values: np.mean(sorted(values)[1:-1])), "the others averaged"),
        (lambda results: max(results.items(), key=lambda item: np.median(item[1])), "gave tuple, not a number"),
        (lambda results: str(rate_by_max(results)), "gave str, not a number"),
        (lambda results: results[0], "KeyError"),
        (lambda results: 0.001, "not"),
        (0.001, "a function is needed"),
    ],
    checks.check_thrown_length: [
        (lambda length, gradient, rate, momentum: length + rate * gradient / (1 - momentum), "were added"),
        (lambda length, gradient, rate, momentum: abs(length - rate * gradient / (1 - momentum)), "subtracted"),
        (lambda length, gradient, rate, momentum: math.hypot(length, rate * gradient), "momentum does not count"),
        (lambda length, gradient, rate, m: math.hypot(length, rate * gradient * (1 + m)), "once only"),
        (lambda length, gradient, rate, m: math.hypot(length, rate * gradient * m), "multiplied by the momentum"),
        (lambda length, gradient, rate, m: math.hypot(length, rate * gradient * (1 - m)), "by 1 - momentum"),
        (lambda length, gradient, rate, m: math.hypot(length, rate * gradient * 10), "taken ten times"),
        (lambda *given: length_by_root(*given) ** 2, "the square of the length"),
        (lambda length, gradient, rate, momentum: rate * gradient / (1 - momentum), "the length of the step"),
        (lambda length, *given: length_by_root(length, *given) / length, "how many times as long"),
        (lambda length, gradient, rate, m: length_by_root(length, gradient, 1, m), "the rate does not count"),
        (lambda *given: 1.01 * length_by_root(*given), "not"),
        (lambda *given: 7.0, "and the same at every other call"),
        (lambda *given: f"{length_by_root(*given)}", "gave str, not a number"),
        (lambda length, gradient, rate, momentum: length / momentum, "ZeroDivisionError"),
        (lambda length: length, "TypeError"),
        (7.0, "a function is needed"),
    ],
    checks.check_dead_channels: [
        (lambda gamma, beta, limit: np.sum(-beta / gamma > limit), "sign of gamma was not taken off"),
        (lambda gamma, beta, limit: np.sum(beta / np.abs(gamma) > limit), "the sign of beta"),
        (lambda gamma, beta, limit: np.sum(np.abs(beta / gamma) > limit), "always on were counted, too"),
        (lambda gamma, beta, limit: np.sum(-beta > limit), "gamma does not count"),
        (lambda gamma, beta, limit: np.sum(-beta / np.abs(gamma) <= limit), "the living channels"),
        (lambda gamma, beta, limit: np.mean(-beta / np.abs(gamma) > limit), "the share"),
        (lambda gamma, beta, limit: np.sum(gamma * limit + beta < 0), "the wrong end"),
        (lambda gamma, beta, limit: np.sum(beta < 0), "all channels with a negative beta"),
        (lambda gamma, beta, limit: np.sum(-beta / np.abs(gamma) > 2.5), "the limit was always 2.5"),
        (lambda gamma, beta, limit: np.flatnonzero(-beta / np.abs(gamma) > limit), "not a number"),
        (lambda gamma, beta, limit: np.sum(np.abs(gamma) < limit), "channels, not"),
        (lambda gamma, beta, limit: gamma[100], "IndexError"),
        (lambda gamma, beta, limit: 0, "and the same at every other call"),
        (3, "a function is needed"),
    ],
}
