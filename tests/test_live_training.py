"""Training in the background: it goes on, stops, starts again, and says what went wrong."""

import asyncio
import time

import numpy as np
import pytest

from resnet_edu import live_training, models, plans, recipes
from resnet_edu.recipe_training import RecipeTraining


def builders(depth=8):
    return {
        "plain": lambda seed: models.plain_net((8, 8, 1), depth, seed=seed),
        "residual": lambda seed: models.resnet_v1((8, 8, 1), depth, seed=seed),
    }


def start(digits, epochs=2, **options):
    return live_training.train_side_by_side(builders(), *digits, epochs=epochs, batch_size=16, **options)


def texts(panel):
    return " ".join(
        child.value for child in [*panel.children[0].children, panel.children[1]] if hasattr(child, "value")
    )


def test_all_networks_are_trained_and_drawn(digits):
    panel = start(digits)
    histories = asyncio.run(panel.finished())
    assert {label: len(history) for label, history in histories.items()} == {"plain": 2, "residual": 2}
    assert set(panel.models) == {"plain", "residual"}
    assert live_training.describe_histories(histories) in texts(panel)
    assert 'alt="training accuracy: plain' in texts(panel)
    assert "done: 2 epochs, seed 0" in texts(panel)


def test_stop_keeps_what_is_there(digits):
    panel = start(digits, epochs=500)
    while not panel.histories["plain"]:
        time.sleep(0.05)
    asked = time.monotonic()
    panel.children[0].children[0].click()
    histories = asyncio.run(panel.finished())
    assert time.monotonic() - asked < 5
    assert 1 <= len(histories["plain"]) < 500
    assert not histories["residual"]
    assert "stopped in epoch" in texts(panel)


def test_run_again_takes_the_place_of_a_training_that_runs(digits):
    panel = start(digits, epochs=500)
    first, thread = panel.histories, panel._thread
    panel._epochs = 1
    panel.children[0].children[1].click()
    while not panel.models:
        time.sleep(0.01)
    assert not thread.is_alive(), "two trainings run beside each other"
    histories = asyncio.run(panel.finished())
    assert histories is not first
    assert len(histories["residual"]) == 1
    assert "seed 1" in texts(panel)
    before = len(first["plain"])
    time.sleep(0.5)
    assert len(first["plain"]) == before, "the first training still runs"


def test_an_interrupt_stops_and_returns(digits):
    panel = start(digits, epochs=500)

    async def interrupted():
        waiting = asyncio.create_task(panel.finished())
        await asyncio.sleep(0.3)
        waiting.cancel()  # what ipykernel makes of an interrupt
        return await waiting

    assert set(asyncio.run(interrupted())) == {"plain", "residual"}
    assert "stopped in epoch" in texts(panel)


def test_a_failure_is_shown_and_raised(digits):
    panel = live_training.train_side_by_side({"none": lambda seed: 1 / 0}, *digits, epochs=1)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(panel.finished())
    assert "The training failed: ZeroDivisionError" in texts(panel)


def test_a_network_without_an_epoch_is_described():
    assert live_training.describe_histories({"a": [], "b": [{"accuracy": 0.5}]}) == (
        "training accuracy: a not yet known, b 0.50 after 1 epoch"
    )


def recipe_panel(digits, epochs, split="45k"):
    recipe = recipes.change_recipe(
        recipes.shorten_recipe(recipes.RECIPES["paper"], epochs), ["batch_size=16", "learning_rate=0.01"]
    )
    x, y = digits
    images = ((x + 0.3) * 255).round().astype("uint8")
    plan = plans.Plan("resnet_v1", 8, recipe, images="digits", split=split)
    return live_training.train_by_recipe(RecipeTraining(plan, ((images, y), (images, y))))


def test_a_recipe_is_trained_and_drawn(digits):
    panel = recipe_panel(digits, 2)
    histories = asyncio.run(panel.finished())
    assert {label: len(history) for label, history in histories.items()} == {"training": 2, "validation": 2}
    assert histories["training"][1]["accuracy"] == panel.training.history[1]["accuracy"]
    assert histories["validation"][1]["accuracy"] == panel.training.history[1]["validation_accuracy"]
    assert live_training.describe_histories(histories, what="accuracy") in texts(panel)
    assert "done: 2 epochs" in texts(panel)


def test_without_validation_images_there_is_one_curve(digits):
    assert set(asyncio.run(recipe_panel(digits, 1, split="50k").finished())) == {"training"}


def test_a_recipe_stops_within_a_second_and_goes_on(digits):
    panel = recipe_panel(digits, 400)
    while len(panel.training.history) < 2:
        time.sleep(0.02)
    asked = time.monotonic()
    panel.children[0].children[0].click()
    before = asyncio.run(panel.finished())
    assert time.monotonic() - asked < 1
    kept = len(before["training"])
    assert 2 <= kept < 400
    assert f"stopped; {kept} of 400 epochs kept" in texts(panel)
    panel.children[0].children[1].click()
    while len(panel.training.history) < kept + 2:
        time.sleep(0.02)
    panel.stop()
    after = asyncio.run(panel.finished())
    assert after["training"][:kept] == before["training"]
    assert len(after["training"]) > kept


def test_a_network_in_training_can_be_looked_at(digits):
    panel = recipe_panel(digits, 400)
    looks, until = 0, time.monotonic() + 60
    while len(panel.training.history) < 5 and time.monotonic() < until:
        assert np.isfinite(panel.training.predict(np.zeros((3, 8, 8, 1), "uint8"))).all()
        assert panel.training.model.count_params()
        looks += 1
    panel.stop()
    asyncio.run(panel.finished())  # it raises what has failed there
    assert looks > 5 and len(panel.training.history) >= 5


def test_the_status_tells_how_far_it_is(digits, monkeypatch):
    monkeypatch.setattr(live_training, "REPORT_SECONDS", 0)
    said = []
    monkeypatch.setattr(live_training.TrainingPanel, "_say", lambda self, text: said.append(text))
    asyncio.run(recipe_panel(digits, 2).finished())
    assert said[0] == "compiling the training step …"
    assert said[1].startswith("epoch 1 of 2, 33%: loss ")
    assert said[-2].startswith("epoch 2 of 2, 100%")
    assert said[-2].endswith("about 0 s left")
