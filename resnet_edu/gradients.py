"""Gradient norms, layer by layer.

The norm of a layer is the L2 norm of the gradient of the mean sparse cross-entropy with respect to the
layer's kernel. It says how strongly the loss asks this layer to change.
"""

import keras
import numpy as np
from keras import ops

from resnet_edu import backend, functional, models
from resnet_edu.logits import LogitsModel, check_layers_known, mean_cross_entropy


def gradient_norms(model, x, y):
    """Return `{layer name: gradient norm}` for every layer with a trainable kernel, in depth order.

    `model` is a Functional or Sequential classifier `(n, classes)` whose last layer is a Dense with or
    without softmax, a Softmax or an Activation; `x` is a batch of images as the model takes them, `y` holds `n`
    labels from 0. The gradient is that of the mean cross-entropy alone, without the model's regularization
    losses, and with the batch's own statistics in batch normalization that is not frozen. The model is left
    as it was: weights, moving statistics and compilation. Raises ValueError for a model or a batch that
    does not fit.
    """
    _check_model(model)
    _check_batch(model, x, y)
    kernels = dict(_trainable_kernels(model))
    if not kernels:
        raise ValueError(f"model {model.name!r} has no layer with a trainable kernel")
    return _measure_norms(model, kernels, x, y)


def signal_gradient_norms(model, x, y, layer_names):
    """Return `{layer name: norm of the gradient with respect to the layer's output}`, for the layers named.

    Where `gradient_norms` asks how strongly a kernel is to change, this asks how strongly the signal is, at a
    place of the network. Model, batch and errors are those of `gradient_norms`, and there is a ValueError for a
    name that no layer has between the input and the last one.
    """
    _check_model(model)
    _check_batch(model, x, y)
    between = {layer.name for layer in model.layers[:-1] if not isinstance(layer, keras.layers.InputLayer)}
    unknown = set(layer_names) - between
    if unknown:
        names = ", ".join(sorted(unknown))
        raise ValueError(f"model {model.name!r} has no layer called {names} between its input and its last layer")

    def call_and_probe(layer, *arguments, **options):
        signal = layer(*arguments, **options)
        return _SignalProbe(len(x), name=_probe_name(layer.name))(signal) if layer.name in layer_names else signal

    probed = rebuild(model, np.shape(x), call_and_probe)
    zeros = {name: probed.get_layer(_probe_name(name)).kernel for name in layer_names}
    return _measure_norms(probed, zeros, x, y)


def rebuild(model, batch_shape, call_layer):
    """Return a copy of `model` with its weights, for images of `batch_shape`; `call_layer` calls its layers.

    `call_layer(layer, *arguments, **options)` may put another layer behind a layer, or in its place where that has
    no weights.
    """
    images = keras.Input(batch_shape=batch_shape, name="rebuilt_images")
    if isinstance(model, keras.Sequential):  # of which Keras makes no copy with other calls
        model = keras.Model(model.inputs[0], model.outputs[0])
    copy = keras.models.clone_model(model, input_tensors=images, call_function=call_layer)
    for layer in model.layers:
        if layer.weights:
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    return copy


def fresh_gradient_norms(
    x,
    y,
    *,
    depth,
    network="plain",
    activation="relu",
    initializer="he_normal",
    batch_norm=True,
    num_classes=10,
    seed=0,
):
    """Return what `gradient_norms` returns for a freshly initialized network of `models`, sooner.

    `network` is "plain", "resnet_v1" or "resnet_v2". No model is built, which makes this several times as fast
    (`benchmarks/gradients.py`). `x` is `(n, height, width, channels)` of 4×4 to 32×32 pixels. An activation of
    your own must be a pure function, as it is compiled once. Raises ValueError for an unknown network, a depth
    that does not fit its rule, or images or labels that do not fit.
    """
    models.check_input_shape(np.shape(x)[1:])
    if max(np.shape(x)[1:3]) > 32:
        raise ValueError(f"images of at most 32×32 pixels are needed, not {x.shape[1]}×{x.shape[2]}")
    check_labels(y, images=len(x), classes=num_classes)
    x, y = ops.convert_to_tensor(x, "float32"), ops.convert_to_tensor(y, "int32")
    kernels = functional.draw_kernels(
        x.shape[-1], depth, network=network, initializer=initializer, num_classes=num_classes, seed=seed
    )
    gradients = backend.gradients(
        lambda kernels: functional.mean_loss(
            kernels, x, y, depth=depth, network=network, activation=activation, batch_norm=batch_norm
        ),
        kernels,
    )
    return {name: _norm(gradients[name]) for name in kernels}


def select_convolutions(norms):
    """Return the norms of stem and branches, without shortcuts and classifier: what a plot along depth shows.

    Goes by the layer names of `models`. Raises ValueError where no layer has such a name.
    """
    selected = {name: norm for name, norm in norms.items() if "_conv" in name}
    if not selected:
        raise ValueError(f"no layer is named like those of resnet_edu.models: {', '.join(norms)}")
    return selected


