"""A trained network taken apart into its blocks, and run without some, or with some swapped (Veit et al. 2016).

A network of `models` is a chain: stem, blocks, head. `dissect` gives its parts as a list, and any list of parts
whose shapes fit is a network again. Nothing is trained anew.
"""

import functools
import itertools
from dataclasses import dataclass, field

import keras
import numpy as np

from resnet_edu import backend
from resnet_edu.gradients import check_labels

IMAGES_AT_ONCE = 512


@dataclass(frozen=True)
class Part:
    """One link of the chain: "stem", a block such as "stage2_block1", or "head".

    `model` computes it, in inference mode, with the weights of the network. `keeps_shape` says whether the network
    can do without it: signals leave it in the shape in which they came.
    """

    name: str
    model: keras.Model = field(repr=False)

    @property
    def is_block(self):
        return self.name not in ("stem", "head")

    @property
    def keeps_shape(self):
        return self.is_block and self.model.input_shape == self.model.output_shape

    def __call__(self, x):
        # The weights are arguments: JAX would compile in those of the first call.
        groups = self.model.trainable_variables, self.model.non_trainable_variables
        return self._compiled(*([variable.value for variable in group] for group in groups), x)

    @functools.cached_property
    def _compiled(self):
        return backend.compiled(
            lambda weights, others, x: self.model.stateless_call(weights, others, x, training=False)[0]
        )


def dissect(model):
    """Return the parts of a network of `models`, in order, as a list of `Part`.

    Raises ValueError where the layers are not named like those of `models`, or the network is no chain of blocks.
    """
    ends = {}
    for layer in model.layers[1:]:
        ends[_place(layer.name)] = layer.output  # the last layer of each place wins
    if list(ends)[:1] != ["stem"] or "head" not in ends or len(ends) < 3:
        raise ValueError(f"model {model.name!r} is not a stem, blocks named like stage2_block1, and a classifier")
    ends["head"] = model.output
    parts, signal = [], model.input
    for name, end in ends.items():
        parts.append(Part(name, keras.Model(signal, end, name=name)))
        signal = end
    return parts


def run_parts(parts, x):
    """Return what the last of `parts` gives for the images `x`, `(n, classes)`, as a NumPy array.

    Raises ValueError, with both names, where a part cannot take what the one before it gives.
    """
    for before, after in itertools.pairwise(parts):
        if before.model.output_shape != after.model.input_shape:
            raise ValueError(
                f"{after.name} takes {after.model.input_shape[1:]}, and {before.name} gives "
                f"{before.model.output_shape[1:]}"
            )
    outputs = []
    for start in range(0, len(x), IMAGES_AT_ONCE):
        signal = x[start : start + IMAGES_AT_ONCE]
        for part in parts:
            signal = part(signal)
        outputs.append(keras.ops.convert_to_numpy(signal))
    return np.concatenate(outputs)


def accuracy_of(parts, x, y):
    """Return the share of the images `x` that the network of these parts gives their label in `y`.

    Raises ValueError for labels that do not fit, and as `run_parts` does.
    """
    check_labels(y, images=len(x), classes=parts[-1].model.output_shape[-1])
    return float(np.mean(run_parts(parts, x).argmax(axis=-1) == y))


def without(parts, names):
    """Return the parts but those with these names."""
    return [part for part in parts if part.name not in names]


def swapped(parts, first, second):
    """Return the parts with those of these two names in each other's place."""
    places = {part.name: index for index, part in enumerate(parts)}
    parts = list(parts)
    a, b = places[first], places[second]
    parts[a], parts[b] = parts[b], parts[a]
    return parts


def delete_range(parts, first, count):
    """Take out `count` blocks from the block number `first` on, 1 being the first block of the network.

    Returns the parts that are left, and `{block: "in" or "out"}` for all blocks. Blocks that cannot be left out
    stay, and a number past the last block means the last.
    """
    names, removable = _blocks(parts), find_removable(parts)
    start = min(first, len(names)) - 1
    out = [name for name in names[start : start + count] if name in removable]
    return without(parts, out), {name: "out" if name in out else "in" for name in names}


def swap_range(parts, first, count):
    """Move block number `first` back by `count` places, by swaps with the block behind it.

    Returns the parts in their new order, and `{block: "in" or "swapped"}` in the old one. A block stays in its
    stage, behind the first block of it.
    """
    names, removable = _blocks(parts), find_removable(parts)
    start, touched = min(first, len(names)) - 1, set()
    moving = names[start]
    for after in names[start + 1 : start + 1 + count]:
        if _stage(moving) == _stage(after) and {moving, after} <= set(removable):
            parts = swapped(parts, moving, after)
            touched |= {moving, after}
    return parts, {name: "swapped" if name in touched else "in" for name in names}


def _blocks(parts):
    return [part.name for part in parts if part.is_block]


def find_removable(parts):
    """Return the names of the blocks that a network can do without, by shape, and that begin no stage."""
    return [part.name for part in parts if part.keeps_shape and not part.name.endswith("_block1")]


def measure_deletions(parts, x, y):
    """Return the accuracy without one block, `{name of the block: accuracy}`, for each that can be left out."""
    return {name: accuracy_of(without(parts, [name]), x, y) for name in find_removable(parts)}


def measure_random_deletions(parts, x, y, *, counts, draws=5, seed=0):
    """Return the accuracies without so many blocks, drawn by chance: `{count: a list, one for each draw}`."""
    rng, names = np.random.default_rng(seed), find_removable(parts)
    return {
        count: [accuracy_of(without(parts, rng.choice(names, count, replace=False)), x, y) for _ in range(draws)]
        for count in counts
    }


def measure_random_swaps(parts, x, y, *, counts, draws=5, seed=0):
    """Return the accuracies after so many swaps of two blocks of one stage, drawn by chance, as above.

    Where no stage has two blocks that can be swapped, at depth 14 and less, there are none: `{}`.
    """
    rng, stages = np.random.default_rng(seed), {}
    for name in find_removable(parts):
        stages.setdefault(_stage(name), []).append(name)
    choices = [names for names in stages.values() if len(names) > 1]
    if not choices:
        return {}

    def shuffled(count):
        order = parts
        for _ in range(count):
            order = swapped(order, *rng.choice(choices[rng.integers(len(choices))], 2, replace=False))
        return order

    return {count: [accuracy_of(shuffled(count), x, y) for _ in range(draws)] for count in counts}


def _stage(name):
    return name.partition("_")[0]


def _place(layer_name):
    stage, _, rest = layer_name.partition("_")
    if stage.startswith("stage"):
        return f"{stage}_{rest.partition('_')[0]}"
    return "stem" if stage == "stem" else "head"
