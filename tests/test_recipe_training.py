"""Training by a recipe against Keras' own `fit`, on one device and on several, stopped and resumed."""

import functools
import itertools
import json
import os
import subprocess
import sys
import types
from dataclasses import replace

import keras
import numpy as np
import pytest

from resnet_edu import (
    augmentation,
    backend,
    blocks,
    checkpoints,
    gradients,
    models,
    plans,
    recipe_training,
    recipes,
    runs,
)
from resnet_edu.recipe_training import RecipeTraining

RECIPE = replace(
    recipes.RECIPES["paper"],
    length=2,
    unit="epochs",
    milestones=((1.5, 0.1),),
    batch_size=32,
    learning_rate=0.02,
    weight_decay=0.05,  # so strong that its lack, or twice as much, is seen
)


@pytest.fixture(scope="module")
def few():
    """320 digits to train on, 100 for the test."""
    (x, y), (x_test, y_test) = plans.load_images("digits")
    return (x[:320], y[:320]), (x_test[:100], y_test[:100])


def plan(recipe=RECIPE, **options):
    return plans.Plan("resnet_v1", 8, recipe, images="digits", **options)


def values(training):
    return {name: array.copy() for name, array in training._state.items() if name.startswith("model/")}


def test_it_trains_as_fit_does(few):
    """The oracle makes the same batches on the host and gives them to Keras' `fit`, one by one."""
    training = RecipeTraining(plan(), few)
    mean = few[0][0].mean(axis=0) / 255
    model = models.resnet_v1((8, 8, 1), 8, variant="paper", l2=0.025, seed=0)
    model.compile(
        keras.optimizers.SGD(0.02, momentum=0.9), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    for epoch, figures in enumerate(training.epochs()):
        rng = np.random.default_rng([0, epoch])
        order = rng.permutation(320)
        x = ((few[0][0] / 255 - mean)[order]).astype("float32")
        shifts, flips = augmentation.draw_augmentation(RECIPE, 320, rng)
        rows, columns = np.indices((8, 8))
        padded = np.pad(x, ((0, 0), (4, 4), (4, 4), (0, 0)))
        x = np.stack(
            [
                image[rows + 4 + int(dy), (7 - columns if flip else columns) + 4 + int(dx)]
                for image, (dy, dx), flip in zip(padded, shifts, flips, strict=True)
            ]
        )
        losses, accuracies = [], []
        for step in range(10):
            model.optimizer.learning_rate = 0.02 if epoch * 10 + step < 15 else 0.002
            part = slice(step * 32, step * 32 + 32)
            l2 = float(sum(keras.ops.convert_to_numpy(loss) for loss in model.losses))
            fitted = model.fit(x[part], few[0][1][order][part], batch_size=32, shuffle=False, verbose=0)
            losses.append(fitted.history["loss"][0] - l2)
            accuracies.append(fitted.history["accuracy"][0])
        l2 = float(sum(keras.ops.convert_to_numpy(loss) for loss in model.losses))
        assert figures["loss"] == pytest.approx(np.mean(losses), abs=5e-3)
        assert figures["accuracy"] == pytest.approx(np.mean(accuracies), abs=0.01)
        assert figures["l2"] == pytest.approx(l2, rel=2e-3)
        assert figures["learning_rate"] == pytest.approx(0.02 if epoch == 0 else 0.002)
    for mine, theirs in zip(training.model.get_weights(), model.get_weights(), strict=True):
        assert mine == pytest.approx(theirs, abs=5e-3)
    record = training.finish()["rows"][0]
    x_test = (few[1][0] / 255 - mean).astype("float32")
    loss, accuracy = model.evaluate(x_test, few[1][1], verbose=0)
    assert record["test_loss"] == pytest.approx(loss - l2, abs=0.01)
    assert record["test_accuracy"] == pytest.approx(accuracy, abs=0.011)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_as_for_an_accelerator_it_is_the_same(few, optimizer):
    """XLA on TensorFlow, several steps in one program on JAX; 7 steps a call do not divide 10."""
    recipe = replace(RECIPE, optimizer=optimizer, learning_rate=1e-3, momentum=0.9)
    plain = list(RecipeTraining(plan(recipe), few).epochs())
    accelerated = list(RecipeTraining(plan(recipe), few, accelerated=True, steps_at_once=7).epochs())
    for one, other in zip(plain, accelerated, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], abs=2e-3)


