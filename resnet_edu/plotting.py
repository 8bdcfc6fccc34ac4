"""Figures from arrays and dicts: trains nothing, imports no Keras."""

import math

import numpy as np
from matplotlib.ticker import MaxNLocator, NullLocator

# Okabe and Ito's colours, which readers with any common colour blindness can tell apart. Each series also has
# a marker of its own, so that a grey print still works. All stand out on white.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
ACCURACY_TOP = 1.03  # so that a line at 1 is seen whole
MOST_MARKERS = 20  # on one line


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
        style = _line_style(number)
        shown = np.where(values > 0, values, np.nan)
        ax.plot(layers, shown, markersize=4, label=label, **style)
        zeros.append((layers[values == 0], style["color"]))
    _dress_layers(ax, "convolution, from the input (1) to the output", "gradient norm")
    _show_decades(ax)
    _draw_zeros(zeros, ax)


def plot_signals(forward, backward, ax):
    """Draw the size of the signal that goes forward and of the gradient that comes back, layer by layer.

    `forward` and `backward` are arrays `(layers,)`; their product is drawn with them. `ax` is an Axes.
    """
    forward, backward = np.asarray(forward, float), np.asarray(backward, float)
    lines = {
        "signal going forward": forward,
        "gradient coming back": backward,
        "their product": forward * backward,
    }
    _draw_lines(np.arange(1, len(forward) + 1), lines, ax, markersize=4)
    _dress_layers(ax, "layer, from the input (1) to the output", "root mean square")


def plot_chain(sizes, ax):
    """Draw what `propagation.chain_signals` returns: signal, gradient, and the gradient by the shortcuts alone."""
    lines = {
        "signal going forward": sizes["forward"],
        "gradient coming back": sizes["backward"],
        "gradient, by the\nshortcuts alone": sizes["direct"],
    }
    _draw_lines(range(len(sizes["forward"])), lines, ax, markersize=3)
    _dress_layers(ax, "blocks passed since the input", "root mean square")
    _show_decades(ax)


def plot_ratios(depths, ratios, ax):
    """Draw the ratio of first to last gradient norm over network depth, one line a label, seeds as its spread.

    `ratios` is `{label: array (depths, seeds)}`: the line is the median, the band goes from least to greatest.
    """
    _draw_spread(depths, ratios, ax)
    ax.axhline(1, color="0.4", linewidth=0.8, linestyle="--")
    _dress_layers(ax, "depth of the network", "norm at the first convolution\n/ norm at the last")
    ax.set_xticks(list(depths))


def plot_accuracies(histories, ax, *, epochs=None, what="training accuracy"):
    """Draw an accuracy over the epochs, one line for each entry of `histories`.

    `histories` is `{label: [{"accuracy": ...}, ...]}`, one dict an epoch. `epochs` fixes the axis'
    length, for a training that still runs. `what` is the accuracy's name.
    """
    curves = {label: [figures["accuracy"] for figures in history] for label, history in histories.items()}
    _draw_epochs(curves, ax, what, epochs=epochs)
    ax.set_ylim(0, ACCURACY_TOP)


def plot_errors(accuracies, ax):
    """Draw training errors over the epochs on a logarithmic axis, one line for each entry of `accuracies`.

    `accuracies` is `{label: one accuracy an epoch}`. Small errors can be told apart here.
    """
    errors = {label: [100 * (1 - value) for value in values] for label, values in accuracies.items()}
    ax.set_yscale("log")
    _draw_epochs(errors, ax, "training error, %")
    ax.yaxis.set_major_formatter("{x:g}")


def plot_by_depth(depths, curves, ax):
    """Draw training accuracy over the depth of the network: a line through the medians, a band over all seeds.

    `curves` is `{label: a list of accuracies for each depth}`, as many at each.
    """
    _draw_spread(depths, curves, ax)
    ax.set_ylim(0, ACCURACY_TOP)
    ax.set_xticks(list(depths))
    _dress(ax, "depth of the network", "training accuracy")


def plot_by_count(curves, ax, *, what):
    """Draw accuracy over the number of changes `what`: a line through the medians, a band over all draws.

    `curves` is `{label: {number: accuracies}}`, as `lesions.measure_random_deletions` gives them.
    """
    for number, (label, by_count) in enumerate(curves.items()):
        values, style = list(by_count.values()), _line_style(number)
        ax.plot(list(by_count), [np.median(draws) for draws in values], label=label, markersize=4, **style)
        low, high = ([end(draws) for draws in values] for end in (min, max))
        ax.fill_between(list(by_count), low, high, color=style["color"], alpha=0.2, linewidth=0)
    ax.set_ylim(0, ACCURACY_TOP)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    _dress(ax, what, "test accuracy")


def plot_deletions(series, ax):
    """Draw the accuracy without one block over its place; `series` is `{label: {block: accuracy}}`.

    The place is the block's share of the way from the first to the last, so that networks of any depth compare.
    """
    for number, (label, accuracies) in enumerate(series.items()):
        places = np.linspace(0, 1, len(accuracies))
        ax.plot(places, list(accuracies.values()), label=label, markersize=5, **_line_style(number))
    ax.set_ylim(0, ACCURACY_TOP)
    ax.set_xticks([0, 1], ["first that can go", "last block"])
    _dress(ax, "the block that is taken out", "test accuracy without it")


