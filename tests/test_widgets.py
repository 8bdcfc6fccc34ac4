"""The widgets without a browser: what their controls do. In the browser: tests/browser."""

import re

import ipywidgets
import pytest

from resnet_edu import gradients, lesions, models, propagation, widgets


@pytest.fixture
def panel(digits):
    return widgets.explore_gradients(*digits)


def control(panel, description):
    found = [
        child
        for row in panel.children[:-1]
        for child in row.children
        if getattr(child, "description", None) == description
    ]
    return found[-1]


def summary(panel):
    return re.search(r'role="status"[^>]*>([^<]*)<', panel.children[-1].value)[1]


def test_picture_has_its_summary_as_alternative_text(panel):
    value = panel.children[-1].value
    assert f'alt="{summary(panel)}"' in value
    assert "data:image/png;base64," in value
    assert "plain, depth 20, ReLU" in summary(panel)


def test_it_begins_at_the_nearest_depth_that_can_be_chosen(digits):
    panel = widgets.explore_gradients(*digits, depths=range(32, 57, 6))
    assert "depth 32" in summary(panel)
    assert control(panel, "depth").value == 32


def test_a_new_widget_can_be_shown_after_all_were_closed(digits):
    widgets.explore_gradients(*digits)
    ipywidgets.Widget.close_all()
    panel = widgets.explore_gradients(*digits)
    assert all(row.layout.comm is not None for row in panel.children)


def test_summary_is_that_of_the_gradients(panel, digits):
    control(panel, "depth").value = 26
    control(panel, "network").value = "resnet_v1"
    control(panel, "batch normalization").value = True
    norms = gradients.fresh_gradient_norms(*digits, depth=26, network="resnet_v1", batch_norm=True)
    assert summary(panel).endswith(f"{gradients.describe_norms(norms)}.")


@pytest.mark.parametrize(
    ("description", "value", "says"),
    [
        ("depth", 56, "depth 56"),
        ("network", "resnet_v1", "ResNet v1"),
        ("activation", "sigmoid", "sigmoid"),
        ("weights", "normal_02", "too large"),
        ("batch normalization", True, "batch normalization"),
    ],
)
def test_each_control_changes_picture_and_summary(panel, description, value, says):
    before = panel.children[-1].value
    control(panel, description).value = value
    assert panel.children[-1].value != before
    assert says in summary(panel)


def test_slider_and_field_stay_equal_and_take_the_nearest_depth(panel):
    slider, field = panel.children[0].children[:2]
    slider.value = 32
    assert field.value == 32
    field.value = 55
    assert (slider.value, field.value) == (56, 56)
    field.value = 1000
    assert slider.value == 110


def test_new_weights_change_the_picture_and_a_seen_setting_does_not_change(panel):
    first = summary(panel)
    panel.children[0].children[2].click()
    assert summary(panel) != first
    control(panel, "depth").value = 26
    control(panel, "depth").value = 20
    again = summary(panel)
    control(panel, "depth").value = 26
    control(panel, "depth").value = 20
    assert summary(panel) == again


def test_an_error_shows_one_readable_line_and_the_widget_lives_on(panel, monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("no <memory> left")

    with monkeypatch.context() as patch:
        patch.setattr(widgets, "fresh_gradient_norms", fail)
        control(panel, "depth").value = 44
        assert panel.children[-1].value == "<p>This setting failed: RuntimeError: no &lt;memory&gt; left</p>"
    control(panel, "depth").value = 38
    assert "depth 38" in summary(panel)


def test_static_text_says_what_is_there(panel):
    bundle = panel._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert data["text/plain"].startswith("[Interactive in JupyterLab: ")


def test_images_are_shown_with_their_labels(digits):
    images = (digits[0] * 255).clip(0, 255).astype("uint8")
    panel = widgets.explore_images(images, digits[1])
    panel.children[0].children[0].value = 5
    assert summary(panel) == f"image 5: labelled {digits[1][5]}"


def test_shortcuts_are_mixed_by_position_scale_and_normalization():
    panel = widgets.explore_shortcuts()
    assert summary(panel).startswith("1 · x + 1 · F(x), with batch normalization")
    for description, value, says in [
        ("position", 50, "0.5 · x + 0.5 · F(x), with"),
        ("shortcut ×", 0.9, "0.45 · x + 0.5 · F(x), with"),
        ("batch normalization", False, "0.45 · x + 0.5 · F(x), without"),
    ]:
        before = panel.children[-1].value
        control(panel, description).value = value
        assert panel.children[-1].value != before
        assert summary(panel).startswith(says)
    sizes = propagation.chain_signals(shortcut=0.45, branch=0.5, batch_norm=False)
    assert propagation.describe_chain(sizes) in summary(panel)


def test_a_second_version_can_be_offered_at_the_depths_it_has(digits):
    panel = widgets.explore_gradients(
        *digits, networks=("resnet_v1", "resnet_v2"), depths=range(20, 111, 18), batch_norm=True
    )
    control(panel, "network").value = "resnet_v2"
    control(panel, "depth").value = 38
    norms = gradients.fresh_gradient_norms(*digits, depth=38, network="resnet_v2", batch_norm=True)
    assert "ResNet v2, depth 38" in summary(panel)
    assert summary(panel).endswith(f"{gradients.describe_norms(norms)}.")


def test_blocks_are_taken_out_and_moved(digits):
    x, y = digits
    networks = {name: lesions.dissect(build((8, 8, 1), 20)) for name, build in NETWORKS.items()}
    networks["longer"] = lesions.dissect(models.resnet_v1((8, 8, 1), 56))
    panel = widgets.explore_lesions(networks, x, y)
    accuracy = lesions.accuracy_of(lesions.without(networks["residual"], ["stage1_block2"]), x, y)
    assert summary(panel).startswith(f"residual, 1 block taken out: {accuracy:.1%} of the images right")
    for description, value, says in [
        ("how many", 3, "residual, 2 blocks taken out"),  # the first block of stage 2 stays
        ("block", 5, "residual, 2 blocks taken out"),
        ("operation", "swap", "residual, 2 blocks in another order"),
        ("network", "plain", "plain, 2 blocks in another order"),
        ("block", 27, "plain, 0 blocks in another order"),
    ]:
        before = panel.children[-1].value
        control(panel, description).value = value
        assert panel.children[-1].value != before
        assert summary(panel).startswith(says)
    assert summary(panel).endswith("with all blocks; it has 9 blocks, and the last one is meant")


NETWORKS = {"residual": models.resnet_v1, "plain": models.plain_net}


def test_a_networks_costs_follow_its_stages():
    panel = widgets.explore_stages()
    assert summary(panel).startswith(
        "50 layers, blocks 3-4-6-3: 25.6 million parameters, 3.86 billion multiply-adds"
    )
    control(panel, "stage 3").value = 23
    assert summary(panel).startswith("101 layers, blocks 3-4-23-3: 44.7 million parameters, 7.57 billion")
    control(panel, "blocks").value = False
    assert summary(panel).startswith("68 layers, blocks 3-4-23-3")
