"""Answers to the predict-then-run questions."""

import functools

from resnet_edu import checks

CORRECT = {
    functools.partial(checks.check_prediction, "sigmoid"): ["b", " B ", "b\n", "(b)", "b:"],
    functools.partial(checks.check_prediction, "batch_norm"): ["c", "C", " c"],
}

WRONG = {
    functools.partial(checks.check_prediction, "sigmoid"): [
        ("a", "close to the loss"),
        ("c", "at most 1/4"),
        ("d", "factors above 1"),
        ("e", "not one of the options"),
        (2, "not one of the options"),
    ],
    functools.partial(checks.check_prediction, "batch_norm"): [
        ("a", "nor the gradient dies"),
        ("b", "it is not even"),
        ("d", "the other way round"),
        ("", "not one of the options"),
        (["c"], "not one of the options"),
    ],
}

VALUES = set(CORRECT)
