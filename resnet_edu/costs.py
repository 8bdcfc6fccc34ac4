"""What a network costs, layer by layer, and the blocks it is made of: read from any Keras model's graph.

The counting is the papers' (He et al. 2015, table 1): one multiply-add is a multiplication and the addition
of its product; convolutions and dense layers are counted, biases, batch normalization and operations without
weights (activations, the shortcuts' additions) are not. Parameters are Keras' `count_params`, moving
statistics included.
"""

import re
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import keras
from keras import layers

# Each weight of their kernels is used once at each output position, which is all there is to count.
COUNTED = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D, layers.Dense)


@dataclass(frozen=True)
class LayerCost:
    """One layer with weights; `kernel`, `stride` and `output_shape` are tuples, without the batch.

    `kernel` is None for batch normalization, and `stride` for all that does not slide.
    """

    name: str
    kind: str
    kernel: tuple[int, ...] | None
    stride: tuple[int, ...] | None
    output_shape: tuple[int, ...]
    parameters: int
    multiply_adds: int


class Cost(NamedTuple):
    """Parameters, and multiply-adds for one image."""

    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Block:
    """One block of a network; `kernels`, `filters` and `strides` have an entry for each convolution of its branch.

    `output_size` is (height, width); `shortcut` is "none", "identity", "projection" or "padding".
    """

    stage: int
    block: int
    kernels: tuple[int, ...]
    filters: tuple[int, ...]
    strides: tuple[int, ...]
    output_size: tuple[int, int]
    shortcut: str


def layer_costs(model):
    """Return a `LayerCost` for each layer of `model` that has weights, in depth order, for one image.

    `model` is a Functional or Sequential model of known input size; a model inside it adds its name and a slash.
    Raises ValueError for another model, a size that is not known, a layer that is used twice, and a layer
    with a matrix of weights that is not one of `COUNTED`.
    """
    return [_cost(name, layer, shape) for name, layer, shape in _outputs(model) if layer.weights]


def total_costs(rows):
    """Return the `Cost` of all rows together."""
    return sum_costs(Cost(row.parameters, row.multiply_adds) for row in rows)


def sum_costs(found):
    """Return the sum of several `Cost`s."""
    parameters, multiply_adds = zip((0, 0), *found, strict=True)
    return Cost(sum(parameters), sum(multiply_adds))


def group_costs(rows, *, by="stage"):
    """Return `{place: Cost}` in depth order, the places being those of the layers' names.

    By "stage": `stem`, `stage1`, ..., `classifier` (what stands before the first underscore); by "block":
    `stem`, `stage1_block1`, ... Raises ValueError for another `by`.
    """
    return {place: total_costs(members) for place, members in _grouped(rows, by).items()}


def format_costs(rows, *, by="layer"):
    """Return the rows as a text table that ends with their totals: one line a layer, a "block" or a "stage".

    Blocks and stages have their shares of the totals. Raises ValueError for another `by`.
    """
    total = total_costs(rows)
    if by == "layer":
        header = ("layer", "kind", "kernel", "stride", "output", "parameters", "multiply-adds")
        body = [_layer_line(row) for row in rows]
        last = ("total", "", "", "", "", f"{total.parameters:,}", f"{total.multiply_adds:,}")
        return _table([header, *body, last], left=2)
    header = (by, "output", "parameters", "share", "multiply-adds", "share")
    body = [
        (place, _times(members[-1].output_shape), *_shares(total_costs(members), total))
        for place, members in _grouped(rows, by).items()
    ]
    return _table([header, *body, ("total", "", *_shares(total, total))], left=1)


def describe_blocks(model):
    """Return a `Block` for each block of `model`, found by layer names such as `stage2_block1_conv1`.

    Kernels and strides are square, as `blocks.conv` makes them. Raises ValueError where no layer has such a name.
    """
    places = {}
    for name, layer, shape in _outputs(model):
        match = re.fullmatch(r"(?:.*/)?stage(\d+)_block(\d+)_(.+)", name)
        if match:
            place = int(match[1]), int(match[2])
            places.setdefault(place, {})[match[3]] = (layer, shape)
    found = [_block(*place, parts) for place, parts in places.items() if any(map(_is_convolution, parts))]
    if not found:
        raise ValueError(f"model {model.name!r} has no layer named like stage2_block1_conv1")
    return found


