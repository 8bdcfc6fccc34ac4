"""Answers to the exercises of lesson 8."""

import math

import numpy as np

from resnet_edu.checks import imagenet as checks


def layers_by_loop(blocks, layers_per_block):
    depth = 1
    for count in blocks:
        for _ in range(count):
            depth += layers_per_block
    return depth + 1


def vgg_by_loop(stages):
    side, channels, total = 224, 3, 0
    for filters, convolutions in stages:
        for _ in range(convolutions):
            total += 9 * channels * filters * side * side
            channels = filters
        side //= 2
    return total + side * side * channels * 4096 + 4096 * 4096 + 4096 * 1000


def vgg_by_numpy(stages):
    filters = np.repeat(*np.transpose(stages))
    sides = np.repeat([224 >> i for i in range(len(stages))], np.transpose(stages)[1])
    before = np.concatenate([[3], filters[:-1]])
    last = (224 >> len(stages)) ** 2 * filters[-1]
    return (9.0 * before * filters * sides**2).sum() + last * 4096.0 + 4096 * 5096


def vgg(
    *,
    kernel=9,
    channels=3,
    factor=1,
    dense=True,
    half=lambda side: int(side / 2),
    early=False,
    flat=lambda side, filters: side * side * filters,
    outputs=4096 + 1000,
):
    def count(stages):
        here, before, total = 112 if early else 224, channels, 0
        for filters, convolutions in stages:
            for _ in range(convolutions):
                total += kernel * before * filters * here**2
                before = filters
            here = half(here)
        here = 224 >> len(stages) if early else here
        return factor * (total + dense * 4096 * (flat(here, before) + outputs))

    return count


def weights(channels, inner, groups=1):
    return channels * inner + groups * 9 * (inner // groups) ** 2 + inner * channels


CORRECT = {
    checks.check_count_layers: [
        lambda blocks, layers: layers * sum(blocks) + 2,
        layers_by_loop,
        lambda blocks, layers_per_block: np.sum(np.multiply(blocks, layers_per_block)) + 2,
    ],
    checks.check_vgg_cost: [vgg_by_loop, vgg_by_numpy, vgg(), lambda stages: float(vgg_by_loop(stages))],
    checks.check_fold_bias: [
        lambda bias, moving_mean: moving_mean - bias,
        lambda bias, moving_mean: [m - b for b, m in zip(bias, moving_mean, strict=True)],
        lambda bias, moving_mean: np.subtract(moving_mean, bias).astype("float32"),
    ],
    checks.check_bottleneck_weights: [
        weights,
        lambda channels, inner, groups=1: 2 * channels * inner + 9 * inner * inner / groups,
        lambda channels, inner, groups=1: inner * (2 * channels + 9 * (inner // groups)),
    ],
}

WRONG = {
    checks.check_count_layers: [
        (lambda blocks, layers: layers * sum(blocks), "the stem and the classifier are missing"),
        (lambda blocks, layers: layers * sum(blocks) + 1, "one layer outside of the blocks"),
        (lambda blocks, layers: layers * sum(blocks) + 2 + len(blocks), "the projections were counted"),
        (lambda blocks, layers: sum(blocks) + 2, "counted as one layer"),
        (lambda blocks, layers: layers * len(blocks) + 2, "a stage was counted as one block"),
        (lambda blocks, layers: layers * math.prod(blocks) + 2, "were multiplied"),
        (lambda blocks, layers: (layers + 1) * sum(blocks) + 2, "the addition or the activation"),
        (lambda blocks, layers: 6 * blocks[0] + 2, "CIFAR-10's networks"),
        (lambda blocks, layers: 152, "and the same at every other call"),
        (lambda blocks, layers: [layers] * sum(blocks), "not a number"),
        (152, "a function is needed"),
    ],
    checks.check_vgg_cost: [
        (vgg(dense=False), "the dense layers are missing"),
        (vgg(half=lambda side: side), "never halved"),
        (vgg(early=True), "halved at the beginning"),
        (lambda stages: vgg_by_loop(stages) + 4096 * stages[-1][0] * (49 - (224 >> len(stages)) ** 2), "not"),
        (vgg(kernel=1), "under a kernel were not counted"),
        (vgg(kernel=3), "counted as 3 pixels"),
        (vgg(channels=1), "the image has one channel"),
        (vgg(factor=2), "counted twice"),
        (vgg(half=lambda side: side / 2), "to a fraction"),
        (vgg(half=lambda side: (side + 1) // 2), "rounded up"),
        (vgg(flat=lambda side, filters: 25_088), "25,088 values"),
        (vgg(flat=lambda side, filters: filters), "one value a channel"),
        (vgg(outputs=4096), "the last dense layer is missing"),
        (lambda stages: 19.6e9, "and the same at every other call"),
        (lambda stages: (vgg_by_loop(stages), 1), "not a number"),
        (lambda: 0, "TypeError"),
        (19.6e9, "a function is needed"),
    ],
    checks.check_fold_bias: [
        (lambda bias, mean: mean + bias, "the sign is wrong"),
        (lambda bias, mean: bias - mean, "the other sign"),
        (lambda bias, mean: mean, "the bias is lost"),
        (lambda bias, mean: -bias, "the old mean is lost"),
        (lambda bias, mean: bias, "that is the bias"),
        (lambda bias, mean: bias * mean, "they were multiplied"),
        (lambda bias, mean: 0 * mean, "it is zero"),
        (lambda bias, mean: np.mean(mean - bias), "gave the shape ()"),
        (lambda bias, mean: (mean - bias).round(), "at the first place"),
        (lambda bias: bias, "TypeError"),
        (np.zeros(3), "a function is needed"),
    ],
    checks.check_bottleneck_weights: [
        (lambda channels, inner, groups=1: weights(channels, inner), "the groups do not enter it"),
        (lambda channels, inner, groups=1: weights(channels, inner, groups) - channels * inner, "is missing"),
        (lambda c, inner, groups=1: 2 * c * inner + inner**2 / groups, "counted as 1×1"),
        (lambda c, inner, groups=1: 2 * c * inner + 3 * inner**2 / groups, "counted as 3 pixels"),
        (lambda c, inner, groups=1: 2 * c * inner + 9 * (inner / groups) ** 2, "divided by the groups twice"),
        (lambda c, inner, groups=1: (2 * c * inner + 9 * inner**2) / groups, "all three convolutions"),
        (lambda c, inner, groups=1: 2 * c * inner + 9 * inner**2 * groups, "multiplied by the groups"),
        (lambda c, inner, groups=1: 2 * c * inner + 9 * inner / groups, "were not counted"),
        (lambda c, inner, groups=1: 18 * c * c, "two 3×3 convolutions"),
        (lambda c, inner, groups=1: weights(c, inner, groups) + 2 * inner + c, "the biases were counted"),
        (lambda c: weights(c, c), "TypeError"),
        (70_144, "a function is needed"),
    ],
}
