"""Checks of lesson 2."""

import itertools
import math
import statistics

import numpy as np

from resnet_edu import gradients
from resnet_edu.checks.answers import run, wrong
from resnet_edu.checks.comparing import (
    Call,
    array,
    ask,
    close_arrays,
    close_numbers,
    compare,
    diagnose,
    diagnose_pairs,
    pair,
)

VERDICTS = ("degradation", "overfitting", "none")


def check_verdict(answer, *, seed=None):
    """Check `verdict(shallow, deep)`: what the training and test errors say about the deeper of two networks."""

    def verify():
        compare(
            answer,
            "verdict",
            _verdict_calls(seed),
            read=_verdict_word,
            right=_verdict,
            mistakes=VERDICT_MISTAKES,
            close=lambda a, b: a == b,
            tell=lambda got, wanted: f'gave "{got}", not "{wanted}"',
            hint="Compare the training errors first, and the test errors only if those give no verdict.",
        )
        return (
            "Right, also for equal errors: degradation shows in the training error, overfitting in the test error."
        )

    return run(answer, verify, hint='Each argument is a dict: shallow["train"] and shallow["test"] are errors.')


def _verdict_calls(seed):
    """Every order of two training and two test errors, the test errors above the training errors or below."""
    rng = np.random.default_rng(seed)
    signs = [(1, 1), (-1, 1), (-1, -1), (1, -1), (0, 1), (0, -1), (1, 0), (-1, 0), (0, 0)]
    calls = []
    for gap_sign, (train_sign, test_sign) in itertools.product((1, -1), signs):
        train, gap, *steps = (int(value) for value in rng.integers((120, 5, 2, 2), (200, 60, 50, 50)))
        test = train + gap_sign * gap
        shallow = {"train": train, "test": test}
        deep = {"train": train + train_sign * steps[0], "test": test + test_sign * steps[1]}
        calls.append(Call(*({key: value / 1000 for key, value in errors.items()} for errors in (shallow, deep))))
    return calls


def _verdict_word(value, what):
    word = value.strip().lower() if isinstance(value, str) else None
    if word not in VERDICTS:
        wrong(f"{what} gave {value!r}.", f"The verdict is one of {', '.join(map(repr, VERDICTS))}, as a string.")
    return word


def _judge(degraded, overfitted):
    return "degradation" if degraded else "overfitting" if overfitted else "none"


def _verdict(shallow, deep):
    return _judge(deep["train"] > shallow["train"], deep["test"] > shallow["test"])


VERDICT_MISTAKES = [
    (
        lambda shallow, deep: _verdict(deep, shallow),
        "the comparison is the wrong way round.",
        "These are errors: the higher, the worse. It is the deeper network that is judged.",
    ),
    (
        lambda shallow, deep: "overfitting" if deep["test"] > shallow["test"] else _verdict(shallow, deep),
        "the test errors came first.",
        "A higher training error is degradation, whatever the test error.",
    ),
    (
        lambda shallow, deep: _judge(deep["test"] > shallow["test"], deep["train"] > shallow["train"]),
        "training and test errors are swapped.",
        "A network that cannot even fit its training images does not overfit.",
    ),
    (
        lambda shallow, deep: _judge(deep["train"] >= shallow["train"], deep["test"] > shallow["test"]),
        "equal training errors were taken for degradation.",
        "Equal is not higher.",
    ),
    (
        lambda shallow, deep: _judge(deep["train"] > shallow["train"], deep["test"] >= shallow["test"]),
        "equal test errors were taken for overfitting.",
        "Equal is not higher.",
    ),
    (
        lambda shallow, deep: _judge(deep["train"] >= shallow["train"], deep["test"] >= shallow["test"]),
        "equal errors were taken for higher ones.",
        "Equal is not higher.",
    ),
    (
        lambda shallow, deep: _judge(deep["train"] > shallow["train"], deep["test"] > deep["train"]),
        "the deeper network's test error was compared with its own training error.",
        "That is nearly always higher. Compare it with the shallow network's test error.",
    ),
    (
        lambda shallow, deep: _judge(
            deep["train"] > shallow["train"], deep["test"] - deep["train"] > shallow["test"] - shallow["train"]
        ),
        "the gaps between test and training error were compared.",
        "A gap also grows when only the training error falls. Compare the test errors.",
    ),
    (
        lambda shallow, deep: _judge(
            deep["train"] > shallow["train"] and deep["test"] > shallow["test"], deep["test"] > shallow["test"]
        ),
        "degradation was tied to the test error.",
        "A higher training error is degradation, whatever the test error.",
    ),
    (
        lambda shallow, deep: _judge(
            deep["train"] > shallow["train"], deep["train"] < shallow["train"] and deep["test"] > shallow["test"]
        ),
        "with equal training errors it saw no overfitting.",
        "Overfitting needs a training error that is not higher; it need not be lower.",
    ),
    (
        lambda shallow, deep: "degradation" if deep["train"] > shallow["train"] else "overfitting",
        'it never says "none".',
        "A deeper network may also be better in both.",
    ),
]


