"""Networks without blocks or with blocks swapped, against the whole network with changed weights."""

import keras
import numpy as np
import pytest
from random_weights import randomized

from resnet_edu import lesions, models


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).normal(size=(7, 8, 8, 1)).astype("float32")


@pytest.fixture(scope="module")
def resnet():
    return randomized(models.resnet_v1((8, 8, 1), 14, seed=0))


@pytest.fixture(scope="module")
def parts(resnet):
    return lesions.dissect(resnet)


@pytest.mark.parametrize("build", [models.resnet_v1, models.plain_net, models.resnet_v2, models.highway_net])
@pytest.mark.parametrize("variant", ["article", "paper"])
def test_the_parts_in_order_are_the_network(build, variant, images):
    model = randomized(build((8, 8, 1), 20, variant=variant))
    parts = lesions.dissect(model)
    assert [part.name for part in parts][:2] == ["stem", "stage1_block1"]
    assert parts[-1].name == "head"
    assert len(parts) == 2 + (6 if build is models.resnet_v2 else 9)
    np.testing.assert_allclose(
        lesions.run_parts(parts, images), model.predict(images, verbose=0), rtol=1e-4, atol=1e-6
    )


def test_the_parts_have_the_weights_that_the_network_has_now(images):
    model = models.resnet_v1((8, 8, 1), 8, seed=0)
    parts = lesions.dissect(model)
    before = lesions.run_parts(parts, images)
    randomized(model)
    now = lesions.run_parts(parts, images)
    np.testing.assert_allclose(now, model.predict(images, verbose=0), rtol=1e-4, atol=1e-6)
    assert np.abs(now - before).max() > 1e-3


@pytest.mark.parametrize("wrong", [np.zeros((7, 1), int), np.zeros(6, int), np.full(7, 10)])
def test_labels_that_do_not_fit_are_told(parts, images, wrong):
    with pytest.raises(ValueError, match="y must hold"):
        lesions.accuracy_of(parts, images, wrong)


def test_networks_for_imagenet_can_be_taken_apart():
    parts = lesions.dissect(models.resnet_imagenet(18, 5, input_shape=(32, 32, 3), initializer="zeros"))
    assert len(parts) == 10
    assert lesions.find_removable(parts) == [f"stage{stage}_block2" for stage in (1, 2, 3, 4)]


def test_a_block_left_out_is_a_block_whose_branch_is_zero(resnet, parts, images):
    silenced = models.resnet_v1((8, 8, 1), 14)
    silenced.set_weights(resnet.get_weights())
    for variable in silenced.get_layer("stage2_block2_bn2").trainable_variables:
        variable.assign(np.zeros(variable.shape))  # scale and offset: the branch adds nothing
    without = lesions.run_parts(lesions.without(parts, ["stage2_block2"]), images)
    np.testing.assert_allclose(without, silenced.predict(images, verbose=0), rtol=1e-4, atol=1e-6)
    assert np.abs(without - lesions.run_parts(parts, images)).max() > 1e-3


def test_a_plain_block_left_out_takes_its_layers_along(images):
    model = randomized(models.plain_net((8, 8, 1), 14))
    signal = images
    for layer in model.layers[1:]:
        if not layer.name.startswith("stage1_block2"):
            signal = layer(signal)
    found = lesions.run_parts(lesions.without(lesions.dissect(model), ["stage1_block2"]), images)
    np.testing.assert_allclose(found, keras.ops.convert_to_numpy(signal), rtol=1e-4, atol=1e-6)


def test_blocks_swapped_are_blocks_with_each_others_weights(images):
    model = randomized(models.resnet_v1((8, 8, 1), 20))
    other = models.resnet_v1((8, 8, 1), 20)
    other.set_weights(model.get_weights())
    for layer in model.layers:
        if layer.weights and layer.name.startswith(("stage3_block2", "stage3_block3")):
            number = {"2": "3", "3": "2"}[layer.name[len("stage3_block")]]
            name = f"stage3_block{number}{layer.name[len('stage3_block2') :]}"
            other.get_layer(name).set_weights(layer.get_weights())
    parts = lesions.swapped(lesions.dissect(model), "stage3_block2", "stage3_block3")
    np.testing.assert_allclose(
        lesions.run_parts(parts, images), other.predict(images, verbose=0), rtol=1e-4, atol=1e-6
    )


