"""Checks of lessons 3 and 4: shortcuts and gates."""

import math

import numpy as np

from resnet_edu.checks.answers import run
from resnet_edu.checks.comparing import Call, array, close_arrays, close_numbers, compare


def check_padding_shortcut(answer, *, cases=None, seed=None):
    """Check `padding_shortcut(x, filters, stride)`: every stride-th pixel, and zeros as the new channels."""

    def verify():
        compare(
            answer,
            "padding_shortcut",
            _padding_calls(cases or PADDING_CASES, seed),
            read=array,
            right=_padded,
            mistakes=PADDING_MISTAKES,
            close=close_arrays,
            tell=_tell_array,
            hint="Do it in two steps: leave out pixels, then append zeros along the last axis.",
        )
        return (
            "Right: even and odd sizes, strides 1 to 3. It has no parameter, and the old channels pass unchanged."
        )

    return run(
        answer,
        verify,
        hint="x has the shape (batch, height, width, channels). Look at the shape after each of your steps.",
    )


# The shape of x, filters and stride.
PADDING_CASES = (
    ((2, 6, 8, 3), 8, 2),
    ((1, 7, 5, 4), 6, 2),
    ((3, 4, 5, 2), 5, 1),
    ((2, 5, 4, 3), 3, 1),
    ((2, 8, 11, 1), 4, 3),
)


def _padding_calls(cases, seed):
    rng = np.random.default_rng(seed)
    calls = []
    for shape, filters, stride in cases:
        x = rng.normal(size=shape).astype("float32")
        calls.append(Call(x, filters, stride, shown=f"(x, {filters}, {stride}) for x of shape {shape}"))
    return calls


def _tell_array(got, wanted):
    if got.shape != wanted.shape:
        return f"gave the shape {got.shape}, not {wanted.shape}"
    place = np.unravel_index(np.argmin(np.isclose(got, wanted, rtol=1e-5, atol=1e-6)), got.shape)
    at = ", ".join(str(int(index)) for index in place)
    return f"gave {got[place]:.4g} at [{at}], not {wanted[place]:.4g}"


def _padded(x, filters, stride):
    return _append_zeros(x[:, ::stride, ::stride], filters - x.shape[-1])


def _append_zeros(x, count, before=0):
    return np.pad(x, [(0, 0), (0, 0), (0, 0), (before, count)])


def _window(x, stride, reduce):
    """Reduce each stride × stride square of pixels to one; what is left over at the edges counts by itself."""
    rows = [reduce(x[:, i : i + stride], 1) for i in range(0, x.shape[1], stride)]
    x = np.stack(rows, 1)
    return np.stack([reduce(x[:, :, j : j + stride], 2) for j in range(0, x.shape[2], stride)], 2)


def _repeated(x, filters, stride):
    """The kept pixels' channels over and over until there are enough."""
    return np.take(x[:, ::stride, ::stride], np.arange(filters) % x.shape[-1], -1)


