"""The lessons as a person uses them: run all cells, then move the widgets by keyboard."""

import random
import re

import numpy as np
import pytest

from resnet_edu import data, gradients, models

from .accessibility import serious_findings
from .jupyter import (
    ROOT,
    STATUS,
    SUMMARY,
    cells_of,
    change,
    choose_theme,
    go_through,
    make_widget,
    move_to_depth,
    screenshot,
    scroll_to_call,
    start_all,
    toggle_side_bar,
    wait_for_all,
    wait_for_status,
)

LESSONS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
WIDGETS = {
    "00_start_here.ipynb": "explore_images(",
    "01_vanishing_gradients.ipynb": "explore_gradients(",
    "02_plain_vs_residual.ipynb": "train_side_by_side(",
    "03_residual_block.ipynb": "explore_shortcuts(",
    "05_resnet_v2.ipynb": "explore_gradients(",
    "06_train_cifar10.ipynb": "train_by_recipe(",
    "07_inside_resnets.ipynb": "explore_lesions(",
    "08_imagenet_resnets.ipynb": "explore_stages(",
}


def on_lesson(number):
    """Give the test the page of this lesson."""
    return pytest.mark.parametrize("lesson", [LESSONS[number]])


@pytest.fixture
def widget(page, lesson):
    """The page at the lesson's widget, which is as it was made."""
    make_widget(page, WIDGETS[lesson])
    return page


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_runs_without_an_error(page, lab, lesson):
    cells = cells_of(page)
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    findings, seen = set(), set()
    for whole in go_through(page):
        seen.update(whole)
        screenshot(page, f"{lesson.removesuffix('.ipynb')}_{min(whole):02}")
        text = page.inner_text(".jp-Notebook")
        assert "Traceback" not in text
        assert "Error displaying widget" not in text
        assert "Interactive in JupyterLab" not in text, "a widget was left as text"
        findings.update(serious_findings(page))
    assert seen == set(range(len(cells)))
    assert not findings
    assert not re.search(r"Traceback|\[E ", lab.log()), lab.log()


@pytest.mark.parametrize("lesson", sorted(WIDGETS))
def test_a_widget_fits_a_tablet_and_a_dark_theme(page, lesson):
    page.set_viewport_size({"width": 768, "height": 1024})
    toggle_side_bar(page)
    choose_theme(page, "JupyterLab Dark")
    try:
        scroll_to_call(page, WIDGETS[lesson])
        page.wait_for_selector(SUMMARY)
        screenshot(page, f"dark_{lesson.removesuffix('.ipynb')}")
        assert not serious_findings(page)
        # What sticks out of the cell's output at the right: nothing.
        assert not page.evaluate(
            """summary => {
                const output = document.querySelector(summary).closest('.jp-OutputArea-output');
                const right = output.getBoundingClientRect().right + 1;
                return [...output.querySelectorAll('img, input, select, button, label, p')]
                    .filter(part => part.getBoundingClientRect().right > right).map(part => part.outerHTML);
            }""",
            SUMMARY,
        )
    finally:
        choose_theme(page, "JupyterLab Light")
        toggle_side_bar(page)
        page.set_viewport_size({"width": 1280, "height": 720})


@on_lesson(0)
def test_another_image_is_shown(widget):
    widget.get_by_role("slider", name="image").focus()
    widget.keyboard.press("ArrowRight")
    widget.wait_for_function(f"() => document.querySelector('{SUMMARY}').innerText.startsWith('image 1:')")
    screenshot(widget, "widget_image_1")


@on_lesson(1)
def test_depth_is_moved_by_keyboard(widget):
    slider = widget.get_by_role("slider", name="depth")
    slider.focus()
    widget.keyboard.press("Home")
    widget.wait_for_function(f"() => document.querySelector('{SUMMARY}').innerText.includes('depth 8,')")
    for depth in range(14, 57, 6):
        change(widget, lambda: widget.keyboard.press("ArrowRight"), f"depth {depth},")
    screenshot(widget, "widget_depth_56")
    assert widget.get_by_role("spinbutton", name="depth").input_value() == "56"


@on_lesson(1)
def test_every_control_changes_picture_and_summary(widget):
    change(widget, lambda: widget.get_by_label("network").select_option("ResNet v1"), "ResNet v1, depth 20")
    change(widget, lambda: widget.get_by_label("activation").select_option("tanh"), "tanh")
    change(widget, lambda: widget.get_by_label("weights").select_option(index=1), "Glorot")
    change(widget, lambda: widget.get_by_label("batch normalization").press("Space"), "batch normalization:")
    change(widget, lambda: widget.get_by_role("button", name="draw new weights").press("Enter"), "depth 20")
    move_to_depth(widget, 50)
    field = widget.get_by_role("spinbutton", name="depth")
    field.fill("54")
    change(widget, lambda: field.press("Enter"), "depth 56,")
    assert field.input_value() == "56", "the nearest depth 6n+2 is taken"
    assert widget.get_by_role("slider", name="depth").input_value() == "56"


