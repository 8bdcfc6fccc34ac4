"""The chain of blocks against finite differences and the sizes that theory gives."""

import numpy as np
import pytest

from resnet_edu import propagation


def test_the_way_from_carry_to_residual():
    assert propagation.mix_at(0) == (1, 0)
    assert propagation.mix_at(0.25) == (0.75, 0.25)
    assert propagation.mix_at(0.5) == (0.5, 0.5)
    assert propagation.mix_at(1) == (1, 1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        propagation.mix_at(1.2)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_way_back_agrees_with_finite_differences(batch_norm):
    rng = np.random.default_rng(1)
    x, delta, direction = rng.normal(size=(3, 6, 5))
    w = rng.normal(size=(6, 6))

    def loss(moved):
        return np.sum(delta * propagation._block(moved, w, 0.7, 0.4, batch_norm)[0])

    _, back = propagation._block(x, w, 0.7, 0.4, batch_norm)
    step = 1e-6
    slope = (loss(x + step * direction) - loss(x - step * direction)) / (2 * step)
    assert np.sum(back(delta) * direction) == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_gradient_at_the_first_block_is_that_of_the_whole_chain(batch_norm):
    size = {"blocks": 4, "width": 4, "batch": 3}
    mix = {"shortcut": 0.8, "branch": 0.6}
    weights, start, delta = propagation._draw(**size, seed=5)

    def loss(x):
        for w in weights:
            x, _ = propagation._block(x, w, *mix.values(), batch_norm)
        return np.sum(delta * x)

    slopes = np.empty_like(start)
    for index in np.ndindex(start.shape):
        step = np.zeros_like(start)
        step[index] = 1e-6
        slopes[index] = (loss(start + step) - loss(start - step)) / 2e-6
    sizes = propagation.chain_signals(**mix, **size, batch_norm=batch_norm, seed=5)
    assert sizes["backward"][0] == pytest.approx(np.sqrt(np.mean(slopes**2)), rel=1e-4)


def test_carry_passes_everything_on():
    sizes = propagation.chain_signals(shortcut=1, branch=0)
    for name in ("forward", "backward", "direct"):
        assert sizes[name] == pytest.approx(np.ones(51))


def test_without_normalization_the_signal_doubles_its_mean_square_in_each_block():
    sizes = propagation.chain_signals(batch_norm=False, blocks=12, width=256)
    assert sizes["forward"][-1] ** 2 == pytest.approx(2.0**12, rel=0.5)
    assert sizes["backward"][0] ** 2 == pytest.approx(2.0**12, rel=0.5)


def test_with_normalization_the_mean_square_grows_by_one_in_each_block():
    sizes = propagation.chain_signals(width=256)
    assert sizes["forward"][-1] ** 2 == pytest.approx(51, rel=0.15)


def test_halved_shortcuts_alone_pass_nothing_on():
    assert propagation.chain_signals(shortcut=0.5)["direct"][0] == 0.5**50


def test_the_last_gradient_is_the_unit():
    assert propagation.chain_signals(shortcut=0.5)["backward"][-1] == pytest.approx(1)
