"""Checks of lesson 9: learning rates, thrown kernels, dead channels."""

import statistics

import numpy as np

from resnet_edu.checks.answers import run
from resnet_edu.checks.comparing import Call, close_numbers, compare, tell_count

RATES = (0.05, 0.01, 0.003, 0.001, 0.0003)


def _telling_calls(draw, right, mistakes):
    """Draw calls until all mistakes give other results, and the right function not the same one at each call."""
    while True:
        calls = draw()
        found = [tuple(each.of(function) for each in calls) for function in (right, *(f for f, *_ in mistakes))]
        if len(set(found)) == len(found) and len(set(found[0])) > 1:
            return calls


def check_best_rate(answer, *, cases=(3, 5, 3, 4), seed=None):
    """Check `best_rate(results)`: the learning rate whose accuracies have the highest median.

    The cases say how many seeds there are.
    """

    def verify():
        rng = np.random.default_rng(seed)

        def draw():
            return [Call(_results(rng, seeds, index)) for index, seeds in enumerate(cases)]

        compare(
            answer,
            "best_rate",
            _telling_calls(draw, _best_by_median, RATE_MISTAKES),
            right=_best_by_median,
            mistakes=RATE_MISTAKES,
            close=close_numbers(1e-5, floor=0),
            hint="Take the median of each list, and return the key whose median is highest.",
        )
        return "Right: the rate with the highest median, whatever a single lucky or unlucky seed does."

    return run(answer, verify, hint="results is a dict: its keys are rates, its values lists of accuracies.")


