"""The exercises of lesson 6: the traps of a published training script, each found and mended."""

import math

import numpy as np

from resnet_edu.checks.answers import call, run, wrong
from resnet_edu.checks.comparing import Call, array, close_arrays, close_numbers, compare

LEAST_RATE = 0.5e-6


def article_schedule(epoch):
    """The article's schedule; `epoch` counts from 0."""
    for last, factor in [(180, 0.5e-3), (160, 1e-3), (120, 1e-2), (80, 1e-1)]:
        if epoch > last:
            return 1e-3 * factor
    return 1e-3


def check_hold_out(answer, *, cases=((2000, False), (2000, True), (2500, False)), seed=0):
    """Exercise "Keep images back": `hold_out(images, labels)` returns what to train on and what to validate on.

    Any random or stratified tenth is right, however it is drawn, if it is the same when it is drawn again.
    """

    def verify():
        rng = np.random.default_rng(seed)
        # So many that a random tenth has all classes.
        for count, is_sorted in cases:
            labels = np.arange(count) % 10
            labels = np.sort(labels) if is_sorted else rng.permutation(labels)
            # The first pixels hold the image's own number, so that each can be found again.
            images = np.zeros((count, 2, 2, 1), np.uint8)
            images[:, 0, 0, 0], images[:, 0, 1, 0] = np.divmod(np.arange(count), 256)
            parts, again = (_read_parts(call(answer, images.copy(), labels.copy())) for _ in range(2))
            _check_parts(parts, labels, is_sorted)
            _check_same(parts, again)
        return (
            "Right: a tenth is kept back, no image is in both parts or lost, every label is still with its image, "
            "and every class is in both parts. The test set was not touched."
        )

    return run(answer, verify)


def _read_parts(value):
    shape = "return train_images, train_labels, validation_images, validation_labels"
    if isinstance(value, tuple | list) and len(value) == 2 and all(isinstance(v, tuple | list) for v in value):
        value = [*value[0], *value[1]]
    if not isinstance(value, tuple | list) or len(value) != 4:
        wrong("the function must return four arrays.", f"End it with: {shape}")
    parts = [np.asarray(part) for part in value]
    for images, labels in (parts[:2], parts[2:]):
        if images.ndim != 4 or labels.ndim != 1:
            wrong(
                f"the arrays have {images.ndim} and {labels.ndim} axes, where images have 4 and labels 1.",
                f"The order is: {shape}",
            )
        if len(images) != len(labels):
            wrong(f"{len(images)} images came with {len(labels)} labels.", "Choose both with the same indices.")
    return parts


def _numbers(images):
    """Read the number of each image, which stands in its first pixels."""
    high, low = images[:, 0, 0, 0].astype(int), images[:, 0, 1, 0].astype(int)
    return high * 256 + low


def _check_parts(parts, labels, is_sorted):
    numbers = [_numbers(parts[0]), _numbers(parts[2])]
    count, kept_back = len(labels), len(numbers[1])
    together = np.concatenate(numbers)
    for images, number in zip((parts[0], parts[2]), numbers, strict=True):
        given = np.stack(np.divmod(number, 256), axis=1)
        if not np.array_equal(images[:, 0, :2, 0], given) or (number >= count).any():
            wrong("the images have other values than those given.", "Return them as they are. Scale them later.")
    if (np.bincount(together, minlength=count) > 1).any():
        twice = np.intersect1d(*numbers).size
        wrong(
            f"{twice} images are in both parts." if twice else "some images come twice.",
            "An image that was trained on says nothing about new ones: each belongs to one part only.",
        )
    if len(together) < count:
        wrong(
            f"{count - len(together)} of {count} images are in neither part.",
            "Train on all that are not kept back.",
        )
    if len(numbers[0]) < kept_back:
        wrong(f"{kept_back} of {count} images are kept back.", "Did you return the two parts the other way round?")
    if not 0.08 <= kept_back / count <= 0.12:
        wrong(f"{kept_back} of {count} images are kept back.", "A tenth shall be.")
    for number, part in zip(numbers, (parts[1], parts[3]), strict=True):
        if (labels[number] != part).any():
            wrong("some images have lost their labels.", "Choose images and labels with the same indices.")
    missing = [sorted(set(range(10)) - set(labels[number].tolist())) for number in numbers]
    if any(missing):
        where = "validation" if missing[1] else "training"
        wrong(
            f"with sorted labels, the classes {missing[1] or missing[0]} are missing from the {where} part."
            if is_sorted
            else f"the classes {missing[1] or missing[0]} are missing from the {where} part.",
            "Draw the indices at random, or a tenth of each class, instead of taking the last ones.",
        )


