"""Plans: what a training is of, and everything that decides its result."""

import shlex
from dataclasses import asdict, dataclass

import numpy as np

from resnet_edu import data, models, recipes

IMAGES = {"cifar10": (32, 32, 3), "digits": (8, 8, 1)}  # the shape of one
CLASSES = 10
PRECISIONS = ("float32", "mixed_bfloat16")


@dataclass(frozen=True)
class Plan:
    """What decides the result of a training. Raises ValueError for a part that cannot be meant.

    `model` is one of `models.BUILDERS`, `variant` and `split` are the recipe's unless named. `images` says which
    data: "cifar10" or "digits". `precision` is that of Keras' dtype policy.
    """

    model: str
    depth: int
    recipe: recipes.Recipe
    seed: int = 0
    variant: str | None = None
    split: str | None = None
    images: str = "cifar10"
    precision: str = "float32"

    def __post_init__(self):
        object.__setattr__(self, "variant", self.variant or self.recipe.variant)
        object.__setattr__(self, "split", self.split or self.recipe.split)
        for name, choices in [
            ("model", models.BUILDERS),
            ("variant", models.VARIANTS),
            ("split", recipes.SPLITS),
            ("images", IMAGES),
            ("precision", PRECISIONS),
        ]:
            if not isinstance(getattr(self, name), str) or getattr(self, name) not in choices:
                raise ValueError(f"{name}={getattr(self, name)!r} is unknown; it is one of {', '.join(choices)}")
        if not isinstance(self.seed, int) or self.seed < 0:
            raise ValueError(f"seed={self.seed!r} must be a whole number of at least 0")
        recipes.find_recipe(self.recipe.name)  # a command must be able to name it
        models.blocks_per_stage(self.depth, layers_per_block=3 if self.model == "resnet_v2" else 2)
        if self.split == "50k" and recipes.needs_validation(self.recipe):
            raise ValueError(
                f"the recipe {self.recipe.name} chooses by validation images, and split=50k keeps none back; "
                "use split=45k, or change the recipe: keep=last and plateau=None"
            )

    @property
    def title(self):
        """What is trained, in words that make the name of a folder, too."""
        words = [self.model, self.depth, self.variant, self.recipe.name, self.images, f"seed{self.seed}"]
        return "-".join(map(str, words if self.precision == "float32" else [*words, self.precision]))

    @property
    def changes(self):
        """What is other than in the published recipe of this name, beside the length: "field=value" each."""
        published = recipes.find_recipe(self.recipe.name)
        if not recipes.has_published_length(self.recipe):
            published = recipes.shorten_recipe(published, self.recipe.length)
        mine, theirs = recipes.as_dict(self.recipe), recipes.as_dict(published)
        return [f"{name}={mine[name]}" for name in mine if mine[name] != theirs[name]]

    @property
    def command(self):
        """The command that trains this plan anew."""
        recipe = self.recipe
        words = [
            f"python -m resnet_edu train --model {self.model} --depth {self.depth} --variant {self.variant}",
            f"--recipe {recipe.name} --split {self.split} --seed {self.seed} --precision {self.precision}",
        ]
        if not recipes.has_published_length(recipe):
            words.append(f"--epochs {recipe.length}")
        words += [f"--set {shlex.quote(change)}" for change in self.changes]
        return " ".join([*words, "--data digits"] if self.images == "digits" else words)

    def as_dict(self):
        """Return the plan as JSON has it."""
        return asdict(self) | {"recipe": recipes.as_dict(self.recipe)}

    @classmethod
    def from_dict(cls, values):
        """Return the plan that `as_dict` made `values` of, whatever else is in it. Raises ValueError for none."""
        try:
            own = {name: values[name] for name in cls.__dataclass_fields__}
        except KeyError as error:
            raise ValueError(f"this is no plan: {error} is missing") from error
        return cls(**(own | {"recipe": recipes.from_dict(own["recipe"])}))

    def list_differences(self, values):
        """Say in which parts `values`, what `as_dict` returned of a plan, is another than this, and how."""
        mine, different = self.as_dict(), []
        for name, value in mine.items():
            theirs = values.get(name)
            if isinstance(value, dict) and isinstance(theirs, dict):
                different += [
                    f"{part} {theirs.get(part)} instead of {value[part]}"
                    for part in value
                    if theirs.get(part) != value[part]
                ]
            elif theirs != value:
                different.append(f"{name} {theirs} instead of {value}")
        return different


def load_images(images, path=None):
    """Return `(x_train, y_train), (x_test, y_test)` of CIFAR-10 or the digits (8×8). Raises data.DataError."""
    return data.load_digits() if images == "digits" else data.load_cifar10(path)


def mean_image(images):
    """Return the mean of uint8 training images, as a share of 255: it is subtracted from every image."""
    return (images.mean(axis=0) / 255).astype("float32")


def scale_images(images, mean):
    """Return uint8 images as a network takes them: shares of 255, less the `mean` from `mean_image`."""
    return images / np.float32(255) - mean


def split_images(splits, split):
    """Return `(x, y)` to train on and `(x, y)` to validate on, or None where nothing is kept back.

    `splits` is what `load_images` returns, `split` one of `recipes.SPLITS`. "45k" keeps back the last tenth of
    each class.
    """
    (x, y), test = splits
    if split == "50k":
        return (x, y), None
    if split == "leaky":
        return (x, y), test
    kept_back = np.zeros(len(x), bool)
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        kept_back[rows[len(rows) - len(rows) // 10 :]] = True
    return (x[~kept_back], y[~kept_back]), (x[kept_back], y[kept_back])
