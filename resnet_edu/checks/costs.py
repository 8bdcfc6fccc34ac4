"""Checks of lessons 4 and 5: what a network costs."""

import functools
import itertools
import math
import operator

import numpy as np

from resnet_edu.checks.answers import TooSlowError, run, wrong
from resnet_edu.checks.comparing import Call, as_number, ask, diagnose, diagnose_pairs, pair, tell_count
from resnet_edu.models import STAGE_FILTERS


def v2_parameters(depth):
    """Count what the article's ResNet v2 of `depth` layers has, for 32×32×3 images and 10 classes."""
    n, total, channels = (depth - 2) // 9, 9 * 3 * 16 + 5 * 16, 16
    for stage, (inner, outer) in enumerate(((16, 64), (64, 128), (128, 256))):
        for number in range(n):
            first_norm = 4 * channels if stage or number else 0  # the very first block has none
            total += (
                first_norm + (channels + 1) * inner + 8 * inner + (9 * inner + 1) * inner + (inner + 1) * outer
            )
            total += (channels + 1) * outer if number == 0 else 0
            channels = outer
    return total + 4 * channels + (channels + 1) * 10


def check_conv_cost(answer, *, seed=None):
    """Check `conv_cost(height, width, channels_in, filters, kernel=3, stride=1, bias=True)`: a pair of counts."""

    def verify():
        calls = _conv_calls(seed)
        diagnose_pairs(
            ask(answer, "conv_cost", calls, pair),
            "conv_cost",
            calls,
            {
                "right": _conv_parameters,
                "mistakes": CONV_PARAMETER_MISTAKES,
                "tell": functools.partial(tell_count, unit=" parameters"),
                "hint": "A filter has a weight for each value under it, and one bias. How many filters are there?",
            },
            {
                "right": _multiply_adds,
                "mistakes": MULTIPLY_ADD_MISTAKES,
                "tell": functools.partial(tell_count, unit=" multiply-adds"),
                "hint": "Count those for one output value, then count the output values.",
            },
        )
        return "Right: the parameters do not depend on the size of the image; the multiply-adds do."

    return run(
        answer, verify, hint="The arguments are height, width, channels_in, filters, kernel, stride and bias."
    )


def _conv_calls(seed):
    """Calls with every option at least once by default, and with sizes that a stride does not divide."""
    rng = np.random.default_rng(seed)

    def draw(*ranges):
        return [int(rng.integers(low, high)) for low, high in ranges]

    height, width, channels, filters = (4, 12), (13, 24), (3, 9), (10, 20)
    return [
        Call(*draw(height, width, channels, filters)),
        Call(*(2 * side for side in draw(height, width)), *draw(channels, filters), stride=2),
        Call(*(2 * side + 1 for side in draw(height, width)), *draw(channels, filters), stride=2, bias=False),
        Call(*draw(height, width, channels, filters), kernel=1),
        Call(*(3 * side + 1 for side in draw(height, width)), *draw(channels, filters), kernel=5, stride=3),
    ]


def _conv_parameters(height, width, channels_in, filters, kernel=3, stride=1, bias=True):
    return kernel * kernel * channels_in * filters + bias * filters


def _multiply_adds(height, width, channels_in, filters, kernel=3, stride=1, bias=True):
    return kernel * kernel * channels_in * filters * math.ceil(height / stride) * math.ceil(width / stride)


def _seen(count):
    """Let `count` see the arguments of `conv_cost` and what they add up to, by name: it is one mistake."""

    def mistaken(height, width, channels_in, filters, kernel=3, stride=1, bias=True):
        given = (height, width, channels_in, filters, kernel, stride, bias)
        names = ("height", "width", "channels_in", "filters", "kernel", "stride", "bias")
        weights = kernel**2 * channels_in * filters
        pixels = math.ceil(height / stride) * math.ceil(width / stride)
        seen = dict(zip(names, given, strict=True), weights=weights, pixels=pixels)
        return count(seen)

    return mistaken


def _row(count, symptom, hint):
    return _seen(count), symptom, hint