def _check_same(parts, again):
    """Compare which images two calls keep back; their order is free."""
    kept, kept_again = _numbers(parts[2]), _numbers(again[2])
    others = np.setdiff1d(kept_again, kept).size
    if others or len(kept) != len(kept_again):
        wrong(
            f"called again with the same arrays, it keeps other images back: {others} of {len(kept_again)} "
            "were trained on before.",
            "Make the generator inside the function, with a fixed seed: np.random.default_rng(0).",
        )


def check_monitor(answer, *, metric="accuracy"):
    """Exercise "The right name": the figure that ModelCheckpoint must watch, by the name of the metric."""
    told = {
        metric: (
            f"that is the {metric} on the training images, which also grows when the network overfits.",
            "Which figure comes from the images that were kept back?",
        ),
        "val_acc": (
            "that is the article's name: no metric is called so any more.",
            "Print the keys of the history.",
        ),
        "acc": (
            "no metric is called so, and it would be that of the training images.",
            "Which images were kept back?",
        ),
        "val_loss": (
            "that figure exists, but the article keeps the epoch of the best accuracy, which often is another one "
            "than that of the lowest loss.",
            "Which key of the history is the accuracy on the images that were kept back?",
        ),
        "loss": ("that is what training makes small.", "Which figure comes from the images that were kept back?"),
        "test_accuracy": (
            "Keras has no such figure, and the test set must not choose the epoch.",
            "Print the keys of the history.",
        ),
    }

    def verify():
        if not isinstance(answer, str):
            wrong("the answer is no text.", 'Give a name in quotes, such as "loss".')
        name = answer.strip()
        if name != f"val_{metric}":
            wrong(
                *told.get(name, (f"the history has no figure called {name!r}.", "Print the keys of the history."))
            )
        return "Right: Keras names a figure after its metric and puts val_ before those of the validation images."

    return run(answer, verify)


def check_reduced_rate(answer, *, epochs=(0, 80, 81, 130, 161, 199), reductions=(0, 1, 2, 7)):
    """Exercise "Serve both": `reduced_rate(epoch, reductions)` follows the schedule and the reducer, both."""

    def verify():
        calls = [Call(epoch, count) for epoch in epochs for count in reductions]
        compare(
            answer,
            "reduced_rate",
            calls,
            right=lambda epoch, reductions: max(
                article_schedule(epoch) * math.sqrt(0.1) ** reductions, LEAST_RATE
            ),
            mistakes=RATE_MISTAKES,
            close=close_numbers(floor=1e-12),
            tell=lambda got, wanted: f"gave {got:.4g}, not {wanted:.4g}",
            hint="Take the schedule's rate, times √0.1 for each reduction, and at least 0.5e-6.",
        )
        return "Right: the schedule lowers the rate, and what the reducer took away stays away."

    return run(answer, verify)


