"""Gradient norms against central finite differences, and the quick way against the slow one."""

import contextlib
import itertools
import math
import statistics

import keras
import numpy as np
import pytest

from resnet_edu import backend, blocks, functional, gradients, models


@contextlib.contextmanager
def double_precision():
    """Finite differences need more digits than single precision has."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        if keras.backend.backend() == "jax":
            import jax  # noqa: PLC0415

            with jax.enable_x64(True):
                yield
        else:
            yield
    finally:
        keras.config.set_dtype_policy(policy)


def small_net(style, *, residual, head):
    inputs = keras.Input((6, 6, 2))
    x = blocks.conv_bn_act(inputs, 2, style=style, name="stem")
    if residual:
        x = blocks.residual_block(x, 3, stride=2, style=style, name="block1")
        x = blocks.residual_block(x, 3, style=style, name="block2")
    else:
        x = blocks.plain_block(x, 3, stride=2, style=style, name="block1")
    x = keras.layers.Flatten()(x)
    outputs = keras.layers.Dense(3, activation="softmax" if head == "dense" else None, name="classifier")(x)
    if head == "layer":
        outputs = keras.layers.Softmax()(outputs)
    return keras.Model(inputs, outputs)


def compile_loss(model, x, y):
    """Return the loss as a function of the trainable values: step by step, each pass would take 40 ms."""
    others = [variable.value for variable in model.non_trainable_variables]
    forward = backend.compiled(lambda values: model.stateless_call(values, others, x, training=True)[0])

    def loss(values):
        outputs = np.asarray(keras.ops.convert_to_numpy(forward(values)), "float64")
        if abs(outputs.sum() - len(x)) > 1e-6:  # logits
            outputs = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
        return -np.log(outputs[np.arange(len(y)), y]).mean()

    return loss


def finite_difference_norm(loss, values, position, *, step):
    slopes = []
    for index in np.ndindex(*values[position].shape):
        ends = []
        for sign in (1, -1):
            moved = values[position].copy()
            moved[index] += sign * step
            ends.append(loss([*values[:position], moved, *values[position + 1 :]]))
        slopes.append((ends[0] - ends[1]) / (2 * step))
    return np.linalg.norm(slopes)


@pytest.mark.parametrize(
    ("residual", "batch_norm", "activation", "head"),
    [
        (True, True, "tanh", "dense"),
        (True, False, "relu", "logits"),
        (False, True, "sigmoid", "layer"),
    ],
)
def test_norms_agree_with_finite_differences(residual, batch_norm, activation, head):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5, 6, 6, 2)).astype("float32"), np.array([0, 1, 2, 1, 0])
    style = blocks.Style(
        conv_bias=True,
        l2=0.1,  # large, so that a norm which counted it would be far off
        l2_on_classifier=False,
        bn_momentum=0.9,
        bn_epsilon=1e-3,
        batch_norm=batch_norm,
        activation=activation,
        seed=1,
    )
    # Keras' mean, which batch normalization uses, is single precision on JAX whatever the policy: the step must
    # move the loss by more than its rounding. The networks with batch normalization are smooth, so it may.
    step = 1e-3 if batch_norm and keras.backend.backend() == "jax" else 1e-5
    with double_precision():
        model = small_net(style, residual=residual, head=head)
        norms = gradients.gradient_norms(model, x, y)
        assert len(norms) == (7 if residual else 4)
        loss = compile_loss(model, x, y)
        values = [keras.ops.convert_to_numpy(variable) for variable in model.trainable_variables]
        paths = [variable.path for variable in model.trainable_variables]
        for name, norm in norms.items():
            expected = finite_difference_norm(loss, values, paths.index(f"{name}/kernel"), step=step)
            assert expected > 1e-6
            assert norm == pytest.approx(expected, rel=1e-3), name


def test_signal_norms_agree_with_finite_differences(digits):
    x, y = digits[0][:6], digits[1][:6]
    with double_precision():
        # No normalization: behind the layer, the network can be cut in two without changing its statistics.
        model = models.resnet_v1((8, 8, 1), 8, seed=0, batch_norm=False, activation="tanh")
        signal = model.get_layer("stage2_block1_add").output
        before, behind = keras.Model(model.inputs, signal), keras.Model(signal, model.outputs)
        at, rng = keras.ops.convert_to_numpy(before(x)), np.random.default_rng(0)
        norm = gradients.signal_gradient_norms(model, x, y, ["stage2_block1_add"])["stage2_block1_add"]

        def losses(signals):
            """Return the loss of each of the signals `(directions, images, h, w, c)`."""
            probabilities = keras.ops.convert_to_numpy(behind(signals.reshape(-1, *at.shape[1:])))
            each = -np.log(probabilities.reshape(*signals.shape[:2], -1)[:, np.arange(len(y)), y])
            return each.mean(axis=1)

        # The mean square of the slopes along random directions of unit variance is the squared norm.
        directions = rng.normal(size=(400, *at.shape))
        slopes = (losses(at + 1e-4 * directions) - losses(at - 1e-4 * directions)) / 2e-4
    assert norm == pytest.approx(np.sqrt(np.mean(np.square(slopes))), rel=0.15)


def test_signal_norms_leave_the_model_alone_and_know_its_layers(digits):
    model = models.resnet_v2((8, 8, 1), 11, seed=0)
    before = [weight.copy() for weight in model.get_weights()]
    names = ["stage1_block1_add", "stage3_block1_add"]
    assert list(gradients.signal_gradient_norms(model, *digits, names)) == names
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    for name in ("stage9_block1_add", model.layers[0].name, "classifier"):
        with pytest.raises(ValueError, match=f"no layer called {name} between its input and its last"):
            gradients.signal_gradient_norms(model, *digits, [name])


def test_signal_norms_of_a_sequential_network_are_those_of_its_functional_twin(digits):
    layers = [keras.layers.Conv2D(4, 3, name="conv"), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")]
    model = keras.Sequential([keras.Input((8, 8, 1)), *layers])
    twin = keras.Model(model.inputs[0], model.outputs[0])
    norms = [gradients.signal_gradient_norms(network, *digits, ["conv"])["conv"] for network in (model, twin)]
    assert norms[0] == pytest.approx(norms[1]) and norms[0] > 0


def test_a_very_sure_network_keeps_its_gradient(digits):
    """Where softmax saturates, the cross-entropy of probabilities is clipped and its gradient is lost."""
    x, y = digits
    model = models.plain_net((8, 8, 1), 8, seed=0)
    model.get_layer("classifier").kernel.assign(1e4 * model.get_layer("classifier").kernel.value)
    norms = gradients.gradient_norms(model, x, y)
    probabilities = keras.ops.convert_to_numpy(model(x, training=True))
    assert probabilities[np.arange(64), y].min() == 0
    # One-hot probabilities make the gradient of the logits exact: (p - one-hot) / n, through the last layer.
    features = keras.Model(model.inputs, model.layers[-1].input)(x, training=True)
    difference = (probabilities - np.eye(10)[y]) / 64
    expected = np.linalg.norm(keras.ops.convert_to_numpy(features).T @ difference)
    assert norms["classifier"] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("norms", [[], [1.0], [[1.0, 2.0]]])
def test_a_trend_needs_two_layers(norms):
    with pytest.raises(ValueError, match="the norms of two layers or more"):
        gradients.trend_and_level(norms)


def test_the_model_is_left_as_it_was(digits):
    x, y = digits
    model = models.resnet_v1((8, 8, 1), 8)
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=64, verbose=0)
    optimizer, before = model.optimizer, [weight.copy() for weight in model.get_weights()]
    gradients.gradient_norms(model, x, y)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert model.optimizer is optimizer
    assert int(optimizer.iterations) == 1
    model.fit(x, y, batch_size=64, verbose=0)
    assert int(optimizer.iterations) == 2


class Stop(keras.layers.Layer):
    def call(self, x):
        return keras.ops.stop_gradient(x)


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_a_kernel_that_the_loss_does_not_hear_of_has_the_norm_0(digits):
    layers = [keras.layers.Flatten(), keras.layers.Dense(4, name="stopped"), Stop(), keras.layers.Dense(10)]
    norms = gradients.gradient_norms(keras.Sequential([keras.Input((8, 8, 1)), *layers]), *digits)
    assert norms.pop("stopped") == 0
    assert [norm > 0 for norm in norms.values()] == [True]


def test_frozen_layers_have_no_norm(digits):
    model = models.plain_net((8, 8, 1), 8)
    model.get_layer("stem_conv").trainable = False
    assert "stem_conv" not in gradients.gradient_norms(model, *digits)


def test_layers_of_a_model_inside_the_model_are_found(digits):
    inner = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3), keras.layers.Flatten()], name="inner"
    )
    model = keras.Sequential([keras.Input((8, 8, 1)), inner, keras.layers.Dense(10, name="classifier")])
    norms = gradients.gradient_norms(model, *digits)
    assert list(norms) == [f"inner/{inner.layers[0].name}", "classifier"]
    assert min(norms.values()) > 0


def test_norms_come_in_depth_order(digits):
    norms = gradients.gradient_norms(models.resnet_v1((8, 8, 1), 14), *digits)
    assert list(gradients.select_convolutions(norms)) == ["stem_conv"] + [
        f"stage{stage}_block{block}_conv{conv}" for stage in (1, 2, 3) for block in (1, 2) for conv in (1, 2)
    ]


def model_of(depth, *, network, **style):
    build = models.plain_net if network == "plain" else getattr(models, network)
    return build((8, 8, 1), depth, **style)


@pytest.mark.parametrize("network", list(functional.NETWORKS))
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(("activation", "initializer"), [("relu", "he_normal"), ("sigmoid", "glorot_uniform")])
def test_fresh_norms_equal_those_of_the_model(digits, network, batch_norm, activation, initializer):
    setting = {
        "depth": 20,
        "network": network,
        "batch_norm": batch_norm,
        "activation": activation,
        "initializer": initializer,
        "seed": 4,
    }
    expected = gradients.gradient_norms(model_of(**setting), *digits)
    fresh = gradients.fresh_gradient_norms(*digits, **setting)
    assert fresh.keys() == expected.keys()
    # The two round differently. Behind batch normalization this can carry a value across ReLU's kink, which
    # moves single gradients by percents: double precision differs from both by as much.
    tolerance = 5e-2 if batch_norm and activation == "relu" else 1e-4
    for name, norm in fresh.items():
        assert norm == pytest.approx(expected[name], rel=tolerance, abs=0), name


def test_fresh_norms_differ_between_seeds(digits):
    a, b = (gradients.fresh_gradient_norms(*digits, depth=8, seed=seed) for seed in (0, 1))
    assert a["stem_conv"] != pytest.approx(b["stem_conv"], rel=1e-3)


@pytest.mark.parametrize("network", ["resnet_v1", "resnet_v2"])
def test_drawn_kernels_are_the_models_own(network):
    model = model_of(20, network=network, num_classes=7, seed=5)
    kernels = functional.draw_kernels(1, 20, network=network, num_classes=7, seed=5)
    for name, kernel in kernels.items():
        np.testing.assert_array_equal(kernel, model.get_layer(name).kernel.value)


@pytest.mark.parametrize("scale", [1e-14, 1e14])
def test_norms_whose_squares_leave_single_precision_are_kept(digits, scale):
    """The square of 1e-25 is 0 in single precision, and that of 1e25 infinite: the norms are neither."""
    x, y = digits
    model = models.plain_net((8, 8, 1), 8, batch_norm=False, seed=0)
    classifier = model.get_layer("classifier")
    classifier.kernel.assign(classifier.kernel.value * 1e-12)  # logits near 0, so the loss's slope stays as it is
    expected = gradients.gradient_norms(model, x, y)
    # A layer's kernel times c, and the next one's divided by c: same function, this layer's gradient divided by c.
    first, second = (model.get_layer(f"stage2_block1_conv{number}").kernel for number in (1, 2))
    first.assign(first.value / scale)
    second.assign(second.value * scale)
    norms = gradients.gradient_norms(model, x, y)
    assert norms["stage2_block1_conv1"] == pytest.approx(expected["stage2_block1_conv1"] * scale, rel=1e-3, abs=0)
    assert norms["stage2_block1_conv2"] == pytest.approx(expected["stage2_block1_conv2"] / scale, rel=1e-3, abs=0)
    assert min(norms.values()) ** 2 < 1e-38


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"y": np.zeros(63, int)}, "one label for each of the 64 images"),
        ({"y": np.eye(10)[np.zeros(64, int)]}, "one label for each"),
        ({"y": np.full(64, 10)}, "from 0 to 9"),
        ({"y": np.full(64, -1)}, "from 0 to 9"),
        ({"y": np.full(64, 0.5)}, "whole numbers"),
        ({"x": np.zeros((64, 8, 8))}, "takes a batch of shape"),
        ({"x": np.zeros((64, 16, 16, 1))}, "takes a batch of shape"),
        ({"model": keras.Sequential()}, "known input shape"),
        ({"x": np.zeros((0, 8, 8, 1)), "y": np.zeros(0, int)}, "each of the 0 images"),
        ({"model": keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Dense(10)])}, "one output of shape"),
        ({"model": keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])}, "trainable kernel"),
    ],
)
def test_a_batch_or_model_that_does_not_fit(digits, change, says):
    arguments = {"model": models.plain_net((8, 8, 1), 8), "x": digits[0], "y": digits[1]} | change
    with pytest.raises(ValueError, match=says):
        gradients.gradient_norms(**arguments)


def test_a_sigmoid_output_is_refused(digits):
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10, "sigmoid")])
    with pytest.raises(ValueError, match="must end in a softmax or in logits, .* not in sigmoid"):
        gradients.gradient_norms(model, *digits)


def test_a_softmax_that_is_not_the_models_own_last_layer_is_refused(digits):
    """Counted as logits it would get a second softmax, and the norms be wrong without a word."""
    inner = models.plain_net((8, 8, 1), 8)
    nested = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Rescaling(1.0), inner])
    reshaped = keras.Model(inner.inputs, keras.layers.Reshape((10,))(inner.outputs[0]))
    for model, end in [(nested, "Functional"), (reshaped, "Reshape")]:
        with pytest.raises(ValueError, match=f"of its own, not in {end}"):
            gradients.gradient_norms(model, *digits)


def test_half_precision_does_not_lose_large_gradients(digits):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = models.resnet_v1((8, 8, 1), 56, seed=0, batch_norm=False)
        norms = gradients.select_convolutions(gradients.gradient_norms(model, *digits))
    finally:
        keras.config.set_dtype_policy(policy)
    single = gradients.fresh_gradient_norms(*digits, depth=56, network="resnet_v1", batch_norm=False)
    for name, norm in norms.items():
        assert norm == pytest.approx(single[name], rel=0.5), name


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        (np.zeros((2, 33, 32, 3)), [0, 1], "at most 32×32"),
        (np.zeros((2, 2, 2, 3)), [0, 1], "too small"),
        (np.zeros((2, 8, 8)), [0, 1], "channels"),
        (np.zeros((2, 8, 8, 1)), [0, 10], "from 0 to 9"),
        (np.zeros((2, 8, 8, 1)), [0.5, 1.5], "whole numbers"),
        (np.zeros((2, 8, 8, 1)), [[0], [1]], "one label for each"),
    ],
)
def test_the_quick_way_refuses_what_no_model_could_take(x, y, says):
    with pytest.raises(ValueError, match=says):
        gradients.fresh_gradient_norms(x, np.array(y), depth=8)


def test_the_quick_way_names_the_networks_it_knows(digits):
    with pytest.raises(ValueError, match="'plain', 'resnet_v1', 'resnet_v2'"):
        gradients.fresh_gradient_norms(*digits, depth=20, network="resnet_v3")
    with pytest.raises(ValueError, match="9n"):
        gradients.fresh_gradient_norms(*digits, depth=14, network="resnet_v2")


def test_a_model_with_other_names_is_told_so_by_the_description():
    with pytest.raises(ValueError, match="named like those of resnet_edu.models: conv2d"):
        gradients.describe_norms({"conv2d": 1.0})


@pytest.mark.parametrize(
    ("norms", "says"),
    [
        ([1e-9, 1e-5, 1.0], "vanishes towards the input; level tiny"),
        ([1e3, 30.0, 1.0], "grows towards the input; level moderate"),
        ([1e5, 1e5, 1e5], "even along depth; level huge"),
        ([0.0, 1e-30, 1e-9], "0 in single precision at 1 of 3"),
        ([np.inf, 1.0, 1.0], "overflow"),
    ],
)
def test_description_tells_trend_from_level(norms, says):
    named = {f"block{number}_conv1": norm for number, norm in enumerate(norms)} | {"classifier": 1.0}
    assert says in gradients.describe_norms(named)


@pytest.mark.parametrize("norms", [[0.02, 3.0, 0.5], [2.0, 0.1], [1e-30, 1e-20, 3e-25, 1e-28], [5.0] * 55])
def test_trend_and_level_are_geometric_means(norms):
    trend, level = gradients.trend_and_level(norms)
    factors = [before / after for before, after in itertools.pairwise(norms)]
    assert trend == pytest.approx(statistics.geometric_mean(factors))
    assert level == pytest.approx(statistics.geometric_mean(norms))


def test_norms_of_0_have_the_level_0():
    assert gradients.trend_and_level([0.0, 1.0]) == (0.0, 0.0)
    trend, level = gradients.trend_and_level([1.0, 0.0])
    assert math.isnan(trend) and level == 0
