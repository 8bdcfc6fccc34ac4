"""The lessons as a person uses them: run all cells, then move the widgets by keyboard."""

import re

import pytest

from resnet_edu import data, gradients

from .jupyter import (
    ROOT,
    SUMMARY,
    cells_of,
    change,
    move_to_depth,
    open_notebook,
    open_widget,
    run_all,
    screenshot,
    scroll_to,
    scroll_to_call,
    start_all,
    wait_for_all,
)

LESSONS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture
def gradient_widget(browsing, lab):
    return open_widget(browsing, lab, "01_vanishing_gradients.ipynb", "explore_gradients(")


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_lesson_runs_without_an_error(browsing, lab, lesson):
    page = open_notebook(browsing, lab, lesson)
    run_all(page)
    cells = cells_of(page)
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    for position in range(0, len(cells), 3):
        scroll_to(page, position)
        screenshot(page, f"{lesson.removesuffix('.ipynb')}_{position:02}")
        text = page.inner_text(".jp-Notebook")
        assert "Traceback" not in text
        assert "Error displaying widget" not in text
        assert "Interactive in JupyterLab" not in text, "a widget was left as text"
    assert not re.search(r"Traceback|\[E ", lab.log()), lab.log()


def test_depth_is_moved_by_keyboard(gradient_widget):
    page = gradient_widget
    slider = page.get_by_role("slider").first
    slider.focus()
    page.keyboard.press("Home")
    page.wait_for_function(f"() => document.querySelector('{SUMMARY}').innerText.includes('depth 8,')")
    for depth in range(14, 57, 6):
        change(page, lambda: page.keyboard.press("ArrowRight"), f"depth {depth},")
    screenshot(page, "widget_depth_56")
    assert page.get_by_role("spinbutton", name="depth").input_value() == "56"


def test_every_control_changes_picture_and_summary(gradient_widget):
    page = gradient_widget
    change(page, lambda: page.get_by_label("network").select_option("ResNet v1"), "ResNet v1, depth 20")
    change(page, lambda: page.get_by_label("activation").select_option("tanh"), "tanh")
    change(page, lambda: page.get_by_label("weights").select_option(index=1), "Glorot")
    change(page, lambda: page.get_by_label("batch normalization").press("Space"), "batch normalization:")
    change(page, lambda: page.get_by_role("button", name="draw new weights").press("Enter"), "depth 20")
    move_to_depth(page, 50)
    field = page.get_by_role("spinbutton", name="depth")
    field.fill("54")
    change(page, lambda: field.press("Enter"), "depth 56,")
    assert field.input_value() == "56", "the nearest depth 6n+2 is taken"


def test_a_fast_drag_ends_in_the_last_value(gradient_widget):
    page = gradient_widget
    page.get_by_role("slider").first.focus()
    for key in ["ArrowRight", "ArrowRight", "ArrowLeft", "End", "Home"] * 8 + ["ArrowRight"] * 5:
        page.keyboard.press(key)
        page.wait_for_timeout(50)
    page.wait_for_function(
        f"() => document.querySelector('{SUMMARY}').innerText.includes('depth 38,')", timeout=30_000
    )
    page.wait_for_timeout(1500)  # nothing stale may follow
    (x, y), _ = data.load_digits()
    x = ((x[:64] - x.mean()) / 255).astype("float32")
    norms = gradients.fresh_gradient_norms(x, y[:64], depth=38, batch_norm=False)
    assert gradients.describe_norms(norms) in page.inner_text(SUMMARY)


def test_a_widget_of_lesson_0_shows_another_image(browsing, lab):
    page = open_widget(browsing, lab, "00_start_here.ipynb", "explore_images(")
    page.get_by_role("slider").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"() => document.querySelector('{SUMMARY}').innerText.startsWith('image 1:')")
    screenshot(page, "widget_image_1")


def test_shortcuts_are_mixed_by_keyboard(browsing, lab):
    page = open_widget(browsing, lab, "03_residual_block.ipynb", "explore_shortcuts(")
    picture = "img[alt*='F(x), with']"
    page.get_by_role("slider").first.focus()
    change(page, lambda: page.keyboard.press("ArrowLeft"), "0.95 · x + 0.95 · F(x), with", picture=picture)
    field = page.get_by_role("spinbutton", name="position")
    field.fill("50")
    change(page, lambda: field.press("Enter"), "0.5 · x + 0.5 · F(x), with", picture=picture)
    scale = page.get_by_label("shortcut ×")
    change(page, lambda: scale.select_option("0.5"), "0.25 · x + 0.5 · F(x), with", picture=picture)
    normalize = page.get_by_label("batch normalization")
    change(page, lambda: normalize.press("Space"), "0.25 · x + 0.5 · F(x), without", picture=picture)
    screenshot(page, "widget_shortcuts")


def test_lesson_5_compares_v1_and_v2_by_depth(browsing, lab):
    page = open_widget(browsing, lab, "05_resnet_v2.ipynb", "explore_gradients(")
    change(page, lambda: page.get_by_label("network").select_option("ResNet v2"), "ResNet v2, depth 20")
    move_to_depth(page, 110)
    screenshot(page, "widget_v2_110")


STATUS = "[role=status]"


def wait_for_status(page, says, *, seconds=60):
    page.wait_for_function(
        "([status, says]) => document.querySelector(status)?.innerText.includes(says)",
        arg=[STATUS, says],
        timeout=seconds * 1000,
    )


def stop_while_the_cell_runs(browsing, lab, name, call, *, running, stopped):
    """Open a lesson, stop the training while its cell still waits for it; return the page, at the panel."""
    page = open_notebook(browsing, lab, name)
    start_all(page)
    scroll_to_call(page, call)
    page.wait_for_selector(STATUS, timeout=120_000)
    wait_for_status(page, running)
    page.get_by_role("button", name="Stop").press("Enter")
    wait_for_status(page, stopped)
    wait_for_all(page)
    outputs = [output for cell in cells_of(page) for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output["output_type"] == "error"]
    scroll_to_call(page, call)
    return page


def test_training_stops_and_starts_again(browsing, lab):
    page = stop_while_the_cell_runs(
        browsing,
        lab,
        "02_plain_vs_residual.ipynb",
        "train_side_by_side(",
        running="epoch 1 of",
        stopped="stopped in epoch 1",
    )
    page.get_by_role("button", name="Run again").press("Enter")
    wait_for_status(page, "seed 1, epoch 1")
    screenshot(page, "widget_training")
    page.get_by_role("button", name="Stop").press("Enter")
    wait_for_status(page, "stopped in epoch 1")


def test_a_training_by_recipe_stops_and_goes_on(browsing, lab):
    page = stop_while_the_cell_runs(
        browsing,
        lab,
        "06_train_cifar10.ipynb",
        "train_by_recipe(",
        running="",
        stopped="stopped; 0 of 1 epochs kept",
    )
    page.get_by_role("button", name="Go on").press("Enter")
    wait_for_status(page, "done: 1 epochs")
    assert "after 1 epoch" in page.inner_text(".resnet-edu-summary")
    screenshot(page, "widget_recipe")
