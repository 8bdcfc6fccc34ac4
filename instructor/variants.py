"""What the graded test of each exercise asks for: other depths, shapes and weights than its open check.

A variant is the exercise's own check on other cases. `VARIANTS` maps the name of a check to a function that draws
its keywords; the seed of a course decides what is drawn, so that two classes get different tests. A question whose
answer is a value is asked again with other numbers: `QUESTIONS` has its new text and its new answer.
"""

import zlib
from dataclasses import dataclass

import numpy as np

import resnet_edu.backend  # noqa: F401, first, as it keeps TensorFlow from writing notes
from resnet_edu.checks.costs import fair_depth


def draw_keywords(check, seed):
    """Return the keywords for the graded call of this check, the same for the same seed."""
    rng = np.random.default_rng([zlib.crc32(str(seed).encode()), zlib.crc32(check.encode())])
    return VARIANTS[check](rng)


def _some(rng, values, count):
    """Draw `count` different values."""
    return [int(value) for value in rng.choice(list(values), count, replace=False)]


def _one(rng, values):
    return _some(rng, values, 1)[0]


def _seed(rng):
    return _one(rng, range(1000, 2**20))


def _he_shapes(rng):
    height, width, *channels = _some(rng, range(2, 7), 2) + _some(rng, range(5, 60), 8)
    kernels = [(height, width), (3, 3), (1, 1), (5, 5)]
    return [(*kernel, *channels[2 * i : 2 * i + 2]) for i, kernel in enumerate(kernels)]


def _identity_blocks(rng):
    return [
        ((*_some(rng, range(4, 9), 2), filters), {"filters": filters}, (filters, filters))
        for filters in _some(rng, (5, 6, 7, 9, 10, 12), 2)
    ]


def _residual_blocks(rng):
    """Each way in which stride and channels can change the shape, at even and odd sizes."""
    a, b, c, d = _some(rng, (5, 6, 7, 9, 10, 11), 4)
    size, odd = _one(rng, (4, 6, 10)), _one(rng, (5, 7, 9))
    return [
        ((size, odd, a), {"filters": a}, (a, a)),
        ((size, size, a), {"filters": b}, (b, b), {"stride": 2}),
        ((odd, size, c), {"filters": d}, (d, d)),
        ((size, odd, d), {"filters": d}, (d, d), {"stride": 2}),
    ]


def _bottlenecks(rng):
    a, b, c = _some(rng, (5, 6, 7, 9), 3)
    size, odd = _one(rng, (4, 6, 10)), _one(rng, (5, 7, 9))
    return [
        ((size, size, 2 * a), {"filters": a, "out_filters": 2 * a}, (a, a, 2 * a)),
        ((size, odd + 1, a), {"filters": b, "out_filters": 2 * b + 1}, (b, b, 2 * b + 1), {"stride": 2}),
        ((odd, size, b), {"filters": c, "out_filters": 3 * c}, (c, c, 3 * c), {"preactivate": False}),
        (
            (size, odd, 2 * c),
            {"filters": c, "out_filters": 2 * c},
            (c, c, 2 * c),
            {"stride": 2, "preactivate": True},
        ),
        ((odd, size, a), {"filters": c, "out_filters": 2 * b}, (c, c, 2 * b)),
        ((size, odd, 2 * b), {"filters": b, "out_filters": 2 * b}, (b, b, 2 * b), {"preactivate": False}),
    ]


def _networks(rng, *, blocks, wrong_depths):
    """A larger and a smaller network: blocks a stage, the images' channels, the classes."""
    larger, smaller = _some(rng, (2, 4, 5), 2)
    cases = [(_one(rng, blocks), larger, 10), (1, smaller, _one(rng, (4, 5, 6, 8, 9, 12)))]
    return {"cases": cases, "wrong_depths": [_one(rng, depths) for depths in wrong_depths]}


def _v1_networks(rng):
    return _networks(rng, blocks=(2, 4), wrong_depths=((9, 12, 16, 22, 27), (29, 47, 65), (2,)))


def _v2_networks(rng):
    return _networks(rng, blocks=(3,), wrong_depths=((13, 16, 19, 24), (8, 26, 32, 44), (2,)))


def _paddings(rng):
    a, b, c, d = _some(rng, range(2, 8), 4)
    even, odd = 2 * _one(rng, (2, 3, 5)), 2 * _one(rng, (2, 3, 4)) + 1
    return [
        ((2, even, even + 2, a), a + _one(rng, (2, 3, 6)), 2),
        ((1, odd, odd + 4, b), b + 3, 2),
        ((3, even, odd, c), c + 5, 1),
        ((2, odd, even, d), d, 1),
        ((2, 3 * even + 1, 3 * odd + 2, 1), 5, 3),
    ]