def test_calls_of_an_accelerator_take_half_a_second(few, monkeypatch):
    """By a clock on which every call takes 0.19 s; the figures do not depend on what a call makes."""
    heard = []
    training = RecipeTraining(plan(), few, accelerated=True)
    clock = types.SimpleNamespace(perf_counter=functools.partial(next, itertools.count(step=0.19)))
    monkeypatch.setattr(recipe_training, "time", clock)
    adapted = list(training.epochs(report=lambda *, epoch, steps, **_: heard.append((epoch, steps))))
    assert heard == [(0, 1), (0, 3), (0, 8), (0, 10), (1, 5), (1, 10)]
    monkeypatch.undo()
    for one, other in zip(
        adapted, RecipeTraining(plan(), few, accelerated=True, steps_at_once=7).epochs(), strict=True
    ):
        assert one | {"seconds": 0} == other | {"seconds": 0}


PROGRAMS = """
from dataclasses import replace
from resnet_edu import plans, recipes
from resnet_edu.recipe_training import RecipeTraining
recipe = recipes.shorten_recipe(replace(recipes.RECIPES["paper"], batch_size=32), 1)
(x, y), test = plans.load_images("digits")
plan = plans.Plan("plain_net", 8, recipe, images="digits")
training = RecipeTraining(plan, ((x[:160], y[:160]), test), accelerated=True, steps_at_once=2)
list(training.epochs())
"""


def test_calls_of_any_length_share_one_program(tmp_path):
    """XLA writes down what it compiles: once for calls of two steps, from the first and the third, and of one."""
    # Without JAX's cache, from which a program would come compiled.
    variables = os.environ | {"XLA_FLAGS": f"--xla_dump_to={tmp_path}", "JAX_ENABLE_COMPILATION_CACHE": "false"}
    subprocess.run([sys.executable, "-c", PROGRAMS], env=variables, check=True, capture_output=True)
    assert len(list(tmp_path.glob("*_train_several*.before_optimizations.txt"))) == 1


DEVICES = """
import json, sys
from dataclasses import replace
from resnet_edu import backend, plans, recipes
from resnet_edu.recipe_training import RecipeTraining, choose_devices
# A tenfold rate makes of the devices' rounding ten times as much: 1e-3 would be chance then.
recipe = recipes.shorten_recipe(recipes.RECIPES["paper"], 3)
recipe = replace(recipe, learning_rate=0.001, batch_size=64, weight_decay=0.5)  # strong enough to be seen
devices = choose_devices(4)[: int(sys.argv[1])] if len(sys.argv) < 3 else [sys.argv[2]]
plan = plans.Plan("resnet_v1", 8, recipe, images="digits", split="45k")
training = RecipeTraining(plan, plans.load_images("digits"), devices=devices, accelerated=len(devices) == 2)
history = [[figures[name] for name in ("loss", "l2", "validation_loss")] for figures in training.epochs()]
place = str(training.model.trainable_variables[0].value.device) if backend.name() == "TensorFlow" else devices[0]
print(json.dumps([devices, history, training.finish()["rows"][0]["test_loss"], place]))
"""


def test_several_devices_train_as_one():
    variables = os.environ | {"RESNET_EDU_VIRTUAL_DEVICES": "4"}
    # A process each: TensorFlow has one group of devices in its life.
    processes = [
        subprocess.Popen([sys.executable, "-c", DEVICES, *which], env=variables, stdout=subprocess.PIPE, text=True)
        for which in (["1", "CPU:3"], ["2"], ["4"])
    ]
    one, two, four = (json.loads(process.communicate(timeout=200)[0]) for process in processes)
    assert [len(found[0]) for found in (one, two, four)] == [1, 2, 4]
    assert one[3].endswith("CPU:3"), "it trains on another device than it was told"
    for several in (two, four):
        assert np.array(several[1]) == pytest.approx(np.array(one[1]), abs=1e-3)
        assert several[2] == pytest.approx(one[2], abs=1e-3)


