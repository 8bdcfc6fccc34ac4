"""Answers to the exercises of lesson 2."""

import collections
import itertools
import math
import statistics

import keras
import numpy as np

from resnet_edu.checks import plain_vs_residual as checks


def verdict(shallow, deep):
    if deep["train"] > shallow["train"]:
        return "degradation"
    if deep["test"] > shallow["test"]:
        return "overfitting"
    return "none"


def verdict_by_differences(shallow, deep):
    train, test = (round(deep[key] - shallow[key], 6) for key in ("train", "test"))
    return np.array(["none", "overfitting", "degradation"])[2 if train > 0 else int(test > 0)]


def verdict_in_place(shallow, deep):
    deep["train"] -= shallow.pop("train")
    deep["test"] -= shallow.pop("test")
    return "Degradation" if deep["train"] > 0 else ("Overfitting" if deep["test"] > 0 else "None")


def judged(degraded, overfitted):
    """An answer from its two conditions, which see the four errors: shallow's, then deep's, training first."""

    def answer(shallow, deep):
        errors = shallow["train"], shallow["test"], deep["train"], deep["test"]
        return "degradation" if degraded(*errors) else "overfitting" if overfitted(*errors) else "none"

    return answer


def higher_test_error(shallow_train, shallow_test, deep_train, deep_test):
    return deep_test > shallow_test


def higher_training_error(shallow_train, shallow_test, deep_train, deep_test):
    return deep_train > shallow_train


def kernel_by_loop(channels):
    kernel = np.zeros((3, 3, channels, channels))
    for c in range(channels):
        kernel[1, 1, c, c] = 1
    return kernel


def kernel_by_eye(channels):
    kernel = np.zeros((3, 3, channels, channels), "float32")
    kernel[1, 1] = np.eye(channels)
    return kernel


def kernel_of_integers(channels):
    return np.pad(np.eye(channels, dtype=int)[None, None], [(1, 1), (1, 1), (0, 0), (0, 0)])


def kernel_of_lists(channels):
    return [
        [[[int((i, j) == (1, 1) and a == b) for b in range(channels)] for a in range(channels)] for j in range(3)]
        for i in range(3)
    ]


def kernel_with(pixels, matrix):
    return lambda channels: np.einsum("ij,ab->ijab", pixels, matrix(channels))


CENTRE = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]])


def one_channel(channels):
    return np.diag([1] + [0] * (channels - 1))


def ones(channels):
    return np.ones((channels, channels))


def trend_by_logs(norms):
    logs = [math.log(norm) for norm in norms]
    return math.exp((logs[0] - logs[-1]) / (len(logs) - 1)), math.exp(sum(logs) / len(logs))


def trend_by_numpy(norms):
    logs = np.log(np.asarray(norms))
    return np.exp([-np.diff(logs).mean(), logs.mean()])


def trend_by_roots(norms):
    level = 1.0
    for norm in norms:
        level *= norm ** (1 / len(norms))
    return [(norms[0] / norms[-1]) ** (1 / (len(norms) - 1)), level]


def trend_by_statistics(norms):
    ratios = [before / after for before, after in itertools.pairwise(norms)]
    return statistics.geometric_mean(ratios), statistics.geometric_mean(norms)


def trend_by_keras(norms):
    logs = keras.ops.log(keras.ops.convert_to_tensor(np.array(norms), "float32"))
    return keras.ops.exp((logs[0] - logs[-1]) / (len(norms) - 1)), keras.ops.exp(keras.ops.mean(logs))


def trend_by_popping(norms):
    norms = list(norms)
    first, last, count, total = norms[0], norms[-1], len(norms), 0.0
    while norms:
        total += math.log2(norms.pop())
    return 2 ** (math.log2(first / last) / (count - 1)), 2 ** (total / count)


def with_trend(trend):
    return lambda norms: (trend(norms), statistics.geometric_mean(norms))


def with_level(level):
    return lambda norms: (trend_by_logs(norms)[0], level(norms))


def effect_by_dict(rows, factor):
    partners = {}
    for row in rows:
        key = frozenset((k, v) for k, v in row.items() if k not in (factor, "accuracy"))
        partners.setdefault(key, {})[row[factor]] = row["accuracy"]
    differences = [pair[True] - pair[False] for pair in partners.values() if len(pair) == 2]
    return sum(differences) / len(differences)


