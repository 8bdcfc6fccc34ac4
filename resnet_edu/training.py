"""Training, one epoch at a time."""

import gc
import os

import keras
import numpy as np

from resnet_edu import backend
from resnet_edu.gradients import check_labels, gradient_norms, select_convolutions
from resnet_edu.recipe_training import choose_devices

PROBE_IMAGES = 64


def planned_epochs(epochs):
    """Return `epochs`, or 1 where RESNET_EDU_QUICK=1 asks for a short test run."""
    return 1 if os.environ.get("RESNET_EDU_QUICK") == "1" else epochs


def train_epochs(
    model, x, y, *, epochs, batch_size=64, learning_rate=1e-3, epsilon=1e-7, seed=0, should_stop=lambda: False
):
    """Train `model` with Adam on `x` and `y`, and yield its `loss` and `accuracy` (a dict) after each epoch.

    Both are means over the batches of the epoch, in training mode; the loss contains the model's L2 terms. `seed`
    decides the order of the images. Images that do not fill a last batch are left out of that epoch. `epsilon` is
    Adam's: a gradient far below it makes a small step. Once `should_stop()` is true, training ends after the batch
    in hand, and the unfinished epoch is not yielded. `model` ends in a softmax or in logits, and is Functional or
    Sequential. Raises ValueError for another one, for labels that do not fit, and for fewer images than a batch.
    """
    if len(x) < batch_size:
        raise ValueError(f"{len(x)} images are fewer than one batch of {batch_size}")
    steps = backend.training_steps(
        lambda: model,
        lambda: keras.optimizers.Adam(learning_rate, epsilon=epsilon),
        prepare=lambda images, shifts, flips: images,
        plain=lambda images: images,
        devices=choose_devices(),
        accelerated=backend.on_accelerator(),
    )
    check_labels(y, images=len(x), classes=model.outputs[0].shape[-1])  # now it is known to have outputs
    steps.place(x, y)
    rng = np.random.default_rng(seed)
    shape = (len(x) // batch_size, batch_size)
    shifts, flips = np.zeros((*shape, 2), "float32"), np.zeros(shape, bool)
    rates = np.full(shape[0], learning_rate, "float32")
    try:
        for _ in range(epochs):
            indices = rng.permutation(len(x))[: np.prod(shape)].astype("int32").reshape(shape)
            if not steps.begin_epoch(indices, shifts, flips, rates, should_stop=should_stop):
                return
            sums = np.zeros(3)
            for step in range(shape[0]):
                if should_stop():
                    return
                sums += steps.train(step, 1)[0]
            entropy, accuracy, l2 = (sums / shape[0]).tolist()
            steps.read()  # the model gets its new weights
            yield {"loss": entropy + l2, "accuracy": accuracy}
    finally:
        # The compiled steps of a deep network take hundreds of megabytes, and the next network needs them.
        steps.release()
        gc.collect()


def record_training(model, x, y, *, epochs, measure_at=(), **options):
    """Train as `train_epochs` does and return what was seen, ready for `runs.save_run`.

    Keys: `loss` and `accuracy`, a list with one number an epoch, and `norms`, which holds for each epoch of
    `measure_at` (0 is the moment before training) the gradient norms of all convolutions, in depth order, on the
    first 64 images.
    """
    record = {"loss": [], "accuracy": [], "norms": {}}

    def measure(epoch):
        if epoch in measure_at:
            norms = gradient_norms(model, x[:PROBE_IMAGES], y[:PROBE_IMAGES])
            record["norms"][str(epoch)] = list(select_convolutions(norms).values())

    measure(0)
    for epoch, figures in enumerate(train_epochs(model, x, y, epochs=epochs, **options), start=1):
        for name, value in figures.items():
            record[name].append(value)
        measure(epoch)
    return record
