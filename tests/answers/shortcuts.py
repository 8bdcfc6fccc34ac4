"""Answers to the exercises of lesson 3."""

import functools
import math
import operator

import keras
import numpy as np

from resnet_edu import blocks
from resnet_edu.checks import shortcuts as checks


def padding_by_pad(x, filters, stride):
    return np.pad(x[:, ::stride, ::stride, :], ((0, 0), (0, 0), (0, 0), (0, filters - x.shape[3])))


def padding_into_zeros(x, filters, stride):
    batch, height, width, channels = x.shape
    out = np.zeros((batch, math.ceil(height / stride), math.ceil(width / stride), filters))
    out[..., :channels] = x[:, ::stride, ::stride]
    return out


def padding_by_loops(x, filters, stride):
    return [
        [
            [
                [float(pixel[c]) if c < len(pixel) else 0 for c in range(filters)]
                for j, pixel in enumerate(row)
                if j % stride == 0
            ]
            for i, row in enumerate(image)
            if i % stride == 0
        ]
        for image in x
    ]


def padding_by_keras(x, filters, stride):
    return blocks.PaddingShortcut(filters, stride=stride)(x)


def padding_by_matrix(x, filters, stride):
    return np.einsum("bhwc,cf->bhwf", x[:, ::stride, ::stride], np.eye(x.shape[-1], filters))


def padding_in_place(x, filters, stride):
    x = x.copy() if stride == 1 else x[:, ::stride, ::stride]
    x *= 2
    x /= 2
    return np.concatenate([x, np.zeros((*x.shape[:-1], filters - x.shape[-1]), x.dtype)], axis=-1)


def bias_by_bisection(share):
    low, high = -20.0, 20.0
    while high - low > 1e-5:
        middle = (low + high) / 2
        low, high = (middle, high) if 1 / (1 + math.exp(-middle)) < share else (low, middle)
    return low


def padded_with(keep, *, before=0.0, value=0):
    """A padding shortcut that keeps `keep(x, stride)` and puts a share of the new channels first."""

    def shortcut(x, filters, stride):
        kept, new = keep(x, stride), filters - x.shape[-1]
        return np.pad(kept, [(0, 0)] * 3 + [(int(new * before), new - int(new * before))], constant_values=value)

    return shortcut


def strided(x, stride):
    return x[:, ::stride, ::stride]


def pooled(x, stride, layer):
    return np.asarray(layer(stride, padding="same")(x))


CORRECT = {
    checks.check_padding_shortcut: [
        padding_by_pad,
        padding_into_zeros,
        padding_by_loops,
        padding_by_keras,
        padding_by_matrix,
        padding_in_place,
        lambda x, filters, stride: keras.ops.pad(
            x[:, ::stride, ::stride], [(0, 0), (0, 0), (0, 0), (0, filters - x.shape[-1])]
        ),
    ],
    checks.check_gate_bias: [
        lambda share: math.log(share / (1 - share)),
        lambda share: np.log(share) - np.log1p(-share),
        lambda share: -np.log(1 / share - 1),
        lambda share: 2 * math.atanh(2 * share - 1),
        lambda share: keras.ops.log(share / (1 - share)),
        bias_by_bisection,
        lambda share: np.array(math.log(share) - math.log(1 - share)),
    ],
    checks.check_passed_on: [
        lambda scale, blocks: scale**blocks,
        lambda scale, blocks: functools.reduce(operator.mul, [scale] * blocks),
        lambda scale, blocks: np.prod(np.full(blocks, scale)),
        lambda scale, blocks: math.exp(blocks * math.log(scale)),
        lambda scale, blocks: keras.ops.power(keras.ops.cast(scale, "float32"), blocks),
    ],
}

