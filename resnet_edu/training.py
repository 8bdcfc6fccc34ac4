"""Training, one epoch at a time."""

import gc
import os

import keras
import numpy as np

from resnet_edu import backend
from resnet_edu.gradients import gradient_norms, select_convolutions

PROBE_IMAGES = 64


def planned_epochs(epochs):
    """Return `epochs`, or 1 where RESNET_EDU_QUICK=1 asks for a short test run."""
    return 1 if os.environ.get("RESNET_EDU_QUICK") == "1" else epochs


def train_epochs(model, x, y, *, epochs, batch_size=64, learning_rate=1e-3, seed=0, should_stop=lambda: False):
    """Train `model` with Adam on `x` and `y`, and yield its `loss` and `accuracy` (a dict) after each epoch.

    Both are means over the batches of the epoch, in training mode; the loss contains the model's L2 terms. `seed`
    decides the order of the images. Images that do not fill a last batch are left out of that epoch. Once
    `should_stop()` is true, training ends after the batch in hand, and the unfinished epoch is not yielded.
    Raises ValueError where there are fewer images than `batch_size`.
    """
    if len(x) < batch_size:
        raise ValueError(f"{len(x)} images are fewer than one batch of {batch_size}")
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=backend.name() == "JAX",  # XLA takes minutes for a deep network on TensorFlow
    )
    # Makes the metrics' variables. Without them TensorFlow traces the training step twice, which doubles the wait.
    model.evaluate(x[:batch_size], y[:batch_size], batch_size=batch_size, verbose=0)
    stopper = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: setattr(model, "stop_training", should_stop())
    )
    rng = np.random.default_rng(seed)
    try:
        for _ in range(epochs):
            order = rng.permutation(len(x))[: len(x) // batch_size * batch_size]
            fitted = model.fit(
                x[order], y[order], batch_size=batch_size, shuffle=False, verbose=0, callbacks=[stopper]
            )
            if should_stop():
                return
            yield {name: values[0] for name, values in fitted.history.items()}
    finally:
        # The compiled steps of a deep network take hundreds of megabytes, and the next network needs them.
        model.train_function = model.test_function = None
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
