"""Predict, then run: what each option of a question gets told."""

from resnet_edu.checks.answers import run, wrong

# For each question its options: whether it comes true, and why or why not.
PREDICTIONS = {
    "sigmoid": {
        "a": (
            False,
            "No: the last layer is as close to the loss as in a shallow network. Its gradient is not small.",
        ),
        "b": (True, "That is what happens: each layer on the way back takes its factor."),
        "c": (
            False,
            "No: equal norms need layers that pass on as much as they get. A sigmoid passes on at most 1/4, and "
            "these weights do not make up for it.",
        ),
        "d": (
            False,
            "No: growing needs factors above 1. A sigmoid's slope is at most 1/4, and these weights do not "
            "make up for it.",
        ),
    },
    "batch_norm": {
        "a": (
            False,
            "No: batch normalization rescales the signal at every layer, so neither it nor the gradient dies.",
        ),
        "b": (False, "No: it is not even, although each layer's signal is. Look at the first convolution's norm."),
        "c": (True, "That is what happens, and few people guess it. The text below says why."),
        "d": (False, "No: the order is the other way round. The layers near the input have the large gradients."),
    },
}


def check_prediction(question, answer):
    """Say whether the answer, a letter, to one of the `PREDICTIONS` came true, and why or why not."""

    def verify():
        if question not in PREDICTIONS:
            raise ValueError(f"no question is called {question!r}")
        options = PREDICTIONS[question]
        letter = answer.strip(" \n():.").lower() if isinstance(answer, str) else None
        if letter not in options:
            wrong("that is not one of the options.", f"Answer with one of {', '.join(map(repr, options))}.")
        came_true, why = options[letter]
        if not came_true:
            wrong(why, "Compare with the figure.")
        return why

    return run(answer, verify)
