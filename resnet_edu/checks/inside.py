"""Checks of lesson 7: inside a trained network."""

import functools
import math

import keras
import numpy as np

from resnet_edu import data, lesions, models, paths, shattering, surfaces
from resnet_edu.checks.answers import call, run, wrong
from resnet_edu.checks.comparing import Call, array, close_arrays, close_numbers, compare, number


def check_accuracy_without(answer, *, depth=14, seed=None):
    """Check `accuracy_without(parts, name, x, y)`: the accuracy of a network without one of its parts."""

    def verify():
        parts, x, y = _network(depth, seed)
        names = [part.name for part in parts if part.keeps_shape]
        outputs = {name: lesions.run_parts(lesions.without(parts, [name]), x).argmax(-1) for name in names}
        whole = float(np.mean(lesions.run_parts(parts, x).argmax(-1) == y))
        for name in names:
            got = number(
                call(answer, list(parts), name, x.copy(), y.copy()), f"accuracy_without(parts, {name!r}, x, y)"
            )
            wanted = float(np.mean(outputs[name] == y))
            if math.isclose(got, wanted, abs_tol=1e-4):
                continue
            shown = f"without {name!r} the accuracy is {wanted:.4f}, your function gives {got:.4f}"
            if math.isclose(got, whole, abs_tol=1e-4):
                wrong(f"{shown}: that of the whole network.", "The part with this name must not run.")
            if math.isclose(got, float(np.sum(outputs[name] == y)), abs_tol=1e-4):
                wrong(f"{shown}: the number of right answers.", "Divide it by the number of images.")
            if math.isclose(got, 1 - wanted, abs_tol=1e-4):
                wrong(f"{shown}: the share of wrong answers.", "Count the right ones.")
            wrong(
                f"{shown}.", "Leave out the part, run the others in order, and compare the largest output with y."
            )
        return "Right: all other parts run in their order, and the share of right answers is counted."

    return run(answer, verify, hint="Its arguments are parts, name, x, y, in this order.")


@functools.cache
def _network(depth, seed):
    """A network, images and labels, such that no two parts make the same difference."""
    rng, (images, _) = np.random.default_rng(seed), data.load_digits()[0]
    while True:
        x = (images[rng.choice(len(images), 203, replace=False)] / 255 - 0.3).astype("float32")
        model = models.resnet_v1((8, 8, 1), depth, seed=int(rng.integers(2**31)))
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = 0.0
        model(x, training=True)  # the moving statistics become those of these images
        parts = lesions.dissect(model)
        whole = lesions.run_parts(parts, x).argmax(-1)
        y = np.where(rng.random(len(x)) < 0.9, whole, rng.integers(0, 10, len(x)))
        names = [part.name for part in parts if part.keeps_shape]
        others = [lesions.accuracy_of(lesions.without(parts, [name]), x, y) for name in names]
        if len({float(np.mean(whole == y)), *others}) == 1 + len(others):
            return parts, x, y


