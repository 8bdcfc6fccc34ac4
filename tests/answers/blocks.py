"""Answers to the exercises in which a learner builds one block."""

import functools

import keras
from keras import layers, ops, regularizers

from resnet_edu import blocks
from resnet_edu.checks import blocks as checks


def conv(x, filters, kernel_size=3, stride=1, *, padding="same", **keywords):
    return layers.Conv2D(filters, kernel_size, strides=stride, padding=padding, **keywords)(x)


def bn(x):
    return layers.BatchNormalization()(x)


def relu(x):
    return layers.ReLU()(x)


def bn_relu(x):
    return relu(bn(x))


def with_raw_layers(x, filters, stride=1):
    y = layers.Conv2D(filters, 3, strides=stride, padding="same", kernel_initializer="he_normal")(x)
    y = layers.BatchNormalization()(y)
    y = layers.ReLU()(y)
    y = layers.Conv2D(filters, 3, padding="same", kernel_regularizer=regularizers.L2(1e-4))(y)
    y = layers.BatchNormalization()(y)
    if stride != 1 or x.shape[-1] != filters:
        x = layers.Conv2D(filters, 1, strides=stride)(x)
    return layers.Activation("relu")(layers.Add()([x, y]))


def with_helpers(x, filters, stride=1):
    y = blocks.conv_bn_act(x, filters, stride=stride, name="a", number=1)
    y = blocks.conv_bn(y, filters, name="a", number=2)
    x = blocks.shortcut_connection(x, filters, stride=stride, name="a")
    return blocks.activation(x + y, name="a_out")


class Block(layers.Layer):
    """With its layers in an order of its own, without biases, and a projection that may stay unused."""

    def __init__(self, filters, stride):
        super().__init__()
        self.projection = layers.Conv2D(filters, 1, strides=stride, use_bias=False)
        self.norms = [layers.BatchNormalization(epsilon=1e-5, momentum=0.9) for _ in range(2)]
        self.second = layers.Conv2D(filters, 3, padding="same", use_bias=False)
        self.first = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)
        self.changes, self.filters, self.stride = None, filters, stride

    def build(self, shape):
        self.changes = self.stride != 1 or shape[-1] != self.filters
        if self.changes:
            self.projection.build(shape)

    def call(self, x, training=None):
        kept = self.projection(x) if self.changes else x
        y = ops.relu(self.norms[0](self.first(x), training=training))
        return ops.relu(kept + self.norms[1](self.second(y), training=training))

    def compute_output_shape(self, shape):
        return self.projection.compute_output_shape(shape)


def with_a_layer(x, filters, stride=1):
    return Block(filters, stride)(x)


def with_a_branch_model(x, filters, *, stride=1):
    branch = keras.Sequential(
        [
            layers.Conv2D(filters, 3, strides=stride, padding="same", bias_initializer="ones"),
            layers.BatchNormalization(center=False),
            layers.ReLU(),
            layers.ZeroPadding2D(1),
            layers.Conv2D(filters, 3),
            layers.BatchNormalization(scale=False),
        ]
    )
    y = branch(x)
    if y.shape != x.shape:
        x = layers.Conv2D(filters, (1, 1), strides=(stride, stride), padding="same")(x)
    return ops.maximum(layers.add([y, x]), 0)


def without_stride(block):
    def shorter(x, filters):
        return block(x, filters)

    return shorter


def identity_block(x, filters, *, mistake=None):
    """The block with one mistake, as a learner would make it."""
    y = conv(x, filters, padding="valid") if mistake == "valid" else None
    if mistake == "valid":
        return relu(x + bn(y))
    y = conv(x, filters)
    if mistake == "shortcut after conv":
        x = y
    y = y if mistake == "no first bn" else bn(y)
    if mistake == "shortcut after bn":
        x = y
    y = y if mistake == "no relu between" else relu(y)
    if mistake == "shortcut after unit":
        x = y
    y = conv(y, filters)
    y = y if mistake in ("no second bn", "relu without bn") else bn(y)
    if mistake in ("relu first", "two relus", "relu without bn"):
        y = relu(y)
    if mistake == "itself":
        x = y
    if mistake == "plain":
        return relu(y)
    y = x + y
    return y if mistake in ("relu first", "no last relu") else relu(y)


def mistaken(mistake):
    return functools.partial(identity_block, mistake=mistake)


