"""The networks for CIFAR-sized images: plain, ResNet v1 and v2, highway, and v1 with its operations reordered.

All are a stem, three stages of equal blocks and a classifier. The default variant is the article's
network (the Keras CIFAR-10 example), layer for layer; `variant="paper"` is the paper's. Those for ImageNet, from
`imagenet`, are here by name, too.
"""

import re
from dataclasses import dataclass
from functools import partial

import keras
from keras import layers

from resnet_edu import blocks
from resnet_edu.blocks import ARTICLE, PAPER, Style, is_image_shape, is_whole
from resnet_edu.imagenet import plain_imagenet, resnet_imagenet

__all__ = [
    "BUILDERS",
    "VARIANTS",
    "blocks_per_stage",
    "check_input_shape",
    "highway_net",
    "plain_imagenet",
    "plain_net",
    "resnet_imagenet",
    "resnet_reordered",
    "resnet_v1",
    "resnet_v2",
]
STAGE_FILTERS = (16, 32, 64)


@dataclass(frozen=True)
class Variant:
    """How the article's and the paper's networks differ.

    `bottleneck_filters` holds, for each stage of v2, the filters inside a block and those of its output.
    """

    style: Style
    shortcut: str
    bottleneck_filters: tuple[tuple[int, int], ...]
    preactivate_shortcut: bool
    global_pooling: bool


VARIANTS = {
    "article": Variant(ARTICLE, "projection", ((16, 64), (64, 128), (128, 256)), False, False),
    # Option A in v1; v2's bottlenecks always project (He et al. 2016, appendix).
    "paper": Variant(PAPER, "padding", ((16, 64), (32, 128), (64, 256)), True, True),
}


def plain_net(input_shape, depth, num_classes=10, *, variant="article", name=None, **style):
    """Build the plain network of depth 6n+2: `resnet_v1` without its shortcuts (He et al. 2015, section 4.2).

    Takes and returns what `resnet_v1` does, but for `shortcut`.
    """
    n = blocks_per_stage(depth, layers_per_block=2)
    chosen = _variant(variant)
    stages = [(filters, blocks.plain_block) for filters in STAGE_FILTERS]
    return _three_stage_net(
        input_shape, n, num_classes, stages, chosen, style, name=name or _name("plain", depth, variant)
    )


def resnet_v1(input_shape, depth, num_classes=10, *, variant="article", shortcut=None, name=None, **style):
    """Build the residual network of depth 6n+2 (He et al. 2015, section 4.2): n two-layer blocks a stage.

    Input: images `(batch, height, width, channels)`, `input_shape` without the batch. Output: class
    probabilities `(batch, num_classes)`. `shortcut` is one of `blocks.SHORTCUTS`; by default the variant's.
    Further keywords change a field of the variant's `blocks.Style`, for ablations: `batch_norm=False`,
    `activation="sigmoid"`, `initializer="glorot_uniform"`, `seed=0`, `l2=0.0`. `seed` alone makes the kernels
    repeatable: it takes the place of a seed that the initializer has.
    Raises ValueError for a depth, shape, number of classes, variant, shortcut or style that cannot be built.
    """
    n = blocks_per_stage(depth, layers_per_block=2)
    chosen = _variant(variant)
    block = partial(blocks.residual_block, shortcut=shortcut or chosen.shortcut)
    stages = [(filters, block) for filters in STAGE_FILTERS]
    return _three_stage_net(
        input_shape, n, num_classes, stages, chosen, style, name=name or _name("resnet_v1", depth, variant)
    )


def resnet_v2(input_shape, depth, num_classes=10, *, variant="article", shortcut=None, name=None, **style):
    """Build the pre-activation bottleneck network of depth 9n+2 (He et al. 2016): n three-layer blocks a stage.

    Takes and returns what `resnet_v1` does. The article's blocks are wider inside (16, 64, 128 filters)
    than the paper's (16, 32, 64), which makes its network about 2.9 times as large.
    """
    n = blocks_per_stage(depth, layers_per_block=3)
    chosen = _variant(variant)
    stages = [
        (
            filters,
            partial(
                blocks.preactivation_bottleneck,
                out_filters=out_filters,
                shortcut=shortcut or "projection",
                preactivate_shortcut=chosen.preactivate_shortcut,
            ),
        )
        for filters, out_filters in chosen.bottleneck_filters
    ]
    name = name or _name("resnet_v2", depth, variant)
    return _three_stage_net(input_shape, n, num_classes, stages, chosen, style, name=name, preactivation="bn act")


def highway_net(input_shape, depth, num_classes=10, *, gate_bias=-2.0, variant="article", name=None, **style):
    """Build the network of depth 6n+2 whose blocks have gates: `resnet_v1` with `blocks.highway_block`.

    Takes and returns what `resnet_v1` does, but for `shortcut`. `gate_bias` is where every gate starts
    (Srivastava et al. 2015 take −1 to −4).
    """
    n = blocks_per_stage(depth, layers_per_block=2)
    chosen = _variant(variant)
    block = partial(blocks.highway_block, gate_bias=gate_bias, shortcut=chosen.shortcut)
    stages = [(filters, block) for filters in STAGE_FILTERS]
    return _three_stage_net(
        input_shape, n, num_classes, stages, chosen, style, name=name or _name("highway", depth, variant)
    )


