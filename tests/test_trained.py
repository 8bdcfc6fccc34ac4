"""The trained networks that come with the course give what was recorded of them."""

import keras
import numpy as np
import pytest
import record_lesions
import record_runs

from resnet_edu import lesions, plans, runs, surfaces, trained

SAMPLE = 2000  # the test images that the lesions were recorded on

once = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="on one backend, as it takes long")

WITH_WEIGHTS = [
    (path.stem, row["model"], row["depth"])
    for path in sorted(runs.folder().glob("*.json"))
    for row in runs.read_run(path)["rows"]
    if "weights" in row
]


@pytest.fixture(scope="module")
def cifar10_scaled(cifar10):
    """The first training images of CIFAR-10 as the paper's networks take them, all test images, and the labels."""
    # Not `load_images` of a network: it scales all 60,000 images to floats, 740 MB.
    (x_train, y_train), (x, y) = plans.load_images("cifar10", cifar10)
    mean, first = plans.mean_image(x_train), slice(record_runs.SURFACE_IMAGES)
    return (plans.scale_images(x_train[first], mean), y_train[first]), (plans.scale_images(x, mean), y)


@pytest.fixture(scope="module")
def photographs(cifar10_scaled):
    """The test images."""
    return cifar10_scaled[1]


def test_there_are_trained_networks():
    assert ("digits_trained", "resnet_v1", 56) in WITH_WEIGHTS


@pytest.mark.parametrize(("run", "model", "depth"), [row for row in WITH_WEIGHTS if row[0] == "digits_trained"])
def test_weights_give_the_recorded_figures(run, model, depth):
    network = trained.load_trained(run, model=model, depth=depth)
    _, (x, y) = network.load_images()
    probabilities = network.model.predict(x, batch_size=250, verbose=0)
    assert (probabilities.argmax(axis=-1) == y).mean() == pytest.approx(network.row["test_accuracy"], abs=0.003)
    loss = -np.log(probabilities[np.arange(len(y)), y]).mean()
    assert loss == pytest.approx(network.row["test_loss"], rel=0.01)
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (y, probabilities.argmax(axis=-1)), 1)
    assert np.abs(counts - network.row["confusion"]).sum() <= 2
    check_lesion(network, x, y, which=min)


@once
@pytest.mark.parametrize(("run", "model", "depth"), [row for row in WITH_WEIGHTS if row[0] != "digits_trained"])
def test_weights_give_the_recorded_figures_on_a_sample(run, model, depth, photographs):
    network, (x, y) = trained.load_trained(run, model=model, depth=depth), photographs
    if "without" in network.row:
        # The nearest to the whole network that was recorded on these images.
        check_lesion(network, x[:SAMPLE], y[:SAMPLE], which=max)
    else:
        right = network.model.predict(x, batch_size=250, verbose=0).argmax(axis=-1) == y
        assert right.mean() == pytest.approx(network.row["test_accuracy"], abs=0.002)


@once
@pytest.mark.parametrize(("run", "dead"), [("cifar10_paper_56", 9), ("cifar10_paper_warm", 0)])
def test_dead_channels_are_0_on_a_thousand_images(run, dead, photographs):
    # The text of lesson 9, section 6.
    network = trained.load_trained(run, model="resnet_v1", depth=56)
    x = photographs[0][:1000]
    stem = keras.Model(network.model.inputs, network.model.get_layer("stem_act").output)
    assert (stem.predict(x, batch_size=250, verbose=0).max(axis=(0, 1, 2)) == 0).sum() == dead


def load_measured(name):
    run = runs.load_run(name)
    assert (run["what"], run["command"]) == (record_lesions.EXPERIMENTS[name][0], record_lesions.COMMAND)
    return run


def test_networks_from_a_gpu_are_taken_apart_whole():
    run = load_measured("cifar10_lesions")
    assert [(row["source"], row["model"], row["depth"]) for row in run["rows"]] == record_lesions.NETWORKS
    for row in run["rows"]:
        network = trained.load_trained(row["source"], model=row["model"], depth=row["depth"])
        removable = lesions.find_removable(lesions.dissect(network.model))
        assert list(row["without"]) == removable and len(removable) == {20: 6, 56: 24}[row["depth"]]
        assert row["epochs"] == len(network.row["accuracy"]) and row["seed"] == network.row["seed"]
        for found in (row["without_some"], row["swapped"]):
            assert list(found) == [str(count + 1) for count in range(len(removable))]
            assert all(0 <= accuracy <= 1 for accuracies in found.values() for accuracy in accuracies)


@once
def test_a_recorded_lesion_of_a_gpu_s_network_comes_out_again(photographs):
    x, y = photographs
    (row,) = runs.select_rows(load_measured("cifar10_lesions"), model="plain_net", depth=20)
    network = trained.load_trained(row["source"], model="plain_net", depth=20)
    check_lesion(trained.Trained(network.model, row), x[:SAMPLE], y[:SAMPLE], which=max)


