"""Costs and blocks against published counts, hand counts and a formula of the papers' tables."""

import keras
import pytest
from keras import layers

from resnet_edu import blocks, costs, models

IMAGES = (32, 32, 3)


@pytest.fixture(scope="module", autouse=True)
def zero_kernels():
    """Start all kernels at zero: drawing them takes most of a build's time, and no count depends on them."""
    with pytest.MonkeyPatch.context() as patch:
        zeros = keras.initializers.Zeros()
        patch.setattr(
            keras.initializers.VarianceScaling, "__call__", lambda _, shape, dtype=None: zeros(shape, dtype)
        )
        yield


@pytest.fixture(scope="module")
def v1_20():
    return models.resnet_v1(IMAGES, 20)


@pytest.fixture(scope="module")
def v2_29():
    return models.resnet_v2(IMAGES, 29)


def one_layer(layer, shape=(9, 7, 4)):
    (row,) = costs.layer_costs(keras.Sequential([keras.Input(shape), layer]))
    return row


@pytest.mark.parametrize(("depth", "millions"), [(20, 40.55), (56, 125.49), (110, 252.89)])
def test_paper_networks_have_the_published_multiply_adds(depth, millions):
    rows = costs.layer_costs(models.resnet_v1(IMAGES, depth, variant="paper"))
    assert round(costs.total_costs(rows).multiply_adds / 1e6, 2) == millions


def test_imagenet_resnet_has_the_published_costs():
    total = costs.total_costs(costs.layer_costs(keras.applications.ResNet50(weights=None)))
    assert total.parameters == 25_636_712
    assert 3.8e9 <= total.multiply_adds < 3.9e9


@pytest.mark.parametrize("variant", models.VARIANTS)
@pytest.mark.parametrize("build", [models.plain_net, models.resnet_v1, models.resnet_v2])
def test_parameters_are_all_there(build, variant):
    model = build((8, 8, 1), 20, variant=variant)
    rows = costs.layer_costs(model)
    assert costs.total_costs(rows).parameters == model.count_params()
    assert sum(cost.parameters for cost in costs.group_costs(rows).values()) == model.count_params()


@pytest.mark.parametrize(
    ("variant", "widths"),
    [("article", [(16, 64), (64, 128), (128, 256)]), ("paper", [(16, 64), (32, 128), (64, 256)])],
)
def test_bottlenecks_agree_with_a_count_by_formula(variant, widths):
    expected, came, side = 32 * 32 * 27 * 16, 16, 32
    for stage, (inner, out) in enumerate(widths):
        side //= 2 if stage else 1
        first = came * inner + 9 * inner * inner + inner * out + came * out
        others = out * inner + 9 * inner * inner + inner * out
        expected += side * side * (first + 2 * others)
        came = out
    rows = costs.layer_costs(models.resnet_v2(IMAGES, 29, variant=variant))
    assert costs.total_costs(rows).multiply_adds == expected + 256 * 10


def test_a_row_says_what_a_layer_is(v1_20):
    rows = {row.name: row for row in costs.layer_costs(v1_20)}
    assert rows["stage2_block1_conv1"] == costs.LayerCost(
        "stage2_block1_conv1",
        "Conv2D",
        kernel=(3, 3),
        stride=(2, 2),
        output_shape=(16, 16, 32),
        parameters=9 * 16 * 32 + 32,
        multiply_adds=16 * 16 * 32 * 9 * 16,
    )
    bn = rows["stage3_block1_bn2"]
    assert (bn.kernel, bn.stride, bn.parameters, bn.multiply_adds) == (None, None, 4 * 64, 0)
    assert rows["classifier"].multiply_adds == 640


def test_rows_go_from_the_input_to_the_output(v1_20):
    names = [row.name for row in costs.layer_costs(v1_20) if "_conv" in row.name]
    places = [f"stage{s}_block{b}_conv{c}" for s in (1, 2, 3) for b in (1, 2, 3) for c in (1, 2)]
    assert names == ["stem_conv", *places]