def check_identity_kernel(answer, *, cases=None, seed=None):
    """Check `identity_kernel(channels)` by convolving random images with it."""

    def verify():
        rng = np.random.default_rng(seed)
        channels = cases or (4, 1, 2, 3, int(rng.integers(5, 9)))
        images = {count: rng.normal(size=(2, 5, 6, count)) for count in channels}
        calls = [Call(count) for count in channels]
        kernels = ask(answer, "identity_kernel", calls, array)
        for count, kernel in zip(channels, kernels, strict=True):
            _check_kernel_shape(kernel, count)
        diagnose(
            [_convolve(images[count], kernel) for count, kernel in zip(channels, kernels, strict=True)],
            "identity_kernel",
            calls,
            right=lambda count: images[count],
            mistakes=[
                (lambda count, kernel=kernel: _convolve(images[count], kernel(count)), *told)
                for kernel, *told in KERNEL_MISTAKES
            ],
            close=close_arrays,
            tell=lambda got, wanted: f"changed the values of an image by up to {abs(got - wanted).max():.3g}",
            hint="Which one of the 3×3 pixels shall the output take, and from which channel?",
        )
        return (
            "Right: random images came back unchanged. A deeper plain network could do what a shallow one does, "
            "with layers like this one."
        )

    return run(answer, verify)


def _check_kernel_shape(kernel, count):
    wanted = (3, 3, count, count)
    if kernel.shape == wanted:
        return
    shown = f"identity_kernel({count}) has the shape {kernel.shape}, not {wanted}"
    if kernel.shape == (count, count, 3, 3):
        wrong(f"{shown}: the channels come first.", "In Keras' order they come last: height, width, in, out.")
    if kernel.shape in ((3, 3), (3, 3, 1, 1)):
        wrong(f"{shown}: it has no channels.", "Each pair of an input and an output channel has its own weights.")
    if kernel.shape in ((3, 3, count), (3, 3, count, 1), (3, 3, 1, count)):
        wrong(
            f"{shown}: one of the two channel axes is missing.", "Axes: height, width, channels in, channels out."
        )
    if kernel.shape in ((count, count), (1, 1, count, count)):
        wrong(f"{shown}: that is a 1×1 kernel.", "Where in 3×3 zeros does it belong?")
    wrong(f"{shown}.", "Axes: height, width, channels in, channels out.")


def _convolve(images, kernel):
    """The same-padded convolution with a 3×3 kernel as in Keras, which does not flip it."""
    _, height, width, _ = images.shape
    padded = np.pad(images, [(0, 0), (1, 1), (1, 1), (0, 0)])
    return sum(padded[:, i : i + height, j : j + width] @ kernel[i, j] for i in range(3) for j in range(3))


def _kernel(pixels, channels):
    """The kernel that has the matrix `channels` at the pixels that `pixels` says."""
    return np.multiply.outer(np.asarray(pixels, float), np.asarray(channels, float))


def _one_pixel(row, column):
    pixels = np.zeros((3, 3))
    pixels[row, column] = 1
    return pixels


CENTRE = _one_pixel(1, 1)

