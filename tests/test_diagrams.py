"""Diagrams: what is drawn, that no label hides another, and that the words say the same."""

from itertools import combinations, pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle

from resnet_edu import diagrams

V1 = {"kernels": (3, 3), "widths": [(16, 16), (32, 32), (64, 64)]}
V2 = {"kernels": (1, 3, 1), "widths": [(16, 16, 64), (64, 64, 128), (128, 128, 256)]}


def make_blocks(n, *, kernels, widths, change="projection", keep="identity"):
    """Blocks as `costs.describe_blocks` gives them, which has the tests on real networks."""
    blocks = []
    for stage, filters in enumerate(widths, start=1):
        side = 64 >> stage
        for number in range(1, n + 1):
            changes = number == 1 and (stage > 1 or len(set(filters)) > 1)
            strides = (2 if number == 1 and stage > 1 else 1, *[1] * (len(kernels) - 1))
            kind = change if changes else keep
            block = {"stage": stage, "block": number, "kernels": kernels, "filters": filters, "strides": strides}
            blocks.append(SimpleNamespace(**block, output_size=(side, side), shortcut=kind))
    return blocks


NETWORKS = {
    "plain 20": make_blocks(3, **V1, change="none", keep="none"),
    "v1 8": make_blocks(1, **V1),
    "v1 20": make_blocks(3, **V1),
    "v1 20 of the paper": make_blocks(3, **V1, change="padding"),
    "v2 11": make_blocks(1, **V2),
    "v2 29": make_blocks(3, **V2),
    "v1 56": make_blocks(9, **V1),
    "v1 110": make_blocks(18, **V1),
}


@pytest.fixture
def ax():
    return Figure(figsize=(10, 3), dpi=100, layout="constrained").subplots()


def drawn_texts(ax):
    """Draw the figure; return its visible texts and their boxes in pixels."""
    canvas = FigureCanvasAgg(ax.figure)
    canvas.draw()
    texts = [text for text in [*ax.texts, *ax.get_legend().get_texts()] if text.get_text()]
    if ax.axison:
        texts += [text for text in [*ax.get_xticklabels(), *ax.get_yticklabels()] if text.get_text()]
    return texts, [text.get_window_extent(canvas.get_renderer()) for text in texts]


def overlapping(texts, boxes):
    pairs = combinations(zip(texts, boxes, strict=True), 2)
    return [(first.get_text(), second.get_text()) for (first, a), (second, b) in pairs if a.overlaps(b)]


def arcs(ax):
    return [patch for patch in ax.patches if isinstance(patch, PathPatch)]


def bars(ax):
    return [patch for patch in ax.patches if isinstance(patch, Rectangle)]


@pytest.mark.parametrize("network", NETWORKS)
def test_every_label_can_be_read(ax, network):
    diagrams.draw_network(NETWORKS[network], ax)
    texts, boxes = drawn_texts(ax)
    assert not overlapping(texts, boxes)
    drawn = [bar.get_window_extent() for bar in bars(ax)]
    for text, box in zip(texts, boxes, strict=True):
        assert not any(bar.overlaps(box) for bar in drawn), text.get_text()
        assert min(box.x0, box.y0, 1000 - box.x1, 300 - box.y1) >= 0, f"{text.get_text()} leaves the figure"
        assert text.get_fontsize() >= 8


@pytest.mark.parametrize(("network", "depth"), [("plain 20", 20), ("v2 29", 29), ("v1 56", 56)])
def test_the_bars_count_up_to_the_depth(ax, network, depth):
    diagrams.draw_network(NETWORKS[network], ax)
    assert len(bars(ax)) == depth


def test_bars_do_not_overlap_and_are_as_high_as_their_maps(ax):
    diagrams.draw_network(NETWORKS["v2 29"], ax)
    drawn = sorted(bars(ax), key=lambda bar: bar.get_x())
    assert all(a.get_x() + a.get_width() < b.get_x() for a, b in pairwise(drawn))
    np.testing.assert_allclose([bar.get_height() for bar in drawn[:-1]], [1] * 10 + [0.5] * 9 + [0.25] * 9)
    first = drawn[1:4]
    assert [bar.get_facecolor() for bar in first] == [to_rgba(diagrams.LAYER_COLORS[k]) for k in (1, 3, 1)]
    assert first[0].get_width() < first[1].get_width()


