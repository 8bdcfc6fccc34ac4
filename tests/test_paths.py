"""Gradients along single paths: their sum is the gradient."""

import itertools

import keras
import numpy as np
import pytest
from random_weights import randomized

from resnet_edu import models, paths


@pytest.mark.parametrize(("build", "depth"), [(models.resnet_v1, 8), (models.resnet_v2, 11)])
def test_the_gradients_of_all_paths_add_up_to_the_gradient(build, depth):
    model, rng = randomized(build((8, 8, 1), depth, seed=0)), np.random.default_rng(0)
    x, y = rng.normal(size=(2, 8, 8, 1)).astype("float32"), np.array([3, 7])
    ways = list(itertools.product([False, True], repeat=3))
    along = [paths.path_gradients(model, x, y, np.array([way, way])) for way in ways]
    assert all(gradient.any() for gradient in along)
    features = keras.Model(model.inputs, model.layers[-1].input)
    kernel = model.layers[-1].get_weights()[0]

    def logits(images, label):
        return features.predict(images, batch_size=64, verbose=0).astype("float64") @ kernel[:, label]

    step = 1e-3 * np.eye(64, dtype="float32").reshape(64, 8, 8, 1)
    expected = [
        (logits(image + step, label) - logits(image - step, label)).reshape(8, 8, 1) / 2e-3
        for image, label in zip(x, y, strict=True)
    ]
    wrong = np.abs(sum(along) - expected) > 0.02 * np.abs(expected).max()
    assert wrong.mean() < 0.08  # a few pixels lie at a kink of a ReLU


def test_paths_of_measured_length_are_drawn(monkeypatch):
    model = models.resnet_v1((8, 8, 1), 14)
    seen = []

    def remember(model, x, y, through):
        seen.append((x, y, through))
        return np.ones(x.shape)

    monkeypatch.setattr(paths, "path_gradients", remember)
    x, y = np.arange(3 * 64.0).reshape(3, 8, 8, 1), np.array([0, 1, 2])
    norms = paths.measure_paths(model, x, y, lengths=(0, 2, 6))
    ((images, labels, through),) = seen
    assert through.sum(axis=1).tolist() == [0] * 3 + [2] * 3 + [6] * 3
    np.testing.assert_array_equal(images, np.concatenate([x] * 3))
    assert labels.tolist() == [0, 1, 2] * 3
    assert len(np.unique(through[3:6], axis=0)) > 1, "every image has the same path"
    assert {length: values.tolist() for length, values in norms.items()} == {n: [8.0] * 3 for n in (0, 2, 6)}


def test_shares_weigh_a_path_by_the_number_of_its_kind():
    shares = paths.path_shares({0: np.array([1.0]), 1: np.array([0.5, 1.5]), 2: np.array([3.0])}, 2)
    assert shares == pytest.approx({0: 1 / 6, 1: 2 / 6, 2: 3 / 6})
    assert np.isnan([*paths.path_shares({0: np.zeros(1), 2: np.zeros(1)}, 2).values()]).all()


def test_a_branch_without_effect_passes_nothing_on():
    model, rng = randomized(models.resnet_v1((8, 8, 1), 8, seed=0)), np.random.default_rng(0)
    for variable in model.get_layer("stage1_block1_bn2").trainable_variables:
        variable.assign(np.zeros(variable.shape))
    x, y = rng.normal(size=(2, 8, 8, 1)).astype("float32"), np.array([3, 7])
    ways = np.array([[True, False, True], [False, False, True]])
    through, past = paths.path_gradients(model, x, y, ways)
    assert not through.any()
    assert past.any()


def test_more_images_than_run_at_once(monkeypatch):
    model, rng = randomized(models.resnet_v1((8, 8, 1), 8, seed=0)), np.random.default_rng(0)
    x, y = rng.normal(size=(5, 8, 8, 1)).astype("float32"), np.arange(5)
    through = rng.random((5, 3)) < 0.5
    whole = paths.path_gradients(model, x, y, through)
    monkeypatch.setattr(paths, "IMAGES_AT_ONCE", 2)
    np.testing.assert_allclose(paths.path_gradients(model, x, y, through), whole, rtol=1e-4, atol=1e-7)


def test_published_share_of_paths():
    # Veit et al. 2016, section 4.3: paths of 5 to 17 of 54 modules are 0.45 % of all.
    assert round(100 * paths.count_share(54, 5, 17), 2) == 0.45
    assert paths.count_share(9, 0, 9) == 1


def test_what_does_not_fit_is_told():
    model = models.resnet_v1((8, 8, 1), 8)
    x, y = np.zeros((2, 8, 8, 1)), np.array([0, 1])
    with pytest.raises(ValueError, match=r"must have the shape \(2, 3\)"):
        paths.path_gradients(model, x, y, np.zeros((2, 4), bool))
    for labels in (np.array([0, 1, 0]), np.array([0, 10]), np.array([[0], [1]])):
        with pytest.raises(ValueError, match="y must hold"):
            paths.path_gradients(model, x, labels, np.zeros((2, 3), bool))
        with pytest.raises(ValueError, match="y must hold"):
            paths.measure_paths(model, x, labels, lengths=(0, 1))
    with pytest.raises(ValueError, match="only one path leads through it"):
        paths.list_additions(models.plain_net((8, 8, 1), 8))
