"""How far a signal and its gradient get through a chain of blocks `x ← a·x + b·F(x)`: dense layers, NumPy only.

The branch is that of a pre-activation block with one layer, F(x) = W·ReLU(BN(x)), and nothing stands after the
addition, so that what the shortcut passes on is exactly `a` in each block (He et al. 2016, section 3).
"""

import numpy as np

BN_EPSILON = 1e-3


def mix_at(position):
    """Return the weights `(shortcut, branch)` at a `position` from 0 to 1 on the way from carry to residual.

    0 is carry, `x`; ½ is a highway block whose gate is ½, `½·x + ½·F(x)`; 1 is residual, `x + F(x)`. Up to ½ the
    gate T opens, `(1 − T)·x + T·F(x)`; from there the whole sum grows. Raises ValueError outside of 0 to 1.
    """
    if not 0 <= position <= 1:
        raise ValueError(f"position={position} must lie between 0 and 1")
    return (1 - position, position) if position <= 0.5 else (position, position)


def chain_signals(*, shortcut=1.0, branch=1.0, blocks=50, width=64, batch=64, batch_norm=True, seed=0):
    """Return the sizes of signal and gradient along a chain of blocks, as a dict of arrays `(blocks + 1,)`.

    `forward`: root mean square of the signal that enters block 1, 2, ..., and that leaves the last one.
    `backward`: root mean square of the gradient there, if it is 1 at the end. `direct`: what the shortcuts alone
    pass on of it, `shortcut ** (number of blocks up to the end)`. The weights follow He's rule.
    """
    weights, x, delta = _draw(blocks, width, batch, seed)
    signals, steps = [x], []
    for w in weights:
        x, back = _block(x, w, shortcut, branch, batch_norm)
        signals.append(x)
        steps.append(back)
    deltas = [delta]
    for back in reversed(steps):
        deltas.append(back(deltas[-1]))
    return {
        "forward": np.array([_size(signal) for signal in signals]),
        "backward": np.array([_size(delta) for delta in reversed(deltas)]),
        "direct": abs(float(shortcut)) ** np.arange(blocks, -1, -1),
    }


def describe_chain(sizes):
    """Return one line about what `chain_signals` returned: both ends of each curve."""
    forward, backward, direct = sizes["forward"], sizes["backward"], sizes["direct"]
    return (
        f"the signal goes from {forward[0]:.2g} to {forward[-1]:.2g}; "
        f"the gradient comes back from {backward[-1]:.2g} to {backward[0]:.2g}, "
        f"by the shortcuts alone to {direct[0]:.2g}"
    )


def _draw(blocks, width, batch, seed):
    """Weights `(blocks, width, width)`, an input `(width, batch)` of size 1 and a last gradient of size 1."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(scale=np.sqrt(2 / width), size=(blocks, width, width))
    x, delta = rng.normal(size=(2, width, batch))
    return weights, x / _size(x), delta / _size(delta)


def _block(x, w, shortcut, branch, batch_norm):
    """Return the block's output, and a function from the gradient at its output to the one at its input."""
    scale = np.sqrt(x.var(axis=1, keepdims=True) + BN_EPSILON) if batch_norm else 1.0
    z = (x - x.mean(axis=1, keepdims=True)) / scale if batch_norm else x
    open_gate = z > 0

    def back(delta):
        g = open_gate * (w.T @ delta)
        if batch_norm:
            g = (g - g.mean(axis=1, keepdims=True) - z * (g * z).mean(axis=1, keepdims=True)) / scale
        return shortcut * delta + branch * g

    return shortcut * x + branch * (w @ (z * open_gate)), back


def _size(values):
    return np.sqrt(np.mean(values**2))
