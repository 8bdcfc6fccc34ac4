"""What an exercise's answer got right, what not, and one hint.

Every `check_*` takes the learner's answer and returns a `Result`, whatever the answer is: wrong, unfinished,
failing or, on Unix and in the main thread, endless. A check tests properties and never a stored random value,
so that any correct answer passes. Each module holds the exercises of one subject.
"""

from resnet_edu.checks.predictions import check_prediction
from resnet_edu.checks.start_here import check_depth
from resnet_edu.checks.vanishing_gradients import (
    check_backward_norms,
    check_he_stddev,
    check_rescue,
    check_shrink_factor,
)

__all__ = [
    "check_backward_norms",
    "check_depth",
    "check_he_stddev",
    "check_prediction",
    "check_rescue",
    "check_shrink_factor",
]
