"""Shifts and flips against SciPy and against the legacy generator that the article used."""

from dataclasses import replace

import numpy as np
import pytest
from keras import ops
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from scipy import ndimage

from resnet_edu import backend
from resnet_edu.augmentation import augment, draw_augmentation
from resnet_edu.recipes import RECIPES

IMAGES = np.random.default_rng(0).normal(size=(12, 9, 7, 3)).astype("float32")


def augmented(images, shifts, flips, **options):
    return ops.convert_to_numpy(augment(ops.convert_to_tensor(images), shifts, flips, **options))


@pytest.mark.parametrize(("fill", "mode"), [("zero", "constant"), ("nearest", "nearest")])
@pytest.mark.parametrize("whole", [True, False])
def test_a_shift_is_scipy_s(fill, mode, whole):
    rng = np.random.default_rng(1)
    shifts = rng.uniform(-4, 4, (12, 2)).astype("float32")
    shifts = np.round(shifts) if whole else shifts
    result = augmented(IMAGES, shifts, np.zeros(12, bool), fill=fill)
    for image, shift, seen in zip(IMAGES, shifts, result, strict=True):
        # SciPy's "constant" cuts off between the last pixel and the first beyond; one row of zeros does not.
        padded = np.pad(image, ((8, 8), (8, 8), (0, 0)), mode="constant" if fill == "zero" else "edge")
        expected = ndimage.shift(padded, (*-shift, 0), order=1, mode=mode)[8:-8, 8:-8]
        assert seen == pytest.approx(expected, abs=1e-5)
    if whole:
        assert {float(value) for value in np.unique(result)} <= {0.0, *map(float, IMAGES.ravel())}, "not exact"


def test_a_flip_mirrors_left_to_right():
    flips = np.arange(12) % 3 == 0
    result = augmented(IMAGES, np.zeros((12, 2), "float32"), flips)
    for image, flip, seen in zip(IMAGES, flips, result, strict=True):
        assert seen == pytest.approx(image[:, ::-1] if flip else image, abs=0)


def test_a_shifted_image_is_the_article_s_generator_s():
    generator = ImageDataGenerator(
        width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=True, fill_mode="nearest"
    )
    image = np.random.default_rng(2).random((32, 32, 3)).astype("float32")
    for seed in range(20):
        drawn = generator.get_random_transform(image.shape, seed)
        expected = generator.apply_transform(image, drawn)
        shift = np.array([[drawn["ty"], drawn["tx"]]], "float32")  # its tx moves along the columns
        assert np.abs(shift).max() <= RECIPES["article"].shift + 1e-6
        flips = np.array([bool(drawn["flip_horizontal"])])
        assert augmented(image[None], shift, flips, fill="nearest")[0] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("name", RECIPES)
def test_draws_keep_to_the_recipe(name):
    recipe = RECIPES[name]
    shifts, flips = draw_augmentation(recipe, 20_000, np.random.default_rng(0))
    assert shifts.dtype == "float32"
    assert shifts.shape == (20_000, 2)
    assert np.abs(shifts).max() == pytest.approx(recipe.shift, rel=1e-3)
    assert shifts.mean(axis=0) == pytest.approx([0, 0], abs=0.05)
    assert flips.mean() == pytest.approx(0.5, abs=0.02)
    if recipe.whole_pixels and recipe.shift:
        values, counts = np.unique(shifts, return_counts=True)
        assert list(values) == list(range(-4, 5))
        assert counts / counts.mean() == pytest.approx(np.ones(9), abs=0.1)
    again, _ = draw_augmentation(recipe, 20_000, np.random.default_rng(0))
    assert (again == shifts).all()


def test_without_shift_and_flip_nothing_changes():
    recipe = replace(RECIPES["paper"], shift=0, flip=False)
    shifts, flips = draw_augmentation(recipe, 12, np.random.default_rng(0))
    assert augmented(IMAGES, shifts, flips) == pytest.approx(IMAGES, abs=0)


def test_it_compiles_and_differs_from_image_to_image():
    one = np.repeat(IMAGES[:1], 64, axis=0)
    shifts, flips = draw_augmentation(RECIPES["paper"], 64, np.random.default_rng(0))
    compiled = backend.compiled(augment)
    tensors = [ops.convert_to_tensor(array) for array in (one, shifts, flips)]
    result = ops.convert_to_numpy(compiled(*tensors))
    assert len(np.unique(result.reshape(64, -1), axis=0)) > 40
    assert result == pytest.approx(augmented(one, shifts, flips), abs=1e-6)