def trend_and_level(norms):
    """Return what gradient norms in depth order do on the way back, and how large they are: two numbers.

    The trend is the factor of one layer on the way from the last to the first, the level the mean of all norms;
    both are geometric means. Where a norm is 0 the level is 0, and the trend is NaN if it is the last one. Raises
    ValueError for fewer than two norms.
    """
    norms = np.asarray(norms, float)
    if norms.ndim != 1 or len(norms) < 2:
        raise ValueError(f"a trend needs the norms of two layers or more, in a row; their shape is {norms.shape}")
    with np.errstate(divide="ignore", invalid="ignore"):
        trend = (norms[0] / norms[-1]) ** (1 / (len(norms) - 1)) if norms[-1] else np.nan
        return float(trend), float(np.exp(np.mean(np.log(norms))))


def describe_norms(norms):
    """Return one line that says how the gradient changes along depth, and how large it is.

    The two are told apart. The trend compares the first convolution with the last: a ratio from 1/10 to 10 is
    called even. The level is the median over the convolutions.
    """
    values = list(select_convolutions(norms).values())
    first, last, level = values[0], values[-1], float(np.median(values))
    text = f"first {first:.1e}, last {last:.1e}"
    if not np.all(np.isfinite(values)):
        return f"{text}: the numbers overflow"
    if not all(values):
        return f"{text}: 0 in single precision at {values.count(0.0)} of {len(values)} layers"
    ratio = first / last
    trend = "even along depth"
    if not 0.1 <= ratio <= 10:
        trend = "vanishes towards the input" if ratio < 1 else "grows towards the input"
    size = "tiny" if level < 1e-4 else "huge" if level > 1e3 else "moderate"
    return f"{text}, ratio {ratio:.1e}: {trend}; level {size} ({level:.1e})"


def _trainable_kernels(model, prefix=""):
    """Yield name and kernel of each layer that has a trainable one; a model inside the model adds its name."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _trainable_kernels(layer, f"{prefix}{layer.name}/")
        elif getattr(getattr(layer, "kernel", None), "trainable", False):
            yield prefix + layer.name, layer.kernel


def _measure_norms(model, kernels, x, y):
    """Return `{name: gradient norm}` of the `kernels` (a dict) of `model`, and leave it as it was."""
    state = [(variable, ops.copy(variable.value)) for variable in model.non_trainable_variables]
    recorder = _NormRecorder()
    probe = _Probe(model, list(kernels.values()))
    # No loss scaling: under mixed_float16 it would skip the step whose norms are asked for.
    probe.compile(optimizer=recorder, run_eagerly=True, auto_scale_loss=False)
    try:
        probe.train_on_batch(np.asarray(x, "float32"), np.asarray(y, "int32"))
    finally:
        for variable, value in state:
            variable.assign(value)
    # A kernel that the loss does not depend on has no step on TensorFlow.
    return {name: recorder.norms.get(position, 0.0) for position, name in enumerate(kernels)}


def _norm(gradient):
    # In double precision: in single precision the square of 1e-23 is 0, that of 1e20 infinite. And by NumPy: JAX
    # would compile each of its operations for each shape.
    return float(np.linalg.norm(ops.convert_to_numpy(gradient).astype("float64").ravel()))


def _check_model(model):
    check_layers_known(model)
    if len(model.inputs) != 1 or len(model.outputs) != 1 or len(model.outputs[0].shape) != 2:
        raise ValueError(f"model {model.name!r} must have one input, and one output of shape (n, classes)")


def _check_batch(model, x, y):
    wanted, given = model.inputs[0].shape, np.shape(x)
    if len(wanted) != len(given) or any(side not in (None, got) for side, got in zip(wanted, given, strict=True)):
        raise ValueError(f"model {model.name!r} takes a batch of shape {wanted}; x has the shape {given}")
    check_labels(y, images=len(x), classes=model.outputs[0].shape[-1])


def check_labels(y, *, images, classes):
    """Raise ValueError unless `y` holds a label from 0 for each of so many images."""
    y = np.asarray(y)
    if not images or y.shape != (images,):
        raise ValueError(f"y must hold one label for each of the {images} images; its shape is {y.shape}")
    if not np.issubdtype(y.dtype, np.integer) or y.min() < 0 or y.max() >= classes:
        raise ValueError(f"y must hold whole numbers from 0 to {classes - 1}")


class _NormRecorder(keras.optimizers.Optimizer):
    """An optimizer whose step records the gradient's norm and leaves the weight alone.

    Keras hands every backend's gradients to `update_step`, so this needs no backend's own tape. They must have
    values by then: the step has to run eagerly.
    """

    def __init__(self):
        super().__init__(learning_rate=0.0)
        self.norms = {}  # by the position of the weight among those to train

    def update_step(self, gradient, variable, learning_rate):
        self.norms[self._get_variable_index(variable)] = _norm(gradient)


class _SignalProbe(keras.layers.Layer):
    """Adds zeros, as many as the signal has values: the gradient of these zeros is the gradient of the signal."""

    def __init__(self, batch, **kwargs):
        super().__init__(**kwargs)
        self.batch = batch

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(self.batch, *input_shape[1:]), initializer="zeros")

    def call(self, signal):
        return signal + self.kernel


def _probe_name(name):
    return f"{name}_probe"


class _Probe(LogitsModel):
    """A classifier's logits, trainable in its kernels only."""

    def __init__(self, model, kernels):
        super().__init__(model)
        self._kernels = kernels

    @property
    def trainable_variables(self):
        return self._kernels

    # The TensorFlow trainer asks for the weights, the JAX trainer for the variables.
    trainable_weights = trainable_variables

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return mean_cross_entropy(y, y_pred)
