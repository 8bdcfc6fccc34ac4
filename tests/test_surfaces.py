"""The loss around a network, against Keras' own evaluation of moved weights."""

import keras
import numpy as np
import pytest
from random_weights import randomized
from scipy import special

from resnet_edu import models, surfaces


@pytest.fixture(scope="module")
def model():
    return randomized(models.resnet_v1((8, 8, 1), 8, seed=0))


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(2)
    return rng.normal(size=(9, 8, 8, 1)).astype("float32"), rng.integers(0, 10, 9)


def test_each_filter_of_a_direction_is_as_long_as_the_networks(model):
    direction = surfaces.random_direction(model, seed=0)
    for variable, change in zip(model.trainable_variables, direction, strict=True):
        value = keras.ops.convert_to_numpy(variable.value)
        assert change.shape == value.shape
        if value.ndim == 1:
            assert not change.any()
            continue
        for number in range(value.shape[-1]):
            ours, theirs = np.linalg.norm(change[..., number]), np.linalg.norm(value[..., number])
            assert ours == pytest.approx(theirs, rel=1e-5)
    other = surfaces.random_direction(model, seed=1)
    assert not np.allclose(other[0], direction[0])


def test_a_filter_of_zeros_stays():
    direction, kernel = np.ones((3, 3, 2, 2)), np.ones((3, 3, 2, 2))
    kernel[..., 1] = 0
    direction[..., 0] = 0
    assert not surfaces.filter_normalize(direction, kernel).any()


def test_labels_that_do_not_fit_are_told(model, batch):
    with pytest.raises(ValueError, match="y must hold"):
        surfaces.measure_surface(model, batch[0], batch[1][:, None], positions=(0.0,))


@pytest.mark.parametrize("batch_statistics", [False, True])
def test_every_point_is_the_loss_with_moved_weights(model, batch, batch_statistics):
    x, y = batch
    before = model.get_weights()
    found = surfaces.measure_surface(
        model, x, y, positions=(-0.5, 0.0, 0.25), seed=3, batch_statistics=batch_statistics
    )
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    first, second = (surfaces.random_direction(model, seed=seed) for seed in (6, 7))
    moved = models.resnet_v1((8, 8, 1), 8)
    for row, a in enumerate((-0.5, 0.0, 0.25)):
        for column, b in enumerate((-0.5, 0.0, 0.25)):
            moved.set_weights(before)
            for variable, one, other in zip(moved.trainable_variables, first, second, strict=True):
                variable.assign(keras.ops.convert_to_numpy(variable.value) + a * one + b * other)
            features = keras.Model(moved.inputs, moved.layers[-1].input)
            signal = keras.ops.convert_to_numpy(features(x, training=batch_statistics)).astype("float64")
            kernel, bias = moved.layers[-1].get_weights()
            logits = signal @ kernel + bias
            loss = np.mean(special.logsumexp(logits, axis=1) - logits[np.arange(9), y])
            assert found[row, column] == pytest.approx(loss, rel=2e-3)


def test_losses_at_a_distance_lie_on_the_axes():
    positions = [-1.0, -0.3333, 0.0, 0.3333, 1.0]
    losses = [[10 * row + column for column in range(5)] for row in range(5)]
    assert surfaces.at_distance(losses, positions, 0.3333).tolist() == [12, 32, 21, 23]
    assert surfaces.at_distance(np.array(losses), positions, 1).tolist() == [2, 42, 20, 24]
    assert surfaces.at_distance(losses, positions, 0).tolist() == [22] * 4
    fine = np.linspace(-1, 1, 11)  # 0.6 is among them up to rounding only
    assert surfaces.at_distance(np.add.outer(fine, 10 * fine), fine, 0.6) == pytest.approx([-0.6, 0.6, -6, 6])


@pytest.mark.parametrize("positions", [[-1, 0, 1], [0.5, 0, 1], [-0.5, 0.1, 0.5]], ids=str)
def test_a_distance_that_was_not_measured_is_refused(positions):
    with pytest.raises(ValueError, match="must be among the positions"):
        surfaces.at_distance(np.zeros((3, 3)), positions, 0.5)
