"""The blocks that the networks are made of: plain, residual (v1), highway, pre-activation bottleneck (v2).

Each block is a function from a tensor `(batch, height, width, channels)` to a tensor. What all its layers
have in common (bias, L2, batch normalization, activation, initializer) is a `Style`; the article and the
paper differ in nothing but such a style and the kind of shortcut. Layers are named after their place,
`stage2_block1_conv1`, so that a probe, a plot and a lesson can address them.
"""

import operator
import zlib
from dataclasses import dataclass, replace

import keras
from keras import layers, ops, regularizers

from resnet_edu import backend

SHORTCUTS = ("projection", "padding", "projection_all")


@dataclass(frozen=True)
class Style:
    """What the layers of one network have in common.

    `l2` is the coefficient of `keras.regularizers.L2`, whose gradient is `2 * l2 * weight`: the paper's weight
    decay of 1e-4 is `l2=5e-5`. With `batch_norm=False` every convolution has a bias, as nothing else
    shifts its output. `seed` makes every kernel repeatable and independent of the others. `shortcut_batch_norm`
    normalizes a projection, too. With `symmetric_padding` a strided convolution gets as many zeros on each side,
    where Keras' "same" has one more at the right and the bottom of an image with an even side.
    """

    conv_bias: bool
    l2: float
    l2_on_classifier: bool
    bn_momentum: float
    bn_epsilon: float
    batch_norm: bool = True
    activation: str = "relu"
    initializer: str | keras.initializers.Initializer = "he_normal"
    seed: int | None = None
    shortcut_batch_norm: bool = False
    symmetric_padding: bool = False


# The Keras CIFAR-10 example, which the article builds, with Keras' defaults for batch normalization.
ARTICLE = Style(conv_bias=True, l2=1e-4, l2_on_classifier=False, bn_momentum=0.99, bn_epsilon=1e-3)
# He et al. 2015, section 4.2; batch normalization with PyTorch's defaults.
PAPER = Style(conv_bias=False, l2=5e-5, l2_on_classifier=True, bn_momentum=0.9, bn_epsilon=1e-5)
# The same on ImageNet; projections and padding as in the authors' networks.
IMAGENET = Style(
    conv_bias=False,
    l2=5e-5,
    l2_on_classifier=True,
    bn_momentum=0.9,
    bn_epsilon=1e-5,
    shortcut_batch_norm=True,
    symmetric_padding=True,
)


def change_style(style, changes):
    """Return `style` with the fields that `changes` names. Raises ValueError for a field that it does not have."""
    unknown = set(changes) - set(Style.__dataclass_fields__)
    if unknown:
        raise ValueError(
            f"unknown keyword {', '.join(sorted(unknown))}; a network's style has "
            f"{', '.join(Style.__dataclass_fields__)}"
        )
    return replace(style, **changes)


def is_whole(value):
    """Say whether `value` is a whole number, of Python or of NumPy."""
    return hasattr(value, "__index__") and not isinstance(value, bool)


def is_image_shape(value):
    """Say whether `value` holds three whole numbers, such as height, width and channels."""
    return isinstance(value, tuple | list) and len(value) == 3 and all(map(is_whole, value))


def seeded_initializer(initializer, seed, name):
    """Return a copy of `initializer` whose seed depends on `seed` and on the layer's `name`.

    Two layers of one shape must not start equal, and a layer must start equal in a deeper network.
    With `seed=None` the copy draws anew. A plain function is returned as it is. Raises ValueError for an unknown
    initializer.
    """
    if initializer is None:
        raise ValueError("initializer=None does not say how to start; the usual one is 'he_normal'")
    initializer = keras.initializers.get(initializer)
    config = initializer.get_config() if hasattr(initializer, "get_config") else {}
    if "seed" not in config:
        return initializer
    config["seed"] = None if seed is None else zlib.crc32(f"{seed}/{name}".encode()) & 0x7FFFFFFF
    return initializer.__class__.from_config(config)


