"""Pictures of how a network is built and of what it costs, from plain rows and blocks: imports no Keras.

`blocks` is what `costs.describe_blocks` returns, `rows` what `costs.layer_costs` does, `groups` what
`costs.group_costs` does, or anything with the same fields. The pictures have twins in words:
`summarize_network` and `costs.format_costs`.
"""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.ticker import EngFormatter, PercentFormatter

from resnet_edu.plotting import COLORS

FONT_SIZE = 8.5
SHORTCUT_LINES = {
    "identity": {"color": "0.25", "linestyle": "-"},
    "projection": {"color": COLORS[1], "linestyle": (0, (4, 1.5))},
    "padding": {"color": COLORS[3], "linestyle": (0, (1.5, 1))},
}
# By kernel size; a dense layer has none.
LAYER_COLORS = {3: COLORS[0], 1: COLORS[4], None: "0.55"}
OTHER_COLOR = COLORS[5]
MOST_NUMBERS = 12

# Along the network the unit is a block's slot, upwards the largest feature map.
STAGE_GAP = 0.6
BLOCK_WIDTH = 0.62
ARC_TOP = 0.8
NUMBER_Y, STAGE_Y = -0.7, -0.88


def draw_network(blocks, ax):
    """Draw a network from left to right: stem, stages of blocks, classifier, and a shortcut over each block.

    Each bar is a layer, as high as its feature map, so that stem, branches and classifier count up to the
    network's depth. `ax` is an Axes, best of about 10×3 inches. Raises ValueError where there is no block.
    """
    _check_some(blocks, "block")
    tallest = max(block.output_size[0] for block in blocks)
    places = _block_places(blocks)
    end = places[-1] + 1 + STAGE_GAP / 2
    ax.annotate(
        "", (end, 0), (-0.7, 0), arrowprops={"arrowstyle": "->", "color": "0.25", "shrinkA": 0, "shrinkB": 0}
    )
    _draw_layers(0, [3], 1, ax)
    _write(0, STAGE_Y, "stem", ax)
    for x, block in zip(places, blocks, strict=True):
        _draw_block(x, block, block.output_size[0] / tallest, ax)
    _draw_layers(end + 0.15, [None], blocks[-1].output_size[0] / tallest, ax)
    _write(end + 0.15, STAGE_Y, "classifier", ax)
    _label_stages(places, blocks, ax)
    _frame(blocks, end, ax)


def summarize_network(blocks):
    """Say in sentences what `draw_network` draws. Raises ValueError where there is no block."""
    _check_some(blocks, "block")
    stages = _stages(blocks)
    depth = 2 + sum(len(block.kernels) for block in blocks)
    kernels = ", ".join(f"{kernel}×{kernel}" for kernel in blocks[0].kernels)
    counts = [_count(len(members), "block") for members in stages.values()]
    each = counts[0] if len(set(counts)) == 1 else _join(counts)
    sizes = _join([f"{_size(members[-1])} with {_filters(members[-1])}" for members in stages.values()])
    strides = _tell([f"stride {max(block.strides)}" for block in blocks], blocks)
    shortcuts = _tell([block.shortcut for block in blocks], blocks)
    return (
        f"{depth} layers: stem, {_count(len(stages), 'stage')} of {each}, classifier; "
        f"a block has {len(blocks[0].kernels)} convolutions ({kernels}). "
        f"Feature maps: {sizes}; {strides}. Shortcuts: {shortcuts}."
    )


def plot_stage_costs(groups, ax):
    """Draw each place's share of the parameters and of the multiply-adds as two bars, with the numbers on top.

    `groups` is `{place: (parameters, multiply-adds)}`. Raises ValueError where it is empty.
    """
    _check_some(groups, "place")
    values = np.array(list(groups.values()), float)
    totals = values.sum(axis=0)
    for column, (label, offset) in enumerate([("parameters", -0.2), ("multiply-adds", 0.2)]):
        bars = ax.bar(
            np.arange(len(values)) + offset,
            values[:, column] / max(totals[column], 1),
            width=0.38,
            color=COLORS[column],
            label=f"{label} ({_short(totals[column])} in all)",
        )
        ax.bar_label(bars, [_short(value) for value in values[:, column]], padding=2, fontsize=FONT_SIZE)
    ax.set_xticks(range(len(groups)), list(groups))
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set_ylabel("share of the total")
    ax.margins(y=0.12)
    ax.legend(frameon=False, loc="upper left", fontsize=FONT_SIZE)
    _dress(ax)


def plot_layer_costs(rows, axes):
    """Draw parameters and multiply-adds of each layer along depth, as bars on two Axes, coloured by stage.

    Drawn is what counts for the depth: layers with multiply-adds, but for the shortcuts' and the gates'. Raises
    ValueError where there is none.
    """
    rows = [row for row in rows if row.multiply_adds and not row.name.endswith(("_shortcut", "_gate"))]
    _check_some(rows, "layer with multiply-adds")
    places = [row.name.rpartition("/")[2].partition("_")[0] for row in rows]
    depths = np.arange(1, len(rows) + 1)
    names = list(dict.fromkeys(places))
    colors = [COLORS[names.index(place) % len(COLORS)] for place in places]
    for ax, values, label in [
        (axes[0], [row.parameters for row in rows], "parameters"),
        (axes[1], [row.multiply_adds for row in rows], "multiply-adds"),
    ]:
        ax.bar(depths, values, width=0.8, color=colors)
        ax.set_xticks([np.mean(depths[np.array(places) == name]) for name in names], names)
        ax.yaxis.set_major_formatter(EngFormatter(sep=" "))
        ax.set_ylabel(f"{label} of a layer")
        _dress(ax)


