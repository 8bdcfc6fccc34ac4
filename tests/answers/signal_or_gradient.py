"""Answers to the exercises of lesson 10."""

import math

import keras
import numpy as np

from resnet_edu.checks import signal_or_gradient as checks


def scale_by_log(level, wanted, layers):
    return 2 * math.exp(2 * math.log(wanted / level) / layers)


def scale_by_factor(level, wanted, layers):
    factor = (wanted / level) ** (1 / layers)
    return factor**2 * 2


def scale_by_search(level, wanted, layers):
    low, high = 1e-6, 1e6
    for _ in range(200):
        middle = math.sqrt(low * high)
        reached = level
        for _ in range(layers):
            reached *= math.sqrt(middle / 2)
        low, high = (middle, high) if reached < wanted else (low, middle)
    return low


def step_by_formula(gradient, rate, epsilon):
    return -rate * gradient / (np.abs(gradient) + epsilon / math.sqrt(0.001))


def step_by_means(gradient, rate, epsilon):
    m = v = np.zeros_like(gradient)
    m = 0.9 * m + 0.1 * gradient
    v = 0.999 * v + 0.001 * gradient**2
    return -rate * math.sqrt(1 - 0.999**1) / (1 - 0.9**1) * m / (np.sqrt(v) + epsilon)


def step_by_keras(gradient, rate, epsilon):
    weights = keras.Variable(np.zeros(gradient.shape), dtype="float32")
    keras.optimizers.Adam(rate, epsilon=epsilon).apply([keras.ops.cast(gradient, "float32")], [weights])
    return keras.ops.convert_to_numpy(weights)


def step_in_place(gradient, rate, epsilon):
    size = np.abs(gradient)
    gradient *= -rate
    gradient /= size + epsilon * 1000**0.5
    return gradient


def step_by_loop(gradient, rate, epsilon):
    return [step_by_means(np.array(g), rate, epsilon) for g in gradient]


def interaction_by_parts(neither, signal, steps, both):
    return (both - neither) - (signal - neither) - (steps - neither)


def interaction_of_effects(neither, signal, steps, both):
    return (both - steps) - (signal - neither)


def interaction_by_numpy(*corners):
    return np.dot(corners, [1, -1, -1, 1])


CORRECT = {
    checks.check_scale_for: [scale_by_log, scale_by_factor, scale_by_search],
    checks.check_first_step: [step_by_formula, step_by_means, step_by_keras, step_in_place, step_by_loop],
    checks.check_interaction: [interaction_by_parts, interaction_of_effects, interaction_by_numpy],
}

WRONG = {
    checks.check_scale_for: [
        (lambda level, wanted, layers: (wanted / level) ** (2 / layers), "divided by 2"),
        (lambda level, wanted, layers: 2 * (wanted / level) ** (1 / layers), "the root was forgotten"),
        (lambda level, wanted, layers: 2 * (wanted / level) ** (4 / layers), "taken twice"),
        (lambda level, wanted, layers: 2 * (level / wanted) ** (2 / layers), "the way from the wanted level back"),
        (lambda level, wanted, layers: 2 * (wanted / level) ** (2 / (layers - 1)), "one layer does not count"),
        (lambda level, wanted, layers: 2 * (wanted / level) ** (2 / (layers + 1)), "one layer counts twice"),
        (lambda level, wanted, layers: 2 * (wanted / level) ** 2 / layers, "and not the exponent"),
        (lambda level, wanted, layers: 2 * wanted / level, "the layers do not count"),
        (lambda level, wanted, layers: (wanted / level) ** (1 / layers), "the factor of one layer"),
        (lambda *given: 1.01 * scale_by_log(*given), "not"),
        (lambda *given: 2.0, "and the same at every other call"),
        (lambda *given: f"{scale_by_log(*given)}", "gave str, not a number"),
        (lambda level: level, "TypeError"),
        (3.2, "a function is needed"),
    ],
    checks.check_first_step: [
        (lambda *given: -step_by_formula(*given), "the sign is wrong"),
        (lambda gradient, rate, epsilon: step_by_formula(gradient, 1, epsilon), "the rate does not count"),
        (lambda g, rate, epsilon: -rate * g / (abs(g) + epsilon), "as it does much later"),
        (
            lambda g, rate, epsilon: -rate * 0.1 * g / (0.001**0.5 * abs(g) + epsilon),
            "the factor in front is missing",
        ),
        (lambda g, rate, epsilon: -rate * g / (0.001**0.5 * abs(g) + epsilon), "only m was made up for"),
        (lambda *given: 10 * step_by_formula(*given), "ten times as long"),
        (lambda *given: abs(step_by_formula(*given)), "the signs were taken off"),
        (lambda *given: 0.001**0.5 * step_by_formula(*given), "lacks its root"),
        (lambda g, rate, epsilon: -rate * g / np.sqrt(g**2 + 1000 * epsilon), "under the root"),
        (lambda g, rate, epsilon: -rate * 0.001**0.5 * g / (0.001 * g**2 + epsilon), "v has no root"),
        (lambda g, rate, epsilon: -rate * 0.001**0.5 * g / (abs(g) + epsilon), "the whole square"),
        (lambda g, rate, epsilon: -rate * np.sign(g), "epsilon does not count"),
        (lambda g, rate, epsilon: -rate * g, "a step of SGD"),
        (lambda *given: step_by_formula(*given)[:2], "an array of the shape (2,)"),
        (lambda *given: step_by_formula(*given).sum(), "an array of the shape ()"),
        (lambda *given: 1.01 * step_by_formula(*given), "for one of its entries"),
        (lambda *given: "long", "gave str, not an array"),
        (lambda gradient: gradient, "TypeError"),
        (0.001, "a function is needed"),
    ],
    checks.check_interaction: [
        (lambda neither, signal, steps, both: both - neither, "what both bring"),
        (lambda neither, signal, steps, both: both - signal - steps, "the accuracies were subtracted"),
        (lambda n, signal, steps, both: both - signal - steps + 2 * n, "is a difference, too"),
        (lambda n, signal, steps, both: signal + steps - both - n, "the sign is wrong"),
        (lambda n, signal, steps, both: both - max(signal, steps), "the better of the two"),
        (lambda *given: interaction_by_parts(*given) / 2, "that is half of it"),
        (lambda n, signal, steps, both: both - (signal + steps) / 2, "the mean of what each brings"),
        (lambda n, signal, steps, both: signal + steps - 2 * n, "the sum of what each brings alone"),
        (lambda *given: abs(interaction_by_parts(*given)), "its sign was taken off"),
        (lambda *given: 0.0, "and the same at every other call"),
        (lambda *given: str(interaction_by_parts(*given)), "gave str, not a number"),
        (lambda neither: neither, "TypeError"),
        (0.5, "a function is needed"),
    ],
}
