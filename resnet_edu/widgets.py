"""Widgets that a lesson shows: thin ipywidgets over pure functions.

A picture is drawn with `matplotlib.figure.Figure`, never with pyplot, whose state a callback that runs beside a
cell would corrupt. It is shown as an image with alternative text; the same summary stands below it as text.
"""

import asyncio
import base64
import functools
import html
import io

import ipywidgets
from matplotlib.figure import Figure

from resnet_edu import costs, imagenet, lesions, plotting, propagation
from resnet_edu.gradients import describe_norms, fresh_gradient_norms, select_convolutions
from resnet_edu.slider import Slider

ACTIVATIONS = {"ReLU": "relu", "tanh": "tanh", "sigmoid": "sigmoid"}
INITIALIZERS = {
    "He normal (made for ReLU)": "he_normal",
    "Glorot uniform (Keras' default)": "glorot_uniform",
    "normal, σ = 0.01 (too small)": "normal_001",
    "normal, σ = 0.2 (too large)": "normal_02",
}
_STDDEVS = {"normal_001": 0.01, "normal_02": 0.2}
NETWORKS = {"plain": "plain", "ResNet v1": "resnet_v1", "ResNet v2": "resnet_v2"}
DEPTHS = range(8, 111, 6)  # 6n+2, what plain and v1 can have
SETTLE_SECONDS = 0.01  # a newer value within this time replaces an older one


def explore_gradients(x, y, *, networks=("plain", "resnet_v1"), depths=DEPTHS, batch_norm=False):
    """Show the gradient norms of freshly initialized networks, and change the network by its controls.

    `x` is a batch of images `(n, height, width, channels)` of at most 32×32 pixels, `y` its labels. Depth,
    network, activation, initializer and batch normalization can be changed, and new weights be drawn. The
    curve of the setting before stays in grey. `networks` and `depths`, a range, are what can be chosen; every
    network must have every depth. Returns the widget; a cell that ends in it shows it.
    """
    slider, number = _slider_with_number("depth", depths, 20)
    controls = {
        "depth": slider,
        "network": _dropdown("network", {label: name for label, name in NETWORKS.items() if name in networks}),
        "activation": _dropdown("activation", ACTIVATIONS),
        "initializer": _dropdown("weights", INITIALIZERS),
        "batch_norm": ipywidgets.Checkbox(value=batch_norm, description="batch normalization", indent=False),
    }
    redraw = ipywidgets.Button(description="draw new weights", tooltip="same network, other random weights")
    seed = [0]
    before = {}

    @functools.lru_cache(maxsize=256)
    def norms_of(seed, **setting):
        setting["initializer"] = _initializer(setting["initializer"])
        return fresh_gradient_norms(x, y, seed=seed, **setting)

    def draw(**setting):
        norms = norms_of(seed[0], **setting)
        shown = _draw_norms(norms, before.get("norms"), _name_setting(setting))
        before["norms"] = norms
        return shown

    picture, show_latest = _live_picture(controls, draw, height="330px")

    def draw_again(_):
        seed[0] += 1
        show_latest()

    redraw.on_click(draw_again)
    rows = [
        in_a_row(slider, number, redraw),
        in_a_row(controls["network"], controls["activation"]),
        in_a_row(controls["initializer"], controls["batch_norm"]),
    ]
    return Panel([*rows, picture], "gradient norms by depth, network, activation, weights and normalization")


def explore_images(images, labels):
    """Show one image at a time with its label, chosen by a slider: the smallest example of a widget.

    `images` is uint8 `(n, height, width, channels)` with 1 or 3 channels, `labels` has the shape `(n,)`.
    Returns the widget.
    """
    slider, number = _slider_with_number("image", range(len(images)), 0)

    def draw(number):
        figure = Figure(figsize=(2, 2), layout="constrained")
        ax = figure.subplots()
        plotting.plot_image(images[number], ax)
        return as_html(figure, f"image {number}: labelled {labels[number]}")

    picture, _ = _live_picture({"number": slider}, draw, height="220px")
    return Panel([in_a_row(slider, number), picture], "one image at a time, with its label")


def explore_shortcuts():
    """Show signal and gradient along 50 blocks on the way from carry over highway to residual.

    The position of the slider, 0 to 100, is that of `propagation.mix_at`; the shortcut can be scaled besides, and
    batch normalization be taken out of the branch. Returns the widget.
    """
    slider, number = _slider_with_number("position", range(0, 101, 5), 100)
    controls = {
        "position": slider,
        "scale": _dropdown("shortcut ×", {"1": 1.0, "0.99": 0.99, "0.9": 0.9, "0.5": 0.5}),
        "batch_norm": ipywidgets.Checkbox(value=True, description="batch normalization", indent=False),
    }
    ends = ipywidgets.HTML("0: carry · 50: highway, gate ½ · 100: residual")

    def draw(*, position, scale, batch_norm):
        shortcut, branch = propagation.mix_at(position / 100)
        sizes = propagation.chain_signals(shortcut=scale * shortcut, branch=branch, batch_norm=batch_norm)
        figure, ax = wide_axes(0.63)
        plotting.plot_chain(sizes, ax)
        title = f"{scale * shortcut:.3g} · x + {branch:.3g} · F(x)"
        name_picture(ax, title)
        normalized = "with" if batch_norm else "without"
        return as_html(figure, f"{title}, {normalized} batch normalization: {propagation.describe_chain(sizes)}")

    picture, _ = _live_picture(controls, draw, height="330px")
    rows = [
        in_a_row(slider, number, ends),
        in_a_row(controls["scale"], controls["batch_norm"]),
    ]
    return Panel([*rows, picture], "signal and gradient along 50 blocks, from carry over highway to residual")