@on_lesson(1)
def test_200_moves_at_20_a_second_end_in_the_picture_of_the_last(widget):
    slider = widget.get_by_role("slider", name="depth")
    slider.focus()
    choices = random.Random(0)
    for _ in range(200):
        widget.keyboard.press(choices.choice(["ArrowRight", "ArrowLeft", "PageUp", "PageDown", "End", "Home"]))
        widget.wait_for_timeout(50)
    # Not the setting that was drawn last before, so that an old picture cannot pass for the new one.
    for key in ["Home"] + ["ArrowRight"] * 5:
        widget.keyboard.press(key)
    widget.wait_for_function(f"() => document.querySelector('{SUMMARY}').innerText.includes('depth 38,')")
    widget.wait_for_timeout(1500)  # nothing stale may follow
    assert slider.input_value() == "38"
    (x, y), _ = data.load_digits()
    x, y = ((x[:64] - x.mean()) / 255).astype("float32"), y[:64]
    fresh = gradients.fresh_gradient_norms(x, y, depth=38, batch_norm=False)
    assert gradients.describe_norms(fresh) in widget.inner_text(SUMMARY)
    built = gradients.gradient_norms(models.plain_net((8, 8, 1), 38, batch_norm=False, seed=0), x, y)
    np.testing.assert_allclose(list(fresh.values()), list(built.values()), rtol=1e-3)


@on_lesson(3)
def test_shortcuts_are_mixed_by_keyboard(widget):
    picture = "img[alt*='F(x), with']"
    widget.get_by_role("slider", name="position").focus()
    change(widget, lambda: widget.keyboard.press("ArrowLeft"), "0.95 · x + 0.95 · F(x), with", picture=picture)
    field = widget.get_by_role("spinbutton", name="position")
    field.fill("50")
    change(widget, lambda: field.press("Enter"), "0.5 · x + 0.5 · F(x), with", picture=picture)
    scale = widget.get_by_label("shortcut ×")
    change(widget, lambda: scale.select_option("0.5"), "0.25 · x + 0.5 · F(x), with", picture=picture)
    normalize = widget.get_by_label("batch normalization")
    change(widget, lambda: normalize.press("Space"), "0.25 · x + 0.5 · F(x), without", picture=picture)
    screenshot(widget, "widget_shortcuts")


@on_lesson(5)
def test_v1_and_v2_are_compared_by_depth(widget):
    change(widget, lambda: widget.get_by_label("network").select_option("ResNet v2"), "ResNet v2, depth 20")
    move_to_depth(widget, 110)
    screenshot(widget, "widget_v2_110")


@on_lesson(7)
def test_blocks_are_taken_out_by_keyboard(widget):
    picture = "img[alt*='of the images right']"
    for name, key, says in [
        ("how many", "ArrowRight", "ResNet-56, 2 blocks taken out"),
        ("block", "End", "ResNet-56, 1 block taken out"),
        ("block", "ArrowLeft", "ResNet-56, 2 blocks taken out"),
    ]:
        widget.get_by_role("slider", name=name).focus()
        change(widget, lambda key=key: widget.keyboard.press(key), says, picture=picture)
    operation, network = widget.get_by_label("operation"), widget.get_by_label("network")
    change(widget, lambda: operation.select_option("move back"), "in another order", picture=picture)
    change(widget, lambda: network.select_option("plain-20"), "plain-20, ", picture=picture)
    screenshot(widget, "widget_lesions")


@on_lesson(8)
def test_a_network_is_designed_by_keyboard(widget):
    picture = "img[alt*='multiply-adds']"
    widget.get_by_role("slider", name="stage 3").focus()
    change(widget, lambda: widget.keyboard.press("ArrowRight"), "53 layers, blocks 3-4-7-3", picture=picture)
    kind = widget.get_by_label("blocks")
    change(widget, lambda: kind.select_option("two 3×3"), "36 layers, blocks 3-4-7-3", picture=picture)
    screenshot(widget, "widget_stages")


@pytest.mark.alone
@on_lesson(2)
def test_training_stops_while_its_cell_waits_and_starts_again(fresh_page):
    page, call = fresh_page, "train_side_by_side("
    start_all(page)
    scroll_to_call(page, call)
    page.wait_for_selector(STATUS, timeout=120_000)
    wait_for_status(page, "epoch 1 of")
    page.get_by_role("button", name="Stop").press("Enter")
    assert wait_for_status(page, "stopped in epoch 1") < 1, "a Stop takes longer while a network is compiled"
    wait_for_all(page)
    outputs = [output for cell in cells_of(page) for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output["output_type"] == "error"]
    scroll_to_call(page, call)
    page.get_by_role("button", name="Run again").press("Enter")
    wait_for_status(page, "seed 1, epoch 1")
    screenshot(page, "widget_training")
    page.get_by_role("button", name="Stop").press("Enter")
    wait_for_status(page, "stopped in epoch 1")
