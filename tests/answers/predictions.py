"""Answers to the predict-then-run questions."""

import functools

from resnet_edu import checks

CORRECT = {
    functools.partial(checks.check_prediction, "sigmoid"): ["b", " B ", "b\n", "(b)", "b:"],
    functools.partial(checks.check_prediction, "batch_norm"): ["c", "C", " c"],
    functools.partial(checks.check_prediction, "degradation"): ["c", "C", "(c)"],
    functools.partial(checks.check_prediction, "gradients_during"): ["c", "C", "c."],
    functools.partial(checks.check_prediction, "careful_epoch"): ["b", "B", "b."],
    functools.partial(checks.check_prediction, "corners"): ["a", "A", "a:"],
    functools.partial(checks.check_prediction, "dead_stem"): ["c", "C", "c)"],
    functools.partial(checks.check_prediction, "zero_branch"): ["c", "C", "c)"],
    functools.partial(checks.check_prediction, "half_shortcut"): ["c", "C", "c:"],
    functools.partial(checks.check_prediction, "stage_costs"): ["c", "C", " c "],
    functools.partial(checks.check_prediction, "first_gradient_v2"): ["b", "B", "b)"],
    functools.partial(checks.check_prediction, "selection"): ["b", "B", " b"],
    functools.partial(checks.check_prediction, "random_crop"): ["b", "B", "b."],
    functools.partial(checks.check_prediction, "lesion"): ["b", "B", " b"],
    functools.partial(checks.check_prediction, "shattering"): ["b", "B", "b)"],
    functools.partial(checks.check_prediction, "vgg_152"): ["b", "B", "(b)"],
    functools.partial(checks.check_prediction, "imagenet_plain"): ["b", "B", "b:"],
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
    functools.partial(checks.check_prediction, "degradation"): [
        ("a", "represent more"),
        ("b", "within a few epochs"),
        ("d", "would be overfitting"),
        ("e", "not one of the options"),
        (3, "not one of the options"),
    ],
    functools.partial(checks.check_prediction, "gradients_during"): [
        ("a", "usually told"),
        ("b", "do not become equal"),
        ("d", "not one of the options"),
        ("", "not one of the options"),
        ({"c"}, "not one of the options"),
    ],
    functools.partial(checks.check_prediction, "careful_epoch"): [
        ("a", "far above all trainings without it"),
        ("c", "comes near that"),
        ("d", "not one of the options"),
        ("", "not one of the options"),
        (0.7, "not one of the options"),
    ],
    functools.partial(checks.check_prediction, "corners"): [
        ("b", "all three networks guess"),
        ("c", "two of the three guess"),
        ("d", "not one of the options"),
        ("", "not one of the options"),
        (0.1, "not one of the options"),
    ],
    functools.partial(checks.check_prediction, "dead_stem"): [
        ("a", "adds beta"),
        ("b", "No, more"),
        ("d", "not one of the options"),
        (9, "not one of the options"),
        (["c"], "not one of the options"),
    ],
    functools.partial(checks.check_prediction, "zero_branch"): [
        ("a", "still adds the input"),
        ("b", "negative values"),
        ("d", "epsilon"),
        ("identity", "not one of the options"),
        (0, "not one of the options"),
    ],
    functools.partial(checks.check_prediction, "half_shortcut"): [
        ("a", "by the shortcuts alone"),
        ("b", "makes up for the halving"),
        ("d", "not exactly 0"),
        ("cc", "not one of the options"),
        (1e-15, "not one of the options"),
    ],
    functools.partial(checks.check_prediction, "stage_costs"): [
        ("a", "each pixel costs the least"),
        ("b", "the fewest pixels"),
        ("d", "not one of the options"),
        ("stage 1", "not one of the options"),
        (1, "not one of the options"),
    ],
    functools.partial(checks.check_prediction, "first_gradient_v2"): [
        ("a", "has not vanished"),
        ("c", "more than the seeds do"),
        ("d", "v2's is the smaller one"),
        ("v1", "not one of the options"),
        (True, "not one of the options"),
    ],
    functools.partial(checks.check_prediction, "selection"): [
        ("a", "in part by luck"),
        ("c", "the other way round"),
        ("d", "not one of the options"),
        (0.5, "not one of the options"),
        ("", "not one of the options"),
    ],
    functools.partial(checks.check_prediction, "random_crop"): [
        ("a", "how many different images"),
        ("c", "a place of its own"),
        ("d", "not one of the options"),
        (1, "not one of the options"),
        ("bb", "not one of the options"),
    ],
    functools.partial(checks.check_prediction, "lesion"): [
        ("a", "hardly missed"),
        ("c", "the other way round"),
        ("d", "keep most of their accuracy"),
        ("e", "not one of the options"),
        (2, "not one of the options"),
    ],
    functools.partial(checks.check_prediction, "shattering"): [
        ("a", "in the last row"),
        ("c", "with 2 and with 50 layers"),
        ("d", "not one of the options"),
        ("", "not one of the options"),
        (0.8, "not one of the options"),
    ],
    functools.partial(checks.check_prediction, "vgg_152"): [
        ("a", "count again"),
        ("c", "more than a third"),
        ("d", "not one of the options"),
        (152, "not one of the options"),
        (["b"], "not one of the options"),
    ],
    functools.partial(checks.check_prediction, "imagenet_plain"): [
        ("a", "is the worse one"),
        ("c", "almost 3 points"),
        ("d", "not one of the options"),
        ("34", "not one of the options"),
        (True, "not one of the options"),
    ],
}

VALUES = set(CORRECT)