def test_all_that_decides_the_next_epochs_is_kept(few, tmp_path, monkeypatch):
    """A reducer that has acted, a warm-up that is over, a best epoch long ago: all go on after a restart."""
    recipe = replace(
        RECIPE,
        length=7,
        milestones=(),
        keep="best",
        plateau=recipes.Plateau(0.5, 2, 0.0),
        warm_up=recipes.WarmUp(0.002, 0.99, 8),
    )
    accuracies = [0.1, 0.9, 0.2, 0.3, 0.3, 0.3, 0.3]

    def train(folder, stops):
        for stop in [*stops, 7]:
            training = RecipeTraining(plan(recipe, split="45k"), few, folder=folder, resume=True)
            monkeypatch.setattr(
                recipe_training, "judge", lambda *_, seen=training: (1.0, accuracies[len(seen.history)])
            )
            for _ in training.epochs(should_stop=lambda seen=training, stop=stop: len(seen.history) == stop):
                pass
        monkeypatch.undo()
        return training.finish()["rows"][0]

    whole, stopped = train(tmp_path / "whole", []), train(tmp_path / "stopped", [2, 4, 5])
    assert [round(rate, 6) for rate in whole["learning_rate"]] == [0.002, 0.02, 0.02, 0.01, 0.01, 0.005, 0.005]
    assert stopped["learning_rate"] == whole["learning_rate"]
    assert stopped["kept_epoch"] == whole["kept_epoch"] == 2
    assert stopped["test_loss"] == pytest.approx(whole["test_loss"], abs=1e-3)
    assert stopped["loss"] == pytest.approx(whole["loss"], abs=1e-3)


def test_a_batch_must_be_shared_evenly(few):
    with pytest.raises(checkpoints.TrainingError, match="3 devices cannot share a batch of 32"):
        RecipeTraining(plan(), few, devices=["CPU:0"] * 3)


def test_stopped_and_gone_on_it_is_the_same(few):
    whole = RecipeTraining(plan(), few)
    figures = list(whole.epochs())
    stopped, calls = RecipeTraining(plan(), few), iter(range(100))
    before = list(stopped.epochs(should_stop=lambda: next(calls) == 14))
    assert len(before) == 1
    assert len(stopped.history) == 1
    after = list(stopped.epochs())
    for one, other in zip(figures, before + after, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], abs=1e-4)
    for mine, theirs in zip(values(whole).values(), values(stopped).values(), strict=True):
        assert mine == pytest.approx(theirs, abs=1e-4)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_error_within_an_epoch_leaves_the_one_before(few, tmp_path, error):
    whole = list(RecipeTraining(plan(), few).epochs())

    def report(*, epoch, steps, **_):
        if (epoch, steps) == (1, 4):
            raise error

    training = RecipeTraining(plan(), few, folder=tmp_path)
    with pytest.raises(error):
        list(training.epochs(report=report))
    assert len(training.history) == 1
    assert next(iter(training.epochs()))["loss"] == pytest.approx(whole[1]["loss"], abs=1e-4)


def test_a_folder_that_fills_up_leaves_the_epoch_before(few, tmp_path, monkeypatch):
    training = RecipeTraining(plan(), few, folder=tmp_path)
    save, calls = training._folder.save, iter(range(9))

    def fill_up(*arguments):
        if next(calls) == 1:
            raise checkpoints.TrainingError("no room")
        save(*arguments)

    monkeypatch.setattr(training._folder, "save", fill_up)
    with pytest.raises(checkpoints.TrainingError, match="no room"):
        list(training.epochs())
    assert len(training.history) == 1
    assert len(checkpoints.TrainingFolder(tmp_path, resume=True).load()[1]["history"]) == 1
    assert len(list(training.epochs())) == 1


