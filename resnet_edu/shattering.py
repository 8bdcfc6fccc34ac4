"""Shattered gradients (Balduzzi et al. 2017): how the gradient changes from one input to the next. NumPy only.

The networks are those of the paper's figure 1: one input, one output, fully connected layers in between. The
inputs are the points of a grid, which are one batch, so that neighbours in the batch are neighbours in the input.
"""

import numpy as np

POINTS = np.linspace(-2, 2, 256)
WIDTH = 200
BN_EPSILON = 1e-5


def input_gradients(layers, *, residual=False, branch=0.1, batch_norm=True, seed=0):
    """Return the gradient of the network's output with respect to its input, at each of `POINTS`, as `(256,)`.

    A hidden layer is W·ReLU(BN(x)), with weights by He's rule. It is the next signal of a plain network; a
    `residual` one adds it, times `branch`, to the signal (Balduzzi et al. call `branch` β). The first layer has
    normally distributed biases, which put its kinks at different places. The mean and variance of the batch count
    as constants in the gradient, so that it is the one of each point by itself.
    """
    rng = np.random.default_rng(seed)

    def draw(*shape, scale=1.0):
        return rng.standard_normal(shape, "float32") * np.float32(scale)

    first = draw(WIDTH, 1, scale=np.sqrt(2))
    x = first * POINTS.astype("float32") + draw(WIDTH, 1)
    weights = draw(layers - 1, WIDTH, WIDTH, scale=np.sqrt(2 / WIDTH))
    shortcut, scale = (1.0, branch) if residual else (0.0, 1.0)
    slopes = []
    for w in weights:
        activated, slope = _activate(x, batch_norm)
        x = shortcut * x + scale * (w @ activated)
        slopes.append(slope)
    gradient = _activate(x, batch_norm)[1] * draw(WIDTH, 1, scale=np.sqrt(2 / WIDTH))
    for w, slope in zip(weights[::-1], slopes[::-1], strict=True):
        gradient = shortcut * gradient + scale * slope * (w.T @ gradient)
    return (first.T @ gradient)[0]


def autocorrelation(values, lag):
    """Return how well `values` at neighbouring places agree: 1 if perfectly, 0 for noise.

    The covariance of the values with those `lag` places further on, divided by the variance; `lag` is at least 1.
    """
    centred = np.asarray(values, float) - np.mean(values)
    return float(np.sum(centred[:-lag] * centred[lag:]) / np.sum(centred**2))


def measure_shattering(layers, *, lags, seeds=10, **network):
    """Return the autocorrelation at each of `lags`, for each of so many seeds, as an array `(seeds, lags)`."""
    runs = (input_gradients(layers, seed=seed, **network) for seed in range(seeds))
    return np.array([[autocorrelation(gradients, lag) for lag in lags] for gradients in runs])


def _activate(x, batch_norm):
    """Return ReLU(BN(x)) of `(width, points)`, and its slope."""
    if batch_norm:
        scale = np.sqrt(x.var(axis=1, keepdims=True) + BN_EPSILON)
        x = (x - x.mean(axis=1, keepdims=True)) / scale
    else:
        scale = np.float32(1)  # a Python float would make the slope double precision, and slow
    return np.maximum(x, 0), (x > 0) / scale
