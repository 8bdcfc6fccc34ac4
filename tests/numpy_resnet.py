"""Forward passes of the CIFAR residual networks in NumPy alone, as an oracle for the tests.

Weights are a dict "<layer>/<weight>" -> array; images are (n, height, width, channels).
"""

from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

STAGES = (1, 2, 3)


def relu(x):
    """Return x with its negative values set to zero."""
    return np.maximum(x, 0.0)


def softmax(logits):
    """Return the class probabilities of each row of logits."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def same_padding(size, kernel, stride):
    """Return TensorFlow's "same" padding (before, after) along one axis."""
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def conv2d(x, kernel, stride=1):
    """Cross-correlate x (n, h, w, in) with kernel (kh, kw, in, out) under "same" padding."""
    kh, kw = kernel.shape[:2]
    pads = same_padding(x.shape[1], kh, stride), same_padding(x.shape[2], kw, stride)
    padded = np.pad(x, ((0, 0), *pads, (0, 0)))
    windows = sliding_window_view(padded, (kh, kw), axis=(1, 2))[:, ::stride, ::stride]
    return np.tensordot(windows, kernel, axes=((3, 4, 5), (2, 0, 1)))


def pad_shortcut(x, channels):
    """Return the paper's option A: every second pixel, with zero channels appended."""
    x = x[:, ::2, ::2]
    return np.pad(x, ((0, 0), (0, 0), (0, 0), (0, channels - x.shape[-1])))


def blocks_per_stage(depth, layers_per_block):
    """Return n where depth = 3 * layers_per_block * n + 2."""
    n, rest = divmod(depth - 2, 3 * layers_per_block)
    if rest or n < 1:
        raise ValueError(f"depth {depth} is not {3 * layers_per_block}n+2")
    return n


class Layers:
    """The layers that read their weights from a dict by name."""

    def __init__(self, weights, epsilon):
        """Keep the weights in float64 and the epsilon of the normalisations."""
        self.weights = {name: np.asarray(array, dtype=np.float64) for name, array in weights.items()}
        self.epsilon = epsilon

    def conv(self, x, name, stride=1):
        """Apply the named convolution, with its bias if it has one."""
        out = conv2d(x, self.weights[f"{name}/kernel"], stride)
        return out + self.weights.get(f"{name}/bias", 0.0)

    def bn(self, x, name):
        """Apply the named normalisation with its moving statistics, or nothing if it has no gamma."""
        if f"{name}/gamma" not in self.weights:
            return x
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        gamma, beta, mean, variance = (self.weights[f"{name}/{weight}"] for weight in names)
        return gamma * (x - mean) / np.sqrt(variance + self.epsilon) + beta

    def stem(self, images):
        """Apply the first conv-BN-ReLU unit."""
        return relu(self.bn(self.conv(np.asarray(images, dtype=np.float64), "stem_conv"), "stem_bn"))

    def classify(self, x):
        """Average each channel over the whole map, then apply the dense softmax."""
        logits = x.mean(axis=(1, 2)) @ self.weights["classifier/kernel"]
        return softmax(logits + self.weights.get("classifier/bias", 0.0))


def forward_v1(weights, images, *, depth, epsilon, shortcut="projection", residual=True):
    """Return the class probabilities of ResNet v1, or of the plain network if residual is False."""
    if shortcut not in ("projection", "padding"):
        raise ValueError(f"unknown shortcut {shortcut!r}")
    net, n = Layers(weights, epsilon), blocks_per_stage(depth, 2)
    x = net.stem(images)
    for s, b in product(STAGES, range(1, n + 1)):
        name, stride = f"stage{s}_block{b}", 2 if s > 1 and b == 1 else 1
        branch = relu(net.bn(net.conv(x, f"{name}_conv1", stride), f"{name}_bn1"))
        branch = net.bn(net.conv(branch, f"{name}_conv2"), f"{name}_bn2")
        if stride == 2 and residual:
            padded = shortcut == "padding"
            x = pad_shortcut(x, branch.shape[-1]) if padded else net.conv(x, f"{name}_shortcut", stride)
        x = relu(x + branch) if residual else relu(branch)
    return net.classify(x)


def forward_v2(weights, images, *, depth, epsilon, preactivated_projection=False):
    """Return the class probabilities of ResNet v2, built of bottlenecks in BN-ReLU-conv order."""
    net, n = Layers(weights, epsilon), blocks_per_stage(depth, 3)
    x = net.stem(images)
    for s, b in product(STAGES, range(1, n + 1)):
        name, stride = f"stage{s}_block{b}", 2 if s > 1 and b == 1 else 1
        first = x if s == b == 1 else relu(net.bn(x, f"{name}_bn1"))
        branch = net.conv(first, f"{name}_conv1", stride)
        for i in (2, 3):
            branch = net.conv(relu(net.bn(branch, f"{name}_bn{i}")), f"{name}_conv{i}")
        if b == 1:
            x = net.conv(first if preactivated_projection else x, f"{name}_shortcut", stride)
        x = x + branch
    return net.classify(relu(net.bn(x, "head_bn")))