def _dress(ax):
    ax.set_axisbelow(True)
    ax.grid(axis="y", color="0.85", linewidth=0.8)
    ax.tick_params(axis="x", length=0)


def _short(number):
    return f"{number:.0f}" if number < 1000 else EngFormatter(places=1, sep=" ")(number)


def _check_some(items, what):
    if not items:
        raise ValueError(f"there is no {what} to draw")


def _stages(blocks):
    stages = {}
    for block in blocks:
        stages.setdefault(block.stage, []).append(block)
    return stages


def _block_places(blocks):
    """Return where each block's middle is: a slot a block, and a gap before each stage."""
    numbers = {stage: number for number, stage in enumerate(_stages(blocks), start=1)}
    return [slot + STAGE_GAP * numbers[block.stage] for slot, block in enumerate(blocks, start=1)]


def _draw_block(x, block, height, ax):
    bars = _draw_layers(x, block.kernels, height, ax)
    for bar, stride in zip(bars, block.strides, strict=True):
        if stride > 1:
            ax.plot([bar, bar], [-height / 2, -height / 2 - 0.05], color="0.25", linewidth=1)
            # To the right, under its own stage: the bars of the stage before reach lower.
            _write(bar - 0.08, -height / 2 - 0.07, f"stride {stride}", ax, align="left")
    if block.shortcut != "none":
        _draw_shortcut(x, block.shortcut, ax)


def _draw_layers(x, kernels, height, ax):
    """Draw a bar for each kernel size, None being a dense layer, around `x`; return the middles of the bars."""
    widths = np.array([1 if kernel == 1 else 2 for kernel in kernels]) * BLOCK_WIDTH / 4.6
    gap = BLOCK_WIDTH * 0.08
    starts = np.cumsum([0, *(widths + gap)])[:-1]
    starts += x - (starts[-1] + widths[-1]) / 2
    for start, width, kernel in zip(starts, widths, kernels, strict=True):
        ax.add_patch(
            Rectangle(
                (start, -height / 2),
                width,
                height,
                color=LAYER_COLORS.get(kernel, OTHER_COLOR),
                linewidth=0,
                zorder=3,
            )
        )
    return starts + widths / 2


def _draw_shortcut(x, kind, ax):
    """Draw an arc from before the block to the addition after it."""
    start, end, top = x - 0.5, x + 0.5, ARC_TOP / 0.75  # a Bézier curve rises to 3/4 of its control points
    path = Path([(start, 0), (start, top), (end, top), (end, 0)], [Path.MOVETO, *[Path.CURVE4] * 3])
    ax.add_patch(PathPatch(path, fill=False, linewidth=1.5, **SHORTCUT_LINES[kind]))
    ax.plot(end, 0, marker="o", markersize=6, color="0.25", markerfacecolor="white", zorder=4)
    ax.plot(end, 0, marker="+", markersize=4.5, color="0.25", zorder=5)


def _label_stages(places, blocks, ax):
    """Write below each stage what it is, and the number of each block, or of its first and last among many."""
    for stage in _stages(blocks):
        members = [(x, block) for x, block in zip(places, blocks, strict=True) if block.stage == stage]
        for x, block in members if len(members) <= MOST_NUMBERS else (members[0], members[-1]):
            _write(x, NUMBER_Y, str(block.block), ax)
        (first, _), (last, block) = members[0], members[-1]
        text = f"stage {stage}: {_count(len(members), 'block')}\n{_size(block)}, {_filters(block)}"
        _write((first + last) / 2, STAGE_Y, text, ax)


def _tell(kinds, blocks):
    """Say which kind is where: the rarer ones by their blocks, the most frequent as the others."""
    members = {}
    for kind, block in zip(kinds, blocks, strict=True):
        members.setdefault(kind, []).append(block)
    *rarer, most = sorted(members, key=lambda kind: len(members[kind]))
    told = [f"{kind} in {_which(members[kind])}" for kind in rarer]
    return ", ".join([*told, f"{most} in {'the others' if rarer else 'all blocks'}"])


def _which(blocks):
    if all(block.block == 1 for block in blocks):
        stages = [str(block.stage) for block in blocks]
        return f"the first block of stage{'s' if len(stages) > 1 else ''} {_join(stages)}"
    return _join([f"block {block.block} of stage {block.stage}" for block in blocks])


def _join(texts):
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last


def _count(number, thing):
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _size(block):
    return "×".join(map(str, block.output_size))


def _filters(block):
    widths = block.filters if len(set(block.filters)) > 1 else block.filters[:1]
    return f"{'–'.join(map(str, widths))} filters"


def _write(x, y, text, ax, *, align="center"):
    ax.text(x, y, text, ha=align, va="top", fontsize=FONT_SIZE)


def _frame(blocks, end, ax):
    """Set the limits, and explain the bars and lines that occur."""
    kernels = sorted({3, *(kernel for block in blocks for kernel in block.kernels)}, reverse=True)
    keys = [
        Patch(color=LAYER_COLORS.get(size, OTHER_COLOR), label=f"{size}×{size} convolution") for size in kernels
    ]
    keys.append(Patch(color=LAYER_COLORS[None], label="dense layer"))
    shortcuts = {block.shortcut for block in blocks}
    keys += [
        Line2D([], [], linewidth=1.5, label=f"{kind} shortcut", **line)
        for kind, line in SHORTCUT_LINES.items()
        if kind in shortcuts
    ]
    ax.legend(handles=keys, loc="upper center", ncols=len(keys), frameon=False, fontsize=FONT_SIZE)
    ax.set_xlim(-0.9, end + 1)
    ax.set_ylim(-1.25, 1.1)
    ax.set_axis_off()