def conv(x, filters, *, kernel_size=3, stride=1, style=ARTICLE, name, **options):
    """Convolve `(b, h, w, c)` to `(b, ⌈h/stride⌉, ⌈w/stride⌉, filters)`, same padding.

    Further `options` go to `keras.layers.Conv2D`.
    """
    padded = style.symmetric_padding and stride > 1 and kernel_size > 1
    if padded:
        x = layers.ZeroPadding2D(kernel_size // 2, name=name.replace("conv", "pad"))(x)
    return layers.Conv2D(
        filters,
        kernel_size,
        strides=stride,
        padding="valid" if padded else "same",
        use_bias=style.conv_bias or not style.batch_norm,
        kernel_initializer=seeded_initializer(style.initializer, style.seed, name),
        kernel_regularizer=regularizers.L2(style.l2) if style.l2 else None,
        name=name,
        **options,
    )(x)


@keras.saving.register_keras_serializable("resnet_edu")
class BatchNormalization(layers.BatchNormalization):
    """Keras' layer over the last axis, with scale and offset; its training step is the backend's fastest."""

    def call(self, inputs, training=None, mask=None):
        if not training or not self.trainable or self.synchronized:
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance = backend.normalize_batch(inputs, self.gamma, self.beta, epsilon=self.epsilon)
        for moving, value in [(self.moving_mean, mean), (self.moving_variance, variance)]:
            moving.assign(moving * self.momentum + value * (1 - self.momentum))
        return outputs


def batch_norm(x, *, style=ARTICLE, name):
    """Normalize each channel of `x`, or return `x` where the style has no batch normalization."""
    if not style.batch_norm:
        return x
    return BatchNormalization(momentum=style.bn_momentum, epsilon=style.bn_epsilon, name=name)(x)


def activation(x, *, style=ARTICLE, name):
    """Apply the style's activation to each value of `x`."""
    return layers.Activation(style.activation, name=name)(x)


def conv_bn(x, filters, *, kernel_size=3, stride=1, style=ARTICLE, name, number=""):
    """Convolution, batch normalization: the end of a v1 branch, before the addition."""
    x = conv(x, filters, kernel_size=kernel_size, stride=stride, style=style, name=f"{name}_conv{number}")
    return batch_norm(x, style=style, name=f"{name}_bn{number}")


def conv_bn_act(x, filters, *, kernel_size=3, stride=1, style=ARTICLE, name, number=""):
    """Convolution, batch normalization, activation: the unit of the plain and the v1 network."""
    x = conv_bn(x, filters, kernel_size=kernel_size, stride=stride, style=style, name=name, number=number)
    return activation(x, style=style, name=f"{name}_act{number}")


def operations(x, kinds, *, style=ARTICLE, name, number=""):
    """Apply what `kinds` names, "bn act", "bn", "act" or nothing, to `x`."""
    if "bn" in kinds:
        x = batch_norm(x, style=style, name=f"{name}_bn{number}")
    return activation(x, style=style, name=f"{name}_act{number}") if "act" in kinds else x


def bn_act(x, *, style=ARTICLE, name, number=""):
    """Batch normalization, activation: what v2 puts before a convolution."""
    return operations(x, "bn act", style=style, name=name, number=number)


@keras.saving.register_keras_serializable("resnet_edu")
class PaddingShortcut(layers.Layer):
    """Option A of He et al. 2015, section 3.3: every `stride`-th pixel, and zeros as the new channels.

    `(b, h, w, c)` to `(b, ⌈h/stride⌉, ⌈w/stride⌉, filters)`, without a parameter.
    Raises ValueError where `filters` is smaller than c: zeros can be added, channels not taken away.
    """

    def __init__(self, filters, *, stride=1, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.stride = stride

    def build(self, input_shape):
        if input_shape[-1] > self.filters:
            raise ValueError(
                f"a padding shortcut cannot go from {input_shape[-1]} to {self.filters} channels; "
                "use shortcut='projection'"
            )
        self.built = True

    def call(self, x):
        x = x[:, :: self.stride, :: self.stride]
        return ops.pad(x, [(0, 0), (0, 0), (0, 0), (0, self.filters - x.shape[-1])])

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "stride": self.stride}


def shortcut_connection(x, filters, *, stride=1, shortcut="projection", style=ARTICLE, name):
    """Bring a block's input to the shape of its branch (He et al. 2015, section 3.3).

    Where the shapes agree, the shortcut is the identity. Where they do not, `shortcut` says how they are
    made to: "padding" (option A) or "projection", a 1×1 convolution (option B), with batch normalization if the
    style says so.
    "projection_all" projects at every block (option C). Raises ValueError for another kind.
    """
    if shortcut not in SHORTCUTS:
        raise ValueError(f"shortcut={shortcut!r} is unknown; it is one of {', '.join(map(repr, SHORTCUTS))}")
    if stride == 1 and x.shape[-1] == filters and shortcut != "projection_all":
        return x
    if shortcut == "padding":
        return PaddingShortcut(filters, stride=stride, name=f"{name}_shortcut")(x)
    x = conv(x, filters, kernel_size=1, stride=stride, style=style, name=f"{name}_shortcut")
    return batch_norm(x, style=style, name=f"{name}_shortcut_bn") if style.shortcut_batch_norm else x


def plain_block(x, filters, *, stride=1, style=ARTICLE, name):
    """Two 3×3 units without a shortcut: `residual_block` minus the addition.

    `(b, h, w, c)` to `(b, ⌈h/stride⌉, ⌈w/stride⌉, filters)`.
    """
    x = conv_bn_act(x, filters, stride=stride, style=style, name=name, number=1)
    return conv_bn_act(x, filters, style=style, name=name, number=2)


def residual_block(x, filters, *, stride=1, shortcut="projection", style=ARTICLE, name):
    """The v1 block, `activation(shortcut(x) + branch(x))` (He et al. 2015, figure 2).

    The branch is two 3×3 units; the second has no activation of its own, as it comes after the addition.
    `(b, h, w, c)` to `(b, ⌈h/stride⌉, ⌈w/stride⌉, filters)`. Raises ValueError for an unknown `shortcut`.
    """
    branch = conv_bn_act(x, filters, stride=stride, style=style, name=name, number=1)
    branch = conv_bn(branch, filters, style=style, name=name, number=2)
    x = shortcut_connection(x, filters, stride=stride, shortcut=shortcut, style=style, name=name)
    x = layers.Add(name=f"{name}_add")([x, branch])
    return activation(x, style=style, name=f"{name}_act2")


def bottleneck_block(
    x, filters, out_filters, *, stride=1, stride_at="conv1", shortcut="projection", style=ARTICLE, name
):
    """The v1 bottleneck, `activation(shortcut(x) + branch(x))` (He et al. 2015, figure 5).

    The branch is a 1×1 unit and a 3×3 unit of `filters`, and a 1×1 convolution with BN of `out_filters`. The
    stride is in the first 1×1, as the authors have it, or with `stride_at="conv2"` in the 3×3, as torchvision has.
    `(b, h, w, c)` to `(b, ⌈h/stride⌉, ⌈w/stride⌉, out_filters)`. Raises ValueError for another `stride_at` or
    `shortcut`.
    """
    check_stride_place(stride_at)
    first, second = (stride, 1) if stride_at == "conv1" else (1, stride)
    branch = conv_bn_act(x, filters, kernel_size=1, stride=first, style=style, name=name, number=1)
    branch = conv_bn_act(branch, filters, stride=second, style=style, name=name, number=2)
    branch = conv_bn(branch, out_filters, kernel_size=1, style=style, name=name, number=3)
    x = shortcut_connection(x, out_filters, stride=stride, shortcut=shortcut, style=style, name=name)
    x = layers.Add(name=f"{name}_add")([x, branch])
    return activation(x, style=style, name=f"{name}_act3")


def highway_block(x, filters, *, stride=1, gate_bias=-2.0, shortcut="projection", style=ARTICLE, name):
    """A v1 block whose gate T mixes branch and shortcut: `activation(T·branch + (1 − T)·shortcut)`.

    T is the sigmoid of a 1×1 convolution of the block's input, one value for each pixel and channel of the output
    (Srivastava et al. 2015; 1×1 as in He et al. 2016, section 3.1). `gate_bias` is where the gate starts: at −2 it
    lets about an eighth of the branch through. With T = ½ the output is half of `residual_block`'s.
    `(b, h, w, c)` to `(b, ⌈h/stride⌉, ⌈w/stride⌉, filters)`. Raises ValueError for an unknown `shortcut`.
    """
    branch = conv_bn_act(x, filters, stride=stride, style=style, name=name, number=1)
    branch = conv_bn(branch, filters, style=style, name=name, number=2)
    gate = conv(
        x,
        filters,
        kernel_size=1,
        stride=stride,
        style=replace(style, conv_bias=True),  # also where the paper's convolutions have none
        name=f"{name}_gate",
        activation="sigmoid",
        bias_initializer=keras.initializers.Constant(gate_bias),
    )
    x = shortcut_connection(x, filters, stride=stride, shortcut=shortcut, style=style, name=name)
    # T·branch + (1 − T)·shortcut, with one product less.
    change = layers.Subtract(name=f"{name}_change")([branch, x])
    change = layers.Multiply(name=f"{name}_gated_change")([gate, change])
    x = layers.Add(name=f"{name}_add")([x, change])
    return activation(x, style=style, name=f"{name}_act2")


@dataclass(frozen=True)
class Order:
    """Where a block of two 3×3 convolutions has batch normalization ("bn") and activation ("act").

    `before` the first convolution, `between` the two, `after` the second, and after the `addition`.
    """

    before: str
    between: str
    after: str
    addition: str


# He et al. 2016, figure 4b to 4e, by the captions; figure 4a, the original, is `residual_block`.
ORDERS = {
    "BN after addition": Order("", "bn act", "", "bn act"),
    "ReLU before addition": Order("", "bn act", "bn act", ""),
    "ReLU-only pre-activation": Order("act", "bn act", "bn", ""),
    "full pre-activation": Order("bn act", "bn act", "", ""),
}


def reordered_block(x, filters, *, order, stride=1, shortcut="projection", preactivate=True, style=ARTICLE, name):
    """A block of two 3×3 convolutions with its operations in one of the `ORDERS` (He et al. 2016, section 4.1).

    `preactivate=False` leaves out what stands before the first convolution: the network's very first block.
    `(b, h, w, c)` to `(b, ⌈h/stride⌉, ⌈w/stride⌉, filters)`. Raises ValueError for an unknown `shortcut`.
    """
    branch = operations(x, order.before if preactivate else "", style=style, name=name, number=1)
    branch = conv(branch, filters, stride=stride, style=style, name=f"{name}_conv1")
    branch = operations(branch, order.between, style=style, name=name, number=2)
    branch = conv(branch, filters, style=style, name=f"{name}_conv2")
    branch = operations(branch, order.after, style=style, name=name, number=3)
    x = shortcut_connection(x, filters, stride=stride, shortcut=shortcut, style=style, name=name)
    x = layers.Add(name=f"{name}_add")([x, branch])
    return operations(x, order.addition, style=style, name=name, number=4)


def preactivation_bottleneck(
    x,
    filters,
    out_filters,
    *,
    stride=1,
    shortcut="projection",
    preactivate=True,
    preactivate_shortcut=False,
    style=ARTICLE,
    name,
):
    """The v2 block, `shortcut(x) + branch(x)` with nothing after the addition (He et al. 2016, figure 4e).

    The branch is BN-ReLU before each of 1×1 (`filters`, with the stride), 3×3 (`filters`), 1×1 (`out_filters`).
    `preactivate=False` leaves out the first BN-ReLU: the network's very first block, whose input already is
    a ReLU's output. `preactivate_shortcut` takes a shortcut that changes the shape from after the first
    BN-ReLU, as the paper does (its appendix); the article takes it from before.
    `(b, h, w, c)` to `(b, ⌈h/stride⌉, ⌈w/stride⌉, out_filters)`. Raises ValueError for an unknown `shortcut`.
    """
    activated = bn_act(x, style=style, name=name, number=1) if preactivate else x
    changes_shape = stride != 1 or x.shape[-1] != out_filters
    branch = conv(activated, filters, kernel_size=1, stride=stride, style=style, name=f"{name}_conv1")
    branch = bn_act(branch, style=style, name=name, number=2)
    branch = conv(branch, filters, style=style, name=f"{name}_conv2")
    branch = bn_act(branch, style=style, name=name, number=3)
    branch = conv(branch, out_filters, kernel_size=1, style=style, name=f"{name}_conv3")
    x = shortcut_connection(
        activated if preactivate_shortcut and changes_shape else x,
        out_filters,
        stride=stride,
        shortcut=shortcut,
        style=style,
        name=name,
    )
    return layers.Add(name=f"{name}_add")([x, branch])


def check_stride_place(stride_at):
    """Raise ValueError unless `stride_at` names a convolution of a bottleneck that can have its stride."""
    if stride_at not in ("conv1", "conv2"):
        raise ValueError(f"stride_at={stride_at!r} is unknown; it is one of 'conv1', 'conv2'")


def classifier(x, num_classes, *, style=ARTICLE):
    """Turn features `(b, c)` into class probabilities `(b, num_classes)`. Raises ValueError for fewer than 2."""
    if not is_whole(num_classes) or num_classes < 2:
        raise ValueError(f"num_classes={num_classes!r} must be a whole number of at least 2; nearest valid: 2")
    return layers.Dense(
        operator.index(num_classes),
        activation="softmax",
        kernel_initializer=seeded_initializer(style.initializer, style.seed, "classifier"),
        kernel_regularizer=regularizers.L2(style.l2) if style.l2 and style.l2_on_classifier else None,
        dtype=keras.config.dtype_policy().variable_dtype,  # 8 bits are too few for a probability
        name="classifier",
    )(x)