def _outputs(model, prefix=""):
    """Yield name, layer and output shape (without the batch) of each layer, models inside the model included."""
    uses = _uses(model)
    for layer in model.layers:
        name, shapes = prefix + layer.name, uses[layer]
        if len(shapes) > 1 and layer.weights:
            raise ValueError(f"layer {name!r} is used {len(shapes)} times; only what is used once can be counted")
        if isinstance(layer, keras.Model):
            yield from _outputs(layer, f"{name}/")
        elif None in shapes[0]:
            raise ValueError(f"layer {name!r} has the unknown size {shapes[0]}; give the model a full input shape")
        else:
            yield name, layer, shapes[0]


def _uses(model):
    """Return `{layer: output shapes}`, a shape for each use: `layer.output` knows but the first, in any model."""
    graph = getattr(model, "_functional", model)  # a Sequential model's; None before it is built
    if not hasattr(graph, "_nodes_by_depth"):
        raise ValueError(f"{model!r} must be a Functional or Sequential Keras model with a known input shape")
    shapes = {}
    for nodes in graph._nodes_by_depth.values():
        for node in nodes:
            shapes.setdefault(node.operation, []).append(tuple(node.output_tensors[0].shape[1:]))
    return shapes


def _cost(name, layer, shape):
    matrices = [weight.shape for weight in layer.weights if len(weight.shape) > 1]
    if matrices and not isinstance(layer, COUNTED):
        raise ValueError(f"layer {name!r} is a {type(layer).__name__}, whose multiply-adds cannot be counted here")
    return LayerCost(
        name,
        kind=type(layer).__name__,
        kernel=getattr(layer, "kernel_size", None),
        stride=getattr(layer, "strides", None),
        output_shape=shape,
        parameters=layer.count_params(),
        multiply_adds=prod(_size(layer, shape)) * sum(map(prod, matrices)),
    )


def _size(layer, shape):
    """Return `shape` without its channels: the positions at which a layer works."""
    return shape[1:] if getattr(layer, "data_format", None) == "channels_first" else shape[:-1]


def _block(stage, block, parts):
    convolutions = [layer_and_shape for part, layer_and_shape in parts.items() if _is_convolution(part)]
    return Block(
        stage,
        block,
        kernels=tuple(layer.kernel_size[0] for layer, _ in convolutions),
        filters=tuple(layer.filters for layer, _ in convolutions),
        strides=tuple(layer.strides[0] for layer, _ in convolutions),
        output_size=_size(*convolutions[-1]),
        shortcut=_shortcut(parts),
    )


def _is_convolution(part):
    return part.startswith("conv")


def _shortcut(parts):
    if "shortcut" in parts:
        return "projection" if isinstance(parts["shortcut"][0], layers.Conv2D) else "padding"
    return "identity" if "add" in parts else "none"


def _grouped(rows, by):
    lengths = {"stage": 1, "block": 2}
    if by not in lengths:
        raise ValueError(f"by={by!r} is unknown; it is one of {', '.join(map(repr, lengths))}")
    groups = {}
    for row in rows:
        place, *rest = row.name.rpartition("/")[2].split("_")
        if by == "block" and rest and rest[0].startswith("block"):
            place = f"{place}_{rest[0]}"
        groups.setdefault(place, []).append(row)
    return groups


def _layer_line(row):
    stride = row.stride and (row.stride if len(set(row.stride)) > 1 else row.stride[:1])
    shapes = (_times(row.kernel), _times(stride), _times(row.output_shape))
    return (row.name, row.kind, *shapes, f"{row.parameters:,}", f"{row.multiply_adds:,}")


def _times(shape):
    return "×".join(map(str, shape)) if shape else "–"


def _shares(cost, total):
    """Return the cells of a cost: each number, and its share of the total's."""
    return [
        cell
        for part, whole in zip(cost, total, strict=True)
        for cell in (f"{part:,}", f"{part / max(whole, 1):.1%}")
    ]


def _table(lines, *, left):
    """Align the columns, the first `left` of them to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = [
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    header, *body, totals = aligned
    return "\n".join([header, rule, *body, rule, totals])