WRONG = {
    checks.check_padding_shortcut: [
        (padded_with(strided, before=1), "zeros come before"),
        (padded_with(strided, before=0.5), "on both sides"),
        (padded_with(strided, value=1), "channels are ones"),
        (padded_with(lambda x, stride: x), "gave the shape (2, 6, 8, 8), not (2, 3, 4, 8): no pixel was left out"),
        (padded_with(lambda x, stride: x[:, ::stride]), "only rows"),
        (padded_with(lambda x, stride: x[:, :, ::stride]), "only columns"),
        (padded_with(lambda x, stride: x[::stride, ::stride]), "images of the batch"),
        (padded_with(lambda x, stride: x[:, ::stride, ::stride, ::stride]), "channels were left out"),
        (padded_with(lambda x, stride: x[:, stride - 1 :: stride, stride - 1 :: stride]), "first pixels"),
        (padded_with(lambda x, s: x[:, : -(-x.shape[1] // s), : -(-x.shape[2] // s)]), "a corner"),
        (
            padded_with(lambda x, s: strided(x[:, : x.shape[1] // s * s, : x.shape[2] // s * s], s)),
            "last row or column is missing",
        ),
        (padded_with(functools.partial(pooled, layer=keras.layers.MaxPooling2D)), "the largest"),
        (padded_with(functools.partial(pooled, layer=keras.layers.AveragePooling2D)), "averaged"),
        (lambda x, filters, stride: strided(x, stride), "the new channels are missing"),
        (
            lambda x, filters, stride: padding_by_pad(x, filters + x.shape[-1], stride),
            "`filters` channels were added",
        ),
        (
            lambda x, filters, stride: np.take(strided(x, stride), np.arange(filters) % x.shape[-1], -1),
            "repeat the old ones",
        ),
        (lambda x, filters, stride: padding_by_pad(x, filters, stride).round(1), " at ["),
        (lambda x, filters, stride: x.mean(), "gave the shape ()"),
        (lambda x, filters, stride: np.zeros((2, 3, 4, 8)), "gave 0 at [0, 0, 0, 0], not"),
        (lambda x, filters, stride: "x", "gave str, not an array of numbers"),
        (lambda x, filters, stride: [[1], [1, 2]], "gave list, not an array of numbers"),
        (lambda x, filters, stride: np.reshape(x, (-1, filters)), "ValueError"),
        (lambda x: x, "TypeError"),
        (np.zeros((2, 3, 4, 8)), "a function is needed"),
    ],
    checks.check_gate_bias: [
        (lambda share: math.log((1 - share) / share), "the sign is wrong"),
        (lambda share: 1 / (1 + np.exp(-share)), "sigmoid of the share"),
        (lambda share: share, "the share itself"),
        (lambda share: share - 0.5, "distance from one half"),
        (lambda share: 4 * (share - 0.5), "tangent"),
        (lambda share: share / (1 - share), "ratio of the shares"),
        (lambda share: 1 / share - 1, "exp(-bias)"),
        (np.log, "logarithm of the share"),
        (lambda share: np.log(1 - share), "held back"),
        (lambda share: math.log10(share / (1 - share)), "base 10"),
        (lambda share: math.log2(share / (1 - share)), "base 2"),
        (np.arctanh, "undoes tanh"),
        (lambda share: np.arctanh(2 * share - 1), "half of it"),
        (lambda share: share * (1 - share), "slope of the gate"),
        (lambda share: -2, "and the same at every other call"),
        (lambda share: math.log(share / (1 - share)) + 0.1, "not"),
        (lambda share: np.log(-share), "gave nan"),
        (lambda share: math.log(-share), "ValueError"),
        (str, "gave str, not a number"),
        (-2.2, "a function is needed"),
    ],
    checks.check_passed_on: [
        (lambda scale, blocks: scale * blocks, "factors were added"),
        (lambda scale, blocks: blocks**scale, "swapped"),
        (lambda scale, blocks: scale ** (blocks - 1), "one block is missing"),
        (lambda scale, blocks: scale ** (blocks + 1), "one factor too many"),
        (lambda scale, blocks: scale ** (2 * blocks), "two factors for each block"),
        (lambda scale, blocks: (1 + scale) ** blocks, "besides the shortcut"),
        (lambda scale, blocks: scale, "that is one block"),
        (lambda scale, blocks: 1, "unscaled shortcut"),
        (lambda scale, blocks: scale**-blocks, "divided by."),
        (lambda scale, blocks: scale / blocks, "number of blocks"),
        (lambda scale, blocks: sum(scale**i for i in range(blocks)), "powers were added"),
        (lambda scale, blocks: 1 - blocks * (1 - scale), "what each block takes"),
        (lambda scale, blocks: round(scale**blocks, 2), "not"),
        (lambda scale, blocks: 0, "and the same at every other call"),
        (lambda scale, blocks: [scale] * (blocks + 1), "gave list, not a number"),
        (lambda scale: scale, "TypeError"),
        (lambda scale, blocks: scale**blocks if scale < 1 else None, "gave nothing"),
        (0.5, "a function is needed"),
    ],
}