def _effects(rng):
    tables = [("good_init", 0.15, 1, 1, 0), ("shortcuts", 0.1, 4, 6, 3), ("batch_norm", -0.1, 6, 2, 7)]
    return [*tables, ("good_init", 0.2, *[int(count) for count in rng.permuted([7, 5, 3])])]


def _vggs(rng):
    """Two networks with another number of stages, filters and convolutions than the published ones."""
    return [
        tuple((8 * _one(rng, range(3, 40)), _one(rng, range(1, 4))) for _ in range(stages))
        for stages in _some(rng, (3, 4, 6), 2)
    ]


VARIANTS = {
    "check_depth": lambda rng: {"cases": _some(rng, range(4, 60), 4)},
    "check_shrink_factor": lambda rng: {"cases": [*_some(rng, range(4, 9), 2), *_some(rng, range(11, 39), 2)]},
    "check_he_stddev": lambda rng: {"cases": _he_shapes(rng)},
    "check_backward_norms": lambda rng: {
        "cases": [(depth, _one(rng, range(2, 7))) for depth in [1, *_some(rng, (2, 4, 5), 2)]],
        "seed": _seed(rng),
    },
    "check_rescue": lambda rng: {
        "depth": _one(rng, (38, 44, 50, 62)),
        "activation": "relu",
        "seeds": _some(rng, range(200, 1000), 2),
    },
    "check_verdict": lambda rng: {"seed": _seed(rng)},
    "check_identity_kernel": lambda rng: {"cases": [1, *_some(rng, range(5, 12), 3)], "seed": _seed(rng)},
    "check_trend_and_level": lambda rng: {"cases": [*_some(rng, (3, 6, 8, 9), 3), 2], "seed": _seed(rng)},
    "check_effect": lambda rng: {"cases": _effects(rng), "seed": _seed(rng)},
    "check_identity_block": lambda rng: {"cases": _identity_blocks(rng)},
    "check_residual_block": lambda rng: {"cases": _residual_blocks(rng)},
    "check_relu_position": lambda rng: {"cases": _identity_blocks(rng)},
    "check_gate_bias": lambda rng: {
        "cases": [share / 100 for share in _some(rng, (2, 3, 5, 8, 90, 92, 97), 3)],
        "seed": _seed(rng),
    },
    "check_passed_on": lambda rng: {
        "cases": [(0.7, 1), (1.0, _one(rng, range(20, 50))), (0.95, _one(rng, range(20, 50))), (3, 5)],
        "seed": _seed(rng),
    },
    "check_conv_cost": lambda rng: {"seed": _seed(rng)},
    "check_count_parameters": lambda rng: {"cases": _some(rng, (14, 26, 32, 38, 44, 50, 62), 3)},
    "check_resnet_v1": _v1_networks,
    "check_stride_position": _v1_networks,
    "check_padding_shortcut": lambda rng: {"cases": _paddings(rng), "seed": _seed(rng)},
    "check_bottleneck": lambda rng: {"cases": _bottlenecks(rng)},
    "check_projection": _v2_networks,
    "check_resnet_v2": _v2_networks,
    "check_fair_depth": lambda rng: {"v2_depth": _one(rng, (29, 38, 47, 65, 74, 83))},
    "check_hold_out": lambda rng: {
        "cases": [(10 * _one(rng, range(150, 190)), False), (10 * _one(rng, range(210, 240)), True)],
        "seed": _seed(rng),
    },
    "check_reduced_rate": lambda rng: {
        "epochs": [_one(rng, range(2, 79)), 120, 121, 160, 180, 181, _one(rng, range(185, 250))],
        "reductions": [0, 1, *_some(rng, (3, 4, 5, 6), 2)],
    },
    "check_monitor": lambda rng: {"metric": ("top3", "hits", "agreement", "share_right")[_one(rng, range(4))]},
    "check_l2_factor": lambda rng: {"cases": [digit * 1e-4 for digit in _some(rng, (2, 3, 4, 6, 7, 8), 3)]},
    "check_crop_and_flip": lambda rng: {
        "cases": [(6, 7, 7, 1), (_one(rng, (7, 9)), *_some(rng, (4, 6, 8, 9), 2), 3)],
        "seed": _seed(rng),
    },
    "check_accuracy_without": lambda rng: {"depth": _one(rng, (20, 26)), "seed": _seed(rng)},
    "check_path_share": lambda rng: {
        "cases": [(_one(rng, range(44, 53)), 4, 15), (7, 3, 3), (13, 0, 13), (_one(rng, range(8, 12)), 0, 2)],
        "seed": _seed(rng),
    },
    "check_branch_scale": lambda rng: {
        "cases": [(1, 3.0), (_one(rng, range(41, 70)), 4.0), (2, 9.0), (80, 2.5)],
        "seed": _seed(rng),
    },
    "check_autocorrelation": lambda rng: {
        "lags": [_one(rng, (2, 3)), *_some(rng, range(15, 29), 2)],
        "seed": _seed(rng),
    },
    "check_filter_normalize": lambda rng: {
        "shapes": [(5, 5, *_some(rng, (2, 3, 5, 7), 2)), (1, 1, *_some(rng, (4, 6, 8), 2)), (9, 4)],
        "seed": _seed(rng),
    },
    "check_vgg_cost": lambda rng: {"cases": _vggs(rng), "seed": _seed(rng)},
    "check_count_layers": lambda rng: {
        "cases": [
            (tuple(_some(rng, range(2, 30), 5)), 2),
            (tuple(_some(rng, range(2, 9), 3)), 4),
            ((3, 4, 23, 3), 3),
        ],
        "seed": _seed(rng),
    },
    "check_fold_bias": lambda rng: {"sizes": _some(rng, range(6, 60), 2), "seed": _seed(rng)},
    "check_best_rate": lambda rng: {"cases": [*_some(rng, (4, 5, 6, 7), 3), 3], "seed": _seed(rng)},
    "check_thrown_length": lambda rng: {
        "cases": [
            (_one(rng, range(4, 10)) + 0.5, _one(rng, range(5, 20)) + 0.5, _one(rng, range(2, 9)) / 20, m)
            for m in (0.25, 0.75)
        ],
        "seed": _seed(rng),
    },
    "check_dead_channels": lambda rng: {
        "cases": [(_one(rng, range(10, 40)), _one(rng, range(low, low + 8)) / 10) for low in (10, 18, 30)],
        "seed": _seed(rng),
    },
    "check_scale_for": lambda rng: {
        "cases": [
            (_one(rng, range(2, 9)) * 10.0**-power, _one(rng, range(1, 9)) / 4, _one(rng, range(15, 90)))
            for power in (4, 6)
        ],
        "seed": _seed(rng),
    },
    "check_first_step": lambda rng: {
        "cases": [(_one(rng, range(3, 12)), _one(rng, range(2, 50)) / 1000, 10.0**-power) for power in (2, 4, 8)],
        "seed": _seed(rng),
    },
    "check_interaction": lambda rng: {
        "cases": [tuple(value / 100 for value in _some(rng, range(10, 99), 4)) for _ in range(2)],
        "seed": _seed(rng),
    },
    "check_bottleneck_weights": lambda rng: {
        "cases": [(128, _one(rng, (24, 40, 48))), (320, 96, _one(rng, (4, 8, 16))), (640, 160, 5)],
        "seed": _seed(rng),
    },
}