def branch(x, filters):
    return bn(conv(bn_relu(conv(x, filters)), filters))


def relu_before_norm(x, filters):
    y = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    y = bn(conv(bn(y), filters))
    return relu(layers.Add()([x, y]))


def norm_after_the_sum(x, filters):
    y = conv(bn_relu(conv(x, filters)), filters)
    return bn_relu(layers.Add()([x, y]))


def v2_order(x, filters):
    y = conv(bn_relu(x), filters)
    return x + conv(bn_relu(y), filters)


def shared_norm(x, filters):
    norm = layers.BatchNormalization()
    y = relu(norm(conv(x, filters)))
    return relu(x + norm(conv(y, filters)))


class Told(layers.Layer):
    """A batch normalization that is told whether it is in training, whatever its network does."""

    def __init__(self, training):
        super().__init__()
        self.norm, self.told = layers.BatchNormalization(), training

    def call(self, x):
        return self.norm(x, training=self.told)


def told(training):
    def block(x, filters):
        y = relu(Told(training)(conv(x, filters)))
        return relu(x + bn(conv(y, filters)))

    return block


def other_norm(x, filters):
    y = relu(layers.LayerNormalization()(conv(x, filters)))
    return relu(x + layers.LayerNormalization()(conv(y, filters)))


def three_convolutions(x, filters):
    y = bn_relu(conv(x, filters))
    y = bn_relu(conv(y, filters))
    return relu(x + bn(conv(y, filters)))


def activated(function, *, at_the_end=False):
    """The right block, but for another activation in the branch or at the end."""

    def block(x, filters):
        inside, outside = (relu, function) if at_the_end else (function, relu)
        return outside(x + bn(conv(inside(bn(conv(x, filters))), filters)))

    return block


def padded(function):
    """A residual block with this activation in its branch, whose zeros come from a layer of their own.

    At stride 2 they lie as PyTorch puts them, and not as padding="same" does.
    """

    def block(x, filters, stride=1):
        y = layers.Conv2D(filters, 3, strides=stride)(layers.ZeroPadding2D(1)(x))
        y = layers.Conv2D(filters, 3)(layers.ZeroPadding2D(1)(function(bn(y))))
        if x.shape[-1] != filters or stride != 1:
            x = conv(x, filters, 1, stride)
        return relu(x + bn(y))

    return block


def leaky(x):
    """So nearly a ReLU that only the whole block's output may tell."""
    return ops.leaky_relu(x, 0.01)


def with_another(layer):
    """The right block, but for one more thing in its branch."""

    def block(x, filters):
        y = bn(conv(layer(bn_relu(conv(x, filters))), filters))
        return relu(x + y)

    return block


def prelu(x, filters):
    y = layers.PReLU(shared_axes=[1, 2])(bn(conv(x, filters)))
    return relu(x + bn(conv(y, filters)))


def frozen(x, filters):
    y = bn_relu(conv(x, filters, trainable=False))
    return relu(x + bn(conv(y, filters)))


def told_in_vain(x, filters):
    """In a functional network Keras replaces this False by True where it trains."""
    y = relu(layers.BatchNormalization()(conv(x, filters), training=False))
    return relu(x + bn(conv(y, filters)))


def called_by_keyword(x, filters):
    y = layers.BatchNormalization()(inputs=layers.Conv2D(filters, 3, padding="same")(inputs=x))
    y = bn(conv(relu(y), filters))
    return relu(x + y)


def new_input(x, filters):
    x = keras.Input(x.shape[1:])
    return identity_block(x, filters)


def as_a_model(x, filters):
    return keras.Model(x, identity_block(x, filters))


def endless(x, filters, *arguments, **keywords):
    while True:
        x = bn_relu(conv(x, filters))


def residual(x, filters, stride=1, *, kernel_size=1, norm=False, always=False, places="first"):
    """A residual block in which one thing is done otherwise."""
    y = bn_relu(conv(x, filters, stride=stride if places in ("first", "both") else 1))
    y = bn(conv(y, filters, stride=stride if places in ("second", "both") else 1))
    if always or stride != 1 or x.shape[-1] != filters:
        x = conv(x, filters, kernel_size, stride=1 if places == "nowhere" else stride)
        x = bn(x) if norm else x
    return relu(x + y)


def different(**options):
    return functools.partial(residual, **options)


