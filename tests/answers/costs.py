"""Answers to the counting exercises of lessons 4 and 5."""

import functools
import math

import keras
import numpy as np

from resnet_edu import models
from resnet_edu.checks import costs as checks

# On JAX the first random kernel of each shape takes long.
UNDRAWN = "zeros"


def network(depth, *, build=models.resnet_v1, channels=3, **options):
    return build((32, 32, channels), depth, initializer=UNDRAWN, **options)


def conv_cost(height, width, channels_in, filters, kernel=3, stride=1, bias=True):
    weights = kernel * kernel * channels_in * filters
    rows, columns = -(-height // stride), -(-width // stride)
    return weights + (filters if bias else 0), weights * rows * columns


def conv_cost_by_keras(height, width, channels_in, filters, kernel=3, stride=1, bias=True):
    layer = keras.layers.Conv2D(
        filters, kernel, strides=stride, padding="same", use_bias=bias, kernel_initializer=UNDRAWN
    )
    layer.build((1, height, width, channels_in))
    _, rows, columns, _ = layer.compute_output_shape((1, height, width, channels_in))
    return [layer.count_params(), math.prod(layer.kernel.shape) * rows * columns]


def conv_cost_by_loops(height, width, channels_in, filters, kernel=3, stride=1, bias=True):
    work = sum(
        kernel**2 * channels_in * filters for _ in range(0, height, stride) for _ in range(0, width, stride)
    )
    return np.array([(kernel**2 * channels_in + int(bias)) * filters, work])


def conv_cost_in_floats(height, width, channels_in, filters, kernel=3, stride=1, bias=True):
    weights = float(kernel) ** 2 * channels_in * filters
    return np.float64(weights + bias * filters), weights * np.ceil(height / stride) * np.ceil(width / stride)


def conv_cost_with_a_mistake(
    height, width, channels_in, filters, kernel=3, stride=1, bias=True, *, size=math.ceil, mistake=""
):
    """`size` is the mistake with the output's height and width, `mistake` another one."""
    side = 3 if mistake == "always 3×3" else kernel
    weights = side * (1 if mistake == "one side" else side) * channels_in * filters
    if mistake == "channels in":
        weights //= channels_in
    parameters = weights + bias * filters
    parameters = {
        "no bias": weights,
        "bias always": weights + filters,
        "one bias": weights + bias,
        "bias of inputs": weights + bias * channels_in,
        "bias of pairs": weights + bias * filters * channels_in,
        "one filter": weights // filters + bias * filters,
        "at every pixel": parameters * height * width,
    }.get(mistake, parameters)
    pixels = size(height / stride) * size(width / stride)
    work = {"bias multiplied": weights + filters, "flops": 2 * weights, "work of a filter": weights // filters}
    return parameters, work.get(mistake, weights) * pixels


def taps(side, kernel, stride):
    """How often a kernel's places along one side meet a pixel of the image."""
    zeros = max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
    padded = np.pad(np.ones(side), (zeros // 2, zeros - zeros // 2))
    return sum(padded[start : start + kernel].sum() for start in range(0, len(padded) - kernel + 1, stride))


def mistaken_cost(mistake):
    return functools.partial(conv_cost_with_a_mistake, mistake=mistake)


def cost_with_pixels(count):
    """The right parameters, and multiply-adds with `count(height, width, kernel, stride)` pixels."""

    def cost(height, width, channels_in, filters, kernel=3, stride=1, bias=True):
        weights = kernel**2 * channels_in * filters
        return weights + bias * filters, weights * count(height, width, kernel, stride)

    return cost


def straight_line(depth):
    return 274_442 + (861_770 - 274_442) * (depth - 20) // 36


def built(depth):
    return network(depth).count_params()


def by_blocks(depth):
    n = (depth - 2) // 6

    def conv_bn(channels, filters):
        return 9 * channels * filters + filters + 4 * filters

    total, channels = conv_bn(3, 16), 16
    for filters in (16, 32, 64):
        for _ in range(n):
            total += conv_bn(channels, filters) + conv_bn(filters, filters)
            if channels != filters:
                total += channels * filters + filters
            channels = filters
    return total + 650


def by_weights(depth):
    return np.int64(sum(int(np.prod(weight.shape)) for weight in network(depth).weights))


def trainable_only(depth):
    return sum(int(np.prod(weight.shape)) for weight in network(depth).trainable_weights)


def count_with(**mistake):
    return functools.partial(checks.v1_parameters, **mistake)


CORRECT = {
    checks.check_conv_cost: [
        conv_cost,
        conv_cost_by_keras,
        conv_cost_by_loops,
        conv_cost_in_floats,
        lambda h, w, ci, co, **options: keras.ops.convert_to_tensor(conv_cost(h, w, ci, co, **options)),
    ],
    checks.check_count_parameters: [
        straight_line,
        built,
        by_blocks,
        by_weights,
        lambda depth: float(by_blocks(depth)),
        lambda depth: keras.ops.convert_to_tensor(by_blocks(depth)),
    ],
    checks.check_fair_depth: [38, 38.0, np.int64(38), np.array(38)],
}

WRONG = {
    checks.check_conv_cost: [
        (mistaken_cost("no bias"), "the biases are missing"),
        (mistaken_cost("bias always"), "without being there"),
        (mistaken_cost("one bias"), "one bias together"),
        (mistaken_cost("bias of inputs"), "by input channel"),
        (mistaken_cost("bias of pairs"), "a bias for every input channel"),
        (mistaken_cost("one side"), "parameters, not"),
        (mistaken_cost("one side"), "along one side only"),
        (mistaken_cost("always 3×3"), "whatever `kernel` says"),
        (mistaken_cost("channels in"), "the input channels are missing"),
        (mistaken_cost("one filter"), "the weights of one filter"),
        (cost_with_pixels(lambda h, w, k, s: 1), "that is one output pixel"),
        (cost_with_pixels(lambda h, w, k, s: h * w), "multiply-adds, not"),
        (cost_with_pixels(lambda h, w, k, s: h * w), "the stride is missing"),
        (functools.partial(conv_cost_with_a_mistake, size=math.floor), "rounded down"),
        (functools.partial(conv_cost_with_a_mistake, size=float), "were not rounded"),
        (cost_with_pixels(lambda h, w, k, s: h * w // s**2), "divided together and rounded down"),
        (cost_with_pixels(lambda h, w, k, s: -(-h * w // s**2)), "divided together"),
        (cost_with_pixels(lambda h, w, k, s: -(-h // s) * w), "for the height only"),
        (cost_with_pixels(lambda h, w, k, s: -(-h * w // s)), "the stride was used once"),
        (cost_with_pixels(lambda h, w, k, s: ((h - k) // s + 1) * ((w - k) // s + 1)), "without padding"),
        (cost_with_pixels(lambda h, w, k, s: taps(h, k, s) * taps(w, k, s) / k**2), "zeros of the padding"),
        (mistaken_cost("bias multiplied"), "the biases were counted"),
        (mistaken_cost("flops"), "by itself"),
        (mistaken_cost("work of a filter"), "that is one filter"),
        (lambda *given, **options: conv_cost(*given, **options)[::-1], "in the wrong order"),
        (lambda *given, **options: conv_cost(*given, **options)[0], "not two numbers"),
        (lambda *given, **options: {*conv_cost(*given, **options)}, "not two numbers"),
        (lambda *given, **options: (*conv_cost(*given, **options), 0), "gave 3 values"),
        (lambda *given, **options: ("many", "more"), "gave str, not a number"),
        (lambda *given, **options: (1, 1), "and the same at every other call"),
        (lambda *given, **options: (math.nan, math.inf), "gave nan parameters"),
        (lambda *given, **options: None if options else conv_cost(*given), "gave nothing"),
        (lambda height, width, channels_in, filters: (1, 2), "TypeError"),
        ((4640, 1), "a function is needed"),
    ],
    checks.check_count_parameters: [
        (count_with(bn=0), "gave 271,690, not 274,442: batch normalization is missing"),
        (count_with(bn=2), "two numbers for each channel"),
        (trainable_only, "two numbers for each channel"),
        (count_with(bias=0), "the convolutions' biases are missing"),
        (count_with(projected="never"), "the projections are missing"),
        (lambda depth: network(depth, build=models.plain_net).count_params(), "the projections are missing"),
        (
            lambda depth: network(depth, shortcut="projection_all").count_params(),
            "every block was given a projection",
        ),
        (count_with(projected="each stage"), "stage 1 was given a projection"),
        (count_with(projected="with BN"), "the projections were given batch normalization"),
        (count_with(projected="3×3"), "as 3×3 convolutions"),
        (count_with(classifier=(64, 10, 0)), "the classifier's biases are missing"),
        (count_with(classifier=(0, 0, 0)), "the classifier is missing"),
        (count_with(classifier=(4096, 10, 1)), "for all 8×8 pixels"),
        (count_with(stem=None), "the stem is missing"),
        (lambda depth: network(depth, channels=1).count_params(), "for one channel"),
        (count_with(stem_bn=False), "the stem's batch normalization"),
        (count_with(entry="full"), "counted like the others"),
        (lambda depth: by_blocks(2 * depth - 2), "twice as many blocks"),
        (lambda depth: by_blocks(depth + 6), "one block too many"),
        (lambda depth: by_blocks(depth - 6), "one block too few"),
        (lambda depth: checks.v1_parameters(depth, n_of=lambda depth: depth / 6), "no whole number"),
        (count_with(bn=2, projected="never"), "for each channel, and the projections are missing"),
        (lambda depth: 274_442, "and the same at every other call"),
        (lambda depth: {20: 274_442, 56: 861_770, 110: 1_742_762}[depth], "KeyError"),
        (lambda depth: by_blocks(depth) + 1, "gave 274,443, not 274,442."),
        (lambda depth: f"{by_blocks(depth):,}", "gave str, not a number"),
        (lambda depth: [by_blocks(depth)] * 2, "gave list, not a number"),
        (274_442, "a function is needed"),
    ],
    checks.check_fair_depth: [
        (20, "equal in depth"),
        (32, "v1-32 has 470,218 parameters, v2-20 has 574,090: near"),
        (44, "near, but another"),
        (26, "too small"),
        (56, "v1-56 has 861,770 parameters"),
        (56, "too large"),
        (6, "6 is n"),
        (37, "cannot have the depth 37"),
        (2, "cannot have the depth 2"),
        (-4, "cannot have the depth -4"),
        (38.5, "cannot have the depth 38.5"),
        (math.nan, "cannot have the depth nan"),
        (math.inf, "cannot have the depth inf"),
        (574_090, "number of parameters of v2-20"),
        ("38", "of the type str"),
        ([38, 44], "of the type list"),
        (10**400, "of the type int"),
        (lambda: 38, "is a function"),
    ],
}

VALUES = {checks.check_fair_depth}