def plot_surface(losses, positions, ax):
    """Draw a loss `(positions, positions)` around a network, in the middle, as contours of its logarithm."""
    levels = np.linspace(-3, 1.5, 19)
    shown = np.clip(np.log10(losses), levels[0], levels[-1])
    drawn = ax.contourf(positions, positions, shown, levels=levels, cmap="viridis")
    ax.plot(0, 0, marker="+", color="white", markersize=10)
    ax.set_aspect("equal")
    ax.set_xlabel("direction 2")
    ax.set_ylabel("direction 1")
    return drawn


def plot_chain_of_blocks(kinds, ax):
    """Draw blocks as a row of squares; `kinds` is `{block: "in", "out" or "swapped"}`, in order, by stages."""
    for place, (name, kind) in enumerate(kinds.items()):
        color = {"in": COLORS[0], "out": "white", "swapped": COLORS[1]}[kind]
        hatch = "" if kind != "out" else "////"
        ax.bar(place, 1, width=0.8, color=color, edgecolor="0.4", hatch=hatch)
        if name.endswith("_block1"):
            ax.text(place - 0.4, 1.2, name.partition("_")[0].replace("stage", "stage "), fontsize="small")
    ax.set_xlim(-0.7, len(kinds) - 0.3)
    ax.set_ylim(0, 1.8)
    ax.set_axis_off()


def plot_costs(series, ax, *, what):
    """Draw a cost place by place, as bars: `series` is `{label: {place: number}}`, each with the same places."""
    share = 0.8 / max(2, len(series))  # of the place between two ticks
    for number, (label, by_place) in enumerate(series.items()):
        at = np.arange(len(by_place)) + share * (number - (len(series) - 1) / 2)
        color = COLORS[number % len(COLORS)] if number else "0.7"
        ax.bar(at, list(by_place.values()), width=0.95 * share, label=label, color=color)
    ax.set_xticks(range(len(by_place)), list(by_place), rotation=30, ha="right", fontsize="small")
    ax.set_axisbelow(True)
    _dress(ax, "", what)


def plot_confusion(counts, names, ax):
    """Draw a confusion matrix: for each true class (row) the share taken for each class (column), in percent."""
    shares = np.asarray(counts) / np.maximum(np.sum(counts, axis=1, keepdims=True), 1)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        if share >= 0.005:
            color = "white" if share > 0.5 else "black"
            ax.text(column, row, f"{share:.0%}"[:-1], ha="center", va="center", fontsize="small", color=color)
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right")
    ax.set_yticks(range(len(names)), names)
    ax.set_xlabel("taken for")
    ax.set_ylabel("is")


def plot_rates(schedules, ax):
    """Draw learning rates over a training: `schedules` is `{label: (positions, rates)}`."""
    for number, (label, (positions, rates)) in enumerate(schedules.items()):
        ax.step(positions, rates, where="post", color=COLORS[number % len(COLORS)], linewidth=2, label=label)
    ax.set_yscale("log")
    ax.yaxis.set_minor_locator(NullLocator())
    _dress(ax, "epoch", "learning rate")


def plot_image(image, ax):
    """Draw one uint8 image `(height, width, channels)` of 1 (grey) or 3 channels, without axes."""
    ax.imshow(image if image.shape[-1] == 3 else image[..., 0], cmap="gray", vmin=0, vmax=255)
    ax.set_axis_off()


def _line_style(number):
    return {
        "color": COLORS[number % len(COLORS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linewidth": 1.5,
    }


def _draw_epochs(curves, ax, what, *, epochs=None):
    """Draw one value an epoch, a line for each entry of `curves`, from the first epoch on."""
    longest = max(map(len, curves.values()))
    every = max(1, math.ceil(longest / MOST_MARKERS))  # the markers of a long training would cover its line
    for number, (label, values) in enumerate(curves.items()):
        ax.plot(range(1, len(values) + 1), values, label=label, markevery=every, **_line_style(number))
    ax.set_xlim(0.5, max(epochs or longest, 1) + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _dress(ax, "epoch", what)


def _draw_lines(x, lines, ax, **style):
    for number, (label, values) in enumerate(lines.items()):
        ax.plot(x, values, label=label, **_line_style(number), **style)


def _draw_spread(depths, curves, ax):
    """Draw the median over the seeds as a line, and a band from the least to the greatest."""
    for number, (label, by_depth) in enumerate(curves.items()):
        values = np.asarray(by_depth, float)
        style = _line_style(number)
        ax.plot(depths, np.median(values, axis=1), label=label, **style)
        low, high = values.min(axis=1), values.max(axis=1)
        ax.fill_between(depths, low, high, color=style["color"], alpha=0.2, linewidth=0)


def _dress_layers(ax, x_label, y_label):
    """Logarithmic axis, and whole numbers below."""
    ax.set_yscale("log")
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(_power_of_ten)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    _dress(ax, x_label, y_label)


def _dress(ax, x_label, y_label):
    """Labels, a faint grid, and the legend at the side, where it hides no curve."""
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    ax.grid(axis="y", color="0.85", linewidth=0.8)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def _power_of_ten(value, position):
    """Name a decade in plain characters: the formulas that are the default take longer to draw than the curves."""
    return "10" + f"{np.log10(value):.0f}".translate(_SUPERSCRIPTS)


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