def test_only_blocks_that_keep_the_shape_and_begin_no_stage_are_removable(parts):
    assert lesions.find_removable(parts) == ["stage1_block2", "stage2_block2", "stage3_block2"]
    projecting = lesions.dissect(models.resnet_v1((8, 8, 1), 14, shortcut="projection_all"))
    assert lesions.find_removable(projecting) == lesions.find_removable(parts), "a projection keeps the shape, too"


def test_parts_that_do_not_fit_are_told(parts, images):
    with pytest.raises(
        ValueError, match=r"stage2_block2 takes \(4, 4, 32\), and stage1_block2 gives \(8, 8, 16\)"
    ):
        lesions.run_parts(lesions.without(parts, ["stage2_block1"]), images)
    with pytest.raises(ValueError, match="blocks named like stage2_block1"):
        lesions.dissect(keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)]))


def test_more_images_than_run_at_once(parts, images, monkeypatch):
    whole = lesions.run_parts(parts, images)
    monkeypatch.setattr(lesions, "IMAGES_AT_ONCE", 3)
    np.testing.assert_allclose(lesions.run_parts(parts, images), whole, rtol=1e-4, atol=1e-6)


def test_measurements_take_out_and_swap_what_they_say(images, monkeypatch):
    parts = lesions.dissect(randomized(models.resnet_v1((8, 8, 1), 20)))
    whole, seen = [part.name for part in parts], []
    monkeypatch.setattr(
        lesions, "accuracy_of", lambda parts, x, y: seen.append([part.name for part in parts]) or 0.5
    )
    assert set(lesions.measure_deletions(parts, images, None)) == set(lesions.find_removable(parts))
    assert all(len(names) == len(whole) - 1 for names in seen)
    seen.clear()
    assert lesions.measure_random_deletions(parts, images, None, counts=(1, 4), draws=3) == {
        1: [0.5] * 3,
        4: [0.5] * 3,
    }
    assert [len(whole) - len(names) for names in seen] == [1, 1, 1, 4, 4, 4]
    assert len({tuple(names) for names in seen[3:]}) > 1, "every draw is the same"
    seen.clear()
    lesions.measure_random_swaps(parts, images, None, counts=(1, 5), draws=4)
    assert all(sorted(names) == sorted(whole) for names in seen)
    assert all(sum(a != b for a, b in zip(names, whole, strict=True)) == 2 for names in seen[:4])
    stages = [[name.partition("_")[0] for name in names] for names in (*seen, whole)]
    assert all(found == stages[-1] for found in stages), "a block left its stage"


def test_where_nothing_can_be_swapped_there_are_no_swaps(parts, images):
    assert lesions.measure_random_swaps(parts, images, np.zeros(7, int), counts=(1, 2)) == {}


def test_ranges_for_the_widget(parts):
    left, kinds = lesions.delete_range(parts, 2, 3)
    firsts = [f"stage{stage}_block1" for stage in (1, 2, 3)]
    assert [part.name for part in left] == ["stem", *firsts, "stage3_block2", "head"]
    assert [name for name, kind in kinds.items() if kind == "out"] == ["stage1_block2", "stage2_block2"]
    assert [part.name for part in lesions.delete_range(parts, 99, 5)[0]][-2:] == ["stage3_block1", "head"]
    assert lesions.delete_range(parts, 1, 0)[0] == parts
    longer = lesions.dissect(models.resnet_v1((8, 8, 1), 26))
    order, kinds = lesions.swap_range(longer, 2, 2)
    assert [part.name for part in order][2:5] == ["stage1_block3", "stage1_block4", "stage1_block2"]
    assert [name for name, kind in kinds.items() if kind == "swapped"] == [f"stage1_block{n}" for n in (2, 3, 4)]
    for count in (1, 3):
        assert lesions.swap_range(longer, 4, count)[0] == longer, "the blocks behind it are of another stage"
