"""Trained networks that come with the course: weights beside their records in the folder `runs`."""

import hashlib
from dataclasses import dataclass, field

import keras

from resnet_edu import models, plans, runs


class WeightsError(ValueError):
    """The weights of a recorded training are missing, or are not those that were recorded."""


@dataclass(frozen=True)
class Trained:
    """A trained network: its Keras `model`, and its `row` in the recorded run."""

    model: keras.Model = field(repr=False)
    row: dict = field(repr=False)

    def load_images(self, path=None):
        """Return `(x_train, y_train), (x_test, y_test)`, images as the network takes them. Raises DataError."""
        return self.scale_images(plans.load_images(self.row["images"], path))

    def scale_images(self, splits):
        """Return what `plans.load_images` returned, with the images as the network takes them."""
        mean = plans.mean_image(plans.split_images(splits, self.row["split"])[0][0])
        return tuple((plans.scale_images(images, mean), labels) for images, labels in splits)


def load_trained(run_name, **setting):
    """Return the `Trained` network of the recorded run whose row has this `setting`, such as `depth=20`.

    Raises RunNotFoundError for the run, ValueError unless just one row with weights has the setting, WeightsError
    where the file is missing or damaged.
    """
    run = runs.load_run(run_name)
    unknown = [name for name in setting if any(name not in row for row in run["rows"])]
    if unknown:
        raise ValueError(f"the rows of {run_name!r} have no {', '.join(unknown)}")
    rows = [row for row in runs.select_rows(run, **setting) if "weights" in row]
    if len(rows) != 1:
        raise ValueError(f"{len(rows)} networks of {run_name!r} with weights have the setting {setting}")
    (row,) = rows
    plan = plans.Plan.from_dict(row)
    path = runs.folder() / row["weights"]
    if not path.is_file():
        raise WeightsError(f"{path} is missing; get the folder runs of the course again")
    if hash_file(path) != row["sha256"]:
        raise WeightsError(f"{path} is not the file that was recorded; get the folder runs of the course again")
    build = models.BUILDERS[plan.model]
    model = build(plans.IMAGES[plan.images], plan.depth, plans.CLASSES, variant=plan.variant)
    model.load_weights(path)
    return Trained(model, row)


def hash_file(path):
    """Return the SHA-256 of the file `path`, as hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
