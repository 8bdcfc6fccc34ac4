"""Figures from arrays and dicts: trains nothing, imports no Keras."""

import numpy as np
from matplotlib.ticker import MaxNLocator, NullLocator

# Okabe and Ito's colours, which readers with any common colour blindness can tell apart. Each series also has
# a marker of its own, so that a grey print still works. All stand out on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P")


def plot_gradient_norms(series, ax):
    """Draw gradient norms along depth, one line for each entry of `series`, on a logarithmic axis.

    `series` is `{label: {layer name: norm}}`, each in depth order. A norm of 0, which a logarithm has no place
    for, is drawn as a cross at the foot of the axis. `ax` is a matplotlib Axes. Raises ValueError where a
    series is empty.
    """
    zeros = []
    for number, (label, norms) in enumerate(series.items()):
        values = np.array(list(norms.values()), float)
        if not values.size:
            raise ValueError(f"the series {label!r} holds no layer")
        layers = np.arange(1, len(values) + 1)
        color, marker = COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)]
        shown = np.where(values > 0, values, np.nan)
        ax.plot(layers, shown, color=color, marker=marker, markersize=4, linewidth=1.5, label=label)
        zeros.append((layers[values == 0], color))
    _dress_layers(ax, "convolution, from the input (1) to the output", "gradient norm")
    _show_decades(ax)
    _draw_zeros(zeros, ax)


def plot_signals(forward, backward, ax):
    """Draw the size of the signal that goes forward and of the gradient that comes back, layer by layer.

    `forward` and `backward` are arrays `(layers,)`; their product is drawn with them. `ax` is an Axes.
    """
    forward, backward = np.asarray(forward, float), np.asarray(backward, float)
    layers = np.arange(1, len(forward) + 1)
    for values, label, color, marker in [
        (forward, "signal going forward", COLORS[0], MARKERS[0]),
        (backward, "gradient coming back", COLORS[1], MARKERS[1]),
        (forward * backward, "their product", COLORS[2], MARKERS[2]),
    ]:
        ax.plot(layers, values, color=color, marker=marker, markersize=4, linewidth=1.5, label=label)
    _dress_layers(ax, "layer, from the input (1) to the output", "root mean square")


def plot_chain(sizes, ax):
    """Draw what `propagation.chain_signals` returns: signal, gradient, and the gradient by the shortcuts alone."""
    for number, (name, label) in enumerate(
        [
            ("forward", "signal going forward"),
            ("backward", "gradient coming back"),
            ("direct", "gradient, by the\nshortcuts alone"),
        ]
    ):
        color, marker = COLORS[number], MARKERS[number]
        before = range(len(sizes[name]))
        ax.plot(before, sizes[name], color=color, marker=marker, markersize=3, linewidth=1.5, label=label)
    _dress_layers(ax, "blocks passed since the input", "root mean square")
    _show_decades(ax)


def plot_ratios(depths, ratios, ax):
    """Draw the ratio of first to last gradient norm over network depth, one line a label, seeds as its spread.

    `ratios` is `{label: array (depths, seeds)}`: the line is the median, the band goes from least to greatest.
    """
    for number, (label, by_seed) in enumerate(ratios.items()):
        values = np.asarray(by_seed, float)
        color, marker = COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)]
        ax.plot(depths, np.median(values, axis=1), color=color, marker=marker, linewidth=1.5, label=label)
        ax.fill_between(depths, values.min(axis=1), values.max(axis=1), color=color, alpha=0.2, linewidth=0)
    ax.axhline(1, color="0.4", linewidth=0.8, linestyle="--")
    _dress_layers(ax, "depth of the network", "norm at the first convolution\n/ norm at the last")
    ax.set_xticks(list(depths))


def plot_accuracies(histories, ax, *, epochs=None):
    """Draw training accuracy over the epochs, one line for each entry of `histories`.

    `histories` is `{label: [{"accuracy": ...}, ...]}`, one dict an epoch. `epochs` fixes the axis'
    length, for a training that still runs.
    """
    longest = max(map(len, histories.values()))
    for number, (label, history) in enumerate(histories.items()):
        ax.plot(
            range(1, len(history) + 1),
            [figures["accuracy"] for figures in history],
            color=COLORS[number % len(COLORS)],
            marker=MARKERS[number % len(MARKERS)],
            linewidth=1.5,
            label=label,
        )
    ax.set_xlim(0.5, max(epochs or longest, 1) + 0.5)
    ax.set_ylim(0, 1.03)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("epoch")
    ax.set_ylabel("training accuracy")
    ax.grid(axis="y", color="0.85", linewidth=0.8)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def plot_by_depth(depths, curves, ax):
    """Draw training accuracy over the depth of the network: a line through the medians, a band over all seeds.

    `curves` is `{label: a list of accuracies for each depth}`.
    """
    for number, (label, by_depth) in enumerate(curves.items()):
        color, marker = COLORS[number % len(COLORS)], MARKERS[number % len(MARKERS)]
        medians = [np.median(values) for values in by_depth]
        ax.plot(depths, medians, color=color, marker=marker, linewidth=1.5, label=label)
        lows, highs = [min(values) for values in by_depth], [max(values) for values in by_depth]
        ax.fill_between(depths, lows, highs, color=color, alpha=0.2, linewidth=0)
    ax.set_ylim(0, 1.03)
    ax.set_xticks(list(depths))
    ax.set_xlabel("depth of the network")
    ax.set_ylabel("training accuracy")
    ax.grid(axis="y", color="0.85", linewidth=0.8)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def plot_image(image, ax):
    """Draw one uint8 image `(height, width, channels)` of 1 (grey) or 3 channels, without axes."""
    ax.imshow(image if image.shape[-1] == 3 else image[..., 0], cmap="gray", vmin=0, vmax=255)
    ax.set_axis_off()


def _dress_layers(ax, x_label, y_label):
    """Logarithmic axis, whole numbers below, a faint grid, and the legend at the side, where it hides no curve."""
    ax.set_yscale("log")
    ax.yaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    ax.grid(axis="y", color="0.85", linewidth=0.8)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def _show_decades(ax, least=4):
    """Let the axis span at least some decades, so that what is even along depth also looks even."""
    low, high = ax.get_ylim()
    missing = 10 ** max(0, (least - np.log10(high / low)) / 2)
    ax.set_ylim(low / missing, high * missing)


def _draw_zeros(zeros, ax):
    """Mark the places of zeros at the foot of the axis, and say in the picture what the crosses are."""
    if not any(len(places) for places, _ in zeros):
        return
    for places, color in zeros:
        ax.plot(
            places,
            np.full(len(places), 0.03),
            linestyle="",
            marker="x",
            color=color,
            transform=ax.get_xaxis_transform(),
            clip_on=False,
        )
    ax.annotate("×  exactly 0 in\n    single precision", (1.03, 0.02), xycoords="axes fraction", fontsize="small")