KERNEL_MISTAKES = [
    *(
        (
            lambda count, row=row, column=column: _kernel(_one_pixel(row, column), np.eye(count)),
            f"the image is shifted by a pixel, as the ones are at [{row}, {column}].",
            "Which of the 3×3 pixels lies over the output's own place?",
        )
        for row, column in np.ndindex(3, 3)
        if (row, column) != (1, 1)
    ),
    (
        lambda count: _kernel(CENTRE, np.ones((count, count))),
        "each channel became the sum of all channels.",
        "Output channel c must read input channel c only.",
    ),
    (
        lambda count: _kernel(CENTRE, np.ones((count, count)) / count),
        "each channel became the mean of all channels.",
        "Output channel c must read input channel c only.",
    ),
    (
        lambda count: _kernel(np.ones((3, 3)), np.eye(count)),
        "each value became the sum of the 3×3 values around it.",
        "Only one of the nine pixels may count.",
    ),
    (
        lambda count: _kernel(np.ones((3, 3)) / 9, np.eye(count)),
        "each value became the mean of the 3×3 values around it.",
        "Only one of the nine pixels may count.",
    ),
    (
        lambda count: _kernel(np.ones((3, 3)), np.ones((count, count))),
        "all values around and in all channels were added.",
        "Most weights must be 0.",
    ),
    (
        lambda count: _kernel(np.eye(3), np.eye(count)),
        "three pixels on a diagonal were added.",
        "The identity matrix is right for the channels. Which pixels may count?",
    ),
    (
        lambda count: _kernel(np.eye(3), np.ones((count, count))),
        "the diagonal of ones is in the pixels instead of the channels.",
        "Which of the 3×3 pixels may count, and which channel may each output read?",
    ),
    (
        lambda count: _kernel(CENTRE, np.eye(count)[::-1]),
        "the channels came back in reversed order.",
        "Output channel c must read input channel c.",
    ),
    (
        lambda count: _kernel(CENTRE, _one_pixel_of(count)),
        "only the first channel came back.",
        "Every output channel needs a weight of 1.",
    ),
    (
        lambda count: np.zeros((3, 3, count, count)),
        "it came back as zeros.",
        "Zeros are what the residual block needs. A plain layer needs ones in the right places.",
    ),
    (
        lambda count: -_kernel(CENTRE, np.eye(count)),
        "the sign is wrong.",
        "Which weight gives back the value that it multiplies?",
    ),
    (
        lambda count: _kernel(CENTRE, np.eye(count)) / count,
        "the values were divided by the number of channels.",
        "Only one input channel enters each output, so nothing needs to be averaged.",
    ),
    (
        lambda count: _kernel(CENTRE, np.eye(count)) / 9,
        "the values were divided by 9.",
        "Only one pixel enters each output, so nothing needs to be averaged.",
    ),
    (
        lambda count: 2 * _kernel(CENTRE, np.eye(count)),
        "the values were doubled.",
        "That would be a residual block with this kernel in its branch. Here there is no shortcut.",
    ),
]


def _one_pixel_of(count):
    matrix = np.zeros((count, count))
    matrix[0, 0] = 1
    return matrix


def check_trend_and_level(answer, *, cases=(5, 4, 7, 2), seed=None):
    """Check `trend_and_level(norms)`: the factor per layer on the way back, and the norms' geometric mean.

    The four cases are how many norms there are.
    """

    def verify():
        rng = np.random.default_rng(seed)
        calls = [
            Call(kind(_draw_norms(rng, *ends, count)))
            for (kind, *ends), count in zip(MODERATE_NORMS, cases, strict=True)
        ]
        _diagnose_trend(ask(answer, "trend_and_level", calls, pair), calls)
        _check_extreme_norms(answer, rng)
        return "Right, also for 55 norms whose product is too small or too large for a floating-point number."

    return run(answer, verify, hint="norms may be a list, a tuple or an array; np.asarray makes an array of each.")


# The type that the answer gets, the first and the last norm (and how many there are, where no case says it).
MODERATE_NORMS = [(list, 0.04, 3.0), (tuple, 2.0, 0.1), (np.array, 0.2, 5.0), (list, 0.5, 2.0)]
EXTREME_NORMS = [(list, 1e-13, 1e-11, 55), (np.array, 1e11, 1e9, 55), (tuple, 1e-30, 1e-29, 20)]


def _draw_norms(rng, first, last, count):
    """Norms with the given ends, roughly, that are on no straight line in between."""
    norms = np.geomspace(first, last, count) * np.exp(rng.uniform(-0.4, 0.4, count))
    return [float(f"{norm:.3g}") for norm in norms]


def _trend(norms):
    return gradients.trend_and_level(norms)[0]