def hard_coded(x, filters, stride=1):
    return residual(x, 16, stride)


def only_where_channels_change(x, filters, stride=1):
    y = bn(conv(bn_relu(conv(x, filters, stride=stride)), filters))
    if x.shape[-1] != filters:
        x = conv(x, filters, 1, stride)
    return relu(x + y)


def without_stride_on_the_shortcut(x, filters, stride=1):
    y = bn(conv(bn_relu(conv(x, filters, stride=stride)), filters))
    if x.shape[-1] != filters or stride != 1:
        x = conv(x, filters, 1)
    return relu(x + y)


def pooled_shortcut(x, filters, stride=1):
    y = bn(conv(bn_relu(conv(x, filters, stride=stride)), filters))
    if stride != 1:
        x = layers.MaxPooling2D(stride, padding="same")(x)
    if x.shape[-1] != filters:
        x = conv(x, filters, 1)
    return relu(x + y)


def bottleneck_in_a_loop(x, filters, out_filters, stride=1, preactivate=True):
    y = x
    for number, (width, size) in enumerate([(filters, 1), (filters, 3), (out_filters, 1)]):
        if number or preactivate:
            y = layers.Activation("relu")(layers.BatchNormalization(epsilon=1e-5)(y))
        y = conv(y, width, size, stride if number == 0 else 1, use_bias=False)
    if y.shape[1:] != x.shape[1:]:
        x = conv(x, out_filters, 1, stride, use_bias=False)
    return layers.Add()([y, x])


def bottleneck_with_helpers(x, filters, out_filters, stride=1, preactivate=True):
    kept = blocks.shortcut_connection(x, out_filters, stride=stride, name="b")
    if preactivate:
        x = blocks.bn_act(x, name="b", number=1)
    x = blocks.conv(x, filters, kernel_size=1, stride=stride, name="b_conv1")
    x = blocks.bn_act(x, name="b", number=2)
    x = blocks.conv(x, filters, name="b_conv2")
    x = blocks.bn_act(x, name="b", number=3)
    return blocks.conv(x, out_filters, kernel_size=1, name="b_conv3") + kept


class Bottleneck(keras.Model):
    """With its shortcut computed first, and its layers made last to first."""

    def __init__(self, filters, out_filters, stride, preactivate, project):
        super().__init__()
        self.projection = layers.Conv2D(out_filters, 1, strides=stride) if project else layers.Identity()
        self.third = layers.Conv2D(out_filters, 1)
        self.second = layers.Conv2D(filters, 3, padding="same")
        self.first = layers.Conv2D(filters, 1, strides=stride)
        self.norms = [layers.BatchNormalization() for _ in range(3)]
        self.preactivate = preactivate

    def call(self, x):
        kept = self.projection(x)
        x = ops.relu(self.norms[2](x)) if self.preactivate else x
        x = self.second(ops.relu(self.norms[1](self.first(x))))
        return kept + self.third(ops.relu(self.norms[0](x)))


def bottleneck_as_a_model(x, filters, out_filters, stride=1, preactivate=True):
    project = stride > 1 or x.shape[-1] != out_filters
    return Bottleneck(filters, out_filters, stride, preactivate, project)(x)


