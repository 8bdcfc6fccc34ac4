"""A training in the background, in a small notebook of its own: stopped, replaced, and left behind."""

import re
import time

import nbformat
import psutil
import pytest

from .jupyter import (
    STATUS,
    SUMMARY,
    cells_of,
    clear_outputs,
    close_notebooks,
    open_notebook,
    run_cell,
    wait_for_epoch,
    wait_for_status,
)

pytestmark = pytest.mark.alone

IMPORTS = """
import tempfile, threading
from resnet_edu import data, live_training, models, plans, recipes
from resnet_edu.recipe_training import RecipeTraining

(x, y), _ = data.load_digits()
x = (x / 255).astype("float32")
builders = {"plain-8": lambda seed: models.plain_net((8, 8, 1), 8, seed=seed)}


def by_recipe(epochs):
    recipe = recipes.shorten_recipe(recipes.find_recipe("quick"), epochs)
    plan = plans.Plan("plain_net", 8, recipe, images="digits")
    return RecipeTraining(plan, plans.load_images("digits", None), folder=tempfile.mkdtemp())
""".strip()
TRAININGS = {
    "side by side": "panel = live_training.train_side_by_side(builders, x, y, epochs=1000)\npanel",
    "short": "panel = live_training.train_side_by_side(builders, x, y, epochs=20)\npanel",
    "by recipe": "panel = live_training.train_by_recipe(by_recipe(1000))\npanel",
}
THREADS = (
    "print([thread.name for thread in threading.enumerate()].count(live_training.THREAD_NAME), 'in training')"
)
NOTEBOOK = "panel.ipynb"
CELLS = [IMPORTS, *TRAININGS.values(), THREADS]


@pytest.fixture
def panel(browser, lab, opened, request):
    """The notebook of panels, with the only output that of the training which the test names, three epochs old.

    All tests have one kernel, as its imports take seconds. What another test left in training is replaced.
    """
    if NOTEBOOK not in opened or opened[NOTEBOOK].is_closed():
        close_notebooks(browser)
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        notebook = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, CELLS)], metadata=kernel)
        nbformat.write(notebook, lab.folder / "notebooks" / NOTEBOOK)
        opened[NOTEBOOK] = open_notebook(browser, lab, NOTEBOOK)
        run_cell(opened[NOTEBOOK], 0)
    page = opened[NOTEBOOK]
    clear_outputs(page)
    run_cell(page, CELLS.index(TRAININGS[request.param]))
    wait_for_epoch(page, 3)
    return page


def threads_in_training(page):
    position = CELLS.index(THREADS)
    run_cell(page, position)
    return cells_of(page)[position]["outputs"][0]["text"]


@pytest.mark.parametrize("panel", ["side by side"], indirect=True)
def test_stop_works_within_a_second_and_cells_run_meanwhile(panel):
    start = time.perf_counter()
    assert threads_in_training(panel) == "1 in training\n"
    assert time.perf_counter() - start < 5, "a cell waits for the training"
    panel.get_by_role("button", name="Stop").press("Enter")
    assert wait_for_status(panel, "stopped in epoch") < 1
    assert threads_in_training(panel) == "0 in training\n"


@pytest.mark.parametrize("panel", ["side by side"], indirect=True)
def test_a_second_training_takes_the_place_of_the_first(panel):
    run_cell(panel, CELLS.index(TRAININGS["side by side"]))
    wait_for_status(panel, "epoch 2 of")
    assert threads_in_training(panel) == "1 in training\n"


@pytest.mark.parametrize("panel", ["by recipe"], indirect=True)
def test_a_training_by_recipe_stops_and_goes_on_where_it_stopped(panel):
    panel.get_by_role("button", name="Stop").press("Enter")
    assert wait_for_status(panel, "of 1000 epochs kept") < 1
    kept = int(re.search(r"stopped; (\d+) of", panel.inner_text(STATUS))[1])
    assert kept >= 2
    panel.get_by_role("button", name="Go on").press("Enter")
    wait_for_epoch(panel, kept + 2)  # one more is done
    panel.get_by_role("button", name="Stop").press("Enter")
    wait_for_status(panel, "of 1000 epochs kept")
    assert int(re.search(r"stopped; (\d+) of", panel.inner_text(STATUS))[1]) > kept
    assert re.search(rf"after ({kept}|1) epoch", panel.inner_text(SUMMARY)) is None, "the curve goes on"


@pytest.mark.parametrize("panel", ["short"], indirect=True)
def test_a_closed_tab_leaves_no_thread_that_goes_on_for_ever(panel, browser, lab):
    panel.close()
    page = open_notebook(browser, lab, NOTEBOOK)
    deadline = time.monotonic() + 60
    while threads_in_training(page) != "0 in training\n":
        assert time.monotonic() < deadline, "still in training"
        page.wait_for_timeout(2000)
    kernels = psutil.Process(lab.process.pid).children(recursive=True)
    assert sum(kernel.cpu_percent(1) for kernel in kernels) < 30
