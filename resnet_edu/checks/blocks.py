"""Checks of the exercises in which a learner builds one block."""

from dataclasses import dataclass, field

import keras
import numpy as np

from resnet_edu.checks import networks
from resnet_edu.checks.answers import run, wrong


@dataclass(frozen=True)
class Recipe:
    """A residual block, step by step, as the imitations perform it.

    `kernels` are the sizes of conv1, conv2, ...; `fork` in the branch is the place where the shortcut starts (else
    at the block's input), `fork?` the same only for a shortcut that must change the shape. `strided` has the
    convolutions that the block's stride goes to.
    """

    kernels: tuple[int, ...]
    branch: str
    end: str = ""
    shortcut: str = ""
    projection: str = "project"
    project: str = "where shapes differ"
    projection_kernel: int = 1
    strided: tuple[str, ...] = ("conv1", "project")
    combine: str = "add"
    padding: str = "same"
    bare: str = "as asked"
    widths: str = "as asked"


@dataclass(frozen=True)
class Case:
    """One call of the learner's block: its input's shape, filters and options, and all convolutions' filters."""

    shape: tuple[int, int, int]
    filters: dict
    widths: tuple[int, ...]
    options: dict = field(default_factory=dict)

    @property
    def stride(self):
        return self.options.get("stride", 1)

    @property
    def output_shape(self):
        height, width, _ = self.shape
        return (-(-height // self.stride), -(-width // self.stride), self.widths[-1])

    def __str__(self):
        arguments = ", ".join(f"{name}={value}" for name, value in {**self.filters, **self.options}.items())
        return f"for an input {self.shape} with {arguments}"


COMBINE = {
    "add": np.add,
    "multiply": np.multiply,
    "average": lambda kept, x: (kept + x) / 2,
    "concatenate": lambda kept, x: np.concatenate([kept, x], axis=-1),
    "subtract": np.subtract,
}
RESIDUAL = Recipe(kernels=(3, 3), branch="conv1 bn relu conv2 bn", end="relu")
BOTTLENECK = Recipe(kernels=(1, 3, 1), branch="bn relu conv1 bn relu conv2 bn relu conv3")


def imitate(net, x, recipe, *, widths, stride=1, bare=False):
    """Perform a recipe with the learner's layers; `bare` leaves out the first BN-ReLU."""
    widths = WIDTHS[recipe.widths](widths)
    changes_shape = stride != 1 or x.shape[-1] != widths[-1]
    kept = x
    for step in _branch(recipe, bare).split():
        if step in ("fork", "fork?"):
            kept = x if step == "fork" or changes_shape else kept
        else:
            x = _perform(net, x, step, recipe, widths, stride)
    if recipe.combine != "branch alone":
        x = _combine(net, kept, x, recipe, widths, stride, changes_shape)
    for step in recipe.end.split():
        x = _perform(net, x, step, recipe, widths, stride)
    return x


WIDTHS = {
    "as asked": lambda widths: widths,
    "a quarter inside": lambda widths: (widths[-1] // 4,) * (len(widths) - 1) + widths[-1:],
    "four times outside": lambda widths: (*widths[:-1], 4 * widths[0]),
    "all the output's": lambda widths: widths[-1:] * len(widths),
    "all the inner": lambda widths: widths[:1] * len(widths),
}


def _branch(recipe, bare):
    bare = {"as asked": bare, "never": False, "always": True}.get(recipe.bare, recipe.bare if bare else False)
    if bare == "without bn":
        return recipe.branch.replace("bn ", "", 1)
    if bare == "without relu":
        return recipe.branch.replace("relu ", "", 1)
    return recipe.branch.removeprefix("bn relu ") if bare else recipe.branch


def _combine(net, kept, x, recipe, widths, stride, changes_shape):
    steps = recipe.shortcut
    if kept.shape != x.shape or recipe.project == "always" or (recipe.project == "where asked" and changes_shape):
        steps = f"{steps} {recipe.projection}"
    for step in steps.split():
        kept = _perform(net, kept, step, recipe, widths, stride)
    if kept.shape != x.shape:
        raise networks.NoFitError
    return COMBINE[recipe.combine](kept, x)


def _perform(net, x, step, recipe, widths, stride):
    if step == "relu":
        return np.maximum(x, 0)
    if step == "bn":
        return net.bn(x)
    if step == "pad":
        x = x[:, ::stride, ::stride]
        return np.pad(x, [(0, 0), (0, 0), (0, 0), (0, max(0, widths[-1] - x.shape[-1]))])
    if step == "project":
        kernel_size, filters = recipe.projection_kernel, widths[-1]
    else:
        number = int(step.removeprefix("conv")) - 1
        kernel_size, filters = recipe.kernels[number], widths[number]
    stride = stride if step in recipe.strided else 1
    return net.conv(x, filters, kernel_size=kernel_size, stride=stride, padding=recipe.padding)


# What both blocks can get wrong: the fields in which a recipe differs, the symptom and the hint.
SHORTCUT_MISTAKES = [
    (
        {"combine": "branch alone"},
        "the block's input is added nowhere: that is a plain block.",
        "Keep the block's input in a variable before the first layer, for the addition at the end.",
    ),
    ({"combine": "multiply"}, "shortcut and branch are multiplied.", "A residual block adds them: layers.Add."),
    ({"combine": "average"}, "shortcut and branch are averaged.", "A residual block adds them: layers.Add."),
    ({"combine": "subtract"}, "the branch is subtracted.", "A residual block adds it: layers.Add."),
    (
        {"combine": "concatenate"},
        "shortcut and branch are put side by side.",
        "A residual block adds them: layers.Add.",
    ),
    (
        {"projection_kernel": 3},
        "the projection has a 3×3 kernel.",
        "It should only change the number of channels, pixel by pixel. How large must its kernel be?",
    ),
    (
        {"project": "always"},
        "there is a convolution on the shortcut also where the shapes agree.",
        "Where the input already has the shape of the branch, the shortcut is the input itself.",
    ),
    (
        {"projection": "project bn"},
        "there is a batch normalization on the shortcut.",
        "The projection of this course is the 1×1 convolution alone.",
    ),
    (
        {"projection": "project bn", "project": "always"},
        "there are a convolution and a batch normalization on the shortcut also where the shapes agree.",
        "Where the input already has the shape of the branch, the shortcut is the input itself.",
    ),
    (
        {"projection": "pad"},
        "the shortcut adds channels of zeros. That is the paper's option A, and not wrong in itself.",
        "Here the new channels are computed: a convolution whose kernel sees one pixel.",
    ),
    (
        {"projection": "project relu"},
        "there is a ReLU on the shortcut, after the projection.",
        "The shortcut should pass on negative values too.",
    ),
    (
        {"shortcut": "relu"},
        "there is a ReLU on the shortcut.",
        "The shortcut should pass on negative values too.",
    ),
    (
        {"strided": ("conv2", "project")},
        "the stride is in the second convolution.",
        "The first convolution already makes the map smaller, so that those after it have less to compute.",
    ),
    (
        {"strided": ()},
        "the stride is used nowhere.",
        "Pass it to the first convolution. What must the shortcut do then?",
    ),
    (
        {"strided": (), "project": "where asked"},
        "the stride is used nowhere.",
        "Pass it to the first convolution. What must the shortcut do then?",
    ),
    (
        {"padding": "symmetric"},
        "the zeros around the map are not where padding='same' puts them.",
        "Use padding='same' in each convolution.",
    ),
]

RESIDUAL_MISTAKES = [
    (
        {"branch": "conv1 bn relu conv2 bn relu", "end": ""},
        "the ReLU comes before the addition, so the branch can only add and never take away.",
        "Move the last ReLU to where it sees the sum.",
    ),
    (
        {"branch": "conv1 bn relu conv2 bn relu"},
        "the branch ends with a ReLU, so it can only add and never take away.",
        "One ReLU is too many: the second belongs after the addition alone.",
    ),
    (
        {"end": ""},
        "there is no ReLU after the addition.",
        "The sum goes through a ReLU before it leaves the block.",
    ),
    (
        {"branch": "conv1 bn relu conv2 relu"},
        "the second convolution is followed by a ReLU and by no batch normalization.",
        "Before the addition comes a batch normalization, after it the ReLU.",
    ),
    (
        {"branch": "conv1 bn relu conv2 relu", "end": ""},
        "the second convolution is followed by a ReLU and no batch normalization; nothing follows the addition.",
        "Before the addition comes a batch normalization, after it the ReLU.",
    ),
    (
        {"branch": "conv1 bn relu conv2"},
        "the second convolution has no batch normalization.",
        "Each of the two 3×3 convolutions is followed by one.",
    ),
    (
        {"branch": "conv1 relu conv2 bn"},
        "the first convolution has no batch normalization.",
        "Each of the two 3×3 convolutions is followed by one.",
    ),
    (
        {"branch": "conv1 relu conv2"},
        "there is no batch normalization.",
        "Each of the two 3×3 convolutions is followed by one.",
    ),
    (
        {"branch": "conv1 bn conv2 bn"},
        "there is no ReLU between the two convolutions.",
        "Without it the two are only as good as one: what must come between them?",
    ),
    (
        {"branch": "conv1 relu bn conv2 bn"},
        "the first ReLU comes before its batch normalization.",
        "The order is convolution, batch normalization, ReLU.",
    ),
    (
        {"branch": "conv1 bn relu conv2", "end": "bn relu"},
        "the second batch normalization comes after the addition.",
        "It belongs to the branch: normalize before you add.",
    ),
    (
        {"end": "bn relu"},
        "there is a batch normalization after the addition.",
        "Only a ReLU follows the addition.",
    ),
    (
        {"branch": "conv1 bn relu fork conv2 bn"},
        "the shortcut starts after the first convolution.",
        "It must start at the block's input. Is a variable overwritten before you add it?",
    ),
    (
        {"branch": "conv1 bn fork relu conv2 bn"},
        "the shortcut starts after the first batch normalization.",
        "It must start at the block's input. Is a variable overwritten before you add it?",
    ),
    (
        {"branch": "conv1 fork bn relu conv2 bn"},
        "the shortcut starts after the first convolution.",
        "It must start at the block's input. Is a variable overwritten before you add it?",
    ),
    (
        {"branch": "conv1 bn relu conv2 bn fork"},
        "the branch is added to itself.",
        "Keep the block's input in a variable of its own before the first layer.",
    ),
    (
        {"branch": "bn relu conv1 bn relu conv2", "end": ""},
        "batch normalization and ReLU come before each convolution: that is the order of v2.",
        "In v1 they come after it.",
    ),
    (
        {"branch": "conv1 bn relu", "kernels": (3,), "widths": "all the output's"},
        "there is one convolution only.",
        "The branch has two 3×3 convolutions.",
    ),
    *SHORTCUT_MISTAKES,
]

BOTTLENECK_MISTAKES = [
    (
        {"branch": "bn relu fork? conv1 bn relu conv2 bn relu conv3"},
        "the projection starts from the activated input, after the first BN-ReLU.",
        "Here the shortcut starts at the block's input, also where it projects. (The paper does it as you did.)",
    ),
    (
        {"branch": "bn relu fork conv1 bn relu conv2 bn relu conv3"},
        "the shortcut starts after the first BN-ReLU, also where the shapes agree.",
        "Then no value passes unchanged. Where must the shortcut start?",
    ),
    (
        {"branch": "bn fork relu conv1 bn relu conv2 bn relu conv3"},
        "the shortcut starts after the first batch normalization.",
        "Then no value passes unchanged. Where must the shortcut start?",
    ),
    (
        {"end": "relu"},
        "there is a ReLU after the addition.",
        "In v2 nothing follows the addition: the next block activates its own input.",
    ),
    (
        {"end": "bn relu"},
        "there is a BN-ReLU after the addition.",
        "In v2 nothing follows the addition: the next block activates its own input.",
    ),
    (
        {"branch": "conv1 bn relu conv2 bn relu conv3 bn", "end": "relu"},
        "batch normalization and ReLU come after each convolution: that is the order of v1.",
        "In v2 they come before it.",
    ),
    (
        {"branch": "conv1 bn relu conv2 bn relu conv3 bn"},
        "batch normalization and ReLU come after each convolution.",
        "In v2 they come before it.",
    ),
    (
        {"branch": "conv1 bn relu conv2 bn relu conv3 bn relu"},
        "batch normalization and ReLU come after each convolution.",
        "In v2 they come before it.",
    ),
    (
        {"branch": "bn relu conv1 bn relu conv2 bn relu conv3 bn"},
        "the branch ends with a batch normalization.",
        "In v2 the last convolution's output is added as it is.",
    ),
    (
        {"branch": "bn relu conv1 bn relu conv2 bn relu conv3 bn relu"},
        "the branch ends with a BN-ReLU.",
        "In v2 the last convolution's output is added as it is.",
    ),
    (
        {"bare": "never"},
        "preactivate=False changes nothing.",
        "With preactivate=False the first BN-ReLU is left out.",
    ),
    (
        {"bare": "always"},
        "the first BN-ReLU is missing, also with preactivate=True.",
        "With preactivate=True a BN-ReLU comes before the first convolution.",
    ),
    (
        {"bare": "without bn"},
        "preactivate=False leaves out the batch normalization, but not the ReLU.",
        "It leaves out both.",
    ),
    (
        {"bare": "without relu"},
        "preactivate=False leaves out the ReLU, but not the batch normalization.",
        "It leaves out both.",
    ),
    (
        {"branch": "relu bn conv1 relu bn conv2 relu bn conv3"},
        "the ReLU comes before the batch normalization.",
        "The order is batch normalization, ReLU, convolution.",
    ),
    (
        {"branch": "bn relu conv1 bn relu conv2 conv3"},
        "there is no BN-ReLU before the last convolution.",
        "There is one before each of the three.",
    ),
    (
        {"branch": "bn relu conv1 conv2 bn relu conv3"},
        "there is no BN-ReLU before the 3×3 convolution.",
        "There is one before each of the three.",
    ),
    (
        {"branch": "bn relu conv1 conv2 conv3"},
        "there is a BN-ReLU before the first convolution only.",
        "There is one before each of the three.",
    ),
    (
        {"branch": "relu conv1 relu conv2 relu conv3"},
        "there is no batch normalization.",
        "Before each ReLU comes one.",
    ),
    (
        {"branch": "bn conv1 bn conv2 bn conv3"},
        "there is no ReLU.",
        "After each batch normalization comes one.",
    ),
    (
        {"kernels": (3, 3, 3)},
        "all three convolutions have 3×3 kernels.",
        "A bottleneck has one 3×3 convolution, in its middle.",
    ),
    (
        {"kernels": (1, 1, 1)},
        "all three convolutions have 1×1 kernels.",
        "A bottleneck has a 3×3 convolution in its middle.",
    ),
    (
        {"widths": "a quarter inside"},
        "the inner convolutions have out_filters / 4 filters.",
        "They have `filters`, whatever out_filters is.",
    ),
    (
        {"widths": "four times outside"},
        "the last convolution has 4 × filters filters.",
        "It has `out_filters`, whatever filters is.",
    ),
    (
        {"widths": "all the output's"},
        "all three convolutions have out_filters filters.",
        "Only the last has: the first two have `filters`.",
    ),
    (
        {"widths": "all the inner"},
        "all three convolutions have `filters` filters.",
        "The last has `out_filters`.",
    ),
    *SHORTCUT_MISTAKES,
]

# What each check asks for by default: the fields of a Case.
IDENTITY_CASES = [
    ((6, 5, 8), {"filters": 8}, (8, 8)),
    ((8, 8, 16), {"filters": 16}, (16, 16)),
]
RESIDUAL_CASES = [
    ((8, 8, 16), {"filters": 16}, (16, 16)),
    ((8, 8, 16), {"filters": 32}, (32, 32), {"stride": 2}),
    ((7, 6, 8), {"filters": 12}, (12, 12)),
    ((6, 9, 8), {"filters": 8}, (8, 8), {"stride": 2}),
]
BOTTLENECK_CASES = [
    ((8, 8, 16), {"filters": 8, "out_filters": 16}, (8, 8, 16)),
    ((8, 6, 12), {"filters": 8, "out_filters": 20}, (8, 8, 20), {"stride": 2}),
    ((7, 6, 8), {"filters": 4, "out_filters": 12}, (4, 4, 12), {"preactivate": False}),
    ((6, 7, 8), {"filters": 4, "out_filters": 8}, (4, 4, 8), {"stride": 2, "preactivate": True}),
    # The projection depends on stride and channels, not on preactivate.
    ((8, 6, 12), {"filters": 8, "out_filters": 20}, (8, 8, 20)),
    ((7, 6, 8), {"filters": 4, "out_filters": 8}, (4, 4, 8), {"preactivate": False}),
]


def check_identity_block(answer, *, cases=IDENTITY_CASES):
    """Check `block(x, filters)`: the v1 block for an input that already has `filters` channels."""
    return _check(
        answer,
        RESIDUAL,
        RESIDUAL_MISTAKES,
        cases,
        "Right: with random weights it equals ReLU(x + branch(x)) for two shapes.",
    )


def check_residual_block(answer, *, cases=RESIDUAL_CASES):
    """Check `block(x, filters, stride=1)`: the v1 block with a projection where the shape changes."""
    return _check(
        answer,
        RESIDUAL,
        RESIDUAL_MISTAKES,
        cases,
        "Right: the shortcut is the identity where the shapes agree, and a 1×1 convolution where they do not.",
    )


def check_relu_position(answer, *, cases=IDENTITY_CASES):
    """Check `mended_block(x, filters)`: the v1 block again, mended of a ReLU before its addition."""
    return _check(
        answer,
        RESIDUAL,
        RESIDUAL_MISTAKES,
        cases,
        "Right: the ReLU sees the sum, and the branch can add and take away.",
    )


def check_bottleneck(answer, *, cases=BOTTLENECK_CASES):
    """Check `bottleneck(x, filters, out_filters, stride=1, preactivate=True)`: the article's v2 block."""
    return _check(
        answer,
        BOTTLENECK,
        BOTTLENECK_MISTAKES,
        cases,
        "Right: with random weights it equals shortcut(x) + branch(x), with and without the first BN-ReLU.",
    )


def _check(answer, recipe, mistakes, cases, success):
    asked = [Case(*case) for case in cases]

    @networks.undisturbed()
    def verify():
        runs = [_run(answer, case) for case in asked]
        misshaped = _misshaped(runs, asked)
        if networks.compare(runs, imitate, recipe, mistakes, shown=f"{misshaped[0]}: " if misshaped else ""):
            return success
        if misshaped:
            wrong(f"{misshaped[0]}.", misshaped[1])
        return _diagnose_order(runs, asked, recipe)

    return run(answer, verify)


def _run(answer, case):
    """Build the learner's block on an input, and run it with random weights."""
    x = keras.Input(case.shape)
    output = networks.build(answer, f"{case}", _remedy(case), x, *case.filters.values(), **case.options)
    kind = type(output).__name__
    if isinstance(output, keras.Layer):
        what = "model" if isinstance(output, keras.Model) else "layer"
        wrong(
            f"{case} the result is a {what} ({kind}), not a tensor.",
            "A block is a function from a tensor to a tensor: call each layer, and return the last one's output.",
        )
    if not isinstance(output, keras.KerasTensor):
        wrong(f"{case} the result is a {kind}, not a tensor.", "Return the tensor that the last layer gives.")
    try:
        model = keras.Model(x, output)
    except ValueError:
        wrong(f"{case} the result does not depend on x.", "Start from the x that the function gets.")
    bare = not case.options.get("preactivate", True)
    return networks.run(model, case.shape, f"{case}", widths=case.widths, stride=case.stride, bare=bare)


def _remedy(case):
    """Give the hint for an addition of two shapes, by whether this case changes the shape."""

    def remedy(first, second):
        if case.output_shape == case.shape:
            if first[:2] != second[:2]:
                return "The branch must keep the map's size. What does each convolution do at the map's edge?"
            return "The branch must end with as many channels as it is asked for. Does it use its arguments?"
        if first[:2] == second[:2]:
            return (
                "The shortcut has another number of channels than the branch. Which convolution can change that?"
            )
        return "Here the stride changes the shape. Does your shortcut follow it, also where the channels agree?"

    return remedy


def _misshaped(runs, cases):
    """Describe the first output of a wrong shape, if there is one, with a hint."""
    for learners, case in zip(runs, cases, strict=True):
        got, wanted = learners.output.shape[1:], case.output_shape
        if got != wanted:
            hint = "Which convolutions must have the stride, and what do they do at the map's edge?"
            if got[:2] == wanted[:2]:
                hint = "Does every convolution use the number of filters that the function is asked for?"
            return f"{case} the output has the shape {got}, not {wanted}", hint
    return None


def _diagnose_order(runs, cases, recipe):
    """Say which layers are there, or else where the learner's block departs from the right one."""
    for learners, case in zip(runs, cases, strict=True):
        wanted = networks.Sketch()
        imitate(wanted, learners.x, recipe, **learners.setting)
        differences = networks.differences(learners.calls, wanted.calls)
        if differences:
            wrong(
                f"{case} the block has other layers than the right one ({differences}).",
                "Draw the block, and count its layers.",
            )
        net = networks.Replay(learners.calls, strict=False)
        output = imitate(net, learners.x, recipe, **learners.setting)
        if networks.agree(learners.output, output):
            continue
        if net.departure is None:
            wrong(
                f"{case} all layers are right, but not what comes after the last.",
                "What follows the branch's end?",
            )
        wrong(
            f"{case} the {networks.describe(net.departure)} ({net.departure.layer.name}) is the first layer that "
            "gives something else than it should.",
            "What comes right before this layer, and what should?",
        )
    return wrong("the block differs from the right one.", "Draw it, layer by layer, and compare.")