def bottleneck(x, filters, out_filters, stride=1, preactivate=True, *, mistake=None):
    """The v2 block with one mistake, as a learner would make it."""
    ignored = {"always preactivated": True, "never preactivated": False}
    y = bn_relu(x) if ignored.get(mistake, preactivate) else x
    if mistake == "keeps relu" and not preactivate:
        y = relu(y)
    if mistake == "activated shortcut":
        x = y
    activated = y
    y = conv(y, out_filters // 4 if mistake == "quarter" else filters, 1, 1 if mistake == "second" else stride)
    y = conv(bn_relu(y), y.shape[-1], 3, stride if mistake == "second" else 1)
    y = y if mistake == "no last bn" else bn_relu(y)
    y = conv(y, 4 * filters if mistake == "four times" else out_filters, 1)
    y = bn(y) if mistake == "bn at the end" else y
    if mistake == "plain":
        return y
    asked = {
        "always": True,
        "projects by options": stride != 1 or not preactivate,
        "projects where bare": stride != 1 or x.shape != y.shape or not preactivate,
        "projects where bare only": stride != 1 or (x.shape != y.shape and not preactivate),
    }
    if asked.get(mistake, x.shape != y.shape):
        x = conv(activated if mistake == "activated projection" else x, y.shape[-1], 1, stride)
    if mistake == "maximum":
        return layers.Maximum()([x, y])
    return relu(x + y) if mistake == "relu at the end" else x + y


def mistaken_bottleneck(mistake):
    return functools.partial(bottleneck, mistake=mistake)


def v1_bottleneck(x, filters, out_filters, stride=1, preactivate=True):
    y = bn_relu(conv(x, filters, 1, stride))
    y = bn_relu(conv(y, filters))
    y = bn(conv(y, out_filters, 1))
    if x.shape != y.shape:
        x = conv(x, out_filters, 1, stride)
    return relu(x + y)


def never_projects(x, filters, out_filters, stride=1, preactivate=True):
    y = bn_relu(x) if preactivate else x
    y = conv(bn_relu(conv(y, filters, 1, stride)), filters)
    return x + conv(bn_relu(y), out_filters, 1)


NOT_RELU = [ops.relu6, ops.gelu, ops.silu, ops.elu, ops.leaky_relu]
IDENTITY_WRONG = [
    (mistaken("relu first"), "only add and never take away"),
    (mistaken("two relus"), "the branch ends with a ReLU"),
    (mistaken("no last relu"), "no ReLU after the addition"),
    (mistaken("plain"), "a plain block"),
    (mistaken("relu without bn"), "followed by a ReLU and by no batch normalization"),
    (mistaken("no second bn"), "the second convolution has no batch normalization"),
    (mistaken("no first bn"), "the first convolution has no batch normalization"),
    (mistaken("no relu between"), "no ReLU between"),
    (mistaken("shortcut after conv"), "starts after the first convolution"),
    (mistaken("shortcut after bn"), "starts after the first batch normalization"),
    (mistaken("shortcut after unit"), "starts after the first convolution"),
    (mistaken("itself"), "added to itself"),
    (mistaken("valid"), "adds tensors of the shapes (6, 5, 8) and (4, 3, 8)"),
    (relu_before_norm, "the first ReLU comes before its batch normalization"),
    (norm_after_the_sum, "the second batch normalization comes after the addition"),
    (v2_order, "the order of v2"),
    (lambda x, filters: relu(layers.Multiply()([x, branch(x, filters)])), "are multiplied"),
    (
        lambda x, filters: relu(layers.Concatenate()([x, branch(x, filters)])),
        "(6, 5, 16), not (6, 5, 8): shortcut",
    ),
    (lambda x, filters: relu(x + bn_relu(conv(x, filters))), "there is one convolution only"),
    (lambda x, filters: relu(x + bn(conv(x, filters))), "the block has other layers than the right one (missing"),
    (shared_norm, "called more than once"),
    (told(True), "training=True"),
    (told(False), "training=False, also where the network is trained"),
    (frozen, "trainable=False: it would learn nothing"),
    (prelu, "a weight that the right answer does not have: p_re_lu"),
    (with_another(layers.Dropout(0.5)), "in training it computes something else"),
    (with_another(layers.GaussianNoise(1.0)), "in training it computes something else"),
    (other_norm, "a weight that the right answer does not have: layer_normalization"),
    (three_convolutions, "too many: 1 × batch normalization of 8 channels, 1 × convolution 3×3"),
    *((activated(f), "the first layer that gives something else") for f in NOT_RELU),
    (activated(leaky), "for an input (6, 5, 8) with filters=8"),
    *((padded(f), "for an input (6, 5, 8) with filters=8") for f in (leaky, ops.gelu)),
    *((activated(f, at_the_end=True), "all layers are right, but not what comes after") for f in NOT_RELU),
    (lambda x, filters: identity_block(x, 16), "adds tensors of the shapes (6, 5, 8) and (6, 5, 16)"),
    (lambda x, filters: x, "the block has other layers"),
    (new_input, "does not depend on x"),
    (as_a_model, "the result is a model (Functional), not a tensor"),
    (lambda x, filters: layers.Conv2D(filters, 3), "the result is a layer (Conv2D), not a tensor"),
    (lambda x, filters: [x], "the result is a list"),
    (lambda x, filters: identity_block(x, "filters"), "your function stopped with"),
    (lambda x: x, "TypeError"),
    (endless, "no answer after many seconds"),
    (Block(16, 1), "for an input (6, 5, 8) with filters=8"),
    ("block", "a function is needed"),
]

CORRECT = {
    checks.check_identity_block: [
        without_stride(with_raw_layers),
        without_stride(with_helpers),
        without_stride(with_a_layer),
        without_stride(with_a_branch_model),
        padded(relu),
        identity_block,
        called_by_keyword,
        told_in_vain,
    ],
    checks.check_relu_position: [
        without_stride(with_raw_layers),
        without_stride(with_helpers),
        without_stride(with_a_layer),
        identity_block,
    ],
    checks.check_residual_block: [
        with_raw_layers,
        with_helpers,
        with_a_layer,
        with_a_branch_model,
        residual,
        functools.partial(blocks.residual_block, name="block"),
    ],
    checks.check_bottleneck: [
        bottleneck_in_a_loop,
        bottleneck_with_helpers,
        bottleneck_as_a_model,
        bottleneck,
        functools.partial(blocks.preactivation_bottleneck, name="block"),
    ],
}

WRONG = {
    checks.check_identity_block: IDENTITY_WRONG,
    checks.check_relu_position: IDENTITY_WRONG[:8],
    checks.check_residual_block: [
        (different(kernel_size=3), "the projection has a 3×3 kernel"),
        (different(always=True), "also where the shapes agree"),
        (different(norm=True), "a batch normalization on the shortcut"),
        (different(places="second"), "the stride is in the second convolution"),
        (different(places="both"), "adds tensors of the shapes (4, 4, 32) and (2, 2, 32)"),
        (different(places="nowhere"), "has the shape (8, 8, 32), not (4, 4, 32): the stride is used nowhere"),
        (hard_coded, "has the shape (4, 4, 16), not (4, 4, 32)"),
        (only_where_channels_change, "adds tensors of the shapes (6, 9, 8) and (3, 5, 8)"),
        (without_stride_on_the_shortcut, "adds tensors of the shapes (8, 8, 32) and (4, 4, 32)"),
        (without_stride(identity_block), "stride"),
        (lambda x, filters, stride=1: identity_block(x, filters), "(8, 8, 16) and (8, 8, 32)"),
        (functools.partial(blocks.residual_block, name="a", shortcut="padding"), "channels of zeros"),
        (padded(relu), "zeros around the map"),
        (pooled_shortcut, "the convolution 1×1 from 16 to 32 channels"),
        (functools.partial(blocks.plain_block, name="a"), "a plain block"),
    ],
    checks.check_bottleneck: [
        (mistaken_bottleneck("activated projection"), "the projection starts from the activated input"),
        (mistaken_bottleneck("activated shortcut"), "the shortcut starts after the first BN-ReLU"),
        (mistaken_bottleneck("relu at the end"), "a ReLU after the addition"),
        (mistaken_bottleneck("bn at the end"), "the branch ends with a batch normalization"),
        (mistaken_bottleneck("always preactivated"), "preactivate=False changes nothing"),
        (mistaken_bottleneck("never preactivated"), "the first BN-ReLU is missing"),
        (mistaken_bottleneck("keeps relu"), "but not the ReLU"),
        (mistaken_bottleneck("quarter"), "out_filters / 4"),
        (mistaken_bottleneck("four times"), "not (8, 8, 16): the last convolution has 4 × filters"),
        (mistaken_bottleneck("second"), "the stride is in the second convolution"),
        (mistaken_bottleneck("no last bn"), "no BN-ReLU before the last convolution"),
        (mistaken_bottleneck("plain"), "a plain block"),
        (mistaken_bottleneck("always"), "also where the shapes agree"),
        (mistaken_bottleneck("projects by options"), "adds tensors of the shapes (8, 6, 12) and (8, 6, 20)"),
        (mistaken_bottleneck("projects where bare"), "too many: 1 × convolution 1×1 from 8 to 8 channels"),
        (mistaken_bottleneck("projects where bare only"), "adds tensors of the shapes (8, 6, 12) and (8, 6, 20)"),
        (mistaken_bottleneck("maximum"), "but not what comes after the last"),
        (v1_bottleneck, "the order of v1"),
        (never_projects, "adds tensors of the shapes (8, 6, 12) and (4, 3, 20)"),
        (lambda x, filters, out_filters, **keywords: residual(x, out_filters), "(8, 6, 20), not (4, 3, 20)"),
    ],
}
