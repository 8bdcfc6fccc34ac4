"""Figures: what is drawn, and that nothing is hidden."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from resnet_edu import plotting


@pytest.fixture
def ax():
    return Figure(figsize=(8, 3), layout="constrained").subplots()


def test_each_series_is_drawn_with_its_own_colour_and_marker(ax):
    plotting.plot_gradient_norms({"a": {"l1": 1.0, "l2": 2.0}, "b": {"l1": 3.0, "l2": 4.0}}, ax)
    first, second = ax.lines
    np.testing.assert_array_equal(first.get_xdata(), [1, 2])
    np.testing.assert_array_equal(second.get_ydata(), [3, 4])
    assert first.get_color() != second.get_color()
    assert first.get_marker() != second.get_marker()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]
    assert ax.get_yscale() == "log"


def test_zeros_are_marked_and_explained(ax):
    plotting.plot_gradient_norms({"dead": {"l1": 0.0, "l2": 1e-30, "l3": 1.0}}, ax)
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    np.testing.assert_array_equal(np.concatenate([line.get_xdata() for line in crosses]), [1])
    assert any("exactly 0" in text.get_text() for text in ax.texts)


@pytest.mark.parametrize("values", [[0.0, 0.0], [np.inf, 1.0], [np.nan, 1.0], [5.0, 5.0]])
def test_extreme_values_can_be_drawn(ax, values):
    plotting.plot_gradient_norms({"series": dict(zip("ab", values, strict=True))}, ax)
    ax.figure.canvas.draw()


def test_an_even_curve_looks_even(ax):
    plotting.plot_gradient_norms({"even": {"l1": 1e-6, "l2": 2e-6}}, ax)
    low, high = ax.get_ylim()
    assert high / low >= 1e4 * 0.999
    assert low < 1e-6
    assert high > 2e-6


def test_an_empty_series_is_refused(ax):
    with pytest.raises(ValueError, match="'nothing' holds no layer"):
        plotting.plot_gradient_norms({"nothing": {}}, ax)


def test_signals_are_drawn_with_their_product(ax):
    plotting.plot_signals([1.0, 0.5], [0.1, 0.2], ax)
    np.testing.assert_allclose(ax.lines[2].get_ydata(), [0.1, 0.1])


def test_ratios_show_median_and_spread(ax):
    plotting.plot_ratios([8, 20], {"plain": [[1, 2, 9], [10, 30, 20]]}, ax)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [2, 20])
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (1, 30)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_image_is_drawn_as_it_is(ax, channels):
    image = np.arange(4 * 4 * channels, dtype="uint8").reshape(4, 4, channels)
    plotting.plot_image(image, ax)
    shown = ax.images[0].get_array()
    np.testing.assert_array_equal(shown, image if channels == 3 else image[..., 0])


def test_no_two_colours_are_close():
    colors = np.array([to_rgb(color) for color in plotting.COLORS])
    distances = np.linalg.norm(colors[:, None] - colors[None], axis=-1)
    assert distances[~np.eye(len(colors), dtype=bool)].min() > 0.25


def test_accuracies_are_drawn_from_epoch_1_on_an_axis_that_does_not_move(ax):
    histories = {"a": [{"accuracy": 0.2}, {"accuracy": 0.4}], "b": []}
    plotting.plot_accuracies(histories, ax, epochs=8)
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [1, 2])
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [0.2, 0.4])
    assert ax.get_xlim() == (0.5, 8.5)
    assert ax.get_ylim()[0] == 0
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]


@pytest.mark.parametrize(("epochs", "step"), [(20, 1), (21, 2), (164, 9)])
def test_a_long_training_keeps_its_line_visible(ax, epochs, step):
    plotting.plot_accuracies({"a": [{"accuracy": 0.2}] * epochs}, ax)
    assert ax.lines[0].get_markevery() == step
    assert len(ax.lines[0].get_xdata()) == epochs


def test_errors_are_percent_on_a_logarithmic_axis(ax):
    plotting.plot_errors({"a": [0.5, 0.9, 0.999], "b": [0.8]}, ax)
    first, second = ax.get_lines()
    np.testing.assert_allclose(first.get_ydata(), [50, 10, 0.1])
    np.testing.assert_allclose(second.get_ydata(), [20])
    assert list(first.get_xdata()) == [1, 2, 3] and ax.get_yscale() == "log"
    assert ax.get_ylabel() == "training error, %"
    assert ax.yaxis.get_major_formatter()(0.1) == "0.1"


def test_accuracy_by_depth_has_medians_and_the_spread_of_seeds(ax):
    plotting.plot_by_depth((8, 20), {"a": [[0.9, 1.0, 0.8], [0.1, 0.5, 0.2]]}, ax)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [0.9, 0.2])
    band = ax.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (0.1, 1.0)
    np.testing.assert_array_equal(ax.get_xticks(), [8, 20])


def test_a_chain_has_a_line_for_signal_gradient_and_direct_part(ax):
    sizes = {"forward": np.ones(4), "backward": np.full(4, 2.0), "direct": np.full(4, 0.5)}
    plotting.plot_chain(sizes, ax)
    assert [line.get_ydata()[0] for line in ax.lines] == [1, 2, 0.5]
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [0, 1, 2, 3])
    assert len(ax.get_legend().get_texts()) == 3


def test_a_confusion_matrix_has_shares_of_each_row(ax):
    plotting.plot_confusion([[8, 2], [0, 40]], ["cat", "dog"], ax)
    np.testing.assert_allclose(ax.images[0].get_array(), [[0.8, 0.2], [0, 1]])
    assert sorted((text.get_position(), text.get_text()) for text in ax.texts) == [
        ((0, 0), "80"),
        ((1, 0), "20"),
        ((1, 1), "100"),
    ]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["cat", "dog"]


def test_rates_are_steps_on_a_logarithmic_axis(ax):
    plotting.plot_rates({"a": ([0, 1, 2], [0.1, 0.1, 0.01])}, ax)
    assert ax.get_yscale() == "log"
    assert ax.lines[0].get_drawstyle() == "steps-post"
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [0.1, 0.1, 0.01])


def test_accuracy_by_count_shows_median_and_spread(ax):
    plotting.plot_by_count({"net": {1: [0.9, 0.1, 0.8], 3: [0.5, 0.4, 0.6]}}, ax, what="blocks taken out")
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [1, 3])
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [0.8, 0.5])
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == (0.1, 0.9)


def test_deletions_of_networks_of_any_depth_share_an_axis(ax):
    plotting.plot_deletions({"a": {"b2": 0.5, "b3": 0.6, "b4": 0.7}, "b": {"b2": 0.1, "b3": 0.2}}, ax)
    assert [line.get_xdata().tolist() for line in ax.lines] == [[0, 0.5, 1], [0, 1]]


def test_a_surface_is_drawn_as_its_logarithm_whatever_its_size(ax):
    drawn = plotting.plot_surface(np.array([[1e-9, 10.0], [np.inf, 1e9]]), [-1, 1], ax)
    assert (drawn.zmin, drawn.zmax) == (-3, 1.5)
    ax.figure.canvas.draw()


def test_blocks_in_a_row_show_what_became_of_them(ax):
    plotting.plot_chain_of_blocks({"stage1_block1": "in", "stage1_block2": "out", "stage2_block1": "swapped"}, ax)
    colors = [to_rgb(bar.get_facecolor()) for bar in ax.patches]
    assert len(set(colors)) == 3
    assert [text.get_text() for text in ax.texts] == ["stage 1", "stage 2"]


def test_costs_stand_side_by_side(ax):
    plotting.plot_costs({"a": {"stem": 1, "stage1": 2}, "b": {"stem": 3, "stage1": 4}}, ax, what="parameters")
    assert [bar.get_height() for bar in ax.patches] == [1, 2, 3, 4]
    assert len({round(bar.get_x(), 6) for bar in ax.patches}) == 4


@pytest.mark.parametrize("count", [1, 2, 4])
def test_bars_of_costs_do_not_cover_each_other(ax, count):
    plotting.plot_costs({str(n): {"stem": 1, "stage1": 2} for n in range(count)}, ax, what="parameters")
    spans = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches)
    assert len(spans) == 2 * count
    assert all(end < begin for (_, end), (begin, _) in itertools.pairwise(spans))