@dataclass(frozen=True)
class Question:
    """A question whose answer is a value, asked anew: `text` and `answer` depend on what was drawn."""

    text: object
    answer: object


RESCUING_SCALE = 3.0  # of the weights: in the middle of what is right for plain ReLU networks of 38 to 62 layers

QUESTIONS = {
    "check_rescue": Question(
        text=lambda depth, activation, seeds: (
            f"A plain network of {depth} layers without batch normalization and without shortcuts. Its activation "
            f'stays `"{activation}"`. Find an `initializer` such that the gradient norms of all {depth - 1} '
            "convolutions lie between 0.001 and 1000, for new random weights. An answer has the form "
            f'`{{"activation": "{activation}", "initializer": "he_normal"}}`, which is not a right one. '
            "`keras.initializers.VarianceScaling` makes weights of any size."
        ),
        answer=lambda depth, activation, seeds: (
            f'{{"activation": "{activation}", "initializer": keras.initializers.VarianceScaling('
            f'scale={RESCUING_SCALE}, mode="fan_in", distribution="normal")}}'
        ),
    ),
    "check_fair_depth": Question(
        text=lambda v2_depth: (
            f"Against which ResNet v1 of the article should its ResNet v2-{v2_depth} be compared, if both are to "
            "have about the same number of parameters, for images of 32×32×3 and ten classes? Give the depth, "
            "$6n + 2$, that comes nearest."
        ),
        answer=lambda v2_depth: str(fair_depth(v2_depth)),
    ),
    "check_monitor": Question(
        text=lambda metric: (
            "A script compiles its network with "
            f'`metrics=[keras.metrics.SparseCategoricalAccuracy(name="{metric}")]` and gives `fit` the images '
            "that were kept back as validation data. Which name must its `ModelCheckpoint` monitor, to keep the "
            "epoch that is best on these images?"
        ),
        answer=lambda metric: f'"val_{metric}"',
    ),
}
