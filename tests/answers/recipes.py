"""Answers to the exercises of lesson 6."""

import functools
import math

import keras
import numpy as np
from sklearn.model_selection import train_test_split

from resnet_edu.checks import recipes as checks


def hold_out_by_permutation(images, labels):
    order = np.random.default_rng(0).permutation(len(images))
    kept = order[: len(images) // 10]
    rest = order[len(images) // 10 :]
    return images[rest], labels[rest], images[kept], labels[kept]


def hold_out_by_class(images, labels):
    kept = np.zeros(len(labels), bool)
    for label in range(10):
        rows = np.where(labels == label)[0]
        kept[rows[: len(rows) // 10]] = True
    return images[~kept], labels[~kept], images[kept], labels[kept]


def hold_out_by_scikit_learn(images, labels):
    x, x_kept, y, y_kept = train_test_split(images, labels, test_size=0.1, stratify=labels, random_state=1)
    return x, y, x_kept, y_kept


def hold_out_in_pairs(images, labels):
    every = np.arange(len(images)) % 10 == 3
    shuffled = np.random.RandomState(7).permutation(len(images))
    images, labels = images[shuffled], labels[shuffled]
    return (images[~every], labels[~every]), (images[every], labels[every])


def hold_out_in_any_order(images, labels):
    """The same tenth each time, in an order of chance."""
    kept = np.random.default_rng(5).permutation(len(images)) % 10 == 0
    rest = np.random.default_rng().permutation(np.where(~kept)[0])
    return images[rest], labels[rest], images[kept], labels[kept]


def hold_out_filled(images, labels):
    """Into arrays of zeros, which are floats."""
    x, y, x_kept, y_kept = hold_out_by_permutation(images, labels)
    parts = np.zeros(x.shape), np.zeros(y.shape), np.zeros(x_kept.shape), np.zeros(y_kept.shape)
    for part, values in zip(parts, (x, y, x_kept, y_kept), strict=True):
        part[:] = values
    return parts


def scaled(images, labels):
    x, y, x_kept, y_kept = hold_out_by_permutation(images, labels)
    return x / 255, y, x_kept / 255, y_kept


def another_split_each_time(images, labels, *, rng=None):
    rng = rng or np.random.default_rng()
    kept = rng.permutation(len(images)) < len(images) // 10
    return images[~kept], labels[~kept], images[kept], labels[kept]


def without_a_state(images, labels):
    x, x_kept, y, y_kept = train_test_split(images, labels, test_size=0.1, stratify=labels)
    return x, y, x_kept, y_kept


def the_last_tenth(images, labels):
    size = len(images) * 9 // 10
    return images[:size], labels[:size], images[size:], labels[size:]


def all_of_it(images, labels):
    return images, labels, images[::10], labels[::10]


def with_replacement(images, labels):
    kept = np.random.default_rng(0).integers(0, len(images), len(images) // 10)
    return np.delete(images, kept, 0), np.delete(labels, kept), images[kept], labels[kept]


def shuffled_apart(images, labels):
    rng = np.random.default_rng(0)
    images, labels, size = rng.permutation(images), rng.permutation(labels), len(images) // 10
    return images[size:], labels[size:], images[:size], labels[:size]


def a_half(images, labels):
    return images[::2], labels[::2], images[1::2], labels[1::2]


def some_are_lost(images, labels):
    return images[::2], labels[::2], images[1::10], labels[1::10]


def the_other_way_round(images, labels):
    x, y, x_kept, y_kept = hold_out_by_permutation(images, labels)
    return x_kept, y_kept, x, y


def images_first(images, labels):
    x, y, x_kept, y_kept = hold_out_by_permutation(images, labels)
    return x, x_kept, y, y_kept


def rate_by_power(epoch, reductions):
    return max(checks.article_schedule(epoch) * 0.1 ** (reductions / 2), 0.5e-6)


def rate_by_loop(epoch, reductions):
    rate = checks.article_schedule(epoch)
    for _ in range(reductions):
        rate = max(rate * np.sqrt(0.1), 0.5e-6)
    return rate


def rate_as_array(epoch, reductions):
    return np.maximum(np.float64(checks.article_schedule(epoch)) * 10 ** (-0.5 * reductions), 5e-7)


def crop_by_loop(images, tops, lefts, flips):
    result = np.zeros_like(images)
    height, width = images.shape[1:3]
    for i, image in enumerate(images):
        padded = np.zeros((height + 8, width + 8, images.shape[3]), image.dtype)
        padded[4:-4, 4:-4] = image
        part = padded[tops[i] : tops[i] + height, lefts[i] : lefts[i] + width]
        result[i] = part[:, ::-1] if flips[i] else part
    return result


def crop_by_index(images, tops, lefts, flips):
    count, height, width, _ = images.shape
    padded = np.pad(images, [(0, 0), (4, 4), (4, 4), (0, 0)])
    rows = tops[:, None] + np.arange(height)
    columns = lefts[:, None] + np.where(flips[:, None], np.arange(width)[::-1], np.arange(width))
    return padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def crop_as_list(images, tops, lefts, flips):
    padded = keras.ops.convert_to_numpy(keras.ops.pad(images, [(0, 0), (4, 4), (4, 4), (0, 0)]))
    _, height, width, _ = images.shape
    parts = []
    for image, top, left, flip in zip(padded, tops, lefts, flips, strict=True):
        part = image[top : top + height, left : left + width]
        parts.append(np.fliplr(part) if flip else part)
    return parts


def crop_with(**changes):
    return lambda images, tops, lefts, flips: checks._crop_and_flip(images, tops, lefts, flips, **changes)


CORRECT = {
    checks.check_hold_out: [
        hold_out_by_permutation,
        hold_out_by_class,
        hold_out_by_scikit_learn,
        hold_out_in_pairs,
        hold_out_in_any_order,
        hold_out_filled,
    ],
    checks.check_monitor: ["val_accuracy", " val_accuracy", "val_accuracy\n"],
    checks.check_reduced_rate: [rate_by_power, rate_by_loop, rate_as_array],
    checks.check_l2_factor: [
        lambda weight_decay: weight_decay / 2,
        lambda wd: np.float32(0.5) * wd,
        lambda decay: np.array(decay) * 0.5,
    ],
    checks.check_crop_and_flip: [crop_by_loop, crop_by_index, crop_as_list],
}

WRONG = {
    checks.check_hold_out: [
        (the_last_tenth, "with sorted labels, the classes [0, 1, 2, 3, 4, 5, 6, 7, 8] are missing"),
        (all_of_it, "200 images are in both parts"),
        (with_replacement, "some images come twice"),
        (shuffled_apart, "have lost their labels"),
        (a_half, "1000 of 2000 images are kept back"),
        (some_are_lost, "800 of 2000 images are in neither part"),
        (the_other_way_round, "1800 of 2000 images are kept back"),
        (another_split_each_time, "called again with the same arrays, it keeps other images back"),
        (without_a_state, "called again with the same arrays, it keeps other images back"),
        (
            functools.partial(another_split_each_time, rng=np.random.default_rng(0)),
            "called again with the same arrays, it keeps other images back",
        ),
        (scaled, "the images have other values than those given"),
        (images_first, "the arrays have 4 and 4 axes"),
        (lambda images, labels: (images, labels), "must return four arrays"),
        (lambda images, labels: (images, labels, images[:40], labels[:39]), "40 images came with 39 labels"),
        (lambda images: images, "stopped with TypeError"),
    ],
    checks.check_monitor: [
        ("val_acc", "the article's name"),
        ("acc", "no metric is called so"),
        ("accuracy", "on the training images"),
        ("val_loss", "that of the lowest loss"),
        ("loss", "what training makes small"),
        ("test_accuracy", "must not choose the epoch"),
        ("best", "no figure called 'best'"),
        (["val_accuracy"], "is no text"),
    ],
    checks.check_reduced_rate: [
        (lambda epoch, reductions: checks.article_schedule(epoch), "the reductions have no effect"),
        (
            lambda epoch, reductions: checks.article_schedule(epoch) * math.sqrt(0.1) ** reductions,
            "falls below its least value",
        ),
        (
            lambda epoch, reductions: min(checks.article_schedule(epoch) * math.sqrt(0.1) ** reductions, 0.5e-6),
            "never above the least rate",
        ),
        (
            lambda epoch, reductions: max(checks.article_schedule(epoch) * 0.1**reductions, 0.5e-6),
            "divides the rate by 10",
        ),
        (
            lambda epoch, reductions: max(checks.article_schedule(epoch) * math.sqrt(0.1) * reductions, 0.5e-6),
            "by the number of reductions",
        ),
        (lambda epoch, reductions: max(1e-3 * math.sqrt(0.1) ** reductions, 0.5e-6), "the schedule has no effect"),
        (
            lambda epoch, reductions: max(checks.article_schedule(epoch) - 0.1**0.5 * reductions, 0.5e-6),
            "are subtracted",
        ),
        (
            lambda epoch, reductions: max(checks.article_schedule(epoch + 1) * 0.1 ** (reductions / 2), 5e-7),
            "early",
        ),
        (lambda epoch, reductions: 1e-3, "reduced_rate(0, 1) gave 0.001"),
        (lambda epoch, reductions: "0.001", "not a number"),
    ],
    checks.check_l2_factor: [
        (lambda decay: decay, "twice the decay"),
        (lambda decay: 2 * decay, "four times as strong"),
        (lambda decay: decay**2, "squared"),
        (math.sqrt, "the root"),
        (lambda decay: 0.05 * decay, "contains a learning rate"),
        (lambda decay: 5e-5, "for a decay of 1e-4 only"),
        (lambda decay: decay / 3, "gave 3.33333e-05, not 5e-05"),
    ],
    checks.check_crop_and_flip: [
        (
            lambda images, tops, lefts, flips: crop_by_loop(images, [tops[0]] * 9, [lefts[0]] * 9, flips),
            "at the same place, that of the first",
        ),
        (crop_with(mode="edge"), "the border was repeated"),
        (lambda images, tops, lefts, flips: crop_by_loop(images, lefts, tops, flips), "exchanged"),
        (crop_with(mirror=lambda image: image[::-1]), "upside down"),
        (
            lambda images, tops, lefts, flips: crop_by_loop(images, tops, lefts, [False] * 9),
            "no image is mirrored",
        ),
        (
            lambda images, tops, lefts, flips: crop_by_loop(images, tops, lefts, [True] * 9),
            "every image is mirrored",
        ),
        (lambda images, tops, lefts, flips: crop_by_loop(images, tops, lefts, ~flips), "the wrong images"),
        (lambda images, tops, lefts, flips: crop_by_loop(images, 8 - tops, 8 - lefts, flips), "the other way"),
        (checks._rolled, "comes in at the other"),
        (
            lambda images, tops, lefts, flips: crop_by_loop(
                np.where(flips[:, None, None, None], images[:, :, ::-1], images), tops, lefts, [False] * 9
            ),
            "mirrored before they were cut",
        ),
        (lambda images, tops, lefts, flips: images, "unchanged"),
        (lambda images, tops, lefts, flips: images[:, :-1], "has the shape (5, 5, 6, 1), not (5, 6, 6, 1)"),
        (lambda images, tops, lefts, flips: images * 0, "got 5 of 5 images wrong"),
    ],
}

VALUES = {checks.check_monitor}
