"""Checks of lesson 8: networks for ImageNet, counted and compared."""

import itertools
import math

import numpy as np

from resnet_edu.checks.answers import run
from resnet_edu.checks.comparing import Call, array, close_arrays, compare, tell_count

VGG_SIDE, VGG_CLASSES, VGG_DENSE = 224, 1000, 4096
# Filters and convolutions of each stage of VGG-19 and VGG-11, and of networks with fewer and with more stages.
VGGS = (
    ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)),
    ((64, 1), (128, 1), (256, 2), (512, 2), (512, 2)),
    ((32, 1), (96, 2)),
    ((16, 1), (24, 2), (32, 1), (48, 1), (64, 1), (80, 2)),
)


def check_count_layers(answer, *, cases=(((3, 8, 36, 3), 3), ((2, 2, 2, 2), 2), ((5, 4, 7), 2)), seed=None):
    """Check `count_layers(blocks, layers_per_block)`: the depth of a network with so many blocks in each stage."""

    def verify():
        rng = np.random.default_rng(seed)
        drawn = [int(count) for count in rng.integers(1, 12, size=4)]
        compare(
            answer,
            "count_layers",
            [Call(*case) for case in (*cases, (tuple(drawn), 3))],
            right=lambda blocks, layers: sum(blocks) * layers + 2,
            mistakes=LAYER_MISTAKES,
            tell=tell_count,
            hint="Count the layers of all blocks, and the layers outside of them.",
        )
        return "Right: the stem and the classifier are layers, too. (Projections are not counted.)"

    return run(
        answer, verify, hint="Its arguments are a tuple of blocks in each stage, and the layers of a block."
    )


LAYER_MISTAKES = [
    (
        lambda blocks, layers: sum(blocks) * layers,
        "the stem and the classifier are missing.",
        "Every network here begins with a convolution and ends with a dense layer.",
    ),
    (
        lambda blocks, layers: sum(blocks) * layers + 1,
        "one layer outside of the blocks is missing.",
        "There are two: the stem and the classifier.",
    ),
    (
        lambda blocks, layers: sum(blocks) * layers + 2 + len(blocks),
        "the projections were counted.",
        "By convention only the layers along the branches count.",
    ),
    (lambda blocks, layers: sum(blocks) + 2, "a block was counted as one layer.", "How many layers has a block?"),
    (
        lambda blocks, layers: len(blocks) * layers + 2,
        "a stage was counted as one block.",
        "The tuple says how many blocks each stage has.",
    ),
    (
        lambda blocks, layers: math.prod(blocks) * layers + 2,
        "the blocks of the stages were multiplied.",
        "The stages follow each other: add.",
    ),
    (
        lambda blocks, layers: sum(blocks) * (layers + 1) + 2,
        "the addition or the activation of a block was counted.",
        "Only layers with weights along the branch count.",
    ),
    (
        lambda blocks, layers: 6 * blocks[0] + 2,
        "that is the rule for CIFAR-10's networks.",
        "Add up all the stages.",
    ),
]


def check_vgg_cost(answer, *, cases=VGGS, seed=None):
    """Check `vgg_cost(stages)`: the multiply-adds of a VGG network for 224×224 pixels."""

    def verify():
        rng = np.random.default_rng(seed)
        drawn = [(int(rng.integers(3, 20)) * 8, int(rng.integers(1, 5))) for _ in range(5)]
        compare(
            answer,
            "vgg_cost",
            [Call(list(stages)) for stages in (*cases, drawn)],
            right=_vgg_cost(),
            mistakes=VGG_MISTAKES,
            tell=tell_count,
            hint="A convolution costs 9 · channels in · filters at each pixel; a dense layer inputs · outputs.",
        )
        return "Right: 9 · channels in · filters · pixels for each convolution, and the three dense layers."

    return run(answer, verify, hint="Its argument is a list of (filters, convolutions), one pair a stage.")


def _half(side):
    return side // 2


def _all_values(side, channels):
    return side * side * channels