def effect_by_loops(rows, factor):
    differences = []
    for a in rows:
        for b in rows:
            if a[factor] and not b[factor] and all(a[k] == b[k] for k in a if k not in (factor, "accuracy")):
                differences.append(a["accuracy"] - b["accuracy"])
    return np.mean(differences)


def effect_by_groups(rows, factor):
    for row in rows:
        row["gain"] = row.pop("accuracy") * (1 if row.pop(factor) else -1)
    groups = collections.defaultdict(list)
    while rows:
        row = rows.pop()
        groups[str(sorted((k, v) for k, v in row.items() if k != "gain"))].append(row["gain"])
    return keras.ops.mean(keras.ops.convert_to_tensor([sum(pair) for pair in groups.values() if len(pair) > 1]))


def effect_by_sorting(rows, factor):
    names = [name for name in rows[0] if name not in (factor, "accuracy")]
    ordered = sorted(rows, key=lambda row: [*(row[name] for name in names), row[factor]])
    pairs = [(a, b) for a, b in itertools.pairwise(ordered) if all(a[name] == b[name] for name in names)]
    return statistics.fmean(b["accuracy"] - a["accuracy"] for a, b in pairs)


def matched(rows, factor, names):
    """The differences of all rows that agree in the keys `names`, as means where there are several."""
    groups = collections.defaultdict(lambda: collections.defaultdict(list))
    for row in rows:
        groups[tuple(row[name] for name in names if name != factor)][row[factor]].append(row["accuracy"])
    return [np.mean(g[True]) - np.mean(g[False]) for g in groups.values() if len(g) == 2]


ALL_KEYS = ("shortcuts", "batch_norm", "good_init", "depth", "seed")


def effect_from(summary, names=ALL_KEYS):
    return lambda rows, factor: summary(matched(rows, factor, names))


def split(rows, factor):
    return [[row["accuracy"] for row in rows if row[factor] is value] for value in (True, False)]


def effect_of_all(rows, factor):
    with_it, without = split(rows, factor)
    return np.mean(with_it) - np.mean(without)


def effect_in_order(rows, factor):
    return np.mean([a - b for a, b in zip(*split(rows, factor), strict=False)])


def effect_with_zeros(rows, factor):
    settings = {tuple(row[name] for name in ALL_KEYS if name != factor) for row in rows}
    with_it, without = split(rows, factor)
    return (sum(with_it) - sum(without)) / len(settings)


CORRECT = {
    checks.check_verdict: [verdict, verdict_by_differences, verdict_in_place],
    checks.check_identity_kernel: [
        kernel_by_loop,
        kernel_by_eye,
        kernel_of_integers,
        kernel_of_lists,
        lambda channels: keras.ops.convert_to_tensor(kernel_by_eye(channels)),
        lambda channels: kernel_by_eye(channels) > 0,
    ],
    checks.check_trend_and_level: [
        trend_by_logs,
        trend_by_numpy,
        trend_by_roots,
        trend_by_statistics,
        trend_by_keras,
        trend_by_popping,
    ],
    checks.check_effect: [effect_by_dict, effect_by_loops, effect_by_groups, effect_by_sorting],
}

