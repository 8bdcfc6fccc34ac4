"""Checks of the exercises in which a learner builds a whole network, or mends one."""

import math
from dataclasses import dataclass, replace

import keras
import numpy as np

from resnet_edu.checks import blocks, networks
from resnet_edu.checks.answers import NothingReturnedError, WrongAnswerError, call, run, wrong

SIZE = 32  # of a test image: pooling 8×8 is pooling the whole last map only here


@dataclass(frozen=True)
class Recipe:
    """A network, step by step, as the imitations perform it.

    `bare` says which blocks leave out their first BN-ReLU; `stages` are the filters inside the blocks of each.
    """

    block: blocks.Recipe
    stages: tuple[tuple[int, ...], ...]
    bare: str = "none"
    stem_filters: int = 16
    stem: str = "stem bn relu"
    head: str = "average dense softmax"


@dataclass(frozen=True)
class Exercise:
    """What the exercises on one kind of network share.

    A block has `layers` layers, so that the depth is 3 × layers × n + 2. A case is the n, the images' channels and
    the classes of a network, the larger one first. `other_depth` fits the other network's rule, not this one's.
    """

    recipe: Recipe
    mistakes: list
    layers: int
    cases: tuple[tuple[int, int, int], ...]
    wrong_depths: tuple[int, ...]
    other_depth: int

    @property
    def rule(self):
        return f"{3 * self.layers}n + 2"

    def depth(self, n):
        return 3 * self.layers * n + 2


BARE = {
    "none": lambda stage, number: False,
    "very first": lambda stage, number: stage == number == 0,
    "stage 1": lambda stage, number: stage == 0,
    "first of each stage": lambda stage, number: number == 0,
    "all": lambda stage, number: True,
}


def imitate(net, x, recipe, *, n, classes):
    """Perform a recipe with the learner's layers: a stem, n blocks in each stage, a head."""
    x = _perform(net, x, recipe.stem, recipe, classes)
    for stage, widths in enumerate(recipe.stages):
        for number in range(n):
            stride = 2 if stage > 0 and number == 0 else 1
            bare = BARE[recipe.bare](stage, number)
            x = blocks.imitate(net, x, recipe.block, widths=widths, stride=stride, bare=bare)
    return _perform(net, x, recipe.head, recipe, classes)


