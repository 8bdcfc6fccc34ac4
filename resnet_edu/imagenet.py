"""The networks for ImageNet: plain and residual, with basic blocks or bottlenecks (He et al. 2015, table 1).

A 7×7 stem and a maximum pooling bring 224×224 pixels to 56×56; four stages of blocks follow, of which each but the
first halves the image, then global average pooling and a classifier.
"""

import contextlib
import functools
import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from keras import layers

from resnet_edu import blocks, costs
from resnet_edu.blocks import IMAGENET

STAGE_FILTERS = (64, 128, 256, 512)
KERAS_WEIGHTS = "resnet50_weights_tf_dim_ordering_tf_kernels.h5"
WIDENING = 4  # a bottleneck's output has so many times the filters of its inside
SMALLEST_SIDE = 32
# For each depth: whether its blocks are bottlenecks, and how many each stage has.
STAGES = {
    18: (False, (2, 2, 2, 2)),
    34: (False, (3, 4, 6, 3)),
    50: (True, (3, 4, 6, 3)),
    101: (True, (3, 4, 23, 3)),
    152: (True, (3, 8, 36, 3)),
}


def resnet_imagenet(depth, num_classes=1000, *, input_shape=(224, 224, 3), stride_at="conv1", name=None, **style):
    """Build the residual network of this depth for ImageNet: 18, 34, 50, 101 or 152 layers.

    Input: images `(batch, height, width, channels)`; output: class probabilities `(batch, num_classes)`. 50 layers
    and more have bottlenecks, whose stride is `stride_at`, see `blocks.bottleneck_block`. Further keywords change
    a field of `blocks.IMAGENET`. Raises ValueError for a depth, shape, number of classes or style that cannot be
    built.
    """
    bottleneck, counts = _stages(depth, STAGES)
    return stage_net(
        counts,
        num_classes,
        bottleneck=bottleneck,
        input_shape=input_shape,
        stride_at=stride_at,
        name=name or f"resnet_imagenet_{depth}",
        **style,
    )


def plain_imagenet(depth, num_classes=1000, *, input_shape=(224, 224, 3), name=None, **style):
    """Build the plain network of 18 or 34 layers for ImageNet: `resnet_imagenet` without its shortcuts.

    Takes and returns what `resnet_imagenet` does, but for `stride_at`.
    """
    _, counts = _stages(depth, {depth: stages for depth, stages in STAGES.items() if not stages[0]})
    return stage_net(
        counts,
        num_classes,
        shortcuts=False,
        input_shape=input_shape,
        name=name or f"plain_imagenet_{depth}",
        **style,
    )


def stage_net(
    counts,
    num_classes=1000,
    *,
    bottleneck=False,
    shortcuts=True,
    input_shape=(224, 224, 3),
    stride_at="conv1",
    name=None,
    **style,
):
    """Build a network for ImageNet with so many blocks in each of the four stages; see `resnet_imagenet`.

    `counts` holds four whole numbers of at least 1. Raises ValueError for others, for bottlenecks without
    shortcuts, and as `resnet_imagenet` does.
    """
    counts = _check_counts(counts)
    _check_shape(input_shape)
    style = blocks.change_style(IMAGENET, style)
    inputs = layers.Input(input_shape, name="images")
    x = _stem(inputs, style)
    for stage, number, filters, stride in list_blocks(counts):
        place = {"stride": stride, "style": style, "name": f"stage{stage}_block{number}"}
        x = block_of(bottleneck, shortcuts, stride_at)(x, filters, **place)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, blocks.classifier(x, num_classes, style=style), name=name or "stage_net")


def list_blocks(counts):
    """Return stage, number, filters and stride of every block of a network with so many blocks a stage."""
    return [
        (stage, number, filters, 2 if number == 1 and stage > 1 else 1)
        for stage, (count, filters) in enumerate(zip(counts, STAGE_FILTERS, strict=True), start=1)
        for number in range(1, count + 1)
    ]


def block_of(bottleneck, shortcuts=True, stride_at="conv1"):
    """Return the function that builds a network's blocks, called as `blocks.residual_block` is.

    Raises ValueError for an unknown place of the stride, and for bottlenecks without shortcuts.
    """
    blocks.check_stride_place(stride_at)
    if bottleneck and not shortcuts:
        raise ValueError("bottleneck=True needs shortcuts=True: the plain networks have blocks of two 3×3 layers")
    if not shortcuts:
        return blocks.plain_block
    if not bottleneck:
        return blocks.residual_block
    return lambda x, filters, **place: blocks.bottleneck_block(
        x, filters, WIDENING * filters, stride_at=stride_at, **place
    )


def depth_of(counts, *, bottleneck):
    """Return the number of layers: those of the branches, the stem and the classifier."""
    return sum(counts) * (3 if bottleneck else 2) + 2


