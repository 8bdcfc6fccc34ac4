"""The plain, the v1 and the v2 network again, as pure functions of their kernels.

Building a 56-layer Keras model takes longer than computing with it. A widget that shows a new network at
every key press needs neither the model nor its layers, but each kind of block compiled once.
`draw_kernels` gives the kernels that the article's networks of `models` would start with, `mean_loss` the loss
that they would have. The tests hold the two against each other.
"""

import functools

from keras import activations, ops

from resnet_edu import backend
from resnet_edu.blocks import ARTICLE, seeded_initializer
from resnet_edu.logits import mean_cross_entropy
from resnet_edu.models import STAGE_FILTERS, VARIANTS, blocks_per_stage


def draw_kernels(channels, depth, *, network, initializer="he_normal", num_classes=10, seed=0):
    """Draw the kernels of a freshly initialized article network, as a dict from layer name to tensor.

    `network` is one of `NETWORKS`. The dict is in depth order and equal to what the model of the same `seed`
    starts with. Biases start at 0 and normalization at scale 1 and offset 0, so they are not needed. Raises
    ValueError for a network that is unknown and a depth that does not fit its rule.
    """
    shapes = {"stem_conv": (3, 3, channels, STAGE_FILTERS[0])}
    for name, kernels, _ in _block_places(depth, network):
        shapes |= {f"{name}_{part}": shape for part, shape in kernels.items()}
    shapes["classifier"] = (next(reversed(shapes.values()))[-1], num_classes)
    return {name: seeded_initializer(initializer, seed, name)(shape) for name, shape in shapes.items()}


def mean_loss(kernels, x, y, *, depth, network, activation="relu", batch_norm=True):
    """Return the mean sparse cross-entropy of the network with these kernels, in training mode.

    `x` is `(n, height, width, channels)` of at most 32×32 pixels, `y` holds `n` labels.
    """
    style = {"activation": activations.get(activation), "batch_norm": batch_norm}
    x = _run(_unit, (x, kernels["stem_conv"]), **style)
    for name, parts, options in _block_places(depth, network):
        x = _run(NETWORKS[network], (x, *(kernels[f"{name}_{part}"] for part in parts)), **options, **style)
    if network == "resnet_v2":
        x = _run(_activated, (x,), **style)
    return _run(_head, (x, y, kernels["classifier"]))


def _run(function, tensors, **options):
    shapes = tuple(tuple(tensor.shape) for tensor in tensors)
    return _compiled(function, shapes, **options)(*tensors)


@functools.lru_cache(maxsize=512)
def _compiled(function, shapes, **options):
    """Return a part of a network compiled for these shapes.

    A network repeats few different blocks, so a new depth needs nothing new to be compiled: this is what makes
    a network that was never seen before answer at once. The shapes are the key, and not used otherwise.
    """
    return backend.compiled(functools.partial(function, **options))


def _unit(x, kernel, *, stride=1, **style):
    return _activated(_convolved(x, kernel, stride), **style)


def _activated(x, *, activation, batch_norm):
    return activation(_normalized(x, batch_norm))


def _plain_block(x, kernel1, kernel2, *, stride, **style):
    return _unit(_unit(x, kernel1, stride=stride, **style), kernel2, **style)


def _residual_block(x, kernel1, kernel2, shortcut=None, *, stride, activation, batch_norm):
    branch = _unit(x, kernel1, stride=stride, activation=activation, batch_norm=batch_norm)
    branch = _normalized(_convolved(branch, kernel2), batch_norm)
    return activation(branch + (x if shortcut is None else _convolved(x, shortcut, stride)))


def _preactivation_bottleneck(x, kernel1, kernel2, kernel3, shortcut=None, *, stride, preactivate, **style):
    branch = _convolved(_activated(x, **style) if preactivate else x, kernel1, stride)
    branch = _convolved(_activated(branch, **style), kernel2)
    branch = _convolved(_activated(branch, **style), kernel3)
    return branch + (x if shortcut is None else _convolved(x, shortcut, stride))


NETWORKS = {"plain": _plain_block, "resnet_v1": _residual_block, "resnet_v2": _preactivation_bottleneck}


def _head(x, y, kernel):
    logits = ops.matmul(ops.mean(x, axis=(1, 2)), kernel)
    return mean_cross_entropy(y, logits)


def _convolved(x, kernel, stride=1):
    return ops.conv(x, kernel, strides=stride, padding="same")


def _normalized(x, batch_norm):
    if not batch_norm:
        return x
    channels = x.shape[-1]
    return backend.normalize_batch(x, ops.ones(channels), ops.zeros(channels), epsilon=ARTICLE.bn_epsilon)[0]


def _block_places(depth, network):
    """List name, kernel shapes by part, and options of every block of the article's network of this depth."""
    if network not in NETWORKS:
        raise ValueError(f"network={network!r} is unknown; it is one of {', '.join(map(repr, NETWORKS))}")
    bottleneck = network == "resnet_v2"
    n = blocks_per_stage(depth, layers_per_block=3 if bottleneck else 2)
    stages = (
        VARIANTS["article"].bottleneck_filters if bottleneck else zip(STAGE_FILTERS, STAGE_FILTERS, strict=True)
    )
    places, before = [], STAGE_FILTERS[0]
    for stage, (filters, out) in enumerate(stages, start=1):
        for number in range(1, n + 1):
            kernels = {"conv1": (3, 3, before, filters), "conv2": (3, 3, filters, filters)}
            options = {"stride": 2 if number == 1 and stage > 1 else 1}
            if bottleneck:
                kernels |= {"conv1": (1, 1, before, filters), "conv3": (1, 1, filters, out)}
                options["preactivate"] = (stage, number) != (1, 1)
            if network != "plain" and before != out:
                kernels["shortcut"] = (1, 1, before, out)
            places.append((f"stage{stage}_block{number}", kernels, options))
            before = out
    return places