def _perform(net, x, steps, recipe, classes):
    for step in steps.split():
        x = {
            "stem": lambda x: net.conv(x, recipe.stem_filters),
            "bn": net.bn,
            "relu": lambda x: np.maximum(x, 0),
            "average": lambda x: x.mean(axis=(1, 2)),
            "maximum": lambda x: x.max(axis=(1, 2)),
            "flatten": lambda x: x.reshape(len(x), -1),
            "dense": lambda x: net.dense(x, classes),
            "softmax": _softmax,
            "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        }[step](x)
    return x


def _softmax(x):
    x = np.exp(x - x.max(axis=-1, keepdims=True))
    return x / x.sum(axis=-1, keepdims=True)


V1 = Recipe(blocks.RESIDUAL, stages=((16, 16), (32, 32), (64, 64)))
V2 = Recipe(
    blocks.BOTTLENECK,
    stages=((16, 16, 64), (64, 64, 128), (128, 128, 256)),
    bare="very first",
    head="bn relu average dense softmax",
)

# As in blocks.py: the fields in which a recipe differs, the symptom and the hint.
STEM_MISTAKES = [
    (
        {"stem": "stem"},
        "the stem has no BN-ReLU.",
        "A batch normalization and a ReLU follow the first convolution.",
    ),
    ({"stem": "stem relu"}, "the stem has no batch normalization.", "It comes before the stem's ReLU."),
    ({"stem": "stem bn"}, "the stem has no ReLU.", "It comes after the stem's batch normalization."),
    (
        {"stem_filters": 64},
        "the stem has 64 filters, not 16.",
        "The stem is the same in all networks but those for ImageNet. Where do 16 channels become 64?",
    ),
]


def _in_blocks(recipe, mistakes):
    """A block's mistakes as mistakes of a network whose every block makes them.

    A stride that is nowhere is left out, as the sizes of the maps tell more about it.
    """
    return [
        ({"block": replace(recipe.block, **options)}, f"in the blocks, {symptom}", hint)
        for options, symptom, hint in mistakes
        if options.get("strided") != ()
    ]


def _of_the_head(head):
    """The mistakes after the blocks; `head` is what comes there before the pooling."""
    return [
        (
            {"head": f"{head}average dense"},
            "the outputs are not probabilities: the classifier has no softmax.",
            "The last layer's activation makes the values positive, with the sum 1.",
        ),
        (
            {"head": f"{head}average dense sigmoid"},
            "the probabilities do not add up to 1: the classifier has a sigmoid.",
            "An image has one of the classes, so they compete: which activation shares out a sum of 1?",
        ),
        (
            {"head": f"{head}maximum dense softmax"},
            "the last maps are pooled by their maximum.",
            "Take each map's average.",
        ),
        (
            {"head": f"{head}flatten dense softmax"},
            "the last maps are not pooled.",
            "Before the classifier, each map is averaged to one number.",
        ),
    ]


V1_MISTAKES = [
    *STEM_MISTAKES,
    *_of_the_head(""),
    (
        {"head": "bn relu average dense softmax"},
        "there is a BN-ReLU before the pooling, as in v2.",
        "In v1 each block already ends with a ReLU.",
    ),
    *_in_blocks(V1, blocks.RESIDUAL_MISTAKES),
]
V2_MISTAKES = [
    (
        {"bare": "none"},
        "the very first block repeats the BN-ReLU that the stem ends with.",
        "That block does without its first BN-ReLU. What is preactivate for?",
    ),
    (
        {"bare": "first of each stage"},
        "the first block of every stage leaves out its first BN-ReLU.",
        "Only one block has an input that comes right from a ReLU. Which?",
    ),
    (
        {"bare": "stage 1"},
        "all blocks of stage 1 leave out their first BN-ReLU.",
        "Only one block has an input that comes right from a ReLU. Which?",
    ),
    (
        {"bare": "all"},
        "all blocks leave out their first BN-ReLU.",
        "Only one block has an input that comes right from a ReLU. Which?",
    ),
    (
        {"bare": "none", "stem": "stem"},
        "the stem has no BN-ReLU, and the very first block makes up for it.",
        "Here it belongs to the stem, so that the first block's shortcut starts after it.",
    ),
    (
        {"head": "average dense softmax"},
        "nothing activates the last block's sum: the BN-ReLU before the pooling is missing.",
        "No block activates its own output in v2. What must come after the last?",
    ),
    (
        {"head": "relu average dense softmax"},
        "there is no batch normalization before the last ReLU.",
        "After the last block comes what else the next block would begin with.",
    ),
    (
        {"head": "bn average dense softmax"},
        "there is no ReLU after the last batch normalization.",
        "After the last block comes what else the next block would begin with.",
    ),
    (
        {"stages": ((16, 16, 64), (32, 32, 128), (64, 64, 256))},
        "the blocks have 16, 32 and 64 filters inside: those are the paper's widths.",
        "The article's are wider: all blocks of a stage are as wide inside as what enters the stage.",
    ),
    *STEM_MISTAKES,
    *_of_the_head("bn relu "),
    *_in_blocks(V2, blocks.BOTTLENECK_MISTAKES),
]

RESNET_V1 = Exercise(
    V1, V1_MISTAKES, layers=2, cases=((3, 3, 10), (1, 1, 7)), wrong_depths=(10, 11, 2), other_depth=11
)
RESNET_V2 = Exercise(
    V2, V2_MISTAKES, layers=3, cases=((2, 3, 10), (1, 1, 7)), wrong_depths=(12, 14, 2), other_depth=14
)


def check_resnet_v1(answer, *, cases=None, wrong_depths=None):
    """Check `build(input_shape, depth, num_classes=10)`: the article's ResNet v1, of depth 6n + 2."""
    return _check(answer, _asking(RESNET_V1, cases, wrong_depths), COUNTED)


def check_stride_position(answer, *, cases=None, wrong_depths=None):
    """Check the builder of ResNet v1 again, mended of a stride in the wrong blocks."""
    success = "Right: the maps are 32×32, 16×16 and 8×8, for {mega:.1f} million multiply-adds."
    return _check(answer, _asking(RESNET_V1, cases, wrong_depths), success)


def check_resnet_v2(answer, *, cases=None, wrong_depths=None):
    """Check `build(input_shape, depth, num_classes=10)`: the article's ResNet v2, of depth 9n + 2."""
    return _check(answer, _asking(RESNET_V2, cases, wrong_depths), COUNTED)


def check_projection(answer, *, cases=None, wrong_depths=None):
    """Check the builder of ResNet v2 again, mended of a first block that cannot add."""
    success = "Right: one projection in each stage, where the number of channels changes."
    return _check(answer, _asking(RESNET_V2, cases, wrong_depths), success)


COUNTED = "Right: at depth {depth} it has {parameters:,} parameters{remark}."


def _asking(exercise, cases, wrong_depths):
    """Return the exercise with other cases or wrong depths where they are given."""
    return replace(exercise, cases=cases or exercise.cases, wrong_depths=wrong_depths or exercise.wrong_depths)


def _check(answer, exercise, success):
    @networks.undisturbed()
    def verify():
        large, small = (
            _run(answer, exercise, n, (SIZE, SIZE, channels), classes=classes)
            for n, channels, classes in exercise.cases
        )
        if not networks.compare([small, large], imitate, exercise.recipe, exercise.mistakes):
            _diagnose(small, large, exercise)
        for depth in exercise.wrong_depths:
            _refuses(answer, depth, exercise)
        parameters = sum(math.prod(w.shape) for recorded in large.calls for w in recorded.layer.weights)
        without = any(recorded.kind == "conv" and not recorded.layer.use_bias for recorded in large.calls)
        remark = ", as its convolutions have no biases (the article's have)" if without else ""
        depth = exercise.depth(exercise.cases[0][0])
        return success.format(
            depth=depth, parameters=parameters, remark=remark, mega=_multiply_adds(large.calls) / 1e6
        )

    return run(answer, verify)


def _run(answer, exercise, n, image_shape, *, classes):
    """Build the learner's network for n blocks a stage, and run it with random weights."""
    depth = exercise.depth(n)
    # The default of 10 classes is part of the contract, too.
    keywords = {} if classes == 10 else {"num_classes": classes}
    shown = f"with depth={depth}" + "".join(f", {name}={value}" for name, value in keywords.items())
    try:
        model = networks.build(answer, shown, _remedy, image_shape, depth, **keywords)
    except WrongAnswerError:
        if _accepts(answer, exercise.other_depth):
            wrong(
                f"depth={depth} fails, while depth={exercise.other_depth} gives a network.",
                f"This network's rule is depth = {exercise.rule}, as its blocks have {exercise.layers} layers.",
            )
        raise
    _diagnose_model(model, shown, image_shape)
    learners = networks.run(model, image_shape, shown, n=n, classes=classes)
    _diagnose_output(learners, classes)
    return learners


def _remedy(first, second):
    """The hint where a block adds tensors of these shapes."""
    if first[-1] != second[-1]:
        return (
            "The shortcut has another number of channels than the branch. At which block of the network is that "
            "so for the first time, and does it project?"
        )
    return "In a block with a stride, shortcut and branch must get smaller alike. In the others, neither does."


def _accepts(answer, depth):
    try:
        return isinstance(call(answer, (SIZE, SIZE, 3), depth), keras.Model)
    except Exception:
        return False


def _diagnose_model(model, shown, image_shape):
    if not isinstance(model, keras.Model):
        kind = "tensor" if isinstance(model, keras.KerasTensor) else type(model).__name__
        wrong(f"{shown} the result is a {kind}, not a model.", "Return keras.Model(inputs, outputs).")
    got = getattr(model, "input_shape", None)
    if isinstance(got, tuple) and tuple(got[1:]) not in (image_shape, (None, None, image_shape[-1])):
        wrong(
            f"for images of the shape {image_shape} the model's input has the shape {tuple(got[1:])}.",
            "Make the Input of the `input_shape` that the function gets.",
        )


def _diagnose_output(learners, classes):
    got = learners.output.shape[1:]
    if got == (classes,):
        return
    if len(got) == 1 and classes != 10:
        wrong(
            f"{learners.shown} the output has {got[0]} values.",
            "The classifier has one output for each of the `num_classes`.",
        )
    wrong(
        f"{learners.shown} the output for one image has the shape {got}, not ({classes},).",
        "After the blocks come pooling and a dense layer.",
    )


def _refuses(answer, depth, exercise):
    """Make sure that a depth that does not fit the rule raises a ValueError; 2 fits it with n = 0 only."""
    rule = f"{exercise.rule} with n = 1, 2, …"
    no_block = "It has no block: n = 0. Raise a ValueError there, too."
    hint = no_block if depth == 2 else f"Raise a ValueError unless depth = {rule}"
    try:
        call(answer, (SIZE, SIZE, 3), depth)
    except ValueError:
        return
    except NothingReturnedError:
        wrong(f"depth={depth} is not {rule}, and the function returns nothing instead of an error.", hint)
    except Exception as error:
        wrong(f"depth={depth} is not {rule}; it stops with {type(error).__name__}, not ValueError.", hint)
    wrong(f"depth={depth} gives a network, though it is not {rule}", hint)


def _diagnose(small, large, exercise):
    """Compare the layers with those that are wanted, the most telling difference first."""
    sketch = networks.Sketch()
    imitate(sketch, large.x, exercise.recipe, **large.setting)
    got, wanted = (_convolutions(calls) for calls in (large.calls, sketch.calls))
    if len(_convolutions(small.calls)) == len(got):
        wrong(
            f"{small.shown} and {large.shown} there are the same {len(got)} convolutions.",
            f"depth = {exercise.rule}: compute n from it, the number of blocks in each stage.",
        )
    _diagnose_filters(got, wanted)
    _diagnose_counts(got, wanted, large, exercise)
    _diagnose_sizes(got, wanted)
    differences = networks.differences(large.calls, sketch.calls)
    if differences:
        wrong(
            f"{large.shown} the network has other layers than the right one ({differences}).",
            "Draw one block of each stage.",
        )
    net = networks.Replay(large.calls, strict=False)
    imitate(net, large.x, exercise.recipe, **large.setting)
    place = f"the {networks.describe(net.departure)} ({net.departure.layer.name})" if net.departure else "the end"
    wrong(
        f"the network has the right layers, but {place} is the first to give something else than it should.",
        "Follow the path of an image up to there. What comes right before it, and what should?",
    )


def _convolutions(calls):
    return [recorded for recorded in calls if recorded.kind == "conv"]


def _widths(convolutions):
    """The filters of the blocks' 3×3 convolutions, from the first on, each number once."""
    return list(dict.fromkeys(recorded.shape[-1] for recorded in convolutions[1:] if recorded.shape[0] == 3))


def _diagnose_filters(got, wanted):
    kernels = {recorded.shape[0] for recorded in got}
    if kernels - {1, 3}:
        wrong(
            f"there is a {max(kernels)}×{max(kernels)} convolution.", "This network has 3×3 and 1×1 kernels only."
        )
    if got[0].shape[-1] != wanted[0].shape[-1]:
        wrong(
            f"the stem has {got[0].shape[-1]} filters, not {wanted[0].shape[-1]}.",
            "The stem is the same in all networks but those for ImageNet.",
        )
    if _widths(got) != _widths(wanted):
        wrong(
            f"in the blocks, the 3×3 convolutions have {_listed(_widths(got)) or 'no'} filters, "
            f"not {_listed(_widths(wanted))}.",
            "How many filters does each of the three stages have?",
        )


def _diagnose_counts(got, wanted, learners, exercise):
    for filters in _widths(wanted):
        there, expected = (
            sum(recorded.shape[0] == 3 and recorded.shape[-1] == filters for recorded in convolutions)
            for convolutions in (got, wanted)
        )
        if there != expected:
            wrong(
                f"{learners.shown} the number of 3×3 convolutions with {filters} filters is {there}, "
                f"not {expected}.",
                f"depth = {exercise.rule}: each of the three stages has n blocks of {exercise.layers} layers; "
                "the other two layers are stem and classifier.",
            )


def _diagnose_sizes(got, wanted):
    def sizes(convolutions, filters):
        in_blocks = convolutions[1:]
        outputs = [r.output.shape[1:3] for r in in_blocks if r.shape[0] == 3 and r.shape[-1] == filters]
        return [f"{height}×{width}" for height, width in dict.fromkeys(outputs)]

    there, expected = ([sizes(c, filters) for filters in _widths(wanted)] for c in (got, wanted))
    if there == expected:
        return
    maps = "; ".join(
        f"{_listed(t)} with {filters} filters" for t, filters in zip(there, _widths(wanted), strict=True)
    )
    wrong(
        f"the maps are {maps}; they should be {_listed([e[0] for e in expected])}. That takes "
        f"{_multiply_adds(got) / 1e6:.1f} million multiply-adds instead of {_multiply_adds(wanted) / 1e6:.1f}.",
        "The maps halve twice: where stage 2 begins and where stage 3 begins. Which blocks have stride 2?",
    )


def _listed(values):
    return " and ".join(", ".join(map(str, values)).rsplit(", ", 1))


def _multiply_adds(calls):
    """For one image: each value of a convolution's output takes one for each weight of one filter."""
    return sum(
        math.prod(recorded.shape) * math.prod(recorded.output.shape[1:3]) for recorded in _convolutions(calls)
    )