def count_costs(counts, *, bottleneck):
    """Return `{place: costs.Cost}` of a network with so many blocks a stage, for 224×224 pixels and 1000 classes.

    The places are those of `costs.group_costs`: "stem", "stage1" to "stage4" and "classifier". No network is built
    but each kind of block once, so that a widget can ask for any network. Raises ValueError for other `counts`.
    """
    found = {"stem": _block_cost("stem", 224, 3)}
    size, channels = 56, STAGE_FILTERS[0]
    for stage, _, filters, stride in list_blocks(_check_counts(counts)):
        cost = _block_cost("block", size, channels, filters, stride, bottleneck)
        size, channels = size // stride, filters * (WIDENING if bottleneck else 1)
        found[f"stage{stage}"] = costs.sum_costs([cost, found.get(f"stage{stage}", costs.Cost(0, 0))])
    return found | {"classifier": _block_cost("classifier", 1, channels)}


@functools.lru_cache
def _block_cost(kind, size, channels, filters=0, stride=1, bottleneck=False):
    style = replace(IMAGENET, initializer="zeros")
    x = layers.Input((size, size, channels))
    if kind == "stem":
        y = _stem(x, style)
    elif kind == "classifier":
        y = blocks.classifier(layers.Flatten()(x), 1000, style=style)
    else:
        y = block_of(bottleneck)(x, filters, stride=stride, style=style, name="stage1_block1")
    return costs.total_costs(costs.layer_costs(keras.Model(x, y)))


def load_keras_resnet50(*, seed=0):
    """Return `keras.applications.ResNet50`, and whether it has its weights from ImageNet.

    It has where Keras has kept them on this computer, undamaged; nothing is downloaded. Otherwise all weights and
    statistics are drawn from `seed`, as by `draw_all`.
    """
    path = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "models" / KERAS_WEIGHTS
    if path.is_file():
        # By its path: by its name Keras would download a file again that is cut off.
        with contextlib.suppress(OSError, ValueError):
            return keras.applications.ResNet50(weights=str(path)), True
    model = keras.applications.ResNet50(weights=None)
    draw_all(model, seed=seed)
    return model, False


def draw_all(model, *, seed):
    """Draw every weight and statistic of `model` from `seed`: kernels, biases, scales, offsets, means, variances.

    A fresh network has biases of 0 and scales of 1, which an error in copying them would not change.
    """
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        if len(variable.shape) > 1:
            width = 1 / np.sqrt(np.prod(variable.shape[:-1]))
            variable.assign(width * rng.standard_normal(variable.shape, "float32"))
        elif "variance" in variable.path:
            variable.assign(rng.uniform(0.5, 2, variable.shape))
        else:
            variable.assign(("gamma" in variable.path) + 0.2 * rng.normal(size=variable.shape))


def copy_resnet50(source, target):
    """Give `target`, our ResNet-50, the weights of `source`, a `keras.applications.ResNet50`.

    Keras' convolutions have biases, ours have none. Each is followed by batch normalization, which subtracts the
    mean: to take the bias from the moving mean has the same effect. For equal outputs `target` is built with
    `bn_epsilon=1.001e-5`, as Keras' is. Raises ValueError where the layers do not fit.
    """
    for layer in target.layers:
        if not layer.weights:
            continue
        theirs = source.get_layer(_keras_name(layer.name))
        if isinstance(layer, layers.BatchNormalization):
            scale, offset, mean, variance = theirs.get_weights()
            bias = source.get_layer(theirs.name.replace("_bn", "_conv")).get_weights()[1]
            layer.set_weights([scale, offset, mean - bias, variance])
        elif isinstance(layer, layers.Conv2D):
            layer.set_weights(theirs.get_weights()[:1])
        else:
            layer.set_weights(theirs.get_weights())


def _keras_name(name):
    """Return what `keras.applications.ResNet50` calls our layer."""
    if name == "classifier":
        return "predictions"
    place = re.fullmatch(r"stage(\d)_block(\d+)_(conv|bn|shortcut)(\d?)(_bn)?", name)
    if not place:
        return name.replace("stem", "conv1")
    stage, block, kind, number, of_shortcut = place.groups()
    kind = "bn" if kind == "bn" or of_shortcut else "conv"
    return f"conv{int(stage) + 1}_block{block}_{number or 0}_{kind}"


def _stem(images, style):
    x = blocks.conv(images, STAGE_FILTERS[0], kernel_size=7, stride=2, style=style, name="stem_conv")
    x = blocks.operations(x, "bn act", style=style, name="stem")
    x = layers.ZeroPadding2D(1, name="stem_pool_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name="stem_pool")(x)


def _stages(depth, known):
    if depth not in known:
        raise ValueError(f"depth={depth!r} is unknown; it is one of {', '.join(map(str, known))}")
    return known[depth]


def _check_counts(counts):
    found = tuple(counts) if isinstance(counts, Iterable) else ()
    if len(found) != len(STAGE_FILTERS) or not all(blocks.is_whole(count) and count >= 1 for count in found):
        raise ValueError(
            f"counts={counts!r} must be {len(STAGE_FILTERS)} whole numbers of at least 1, such as 3, 4, 6, 3"
        )
    return found


def _check_shape(shape):
    if not blocks.is_image_shape(shape) or min(shape[:2]) < SMALLEST_SIDE or shape[2] < 1:
        raise ValueError(
            f"input_shape={shape!r} must be (height, width, channels), with sides of {SMALLEST_SIDE} or more"
        )