def test_the_loss_around_networks_from_a_gpu_is_there_whole():
    run = load_measured("cifar10_surfaces")
    assert [(row["source"], row["model"], row["depth"]) for row in run["rows"]] == record_lesions.NETWORKS
    for row in run["rows"]:
        network = trained.load_trained(row["source"], model=row["model"], depth=row["depth"])
        assert row["epochs"] == len(network.row["accuracy"]) and row["seed"] == network.row["seed"]
        positions = row["surface"]["positions"]
        assert (positions[0], positions[8], positions[-1]) == (-1, 0, 1) and len(positions) == 17
        for kind in ("batch statistics", "moving statistics"):
            losses = np.array(row["surface"][kind])
            assert losses.shape == (17, 17) and losses.min() > 0
            assert losses[8, 8] < 1.05 * losses.min(), "the trained weights are the lowest point, or nearly"


@once
def test_a_recorded_surface_comes_out_again(cifar10_scaled):
    (x, y), _ = cifar10_scaled
    (row,) = runs.select_rows(load_measured("cifar10_surfaces"), model="plain_net", depth=20)
    model = trained.load_trained(row["source"], model="plain_net", depth=20).model
    losses = surfaces.measure_surface(model, x, y, positions=[-0.5, 0, 0.5], batch_statistics=True)
    recorded = np.array(row["surface"]["batch statistics"])[4:13:4, 4:13:4]
    np.testing.assert_allclose(losses, recorded, rtol=0.02)


def test_fully_trained_networks_differ_in_what_a_block_is_worth():
    # The text of lesson 7, section 2.
    (resnet_20,) = runs.select_rows(runs.load_run("cifar10_full"), model="resnet_v1", depth=20)
    rows = {(row["model"], row["depth"]): row for row in load_measured("cifar10_lesions")["rows"]}
    left = {network: [*row["without"].values()] for network, row in rows.items()}
    assert np.median(left["resnet_v1", 56]) == pytest.approx(0.913, abs=0.001)
    assert min(left["resnet_v1", 56]) > 0.87 and max(left["resnet_v1", 56]) < 0.93
    assert np.median([*resnet_20["without"].values()]) == pytest.approx(0.702, abs=0.001)
    assert all(np.median(left["plain_net", depth]) < 0.13 for depth in (20, 56))
    assert max(left["plain_net", 56]) == pytest.approx(0.323, abs=0.001)
    for row in (resnet_20, rows["resnet_v1", 56]):
        assert min(row["without"], key=row["without"].get).startswith("stage1")
    medians = {count: np.median(found) for count, found in rows["resnet_v1", 56]["without_some"].items()}
    assert [round(medians[count], 2) for count in ("2", "4", "8")] == [0.89, 0.85, 0.53]


def check_lesion(network, x, y, *, which):
    """Compare with the recorded accuracy without one block, on the images that it was recorded on."""
    block = which(network.row["without"], key=network.row["without"].get)
    without = lesions.accuracy_of(lesions.without(lesions.dissect(network.model), [block]), x, y)
    assert without == pytest.approx(network.row["without"][block], abs=0.006)


def test_every_row_with_weights_names_its_own_file():
    rows = [row for name, *_ in WITH_WEIGHTS for row in runs.load_run(name)["rows"] if "weights" in row]
    assert len({row["weights"] for row in rows}) == len({row["sha256"] for row in rows})
    kept = {path.name for path in runs.folder().glob("*.weights.h5")}
    assert kept == {row["weights"] for row in rows}


def test_the_lesions_hold_for_every_seed():
    # Issue: without one block the residual networks lose little in the median, and the plain one everything.
    run = runs.load_run("digits_trained")
    for seed in range(3):
        (resnet,) = runs.select_rows(run, model="resnet_v1", depth=56, seed=seed)
        (plain,) = runs.select_rows(run, model="plain_net", depth=20, seed=seed)
        assert len(resnet["without"]) == 24
        assert np.median([*resnet["without"].values()]) > resnet["test_accuracy"] - 0.04
        assert plain["test_accuracy"] > 0.9
        assert np.median([*plain["without"].values()]) < 0.2


def test_damaged_or_missing_weights_are_told(tmp_path, monkeypatch):
    for name in ("digits_trained.json", "digits_trained-plain_net-20-seed0.weights.h5"):
        (tmp_path / name).write_bytes((runs.folder() / name).read_bytes())
    monkeypatch.setattr(runs, "folder", lambda: tmp_path)
    weights = tmp_path / "digits_trained-plain_net-20-seed0.weights.h5"
    damaged = bytearray(weights.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    weights.write_bytes(damaged)
    with pytest.raises(trained.WeightsError, match="is not the file that was recorded"):
        trained.load_trained("digits_trained", model="plain_net", depth=20)
    weights.unlink()
    with pytest.raises(trained.WeightsError, match="is missing"):
        trained.load_trained("digits_trained", model="plain_net", depth=20)


def test_a_setting_must_mean_one_network():
    with pytest.raises(ValueError, match="0 networks of 'digits_trained' with weights have the setting"):
        trained.load_trained("digits_trained", depth=110)
    with pytest.raises(ValueError, match="the rows of 'digits_trained' have no dpeth"):
        trained.load_trained("digits_trained", dpeth=20)
    with pytest.raises(ValueError, match="2 networks"):
        trained.load_trained("digits_trained", depth=20)
