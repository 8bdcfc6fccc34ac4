"""Answers to the exercises in which a learner builds a whole network, or mends one."""

import functools

import keras
from keras import layers, ops

from resnet_edu import blocks, models
from resnet_edu.checks import builders as checks


def conv(x, filters, kernel_size=3, stride=1, **keywords):
    return layers.Conv2D(filters, kernel_size, strides=stride, padding="same", **keywords)(x)


def bn(x):
    return layers.BatchNormalization()(x)


def bn_relu(x):
    return layers.ReLU()(bn(x))


def v1_block(x, filters, stride=1):
    y = bn(conv(bn_relu(conv(x, filters, stride=stride)), filters))
    if x.shape != y.shape:
        x = conv(x, filters, 1, stride)
    return layers.ReLU()(x + y)


def v1(
    input_shape,
    depth,
    num_classes=10,
    *,
    widths=(16, 32, 64),
    block=v1_block,
    stem=lambda x: bn_relu(conv(x, 16)),
    head=layers.GlobalAveragePooling2D,
    activation="softmax",
    per_n=6,
    fits=lambda n, rest: n >= 1 and not rest,
    strides="first of the stage",
):
    """A builder in which one thing can be done otherwise."""
    n, rest = divmod(depth - 2, per_n)
    if not fits(n, rest):
        raise ValueError(f"depth must be {per_n}n + 2")
    inputs = layers.Input(input_shape)
    x = stem(inputs)
    for stage, filters in enumerate(widths):
        for number in range(n):
            stride = {
                "first of the stage": 2 if stage and not number else 1,
                "very first": 2 if stage == number == 0 else 1,
                "every": 2 if stage else 1,
                "last of the stage": 2 if stage and number == n - 1 else 1,
                "nowhere": 1,
                "every first": 1 if number else 2,
            }[strides]
            x = block(x, filters, stride)
    return keras.Model(inputs, layers.Dense(num_classes, activation=activation)(head()(x)))


def like_the_article(input_shape, depth, num_classes=10, *, least=8):
    """The article's code, which takes depth 2; with `least` it does not."""
    if (depth - 2) % 6 != 0 or depth < least:
        raise ValueError("depth should be 6n+2")
    num_filters = 16
    num_res_blocks = int((depth - 2) / 6)
    inputs = layers.Input(shape=input_shape)
    x = bn_relu(conv(inputs, num_filters, kernel_initializer="he_normal"))
    for stack in range(3):
        for res_block in range(num_res_blocks):
            strides = 2 if stack > 0 and res_block == 0 else 1
            y = bn_relu(conv(x, num_filters, stride=strides))
            y = bn(conv(y, num_filters))
            if stack > 0 and res_block == 0:
                x = conv(x, num_filters, 1, strides)
            x = layers.Activation("relu")(layers.add([x, y]))
        num_filters *= 2
    y = layers.Flatten()(layers.AveragePooling2D(pool_size=8)(x))
    return keras.Model(inputs=inputs, outputs=layers.Dense(num_classes, activation="softmax")(y))


def with_helpers(input_shape, depth, num_classes=10):
    n = models.blocks_per_stage(depth, layers_per_block=2)
    inputs = keras.Input(input_shape)
    x = blocks.conv_bn_act(inputs, 16, style=blocks.PAPER, name="stem")
    for stage, filters in enumerate((16, 32, 64), start=1):
        for block in range(n):
            stride = 2 if stage > 1 and block == 0 else 1
            x = blocks.residual_block(x, filters, stride=stride, style=blocks.PAPER, name=f"s{stage}b{block}")
    x = ops.mean(x, axis=(1, 2))
    return keras.Model(inputs, layers.Softmax()(layers.Dense(num_classes)(x)))


class Unit(layers.Layer):
    """A v1 block whose layers are made in another order than they are called."""

    def __init__(self, filters, stride, project):
        super().__init__()
        self.norm2, self.norm1 = layers.BatchNormalization(), layers.BatchNormalization()
        self.conv2 = layers.Conv2D(filters, 3, padding="same", use_bias=False)
        self.conv1 = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)
        self.shortcut = layers.Conv2D(filters, 1, strides=stride) if project else None

    def call(self, x):
        kept = x if self.shortcut is None else self.shortcut(x)
        x = ops.relu(self.norm1(self.conv1(x)))
        return ops.relu(kept + self.norm2(self.conv2(x)))


