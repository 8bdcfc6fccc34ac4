"""The capstone's checker: what fits the budget passes, the article's network and a shallower one do not."""

import keras
from keras import layers

from instructor import capstone
from resnet_edu import blocks, models


def narrow_v1(n):
    """ResNet v1 with 12, 24 and 48 filters."""
    x = inputs = layers.Input(capstone.IMAGES)
    x = blocks.conv_bn_act(x, 12, name="stem")
    for stage, filters in enumerate((12, 24, 48), start=1):
        for number in range(1, n + 1):
            stride = 2 if stage > 1 and number == 1 else 1
            x = blocks.residual_block(x, filters, stride=stride, name=f"stage{stage}_block{number}")
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax", name="classifier")(x))


def verdicts(model):
    return [in_order for _, _, in_order in capstone.judge_network(model)]


def test_a_network_within_the_budget_passes():
    assert verdicts(narrow_v1(8)) == [True] * 5


def test_the_articles_network_is_over_the_budget():
    assert verdicts(models.resnet_v1(capstone.IMAGES, 50)) == [True, False, False, True, True]


def test_layers_are_counted_along_the_longest_path():
    assert capstone.count_layers(models.resnet_v2(capstone.IMAGES, 20)) == 20
    assert capstone.count_layers(models.plain_net(capstone.IMAGES, 14)) == 14
    assert verdicts(narrow_v1(1))[0] is False