WRONG = {
    checks.check_verdict: [
        (lambda shallow, deep: verdict(deep, shallow), "the wrong way round"),
        (
            lambda shallow, deep: "overfitting" if deep["test"] > shallow["test"] else verdict(shallow, deep),
            "test errors came first",
        ),
        (judged(higher_test_error, higher_training_error), "errors are swapped"),
        (judged(lambda st, sv, dt, dv: dt >= st, higher_test_error), "equal training errors"),
        (judged(higher_training_error, lambda st, sv, dt, dv: dv >= sv), "equal test errors"),
        (judged(lambda st, sv, dt, dv: dt >= st, lambda st, sv, dt, dv: dv >= sv), "equal errors"),
        (judged(higher_training_error, lambda st, sv, dt, dv: dv > dt), "its own training error"),
        (judged(higher_training_error, lambda st, sv, dt, dv: dv - dt > sv - st), "the gaps"),
        (judged(lambda st, sv, dt, dv: dt > st and dv > sv, higher_test_error), "tied to the test error"),
        (judged(higher_training_error, lambda st, sv, dt, dv: dt < st and dv > sv), "saw no overfitting"),
        (judged(higher_training_error, lambda *errors: True), 'never says "none"'),
        (judged(lambda *errors: False, higher_test_error), 'not "degradation"'),
        (lambda shallow, deep: "none", "and the same at every other call"),
        (lambda shallow, deep: verdict(shallow, deep).replace("none", "fine"), "gave 'fine'"),
        (lambda shallow, deep: deep["train"] > shallow["train"], "gave True"),
        (lambda shallow, deep: {"none": None}.get(verdict(shallow, deep), verdict(shallow, deep)), "gave nothing"),
        (lambda shallow, deep: shallow["training"], "KeyError"),
        (lambda shallow: "none", "TypeError"),
        ("degradation", "a function is needed"),
    ],
    checks.check_identity_kernel: [
        (kernel_with(np.roll(CENTRE, -1, (0, 1)), np.eye), "the ones are at [0, 0]"),
        (kernel_with(np.roll(CENTRE, 1, 1), np.eye), "the ones are at [1, 2]"),
        (kernel_with(CENTRE, ones), "the sum of all channels"),
        (kernel_with(CENTRE, lambda count: ones(count) / count), "the mean of all channels"),
        (kernel_with(np.ones((3, 3)), np.eye), "sum of the 3×3 values"),
        (kernel_with(np.ones((3, 3)) / 9, np.eye), "mean of the 3×3 values"),
        (lambda channels: np.ones((3, 3, channels, channels)), "all values around"),
        (kernel_with(np.eye(3), np.eye), "three pixels on a diagonal"),
        (kernel_with(np.eye(3), ones), "diagonal of ones is in the pixels"),
        (kernel_with(CENTRE, lambda count: np.eye(count)[::-1]), "reversed order"),
        (kernel_with(CENTRE, one_channel), "only the first channel"),
        (kernel_with(CENTRE, lambda count: -np.eye(count)), "the sign is wrong"),
        (kernel_with(CENTRE, lambda count: np.eye(count) / count), "by the number of channels"),
        (kernel_with(CENTRE / 9, np.eye), "divided by 9"),
        (kernel_with(2 * CENTRE, np.eye), "doubled"),
        (lambda channels: np.zeros((3, 3, channels, channels)), "came back as zeros"),
        (lambda channels: 0.9 * kernel_by_loop(channels), "changed the values of an image by up to"),
        (lambda channels: np.full((3, 3, channels, channels), np.nan), "by up to nan"),
        (np.eye, "that is a 1×1 kernel"),
        (lambda channels: CENTRE, "has no channels"),
        (lambda channels: np.repeat(CENTRE[..., None], channels, 2), "one of the two channel axes"),
        (lambda channels: kernel_by_loop(channels).transpose(2, 3, 0, 1), "the channels come first"),
        (lambda channels: kernel_by_loop(4), "not (3, 3, 1, 1)"),
        (lambda channels: "kernel", "gave str, not an array of numbers"),
        (lambda channels: kernel_by_loop(channels)[3], "IndexError"),
        (kernel_by_loop(3), "a function is needed"),
    ],
    checks.check_trend_and_level: [
        (with_trend(lambda norms: 1 / trend_by_logs(norms)[0]), "from the first convolution to the last"),
        (with_trend(lambda norms: (norms[0] / norms[-1]) ** (1 / len(norms))), "a step too many"),
        (with_trend(lambda norms: (norms[-1] / norms[0]) ** (1 / len(norms))), "last, with a step too many"),
        (with_trend(lambda norms: norms[0] / norms[-1]), "all steps together"),
        (with_trend(lambda norms: norms[-1] / norms[0]), "together, from the first"),
        (with_trend(lambda norms: norms[0] / norms[-1] / (len(norms) - 1)), "was divided"),
        (with_trend(lambda norms: (norms[0] - norms[-1]) / (len(norms) - 1)), "a difference per step"),
        (with_trend(lambda norms: np.diff(norms).mean()), "a difference per step"),
        (with_trend(lambda norms: np.mean(np.divide(norms[:-1], norms[1:]))), "arithmetic mean of the factors"),
        (with_trend(lambda norms: -np.diff(np.log(norms)).mean()), "logarithm of the factor."),
        (with_trend(lambda norms: -np.diff(np.log10(norms)).mean()), "factor to base 10"),
        (
            with_trend(lambda norms: np.exp(-np.polyfit(np.arange(len(norms)), np.log(norms), 1)[0])),
            "straight line",
        ),
        (
            with_trend(lambda norms: (max(norms) / min(norms)) ** (1 / (len(norms) - 1))),
            "largest and the smallest",
        ),
        (with_trend(lambda norms: (norms[0] / norms[-1]) ** (len(norms) - 1)), "instead of a root"),
        (with_level(np.mean), "that is the arithmetic mean"),
        (with_level(np.median), "median"),
        (with_level(statistics.harmonic_mean), "harmonic"),
        (with_level(np.prod), "product of the norms"),
        (with_level(lambda norms: np.prod(norms) ** (1 / (len(norms) - 1))), "number of steps"),
        (with_level(lambda norms: np.prod(norms) ** 0.5), "square root of the product"),
        (with_level(lambda norms: np.prod(norms) / len(norms)), "divided by the number of norms"),
        (with_level(lambda norms: (norms[0] * norms[-1]) ** 0.5), "of the first and the last norm"),
        (with_level(lambda norms: np.mean(np.log(norms))), "logarithm of the level."),
        (with_level(lambda norms: np.mean(np.log10(norms))), "level to base 10"),
        (with_level(lambda norms: np.exp(np.mean(np.log10(norms)))), "undone with exp"),
        (with_level(lambda norms: 10 ** np.mean(np.log(norms))), "undone with powers of 10"),
        (with_level(lambda norms: np.sqrt(np.mean(np.square(norms)))), "root of the mean square"),
        (with_level(lambda norms: np.prod(norms) ** (1 / len(norms))), "too small a number"),
        (
            with_level(lambda norms: math.prod(float(norm) for norm in norms) ** (1 / len(norms))),
            "55 norms of about 1e-12 gave the level 0.0",
        ),
        (with_level(lambda norms: math.exp(math.log(math.prod(norms)) / len(norms))), "stopped with ValueError"),
        (with_level(lambda norms: 1 / np.prod(1 / np.array(norms)) ** (1 / len(norms))), "a number"),
        (with_level(lambda norms: np.exp(np.mean(np.log(np.add(norms, 1e-8))))), "norms of about 1e-12 gave"),
        (lambda norms: trend_by_logs(norms)[::-1], "wrong order"),
        (lambda norms: trend_by_logs(norms)[0], "not two numbers"),
        (lambda norms: norms, "values, not two numbers"),
        (lambda norms: (0.5, 1.0), "and the same at every other call"),
        (lambda norms: (norms / norms[-1], 1), "TypeError"),
        (lambda norms: ("falls", "low"), "not a number"),
        ((0.5, 1.0), "a function is needed"),
    ],
    checks.check_effect: [
        (effect_of_all, "means of all rows"),
        (effect_in_order, "in the order in which they come"),
        (lambda rows, factor: -effect_by_dict(rows, factor), "the sign is wrong"),
        (effect_from(sum), "sum of the differences"),
        (lambda rows, factor: effect_by_dict(rows, factor) / 2, "half of it"),
        (lambda rows, factor: sum(matched(rows, factor, ALL_KEYS)) / len(rows), "number of rows."),
        (lambda r, f: sum(matched(r, f, ALL_KEYS)) / sum(row[f] for row in r), "rows with the factor"),
        (lambda r, f: sum(matched(r, f, ALL_KEYS)) / sum(not row[f] for row in r), "rows without the factor"),
        (effect_with_zeros, "an accuracy of 0"),
        (effect_from(lambda differences: np.mean(np.abs(differences))), "lost their signs"),
        (effect_from(np.median), "median"),
        (effect_from(lambda differences: 100 * np.mean(differences)), "per cent"),
        (effect_from(np.mean, ALL_KEYS[:-1]), "different seeds"),
        (effect_from(np.mean, (*ALL_KEYS[:3], "seed")), "different depths were"),
        (effect_from(np.mean, ALL_KEYS[:3]), "depths and seeds"),
        (effect_from(np.mean, ALL_KEYS[3:]), "differ in the other two factors"),
        (effect_from(max), "not"),
        (lambda rows, factor: round(effect_by_dict(rows, factor), 2), "not 0."),
        (effect_from(list), "gave list, not a number"),
        (effect_from(np.mean, (*ALL_KEYS, "accuracy")), "gave nan"),
        (lambda rows, factor: 0.1, "and the same at every other call"),
        (lambda rows, factor: effect_by_dict([], factor), "ZeroDivisionError"),
        (lambda rows, factor: rows[0]["error"], "KeyError"),
        (0.1, "a function is needed"),
    ],
}
