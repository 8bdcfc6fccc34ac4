"""Recipes: how a network is trained, as data. What the article and the paper do differently is a field each."""

import ast
import math
from dataclasses import asdict, dataclass, fields, replace

import numpy as np

SPLITS = {
    "45k": "a tenth of the training images is kept back for validation; the test set is used once, at the end",
    "50k": "all training images are trained on; the test set is used once, at the end",
    "leaky": "the test set serves for validation, as in the article's script; what it chose it cannot judge",
}
MOST_SHIFT = 32  # pixels: all of an image
_CHOICES = {
    "optimizer": ("adam", "sgd"),
    "unit": ("epochs", "iterations"),
    "fill": ("nearest", "zero"),
    "keep": ("best", "last"),
    "split": tuple(SPLITS),
}


def _check_parts(parts, good):
    if not good or not all(map(math.isfinite, asdict(parts).values())):
        raise ValueError(f"{parts} has a value that it cannot have")


@dataclass(frozen=True)
class Plateau:
    """Multiply the rate by `factor` where the validation loss has not fallen for `patience` epochs.

    As Keras' `ReduceLROnPlateau` does: a fall of less than 1e-4 counts as none, and the rate is not reduced below
    `min_rate`.
    """

    factor: float
    patience: int
    min_rate: float

    def __post_init__(self):
        _check_parts(self, 0 < self.factor < 1 and self.patience >= 1 and self.min_rate >= 0)


@dataclass(frozen=True)
class WarmUp:
    """Train networks of `from_depth` layers or more at `rate` until an epoch's training error is below `error`."""

    rate: float
    error: float
    from_depth: int

    def __post_init__(self):
        _check_parts(self, self.rate >= 0 and 0 < self.error <= 1 and self.from_depth >= 1)


_PARTS = {"plateau": Plateau, "warm_up": WarmUp}  # the fields of a recipe that have parts of their own


