"""Checks of lesson 10: a scale for a level, Adam's first step, two repairs together."""

import numpy as np

from resnet_edu.checks.answers import run
from resnet_edu.checks.comparing import Call, array, close_numbers, compare


def check_scale_for(answer, *, cases=((2.9e-6, 1.0, 55), (40.0, 0.5, 19)), seed=None):
    """Check `scale_for(level, wanted, layers)`: the scale of the weights that gives the wanted level.

    Each case is such a level with scale 2, the wanted one, and the number of layers.
    """

    def verify():
        rng = np.random.default_rng(seed)
        level, wanted = (float(f"{10**power:.2g}") for power in rng.uniform((-7, -1), (-3, 1)))
        compare(
            answer,
            "scale_for",
            [Call(*case) for case in (*cases, (level, wanted, int(rng.integers(25, 100))), (0.25, 1.0, 2))],
            right=_scale,
            mistakes=SCALE_MISTAKES,
            close=close_numbers(1e-4, floor=0),
            hint="The layers multiply the level by (scale / 2) ** (layers / 2). Solve this for the scale.",
        )
        return "Right: a small change of the scale, to the power of many layers, is a large one of the level."

    return run(answer, verify, hint="Its arguments are level, wanted, layers: three numbers.")


def _scale(level, wanted, layers):
    return 2 * (wanted / level) ** (2 / layers)


SCALE_MISTAKES = [
    (
        lambda level, wanted, layers: _scale(level, wanted, layers) / 2,
        "that is the scale divided by 2.",
        "He's rule, which gave the level, is scale=2, and not 1.",
    ),
    (
        lambda level, wanted, layers: _scale(level, wanted, 2 * layers),
        "the root was forgotten.",
        "Each layer multiplies the norms by the root of scale / 2.",
    ),
    (
        lambda level, wanted, layers: _scale(level, wanted, layers / 2),
        "the root was taken twice.",
        "Each layer multiplies the norms by the root of scale / 2: undo it once.",
    ),
    (
        lambda level, wanted, layers: _scale(wanted, level, layers),
        "that is the way from the wanted level back to the old one.",
        "A larger level needs a larger scale.",
    ),
    (
        lambda level, wanted, layers: _scale(level, wanted, layers - 1),
        "one layer does not count.",
        "The factor of each of the `layers` layers counts.",
    ),
    (
        lambda level, wanted, layers: _scale(level, wanted, layers + 1),
        "one layer counts twice.",
        "The factor of each of the `layers` layers counts once.",
    ),
    (
        lambda level, wanted, layers: 2 * (wanted / level) ** 2 / layers,
        "the power was divided by the layers, and not the exponent.",
        "The exponent 2 / layers needs brackets: a ** (2 / layers).",
    ),
    (
        lambda level, wanted, layers: 2 * wanted / level,
        "the layers do not count.",
        "The factor of one layer is taken as many times as there are layers.",
    ),
    (
        lambda level, wanted, layers: np.sqrt(_scale(level, wanted, layers) / 2),
        "that is the factor of one layer.",
        "It is √(scale / 2). Solve it for the scale.",
    ),
]


def check_first_step(answer, *, cases=((6, 0.001, 1e-7), (5, 0.01, 0.1), (4, 1.0, 1e-4)), seed=None):
    """Check `first_step(gradient, rate, epsilon)`: what Adam's first step adds to the weights, an array.

    Each case is a number of weights, a rate and an epsilon.
    """

    def verify():
        rng = np.random.default_rng(seed)
        compare(
            answer,
            "first_step",
            [_step_call(rng, *case) for case in cases],
            read=array,
            right=_first_step,
            mistakes=STEP_MISTAKES,
            close=_close_steps,
            tell=_tell_step,
            hint="m = 0.1 g, v = 0.001 g², t = 1: put them into the formula.",
        )
        return "Right: far above epsilon / √0.001 every first step is as long as the rate, whatever the gradient."

    return run(answer, verify, hint="gradient is an array; rate and epsilon are numbers. Return an array.")


def _step_call(rng, count, rate, epsilon):
    """A call with gradients of either sign, from a fifth of ε / √0.001 to 30 times as much."""
    sizes = epsilon / np.sqrt(0.001) * np.exp(rng.uniform(np.log(0.2), np.log(30), count))
    gradient = rng.permuted(np.resize([1, -1], count)) * sizes
    return Call(gradient, rate, epsilon, shown=f"(gradient, {rate}, {epsilon}) with {count} entries")


def _close_steps(a, b):
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-3, atol=0)


def _tell_step(got, wanted):
    if got.shape != wanted.shape:
        return f"gave an array of the shape {got.shape}, not {wanted.shape}"
    place = np.argmax(abs(got / wanted - 1))
    return f"gave {got[place]:.4g} for one of its entries, not {wanted[place]:.4g}"


CORRECTION = 0.001**0.5 / 0.1


def _first_step(gradient, rate, epsilon, correction=CORRECTION):
    return -rate * correction * 0.1 * gradient / (np.sqrt(0.001 * gradient**2) + epsilon)