class Whole(keras.Model):
    """A subclassed model, which knows its input only when it is called."""

    def __init__(self, n, num_classes):
        super().__init__()
        self.stem = keras.Sequential(
            [layers.Conv2D(16, 3, padding="same"), layers.BatchNormalization(), layers.ReLU()]
        )
        self.units = []
        for filters in (16, 32, 64):
            for number in range(n):
                first = filters > 16 and number == 0
                self.units.append(Unit(filters, 2 if first else 1, first))
        self.pool = layers.GlobalAveragePooling2D()
        self.classifier = layers.Dense(num_classes, activation="softmax")

    def call(self, x):
        x = self.stem(x)
        for unit in self.units:
            x = unit(x)
        return self.classifier(self.pool(x))


def as_a_subclass(input_shape, depth, num_classes=10):
    if depth % 6 != 2 or depth < 8:
        raise ValueError(depth)
    return Whole((depth - 2) // 6, num_classes)


def with_a_layer(input_shape, depth, num_classes=10):
    def block(x, filters, stride):
        return Unit(filters, stride, stride != 1 or x.shape[-1] != filters)(x)

    return v1(input_shape, depth, num_classes, block=block)


def as_a_sequence(input_shape, depth, num_classes=10):
    inner = v1((32, 32, input_shape[-1]), depth, num_classes)
    return keras.Sequential([layers.Input(input_shape), inner])


def sharing(input_shape, depth, num_classes=10):
    """The layers of a stage's blocks are made once: with one block a stage, that shows nowhere."""
    made = functools.cache(lambda place, kind, *arguments, **keywords: kind(*arguments, **keywords))

    def block(x, filters, stride=1):
        place, y = (x.shape[-1], stride, filters), x
        for number in (1, 2):
            strides = stride if number == 1 else 1
            y = made((*place, number), layers.Conv2D, filters, 3, strides=strides, padding="same")(y)
            y = made((*place, number), layers.BatchNormalization)(y)
            y = layers.ReLU()(y) if number == 1 else y
        if x.shape != y.shape:
            x = conv(x, filters, 1, stride)
        return layers.ReLU()(x + y)

    return v1(input_shape, depth, num_classes, block=block)


def otherwise(build, **options):
    return functools.partial(build, **options)


def no_addition(x, filters, stride):
    return bn_relu(conv(bn_relu(conv(x, filters, stride=stride)), filters))


def relu_before_addition(x, filters, stride):
    y = bn_relu(conv(bn_relu(conv(x, filters, stride=stride)), filters))
    if x.shape != y.shape:
        x = conv(x, filters, 1, stride)
    return x + y


def no_last_relu(x, filters, stride):
    y = bn(conv(bn_relu(conv(x, filters, stride=stride)), filters))
    if x.shape != y.shape:
        x = conv(x, filters, 1, stride)
    return x + y


def forgets_the_projection(x, filters, stride):
    y = bn(conv(bn_relu(conv(x, filters, stride=stride)), filters))
    return layers.ReLU()(layers.Add()([x, y]))


def ignores_depth(input_shape, depth, num_classes=10):
    return v1(input_shape, 20, num_classes)


def ignores_classes(input_shape, depth, num_classes=10):
    return v1(input_shape, depth)


def ignores_shape(input_shape, depth, num_classes=10):
    return v1((32, 32, 3), depth, num_classes)


def one_block_more(input_shape, depth, num_classes=10):
    return v1(input_shape, depth + 6, num_classes)


def returns_a_tensor(input_shape, depth, num_classes=10):
    return v1(input_shape, depth, num_classes).output


def never_pooled(input_shape, depth, num_classes=10):
    return v1(input_shape, depth, num_classes, head=layers.Identity)


def asserts(input_shape, depth, num_classes=10):
    assert (depth - 2) % 6 == 0
    return v1(input_shape, depth, num_classes)


def endless(input_shape, depth, num_classes=10):
    x = inputs = layers.Input(input_shape)
    n = 0
    while n < depth:
        x = bn_relu(conv(x, 16))
    return keras.Model(inputs, x)


def endless_call(input_shape, depth, num_classes=10):
    class Layer(layers.Layer):
        def call(self, x):
            while True:
                x = x + 1

    x = layers.Input(input_shape)
    return keras.Model(x, Layer()(x))


def v2_block(x, inner, outer, stride, preactivate):
    y = bn_relu(x) if preactivate else x
    y = conv(y, inner, 1, stride)
    y = conv(bn_relu(y), inner)
    y = conv(bn_relu(y), outer, 1)
    if x.shape != y.shape:
        x = conv(x, outer, 1, stride)
    return layers.Add()([x, y])


def v2(
    input_shape,
    depth,
    num_classes=10,
    *,
    widths=((16, 64), (64, 128), (128, 256)),
    block=v2_block,
    stem=lambda x: bn_relu(conv(x, 16)),
    head=bn_relu,
    activation="softmax",
    bare=lambda stage, number: stage == number == 0,
    per_n=9,
    fits=lambda n, rest: n >= 1 and not rest,
):
    n, rest = divmod(depth - 2, per_n)
    if not fits(n, rest):
        raise ValueError(f"depth must be {per_n}n + 2")
    inputs = layers.Input(input_shape)
    x = stem(inputs)
    for stage, (inner, outer) in enumerate(widths):
        for number in range(n):
            stride = 2 if stage and not number else 1
            x = block(x, inner, outer, stride, not bare(stage, number))
    x = layers.GlobalAveragePooling2D()(head(x))
    return keras.Model(inputs, layers.Dense(num_classes, activation=activation)(x))


def resnet_layer(inputs, filters, kernel_size, strides=1, activation="relu", normalize=True):
    """The article's helper, with the convolution last."""
    x = layers.BatchNormalization()(inputs) if normalize else inputs
    x = layers.Activation(activation)(x) if activation is not None else x
    return conv(x, filters, kernel_size, strides)


def v2_like_the_article(input_shape, depth, num_classes=10, *, least=11):
    """The article's code, which stops at depth 2 with another error; with `least` it does not."""
    if (depth - 2) % 9 != 0 or depth < least:
        raise ValueError("depth should be 9n+2")
    num_filters_in = 16
    inputs = layers.Input(shape=input_shape)
    x = layers.Activation("relu")(layers.BatchNormalization()(conv(inputs, num_filters_in)))
    for stage in range(3):
        for res_block in range((depth - 2) // 9):
            activation, normalize, strides = "relu", True, 1
            if stage == 0:
                num_filters_out = num_filters_in * 4
                if res_block == 0:
                    activation, normalize = None, False
            else:
                num_filters_out = num_filters_in * 2
                strides = 2 if res_block == 0 else 1
            y = resnet_layer(x, num_filters_in, 1, strides, activation, normalize)
            y = resnet_layer(y, num_filters_in, 3)
            y = resnet_layer(y, num_filters_out, 1)
            if res_block == 0:
                x = conv(x, num_filters_out, 1, strides)
            x = layers.add([x, y])
        num_filters_in = num_filters_out
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    y = layers.Flatten()(layers.AveragePooling2D(pool_size=8)(x))
    return keras.Model(inputs=inputs, outputs=layers.Dense(num_classes, activation="softmax")(y))


def v2_with_helpers(input_shape, depth, num_classes=10):
    n = models.blocks_per_stage(depth, layers_per_block=3)
    x = inputs = layers.Input(input_shape)
    x = blocks.conv_bn_act(x, 16, name="stem")
    for i in range(3 * n):
        inner, outer = [(16, 64), (64, 128), (128, 256)][i // n]
        stride = 2 if i in (n, 2 * n) else 1
        x = blocks.preactivation_bottleneck(x, inner, outer, stride=stride, preactivate=i > 0, name=f"block{i}")
    x = layers.GlobalAveragePooling2D(keepdims=True)(blocks.bn_act(x, name="head"))
    return keras.Model(inputs, layers.Dense(num_classes, activation="softmax")(layers.Flatten()(x)))


def v2_with_models_for_stages(input_shape, depth, num_classes=10):
    """Each stage is a model of its own, and the shortcut is computed before the branch."""

    def block(x, inner, outer, stride, preactivate):
        kept = conv(x, outer, 1, stride, use_bias=False) if x.shape[-1] != outer else x
        y = conv(bn_relu(x) if preactivate else x, inner, 1, stride, use_bias=False)
        y = conv(bn_relu(y), inner, use_bias=False)
        y = conv(bn_relu(y), outer, 1, use_bias=False)
        inside = keras.Model(x, y + kept)
        return inside(x)

    return v2(input_shape, depth, num_classes, block=block)


def always_projects(x, inner, outer, stride, preactivate):
    y = conv(bn_relu(x) if preactivate else x, inner, 1, stride)
    y = conv(bn_relu(conv(bn_relu(y), inner)), outer, 1)
    return layers.add([conv(x, outer, 1, stride), y])


def projects_with_stride(x, inner, outer, stride, preactivate):
    y = conv(bn_relu(x) if preactivate else x, inner, 1, stride)
    y = conv(bn_relu(conv(bn_relu(y), inner)), outer, 1)
    return layers.add([conv(x, outer, 1, stride) if stride > 1 else x, y])


def projects_the_activated(x, inner, outer, stride, preactivate):
    activated = bn_relu(x) if preactivate else x
    y = conv(activated, inner, 1, stride)
    y = conv(bn_relu(conv(bn_relu(y), inner)), outer, 1)
    return layers.add([conv(activated, outer, 1, stride) if x.shape != y.shape else x, y])


def v2_with_relu(x, inner, outer, stride, preactivate):
    return layers.ReLU()(v2_block(x, inner, outer, stride, preactivate))


V1_CORRECT = [
    models.resnet_v1,
    v1,
    like_the_article,
    with_helpers,
    as_a_subclass,
    with_a_layer,
    as_a_sequence,
]
V2_CORRECT = [models.resnet_v2, v2, v2_like_the_article, v2_with_helpers, v2_with_models_for_stages]

STRIDE_WRONG = [
    (otherwise(v1, strides="very first"), "the maps are 16×16 with 16 filters; 16×16 with 32 filters; 16×16"),
    (otherwise(v1, strides="nowhere"), "32×32 with 64 filters; they should be 32×32, 16×16 and 8×8. That takes"),
    (otherwise(v1, strides="every"), "16×16, 8×8 and 4×4 with 32 filters"),
    (otherwise(v1, strides="last of the stage"), "32×32 and 16×16 with 32 filters"),
    (otherwise(v1, strides="every first"), "16×16 with 16 filters; 8×8 with 32 filters; 4×4"),
    (
        otherwise(v1, strides="every", head=functools.partial(layers.AveragePooling2D, 8)),
        "makes the maps smaller than a layer's window",
    ),
    (otherwise(v1, block=forgets_the_projection), "shapes (32, 32, 16) and (16, 16, 32)"),
]
PROJECTION_WRONG = [
    (otherwise(v2, block=projects_with_stride), "adds tensors of the shapes (32, 32, 16) and (32, 32, 64)"),
    (
        otherwise(v2, block=projects_with_stride, stem=lambda x: bn_relu(conv(x, 64))),
        "the stem has 64 filters, not 16",
    ),
    (otherwise(v2, stem=lambda x: bn_relu(conv(x, 64))), "the stem has 64 filters, not 16"),
    (otherwise(v2, block=always_projects), "also where the shapes agree"),
    (otherwise(v2, block=projects_the_activated), "the projection starts from the activated input"),
    (otherwise(v2, widths=((16, 16), (64, 128), (128, 256))), "missing: "),
    (otherwise(models.resnet_v2, shortcut="padding"), "channels of zeros"),
]

CORRECT = {
    checks.check_resnet_v1: V1_CORRECT,
    checks.check_stride_position: V1_CORRECT[:4],
    checks.check_resnet_v2: V2_CORRECT,
    checks.check_projection: V2_CORRECT[:4],
}

WRONG = {
    checks.check_resnet_v1: [
        (otherwise(like_the_article, least=2), "depth=2 gives a network, though it is not 6n + 2 with n = 1, 2"),
        (otherwise(v1, block=no_addition), "a plain block"),
        (sharing, "called more than once"),
        (otherwise(v1, block=relu_before_addition), "only add and never take away"),
        (otherwise(v1, block=no_last_relu), "no ReLU after the addition"),
        (otherwise(v1, activation=None), "no softmax"),
        (otherwise(v1, activation="sigmoid"), "do not add up to 1"),
        (otherwise(v1, head=layers.GlobalMaxPooling2D), "pooled by their maximum"),
        (otherwise(v1, head=layers.Flatten), "the last maps are not pooled"),
        (otherwise(v1, stem=lambda x: conv(x, 16)), "the stem has no BN-ReLU"),
        (otherwise(v1, stem=lambda x: bn_relu(conv(x, 16, 7))), "there is a 7×7 convolution"),
        (otherwise(v1, widths=(16, 32, 128)), "16, 32 and 128 filters"),
        (otherwise(v1, widths=(32, 32, 64)), "have 32 and 64 filters, not 16, 32 and 64"),
        (otherwise(v1, widths=(16, 32, 64, 128)), "16, 32, 64 and 128 filters"),
        (otherwise(v1, per_n=9), "depth=8 fails, while depth=11 gives a network"),
        (otherwise(v1, per_n=3), "3×3 convolutions with 16 filters is 13, not 7"),
        (otherwise(v1, fits=lambda n, rest: True), "depth=10 gives a network, though it is not 6n + 2"),
        (asserts, "it stops with AssertionError, not ValueError"),
        (ignores_depth, "there are the same"),
        (ignores_classes, "the output has 10 values"),
        (ignores_shape, "the model's input has the shape (32, 32, 3)"),
        (one_block_more, "3×3 convolutions with 16 filters is 9, not 7"),
        (returns_a_tensor, "the result is a tensor, not a model"),
        (never_pooled, "the output for one image has the shape (8, 8, 10)"),
        (otherwise(models.resnet_v1, variant="paper"), "the paper's option A"),
        (endless, "no answer after many seconds"),
        (endless_call, "no answer after many seconds"),
        (models.resnet_v2, "depth=8 fails, while depth=11 gives a network"),
    ],
    checks.check_stride_position: STRIDE_WRONG,
    checks.check_resnet_v2: [
        (otherwise(v2, fits=lambda n, rest: not rest), "depth=2 gives a network, though it is not 9n + 2 with n"),
        (otherwise(v2_like_the_article, least=2), "it stops with UnboundLocalError, not ValueError"),
        (otherwise(v2, head=lambda x: x), "nothing activates the last block's sum"),
        (otherwise(v2, head=layers.ReLU()), "no batch normalization before the last ReLU"),
        (otherwise(v2, bare=lambda stage, number: False), "repeats the BN-ReLU"),
        (otherwise(v2, bare=lambda stage, number: number == 0), "the first block of every stage"),
        (otherwise(v2, bare=lambda stage, number: stage == 0), "all blocks of stage 1"),
        (otherwise(v2, bare=lambda stage, number: True), "all blocks leave out"),
        (otherwise(v2, widths=((16, 64), (32, 128), (64, 256))), "the paper's widths"),
        (otherwise(models.resnet_v2, variant="paper"), "16, 32 and 64 filters"),
        (otherwise(v2, block=v2_with_relu), "a ReLU after the addition"),
        (otherwise(v2, activation=None), "no softmax"),
        (otherwise(v2, per_n=6), "depth=11 fails, while depth=14 gives a network"),
        (otherwise(v2, fits=lambda n, rest: True), "depth=12 gives a network"),
        (models.resnet_v1, "depth=11 fails, while depth=14 gives a network"),
    ],
    checks.check_projection: PROJECTION_WRONG,
}