def _vgg_cost(
    *,
    kernel=9,
    smaller=_half,
    dense=(VGG_DENSE, VGG_DENSE, VGG_CLASSES),
    flatten=_all_values,
    before=True,
    changes=True,
    channels=3,
    halved_first=False,
    bias=0,
):
    """Count the multiply-adds of a VGG, or make a usual mistake."""

    def count(stages):
        side, channels_in, total = VGG_SIDE, channels, 0
        for filters, convolutions in stages:
            if halved_first:
                side = smaller(side)
            for _ in range(convolutions):
                inputs = channels_in if before else 1
                total += (kernel * inputs + bias) * filters * side**2
                channels_in = filters if changes else channels_in
            channels_in = filters
            if not halved_first:
                side = smaller(side)
        sizes = (flatten(side, channels_in), *dense)
        return total + sum(a * b for a, b in itertools.pairwise(sizes))

    return count


VGG_MISTAKES = [
    (
        _vgg_cost(dense=()),
        "the dense layers are missing.",
        "Three of them follow: 4096, 4096 and 1000 outputs.",
    ),
    (
        _vgg_cost(dense=(VGG_DENSE, VGG_DENSE)),
        "the last dense layer is missing.",
        "Three of them follow: 4096, 4096 and 1000 outputs.",
    ),
    (
        _vgg_cost(flatten=lambda side, channels: channels),
        "the first dense layer got one value a channel.",
        "VGG has no global pooling: that layer gets every pixel of every channel.",
    ),
    (
        _vgg_cost(flatten=lambda side, channels: 25_088),
        "the first dense layer got 25,088 values, whatever the stages are.",
        "It gets side · side · filters of the last stage. 7 · 7 · 512 is VGG-19's.",
    ),
    (
        _vgg_cost(smaller=lambda side: side),
        "the image is never halved.",
        "A pooling at the end of each stage halves both sides.",
    ),
    (
        _vgg_cost(smaller=lambda side: side / 2),
        "a side was halved to a fraction.",
        "The fraction is dropped: 7 pixels become 3.",
    ),
    (
        _vgg_cost(smaller=lambda side: -(-side // 2)),
        "a side was rounded up.",
        "The fraction is dropped: 7 pixels become 3.",
    ),
    (
        _vgg_cost(halved_first=True),
        "the image is halved at the beginning of each stage.",
        "The pooling stands at the end of a stage: the first stage sees 224×224 pixels.",
    ),
    (
        _vgg_cost(kernel=1),
        "the 3×3 pixels under a kernel were not counted.",
        "Each output value sums over 9 pixels.",
    ),
    (_vgg_cost(kernel=3), "a kernel was counted as 3 pixels.", "A 3×3 kernel covers 9."),
    (
        _vgg_cost(before=False),
        "the input channels were not counted.",
        "Each output value sums over all input channels.",
    ),
    (
        _vgg_cost(changes=False),
        "all convolutions of a stage were given the channels that enter it.",
        "Only the first sees those; the others see the stage's filters.",
    ),
    (_vgg_cost(channels=1), "the image has one channel.", "It has three: red, green, blue."),
    (_vgg_cost(bias=1), "the biases were counted.", "By convention, biases are not."),
    (
        lambda stages: 2 * _vgg_cost()(stages),
        "everything was counted twice.",
        "A multiply-add is one operation here.",
    ),
]


def check_fold_bias(answer, *, sizes=(5, 64), seed=None):
    """Check `fold_bias(bias, moving_mean)`: the mean with which batch normalization does without the bias."""

    def verify():
        rng = np.random.default_rng(seed)
        calls = [
            Call(rng.normal(size=size), rng.normal(size=size), shown=f"(two arrays of {size} numbers)")
            for size in sizes
        ]
        compare(
            answer,
            "fold_bias",
            calls,
            read=array,
            right=lambda bias, mean: mean - bias,
            mistakes=FOLD_MISTAKES,
            close=close_arrays,
            tell=_tell_first,
            hint="Write down scale · (x + bias − mean) / σ + offset. Where does the bias stand?",
        )
        return "Right: (x + bias) − mean = x − (mean − bias). Scale, offset and variance stay."

    return run(answer, verify, hint="Its arguments are bias and moving_mean, arrays of one shape.")


def _tell_first(got, wanted):
    if got.shape != wanted.shape:
        return f"gave the shape {got.shape}, not {wanted.shape}"
    return f"gave {got.ravel()[0]:.4g} at the first place, not {wanted.ravel()[0]:.4g}"


FOLD_MISTAKES = [
    (lambda bias, mean: mean + bias, "the sign is wrong.", "The mean is subtracted, and the bias was added."),
    (lambda bias, mean: bias - mean, "everything has the other sign.", "Batch normalization subtracts its mean."),
    (lambda bias, mean: mean, "the bias is lost.", "Without it the outputs differ, unless it is 0."),
    (lambda bias, mean: -bias, "the old mean is lost.", "Both shift the signal."),
    (lambda bias, mean: bias, "that is the bias.", "What has the mean to be, so that the outputs stay equal?"),
    (
        lambda bias, mean: mean * bias,
        "they were multiplied.",
        "Both are added to the signal or subtracted from it.",
    ),
    (
        lambda bias, mean: np.zeros_like(mean),
        "it is zero.",
        "What has the mean to be, so that the outputs stay equal?",
    ),
]


def check_bottleneck_weights(answer, *, cases=((256, 64), (256, 128, 32), (512, 96)), seed=None):
    """Check `bottleneck_weights(channels, inner, groups=1)`: the weights of a bottleneck's three convolutions."""

    def verify():
        rng = np.random.default_rng(seed)
        groups = int(rng.integers(2, 9))
        drawn = int(rng.integers(5, 20)) * 8, groups * int(rng.integers(3, 9)), groups
        compare(
            answer,
            "bottleneck_weights",
            [Call(*case) for case in (*cases, drawn)],
            right=_bottleneck_weights,
            mistakes=GROUP_MISTAKES,
            tell=tell_count,
            hint="1×1: channels · inner. 3×3 in groups: each filter sees inner / groups channels. 1×1 back.",
        )
        return "Right: in groups, a 3×3 filter sees only its share of the channels."

    return run(answer, verify, hint="Its arguments are channels, inner and groups, which is 1 by default.")


def _bottleneck_weights(channels, inner, groups=1):
    return 2 * channels * inner + 9 * inner * inner // groups


GROUP_MISTAKES = [
    (
        lambda channels, inner, groups=1: 2 * channels * inner + 9 * inner * inner,
        "the groups do not enter it.",
        "In groups, a filter of the 3×3 convolution sees inner / groups channels.",
    ),
    (
        lambda channels, inner, groups=1: channels * inner + 9 * inner * inner / groups,
        "one of the 1×1 convolutions is missing.",
        "One goes to `inner` filters, one comes back to `channels`.",
    ),
    (
        lambda channels, inner, groups=1: 2 * channels * inner + inner * inner / groups,
        "the 3×3 kernel was counted as 1×1.",
        "It covers 9 pixels.",
    ),
    (
        lambda channels, inner, groups=1: 2 * channels * inner + 3 * inner * inner / groups,
        "the 3×3 kernel was counted as 3 pixels.",
        "It covers 9.",
    ),
    (
        lambda channels, inner, groups=1: 2 * channels * inner + 9 * inner * inner / groups**2,
        "it was divided by the groups twice.",
        "A filter sees inner / groups channels, but there are still `inner` filters.",
    ),
    (
        lambda channels, inner, groups=1: (2 * channels * inner + 9 * inner * inner) / groups,
        "all three convolutions were split into groups.",
        "Only the 3×3 one is.",
    ),
    (
        lambda channels, inner, groups=1: 2 * channels * inner + 9 * inner * inner * groups,
        "it was multiplied by the groups.",
        "Groups save weights.",
    ),
    (
        lambda channels, inner, groups=1: 2 * channels * inner + 9 * inner / groups,
        "the filters of the 3×3 convolution were not counted.",
        "It has `inner` filters, each of 9 · inner / groups weights.",
    ),
    (
        lambda channels, inner, groups=1: 2 * 9 * channels * channels,
        "that is a block of two 3×3 convolutions.",
        "A bottleneck has 1×1, 3×3 and 1×1.",
    ),
    (
        lambda channels, inner, groups=1: _bottleneck_weights(channels, inner, groups) + 2 * inner + channels,
        "the biases were counted.",
        "Count the weights of the kernels alone.",
    ),
]