STEP_MISTAKES = [
    (
        lambda gradient, rate, epsilon: -_first_step(gradient, rate, epsilon),
        "the sign is wrong.",
        "A step goes against the gradient.",
    ),
    (
        lambda gradient, rate, epsilon: abs(_first_step(gradient, rate, epsilon)),
        "the signs were taken off.",
        "A step goes against the gradient, up or down.",
    ),
    (
        lambda gradient, rate, epsilon: _first_step(gradient, 1, epsilon),
        "the rate does not count.",
        "Multiply by the rate.",
    ),
    (
        lambda gradient, rate, epsilon: -rate * gradient / (abs(gradient) + epsilon),
        "epsilon counts as it does much later, or in the other form of the paper (algorithm 1).",
        "In the formula above it is added to √v, which is not corrected.",
    ),
    (
        lambda gradient, rate, epsilon: _first_step(gradient, rate, epsilon, 1),
        "the factor in front is missing.",
        "m and v start at 0; √(1 - 0.999) / (1 - 0.9) makes up for it.",
    ),
    (
        lambda gradient, rate, epsilon: _first_step(gradient, rate, epsilon, 10),
        "only m was made up for, and not v.",
        "The factor in front has a numerator, too: √(1 - 0.999).",
    ),
    (
        lambda gradient, rate, epsilon: 10 * _first_step(gradient, rate, epsilon),
        "it is ten times as long as it should be.",
        "m = 0.1 g, and the factor in front is √(1 - 0.999) / (1 - 0.9), not the other way up.",
    ),
    (
        lambda gradient, rate, epsilon: _first_step(gradient, rate, epsilon, 0.01),
        "the factor in front lacks its root.",
        "It is √(1 - 0.999) / (1 - 0.9).",
    ),
    (
        lambda gradient, rate, epsilon: -rate * np.sqrt(0.001) * gradient / np.sqrt(0.001 * gradient**2 + epsilon),
        "epsilon is under the root.",
        "It is added to the root.",
    ),
    (
        lambda gradient, rate, epsilon: -rate * np.sqrt(0.001) * gradient / (0.001 * gradient**2 + epsilon),
        "v has no root.",
        "Divide by √v + ε.",
    ),
    (
        lambda gradient, rate, epsilon: -rate * np.sqrt(0.001) * gradient / (abs(gradient) + epsilon),
        "v is the whole square of the gradient.",
        "It starts at 0: v = 0.999 · 0 + 0.001 g².",
    ),
    (
        lambda gradient, rate, epsilon: -rate * np.sign(gradient),
        "epsilon does not count.",
        "It is added to √v.",
    ),
    (
        lambda gradient, rate, epsilon: -rate * gradient,
        "that is a step of SGD.",
        "Adam divides by √v + ε.",
    ),
]


def check_interaction(answer, *, cases=((0.1, 0.2, 0.3, 0.9), (0.5, 0.9, 0.8, 0.6)), seed=None):
    """Check `interaction(neither, signal, steps, both)`: what two repairs bring beyond the sum of each alone."""

    def verify():
        rng = np.random.default_rng(seed)
        drawn = tuple(float(value) for value in rng.permuted(np.arange(10, 100, 7))[:4] / 100)
        compare(
            answer,
            "interaction",
            [Call(*case) for case in (*cases, drawn)],
            right=_interaction,
            mistakes=INTERACTION_MISTAKES,
            close=close_numbers(1e-4, floor=1e-6),
            hint="Take what both bring and subtract what each brings alone. What a repair brings is a difference.",
        )
        return "Right: above 0 they bring more together than the sum, below 0 less."

    return run(answer, verify, hint="Its arguments are four numbers: neither, signal, steps, both.")


def _interaction(neither, signal, steps, both):
    return both - signal - steps + neither


INTERACTION_MISTAKES = [
    (
        lambda neither, signal, steps, both: both - neither,
        "that is what both bring.",
        "Subtract what each of them brings alone.",
    ),
    (
        lambda neither, signal, steps, both: both - signal - steps,
        "the accuracies were subtracted, and not what each repair brings.",
        "Alone, the signal brings signal - neither.",
    ),
    (
        lambda neither, signal, steps, both: both - signal - steps + 2 * neither,
        "what both bring is a difference, too.",
        "Both together bring both - neither.",
    ),
    (
        lambda neither, signal, steps, both: -_interaction(neither, signal, steps, both),
        "the sign is wrong.",
        "It is above 0 where both bring more than the sum.",
    ),
    (
        lambda neither, signal, steps, both: both - max(signal, steps),
        "both were compared with the better of the two.",
        "Compare them with the sum of what each brings alone.",
    ),
    (
        lambda neither, signal, steps, both: _interaction(neither, signal, steps, both) / 2,
        "that is half of it.",
        "Do not divide: it is not a mean.",
    ),
    (
        lambda neither, signal, steps, both: both - (signal + steps) / 2,
        "the mean of what each brings alone was subtracted.",
        "Subtract their sum.",
    ),
    (
        lambda neither, signal, steps, both: signal + steps - 2 * neither,
        "that is the sum of what each brings alone.",
        "How much more than this do both bring?",
    ),
    (
        lambda neither, signal, steps, both: abs(_interaction(neither, signal, steps, both)),
        "its sign was taken off.",
        "The sign says whether the two help each other.",
    ),
]