RATE_MISTAKES = [
    (
        lambda epoch, reductions: article_schedule(epoch),
        "the reductions have no effect.",
        "That is the article's trap: the schedule overwrites what the reducer did. Multiply instead.",
    ),
    (
        lambda epoch, reductions: article_schedule(epoch) * math.sqrt(0.1) ** reductions,
        "the rate falls below its least value.",
        "The reducer never goes below 0.5e-6: take the larger of the two.",
    ),
    (
        lambda epoch, reductions: min(article_schedule(epoch) * math.sqrt(0.1) ** reductions, LEAST_RATE),
        "it is never above the least rate.",
        "At least 0.5e-6: that is max, not min.",
    ),
    (
        lambda epoch, reductions: max(article_schedule(epoch) * 0.1**reductions, LEAST_RATE),
        "each reduction divides the rate by 10.",
        "The factor is √0.1, about 0.316: two reductions divide by 10.",
    ),
    (
        lambda epoch, reductions: max(article_schedule(epoch) * math.sqrt(0.1) * reductions, LEAST_RATE),
        "the factor is multiplied by the number of reductions.",
        "Each reduction multiplies by √0.1 once more: that is a power.",
    ),
    (
        lambda epoch, reductions: max(1e-3 * math.sqrt(0.1) ** reductions, LEAST_RATE),
        "the schedule has no effect.",
        "Begin with schedule(epoch), not with the first rate.",
    ),
    (
        lambda epoch, reductions: max(article_schedule(epoch) - math.sqrt(0.1) * reductions, LEAST_RATE),
        "the reductions are subtracted.",
        "A reduction multiplies the rate by √0.1.",
    ),
    (
        lambda epoch, reductions: max(article_schedule(epoch + 1) * math.sqrt(0.1) ** reductions, LEAST_RATE),
        "the schedule is an epoch early.",
        "Its epochs count from 0: give it the epoch as it is.",
    ),
]


def check_l2_factor(answer, *, cases=(1e-4, 5e-4, 2e-2, 1.0)):
    """Exercise "Weight decay": `l2_factor(weight_decay)` is the factor for Keras' `L2` that has this decay."""

    def verify():
        compare(
            answer,
            "l2_factor",
            [Call(decay) for decay in cases],
            right=lambda decay: decay / 2,
            mistakes=[
                (
                    lambda decay: decay,
                    "the gradient would get twice the decay, as in the article.",
                    "The gradient of factor · w² is 2 · factor · w.",
                ),
                (
                    lambda decay: 2 * decay,
                    "the decay would be four times as strong.",
                    "Solve 2 · factor · w = decay · w for the factor.",
                ),
                (
                    lambda decay: decay**2,
                    "the decay was squared.",
                    "The weights are squared in the loss, the factor is not.",
                ),
                (
                    math.sqrt,
                    "that is the root.",
                    "The weights are squared in the loss, the factor is not.",
                ),
                (
                    lambda decay: decay / 2 * 0.1,
                    "it contains a learning rate.",
                    "The decay is part of the gradient here. The learning rate comes later.",
                ),
                (
                    lambda decay: 5e-5,
                    "that is right for a decay of 1e-4 only.",
                    "Compute it from the argument.",
                ),
            ],
            close=close_numbers(floor=1e-12),
            hint="Write down the gradient of factor · w² and make it equal to decay · w.",
        )
        return "Right: half of it, because the square brings a factor of 2. The paper's 1e-4 is L2(5e-5) in Keras."

    return run(answer, verify)


def check_crop_and_flip(answer, *, cases=((5, 6, 6, 1), (8, 5, 7, 3)), seed=0):
    """Exercise "Crops without the generator": `crop_and_flip(images, tops, lefts, flips)`."""

    def verify():
        rng = np.random.default_rng(seed)
        calls = []
        for count, height, width, channels in cases:
            images = rng.integers(1, 255, (count, height, width, channels)).astype("float32")
            tops, lefts = rng.integers(0, 9, (2, count))
            tops[:3], lefts[:3] = (4, 0, 8), (4, 8, 1)
            flips = np.arange(count) % 3 == 1
            calls.append(Call(images, tops, lefts, flips, shown=f" of {count} images of {height}×{width} pixels"))
        compare(
            answer,
            "crop_and_flip",
            calls,
            read=array,
            right=_crop_and_flip,
            mistakes=CROP_MISTAKES,
            close=close_arrays,
            tell=_tell_images,
            hint="Work through one image by hand: pad it with 4 zeros on each side, cut out, mirror.",
        )
        return "Right: each image has its own place and its own mirror, and zeros come in at the border."

    return run(answer, verify)


