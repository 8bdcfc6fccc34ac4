"""Recorded runs: kept as they were, complete, and the same when a part is done again."""

import importlib
import importlib.metadata
import math

import keras
import numpy as np
import pytest
import record_digits

from resnet_edu import backend, data, gradients, models, runs, training


def test_a_recording_goes_on_with_the_same_software_only(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "folder", lambda: tmp_path)
    run = runs.continue_run("a", "w", command="c")
    here = runs.versions()
    assert run == {"what": "w", "command": "c", "versions": here, "rows": []}
    runs.add_row(run, {"seed": 0})
    runs.save_run("a", run)
    assert runs.continue_run("a", "w", command="c")["rows"] == [{"seed": 0}]
    monkeypatch.setattr(runs, "versions", lambda: here | {"device": "another machine"})
    run = runs.continue_run("a", "w", command="c")
    runs.add_row(run, {"seed": 1})
    assert run["versions"] == here and run["rows"] == [{"seed": 0}, {"seed": 1, "device": "another machine"}]
    assert runs.describe_run(run).endswith(f"{here['python']}, {here['device']} and another machine")
    assert runs.describe_run(run | {"rows": run["rows"][1:]}).endswith(f"{here['python']}, another machine")
    monkeypatch.setattr(runs, "versions", lambda: here | {"keras": "Keras 4"})
    with pytest.raises(runs.OtherVersionsError, match=f"a.json was recorded with {here['keras']}, "):
        runs.continue_run("a", "w", command="c")


def test_versions_do_not_depend_on_the_name_of_a_package(monkeypatch):
    # Binder installs tensorflow-cpu, which knows no version of a package tensorflow.
    module = importlib.import_module(keras.backend.backend())
    monkeypatch.setattr(importlib.metadata, "version", pytest.fail)
    assert runs.versions()["backend"].split() == [backend.name(), module.__version__]


def test_a_run_comes_back_as_it_was_saved(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "folder", lambda: tmp_path)
    rows = [{"seed": 0, "accuracy": [0.123456, math.nan], "norms": {"0": [np.float64(1e-30), math.inf]}}]
    runs.save_run("a", {"what": "w", "versions": {"keras": "Keras 3", "device": "a CPU"}, "rows": rows})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    loaded = runs.load_run("a")
    assert loaded["what"] == "w"
    assert loaded["rows"][0]["accuracy"][0] == 0.1235
    assert math.isnan(loaded["rows"][0]["accuracy"][1])
    assert loaded["rows"][0]["norms"]["0"][0] == 1e-30
    assert math.isnan(loaded["rows"][0]["norms"]["0"][1])
    assert runs.describe_run(loaded) == "recorded: 1 training, seed 0; Keras 3, a CPU"


def test_a_spread_is_told_by_its_ends():
    assert runs.describe_spread([0.25, 1, 0.5], ".2f") == "0.25 to 1.00"
    assert runs.describe_spread([0.25], ".1e") == "2.5e-01"


def test_an_unknown_run_names_those_that_exist():
    with pytest.raises(runs.RunNotFoundError, match="digits_degradation"):
        runs.load_run("digits_degradatoin")


def test_rows_are_selected_by_their_setting():
    run = {"rows": [{"depth": 8, "seed": 0}, {"depth": 8, "seed": 1}, {"depth": 20, "seed": 0}]}
    assert runs.select_rows(run, depth=8, seed=1) == [{"depth": 8, "seed": 1}]
    assert len(runs.select_rows(run, seed=0)) == 2


def test_a_recorded_training_is_a_history_again():
    row = {"accuracy": [0.5, 0.75], "loss": [1.0, 0.5], "validation_accuracy": [0.25, 0.5]}
    assert runs.accuracy_history(row) == [{"accuracy": 0.5}, {"accuracy": 0.75}]
    assert runs.accuracy_history(row, "validation_accuracy") == [{"accuracy": 0.25}, {"accuracy": 0.5}]


def test_effect_compares_matched_pairs_only():
    rows = [
        {"bn": True, "depth": 8, "accuracy": 0.9},
        {"bn": False, "depth": 8, "accuracy": 0.5},
        {"bn": True, "depth": 56, "accuracy": 0.2},  # without a partner
    ]
    assert runs.paired_effect(rows, "bn") == pytest.approx(0.4)
    assert math.isnan(runs.paired_effect(rows[:1], "bn"))


@pytest.mark.parametrize("name", list(record_digits.EXPERIMENTS))
def test_each_recorded_run_is_complete(name):
    what, settings = record_digits.EXPERIMENTS[name]
    run = runs.load_run(name)
    assert run["what"] == what
    assert [{key: row[key] for key in settings[0]} for row in run["rows"]] == settings
    for row in run["rows"]:
        assert len(row["accuracy"]) == len(row["loss"]) == row["epochs"]
        assert all(0 <= accuracy <= 1 for accuracy in row["accuracy"])
        assert list(row["norms"]) == sorted({"0", "1", "2", "4", str(row["epochs"])}, key=int)
        assert {len(norms) for norms in row["norms"].values()} == {row["depth"] - 1}


# The two random number generators differ, so a seed means other weights on JAX.
on_the_recorded_backend = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the runs were recorded on TensorFlow"
)


@pytest.fixture(scope="module")
def recorded_digits():
    (x, y), _ = data.load_digits()
    return ((x - x.mean()) / 255).astype("float32"), y


@on_the_recorded_backend
def test_recorded_norms_are_those_of_a_fresh_network(recorded_digits):
    x, y = recorded_digits
    for row in runs.select_rows(runs.load_run("digits_causal"), depth=20, seed=1):
        initializer = row["initializer"]
        if initializer == record_digits.TINY:
            initializer = keras.initializers.RandomNormal(stddev=0.01)
        network = {"plain": "plain", "residual": "resnet_v1"}[row["network"]]
        norms = gradients.fresh_gradient_norms(
            x[:64],
            y[:64],
            depth=20,
            network=network,
            batch_norm=row["batch_norm"],
            initializer=initializer,
            seed=1,
        )
        # Rounding moves single norms behind batch normalization and ReLU by percents.
        expected = list(gradients.select_convolutions(norms).values())
        np.testing.assert_allclose(row["norms"]["0"], expected, rtol=0.1)


@on_the_recorded_backend
def test_a_recorded_training_can_be_done_again():
    (x, y), _ = data.load_digits()
    x = ((x - x.mean()) / 255).astype("float32")
    (row,) = runs.select_rows(runs.load_run("digits_causal"), network="plain", depth=8, batch_norm=True, seed=2)[
        :1
    ]
    model = models.plain_net((8, 8, 1), 8, seed=2, initializer=row["initializer"])
    again = [figures["accuracy"] for figures in training.train_epochs(model, x, y, epochs=2, seed=2)]
    assert again == pytest.approx(row["accuracy"][:2], abs=0.03)
