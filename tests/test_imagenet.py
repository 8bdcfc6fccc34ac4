"""The networks for ImageNet against other libraries' counts and outputs."""

import math

import keras
import numpy as np
import pytest

from resnet_edu import costs, imagenet, models

# Trainable parameters and billion multiply-adds that torchvision's documentation states; its stride is in the 3×3.
TORCHVISION = {
    18: (11_689_512, 1.81),
    34: (21_797_672, 3.66),
    50: (25_557_032, 4.09),
    101: (44_549_160, 7.80),
    152: (60_192_808, 11.51),
}
PAPER = {18: 1.8, 34: 3.6, 50: 3.8, 101: 7.6, 152: 11.3}  # He et al. 2015, table 1


@pytest.mark.parametrize("depth", TORCHVISION)
def test_costs_are_the_published_ones(depth):
    model = models.resnet_imagenet(depth, stride_at="conv2", initializer="zeros")
    trainable = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    adds = costs.total_costs(costs.layer_costs(model)).multiply_adds
    assert (trainable, round(adds / 1e9, 2)) == TORCHVISION[depth]
    assert imagenet.depth_of(imagenet.STAGES[depth][1], bottleneck=imagenet.STAGES[depth][0]) == depth
    paper = costs.sum_costs(
        imagenet.count_costs(imagenet.STAGES[depth][1], bottleneck=imagenet.STAGES[depth][0]).values()
    )
    # The printed figures of 34 and 50 layers are below ours; 34 without projections would round to it.
    assert paper.multiply_adds / 1e9 == pytest.approx(PAPER[depth], rel=0.02)


@pytest.mark.parametrize(("counts", "bottleneck"), [((3, 4, 6, 3), True), ((2, 1, 3, 2), False)])
def test_costs_without_a_network_are_those_of_the_network(counts, bottleneck):
    model = imagenet.stage_net(counts, bottleneck=bottleneck, initializer="zeros")
    assert imagenet.count_costs(counts, bottleneck=bottleneck) == costs.group_costs(costs.layer_costs(model))


def test_a_plain_network_is_the_resnet_without_its_shortcuts():
    plain, resnet = (
        {layer.name: layer for layer in build(34, initializer="zeros").layers}
        for build in (models.plain_imagenet, models.resnet_imagenet)
    )
    only = {name.rpartition("_block")[2][2:] for name in set(resnet) - set(plain)}
    assert only == {"add", "shortcut", "shortcut_bn"}
    assert not set(plain) - set(resnet)


def test_outputs_are_those_of_keras_with_its_weights():
    source = keras.applications.ResNet50(weights=None, input_shape=(64, 64, 3), classes=7)
    imagenet.draw_all(source, seed=0)
    ours = models.resnet_imagenet(50, 7, input_shape=(64, 64, 3), bn_epsilon=1.001e-5)
    images = 50 * np.random.default_rng(0).normal(size=(3, 64, 64, 3)).astype("float32")
    before = ours.predict(images, verbose=0)
    imagenet.copy_resnet50(source, ours)
    expected = source.predict(images, verbose=0)
    np.testing.assert_allclose(ours.predict(images, verbose=0), expected, atol=1e-4)
    assert np.abs(before - expected).max() > 0.01
    assert np.ptp(expected, axis=0).max() > 0.002, "all images have one answer"


def test_a_seed_draws_every_weight_and_statistic():
    model = models.resnet_v1((8, 8, 1), 8)
    drawn = []
    for seed in (0, 0, 1):
        imagenet.draw_all(model, seed=seed)
        drawn.append(model.get_weights())
    for first, again, other in zip(*drawn, strict=True):
        np.testing.assert_array_equal(first, again)
        assert (first != other).all()
        assert first.size == 1 or first.std() > 0


def test_counts_may_be_those_of_an_array():
    counts = np.array([1, 2, 1, 1])
    assert imagenet.count_costs(counts, bottleneck=False) == imagenet.count_costs((1, 2, 1, 1), bottleneck=False)


def test_a_strided_convolution_has_its_zeros_on_both_sides():
    model = imagenet.stage_net((1, 1, 1, 1), 2, input_shape=(64, 64, 3))
    layer, pad = model.get_layer("stage2_block1_conv1"), model.get_layer("stage2_block1_pad1")
    assert pad.padding == ((1, 1), (1, 1))
    assert layer.output.shape[1:3] == (8, 8)
    assert model.get_layer("stem_conv").output.shape[1:3] == (32, 32)
    assert model.get_layer("stem_pool").output.shape[1:3] == (16, 16)


def test_weights_at_hand_are_taken_and_nothing_is_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    asked = []
    monkeypatch.setattr(keras.applications, "ResNet50", lambda **options: asked.append(options) or _NoVariables())
    assert imagenet.load_keras_resnet50()[1] is False
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / imagenet.KERAS_WEIGHTS).write_bytes(b"")
    assert imagenet.load_keras_resnet50()[1] is True
    assert asked == [{"weights": None}, {"weights": str(tmp_path / "models" / imagenet.KERAS_WEIGHTS)}]


def test_damaged_weights_are_not_downloaded_again(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    path = tmp_path / "models" / imagenet.KERAS_WEIGHTS
    path.write_bytes(b"cut off")
    monkeypatch.setattr(keras.utils, "get_file", lambda *_, **__: pytest.fail("a download"))
    model, has_weights = imagenet.load_keras_resnet50()
    assert not has_weights and model.count_params() == 25_636_712
    assert path.read_bytes() == b"cut off"


class _NoVariables:
    variables = ()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: models.resnet_imagenet(20), "depth=20 is unknown; it is one of 18, 34, 50, 101, 152"),
        (lambda: models.plain_imagenet(50), "depth=50 is unknown; it is one of 18, 34"),
        (lambda: models.resnet_imagenet(18, input_shape=(16, 16, 3)), "with sides of 32 or more"),
        (lambda: models.resnet_imagenet(50, stride_at="conv3", input_shape=(32, 32, 3)), "stride_at='conv3'"),
        (lambda: models.resnet_imagenet(18, 1, input_shape=(32, 32, 3)), "num_classes=1"),
        (lambda: models.resnet_imagenet(18, colour="red"), "unknown keyword colour"),
        (lambda: models.resnet_imagenet(18, stride_at="conv3"), "stride_at='conv3'"),
        (lambda: models.resnet_imagenet(50, input_shape=(None, None, 3)), "must be .height, width, channels"),
        (lambda: models.resnet_imagenet(50, input_shape=(224, 224, 0)), "must be .height, width, channels"),
        (lambda: models.resnet_imagenet(50, input_shape=224), "must be .height, width, channels"),
        (lambda: imagenet.stage_net((3, 4, 6)), "must be 4 whole numbers"),
        (lambda: imagenet.stage_net((3, 4, 6, True)), "must be 4 whole numbers"),
        (lambda: imagenet.stage_net(3), "must be 4 whole numbers"),
        (lambda: imagenet.stage_net((1, 1, 1, 1), bottleneck=True, shortcuts=False), "needs shortcuts=True"),
        (lambda: imagenet.count_costs((3, 4, 0, 3), bottleneck=True), "must be 4 whole numbers"),
    ],
)
def test_what_cannot_be_built_is_told(build, message):
    with pytest.raises(ValueError, match=message):
        build()