@pytest.mark.parametrize(
    ("layer", "multiply_adds"),
    [
        (layers.Conv2D(5, 3), 7 * 5 * 5 * 9 * 4),
        (layers.Conv2D(5, (3, 1), strides=(2, 1), padding="same"), 5 * 7 * 5 * 3 * 4),
        (layers.Conv2D(6, 3, groups=2, padding="same"), 9 * 7 * 6 * 9 * 2),
        (layers.Conv2D(6, 3, data_format="channels_first"), 5 * 2 * 6 * 9 * 9),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), 7 * 5 * 9 * 4 * 2),
        (layers.SeparableConv2D(5, 3), 7 * 5 * (9 * 4 + 4 * 5)),
        (layers.Dense(6), 9 * 7 * 4 * 6),
        (layers.BatchNormalization(), 0),
        (layers.LayerNormalization(), 0),
    ],
)
def test_one_layer_agrees_with_a_hand_count(layer, multiply_adds):
    row = one_layer(layer)
    assert row.multiply_adds == multiply_adds
    assert row.parameters == layer.count_params()


@pytest.mark.parametrize("layer", [layers.Conv2DTranspose(3, 3), layers.EinsumDense("abcd,de->abce", (9, 7, 2))])
def test_a_kernel_that_cannot_be_counted_is_not_taken_for_nothing(layer):
    with pytest.raises(ValueError, match=f"{layer.name}.*{type(layer).__name__}.*cannot be counted"):
        one_layer(layer)


def test_a_model_inside_a_model_is_counted_with_its_name(v1_20):
    outer = keras.Sequential([keras.Input(IMAGES), layers.Rescaling(1 / 255), v1_20], name="outer")
    inner, whole = costs.layer_costs(v1_20), costs.layer_costs(outer)
    assert [row.name for row in whole] == [f"{v1_20.name}/{row.name}" for row in inner]
    assert costs.group_costs(whole, by="block") == costs.group_costs(inner, by="block")
    assert costs.describe_blocks(outer) == costs.describe_blocks(v1_20)


def test_a_layer_counts_as_it_is_used_in_this_model():
    conv = layers.Conv2D(2, 3, padding="same")
    conv(keras.Input((64, 64, 3)))
    images = keras.Input((8, 8, 3))
    (row,) = costs.layer_costs(keras.Model(images, conv(images)))
    assert (row.output_shape, row.multiply_adds) == ((8, 8, 2), 8 * 8 * 2 * 27)


def test_a_layer_used_twice_is_refused():
    dense, x = layers.Dense(3, name="shared"), keras.Input((3,))
    with pytest.raises(ValueError, match="'shared' is used 2 times"):
        costs.layer_costs(keras.Model(x, dense(dense(x))))


def test_an_activation_may_be_used_twice():
    relu, x = layers.ReLU(), keras.Input((3,))
    assert len(costs.layer_costs(keras.Model(x, relu(layers.Dense(3)(relu(x)))))) == 1


class Subclassed(keras.Model):
    """A model whose graph Keras does not know."""

    def call(self, x):
        return x


@pytest.mark.parametrize("model", [Subclassed(), keras.Sequential([layers.Dense(3)]), "resnet"])
def test_a_model_without_a_graph_is_refused(model):
    with pytest.raises(ValueError, match="Functional or Sequential"):
        costs.layer_costs(model)


def test_an_unknown_image_size_is_refused():
    model = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(4, 3, name="wide")])
    with pytest.raises(ValueError, match="'wide' has the unknown size.*full input shape"):
        costs.layer_costs(model)


def test_groups_are_the_places_of_the_names(v1_20, v2_29):
    assert list(costs.group_costs(costs.layer_costs(v1_20))) == [
        "stem",
        "stage1",
        "stage2",
        "stage3",
        "classifier",
    ]
    places = list(costs.group_costs(costs.layer_costs(v2_29), by="block"))
    assert places[:3] == ["stem", "stage1_block1", "stage1_block2"]
    assert places[-3:] == ["stage3_block3", "head", "classifier"]
    with pytest.raises(ValueError, match="'stage', 'block'"):
        costs.group_costs([], by="layers")