def explore_lesions(networks, x, y):
    """Take blocks out of trained networks, or swap them, and show the accuracy that is left.

    `networks` is `{label: parts}`, as `lesions.dissect` gives them, `x` and `y` are images as the networks take
    them and their labels. Blocks that begin a stage stay. Returns the widget.
    """
    longest = max(len(parts) - 2 for parts in networks.values())
    block, block_number = _slider_with_number("block", range(1, longest + 1), 2)
    count, count_number = _slider_with_number("how many", range(longest + 1), 1)
    controls = {
        "network": _dropdown("network", {label: label for label in networks}),
        "operation": _dropdown("operation", {"take out": "out", "move back": "swap"}),
        "first": block,
        "count": count,
    }
    whole = {label: lesions.accuracy_of(parts, x, y) for label, parts in networks.items()}
    before = {}

    def draw(*, network, operation, first, count):
        change = lesions.delete_range if operation == "out" else lesions.swap_range
        parts, kinds = change(networks[network], first, count)
        accuracy = lesions.accuracy_of(parts, x, y)
        changed = sum(kind != "in" for kind in kinds.values())
        what = f"{changed} block{'s' * (changed != 1)} {'taken out' if operation == 'out' else 'in another order'}"
        note = f"; it has {len(kinds)} blocks, and the last one is meant" if first > len(kinds) else ""
        bars = {f"{network}, whole": whole[network], **before, f"now, {what}": accuracy}
        before.clear()
        before["before"] = accuracy
        summary = (
            f"{network}, {what}: {accuracy:.1%} of the images right, {whole[network]:.1%} with all blocks{note}"
        )
        return _draw_lesion(kinds, bars, summary)

    picture, _ = _live_picture(controls, draw, height="330px")
    rows = [
        in_a_row(controls["network"], controls["operation"]),
        in_a_row(block, block_number),
        in_a_row(count, count_number),
    ]
    return Panel([*rows, picture], "trained networks without some of their blocks, or with blocks swapped")


def explore_stages():
    """Show what a network for ImageNet costs, stage by stage, beside ResNet-50; its blocks are chosen by sliders.

    Returns the widget.
    """
    sliders = [_slider_with_number(f"stage {n}", range(1, 41), count) for n, count in enumerate((3, 4, 6, 3), 1)]
    controls = {f"stage{n}": slider for n, (slider, _) in enumerate(sliders, 1)}
    controls["bottleneck"] = _dropdown("blocks", {"bottlenecks": True, "two 3×3": False})
    reference = imagenet.count_costs(imagenet.STAGES[50][1], bottleneck=True)

    def draw(*, bottleneck, **stages):
        counts = tuple(stages.values())
        chosen = imagenet.count_costs(counts, bottleneck=bottleneck)
        depth = imagenet.depth_of(counts, bottleneck=bottleneck)
        (mine, adds), (theirs, their_adds) = (costs.sum_costs(found.values()) for found in (chosen, reference))
        summary = (
            f"{depth} layers, blocks {'-'.join(map(str, counts))}: {mine / 1e6:.1f} million parameters, "
            f"{adds / 1e9:.2f} billion multiply-adds; {mine / theirs:.2f} and {adds / their_adds:.2f} times "
            "those of ResNet-50"
        )
        return _draw_costs({"ResNet-50": reference, "yours": chosen}, summary)

    picture, _ = _live_picture(controls, draw, height="330px")
    rows = [in_a_row(*pair) for pair in sliders]
    rows.append(in_a_row(controls["bottleneck"]))
    return Panel([*rows, picture], "a network's costs by its blocks in each stage")


def _live_picture(controls, draw, *, height):
    """Return a picture that follows the controls, and the function that draws it anew.

    `draw` takes the controls' values by name and returns HTML. Where it fails, the picture says so in one line.
    """
    picture = ipywidgets.HTML(layout=ipywidgets.Layout(min_height=height))

    def show():
        try:
            picture.value = draw(**{name: control.value for name, control in controls.items()})
        except Exception as error:
            picture.value = f"<p>This setting failed: {html.escape(f'{type(error).__name__}: {error}')}</p>"

    show_latest = _latest_only(show)
    for control in controls.values():
        control.observe(lambda _: show_latest(), "value")
    show()
    return picture, show_latest