def _level(norms):
    return gradients.trend_and_level(norms)[1]


def _ratios(norms):
    return [before / after for before, after in itertools.pairwise(norms)]


def _slope(norms):
    return float(np.polyfit(range(len(norms)), np.log(norms), 1)[0])


TREND_MISTAKES = [
    (
        lambda norms: 1 / _trend(norms),
        "that is the factor from the first convolution to the last.",
        "The gradient travels the other way, from the last to the first.",
    ),
    (
        lambda norms: (norms[0] / norms[-1]) ** (1 / len(norms)),
        "that is a step too many.",
        "Between two norms there is one step, between three there are two.",
    ),
    (
        lambda norms: (norms[-1] / norms[0]) ** (1 / len(norms)),
        "that is from the first convolution to the last, with a step too many.",
        "Which way does the gradient travel? And how many steps are there between three norms?",
    ),
    (
        lambda norms: norms[0] / norms[-1],
        "that is the factor of all steps together.",
        "Take the root that belongs to the number of steps.",
    ),
    (
        lambda norms: norms[-1] / norms[0],
        "that is all steps together, from the first convolution to the last.",
        "Which way does the gradient travel?",
    ),
    (
        lambda norms: norms[0] / norms[-1] / (len(norms) - 1),
        "the ratio was divided by the number of steps.",
        "Steps multiply: take a root.",
    ),
    (
        lambda norms: (norms[0] - norms[-1]) / (len(norms) - 1),
        "that is a difference per step.",
        "A factor comes from a ratio: first / last.",
    ),
    (
        lambda norms: (norms[-1] - norms[0]) / (len(norms) - 1),
        "that is a difference per step.",
        "A factor comes from a ratio: first / last.",
    ),
    (
        lambda norms: statistics.mean(_ratios(norms)),
        "that is the arithmetic mean of the factors.",
        "Factors multiply, so their mean is the geometric one.",
    ),
    (
        lambda norms: math.log(_trend(norms)),
        "that is the logarithm of the factor.",
        "Undo the logarithm with exp.",
    ),
    (
        lambda norms: math.log10(_trend(norms)),
        "that is the logarithm of the factor to base 10.",
        "Undo the logarithm: 10 to the power of it.",
    ),
    (
        lambda norms: math.exp(-_slope(norms)),
        "that is the slope of a straight line through all norms.",
        "Here the first and the last norm alone count.",
    ),
    (
        lambda norms: (max(norms) / min(norms)) ** (1 / (len(norms) - 1)),
        "the largest and the smallest norm were taken.",
        "Take the first and the last, whichever is larger.",
    ),
    (
        lambda norms: (norms[0] / norms[-1]) ** (len(norms) - 1),
        "a power was taken instead of a root.",
        "The factor of one step, multiplied by itself for every step, must give first / last.",
    ),
]
LEVEL_MISTAKES = [
    (statistics.mean, "that is the arithmetic mean.", "The largest norms rule it. Take the geometric mean."),
    (statistics.median, "that is the median.", "Take the geometric mean."),
    (statistics.harmonic_mean, "that is the harmonic mean.", "Take the geometric mean."),
    (math.prod, "that is the product of the norms.", "Take the root that belongs to their number."),
    (
        lambda norms: math.prod(norms) ** (1 / (len(norms) - 1)),
        "the root belongs to the number of steps.",
        "Here the norms themselves count, not the steps between them.",
    ),
    (
        lambda norms: math.sqrt(math.prod(norms)),
        "that is the square root of the product.",
        "The square root belongs to two numbers. How many norms are there?",
    ),
    (
        lambda norms: math.prod(norms) / len(norms),
        "the product was divided by the number of norms.",
        "Norms that are multiplied need a root.",
    ),
    (
        lambda norms: math.sqrt(norms[0] * norms[-1]),
        "that is the mean of the first and the last norm.",
        "All norms enter the level.",
    ),
    (
        lambda norms: math.log(_level(norms)),
        "that is the logarithm of the level.",
        "Undo the logarithm with exp.",
    ),
    (
        lambda norms: math.log10(_level(norms)),
        "that is the logarithm of the level to base 10.",
        "Undo the logarithm: 10 to the power of it.",
    ),
    (
        lambda norms: math.exp(math.log10(_level(norms))),
        "logarithms of base 10 were undone with exp.",
        "exp belongs to np.log; 10 to the power of belongs to np.log10.",
    ),
    (
        lambda norms: 10 ** math.log(_level(norms)),
        "natural logarithms were undone with powers of 10.",
        "exp belongs to np.log; 10 to the power of belongs to np.log10.",
    ),
    (
        lambda norms: float(np.sqrt(np.mean(np.square(norms)))),
        "that is the root of the mean square.",
        "Take the geometric mean.",
    ),
]