@dataclass(frozen=True)
class Recipe:
    """Everything that decides how a network is trained, but for the network, the data and the seed.

    - `length` is counted in `unit`, "epochs" or "iterations" (batches). Each of `milestones` is a position in the
      same unit and the factor of `learning_rate` from there on.
    - `weight_decay` is coupled: so many times the kernel is added to a kernel's gradient. Keras' name for a decay
      of 1e-4 is `L2(5e-5)`.
    - `shift` is the greatest shift of an image in pixels, to each side; `whole_pixels` rounds it, and `fill`
      ("nearest" or "zero") is what comes in at the border. `flip` mirrors every second image, by chance.
    - `keep` is the epoch whose weights are the result: "last", or "best" for the highest validation accuracy.
    - `plateau` reduces the rate, unless the schedule overwrites it: `schedule_overwrites_plateau` sets the rate by
      the schedule alone at every epoch, whatever the reducer did.
    - `variant` and `split` are those of the network and of the images where nobody says otherwise.

    Raises ValueError for a field that cannot be meant.
    """

    name: str
    optimizer: str
    learning_rate: float
    batch_size: int
    length: int
    unit: str
    milestones: tuple[tuple[float, float], ...]
    weight_decay: float
    shift: float
    whole_pixels: bool
    fill: str
    flip: bool
    keep: str
    variant: str
    split: str
    momentum: float = 0.9
    plateau: Plateau | None = None
    schedule_overwrites_plateau: bool = False
    warm_up: WarmUp | None = None

    def __post_init__(self):
        for name, choices in _CHOICES.items():
            if not isinstance(getattr(self, name), str) or getattr(self, name) not in choices:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} is unknown; it is one of {', '.join(map(repr, choices))}"
                )
        for name in ("batch_size", "length"):
            if type(getattr(self, name)) is not int or getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)!r} must be a whole number of at least 1")
        for name in ("learning_rate", "weight_decay", "shift", "momentum"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise ValueError(f"{name}={value!r} must be a number of at least 0")
        if self.momentum > 1:
            raise ValueError(f"momentum={self.momentum!r} must be at most 1")
        if self.shift > MOST_SHIFT or (self.whole_pixels and self.shift != int(self.shift)):
            raise ValueError(f"shift={self.shift!r} must be at most {MOST_SHIFT}, and whole with whole_pixels")
        for position, factor in self.milestones:
            if not (0 <= position < math.inf and 0 <= factor < math.inf):
                raise ValueError(f"the milestone ({position}, {factor}) must have two numbers of at least 0")


RECIPES = {
    # The Keras CIFAR-10 example, as the article has it: "epoch > 80" of a counter that starts at 0 is position 81.
    "article": Recipe(
        name="article",
        optimizer="adam",
        learning_rate=1e-3,
        batch_size=32,
        length=200,
        unit="epochs",
        milestones=((81, 1e-1), (121, 1e-2), (161, 1e-3), (181, 5e-4)),
        weight_decay=2e-4,  # from L2(1e-4)
        shift=3.2,
        whole_pixels=False,
        fill="nearest",
        flip=True,
        keep="best",
        variant="article",
        split="45k",
        plateau=Plateau(factor=math.sqrt(0.1), patience=5, min_rate=0.5e-6),
        schedule_overwrites_plateau=True,
    ),
    # He et al. 2015, section 4.2. The warm-up is for 110 layers ("about 400 iterations": one epoch).
    "paper": Recipe(
        name="paper",
        optimizer="sgd",
        learning_rate=0.1,
        batch_size=128,
        length=64_000,
        unit="iterations",
        milestones=((32_000, 1e-1), (48_000, 1e-2)),
        weight_decay=1e-4,
        shift=4,
        whole_pixels=True,
        fill="zero",
        flip=True,
        keep="last",
        variant="paper",
        split="50k",
        warm_up=WarmUp(rate=0.01, error=0.8, from_depth=110),
    ),
}
# The paper's for a laptop: minutes are too short for crops to pay, and for two long plateaus of the rate.
RECIPES["quick"] = replace(
    RECIPES["paper"],
    name="quick",
    length=3,
    unit="epochs",
    milestones=((1.5, 1e-1), (2.5, 1e-2)),
    shift=0,
)


def find_recipe(name):
    """Return the recipe of this name. Raises ValueError, with the names that there are."""
    if name not in RECIPES:
        raise ValueError(f"recipe {name!r} is unknown; it is one of {', '.join(RECIPES)}")
    return RECIPES[name]


def change_recipe(recipe, assignments):
    """Return `recipe` with fields changed by strings such as "shift=0" or "plateau=None".

    Raises ValueError for a field that is unknown or cannot have this value.
    """
    names = [field.name for field in fields(Recipe) if field.name != "name"]
    changes = {}
    for assignment in assignments:
        name, equals, text = (part.strip() for part in assignment.partition("="))
        if name not in names or not equals:
            raise ValueError(f"{assignment!r} is not FIELD=VALUE; the fields are {', '.join(names)}")
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            value = text
        if name in _PARTS and value is not None:
            value = _read_parts(name, value)
        before = getattr(recipe, name)
        if isinstance(before, bool) and not isinstance(value, bool):
            raise ValueError(f"{name}={text} must be True or False")
        changes[name] = value
    if "milestones" in changes:
        changes["milestones"] = _read_milestones(changes["milestones"])
    return replace(recipe, **changes)


def shorten_recipe(recipe, epochs):
    """Return `recipe` for so many epochs, with its milestones at the same shares of the training.

    Raises ValueError unless `epochs` is a whole number of at least 1.
    """
    if not isinstance(epochs, int) or epochs < 1:
        raise ValueError(f"epochs={epochs!r} must be a whole number of at least 1")
    milestones = tuple((position * epochs / recipe.length, factor) for position, factor in recipe.milestones)
    return replace(recipe, length=epochs, unit="epochs", milestones=milestones)


def has_published_length(recipe):
    """Say whether the recipe lasts as long as the one of its name."""
    published = find_recipe(recipe.name)
    return (recipe.length, recipe.unit) == (published.length, published.unit)


def count_epochs(recipe, steps_per_epoch):
    """Return how many whole epochs the recipe lasts; iterations are rounded to the nearest."""
    return recipe.length if recipe.unit == "epochs" else max(1, round(recipe.length / steps_per_epoch))


def list_rates(recipe, epoch, steps_per_epoch):
    """Return the schedule's learning rate for each step of an epoch (0 is the first), as float32 (steps,)."""
    steps = np.arange(epoch * steps_per_epoch, (epoch + 1) * steps_per_epoch)
    positions = steps / steps_per_epoch if recipe.unit == "epochs" else steps
    factors = np.ones(steps_per_epoch)
    for position, factor in sorted(recipe.milestones):
        factors[positions >= position] = factor
    return (recipe.learning_rate * factors).astype("float32")


def needs_validation(recipe):
    """Say whether something in the recipe is chosen by validation images."""
    return recipe.keep == "best" or (recipe.plateau is not None and not recipe.schedule_overwrites_plateau)


class Reductions:
    """What a plateau reducer has done so far. Without one, or where the schedule overwrites it, nothing."""

    def __init__(self, recipe):
        self._plateau = None if recipe.schedule_overwrites_plateau else recipe.plateau
        self._factor, self._lowest, self._waited = 1.0, None, 0

    def apply(self, rates):
        """Return the schedule's rates with the reductions so far."""
        if self._plateau is None:
            return rates
        return np.minimum(rates, np.maximum(rates * self._factor, self._plateau.min_rate)).astype("float32")

    def hear(self, loss):
        """Take in the validation loss of an epoch."""
        if self._plateau is None:
            return
        if self._lowest is None or loss < self._lowest - 1e-4:
            self._lowest, self._waited = loss, 0
            return
        self._waited += 1
        if self._waited >= self._plateau.patience:
            self._factor, self._waited = self._factor * self._plateau.factor, 0

    def state(self):
        """Return what `restore` needs, as JSON has it."""
        return [self._factor, self._lowest, self._waited]

    def restore(self, state):
        """Go on from what `state` returned."""
        self._factor, self._lowest, self._waited = state


def as_dict(recipe):
    """Return the recipe as nested dicts and lists, as JSON has them."""
    return asdict(recipe) | {"milestones": [list(milestone) for milestone in recipe.milestones]}


def from_dict(values):
    """Return the recipe that `as_dict` made `values` of. Raises ValueError where it is none."""
    try:
        parts = {
            "milestones": _read_milestones(values["milestones"]),
            **{name: values[name] and _read_parts(name, values[name]) for name in _PARTS},
        }
        return Recipe(**(values | parts))
    except (KeyError, TypeError) as error:
        raise ValueError(f"this is no recipe: {error}") from error


def _read_parts(name, values):
    parts = _PARTS[name]
    try:
        return parts(**values)
    except TypeError:
        example = {field.name: "..." for field in fields(parts)}
        raise ValueError(f"{name}={values!r} must be None or numbers such as {example}") from None


def _read_milestones(values):
    try:
        return tuple((float(position), float(factor)) for position, factor in values)
    except (TypeError, ValueError):
        raise ValueError(f"milestones={values!r} must be pairs (position, factor)") from None
