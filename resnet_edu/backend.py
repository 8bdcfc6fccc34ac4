"""The one file that knows which backend Keras runs on."""

import contextlib
import os
import sys
import tempfile


@contextlib.contextmanager
def _quiet_start():
    """Hold back what the backend's libraries log while they are loaded, and show it only if that fails.

    TensorFlow writes its first lines before any of its log settings apply, straight to file descriptor 2,
    from where they would land in a notebook's first cell.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with tempfile.TemporaryFile() as log:
        sys.stderr.flush()
        kept = os.dup(2)
        os.dup2(log.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            if failed:
                log.seek(0)
                sys.stderr.write(log.read().decode(errors="replace"))


with _quiet_start():
    import keras
    from keras import ops

    if keras.backend.backend() == "tensorflow":
        import tensorflow

        tensorflow.config.list_physical_devices()  # looks for a GPU now, and logs now that there is none
        # It takes several networks in one lesson for one that is traced again and again, and warns.
        tensorflow.get_logger().setLevel("ERROR")


def name():
    """Return the backend's name as its makers write it."""
    return {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}.get(
        keras.backend.backend(), keras.backend.backend()
    )


def devices():
    """Return the names of the processors that the backend can use, such as `["CPU:0", "GPU:0"]`."""
    if keras.backend.backend() == "tensorflow":
        found = [device.name for device in tensorflow.config.list_physical_devices()]
        return [name.removeprefix("/physical_device:") for name in found]
    return [device.upper() for device in keras.distribution.list_devices()]


def compiled(function):
    """Return `function`, of tensors only, compiled at its first call for the shapes of that call."""
    match keras.backend.backend():
        case "tensorflow":
            return tensorflow.function(function, autograph=False)
        case "jax":
            import jax  # noqa: PLC0415

            return jax.jit(function)
        case _:
            raise NotImplementedError(_unsupported())


def gradients(loss, arrays):
    """Return the gradient of the scalar `loss(arrays)` with respect to each tensor of the dict `arrays`.

    `loss` itself runs step by step; what it calls may be `compiled`. Raises NotImplementedError on a backend
    other than TensorFlow and JAX.
    """
    match keras.backend.backend():
        case "tensorflow":
            with tensorflow.GradientTape() as tape:
                tape.watch(arrays)
                value = loss(arrays)
            return tape.gradient(value, arrays)
        case "jax":
            import jax  # noqa: PLC0415

            return jax.grad(loss)(arrays)
        case _:
            raise NotImplementedError(_unsupported())


def _unsupported():
    return (
        f"the course runs on Keras with TensorFlow or JAX, not with {name()}; "
        "set KERAS_BACKEND=tensorflow before the first import of keras"
    )


def normalize_batch(x, *, epsilon):
    """Normalize each channel of `(n, h, w, c)` over the batch, as freshly initialized batch normalization does."""
    if keras.backend.backend() == "tensorflow":
        # One kernel each way instead of nine operations.
        scale, offset = ops.ones(x.shape[-1]), ops.zeros(x.shape[-1])
        return tensorflow.compat.v1.nn.fused_batch_norm(x, scale, offset, epsilon=epsilon)[0]
    mean, variance = ops.moments(x, axes=(0, 1, 2), keepdims=True)
    return (x - mean) * ops.rsqrt(variance + epsilon)
