"""The networks against published counts and an independent NumPy forward pass."""

from dataclasses import replace

import keras
import numpy as np
import numpy_resnet
import pytest

from resnet_edu import blocks, models


def trainable_count(model):
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


@pytest.mark.parametrize(
    ("build", "depth", "published"),
    [
        (models.resnet_v1, 20, 274_442),
        (models.resnet_v1, 56, 861_770),
        (models.resnet_v1, 110, 1_742_762),
        (models.resnet_v2, 20, 574_090),
        (models.resnet_v2, 56, 1_673_738),
        (models.resnet_v2, 110, 3_323_210),
    ],
)
def test_article_network_has_the_published_number_of_parameters(build, depth, published):
    assert build((32, 32, 3), depth).count_params() == published


@pytest.mark.parametrize(
    ("build", "depth", "published"),
    [
        (models.resnet_v1, 20, 269_722),
        (models.resnet_v1, 56, 853_018),
        (models.resnet_v1, 110, 1_727_962),
        (models.resnet_v2, 164, 1_703_258),
    ],
)
def test_paper_network_has_the_published_number_of_trainable_parameters(build, depth, published):
    assert trainable_count(build((32, 32, 3), depth, variant="paper")) == published


def test_padding_shortcuts_make_the_paper_networks_of_one_depth_equal_in_size():
    plain = models.plain_net((32, 32, 3), 20, variant="paper")
    residual = models.resnet_v1((32, 32, 3), 20, variant="paper")
    assert trainable_count(plain) == trainable_count(residual)