PADDING_MISTAKES = [
    (
        lambda x, filters, stride: _append_zeros(x[:, ::stride, ::stride], 0, filters - x.shape[-1]),
        "the zeros come before the old channels.",
        "Append them: the old channels keep their numbers.",
    ),
    (
        lambda x, filters, stride: _append_zeros(
            x[:, ::stride, ::stride], (filters - x.shape[-1] + 1) // 2, (filters - x.shape[-1]) // 2
        ),
        "the zeros are on both sides of the old channels.",
        "Append all of them at the end.",
    ),
    (
        lambda x, filters, stride: _append_zeros(x[:, ::stride, ::stride], filters),
        "`filters` channels were added.",
        "After it there are `filters` channels in all. How many are new?",
    ),
    (
        lambda x, filters, stride: _append_zeros(x, filters - x.shape[-1]),
        "no pixel was left out.",
        "Keep every stride-th row and column.",
    ),
    (
        lambda x, filters, stride: _append_zeros(x[:, ::stride], filters - x.shape[-1]),
        "only rows were left out.",
        "Keep every stride-th column too.",
    ),
    (
        lambda x, filters, stride: _append_zeros(x[:, :, ::stride], filters - x.shape[-1]),
        "only columns were left out.",
        "Keep every stride-th row too.",
    ),
    (
        lambda x, filters, stride: _append_zeros(x[::stride, ::stride], filters - x.shape[-1]),
        "images of the batch were left out.",
        "The first axis is the batch; height and width come after it.",
    ),
    (
        lambda x, filters, stride: _append_zeros(x[:, ::stride, ::stride, ::stride], filters - x.shape[-1]),
        "channels were left out too.",
        "The stride is for height and width only.",
    ),
    (
        lambda x, filters, stride: x[:, ::stride, ::stride],
        "the new channels are missing.",
        "Append zeros along the last axis.",
    ),
    (
        lambda x, filters, stride: _append_zeros(
            x[:, stride - 1 :: stride, stride - 1 :: stride], filters - x.shape[-1]
        ),
        "the first pixels were left out.",
        "Begin with pixel 0.",
    ),
    (
        lambda x, filters, stride: _append_zeros(
            x[:, : math.ceil(x.shape[1] / stride), : math.ceil(x.shape[2] / stride)], filters - x.shape[-1]
        ),
        "a corner of the image was cut out.",
        "Keep every stride-th pixel of the whole image.",
    ),
    (
        lambda x, filters, stride: _append_zeros(
            x[:, : x.shape[1] // stride * stride : stride, : x.shape[2] // stride * stride : stride],
            filters - x.shape[-1],
        ),
        "at an odd size the last row or column is missing.",
        "Of 5 pixels a stride of 2 keeps three: 0, 2 and 4.",
    ),
    (
        lambda x, filters, stride: _append_zeros(_window(x, stride, np.mean), filters - x.shape[-1]),
        "pixels were averaged.",
        "Option A leaves pixels out; it does not pool.",
    ),
    (
        lambda x, filters, stride: _append_zeros(_window(x, stride, np.max), filters - x.shape[-1]),
        "the largest of the pixels was taken.",
        "Option A leaves pixels out; it does not pool.",
    ),
    (
        _repeated,
        "the new channels repeat the old ones.",
        "The new channels are zeros.",
    ),
    (
        lambda x, filters, stride: np.pad(
            x[:, ::stride, ::stride], [(0, 0)] * 3 + [(0, filters - x.shape[-1])], constant_values=1
        ),
        "the new channels are ones.",
        "The new channels are zeros.",
    ),
]


def check_gate_bias(answer, *, cases=(0.5, 0.01, 0.95), seed=None):
    """Check `gate_bias(share)`: the bias with which a highway gate lets `share` of its branch through."""

    def verify():
        drawn = np.random.default_rng(seed).uniform(0.15, 0.45, size=2).round(3).tolist()
        compare(
            answer,
            "gate_bias",
            [Call(share) for share in (drawn[0], round(1 - drawn[1], 3), *cases)],
            right=lambda share: math.log(share / (1 - share)),
            mistakes=GATE_MISTAKES,
            close=close_numbers(1e-4, floor=1e-4),  # solving it by bisection is right too
            hint="With all weights zero the gate is σ(bias). For which bias is that `share`?",
        )
        return "Right: σ(bias) is the share. A negative bias starts the block near the identity."

    return run(answer, verify, hint="The share is a number between 0 and 1; the bias may be any number.")


GATE_MISTAKES = [
    (
        lambda share: math.log((1 - share) / share),
        "the sign is wrong.",
        "A share above one half needs a positive bias: σ grows.",
    ),
    (
        lambda share: 1 / (1 + math.exp(-share)),
        "that is the sigmoid of the share.",
        "The share comes out of the sigmoid; the bias goes in.",
    ),
    (lambda share: share, "that is the share itself.", "The gate takes the sigmoid of its bias."),
    (lambda share: share - 0.5, "that is the distance from one half.", "The sigmoid is no straight line."),
    (
        lambda share: 4 * share - 2,
        "that is the sigmoid's tangent at 0.",
        "Solve the equation without approximating.",
    ),
    (
        lambda share: share / (1 - share),
        "that is the ratio of the shares.",
        "It equals exp(bias). One step is left.",
    ),
    (lambda share: (1 - share) / share, "that is exp(-bias).", "Solve it for the bias."),
    (math.log, "that is the logarithm of the share.", "It would undo exp; undo σ instead."),
    (lambda share: math.log(1 - share), "that is the logarithm of what is held back.", "Undo σ, not exp."),
    (
        lambda share: math.log10(share / (1 - share)),
        "that is a logarithm to base 10.",
        "The sigmoid is made of e; take the natural logarithm.",
    ),
    (
        lambda share: math.log2(share / (1 - share)),
        "that is a logarithm to base 2.",
        "The sigmoid is made of e; take the natural logarithm.",
    ),
    (math.atanh, "that undoes tanh.", "The gate is a sigmoid."),
    (
        lambda share: math.atanh(2 * share - 1),
        "that is half of it.",
        "σ(z) = (1 + tanh(z/2)) / 2: mind the half inside.",
    ),
    (lambda share: share * (1 - share), "that is the slope of the gate.", "Which bias makes its value `share`?"),
]


def check_passed_on(answer, *, cases=((0.5, 1), (1.0, 54), (0.9, 54), (2, 10)), seed=None):
    """Check `passed_on(scale, blocks)`: the factor of a gradient along the pure shortcut path."""

    def verify():
        rng = np.random.default_rng(seed)
        below, above = round(float(rng.uniform(0.6, 0.95)), 3), round(float(rng.uniform(1.05, 1.3)), 3)
        few = int(rng.integers(3, 8))
        compare(
            answer,
            "passed_on",
            [Call(*case) for case in ((below, few), (above, few + 3), *cases)],
            right=lambda scale, blocks: scale**blocks,
            mistakes=PASSED_ON_MISTAKES,
            close=close_numbers(1e-4, floor=0),
            hint="Along the shortcut alone each block multiplies by one number. What do two blocks make of it?",
        )
        return "Right: scale**blocks. Only a scale of 1 neither lets this part vanish nor explode."

    return run(answer, verify)


PASSED_ON_MISTAKES = [
    (
        lambda scale, blocks: scale * blocks,
        "the factors were added.",
        "The chain rule multiplies the factors of nested functions.",
    ),
    (lambda scale, blocks: float(blocks) ** scale, "base and exponent are swapped.", "One factor for each block."),
    (
        lambda scale, blocks: scale ** (blocks - 1),
        "one block is missing.",
        "With blocks = 1 there is one factor already.",
    ),
    (lambda scale, blocks: scale ** (blocks + 1), "there is one factor too many.", "Count them for blocks = 1."),
    (
        lambda scale, blocks: scale ** (2 * blocks),
        "there are two factors for each block.",
        "The two convolutions belong to the branch; the shortcut is scaled once.",
    ),
    (
        lambda scale, blocks: (1 + scale) ** blocks,
        "a path besides the shortcut was counted.",
        "Leave out the branch: the derivative of scale · x alone.",
    ),
    (lambda scale, blocks: scale, "that is one block.", "Each of the blocks takes its factor."),
    (lambda scale, blocks: 1.0, "that is an unscaled shortcut.", "What is the derivative of scale · x?"),
    (
        lambda scale, blocks: (1 / scale) ** blocks,
        "the scale was divided by.",
        "A shortcut scaled by a half passes on half of the gradient.",
    ),
    (
        lambda scale, blocks: scale / blocks,
        "the scale was divided by the number of blocks.",
        "The chain rule multiplies the factors of nested functions.",
    ),
    (
        lambda scale, blocks: sum(scale**i for i in range(blocks)),
        "powers were added up.",
        "There is one pure shortcut path, and so one product.",
    ),
    (
        lambda scale, blocks: 1 - (1 - scale) * blocks,
        "what each block takes was added up.",
        "Each block takes its part of what is left.",
    ),
]