def test_the_record_tells_where_it_was_trained_otherwise(few, tmp_path, monkeypatch):
    next(RecipeTraining(plan(), few, folder=tmp_path, resume=True).epochs())
    here = runs.versions()
    for place in ("another machine", "a third one"):  # begun there, and nothing trained
        monkeypatch.setattr(runs, "versions", lambda place=place: here | {"device": place})
        training = RecipeTraining(plan(), few, folder=tmp_path, resume=True)
    assert training.changes == [f"a third one instead of {here['device']}"]
    list(training.epochs())
    changes = training.finish()["rows"][0]["changes"]
    assert changes == [f"from epoch 2 on: a third one instead of {here['device']}"]
    monkeypatch.undo()
    training = RecipeTraining(plan(), few, folder=tmp_path, resume=True)
    changes = training.finish()["rows"][0]["changes"]
    assert changes[1:] == [f"from epoch 3 on: {here['device']} instead of a third one"]


@pytest.mark.parametrize("part", ["momentum", "learning_rate"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_whole_number_is_a_number(few, optimizer, part):
    numbers = [replace(RECIPE, optimizer=optimizer, length=1, **{part: kind(0)}) for kind in (int, float)]
    losses = [next(RecipeTraining(plan(recipe), few).epochs())["loss"] for recipe in numbers]
    assert losses[0] == losses[1]


def test_report_hears_of_every_call(few):
    heard = []
    training = RecipeTraining(plan(), few, steps_at_once=4)
    (first, _) = training.epochs(report=lambda **figures: heard.append(figures))
    assert [(figures["epoch"], figures["steps"]) for figures in heard] == [
        (epoch, steps) for epoch in (0, 1) for steps in (4, 8, 10)
    ]
    assert heard[2]["loss"] == first["loss"]
    assert heard[2]["accuracy"] == first["accuracy"]


def test_the_best_epoch_s_weights_are_the_result(few, monkeypatch):
    recipe = replace(RECIPE, keep="best", length=4)
    training = RecipeTraining(plan(recipe, split="45k"), few)
    accuracies, seen = iter([0.2, 0.7, 0.7, 0.1]), []
    monkeypatch.setattr(recipe_training, "judge", lambda probabilities, labels: (1.0, next(accuracies)))
    for _ in training.epochs():
        seen.append(values(training))
    monkeypatch.undo()
    record = training.finish()["rows"][0]
    assert record["kept_epoch"] == 2  # the first of two equal ones, as Keras' ModelCheckpoint keeps
    for name, array in training._steps.read().items():
        if name.startswith("model/"):
            assert (array == seen[1][name]).all()


def test_a_reducer_lowers_the_rate(few, monkeypatch):
    reducer = recipes.Plateau(0.5, 1, 0.0)
    recipe = replace(RECIPE, plateau=reducer, milestones=(), length=4)
    monkeypatch.setattr(recipe_training, "judge", lambda probabilities, labels: (1.0, 0.5))
    figures = list(RecipeTraining(plan(recipe, split="45k"), few).epochs())
    assert [round(one["learning_rate"], 6) for one in figures] == [0.02, 0.02, 0.01, 0.005]
    overwritten = replace(recipe, schedule_overwrites_plateau=True)
    figures = list(RecipeTraining(plan(overwritten, split="45k"), few).epochs())
    assert [round(one["learning_rate"], 6) for one in figures] == [0.02] * 4


def test_a_deep_network_warms_up_until_its_error_falls(few):
    warm_up = recipes.WarmUp(rate=0.002, error=0.75, from_depth=8)
    recipe = replace(RECIPE, warm_up=warm_up, milestones=(), length=8, shift=0, flip=False)
    training = RecipeTraining(plan(recipe), few)
    figures = list(training.epochs())
    rates = [round(one["learning_rate"], 6) for one in figures]
    below = next(number for number, one in enumerate(figures) if one["accuracy"] > 0.25)
    assert 0 < below < 7
    assert rates == [0.002] * (below + 1) + [0.02] * (7 - below)
    shallow = replace(recipe, warm_up=replace(warm_up, from_depth=9), length=1)
    assert next(iter(RecipeTraining(plan(shallow), few).epochs()))["learning_rate"] == pytest.approx(0.02)


def test_a_loss_that_is_no_number_ends_it(few):
    training = RecipeTraining(plan(replace(RECIPE, learning_rate=1e30)), few)
    with pytest.raises(checkpoints.TrainingError, match=r"no longer a number in epoch [12]; use a smaller"):
        list(training.epochs())


def test_an_unfinished_training_is_not_tested(few):
    with pytest.raises(checkpoints.TrainingError, match="only 0 of 2 epochs"):
        RecipeTraining(plan(), few).finish()


def test_bfloat16_trains_as_well(few):
    training = RecipeTraining(plan(replace(RECIPE, length=6, shift=0), precision="mixed_bfloat16"), few)
    assert training.model.get_layer("stem_conv").compute_dtype == "bfloat16"
    assert training.model.output.dtype == "float32"
    assert keras.config.dtype_policy().name == "float32", "the policy outlives the network"
    history = list(training.epochs())
    exact = list(RecipeTraining(plan(replace(RECIPE, length=6, shift=0)), few).epochs())
    assert history[0]["loss"] == pytest.approx(exact[0]["loss"], abs=0.1)
    assert history[-1]["accuracy"] > 0.7


def test_predictions_do_not_depend_on_how_many_there_are(few):
    training = RecipeTraining(plan(), few)
    x = np.concatenate([few[0][0], few[0][0], few[0][0]])
    all_at_once = training.predict(x)
    assert all_at_once.shape == (960, 10)
    assert all_at_once == pytest.approx(
        np.concatenate([training.predict(x[:7]), training.predict(x[7:])]), abs=1e-5
    )


def test_splits_share_nothing(few):
    (x, y), test = few
    (x_train, y_train), (x_kept, y_kept) = plans.split_images(few, "45k")
    assert len(x_train) + len(x_kept) == len(x)
    assert {image.tobytes() for image in x_train} | {image.tobytes() for image in x_kept} == {
        image.tobytes() for image in x
    }
    assert np.bincount(y_kept).tolist() == (np.bincount(y) // 10).tolist()
    assert len(y_train) == len(x_train)
    assert plans.split_images(few, "50k")[1] is None
    assert plans.split_images(few, "leaky")[1][0] is test[0]


def test_a_plan_survives_its_dict():
    made = plan(recipes.RECIPES["article"], seed=3)
    assert plans.Plan.from_dict(made.as_dict() | {"loss": [1.0]}) == made
    assert made.list_differences(made.as_dict()) == []
    assert made.list_differences(replace(made, depth=14).as_dict()) == ["depth 14 instead of 8"]
    with pytest.raises(ValueError, match="no plan: 'seed' is missing"):
        plans.Plan.from_dict({"model": "resnet_v1", "depth": 8, "recipe": {}})


def test_normalization_in_training_is_keras_own(few):
    """Outputs, gradients and moving statistics, against the layer that ours replaces."""
    x = keras.ops.convert_to_tensor(few[0][0][:32].astype("float32") / 50)
    x = keras.ops.concatenate([x, x**2], axis=-1)
    options = {"momentum": 0.9, "epsilon": 1e-3}
    ours, theirs = blocks.BatchNormalization(**options), keras.layers.BatchNormalization(**options)
    for layer in (ours, theirs):
        layer.build(x.shape)
        layer.set_weights([np.array(values, "float32") for values in ([1.5, -2], [0.3, 1], [1, 2], [3, 4])])
    weights = keras.ops.convert_to_tensor(np.random.default_rng(0).normal(size=x.shape).astype("float32"))

    def loss(layer):
        return lambda arrays: keras.ops.sum(layer(arrays["x"], training=True) * weights)

    assert np.array(ours(x, training=True)) == pytest.approx(np.array(theirs(x, training=True)), abs=1e-4)
    for mine, kept in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert mine == pytest.approx(kept, rel=1e-4)
    gradients = [np.array(backend.gradients(loss(layer), {"x": x})["x"]) for layer in (ours, theirs)]
    assert gradients[0] == pytest.approx(gradients[1], abs=1e-3)


def test_normalization_is_exact_far_from_zero():
    """Against NumPy in double precision, the gradients by finite differences: the squares must not cancel."""
    rng = np.random.default_rng(0)
    x = (1000 + rng.normal(size=(4, 3, 3, 2)) * [0.5, 2]).astype("float32")
    weights, scale, offset = rng.normal(size=x.shape), np.array([1.5, -2.0]), np.array([0.3, 1.0])

    def normalize(x, scale, offset):
        mean, variance = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
        return (x - mean) / np.sqrt(variance + 1e-3) * scale + offset, mean, variance

    arguments = {"x": x, "scale": scale.astype("float32"), "offset": offset.astype("float32")}
    arguments = {name: keras.ops.convert_to_tensor(value) for name, value in arguments.items()}
    wide = {"x": x.astype("float64"), "scale": scale, "offset": offset}
    for ours, theirs in zip(backend.normalize_batch(**arguments, epsilon=1e-3), normalize(**wide), strict=True):
        assert keras.ops.convert_to_numpy(ours) == pytest.approx(theirs, rel=1e-3, abs=1e-3)

    def loss(arrays):
        return keras.ops.sum(backend.normalize_batch(**arrays, epsilon=1e-3)[0] * weights.astype("float32"))

    found = backend.gradients(loss, arguments)
    for name, value in wide.items():
        for position in np.ndindex(value.shape) if name != "x" else [(0, 0, 0, 0), (3, 2, 1, 1)]:
            ends = []
            for step in (-1e-4, 1e-4):
                moved = wide | {name: value.copy()}
                moved[name][position] += step
                ends.append((normalize(**moved)[0] * weights).sum())
            expected = (ends[1] - ends[0]) / 2e-4
            assert float(found[name][position]) == pytest.approx(expected, rel=2e-3, abs=2e-3)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="TensorFlow's is one kernel")
def test_normalization_outside_of_a_program_is_compiled_once():
    import jax  # noqa: PLC0415

    compiled, x = [], keras.ops.ones((2, 3, 3, 4))
    arrays = {"x": x, "scale": keras.ops.ones(4), "offset": keras.ops.zeros(4)}

    def loss(arrays):
        return keras.ops.sum(backend.normalize_batch(**arrays, epsilon=1e-3)[0])

    backend.gradients(loss, arrays)

    def listener(event, _, **options):
        if "backend_compile" in event:
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(listener)
    try:
        backend.gradients(loss, arrays)
    finally:
        jax.monitoring.clear_event_listeners()
    assert not compiled


def test_a_whole_epoch_in_one_program_is_the_same_training(few):
    steps = len(few[0][0]) // RECIPE.batch_size
    one_by_one, at_once = (
        list(RecipeTraining(plan(), few, accelerated=True, steps_at_once=count).epochs())
        for count in (1, 2 * steps)
    )
    for mine, theirs in zip(one_by_one, at_once, strict=True):
        assert mine["loss"] == pytest.approx(theirs["loss"], rel=1e-3)
        assert mine["accuracy"] == pytest.approx(theirs["accuracy"], abs=0.02)


def test_gradient_norms_are_measured_and_kept(few, tmp_path):
    longer = plan(replace(RECIPE, length=4))
    training = RecipeTraining(longer, few, folder=tmp_path, measure_norms=True)
    model = models.resnet_v1((8, 8, 1), 8, variant="paper", seed=0)
    x = (few[0][0] / 255 - few[0][0].mean(axis=0) / 255)[:64].astype("float32")

    def measure(network):
        return list(gradients.select_convolutions(gradients.gradient_norms(network, x, few[0][1][:64])).values())

    assert training.norms["0"] == pytest.approx(measure(model), rel=1e-2)
    next(training.epochs())
    assert training.norms["1"] == pytest.approx(measure(training.model), rel=1e-2)
    again = RecipeTraining(longer, few, folder=tmp_path, resume=True, measure_norms=True)
    assert again.norms == training.norms
    list(again.epochs())
    row = again.finish()["rows"][0]
    assert list(row["norms"]) == ["0", "1", "2", "4"] and row["norms"]["1"] == training.norms["1"]