def test_a_shortcut_goes_over_its_block_and_shows_its_kind(ax):
    diagrams.draw_network(NETWORKS["v1 20"], ax)
    assert [arc.get_linestyle() == "-" for arc in arcs(ax)] == [
        b.shortcut == "identity" for b in NETWORKS["v1 20"]
    ]
    branches = np.array([(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars(ax)][1:-1]).reshape(9, 4)
    for arc, branch in zip(arcs(ax), branches, strict=True):
        spanned = arc.get_path().vertices[:, 0]
        assert spanned.min() < branch.min()
        assert spanned.max() > branch.max()
    FigureCanvasAgg(ax.figure).draw()
    top = arcs(ax)[0].get_path().get_extents().y1
    assert bars(ax)[1].get_height() / 2 < top
    assert ax.transData.transform((0, top))[1] < ax.get_legend().get_texts()[0].get_window_extent().y0


def test_a_plain_network_has_no_arc(ax):
    diagrams.draw_network(NETWORKS["plain 20"], ax)
    assert not arcs(ax)


@pytest.mark.parametrize(
    ("network", "kinds"),
    [
        ("plain 20", []),
        ("v1 20", ["identity shortcut", "projection shortcut"]),
        ("v1 20 of the paper", ["identity shortcut", "padding shortcut"]),
        ("v2 11", ["projection shortcut"]),
    ],
)
def test_the_legend_explains_what_occurs(ax, network, kinds):
    diagrams.draw_network(NETWORKS[network], ax)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert [label for label in labels if "shortcut" in label] == kinds
    assert ("1×1 convolution" in labels) == network.startswith("v2")


@pytest.mark.parametrize("place", [0, 1, 2])
def test_stride_is_written_below_the_layer_that_has_it(ax, place):
    blocks = NETWORKS["v2 29"][:6]
    strides = tuple(2 if number == place else 1 for number in range(3))
    blocks[3] = SimpleNamespace(**{**vars(blocks[3]), "strides": strides})
    diagrams.draw_network(blocks, ax)
    (written,) = [text for text in ax.texts if text.get_text() == "stride 2"]
    bar = sorted(bars(ax), key=lambda bar: bar.get_x())[1 + 3 * 3 + place]
    assert bar.get_x() <= written.get_position()[0] + 0.08 <= bar.get_x() + bar.get_width()


def test_many_blocks_are_numbered_at_their_ends(ax):
    diagrams.draw_network(NETWORKS["v1 110"], ax)
    assert [text.get_text() for text in ax.texts if text.get_text().isdigit()] == ["1", "18"] * 3


def test_a_gap_parts_the_stages(ax):
    diagrams.draw_network(NETWORKS["v1 20"], ax)
    steps = np.diff([arc.get_path().vertices[0, 0] for arc in arcs(ax)])
    assert min(steps[2], steps[5]) > 1.3 * np.delete(steps, [2, 5]).max()


def test_stages_are_labelled(ax):
    diagrams.draw_network(NETWORKS["v2 29"], ax)
    texts = [text.get_text() for text in ax.texts]
    assert "stage 1: 3 blocks\n32×32, 16–16–64 filters" in texts
    assert texts.count("3") == 3
    assert {"stem", "classifier"} <= set(texts)


def test_another_kernel_is_drawn_in_another_colour(ax):
    diagrams.draw_network(make_blocks(1, kernels=(5, 5), widths=V1["widths"]), ax)
    assert "5×5 convolution" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert bars(ax)[1].get_facecolor() not in map(to_rgba, diagrams.LAYER_COLORS.values())


def test_the_words_say_what_the_picture_shows():
    assert diagrams.summarize_network(NETWORKS["v1 20"]) == (
        "20 layers: stem, 3 stages of 3 blocks, classifier; a block has 2 convolutions (3×3, 3×3). "
        "Feature maps: 32×32 with 16 filters, 16×16 with 32 filters and 8×8 with 64 filters; "
        "stride 2 in the first block of stages 2 and 3, stride 1 in the others. "
        "Shortcuts: projection in the first block of stages 2 and 3, identity in the others."
    )


@pytest.mark.parametrize(
    ("network", "says"),
    [
        ("plain 20", "Shortcuts: none in all blocks."),
        ("v2 29", "projection in the first block of stages 1, 2 and 3, identity in the others."),
        ("v2 29", "29 layers: "),
        ("v2 11", "3 stages of 1 block, classifier; a block has 3 convolutions (1×1, 3×3, 1×1)."),
        ("v1 8", "Shortcuts: identity in the first block of stage 1, projection in the others."),
    ],
)
def test_other_networks_in_words(network, says):
    assert says in diagrams.summarize_network(NETWORKS[network])


def test_an_odd_network_in_words():
    blocks = [SimpleNamespace(**vars(block)) for block in NETWORKS["v1 20"][:5]]
    blocks[1].shortcut = "none"
    blocks[3].shortcut = "identity"
    text = diagrams.summarize_network(blocks)
    assert "2 stages of 3 blocks and 2 blocks" in text
    assert "none in block 2 of stage 1, identity in the others" in text


GROUPS = {"stem": (512, 400), "stage1": (14_304, 14_155_776), "stage3": (206_784, 13_107_200)}


def test_stage_costs_are_shares_with_their_numbers(ax):
    diagrams.plot_stage_costs(GROUPS, ax)
    heights = np.array([[bar.get_height() for bar in container] for container in ax.containers])
    np.testing.assert_allclose(heights.sum(axis=1), 1)
    np.testing.assert_allclose(heights[0, 2], 206_784 / (512 + 14_304 + 206_784))
    np.testing.assert_allclose(heights[1, 1], 14_155_776 / (400 + 14_155_776 + 13_107_200))
    assert [text.get_text() for text in ax.texts] == ["512", "14.3 k", "206.8 k", "400", "14.2 M", "13.1 M"]
    assert [label.get_text() for label in ax.get_xticklabels()] == list(GROUPS)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["parameters (221.6 k in all)", "multiply-adds (27.3 M in all)"]


def test_no_label_of_the_stage_costs_overlaps_another(ax):
    ax.figure.set_size_inches(8, 3)
    diagrams.plot_stage_costs(
        GROUPS | {"stage2": (52_192, 13_107_200), "head": (1024, 0), "classifier": (1, 2)}, ax
    )
    assert not overlapping(*drawn_texts(ax))


def test_layer_costs_are_bars_along_depth():
    rows = [
        SimpleNamespace(name=name, parameters=parameters, multiply_adds=multiply_adds)
        for name, parameters, multiply_adds in [
            ("net/stem_conv", 448, 442_368),
            ("net/stem_bn", 64, 0),
            ("net/stage1_block1_conv1", 2320, 2_359_296),
            ("net/stage1_block1_shortcut", 544, 131_072),
            ("net/stage1_block1_gate", 272, 262_144),
            ("net/stage1_block1_conv2", 2321, 2_359_297),
            ("net/classifier", 650, 640),
        ]
    ]
    axes = Figure(figsize=(10, 3)).subplots(1, 2)
    diagrams.plot_layer_costs(rows, axes)
    assert [bar.get_height() for bar in bars(axes[0])] == [448, 2320, 2321, 650]
    assert [bar.get_height() for bar in bars(axes[1])] == [442_368, 2_359_296, 2_359_297, 640]
    assert [label.get_text() for label in axes[0].get_xticklabels()] == ["stem", "stage1", "classifier"]
    np.testing.assert_allclose(axes[1].get_xticks(), [1, 2.5, 4])
    colors = [bar.get_facecolor() for bar in bars(axes[0])]
    assert colors[1] == colors[2] != colors[0] != colors[3]


@pytest.mark.parametrize(
    ("draw", "nothing"),
    [
        (diagrams.draw_network, []),
        (diagrams.plot_stage_costs, {}),
        (diagrams.plot_layer_costs, []),
        (lambda blocks, ax: diagrams.summarize_network(blocks), []),
    ],
)
def test_nothing_to_draw_is_refused(ax, draw, nothing):
    with pytest.raises(ValueError, match="there is no"):
        draw(nothing, ax)