def _diagnose_trend(got, calls):
    diagnose_pairs(
        got,
        "trend_and_level",
        calls,
        {
            "right": _trend,
            "mistakes": TREND_MISTAKES,
            "close": close_numbers(1e-3, floor=0),
            "tell": lambda got, wanted: f"gave the factor {got:.4g}, not {wanted:.4g}",
            "hint": "How many steps are there from the last norm to the first? Each takes the same factor.",
        },
        {
            "right": _level,
            "mistakes": LEVEL_MISTAKES,
            "close": close_numbers(1e-3, floor=0),
            "tell": lambda got, wanted: f"gave the level {got:.4g}, not {wanted:.4g}",
            "hint": "The geometric mean is exp of the mean of the logarithms.",
        },
    )


def _check_extreme_norms(answer, rng):
    """The answer is right for moderate norms; is it where their product leaves the range of numbers?"""
    remedy = "Do not multiply them first. Sums of logarithms stay moderate."
    for kind, first, last, count in EXTREME_NORMS:
        shown = f"(norms) with {count} norms of about {math.sqrt(first * last):.0e}"
        calls = [Call(kind(_draw_norms(rng, first, last, count)), shown=shown)]
        try:
            got = ask(answer, "trend_and_level", calls, pair)
        except (ArithmeticError, ValueError) as error:
            wrong(f"trend_and_level{shown} stopped with {type(error).__name__}: {error}.", remedy)
        if not 0 < got[0][1] < math.inf:
            size = "small" if first < 1 else "large"
            level = got[0][1]
            wrong(f"trend_and_level{shown} gave the level {level}: their product is too {size} a number.", remedy)
        _diagnose_trend(got, calls)


def check_effect(answer, *, cases=None, seed=None):
    """Check `effect(rows, factor)`: the mean difference in accuracy that a factor makes in matched pairs."""

    def verify():
        rng = np.random.default_rng(seed)
        compare(
            answer,
            "effect",
            [_effect_call(rng, *counted) for counted in cases or EFFECT_TABLES],
            right=lambda rows, factor: statistics.mean(_differences(rows, factor)),
            mistakes=EFFECT_MISTAKES,
            close=close_numbers(1e-5, floor=2e-6),
            hint="Try it on a table of three rows, made by hand: one pair, and one row without a partner.",
        )
        return "Right for four tables: rows without a partner are left out, in whatever order they come."

    return run(
        answer,
        verify,
        hint="If no pair was found: two rows of a pair agree in all keys but the factor and the accuracy.",
    )


FACTORS = ("shortcuts", "batch_norm", "good_init")
# The factor, what it adds, and how many settings occur with and without it, only with it, only without it.
EFFECT_TABLES = [
    ("shortcuts", 0.2, 1, 1, 0),
    ("batch_norm", 0.1, 5, 6, 2),
    ("good_init", -0.1, 7, 1, 7),
    ("shortcuts", 0.2, 6, 5, 3),
]


def _effect_call(rng, factor, gain, both, only_with, only_without):
    """A call with an unbalanced table whose accuracies depend on everything."""
    others = [*(name for name in FACTORS if name != factor), "depth", "seed"]
    settings = list(itertools.product((True, False), (True, False), (20, 56), (1, 2)))
    rng.shuffle(settings)
    occurring = [(True, False)] * both + [(True,)] * only_with + [(False,)] * only_without
    rows = []
    for setting, presences in zip(settings, occurring, strict=False):
        for present in presences:
            values = {factor: present, **dict(zip(others, setting, strict=True))}
            row = {name: values[name] for name in (*FACTORS, "depth", "seed")}
            accuracy = 0.4 + gain * present + 0.003 * row["depth"] + rng.uniform(0, 0.2)
            rows.append({**row, "accuracy": round(float(accuracy), 4)})
    rng.shuffle(rows)
    shown = f"(rows, {factor!r}) for {len(rows)} rows, {2 * both} of them in pairs,"
    return Call(rows, factor, shown=shown)