def check_path_share(answer, *, cases=((54, 5, 17), (5, 2, 2), (12, 0, 12), (10, 0, 3)), seed=None):
    """Check `path_share(blocks, shortest, longest)`: the share of all paths whose length is in this range."""

    def verify():
        rng = np.random.default_rng(seed)
        blocks = int(rng.integers(20, 40))
        low = int(rng.integers(3, 7))
        compare(
            answer,
            "path_share",
            [Call(*case) for case in ((blocks, low, blocks // 2), *cases)],
            right=paths.count_share,
            mistakes=PATH_MISTAKES,
            close=close_numbers(1e-6, floor=1e-12),
            hint="Of n blocks, k can be chosen in math.comb(n, k) ways; there are 2**n paths in all.",
        )
        return "Right: math.comb(n, k) paths have the length k. Short and long paths are rare."

    return run(answer, verify, hint="Its arguments are blocks, shortest, longest; both ends count.")


def _ways(blocks, lengths):
    return sum(math.comb(blocks, length) for length in lengths)


PATH_MISTAKES = [
    (
        lambda n, low, high: _ways(n, range(low, high)) / 2**n,
        "the longest paths are missing.",
        "range(a, b) ends before b.",
    ),
    (
        lambda n, low, high: _ways(n, range(low + 1, high + 1)) / 2**n,
        "the shortest paths are missing.",
        "Both ends of the range count.",
    ),
    (
        lambda n, low, high: (high - low + 1) / (n + 1),
        "every length was counted once.",
        "How many paths have this length? Most have a middle one.",
    ),
    (
        lambda n, low, high: float(_ways(n, range(low, high + 1))),
        "that is the number of the paths.",
        "Divide it by the number of all paths, 2**blocks.",
    ),
    (
        lambda n, low, high: 100 * paths.count_share(n, low, high),
        "that is in percent.",
        "Give the share, between 0 and 1.",
    ),
    (
        lambda n, low, high: sum(math.perm(n, k) for k in range(low, high + 1)) / 2**n,
        "the order of the blocks was counted, too.",
        "A path visits the blocks in one order: use math.comb.",
    ),
    (
        lambda n, low, high: _ways(n, range(low, high + 1)) / math.factorial(n),
        "it was divided by n!.",
        "At each block a path has two ways: there are 2**blocks paths.",
    ),
    (
        lambda n, low, high: _ways(n, range(low, high + 1)) / n**2,
        "it was divided by blocks**2.",
        "At each block a path has two ways: there are 2**blocks paths.",
    ),
    (
        lambda n, low, high: 1 - paths.count_share(n, low, high),
        "that is the share of the others.",
        "Which are in the range?",
    ),
]


def check_branch_scale(answer, *, cases=((1, 2.0), (50, 2.0), (100, math.e), (3, 8.0)), seed=None):
    """Check `branch_scale(blocks, growth)`: the factor of each branch for this growth of the variance."""

    def verify():
        rng = np.random.default_rng(seed)
        drawn = int(rng.integers(5, 40)), round(float(rng.uniform(1.5, 6)), 2)
        compare(
            answer,
            "branch_scale",
            [Call(*case) for case in (*cases, drawn)],
            right=_branch_scale,
            mistakes=SCALE_MISTAKES,
            close=close_numbers(1e-4, floor=0),
            hint="One block multiplies the variance by 1 + scale². What do all blocks make of it?",
        )
        return "Right: (1 + scale²)**blocks = growth. For many blocks it is near √(ln growth / blocks)."

    return run(answer, verify, hint="Its arguments are blocks and growth.")


def _branch_scale(blocks, growth):
    return math.sqrt(growth ** (1 / blocks) - 1)


SCALE_MISTAKES = [
    (
        lambda n, growth: growth ** (1 / n) - 1,
        "that is its square.",
        "A factor on a signal counts twice in its variance.",
    ),
    (
        lambda n, growth: math.sqrt(growth ** (1 / n)),
        "the signal that comes by the shortcut was forgotten.",
        "The variance of the sum is 1 + scale², not scale².",
    ),
    (
        lambda n, growth: growth ** (1 / n),
        "that is by how much one block multiplies the variance.",
        "Solve 1 + scale² = that.",
    ),
    (
        lambda n, growth: math.sqrt((growth - 1) / n),
        "the variances of the branches were added up as if all were equal.",
        "Each branch sees what the blocks before it made: the factors multiply.",
    ),
    (
        lambda n, growth: math.sqrt(math.log(growth) / n),
        "that is the approximation for many blocks.",
        "Solve the equation without approximating.",
    ),
    (lambda n, growth: 1 / math.sqrt(n), "the growth does not enter it.", "Which scale gives this growth?"),
    (lambda n, growth: 1 / n, "the growth does not enter it.", "Which scale gives this growth?"),
    (
        lambda n, growth: math.sqrt(growth**n - 1),
        "the exponent is upside down.",
        "All blocks together give the growth; one block gives its n-th root.",
    ),
    (
        lambda n, growth: growth ** (1 / (2 * n)) - 1,
        "shortcut and branch were added as if they were equal.",
        "They are independent: their variances add, 1 + scale².",
    ),
]


def check_autocorrelation(answer, *, lags=(1, 30, 22), seed=None):
    """Check `autocorrelation(values, lag)`: how well values agree with those `lag` places further on."""

    def verify():
        rng = np.random.default_rng(seed)
        near, far, other = lags
        noise = rng.normal(size=300).cumsum() + rng.normal() * 20
        calls = [
            Call(noise.copy(), near, shown=f"(a random walk, {near})"),
            Call(noise.copy(), far, shown=f"(a random walk, {far})"),
            Call(rng.normal(3, 1, size=200), near, shown=f"(noise around 3, {near})"),
            Call(np.sin(np.arange(200) / 7) + 5, other, shown=f"(a sine around 5, {other})"),
        ]
        compare(
            answer,
            "autocorrelation",
            calls,
            right=shattering.autocorrelation,
            mistakes=AUTOCORRELATION_MISTAKES,
            close=close_numbers(1e-4, floor=1e-5),
            hint="Subtract the mean once, then: sum of products with the shifted values / sum of squares.",
        )
        return "Right: 1 for values that agree with their neighbours, about 0 for noise."

    return run(answer, verify, hint="Its arguments are values, an array, and lag, a whole number of at least 1.")


AUTOCORRELATION_MISTAKES = [
    (
        lambda v, lag: np.sum(v[:-lag] * v[lag:]) / np.sum(v**2),
        "the mean was not subtracted.",
        "Values around 5 would all seem to agree. Subtract the mean first.",
    ),
    (
        lambda v, lag: np.sum((v - v.mean())[:-lag] * (v - v.mean())[lag:]) / np.sum(v**2),
        "the squares are those of the values before the mean was subtracted.",
        "Subtract the mean once, and take products and squares of what is left.",
    ),
    (
        lambda v, lag: np.sum((v - v.mean())[:-lag] * (v - v.mean())[lag:]),
        "it was not divided by the sum of the squares.",
        "Values that agree perfectly must give 1, however large they are.",
    ),
    (
        lambda v, lag: np.sum((v - v.mean())[:-lag] * (v - v.mean())[lag:]) / len(v),
        "it was divided by the number of the values.",
        "Divide by the sum of the squares.",
    ),
    (
        lambda v, lag: shattering.autocorrelation(v, lag) * len(v) / (len(v) - lag),
        "sum and sum of squares became means over different numbers of values.",
        "Divide one sum by the other, as the exercise says.",
    ),
    (
        lambda v, lag: float(np.corrcoef(v[:-lag], v[lag:])[0, 1]),
        "that is the correlation of the two pieces, each with a mean and a variance of its own.",
        "Subtract the mean of all values, and divide by the sum of all squares.",
    ),
    (
        lambda v, lag: float(np.sum((v - v.mean()) * np.roll(v - v.mean(), lag)) / np.sum((v - v.mean()) ** 2)),
        "the end was joined to the beginning.",
        "Leave out the values that have no partner: v[:-lag] and v[lag:].",
    ),
    (
        lambda v, lag: shattering.autocorrelation(v, lag + 1),
        "that is for a lag of one more.",
        "With a lag of 1, each value meets its neighbour.",
    ),
    (
        lambda v, lag: shattering.autocorrelation(np.diff(v), lag),
        "that is of the differences.",
        "Take the values themselves.",
    ),
]


def check_filter_normalize(answer, *, shapes=((3, 3, 4, 6), (1, 1, 5, 3), (7, 10)), seed=None):
    """Check `filter_normalize(direction, kernel)`: each filter gets the length of the kernel's."""

    def verify():
        rng = np.random.default_rng(seed)
        calls = [
            Call(
                rng.normal(size=shape) * rng.uniform(0.2, 5, shape[-1]),
                rng.normal(size=shape) * rng.uniform(0.2, 5, shape[-1]),
                shown=f"(arrays of the shape {shape})",
            )
            for shape in shapes
        ]
        compare(
            answer,
            "filter_normalize",
            calls,
            read=array,
            right=surfaces.filter_normalize,
            mistakes=FILTER_MISTAKES,
            close=close_arrays,
            tell=_tell_lengths,
            hint="Sum the squares over all axes but the last, keepdims=True, and take the root.",
        )
        return "Right: each filter of the direction is as long as the same filter of the kernel."

    return run(answer, verify, hint="Both arguments are arrays of one shape, whose last axis counts the filters.")


def _lengths(values):
    return np.sqrt(np.sum(values**2, axis=tuple(range(values.ndim - 1)), keepdims=True))


def _tell_lengths(got, wanted):
    if got.shape != wanted.shape:
        return f"gave the shape {got.shape}, not {wanted.shape}"
    ours, theirs = _lengths(got).ravel()[0], _lengths(wanted).ravel()[0]
    return f"gave a first filter of the length {ours:.4g}, not {theirs:.4g}, or of another direction"


def _along(axes):
    def normalize(direction, kernel):
        chosen = tuple(axis for axis in axes if axis < kernel.ndim)
        own, wanted = (np.sqrt(np.sum(v**2, axis=chosen, keepdims=True)) for v in (direction, kernel))
        return direction / own * wanted

    return normalize


FILTER_MISTAKES = [
    (
        lambda d, k: d / np.linalg.norm(d) * np.linalg.norm(k),
        "the whole kernel was scaled by one number.",
        "Each filter has a scale of its own: sum over all axes but the last.",
    ),
    (
        lambda d, k: d * _lengths(k),
        "its own lengths were not divided by.",
        "Divide by the direction's lengths first.",
    ),
    (
        lambda d, k: d / _lengths(d),
        "the filters have the length 1.",
        "Multiply by the lengths of the kernel's filters.",
    ),
    (
        lambda d, k: d / _lengths(d) ** 2 * _lengths(k) ** 2,
        "the root is missing.",
        "A length is the root of the sum of squares.",
    ),
    (
        _along((0, 1)),
        "the input channels were normalized one by one.",
        "A filter includes all of its input channels.",
    ),
    (lambda d, k: k / _lengths(k) * _lengths(d), "direction and kernel are swapped.", "The direction is scaled."),
    (lambda d, k: d, "it is unchanged.", "Scale each filter to the length of the kernel's."),
    (
        lambda d, k: d / np.abs(d).sum(tuple(range(d.ndim - 1))) * np.abs(k).sum(tuple(range(k.ndim - 1))),
        "absolute values were added.",
        "A length is the root of the sum of squares.",
    ),
]