CONV_PARAMETER_MISTAKES = [
    _row(operator.itemgetter("weights"), "the biases are missing.", "Each filter adds one number to its sums."),
    _row(
        lambda c: c["weights"] + c["filters"],
        "the biases were counted without being there.",
        "With bias=False the filters have weights only.",
    ),
    _row(
        lambda c: c["weights"] + c["bias"],
        "all filters were given one bias together.",
        "Each filter has a bias of its own.",
    ),
    _row(
        lambda c: c["weights"] + c["bias"] * c["channels_in"],
        "the biases were counted by input channel.",
        "A bias is added to an output value. How many channels has the output?",
    ),
    _row(
        lambda c: c["weights"] + c["bias"] * c["filters"] * c["channels_in"],
        "each filter was given a bias for every input channel.",
        "A filter sums over all input channels; one bias is added to that sum.",
    ),
    _row(
        lambda c: c["kernel"] * c["channels_in"] * c["filters"] + c["bias"] * c["filters"],
        "the kernel was counted along one side only.",
        "A kernel of 3 covers 3 × 3 pixels.",
    ),
    _row(
        lambda c: 9 * c["channels_in"] * c["filters"] + c["bias"] * c["filters"],
        "a kernel of 3×3 was counted, whatever `kernel` says.",
        "Use the argument `kernel`.",
    ),
    _row(
        lambda c: c["kernel"] ** 2 * c["filters"] + c["bias"] * c["filters"],
        "the input channels are missing.",
        "A filter looks at all channels of the pixels under it.",
    ),
    _row(
        lambda c: c["kernel"] ** 2 * c["channels_in"] + c["bias"] * c["filters"],
        "the weights of one filter were counted.",
        "Each of the filters has weights of its own.",
    ),
    _row(
        lambda c: (c["weights"] + c["bias"] * c["filters"]) * c["pixels"],
        "the weights were counted at every pixel.",
        "A convolution uses the same weights everywhere in the image.",
    ),
]
MULTIPLY_ADD_MISTAKES = [
    _row(
        lambda c: c["weights"] * c["height"] * c["width"],
        "the stride is missing.",
        "Count the output's pixels. A stride of 2 leaves out every second row and column.",
    ),
    _row(
        lambda c: c["weights"] * (c["height"] // c["stride"]) * (c["width"] // c["stride"]),
        "an output size was rounded down.",
        "A row of 5 pixels has the places 0, 2 and 4 for a stride of 2: round up.",
    ),
    _row(
        lambda c: c["weights"] * c["height"] * c["width"] / c["stride"] ** 2,
        "the output sizes were not rounded.",
        "Work out the output's height first: it is a whole number, rounded up.",
    ),
    _row(
        lambda c: c["weights"] * (c["height"] * c["width"] // c["stride"] ** 2),
        "the pixels were divided together and rounded down.",
        "Work out the output's height and width first, each rounded up.",
    ),
    _row(
        lambda c: c["weights"] * math.ceil(c["height"] * c["width"] / c["stride"] ** 2),
        "the pixels were divided together.",
        "Work out the output's height and width first, each rounded up.",
    ),
    _row(
        lambda c: c["weights"] * math.ceil(c["height"] / c["stride"]) * c["width"],
        "the stride was used for the height only.",
        "The kernel moves by the stride in both directions.",
    ),
    _row(
        lambda c: c["weights"] * math.ceil(c["height"] * c["width"] / c["stride"]),
        "the stride was used once.",
        "The kernel moves by the stride in both directions.",
    ),
    _row(
        lambda c: c["weights"] * _valid(c["height"], c) * _valid(c["width"], c),
        "that is a convolution without padding.",
        "With same padding and a stride of 1 the output is as large as the input.",
    ),
    _row(
        lambda c: c["channels_in"] * c["filters"] * _inside(c["height"], c) * _inside(c["width"], c),
        "the products with the zeros of the padding were left out.",
        "By convention they are counted: every output value costs the same.",
    ),
    _row(
        lambda c: (c["weights"] + c["bias"] * c["filters"]) * c["pixels"],
        "the biases were counted.",
        "A bias is added without a multiplication.",
    ),
    _row(
        lambda c: (c["weights"] + c["filters"]) * c["pixels"],
        "the biases were counted.",
        "A bias is added without a multiplication.",
    ),
    _row(
        lambda c: 2 * c["weights"] * c["pixels"],
        "each multiplication and each addition was counted by itself.",
        "One multiply-add is a multiplication together with its addition.",
    ),
    _row(
        operator.itemgetter("weights"),
        "that is one output pixel.",
        "The same sums are taken at every pixel of the output.",
    ),
    _row(
        lambda c: c["kernel"] ** 2 * c["channels_in"] * c["pixels"],
        "that is one filter.",
        "Each output pixel has one value for each filter.",
    ),
    _row(
        lambda c: c["kernel"] ** 2 * c["filters"] * c["pixels"],
        "the input channels are missing.",
        "One output value sums over all input channels.",
    ),
    _row(
        lambda c: c["kernel"] * c["channels_in"] * c["filters"] * c["pixels"],
        "the kernel was counted along one side only.",
        "A kernel of 3 covers 3 × 3 pixels.",
    ),
    _row(
        lambda c: 9 * c["channels_in"] * c["filters"] * c["pixels"],
        "a kernel of 3×3 was counted, whatever `kernel` says.",
        "Use the argument `kernel`.",
    ),
]


def _valid(side, c):
    return (side - c["kernel"]) // c["stride"] + 1


def _inside(side, c):
    """Count the places of a kernel along one side that lie in the image, over all output places."""
    kernel, stride = c["kernel"], c["stride"]
    places = math.ceil(side / stride)
    before = max((places - 1) * stride + kernel - side, 0) // 2
    starts = [place * stride - before for place in range(places)]
    return sum(min(start + kernel, side) - max(start, 0) for start in starts)


def check_count_parameters(answer, *, cases=None):
    """Check `count_parameters(depth)`: the parameters of the article's v1 for 32×32×3 images, 10 classes."""

    def verify():
        # Three points for a straight line, and small networks: an answer may build them to count.
        depths = cases or (20, 8, 6 * int(np.random.default_rng().integers(5, 9)) + 2)
        calls = [Call(depth) for depth in depths]
        try:
            got = ask(answer, "count_parameters", calls)
        except TooSlowError:  # the first network that a session builds takes long on JAX, the next ones do not
            wrong(
                "no answer after many seconds.", "If it builds networks to count, check it once more; else count."
            )
        diagnose(
            got,
            "count_parameters",
            calls,
            right=v1_parameters,
            mistakes=_count_mistakes(),
            tell=tell_count,
            hint="Go through the network from the stem to the classifier and compare with model.summary().",
        )
        return "Right: v1-20 has 274,442 parameters, v1-56 has 861,770 and v1-110 has 1,742,762."

    return run(answer, verify)


def v1_parameters(
    depth,
    *,
    n_of=lambda depth: (depth - 2) // 6,
    stem=(3, 16),
    stem_bn=True,
    bias=1,
    bn=4,
    projected="new shape",
    entry="half",
    classifier=(64, 10, 1),
):
    """Count what the article's ResNet v1 of `depth` layers has, or, with other keywords, what a mistake counts.

    `projected` says which blocks have a projection, `entry` how many channels a stage's first convolution reads.
    """
    n, total, channels = n_of(depth), 0, STAGE_FILTERS[0]
    if stem:
        total += 9 * math.prod(stem) + (bias + bn * stem_bn) * stem[1]
    for filters in STAGE_FILTERS if n else ():
        total += 9 * (channels if entry == "half" else filters) * filters + (2 * n - 1) * 9 * filters**2
        total += 2 * n * (bias + bn) * filters
        total += _projections(projected, channels, filters, n, bias=bias, bn=bn)
        channels = filters
    return total + classifier[0] * classifier[1] + classifier[2] * classifier[1]


def _projections(projected, channels, filters, n, *, bias, bn):
    changes = channels != filters
    one = channels * filters + bias * filters
    return {
        "never": 0,
        "new shape": changes * one,
        "with BN": changes * (one + bn * filters),
        "3×3": changes * (one + 8 * channels * filters),
        "each stage": one,
        "each block": one + (n - 1) * (filters + bias) * filters,
    }[projected]


COUNT_MISTAKES = [
    ({"bn": 0}, "batch normalization is missing.", "It has four numbers for each channel."),
    (
        {"bn": 2},
        "batch normalization was counted with two numbers for each channel.",
        "Besides scale and shift it keeps a moving mean and a moving variance; Keras counts them too.",
    ),
    ({"bn": 1}, "batch normalization was counted with one number for each channel.", "Count its four vectors."),
    ({"bias": 0}, "the convolutions' biases are missing.", "The article's convolutions have one for each filter."),
    ({"projected": "never"}, "the projections are missing.", "What brings the shortcut to the new shape?"),
    (
        {"projected": "each block"},
        "every block was given a projection.",
        "Where a block's input and output agree in shape, the shortcut is the identity.",
    ),
    (
        {"projected": "each stage"},
        "stage 1 was given a projection.",
        "The stem gives 16 channels already, as stage 1 needs.",
    ),
    (
        {"projected": "with BN"},
        "the projections were given batch normalization.",
        "In the article's network a projection is a convolution and nothing else.",
    ),
    ({"projected": "3×3"}, "the projections were counted as 3×3 convolutions.", "Their kernel is 1×1."),
    ({"classifier": (64, 10, 0)}, "the classifier's biases are missing.", "It has one for each class."),
    ({"classifier": (0, 0, 0)}, "the classifier is missing.", "The last layer is dense: 64 values to 10 classes."),
    (
        {"classifier": (64 * 64, 10, 1)},
        "the classifier was counted for all 8×8 pixels.",
        "Pooling comes before it and leaves one value for each channel.",
    ),
    ({"stem": None}, "the stem is missing.", "The network begins with a convolution from 3 to 16 channels."),
    ({"stem_bn": False}, "the stem's batch normalization is missing.", "The stem too has one after it."),
    ({"stem": (1, 16)}, "the stem was counted for one channel.", "The images have three colours."),
    ({"stem": (16, 16)}, "the stem was counted for 16 channels.", "It reads the image itself."),
    (
        {"entry": "full"},
        "each stage's first convolution was counted like the others.",
        "It reads the channels of the stage before, half as many.",
    ),
    (
        {"n_of": lambda depth: (depth - 2) // 3},
        "there are twice as many blocks as there should be.",
        "Each block has two convolutions: depth = 6n + 2.",
    ),
    (
        {"n_of": lambda depth: (depth - 2) // 6 + 1},
        "there is one block too many in each stage.",
        "Stem and classifier are no blocks: depth = 6n + 2.",
    ),
    (
        {"n_of": lambda depth: (depth - 2) // 6 - 1},
        "there is one block too few in each stage.",
        "Work n out for depth = 8 by hand: 8 = 6n + 2.",
    ),
    ({"n_of": lambda depth: (depth - 2) // 9}, "that is the rule of v2.", "v1's depth is 6n + 2."),
    ({"n_of": lambda depth: depth / 6}, "depth / 6 is no whole number.", "Take the 2 off first: depth = 6n + 2."),
    ({"n_of": lambda depth: (depth - 2) // 2}, "all blocks were counted in every stage.", "n is for one stage."),
]


def _count_mistakes():
    """The mistakes one at a time and then any two together, as a long count seldom has only one."""
    singles = [(functools.partial(v1_parameters, **changes), *told) for changes, *told in COUNT_MISTAKES]
    pairs = [
        (functools.partial(v1_parameters, **one, **other), f"{symptom[:-1]}, and {also}", hint)
        for (one, symptom, hint), (other, also, _) in itertools.combinations(COUNT_MISTAKES, 2)
        if not set(one) & set(other)
    ]
    return singles + pairs


def check_fair_depth(answer, *, v2_depth=20):
    """Check the depth of the article's ResNet v1 that has nearly as many parameters as its ResNet v2."""
    wanted = v2_parameters(v2_depth)

    def verify():
        if callable(answer):
            wrong("the answer is a function, not a number.", "Give the depth itself.")
        depth = as_number(answer)
        if depth is None:
            wrong(f"the answer is of the type {type(answer).__name__}, not a number.", "Give one whole number.")
        if depth == 6:
            wrong("6 is n, not the depth.", "The depth is 6n + 2.")
        if depth == wanted:
            wrong(f"that is the number of parameters of v2-{v2_depth}.", "Which depth of v1 comes nearest to it?")
        if depth < 8 or (depth - 2) % 6 != 0:
            wrong(f"v1 cannot have the depth {depth:g}.", "Its depth is 6n + 2: 8, 14, 20, …")
        _diagnose_fair_depth(int(depth), v2_depth)
        count = v1_parameters(int(depth))
        return (
            f"Right: v1-{depth:g} has {count:,} parameters, {100 * abs(1 - count / wanted):.0f} % "
            f"{'fewer' if count < wanted else 'more'} than v2-{v2_depth} with {wanted:,}."
        )

    return run(answer, verify)


def fair_depth(v2_depth):
    """Return the depth of the article's ResNet v1 that comes nearest to its ResNet v2 in parameters."""
    wanted = v2_parameters(v2_depth)
    return min(range(8, 1200, 6), key=lambda depth: abs(v1_parameters(depth) - wanted))


def _diagnose_fair_depth(depth, v2_depth):
    count, right = v1_parameters(depth), fair_depth(v2_depth)
    shown = f"v1-{depth} has {count:,} parameters, v2-{v2_depth} has {v2_parameters(v2_depth):,}"
    if depth == v2_depth:
        wrong(f"{shown}: equal in depth, far from equal in size.", "Fair here means as many parameters.")
    if abs(depth - right) == 6:
        wrong(f"{shown}: near, but another depth comes nearer.", "Compare the differences of its neighbours too.")
    if depth < right:
        wrong(f"{shown}: v1 is too small.", "Each n adds three blocks. How many parameters are those?")
    if depth > right:
        wrong(f"{shown}: v1 is too large.", "Each n adds three blocks. How many parameters are those?")
