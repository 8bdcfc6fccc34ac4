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
    "degradation": {
        "a": (
            False,
            "No: more parameters let a network represent more. They do not say that training finds it.",
        ),
        "b": (False, "No: plain-20 and ResNet-56 fit this task within a few epochs, plain-56 does not."),
        "c": (True, "That is what happens: plain-56 does not even fit the images that it is trained on."),
        "d": (
            False,
            "No: that would be overfitting. Here the accuracy on the training images is already low.",
        ),
    },
    "gradients_during": {
        "a": (False, "No: this is what is usually told. Look at the first convolution of plain-56, on the right."),
        "b": (False, "No: they do not become equal. Compare both ends of the curve of plain-56."),
        "c": (True, "That is what happens. The gradient of the network that fails has not vanished."),
    },
    "careful_epoch": {
        "a": (False, "No: two of the three end far above all trainings without it."),
        "b": (True, "That is what happens. Seed 0 falls back later, at the same rate."),
        "c": (False, "No: plain-20 fits nearly all images. No training of plain-56 comes near that."),
    },
    "corners": {
        "a": (True, "That is what happens at this rate. At the smaller ones both together are best."),
        "b": (False, "No: at this rate all three networks guess. Compare the smallest one."),
        "c": (False, "No: at this rate two of the three guess. Compare the smaller ones."),
    },
    "dead_stem": {
        "a": (False, "No: BN sets the mean and the variance, and then adds beta, which the ReLU can cut off."),
        "b": (False, "No, more: count those that need more than 2.5 standard deviations."),
        "c": (True, "That is what happened: nine of 16 pass on nothing."),
    },
    "zero_branch": {
        "a": (False, "No: the branch is zero, but the shortcut still adds the input."),
        "b": (False, "Nearly: what does the ReLU after the addition do to negative values?"),
        "c": (True, "That is what happens: zero plus the input, and a ReLU that leaves it alone."),
        "d": (
            False,
            "No: BN adds a small number, epsilon, to the variance. 0 divided by its root is 0.",
        ),
    },
    "half_shortcut": {
        "a": (
            False,
            "No: this is the part that comes by the shortcuts alone. The branches pass gradients on, too.",
        ),
        "b": (
            False,
            "No: BN makes up for the halving in the branches, and then stretches what is left, as in lesson 1.",
        ),
        "c": (
            True,
            "That is what happens: only the part that comes by the shortcuts vanishes. The text below says why.",
        ),
        "d": (False, "No: even the part that comes by the shortcuts alone is not exactly 0."),
    },
    "stage_costs": {
        "a": (False, "No: its images are the largest, but each pixel costs the least."),
        "b": (False, "No: it has the most filters, but the fewest pixels."),
        "c": (True, "That is what happens: a quarter of the pixels, times four times the weights."),
    },
    "first_gradient_v2": {
        "a": (False, "No: v1's gradient has not vanished. Compare the first column."),
        "b": (
            True,
            "That is what happens in the article's networks: about seven times larger. V1's ReLUs do not make it "
            "vanish.",
        ),
        "c": (False, "No: the two differ by much more than the seeds do."),
        "d": (False, "No: both are of moderate size, and v2's is the smaller one."),
    },
    "selection": {
        "a": (
            False,
            "No: of several noisy figures the largest was taken. It is large in part by luck, and the luck does "
            "not come along to other images.",
        ),
        "b": (True, "That is what happens, on average: the luck of the images that chose stays with them."),
        "c": (False, "No: it is the other way round. The images that chose the epoch flatter it."),
    },
    "lesion": {
        "a": (False, "No: look at the median of the ResNet. Most of its blocks are hardly missed."),
        "b": (
            True,
            "That is what happens, in the median: plain-20 falls to near chance, the ResNets hardly notice.",
        ),
        "c": (False, "No: it is the other way round."),
        "d": (False, "No: the ResNets keep most of their accuracy without any one of most blocks."),
    },
    "shattering": {
        "a": (False, "No: compare the plain network without batch normalization, in the last row."),
        "b": (
            True,
            "That is what happens: without BN, 50 plain layers keep much of the agreement, on average.",
        ),
        "c": (False, "No: compare the plain network with 2 and with 50 layers."),
    },
    "vgg_152": {
        "a": (False, "No: count again. VGG-19's early layers work on large images with many filters."),
        "b": (True, "That is what happens: eight times as deep, and less than two thirds of the multiply-adds."),
        "c": (False, "No: they differ by more than a third."),
    },
    "imagenet_plain": {
        "a": (False, "No: the deeper plain network is the worse one, as in lesson 2."),
        "b": (True, "That is what was found: without shortcuts 34 layers are worse, with them better."),
        "c": (False, "No: with shortcuts the deeper one gains almost 3 points."),
    },
    "random_crop": {
        "a": (False, "No: look at how many different images came out."),
        "b": (True, "That is what happens in Keras 3: the layer draws once for the whole batch."),
        "c": (False, "No: so many there would be if each image had a place of its own, some by chance the same."),
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
            wrong(why, "Compare with what the cell shows.")
        return why

    return run(answer, verify)
