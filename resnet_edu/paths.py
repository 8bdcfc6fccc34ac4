"""The paths through a residual network: at each block a path takes the shortcut or the branch (Veit et al. 2016).

With its weights, its ReLUs' states and its normalization fixed, the gradient is the sum over all 2ⁿ paths through
n blocks. The gradient along one path is found by cutting, in each block, the other of the two ways.
"""

from math import comb, nan

import keras
import numpy as np
from keras import ops

from resnet_edu import backend
from resnet_edu.gradients import check_labels, rebuild
from resnet_edu.logits import split_head

IMAGES_AT_ONCE = 256  # more would need gigabytes for the signals of a deep network


def list_additions(model):
    """Return the names of the additions of a network's blocks, in depth order.

    Raises ValueError where there are none, as in a plain network.
    """
    names = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Add)]
    if not names:
        raise ValueError(f"model {model.name!r} has no additions, so that only one path leads through it")
    return names


def path_gradients(model, x, y, through_branch):
    """Return the gradient that reaches each image along one path, an array shaped like `x`.

    It is that of the logit of the image's label, in inference mode. `through_branch` is bool `(n, blocks)`: for
    each image and block whether its path takes the branch; where not, it takes the shortcut. `x` is `(n, height,
    width, channels)`, `y` holds n labels. Raises ValueError for shapes that do not fit and a network without
    additions.
    """
    names = list_additions(model)
    through_branch = np.asarray(through_branch, bool)
    if through_branch.shape != (len(x), len(names)):
        raise ValueError(
            f"through_branch must have the shape {(len(x), len(names))}, a row for each image and a column for "
            f"each block, not {through_branch.shape}"
        )
    classes = model.outputs[0].shape[-1]
    check_labels(y, images=len(x), classes=classes)
    at_once = min(len(x), IMAGES_AT_ONCE)
    ways = {name: _OneWay(at_once, name=name) for name in names}

    def call_and_cut(layer, *arguments, **options):
        return ways[layer.name](*arguments) if layer.name in ways else layer(*arguments, **options)

    features, head = split_head(rebuild(model, (at_once, *np.shape(x)[1:]), call_and_cut))
    gradients = []
    for start in range(0, len(x), at_once):
        # The last part is filled up with images that were there already, as the network takes so many at once.
        part = np.minimum(np.arange(start, start + at_once), len(x) - 1)
        for column, name in enumerate(names):
            ways[name].through_branch.assign(through_branch[part, column].reshape(-1, 1, 1, 1))
        of_label = ops.one_hot(ops.convert_to_tensor(np.asarray(y)[part], "int32"), classes)
        found = backend.gradients(
            lambda arrays, of_label=of_label: ops.sum(head(features(arrays["x"], training=False)) * of_label),
            {"x": ops.convert_to_tensor(np.asarray(x)[part], "float32")},
        )
        gradients.append(ops.convert_to_numpy(found["x"]))
    return np.concatenate(gradients)[: len(x)]


def count_share(blocks, shortest, longest):
    """Return which share of the 2ⁿ paths through n blocks takes `shortest` to `longest` branches, inclusive."""
    return sum(comb(blocks, length) for length in range(shortest, longest + 1)) / 2**blocks


def measure_paths(model, x, y, *, lengths, seed=0):
    """Return the gradient norms of random paths, `{length: array (n,)}`: one path of each length for each image.

    The length of a path is the number of branches that it takes, from 0 to the number of blocks. Model, images,
    labels and errors are those of `path_gradients`.
    """
    blocks, rng = len(list_additions(model)), np.random.default_rng(seed)
    check_labels(y, images=len(x), classes=model.outputs[0].shape[-1])
    through = np.array([rng.permutation(blocks) < length for length in lengths for _ in x])
    gradients = path_gradients(model, np.concatenate([x] * len(lengths)), np.tile(y, len(lengths)), through)
    norms = np.linalg.norm(gradients.reshape(len(lengths), len(x), -1).astype("float64"), axis=-1)
    return dict(zip(lengths, norms, strict=True))


def path_shares(norms, blocks):
    """Return `{length: share}`: what all paths of a length contribute, by the norms of `measure_paths`.

    The mean norm of one path times the number of paths of this length, as a share of the sum, and NaN where all
    norms are 0. (Norms are added, as Veit et al. do; gradients of different paths can also cancel.)
    """
    total = {length: comb(blocks, length) * float(np.mean(values)) for length, values in norms.items()}
    whole = sum(total.values()) or nan
    return {length: value / whole for length, value in total.items()}


class _OneWay(keras.layers.Layer):
    """An addition whose gradient goes one of its two ways: to the branch or to the shortcut, for each image."""

    def __init__(self, images, **kwargs):
        super().__init__(**kwargs)
        self.through_branch = self.add_weight(shape=(images, 1, 1, 1), initializer="zeros", trainable=False)

    def call(self, inputs):
        shortcut, branch = inputs
        share = self.through_branch
        open_part = share * branch + (1 - share) * shortcut
        return open_part + ops.stop_gradient(shortcut + branch - open_part)