def resnet_reordered(input_shape, depth, order, num_classes=10, *, variant="article", name=None, **style):
    """Build `resnet_v1` with its operations in one of `blocks.ORDERS`, by name (He et al. 2016, figure 4).

    Takes and returns what `resnet_v1` does, but for `shortcut`. What a block has before its first convolution
    is left out of the very first block, which follows the stem, and comes once more after the last one.
    """
    n = blocks_per_stage(depth, layers_per_block=2)
    chosen = _variant(variant)
    if order not in blocks.ORDERS:
        raise ValueError(f"order={order!r} is unknown; it is one of {', '.join(map(repr, blocks.ORDERS))}")
    before = blocks.ORDERS[order].before
    block = partial(blocks.reordered_block, order=blocks.ORDERS[order], shortcut=chosen.shortcut)
    stages = [(filters, block) for filters in STAGE_FILTERS]
    name = name or _name("resnet_" + re.sub(r"\W+", "_", order.lower()), depth, variant)
    return _three_stage_net(input_shape, n, num_classes, stages, chosen, style, name=name, preactivation=before)


# What a recipe can train, by name.
BUILDERS = {builder.__name__: builder for builder in (plain_net, resnet_v1, resnet_v2, highway_net)}


def blocks_per_stage(depth, *, layers_per_block):
    """Return n of the depth rule: 6n+2 for blocks of two layers, 9n+2 for blocks of three.

    Raises ValueError with the rule and the nearest valid depths where no n fits.
    """
    per_n = 3 * layers_per_block
    if not is_whole(depth):
        raise ValueError(f"depth={depth!r} must be a whole number {per_n}n + 2, such as {3 * per_n + 2}")
    n, remainder = divmod(depth - 2, per_n)
    if n >= 1 and not remainder:
        return n
    below, above = per_n * n + 2, per_n * (n + 1) + 2
    nearest = f"{below} and {above}" if n >= 1 else f"{per_n + 2}"
    raise ValueError(
        f"depth={depth} does not fit the rule depth = {per_n}n + 2 with n = 1, 2, 3, ... "
        f"({layers_per_block} layers a block, n blocks in each of 3 stages); nearest valid: {nearest}"
    )


def _three_stage_net(input_shape, n, num_classes, stages, variant, style, *, name, preactivation=""):
    """Stem, three stages of n blocks each, classifier; a stage is its filters and its block function.

    `preactivation` is what a block starts with in place of an activation after its addition.
    """
    check_input_shape(input_shape)
    style = blocks.change_style(variant.style, style)
    inputs = layers.Input(input_shape, name="images")
    x = blocks.conv_bn_act(inputs, STAGE_FILTERS[0], style=style, name="stem")
    for stage, (filters, block) in enumerate(stages, start=1):
        for number in range(1, n + 1):
            first = number == 1
            # The very first block follows the stem's BN-ReLU directly and does not repeat it.
            extra = {"preactivate": not (first and stage == 1)} if preactivation else {}
            x = block(
                x,
                filters,
                stride=2 if first and stage > 1 else 1,
                style=style,
                name=f"stage{stage}_block{number}",
                **extra,
            )
    x = blocks.operations(x, preactivation, style=style, name="head")
    return keras.Model(inputs, _classifier(x, num_classes, variant, style), name=name)


def _classifier(x, num_classes, variant, style):
    if variant.global_pooling:
        x = layers.GlobalAveragePooling2D(name="pool")(x)
    else:
        # The article pools 8×8, which is all of a 32×32 image's last map; smaller maps are pooled whole.
        x = layers.AveragePooling2D((min(8, x.shape[1]), min(8, x.shape[2])), name="pool")(x)
        x = layers.Flatten(name="flatten")(x)
    return blocks.classifier(x, num_classes, style=style)


def _name(kind, depth, variant):
    return f"{kind}_{depth}" if variant == "article" else f"{kind}_{depth}_{variant}"


def _variant(variant):
    if not isinstance(variant, str) or variant not in VARIANTS:
        raise ValueError(f"variant={variant!r} is unknown; it is one of {', '.join(map(repr, VARIANTS))}")
    return VARIANTS[variant]


def check_input_shape(shape):
    """Raise ValueError unless `shape` is `(height, width, channels)` and large enough for three stages."""
    wanted = "input_shape is (height, width, channels) without the batch, such as (32, 32, 3)"
    if not is_image_shape(shape):
        raise ValueError(f"{wanted}; got {shape!r}")
    height, width, channels = shape
    if min(height, width) < 4 or channels < 1:
        nearest = (max(4, height), max(4, width), max(1, channels))
        raise ValueError(
            f"{wanted}; {tuple(shape)} is too small: stages 2 and 3 each halve the image, so it needs at least "
            f"4×4 pixels and 1 channel; nearest valid: {nearest}"
        )