def test_work_is_spread_evenly_and_parameters_are_not():
    groups = costs.group_costs(costs.layer_costs(models.plain_net(IMAGES, 20, variant="paper")))
    assert groups["stage2"].multiply_adds == groups["stage3"].multiply_adds == 5.5 * 16 * 16 * 32 * 32 * 9
    assert 0.7 < groups["stage3"].parameters / sum(cost.parameters for cost in groups.values()) < 0.8


@pytest.mark.parametrize(("by", "lines"), [("layer", 41), ("block", 11), ("stage", 5)])
def test_a_table_is_aligned_and_ends_with_the_totals(v1_20, by, lines):
    text = costs.format_costs(costs.layer_costs(v1_20), by=by).splitlines()
    assert len(text) == lines + 4
    assert len({len(line) for line in text}) == 1
    assert text[0].startswith(by)
    assert text[-1].startswith("total")
    assert "274,442" in text[-1]
    assert "40,813,184" in text[-1]


def test_table_lines_show_what_they_stand_for(v1_20):
    rows = costs.layer_costs(v1_20)
    by_layer = [line.split() for line in costs.format_costs(rows).splitlines()]
    assert ["stage2_block1_conv1", "Conv2D", "3×3", "2", "16×16×32", "4,640", "1,179,648"] in by_layer
    assert ["stem_bn", "BatchNormalization", "–", "–", "32×32×16", "64", "0"] in by_layer
    by_stage = [line.split() for line in costs.format_costs(rows, by="stage").splitlines()]
    assert ["stage3", "8×8×64", "206,784", "75.3%", "13,107,200", "32.1%"] in by_stage
    uneven = costs.layer_costs(
        keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(1, (3, 1), strides=(2, 1))])
    )
    assert "3×1     2×1" in costs.format_costs(uneven)


def test_a_table_of_nothing_has_totals():
    assert costs.format_costs([], by="stage").splitlines()[-1].split() == ["total", "0", "0.0%", "0", "0.0%"]


def test_blocks_say_what_the_network_is_made_of(v1_20, v2_29):
    v1, v2 = costs.describe_blocks(v1_20), costs.describe_blocks(v2_29)
    assert [(block.stage, block.block) for block in v1] == [(s, b) for s in (1, 2, 3) for b in (1, 2, 3)]
    assert v1[3] == costs.Block(2, 1, (3, 3), (32, 32), (2, 1), (16, 16), "projection")
    assert v1[4] == costs.Block(2, 2, (3, 3), (32, 32), (1, 1), (16, 16), "identity")
    assert v2[6] == costs.Block(3, 1, (1, 3, 1), (128, 128, 256), (2, 1, 1), (8, 8), "projection")
    assert [block.shortcut for block in v2[:2]] == ["projection", "identity"]


@pytest.mark.parametrize(
    ("build", "options", "shortcuts"),
    [
        (models.plain_net, {}, ["none"] * 6),
        (
            models.resnet_v1,
            {"variant": "paper"},
            ["identity", "identity", "padding", "identity", "padding", "identity"],
        ),
        (models.resnet_v1, {"shortcut": "projection_all"}, ["projection"] * 6),
    ],
)
def test_blocks_know_their_shortcuts(build, options, shortcuts):
    found = [block.shortcut for block in costs.describe_blocks(build((8, 8, 1), 14, **options))]
    assert found == shortcuts


def test_a_stride_stays_with_its_convolution():
    x = images = keras.Input((8, 8, 1))
    for number, stride in [(1, 1), (2, 2)]:
        x = blocks.conv(x, 4, stride=stride, name=f"stage1_block1_conv{number}")
    (block,) = costs.describe_blocks(keras.Model(images, x))
    assert (block.strides, block.output_size) == ((1, 2), (4, 4))


def test_a_model_without_blocks_is_refused():
    with pytest.raises(ValueError, match="'bare' has no layer named like"):
        costs.describe_blocks(keras.Sequential([keras.Input((3,)), layers.Dense(2)], name="bare"))