def _tell_images(got, wanted):
    if got.shape != wanted.shape:
        return f"has the shape {got.shape}, not {wanted.shape}"
    different = (got != wanted).reshape(len(got), -1).any(axis=1)
    return (
        f"got {different.sum()} of {len(got)} images wrong, the first of them is number {int(different.argmax())}"
    )


def _crop_and_flip(images, tops, lefts, flips, *, mode="constant", mirror=lambda image: image[:, ::-1]):
    _, height, width, _ = images.shape
    padded = np.pad(images, [(0, 0), (4, 4), (4, 4), (0, 0)], mode=mode)
    cropped = [
        image[top : top + height, left : left + width]
        for image, top, left in zip(padded, tops, lefts, strict=True)
    ]
    return np.stack([mirror(image) if flip else image for image, flip in zip(cropped, flips, strict=True)])


def _rolled(images, tops, lefts, flips):
    moved = [
        np.roll(image, (4 - top, 4 - left), axis=(0, 1))
        for image, top, left in zip(images, tops, lefts, strict=True)
    ]
    return np.stack([image[:, ::-1] if flip else image for image, flip in zip(moved, flips, strict=True)])


CROP_MISTAKES = [
    (
        lambda images, tops, lefts, flips: _crop_and_flip(
            images, np.repeat(tops[:1], len(tops)), np.repeat(lefts[:1], len(lefts)), flips
        ),
        "all images were cut at the same place, that of the first.",
        "Each image has its own entry in tops and lefts.",
    ),
    (
        lambda images, tops, lefts, flips: _crop_and_flip(images, tops, lefts, flips, mode="edge"),
        "the border was repeated.",
        "The paper pads with zeros; the article's generator repeats the border.",
    ),
    (
        lambda images, tops, lefts, flips: _crop_and_flip(images, lefts, tops, flips),
        "tops and lefts are exchanged.",
        "A top counts rows, which is the first axis of an image.",
    ),
    (
        lambda images, tops, lefts, flips: _crop_and_flip(
            images, tops, lefts, flips, mirror=lambda image: image[::-1]
        ),
        "the images are upside down.",
        "Mirror left to right: reverse the columns, the second axis of an image.",
    ),
    (
        lambda images, tops, lefts, flips: _crop_and_flip(
            images, tops, lefts, flips, mirror=lambda image: image[..., ::-1]
        ),
        "the colours are exchanged instead of left and right.",
        "An image's axes are rows, columns, channels.",
    ),
    (
        lambda images, tops, lefts, flips: _crop_and_flip(images, tops, lefts, np.zeros_like(flips)),
        "no image is mirrored.",
        "Where flips is true, reverse the columns.",
    ),
    (
        lambda images, tops, lefts, flips: _crop_and_flip(images, tops, lefts, np.ones_like(flips)),
        "every image is mirrored.",
        "Only where flips is true.",
    ),
    (
        lambda images, tops, lefts, flips: _crop_and_flip(images, tops, lefts, ~np.asarray(flips)),
        "the wrong images are mirrored.",
        "Mirror where flips is true, not where it is false.",
    ),
    (
        lambda images, tops, lefts, flips: _crop_and_flip(images, 8 - tops, 8 - lefts, flips),
        "the images moved the other way.",
        "A crop begins at row top of the padded image.",
    ),
    (
        _rolled,
        "what leaves at one side comes in at the other.",
        "Pad with zeros and cut out; np.roll wraps around.",
    ),
    (
        lambda images, tops, lefts, flips: _crop_and_flip(
            images, tops, np.where(flips, 8 - np.asarray(lefts), lefts), flips
        ),
        "the images were mirrored before they were cut.",
        "Cut first, then mirror: else the cut is at the other end.",
    ),
    (
        lambda images, tops, lefts, flips: images,
        "the images came back unchanged.",
        "Pad each with 4 zeros on each side, cut out a part of the old size, and mirror.",
    ),
]