def randomize(model, seed=0):
    """Give every weight a value that a forgotten or swapped one would show, and return them by name."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        for variable in layer.variables:
            kind = variable.path.rpartition("/")[2]
            value = rng.normal(size=variable.shape)
            if kind == "kernel":
                value *= np.sqrt(2 / np.prod(variable.shape[:-1]))
            elif kind in ("gamma", "moving_variance"):
                value = 0.5 + np.abs(value)
            else:
                value *= 0.3
            variable.assign(value)
    _spread_probabilities(model)
    return {
        f"{layer.name}/{variable.path.rpartition('/')[2]}": keras.ops.convert_to_numpy(variable).astype("float64")
        for layer in model.layers
        for variable in layer.variables
    }


def _spread_probabilities(model):
    """Scale the classifier so that no class wins outright: a saturated softmax would hide any error."""
    images = np.random.default_rng(1).normal(size=(4, 32, 32, 3)).astype("float32")
    classifier = model.get_layer("classifier")
    features = keras.ops.convert_to_numpy(keras.Model(model.inputs, classifier.input)(images, training=False))
    classifier.kernel.assign(classifier.kernel / np.std(features @ keras.ops.convert_to_numpy(classifier.kernel)))


def predict(model, images):
    return keras.ops.convert_to_numpy(model(images, training=False))


NETWORKS = {
    "article v1": (models.resnet_v1, {}, numpy_resnet.forward_v1, {}),
    "paper v1": (models.resnet_v1, {"variant": "paper"}, numpy_resnet.forward_v1, {"shortcut": "padding"}),
    "plain": (models.plain_net, {}, numpy_resnet.forward_v1, {"residual": False}),
    "article v2": (models.resnet_v2, {}, numpy_resnet.forward_v2, {}),
    "paper v2": (
        models.resnet_v2,
        {"variant": "paper"},
        numpy_resnet.forward_v2,
        {"preactivated_projection": True},
    ),
    "v1 without BN": (models.resnet_v1, {"batch_norm": False}, numpy_resnet.forward_v1, {}),
}


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("n", [1, 3])
def test_forward_pass_agrees_with_numpy(network, n):
    build, options, forward, oracle_options = NETWORKS[network]
    depth = (9 if build is models.resnet_v2 else 6) * n + 2
    model = build((32, 32, 3), depth, **options)
    weights = randomize(model)
    images = np.random.default_rng(1).normal(size=(4, 32, 32, 3)).astype("float32")
    epsilon = 1e-5 if options.get("variant") == "paper" else 1e-3
    expected = forward(weights, images, depth=depth, epsilon=epsilon, **oracle_options)
    assert expected.std(axis=0).max() > 1e-3, "the oracle must tell images apart for this test to mean anything"
    np.testing.assert_allclose(predict(model, images), expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(8, 8, 1), (5, 7, 3), (4, 4, 2), (64, 48, 3)])
@pytest.mark.parametrize("variant", models.VARIANTS)
def test_other_image_sizes_give_probabilities(shape, variant):
    for build, depth in [(models.plain_net, 8), (models.resnet_v1, 8), (models.resnet_v2, 11)]:
        model = build(shape, depth, 7, variant=variant)
        probabilities = predict(model, np.zeros((2, *shape), "float32"))
        assert probabilities.shape == (2, 7)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)


def test_article_pools_eight_by_eight_and_flattens():
    model = models.resnet_v1((64, 64, 3), 8)
    assert model.get_layer("flatten").output.shape == (None, 2 * 2 * 64)


def test_layer_names_say_where_a_layer_is():
    names = {layer.name for layer in models.resnet_v1((32, 32, 3), 14).layers}
    assert {
        "stem_conv",
        "stage2_block1_conv1",
        "stage2_block1_shortcut",
        "stage3_block2_bn2",
        "classifier",
    } <= names
    assert "stage2_block2_shortcut" not in names
    names = [layer.name for layer in models.resnet_v2((32, 32, 3), 20).layers]
    assert "stage1_block1_bn1" not in names
    assert {"stage1_block1_shortcut", "stage1_block2_bn1", "head_bn"} <= set(names)


def test_model_names_say_which_network():
    assert models.plain_net((8, 8, 1), 8).name == "plain_8"
    assert models.resnet_v1((8, 8, 1), 8, variant="paper").name == "resnet_v1_8_paper"
    assert models.resnet_v2((8, 8, 1), 11, name="mine").name == "mine"


def test_style_switches_reach_every_layer():
    model = models.resnet_v1((8, 8, 1), 8, batch_norm=False, activation="tanh", initializer="zeros", l2=0.0)
    assert not [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    activations = {layer.activation for layer in model.layers if isinstance(layer, keras.layers.Activation)}
    assert activations == {keras.activations.tanh}
    assert all(not np.any(weight) for weight in model.get_weights())
    assert not model.losses


@pytest.mark.parametrize(
    ("style", "biased"), [({}, False), ({"batch_norm": False}, True), ({"conv_bias": True}, True)]
)
def test_a_convolution_has_a_bias_where_nothing_else_shifts_it(style, biased):
    model = models.resnet_v1((8, 8, 1), 8, variant="paper", **style)
    assert model.get_layer("stage1_block1_conv1").use_bias == biased


@pytest.mark.parametrize(("variant", "l2"), [("article", 1e-4), ("paper", 5e-5)])
def test_regularization_is_the_variants(variant, l2):
    model = models.resnet_v1((8, 8, 1), 8, variant=variant)
    regularized = [layer for layer in model.layers if getattr(layer, "kernel_regularizer", None)]
    for layer in regularized:
        assert float(layer.kernel_regularizer.l2) == pytest.approx(l2)
    assert (model.get_layer("classifier") in regularized) == (variant == "paper")


def test_seed_repeats_kernels_and_keeps_layers_apart():
    first, again, other = (models.resnet_v1((8, 8, 1), 14, seed=seed) for seed in (1, 1, 2))
    for a, b in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    kernel = first.get_layer("stage1_block1_conv1").kernel
    assert not np.allclose(kernel, other.get_layer("stage1_block1_conv1").kernel)
    assert not np.allclose(kernel, first.get_layer("stage1_block2_conv1").kernel)


def test_an_initializer_instance_does_not_make_layers_equal():
    model = models.plain_net((8, 8, 1), 14, initializer=keras.initializers.RandomNormal(stddev=0.01, seed=3))
    a, b = (model.get_layer(f"stage1_block{number}_conv1").kernel for number in (1, 2))
    assert not np.allclose(a, b)


def test_padding_shortcut_keeps_pixels_and_adds_zeros():
    x = np.arange(2 * 5 * 5 * 3, dtype="float32").reshape(2, 5, 5, 3)
    y = keras.ops.convert_to_numpy(blocks.PaddingShortcut(8, stride=2)(x))
    np.testing.assert_array_equal(y[..., :3], x[:, ::2, ::2])
    assert y.shape == (2, 3, 3, 8)
    assert not y[..., 3:].any()


def test_padding_shortcut_cannot_take_channels_away():
    with pytest.raises(ValueError, match="from 8 to 4 channels"):
        blocks.shortcut_connection(keras.Input((8, 8, 8)), 4, shortcut="padding", name="block")


def test_option_c_projects_every_block():
    model = models.resnet_v1((8, 8, 1), 14, shortcut="projection_all")
    shortcuts = [layer.name for layer in model.layers if layer.name.endswith("_shortcut")]
    assert len(shortcuts) == 6


def test_an_open_gate_halves_the_residual_block():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 6, 5, 8)).astype("float32")
    style = replace(blocks.ARTICLE, seed=3)
    outputs = {}
    for block in (blocks.residual_block, blocks.highway_block):
        inputs = keras.Input(x.shape[1:])
        model = keras.Model(inputs, block(inputs, 16, stride=2, style=style, name="b"))
        if block is blocks.highway_block:
            gate = model.get_layer("b_gate")
            gate.set_weights([np.zeros(weight.shape) for weight in gate.weights])  # σ(0) = ½
        outputs[block] = keras.ops.convert_to_numpy(model(x))
    np.testing.assert_allclose(outputs[blocks.highway_block], outputs[blocks.residual_block] / 2, atol=1e-6)


def test_a_shut_gate_carries_the_input():
    inputs = keras.Input((4, 4, 8))
    model = keras.Model(inputs, blocks.highway_block(inputs, 8, gate_bias=-100.0, name="b"))
    x = np.random.default_rng(0).uniform(size=(2, 4, 4, 8)).astype("float32")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(x)), x, atol=1e-6)


def test_highway_gates_start_at_their_bias():
    model = models.highway_net((8, 8, 1), 14, gate_bias=-3.0)
    gates = [layer for layer in model.layers if layer.name.endswith("_gate")]
    assert len(gates) == 6
    for gate in gates:
        np.testing.assert_array_equal(gate.get_weights()[1], np.full(gate.filters, -3.0))
    # Each gate is a 1×1 convolution with a bias on top of ResNet v1.
    gate_count = sum(gate.count_params() for gate in gates)
    assert model.count_params() == models.resnet_v1((8, 8, 1), 14).count_params() + gate_count


# He et al. 2016, figure 4, read from the picture.
FIGURE_4 = {
    "BN after addition": "conv bn act conv add bn act",
    "ReLU before addition": "conv bn act conv bn act add",
    "ReLU-only pre-activation": "act conv bn act conv bn add",
    "full pre-activation": "bn act conv bn act conv add",
}


@pytest.mark.parametrize("order", list(blocks.ORDERS))
def test_operations_come_in_the_order_of_the_figure(order):
    inputs = keras.Input((4, 4, 8))
    model = keras.Model(inputs, blocks.reordered_block(inputs, 8, order=blocks.ORDERS[order], name="b"))
    kinds = {"Conv2D": "conv", "BatchNormalization": "bn", "Activation": "act", "Add": "add"}
    assert " ".join(kinds[type(layer).__name__] for layer in model.layers[1:]) == FIGURE_4[order]


def test_reordered_networks_differ_from_v1_in_order_alone():
    v1 = models.resnet_v1((8, 8, 1), 14)
    for order in blocks.ORDERS:
        model = models.resnet_reordered((8, 8, 1), 14, order)
        assert model.count_params() == v1.count_params()
        starts_activated = blocks.ORDERS[order].before
        first = model.get_layer("stage1_block1_conv1").input
        assert first is model.get_layer("stem_act").output
        assert ("head_act" in [layer.name for layer in model.layers]) == bool(starts_activated)
    with pytest.raises(ValueError, match="'full pre-activation'"):
        models.resnet_reordered((8, 8, 1), 14, "pre-activation")


def test_a_saved_network_loads_back(tmp_path):
    model = models.resnet_v1((8, 8, 1), 8, variant="paper")
    model.save(tmp_path / "net.keras")
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 1)).astype("float32")
    loaded = keras.models.load_model(tmp_path / "net.keras")
    np.testing.assert_allclose(predict(loaded, images), predict(model, images), atol=1e-6)


@pytest.mark.parametrize("build", [models.plain_net, models.resnet_v1])
@pytest.mark.parametrize(
    ("depth", "says"), [(21, "20 and 26"), (25, "20 and 26"), (2, "8"), (0, "8"), (-4, "8"), (7, "8")]
)
def test_wrong_depth_names_the_rule_and_the_nearest(build, depth, says):
    with pytest.raises(ValueError, match=rf"6n \+ 2.*nearest valid: {says}$"):
        build((32, 32, 3), depth)


@pytest.mark.parametrize(("depth", "says"), [(21, "20 and 29"), (56 + 1, "56 and 65"), (9, "11")])
def test_wrong_depth_of_v2_names_its_own_rule(depth, says):
    with pytest.raises(ValueError, match=rf"9n \+ 2.*nearest valid: {says}$"):
        models.resnet_v2((32, 32, 3), depth)


@pytest.mark.parametrize("depth", [20.0, "20", None, True])
def test_depth_must_be_a_whole_number(depth):
    with pytest.raises(ValueError, match="whole number"):
        models.resnet_v1((32, 32, 3), depth)


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((3, 32, 1), r"nearest valid: \(4, 32, 1\)"),
        ((32, 2, 3), r"nearest valid: \(32, 4, 3\)"),
        ((3, 32, 32), r"nearest valid: \(4, 32, 32\)"),
        ((32, 32, 0), r"nearest valid: \(32, 32, 1\)"),
        ((32, 32), r"got \(32, 32\)"),
        ((None, None, 3), r"got \(None, None, 3\)"),
        (32, "got 32"),
        ((32.0, 32.0, 3), "got"),
    ],
)
def test_wrong_input_shape_names_what_is_needed(shape, says):
    with pytest.raises(ValueError, match=rf"\(height, width, channels\).*{says}"):
        models.resnet_v1(shape, 20)


@pytest.mark.parametrize("classes", [1, 0, -3, 2.5, "10", None, True])
def test_wrong_number_of_classes(classes):
    with pytest.raises(ValueError, match="at least 2"):
        models.resnet_v2((32, 32, 3), 20, classes)


def test_numbers_of_numpy_are_taken():
    model = models.resnet_v2(tuple(np.array([8, 8, 1])), np.int64(11), np.int64(4), shortcut=None)
    assert model.output_shape == (None, 4)


def test_an_initializer_may_be_a_function_but_not_nothing():
    model = models.plain_net((8, 8, 1), 8, initializer=lambda shape, dtype=None: keras.ops.ones(shape))
    assert float(model.get_layer("stem_conv").kernel[0, 0, 0, 0]) == 1
    with pytest.raises(ValueError, match="he_normal"):
        models.plain_net((8, 8, 1), 8, initializer=None)


def test_unknown_names_list_the_known_ones():
    with pytest.raises(ValueError, match="'article', 'paper'"):
        models.resnet_v1((32, 32, 3), 20, variant="papre")
    with pytest.raises(ValueError, match="'projection', 'padding'"):
        models.resnet_v1((32, 32, 3), 20, shortcut="identity")
    with pytest.raises(ValueError, match="unknown keyword batchnorm; .*batch_norm"):
        models.resnet_v1((32, 32, 3), 20, batchnorm=False)
    with pytest.raises(ValueError, match="he_normall"):
        models.resnet_v1((32, 32, 3), 20, initializer="he_normall")
