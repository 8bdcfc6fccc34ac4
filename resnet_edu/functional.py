"""The plain and the v1 network again, as pure functions of their kernels.

Building a 56-layer Keras model takes longer than computing with it. A widget that shows a new network at
every key press needs neither the model nor its layers, but each kind of block compiled once.
`draw_kernels` gives the kernels that `models.plain_net` and `models.resnet_v1` would start with, `mean_loss`
the loss that they would have. The tests hold the two against each other.
"""

import functools

from keras import activations, ops

from resnet_edu import backend
from resnet_edu.blocks import ARTICLE, seeded_initializer
from resnet_edu.models import STAGE_FILTERS, blocks_per_stage


def draw_kernels(channels, depth, *, residual, initializer="he_normal", num_classes=10, seed=0):
    """Draw the kernels of a freshly initialized article network, as a dict from layer name to tensor.

    The dict is in depth order and equal to what the model of the same `seed` starts with. Biases start
    at 0 and normalization at scale 1 and offset 0, so they are not needed. Raises ValueError for a
    depth that is not 6n+2.
    """
    before = STAGE_FILTERS[0]
    shapes = {"stem_conv": (3, 3, channels, before)}
    for filters, _, name in _block_places(depth):
        shapes[f"{name}_conv1"] = (3, 3, before, filters)
        shapes[f"{name}_conv2"] = (3, 3, filters, filters)
        if residual and before != filters:
            shapes[f"{name}_shortcut"] = (1, 1, before, filters)
        before = filters
    shapes["classifier"] = (before, num_classes)
    return {name: seeded_initializer(initializer, seed, name)(shape) for name, shape in shapes.items()}


def mean_loss(kernels, x, y, *, depth, residual, activation="relu", batch_norm=True):
    """Return the mean sparse cross-entropy of the network with these kernels, in training mode.

    `x` is `(n, height, width, channels)` of at most 32×32 pixels, `y` holds `n` labels. `residual` chooses
    between the v1 block and the plain one.
    """
    style = {"activation": activations.get(activation), "batch_norm": batch_norm}
    x = _run(_unit, (x, kernels["stem_conv"]), **style)
    for _, stride, name in _block_places(depth):
        weights = [
            kernels[f"{name}_{part}"] for part in ("conv1", "conv2", "shortcut") if f"{name}_{part}" in kernels
        ]
        x = _run(_block, (x, *weights), stride=stride, residual=residual, **style)
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


def _unit(x, kernel, *, stride=1, activation, batch_norm):
    return activation(_normalized(x, kernel, stride, batch_norm))


def _block(x, kernel1, kernel2, shortcut=None, *, stride, residual, activation, batch_norm):
    branch = _unit(x, kernel1, stride=stride, activation=activation, batch_norm=batch_norm)
    branch = _normalized(branch, kernel2, 1, batch_norm)
    if residual:
        x = x if shortcut is None else ops.conv(x, shortcut, strides=stride, padding="same")
        branch = x + branch
    return activation(branch)


def _head(x, y, kernel):
    logits = ops.matmul(ops.mean(x, axis=(1, 2)), kernel)
    return ops.mean(ops.sparse_categorical_crossentropy(y, logits, from_logits=True))


def _normalized(x, kernel, stride, batch_norm):
    x = ops.conv(x, kernel, strides=stride, padding="same")
    return backend.normalize_batch(x, epsilon=ARTICLE.bn_epsilon) if batch_norm else x


def _block_places(depth):
    """Filters, stride and name of every block of a network of this depth."""
    n = blocks_per_stage(depth, layers_per_block=2)
    return [
        (filters, 2 if number == 1 and stage > 1 else 1, f"stage{stage}_block{number}")
        for stage, filters in enumerate(STAGE_FILTERS, start=1)
        for number in range(1, n + 1)
    ]