def _differences(rows, factor, ignored=()):
    """The differences in accuracy between rows that agree in all but the factor and the ignored keys."""
    groups = {}
    for row in rows:
        key = tuple((k, v) for k, v in row.items() if k not in (factor, "accuracy", *ignored))
        groups.setdefault(key, {True: [], False: []})[row[factor]].append(row["accuracy"])
    return [
        statistics.mean(group[True]) - statistics.mean(group[False])
        for group in groups.values()
        if group[True] and group[False]
    ]


def _accuracies(rows, factor, present):
    return [row["accuracy"] for row in rows if row[factor] == present]


def _group_means(rows, factor):
    return statistics.mean(_accuracies(rows, factor, True)) - statistics.mean(_accuracies(rows, factor, False))


def _in_order(rows, factor):
    """Pair the rows with and without the factor as they come."""
    with_it, without = _accuracies(rows, factor, True), _accuracies(rows, factor, False)
    return statistics.mean(a - b for a, b in zip(with_it, without, strict=False))


def _missing_as_zero(rows, factor):
    total = sum(_accuracies(rows, factor, True)) - sum(_accuracies(rows, factor, False))
    return total / (len(rows) - len(_differences(rows, factor)))


EFFECT_MISTAKES = [
    (
        lambda rows, factor: -statistics.mean(_differences(rows, factor)),
        "the sign is wrong.",
        "Subtract the accuracy without the factor from that with it.",
    ),
    (
        _group_means,
        "that is the difference of the means of all rows.",
        "Rows without a partner must not enter. A group may hold more of the deep networks than the other.",
    ),
    (
        _in_order,
        "the rows were paired in the order in which they come.",
        "Two rows are a pair if they agree in every other key.",
    ),
    (
        lambda rows, factor: sum(_differences(rows, factor)),
        "that is the sum of the differences.",
        "Divide it by the number of pairs.",
    ),
    (
        lambda rows, factor: statistics.mean(_differences(rows, factor)) / 2,
        "that is half of it.",
        "Divide by the number of pairs. A pair has two rows.",
    ),
    (
        lambda rows, factor: sum(_differences(rows, factor)) / len(rows),
        "the sum was divided by the number of rows.",
        "Divide by the number of pairs.",
    ),
    (
        lambda rows, factor: sum(_differences(rows, factor)) / len(_accuracies(rows, factor, True)),
        "the sum was divided by the number of all rows with the factor.",
        "Divide by the number of pairs.",
    ),
    (
        lambda rows, factor: sum(_differences(rows, factor)) / len(_accuracies(rows, factor, False)),
        "the sum was divided by the number of all rows without the factor.",
        "Divide by the number of pairs.",
    ),
    (
        _missing_as_zero,
        "a missing partner was counted with an accuracy of 0.",
        "Leave out a row without a partner.",
    ),
    (
        lambda rows, factor: statistics.mean(map(abs, _differences(rows, factor))),
        "the differences lost their signs.",
        "A factor may also do harm: a negative difference counts as such.",
    ),
    (
        lambda rows, factor: statistics.median(_differences(rows, factor)),
        "that is the median of the differences.",
        "Take their mean.",
    ),
    (
        lambda rows, factor: 100 * statistics.mean(_differences(rows, factor)),
        "that is in per cent.",
        "Accuracies are fractions here; leave the difference one.",
    ),
    (
        lambda rows, factor: statistics.mean(_differences(rows, factor, ("seed",))),
        "rows of different seeds were compared.",
        "The seed is one of the keys in which a pair agrees.",
    ),
    (
        lambda rows, factor: statistics.mean(_differences(rows, factor, ("depth",))),
        "rows of different depths were compared.",
        "The depth is one of the keys in which a pair agrees.",
    ),
    (
        lambda rows, factor: statistics.mean(_differences(rows, factor, ("depth", "seed"))),
        "rows of different depths and seeds were compared.",
        "A pair agrees in every other key, depth and seed among them.",
    ),
    (
        lambda rows, factor: statistics.mean(_differences(rows, factor, FACTORS)),
        "rows that differ in the other two factors were compared.",
        "A pair agrees in every other key.",
    ),
]
