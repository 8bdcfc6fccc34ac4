"""Recipes against the article's own schedule, Keras' reducer and the paper's numbers."""

import json
import math
from dataclasses import replace

import keras
import numpy as np
import pytest

from resnet_edu import recipes
from resnet_edu.recipes import RECIPES


def article_rate(epoch):
    """What the article's `lr_schedule` does, in its own words: the epoch counts from 0."""
    rate = 1e-3
    if epoch > 180:
        rate *= 0.5e-3
    elif epoch > 160:
        rate *= 1e-3
    elif epoch > 120:
        rate *= 1e-2
    elif epoch > 80:
        rate *= 1e-1
    return rate


def test_the_article_s_schedule_is_its_own():
    for epoch in range(200):
        rates = recipes.list_rates(RECIPES["article"], epoch, 7)
        assert rates == pytest.approx([article_rate(epoch)] * 7, rel=1e-6), epoch
    assert recipes.count_epochs(RECIPES["article"], 1406) == 200


def test_the_paper_drops_the_rate_at_32k_and_48k_iterations():
    rates = np.concatenate([recipes.list_rates(RECIPES["paper"], epoch, 390) for epoch in range(164)])
    assert [int(step) for step in np.flatnonzero(np.diff(rates)) + 1] == [32_000, 48_000]
    assert rates[[0, 32_000, -1]] == pytest.approx([0.1, 0.01, 0.001])
    assert recipes.count_epochs(RECIPES["paper"], 390) == 164


def test_a_shorter_recipe_drops_the_rate_at_the_same_shares():
    short = recipes.shorten_recipe(RECIPES["paper"], 8)
    rates = np.concatenate([recipes.list_rates(short, epoch, 10) for epoch in range(8)])
    assert [int(step) for step in np.flatnonzero(np.diff(rates)) + 1] == [40, 60]
    assert recipes.count_epochs(short, 10) == 8
    same = recipes.shorten_recipe(RECIPES["article"], 200)
    assert same == RECIPES["article"]


def test_a_recipe_survives_json():
    for recipe in RECIPES.values():
        assert recipes.from_dict(json.loads(json.dumps(recipes.as_dict(recipe)))) == recipe


def test_fields_can_be_changed_one_by_one():
    changed = recipes.change_recipe(
        RECIPES["article"], ["shift = 0", "fill=zero", "plateau=None", "milestones=[[1, 0.5]]", "flip=False"]
    )
    assert changed == replace(
        RECIPES["article"], shift=0, fill="zero", plateau=None, milestones=((1, 0.5),), flip=False
    )


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("shift", "is not FIELD=VALUE; the fields are optimizer"),
        ("colour=1", "is not FIELD=VALUE"),
        ("name=mine", "is not FIELD=VALUE"),
        ("optimizer=lion", "optimizer='lion' is unknown; it is one of 'adam', 'sgd'"),
        ("batch_size=0", "at least 1"),
        ("batch_size=1.5", "a whole number"),
        ("batch_size=True", "a whole number"),
        ("learning_rate=-1", "at least 0"),
        ("learning_rate=nan", "a number"),
        ("weight_decay=much", "must be a number"),
        ("momentum=1.5", "momentum=1.5 must be at most 1"),
        ("flip=1", "True or False"),
        ("plateau=5", "plateau=5 must be None or numbers such as {'factor'"),
        ("warm_up={'rate': 0.1}", "must be None or numbers such as {'rate'"),
        ("warm_up={'rate': 0.1, 'error': 2, 'from_depth': 8}", "error=2.* has a value that it cannot have"),
        ("warm_up={'rate': 'x', 'error': 0.5, 'from_depth': 8}", "must be None or numbers"),
        ("milestones=3", "pairs"),
        ("milestones=[[1, 2, 3]]", "pairs"),
        ("split=60k", "split='60k' is unknown"),
    ],
)
def test_a_wrong_change_is_told(assignment, message):
    with pytest.raises(ValueError, match=message):
        recipes.change_recipe(RECIPES["article"], [assignment])


@pytest.mark.parametrize("epochs", [0, -1, 1.5])
def test_epochs_are_a_whole_number(epochs):
    with pytest.raises(ValueError, match="at least 1"):
        recipes.shorten_recipe(RECIPES["paper"], epochs)


def test_an_unknown_recipe_is_told():
    with pytest.raises(ValueError, match="one of article, paper, quick"):
        recipes.find_recipe("papers")


def test_reductions_are_those_of_keras():
    recipe = replace(
        RECIPES["article"], schedule_overwrites_plateau=False, plateau=recipes.Plateau(math.sqrt(0.1), 2, 2e-4)
    )
    losses = [1.0, 0.9, 0.95, 0.90001, 0.8, 0.81, 0.82, 0.83, 0.79995, 0.85, 0.7, 0.71, 0.72, 0.73, 0.74]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    reducer = keras.callbacks.ReduceLROnPlateau(factor=math.sqrt(0.1), cooldown=0, patience=2, min_lr=2e-4)
    reducer.set_model(model)
    reducer.on_train_begin()
    reductions, seen = recipes.Reductions(recipe), []
    for epoch, loss in enumerate(losses):
        rate = reductions.apply(np.array([1e-3], "float32"))[0]
        assert rate == pytest.approx(float(model.optimizer.learning_rate), rel=1e-5), epoch
        seen.append(rate)
        reducer.on_epoch_end(epoch, {"val_loss": loss})
        reductions.hear(loss)
        again = recipes.Reductions(recipe)
        again.restore(json.loads(json.dumps(reductions.state())))
        reductions = again
    assert len(set(seen)) == 3, "the rate was not reduced down to its least value"


def test_the_article_s_schedule_overwrites_the_reducer():
    reductions = recipes.Reductions(RECIPES["article"])
    for _ in range(50):
        reductions.hear(1.0)
    assert reductions.apply(np.array([1e-3], "float32")) == pytest.approx(1e-3)


def test_what_needs_validation_images():
    assert recipes.needs_validation(RECIPES["article"])
    assert not recipes.needs_validation(RECIPES["paper"])
    last = replace(RECIPES["article"], keep="last")
    assert not recipes.needs_validation(last)
    assert recipes.needs_validation(replace(last, schedule_overwrites_plateau=False))