def _results(rng, seeds, index):
    """Five rates in any order, the best by its median, mean, worst and best seed, and none of these."""
    names, order = rng.permuted(RATES), rng.permuted(range(5))
    middle = 0.72 + rng.uniform(0, 0.05, seeds)  # the highest median, although fewer than half of the seeds fail
    middle[: (seeds - 1) // 2] = 0.11 + 0.01 * index + rng.uniform(0, 0.05, (seeds - 1) // 2)
    mean = np.linspace(0.45, 0.92, seeds) + rng.uniform(0, 0.01, seeds)
    worst = 0.6 + rng.uniform(0, 0.05, seeds)
    lucky = 0.4 + rng.uniform(0, 0.05, seeds)
    lucky[-1] = 0.97 - 0.01 * index
    if seeds % 2 == 0:
        # The lower of the middle two is highest in one list, the upper one in another, their mean in a third.
        half = seeds // 2
        middle[half - 1], middle[half:] = 0.66 + rng.uniform(0, 0.005), 0.80 + rng.uniform(0, 0.02, half)
        worst += 0.075
        mean = np.concatenate([np.linspace(0.45, 0.55, half), np.linspace(0.84, 0.92, half)])
    low = 0.2 + rng.uniform(0, 0.05, seeds)
    lists = [[round(float(v), 3) for v in rng.permuted(values)] for values in (middle, mean, worst, lucky, low)]
    return {float(names[place]): lists[place] for place in order}


def _best(results, summary):
    return max(results, key=lambda rate: summary(results[rate]))


def _best_by_median(results):
    return _best(results, statistics.median)


RATE_MISTAKES = [
    (
        lambda results: max(statistics.median(values) for values in results.values()),
        "that is the highest median itself.",
        "Return the rate that has it.",
    ),
    (
        lambda results: _best(results, statistics.mean),
        "the means were compared.",
        "One seed that fails pulls a mean down. Take the median.",
    ),
    (
        lambda results: _best(results, max),
        "the best seeds were compared.",
        "One lucky seed must not decide. Take the median.",
    ),
    (
        lambda results: _best(results, min),
        "the worst seeds were compared.",
        "One unlucky seed must not decide. Take the median.",
    ),
    (
        lambda results: min(results, key=lambda rate: statistics.median(results[rate])),
        "that is the rate with the lowest median.",
        "These are accuracies: the higher, the better.",
    ),
    (
        max,
        "that is the largest rate.",
        "Compare the accuracies, and return their rate.",
    ),
    (
        min,
        "that is the smallest rate.",
        "Compare the accuracies, and return their rate.",
    ),
    (
        lambda results: _best(results, lambda values: sorted(values)[len(values) // 2]),
        "of an even number of seeds, the upper one of the middle two was taken.",
        "The median is their mean: np.median does that.",
    ),
    (
        lambda results: _best(results, statistics.median_low),
        "of an even number of seeds, the lower one of the middle two was taken.",
        "The median is their mean: np.median does that.",
    ),
    (
        lambda results: _best(results, lambda values: sorted(values)[1]),
        "the second of the sorted accuracies was taken.",
        "That is the median of three seeds only.",
    ),
    (
        lambda results: _best(results, lambda values: statistics.mean(sorted(values)[1:-1])),
        "the best and the worst seed were left out, and the others averaged.",
        "The median is the middle one.",
    ),
    (
        lambda results: _best(results, lambda values: values[len(values) // 2]),
        "the middle one of each list was compared, in the order in which they stand.",
        "Sort first, or use np.median.",
    ),
    (
        lambda results: next(iter(results)),
        "that is the first rate of the dict.",
        "The rates come in any order.",
    ),
]


def check_thrown_length(answer, *, cases=((5.7, 7.0, 0.05, 0.9), (8.0, 30.0, 0.01, 0.5)), seed=None):
    """Check `thrown_length(length, gradient, rate, momentum)`: a kernel's length after a step at right angles."""

    def verify():
        rng = np.random.default_rng(seed)
        length, gradient = (round(float(value), 2) for value in rng.uniform(2, 12, 2))
        drawn = length, gradient, round(float(rng.uniform(0.02, 0.4)), 3), round(float(rng.uniform(0.3, 0.8)), 2)
        compare(
            answer,
            "thrown_length",
            [Call(*case) for case in (*cases, drawn, (3.0, 2.0, 2.0, 0.0))],
            right=_thrown,
            mistakes=LENGTH_MISTAKES,
            close=close_numbers(1e-4, floor=0),
            hint="The step of the rate times the gradient counts 1 / (1 - momentum) times; then Pythagoras.",
        )
        return (
            "Right: a step at right angles makes a kernel longer. The momentum makes the step 1 / (1 - m) times "
            "as long."
        )

    return run(answer, verify, hint="Its arguments are length, gradient, rate, momentum: four numbers.")


def _step(gradient, rate, momentum):
    return rate * gradient / (1 - momentum)


def _thrown(length, gradient, rate, momentum):
    return float(np.hypot(length, _step(gradient, rate, momentum)))


LENGTH_MISTAKES = [
    (
        lambda length, gradient, rate, momentum: length + _step(gradient, rate, momentum),
        "the two lengths were added.",
        "They are at right angles: Pythagoras' theorem.",
    ),
    (
        lambda length, gradient, rate, momentum: abs(length - _step(gradient, rate, momentum)),
        "the step was subtracted from the length.",
        "The step is at right angles, so it makes the kernel longer: Pythagoras' theorem.",
    ),
    (
        lambda length, gradient, rate, momentum: float(np.hypot(length, rate * gradient)),
        "the momentum does not count.",
        "It takes the step again and again: 1 + m + m² + … times.",
    ),
    (
        lambda length, gradient, rate, momentum: float(np.hypot(length, (1 + momentum) * rate * gradient)),
        "the momentum carries the step on once only.",
        "For ever: 1 + m + m² + … times.",
    ),
    (
        lambda length, gradient, rate, momentum: float(np.hypot(length, momentum * rate * gradient)),
        "the step was multiplied by the momentum.",
        "It takes the step again and again: 1 + m + m² + … times.",
    ),
    (
        lambda length, gradient, rate, momentum: float(np.hypot(length, (1 - momentum) * rate * gradient)),
        "the step was multiplied by 1 - momentum.",
        "The sum 1 + m + m² + … is more than 1.",
    ),
    (
        lambda length, gradient, rate, momentum: float(np.hypot(length, 10 * rate * gradient)),
        "the step was taken ten times.",
        "That belongs to a momentum of 0.9. For another one it is another number.",
    ),
    (
        lambda length, gradient, rate, momentum: _thrown(length, gradient, rate, momentum) ** 2,
        "that is the square of the length.",
        "Take the root.",
    ),
    (
        lambda length, gradient, rate, momentum: _step(gradient, rate, momentum),
        "that is the length of the step.",
        "How long is the kernel then?",
    ),
    (
        lambda length, gradient, rate, momentum: _thrown(length, gradient, rate, momentum) / length,
        "that is how many times as long it is.",
        "Return the length.",
    ),
    (
        lambda length, gradient, rate, momentum: _thrown(length, gradient, 1, momentum),
        "the rate does not count.",
        "A step is the rate times the gradient.",
    ),
]


def check_dead_channels(answer, *, cases=((16, 2.5), (9, 1.5), (24, 2.0)), seed=None):
    """Check `dead_channels(gamma, beta, limit)`: how many channels pass on nothing below the limit.

    Each case is a number of channels and a limit.
    """

    def verify():
        rng = np.random.default_rng(seed)
        calls = _telling_calls(lambda: [_stem_call(rng, *case) for case in cases], _dead, DEAD_MISTAKES)
        compare(
            answer,
            "dead_channels",
            calls,
            right=_dead,
            mistakes=DEAD_MISTAKES,
            close=close_numbers(1e-6),
            tell=lambda got, wanted: tell_count(float(got), wanted, " channels"),
            hint="Try it on one channel: gamma = -0.5, beta = -2. Which x does it need?",
        )
        return "Right, also for channels with a negative gamma."

    return run(answer, verify, hint="gamma and beta are arrays with one number per channel; limit is a number.")


def _stem_call(rng, channels, limit):
    """A call with dead channels, some that need less, and some that are always on; gammas of either sign."""
    gamma = rng.choice([-1, 1], channels) * rng.choice([0.1, 1.5], channels) * rng.uniform(1, 2, channels)
    gamma[:2] = abs(gamma[:2]) * [-1, 1]
    needed = rng.uniform(-0.9, 0.9, channels) * limit
    dead, living = rng.integers(2, 5, 2)
    needed[:dead] = rng.uniform(1.1, 1.6, dead) * limit
    needed[-living:] = -rng.uniform(1.1, 1.6, living) * limit
    order = rng.permuted(range(channels))
    gamma, beta = (np.array([float(f"{v:.4g}") for v in part[order]]) for part in (gamma, -needed * abs(gamma)))
    return Call(gamma, beta, limit, shown=f"(gamma, beta, {limit}) with {channels} channels")


def _needed(gamma, beta):
    return -beta / abs(gamma)


def _dead(gamma, beta, limit):
    return int(np.sum(_needed(gamma, beta) > limit))


DEAD_MISTAKES = [
    (
        lambda gamma, beta, limit: int(np.sum(-beta / gamma > limit)),
        "the sign of gamma was not taken off.",
        "Where gamma is negative, x must be far below 0. How far, tells the absolute value.",
    ),
    (
        lambda gamma, beta, limit: int(np.sum(-_needed(gamma, beta) > limit)),
        "the sign of beta is wrong.",
        "A channel dies where beta is negative: x must make up for it.",
    ),
    (
        lambda gamma, beta, limit: int(np.sum(abs(beta / gamma) > limit)),
        "channels that are always on were counted, too.",
        "Where beta is positive, x = 0 comes through.",
    ),
    (
        lambda gamma, beta, limit: int(np.sum(-beta > limit)),
        "gamma does not count.",
        "x is multiplied by gamma before beta is added.",
    ),
    (
        lambda gamma, beta, limit: int(np.sum(_needed(gamma, beta) <= limit)),
        "the living channels were counted.",
        "A dead channel needs more than the limit.",
    ),
    (
        lambda gamma, beta, limit: _dead(gamma, beta, limit) / len(gamma),
        "that is the share of the channels.",
        "Return their number.",
    ),
    (
        lambda gamma, beta, limit: int(np.sum(gamma * limit + beta < 0)),
        "channels with a negative gamma were asked at the wrong end.",
        "At which x, between -limit and limit, is gamma * x + beta largest?",
    ),
    (
        lambda gamma, beta, limit: int(np.sum(beta < 0)),
        "all channels with a negative beta were counted.",
        "An x of moderate size can make up for a small one.",
    ),
    (
        lambda gamma, beta, limit: int(np.sum(_needed(gamma, beta) > 2.5)),
        "the limit was always 2.5.",
        "The limit is an argument.",
    ),
]