def _slider_with_number(description, values, value):
    """Return a slider over the range `values` and a number field that are kept equal.

    They begin at `value`, and the field takes typed numbers; where it is none of the values the nearest is meant.
    """

    def nearest(wanted):
        return min(values, key=lambda value: abs(value - wanted))

    limits = {"min": values[0], "max": values[-1], "step": values.step, "value": nearest(value)}
    slider = Slider(**limits, description=description)
    number = ipywidgets.BoundedIntText(**limits, description=description)

    def take_number(change):
        number.value = slider.value = nearest(change["new"])

    number.observe(take_number, "value")
    slider.observe(lambda change: setattr(number, "value", change["new"]), "value")
    return slider, number


class Panel(ipywidgets.VBox):
    """A box whose plain text, which GitHub and nbviewer show, says what is there instead of a class name."""

    def __init__(self, children, what):
        super().__init__(children)
        self._what = what

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        data["text/plain"] = f"[Interactive in JupyterLab: {self._what}. A static figure stands beside it.]"
        return bundle


def in_a_row(*children):
    """Return a box with these side by side, and below each other where it is narrow."""
    return ipywidgets.HBox(children, layout=ipywidgets.Layout(flex_flow="row wrap"))


def _dropdown(description, options):
    return ipywidgets.Dropdown(options=options, description=description)


def _initializer(name):
    if name not in _STDDEVS:
        return name
    import keras  # noqa: PLC0415

    return keras.initializers.RandomNormal(stddev=_STDDEVS[name])


def _name_setting(setting):
    network = _label(NETWORKS, setting["network"])
    activation = _label(ACTIVATIONS, setting["activation"])
    weights = _label(INITIALIZERS, setting["initializer"])
    normalization = "batch normalization" if setting["batch_norm"] else "no normalization"
    return f"{network}, depth {setting['depth']}, {activation}, {weights}, {normalization}"


def _label(options, value):
    return next(label for label, name in options.items() if name == value)


def _draw_norms(norms, before, title):
    """Draw the norms, with those of the setting before in grey, and describe them."""
    figure, ax = wide_axes(0.78)
    if before is not None:
        values = list(select_convolutions(before).values())
        ax.plot(range(1, len(values) + 1), values, color="0.6", linewidth=1, label="before")
    plotting.plot_gradient_norms({"now": select_convolutions(norms)}, ax)
    name_picture(ax, title)
    return as_html(figure, f"{title}: {describe_norms(norms)}.")


def _draw_lesion(kinds, bars, summary):
    figure = Figure(figsize=(8, 3.3))
    plotting.plot_chain_of_blocks(kinds, figure.add_axes((0.05, 0.66, 0.9, 0.3)))
    ax = figure.add_axes((0.32, 0.15, 0.6, 0.45))
    ax.barh(list(bars), list(bars.values()), color=["0.8", *["0.6"] * (len(bars) - 2), plotting.COLORS[0]])
    ax.set_xlim(0, 1)
    ax.set_xlabel("share of the images that are right")
    ax.invert_yaxis()
    return as_html(figure, summary)


def _draw_costs(series, summary):
    figure = Figure(figsize=(8, 3.3))
    for place, (index, what, unit) in enumerate(
        [(0, "million parameters", 1e6), (1, "billion multiply-adds", 1e9)]
    ):
        ax = figure.add_axes((0.08 + 0.42 * place, 0.2, 0.32, 0.72))
        shown = {
            label: {name: cost[index] / unit for name, cost in by_place.items()}
            for label, by_place in series.items()
        }
        plotting.plot_costs(shown, ax, what=what)
        if not place:
            ax.get_legend().remove()
    return as_html(figure, summary)


def wide_axes(width, *, height=0.75):
    """Return a figure as wide as a cell's output and its Axes of this share of it, with the legend at the right.

    The place is fixed: a layout engine draws everything twice, and takes longer than the gradients.
    """
    figure = Figure(figsize=(8, 3.3))
    return figure, figure.add_axes((0.09, 0.15, width, height))


def name_picture(ax, title):
    """Set a title at a fixed place: to find the best one takes a third of the drawing."""
    ax.set_title(title, fontsize="medium", y=1.0)


def as_html(figure, summary):
    """Return the figure as HTML, with the summary as its alternative text and as text below."""
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=100)
    summary = html.escape(summary)
    image = base64.b64encode(png.getvalue()).decode()
    return (
        f'<img alt="{summary}" src="data:image/png;base64,{image}" style="max-width: 100%">'
        f'<p class="resnet-edu-summary" role="status" style="line-height: 1.4">{summary}</p>'
    )


def _latest_only(show):
    """Return a function that calls `show` soon, once for any number of calls that come before it runs.

    Messages of a fast drag wait in the kernel while a picture is drawn. Drawing only once they have all been
    taken in means that the last value wins and nothing stale is computed.
    """
    waiting = []

    def show_soon():
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no kernel: a script or a test
            show()
            return
        for timer in waiting:
            timer.cancel()
        waiting[:] = [loop.call_later(SETTLE_SECONDS, show)]

    return show_soon
