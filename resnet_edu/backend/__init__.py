"""The one package that knows which backend Keras runs on."""

import contextlib
import gc
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


def _add_xla_flag(flag):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()


def _virtual_devices():
    text = os.environ.get("RESNET_EDU_VIRTUAL_DEVICES") or "1"
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"RESNET_EDU_VIRTUAL_DEVICES={text} must be a whole number of at least 1")
    return int(text)


def _make_virtual_devices():
    """Split the CPU into as many devices as RESNET_EDU_VIRTUAL_DEVICES says, to try training on several."""
    count = _virtual_devices()
    if count > 1 and keras.backend.backend() == "tensorflow":
        parts = [tensorflow.config.LogicalDeviceConfiguration()] * count
        cpu = tensorflow.config.list_physical_devices("CPU")[0]
        tensorflow.config.set_logical_device_configuration(cpu, parts)
    elif count > 1:
        _add_xla_flag(f"--xla_force_host_platform_device_count={count}")


_virtual_devices()  # a wrong value is told now: where the imports fail, their log is shown
with _quiet_start():
    import keras
    from keras import ops

    if keras.backend.backend() == "tensorflow":
        import tensorflow

        tensorflow.config.list_physical_devices()  # looks for a GPU now, and logs now that there is none
        _make_virtual_devices()
        # It takes several networks in one lesson for one that is traced again and again, and warns.
        tensorflow.get_logger().setLevel("ERROR")
    else:
        _make_virtual_devices()

# What the imports made lives as long as the program. To search its half a million objects for garbage stops a
# widget for a quarter of a second, every now and then.
gc.freeze()


def name():
    """Return the backend's name as its makers write it."""
    return {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}.get(
        keras.backend.backend(), keras.backend.backend()
    )


def version():
    """Return the backend's version, which the module knows: Binder's TensorFlow is the package tensorflow-cpu."""
    return sys.modules[keras.backend.backend()].__version__


def devices():
    """Return the names of the processors that the backend can use, such as `["CPU:0", "GPU:0"]`.

    Where RESNET_EDU_VIRTUAL_DEVICES asks for parts of the CPU, these alone.
    """
    parts = _virtual_devices()
    if parts > 1:
        return [f"CPU:{number}" for number in range(parts)]
    if keras.backend.backend() == "tensorflow":
        # Naming the logical devices would start TensorFlow, and no setting could be changed after that.
        gpus = [f"GPU:{number}" for number in range(len(tensorflow.config.list_physical_devices("GPU")))]
        return ["CPU:0", *gpus]
    return [device.upper() for device in keras.distribution.list_devices()]


def on_accelerator(names=None):
    """Say whether a GPU or TPU is among the processors of these names, by default all that the backend can use."""
    return not all(device.startswith("CPU") for device in names or devices())


def accelerator_names():
    """Return what the makers call the GPUs that the backend can use."""
    if keras.backend.backend() == "tensorflow":
        gpus = tensorflow.config.list_physical_devices("GPU")
        details = (tensorflow.config.experimental.get_device_details(gpu) for gpu in gpus)
        return [detail.get("device_name", "GPU") for detail in details]
    if not on_accelerator():
        return []
    import jax  # noqa: PLC0415

    return [device.device_kind for device in jax.devices()]


def make_deterministic():
    """Ask for equal results, bit for bit, from equal programs on this machine."""
    if keras.backend.backend() == "tensorflow":
        tensorflow.config.experimental.enable_op_determinism()
    else:
        _add_xla_flag("--xla_gpu_deterministic_ops=true")  # counts until the first computation


def share_device():
    """Leave memory of a GPU to other processes: in those to come, and in this one before it uses a device."""
    os.environ |= {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}


def training_steps(make_model, make_optimizer, **options):
    """Return the compiled steps of a network on this backend: a `steps.Steps`, which see for the options."""
    return steps_class()(make_model, make_optimizer, **options)


def steps_class():
    """Return this backend's subclass of `steps.Steps`."""
    match keras.backend.backend():
        case "tensorflow":
            from resnet_edu.backend.tensorflow_steps import TensorFlowSteps  # noqa: PLC0415

            return TensorFlowSteps
        case "jax":
            from resnet_edu.backend.jax_steps import JaxSteps  # noqa: PLC0415

            return JaxSteps
        case _:
            raise NotImplementedError(_unsupported())


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


def normalize_batch(x, scale, offset, *, epsilon):
    """Normalize each channel of `(n, h, w, c)` over the batch, then scale and shift it.

    `scale` and `offset` are `(c,)`. Returns the result, the mean and the variance, that of the batch, not the
    estimate for all data. The last two are for moving averages: rely on no gradient through them.
    """
    match keras.backend.backend():
        # One kernel each way instead of nine operations: a training step takes a third less time.
        case "tensorflow" if x.dtype in ("float32", "bfloat16"):
            outputs, mean, variance = tensorflow.compat.v1.nn.fused_batch_norm(x, scale, offset, epsilon=epsilon)
            count = ops.cast(ops.size(x), "float32") / x.shape[-1]
            return outputs, mean, variance * ((count - 1) / count)  # the kernel divides by one less
        case "jax":
            from resnet_edu.backend import jax_normalization  # noqa: PLC0415

            scale, offset = ops.convert_to_tensor(scale), ops.convert_to_tensor(offset)
            return jax_normalization.normalize_batch(x, scale, offset, epsilon)
    wide = ops.cast(x, keras.backend.result_type(x.dtype, "float32"))
    mean, variance = ops.moments(wide, axes=(0, 1, 2))
    outputs = ops.batch_normalization(wide, mean, variance, axis=-1, offset=offset, scale=scale, epsilon=epsilon)
    return ops.cast(outputs, x.dtype), mean, variance
