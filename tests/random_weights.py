"""Networks with weights of which every one counts."""

import numpy as np


def randomized(model):
    """Give normalization and biases values that count, which are 1 and 0 in a fresh network, and return the model.

    The classifier's weights are small, so that no class gets all of the probability.
    """
    rng = np.random.default_rng(0)
    for variable in model.variables:
        positive = "variance" in variable.path or "gamma" in variable.path
        if len(variable.shape) == 1:
            variable.assign(
                rng.uniform(0.5, 1.5, variable.shape) if positive else rng.normal(size=variable.shape) / 3
            )
        elif "classifier" in variable.path:
            variable.assign(0.02 * rng.normal(size=variable.shape))
    return model
