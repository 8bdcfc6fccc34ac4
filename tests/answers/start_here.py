"""Answers to the exercise of lesson 0."""

import numpy as np

from resnet_edu import checks

CORRECT = {
    checks.check_depth: [
        lambda n: 6 * n + 2,
        lambda n: 1 + sum(2 for _ in range(3 * n)) + 1,
        lambda n: np.int64(2 + 3 * 2 * n),
        lambda n: 6.0 * n + 2.0,
    ],
}

WRONG = {
    checks.check_depth: [
        (lambda n: 8, "the same at every other call"),
        (lambda n: 6 * n, "only the layers inside the blocks"),
        (lambda n: 6 * n + 1, "one layer is missing"),
        (lambda n: 3 * n + 2, "a block was counted as one layer"),
        (lambda n: 2 * n + 2, "one stage was counted"),
        (lambda n: 7 * n, "depth(1) gave 7, not 8"),
        (lambda n: str(6 * n + 2), "gave str, not a number"),
        (lambda n: 10**400, "gave int, not a number"),
        (lambda n: n / 0, "ZeroDivisionError"),
        (8, "a function is needed here, not int"),
    ],
}
