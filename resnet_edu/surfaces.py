"""The loss around a trained network, along random directions in the space of its weights (Li et al. 2018)."""

import numpy as np
from keras import ops

from resnet_edu import backend
from resnet_edu.gradients import check_labels
from resnet_edu.logits import LogitsModel, mean_cross_entropy


def filter_normalize(direction, kernel):
    """Return `direction` with each filter as long as the same filter of `kernel`: the last axis counts filters.

    Without this, a network whose weights are large would look flat, although its function is the same behind batch
    normalization (Li et al. 2018, section 4). A filter of zeros stays zero.
    """
    axes = tuple(range(kernel.ndim - 1))
    own = np.sqrt(np.sum(direction**2, axis=axes, keepdims=True))
    wanted = np.sqrt(np.sum(kernel**2, axis=axes, keepdims=True))
    return direction * wanted / np.where(own > 0, own, 1)


def random_direction(model, *, seed):
    """Return a filter-normalized random direction, an array for each trainable weight of `model`.

    Kernels change, biases and normalization do not (they count little, and Li et al. leave them out, too).
    """
    rng = np.random.default_rng(seed)
    return [
        filter_normalize(rng.normal(size=value.shape), value) if value.ndim > 1 else np.zeros_like(value)
        for value in (ops.convert_to_numpy(variable.value) for variable in model.trainable_variables)
    ]


def measure_surface(model, x, y, *, positions, seed=0, batch_statistics=False):
    """Return the mean cross-entropy of `model` around its weights, an array `(positions, positions)`.

    The weights are moved by `positions[i]` times one random direction and `positions[j]` times another, both from
    `seed`. `x` is a batch of images `(n, height, width, channels)`, `y` holds n labels. Batch normalization uses
    its moving statistics, as in inference, or with `batch_statistics` those of this batch. The model, one of
    `models`, is left as it was. Raises ValueError for labels that do not fit.
    """
    check_labels(y, images=len(x), classes=model.output_shape[-1])
    network = LogitsModel(model)
    start = [variable.value for variable in network.trainable_variables]
    others = [variable.value for variable in network.non_trainable_variables]
    first, second = (
        [ops.convert_to_tensor(array, "float32") for array in random_direction(model, seed=2 * seed + number)]
        for number in (0, 1)
    )
    x, y = ops.convert_to_tensor(x, "float32"), ops.convert_to_tensor(y, "int32")

    def loss(a, b):
        moved = [v + a * d + b * e for v, d, e in zip(start, first, second, strict=True)]
        logits, _ = network.stateless_call(moved, others, x, training=batch_statistics)
        return mean_cross_entropy(y, logits)

    loss = backend.compiled(loss)
    positions = [ops.convert_to_tensor(position, "float32") for position in positions]
    return np.array([[float(loss(a, b)) for b in positions] for a in positions])


def at_distance(losses, positions, distance):
    """Return the losses at this distance from the middle on the two axes, an array of four: two on each.

    `losses` is an array `(positions, positions)`, as `measure_surface` returns it. At distance 0 all four are the
    loss in the middle. Raises ValueError where `positions` lacks 0 or the distance, to either side.
    """
    places = [np.flatnonzero(np.isclose(positions, wanted)) for wanted in (0, -distance, distance)]
    if not all(len(place) for place in places):
        raise ValueError(f"0, {-distance} and {distance} must be among the positions, which are {list(positions)}")
    losses, (middle, back, forth) = np.asarray(losses), (place[0] for place in places)
    return losses[[back, forth, middle, middle], [middle, middle, back, forth]]
