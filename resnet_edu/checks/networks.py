"""A learner's network under inspection: its layers get random weights, and an imitation must agree with it.

A check runs the learner's network once and records each convolution, batch normalization and dense layer that
it calls, however deeply nested. An imitation then computes what the right network, or one with a usual mistake,
makes of the same weights. So a check judges what a network computes, and not how it is written. These three kinds
of layers are computed by NumPy both times, as JAX would compile each of their operations for each shape.
"""

import contextlib
import functools
import random
import re
import sys
import warnings
from collections import Counter
from dataclasses import dataclass, field, replace
from unittest import mock

import keras
import numpy as np
from keras import ops

from resnet_edu.checks.answers import (
    NothingReturnedError,
    TooSlowError,
    WrongAnswerError,
    call,
    error_hint,
    time_limit,
    wrong,
)

RUN_LIMIT = 20.0  # seconds for one call of the learner's network; a first call also compiles
# Of the largest value. Fine: NumPy has computed both sides, but for sums and activations. Coarse: Keras has
# computed one of them, perhaps on a GPU, which rounds more.
FINE, COARSE = 0.001, 0.01
UNUSUAL = ("unusual",)  # the settings of a layer that Keras computes
KINDS = {"conv": keras.layers.Conv2D, "bn": keras.layers.BatchNormalization, "dense": keras.layers.Dense}


class NoFitError(Exception):
    """The learner's layers do not fit into an imitation."""


@dataclass(frozen=True, eq=False)
class Call:
    """One layer that was called: what it got, and what it gave before its own activation.

    `shape` is that of its kernel, or of a batch normalization's channels; `settings` is what else its result
    depends on, such as the stride.
    """

    kind: str
    layer: keras.layers.Layer | None
    shape: tuple[int, ...]
    settings: tuple
    x: np.ndarray
    output: np.ndarray
    training: bool = False


@dataclass(frozen=True, eq=False)
class Run:
    """The learner's network on random images; `setting` is what an imitation must know about the case."""

    shown: str
    model: keras.Model
    x: np.ndarray
    output: np.ndarray
    calls: list[Call]
    setting: dict = field(default_factory=dict)

    def matches(self, imitate, recipe):
        """Say whether the imitation uses every recorded layer and agrees with the learner's network."""
        # Two layers with one input and one shape are told apart by their order alone, so both orders are tried.
        for calls in (self.calls, self.calls[::-1]):
            net = Replay(calls)
            with contextlib.suppress(NoFitError):
                if agree(self.output, imitate(net, self.x, recipe, **self.setting)) and not net.unused:
                    return True
        return False


class Replay:
    """The recorded layers for use in an imitation: each is taken once, where its shape fits.

    If `strict`, each must give the same as in the learner's network, except for the dense layer, whose input may
    still have the form of a map. Else `departure` is the first that does not.
    """

    def __init__(self, calls, *, strict=True):
        self.unused = list(calls)
        self.strict = strict
        self.departure = None

    def conv(self, x, filters, *, kernel_size=3, stride=1, padding="same"):
        shape = (kernel_size, kernel_size, x.shape[-1], filters)
        if padding == "symmetric":
            margin = (kernel_size // 2, kernel_size // 2)
            x, padding = np.pad(x, [(0, 0), margin, margin, (0, 0)]), "valid"
        strides = (stride, stride)
        settings = _settings(shape, strides, padding)
        return self._take("conv", shape, settings, x, lambda layer: _convolve(layer, x, strides, padding))

    def bn(self, x):
        return self._take("bn", x.shape[-1:], (), x, lambda layer: _normalize(layer, x))

    def dense(self, x, units):
        return self._take("dense", (x.shape[-1], units), (), x, lambda layer: _weigh(layer, x))

    def _take(self, kind, shape, settings, x, compute):
        """Use the first layer of this shape that gave the same in the learner's network, or else the first."""
        fitting = [one for one in self.unused if one.kind == kind and one.shape == tuple(shape)]
        for one in fitting:
            if one.settings == settings and agree(one.x, x):
                return self._use(one, one.output)
        for one in fitting:
            # Other settings can mean the same: zeros put around the map by a layer of their own.
            tolerance = COARSE if one.settings == UNUSUAL else FINE
            if one.settings != settings and agree(one.output, compute(one.layer), tolerance):
                return self._use(one, one.output)
        if not fitting or (self.strict and kind != "dense"):
            raise NoFitError
        self.departure = self.departure or fitting[0]
        return self._use(fitting[0], compute(fitting[0].layer))

    def _use(self, one, result):
        self.unused.remove(one)
        return result


class Sketch:
    """In an imitation instead of a replay, it notes the layers that the recipe wants, and computes nothing."""

    def __init__(self):
        self.calls = []

    def conv(self, x, filters, *, kernel_size=3, stride=1, padding="same"):
        size = [-(-side // stride) for side in x.shape[1:3]]
        shape = (kernel_size, kernel_size, x.shape[-1], filters)
        return self._note("conv", shape, x, np.zeros((len(x), *size, filters)))

    def bn(self, x):
        return self._note("bn", x.shape[-1:], x, x)

    def dense(self, x, units):
        return self._note("dense", (x.shape[-1], units), x, np.zeros((len(x), units)))

    def _note(self, kind, shape, x, output):
        self.calls.append(Call(kind, None, shape, (), x, output))
        return output


def differences(got, wanted):
    """Say which of the wanted layers are missing and which are too many; "" if they are the same."""
    got, wanted = (Counter(describe(recorded) for recorded in calls) for calls in (got, wanted))
    parts = [
        f"{what} {', '.join(f'{count} × {name}' for name, count in sorted(difference.items()))}"
        for what, difference in (("missing:", wanted - got), ("too many:", got - wanted))
        if difference
    ]
    return "; ".join(parts)


def describe(recorded):
    """Name a layer by its kind and shape."""
    if recorded.kind == "conv":
        return "convolution {}×{} from {} to {} channels".format(*recorded.shape)
    if recorded.kind == "bn":
        return f"batch normalization of {recorded.shape[0]} channels"
    return "dense layer from {} to {} values".format(*recorded.shape)


def _settings(shape, strides, padding):
    return (tuple(strides), "no matter" if shape[:2] == (1, 1) else padding)


def _convolve(layer, x, strides, padding):
    kernel = _number(layer.kernel)
    if padding == "same":
        sizes = zip(x.shape[1:3], kernel.shape[:2], strides, strict=True)
        missing = [max((-(-side // stride) - 1) * stride + size - side, 0) for side, size, stride in sizes]
        x = np.pad(x, [(0, 0), *((total // 2, total - total // 2) for total in missing), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(1, 2))
    windows = windows[:, :: strides[0], :: strides[1]]
    return np.tensordot(windows, kernel.transpose(2, 0, 1, 3), axes=3) + _bias(layer)


def _normalize(layer, x):
    x = (x - _number(layer.moving_mean)) / np.sqrt(_number(layer.moving_variance) + layer.epsilon)
    return x * (_number(layer.gamma) if layer.scale else 1) + (_number(layer.beta) if layer.center else 0)


def _weigh(layer, x):
    return x @ _number(layer.kernel) + _bias(layer)


def _bias(layer):
    return _number(layer.bias) if layer.use_bias else 0


def _number(variable):
    return ops.convert_to_numpy(variable)


def agree(got, wanted, tolerance=FINE):
    """Say whether two arrays are equal but for rounding."""
    if got.shape != wanted.shape:
        return False
    return bool(np.max(np.abs(got - wanted)) <= tolerance * np.max(np.abs(wanted)) + 1e-6)


def compare(runs, imitate, right, mistakes, *, shown=""):
    """Return the runs' agreement with the right recipe, or name the usual mistake that they agree with.

    A mistake is `(options, symptom, hint)`: the fields in which its recipe differs. It is recognized only if it
    agrees in every run.
    """
    for run in runs:  # with one block a stage, blocks share nothing
        _diagnose_sharing(run)
    _diagnose_weights(runs[0])
    if all(run.matches(imitate, right) for run in runs):
        _diagnose_training(runs[0])
        return True
    for options, symptom, hint in mistakes:
        recipe = replace(right, **options)
        if all(run.matches(imitate, recipe) for run in runs):
            wrong(f"{shown}{symptom}", hint)
    return False


def _diagnose_sharing(run):
    """Refuse a layer that is called twice, as each call by itself looks right."""
    seen = set()
    for recorded in run.calls:
        if id(recorded.layer) in seen:
            wrong(
                f"the layer {recorded.layer.name} is called more than once, so that two places share its weights.",
                "Make a new layer for each place.",
            )
        seen.add(id(recorded.layer))


def _diagnose_weights(run):
    """Name what no imitation needs to look for: training mode, and weights of another kind of layer."""
    for recorded in run.calls:
        if recorded.training:
            wrong(
                f"{recorded.layer.name} runs with training=True, also where the network only predicts.",
                "Leave `training` to Keras: fit and predict set it.",
            )
    known = {id(weight) for recorded in run.calls for weight in recorded.layer.weights}
    for weight in run.model.weights:
        if id(weight) not in known:
            wrong(
                f"there is a weight that the right answer does not have: {weight.path}.",
                "Conv2D, BatchNormalization and, in a whole network, Dense are all that is needed.",
            )


def _diagnose_training(run):
    """Refuse what shows in training only: frozen layers, and layers that draw at random."""
    for recorded in run.calls:
        if not recorded.layer.trainable:
            wrong(
                f"{recorded.layer.name} has trainable=False: it would learn nothing.", "Leave `trainable` alone."
            )
    calls, never_training = list(run.calls), []  # the layers have their weights already
    with (
        _understandable("in training your network"),
        time_limit(RUN_LIMIT),
        _recorded(calls, None),
        mock.patch.object(KINDS["bn"], "__call__", _normalizing_as_in_prediction(never_training)),
    ):
        output = ops.convert_to_numpy(run.model(run.x, training=True))
    if never_training:
        wrong(
            f"{never_training[0].name} runs with training=False, also where the network is trained.",
            "Leave `training` to Keras: fit and predict set it.",
        )
    if not agree(output, run.output, COARSE):
        wrong(
            "in training it computes something else than in prediction, also with the same statistics.",
            "Is there a layer that draws at random, such as Dropout? The right answer has none.",
        )


def _normalizing_as_in_prediction(never_training):
    """Return a call of a batch normalization that counts no batch, and notes the layer that was told not to."""

    def normalize(layer, inputs, training=None, **keywords):
        if training is False:
            never_training.append(layer)
        return keras.layers.Layer.__call__(layer, inputs, training=False, **keywords)

    return normalize


def build(answer, shown, remedy, *arguments, **keywords):
    """Call the learner's function; what it raises becomes a short message after `shown`.

    `remedy(first, second)` is the hint where tensors of these two shapes were to be added.
    """
    with _understandable(f"{shown} your function", remedy):
        return call(functools.partial(answer, **keywords) if callable(answer) else answer, *arguments)


def run(model, image_shape, shown, **setting):
    """Give the learner's network random weights, call it on two random images and record its layers."""
    rng = np.random.default_rng()
    x = rng.normal(size=(2, *image_shape)).astype("float32")
    calls = []
    with _understandable(f"{shown} your network"), time_limit(RUN_LIMIT), _recorded(calls, rng):
        output = ops.convert_to_numpy(model(x, training=False))
    return Run(shown, model, x, output, calls, setting)


@contextlib.contextmanager
def undisturbed():
    """Let a check leave no trace: no warning, no random number used up. And it is spared a slow draw of weights.

    The check sets all weights itself, and JAX would compile each initializer for each shape.
    """
    state = random.getstate()  # Keras takes an initializer's seed from here
    initializers = keras.initializers.VarianceScaling, keras.initializers.Zeros, keras.initializers.Ones
    try:
        with contextlib.ExitStack() as stack:
            for initializer in initializers:
                stack.enter_context(mock.patch.object(initializer, "__call__", _start_at_zero))
            stack.enter_context(mock.patch.object(sys, "unraisablehook", _ignore_lost_alarm))
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(state)


def _ignore_lost_alarm(lost):
    """Say nothing of an alarm that met Python tidying up its memory: the next one follows at once."""
    if lost.exc_type is not TooSlowError:
        sys.__unraisablehook__(lost)


def _start_at_zero(initializer, shape, dtype=None, **keywords):
    return np.zeros(shape, "float32")


@contextlib.contextmanager
def _recorded(calls, rng):
    with contextlib.ExitStack() as patches:
        for kind, layer_class in KINDS.items():
            recorder = _recorder(kind, layer_class.call, calls, rng)
            patches.enter_context(mock.patch.object(layer_class, "call", recorder))
        yield


def _recorder(kind, original, calls, rng):
    @functools.wraps(original)
    def recording(layer, inputs, *arguments, **keywords):  # Keras' name: a layer may be called with inputs=x
        x = ops.convert_to_numpy(inputs)
        if not any(layer is before.layer for before in calls):
            _randomize(kind, layer, rng, x)
        training = keywords.get("training") is True
        shape = tuple((layer.moving_mean if kind == "bn" else layer.kernel).shape)
        settings = _settings(shape, layer.strides, layer.padding) if kind == "conv" else ()
        if training or not _is_usual(kind, layer, x):
            output = original(layer, inputs, *arguments, **keywords)
            raw, settings = ops.convert_to_numpy(output), UNUSUAL
        else:
            raw = COMPUTE[kind](layer, x)
            output = ops.convert_to_tensor(raw) if kind == "bn" else layer.activation(ops.convert_to_tensor(raw))
        calls.append(Call(kind, layer, shape, settings, x, raw, training))
        return output

    return recording


COMPUTE = {
    "conv": lambda layer, x: _convolve(layer, x, layer.strides, layer.padding),
    "bn": _normalize,
    "dense": _weigh,
}


def _is_usual(kind, layer, x):
    """Say whether the layer has no rare setting that is better left to Keras."""
    if kind == "bn":
        return layer.axis in (-1, x.ndim - 1)
    if kind == "conv":
        return (layer.data_format, layer.groups, tuple(layer.dilation_rate)) == ("channels_last", 1, (1, 1))
    return True


def _randomize(kind, layer, rng, x):
    """Draw weights that make the signal some units in size, and batch statistics that no fresh layer has.

    Every fourth channel of a batch normalization gets values well above 6, where some ReLUs are cut off.
    """
    if kind == "bn":
        draws = {
            "moving_mean": lambda shape: rng.normal(0, 0.5, shape),
            "moving_variance": lambda shape: rng.uniform(0.5, 2, shape),
            "gamma": lambda shape: rng.uniform(0.5, 1.5, shape) * np.where(np.arange(*shape) % 4, 1, 10),
            "beta": lambda shape: rng.normal(0, 0.5, shape),
        }
    else:
        size = np.sqrt(np.mean(np.square(x))) + 1e-3
        draws = {
            "kernel": lambda shape: rng.normal(0, 1 / size / np.sqrt(np.prod(shape[:-1])), shape),
            "bias": lambda shape: rng.normal(0, 0.5, shape),
        }
    for name, draw in draws.items():
        variable = getattr(layer, name, None)  # a layer can do without a bias, gamma or beta
        if variable is not None:
            variable.assign(draw(tuple(variable.shape)).astype("float32"))


@contextlib.contextmanager
def _understandable(shown, remedy=None):
    """Turn an exception into a wrong answer with the first line of its message."""
    try:
        yield
    except (WrongAnswerError, NothingReturnedError):
        raise
    except Exception as error:
        text = _first_line(error)
        shapes = [tuple(map(int, sizes)) for sizes in re.findall(r"(\d+), ?(\d+), ?(\d+)[\])]", text)]
        clash = re.search("incompatible shapes|broadcast|must be equal", text)
        if remedy and clash and len(shapes) == 2 and shapes[0] != shapes[1]:
            wrong(f"{shown} adds tensors of the shapes {shapes[0]} and {shapes[1]}.", remedy(*shapes))
        if "output size would be zero or negative" in text:
            wrong(
                f"{shown} makes the maps smaller than a layer's window: {text}",
                "How often do the maps get smaller, and how often should they?",
            )
        wrong(f"{shown} stopped with {type(error).__name__}: {text}", error_hint(error))


def _first_line(error):
    """The cause alone, of what Keras writes on many lines around it."""
    text = re.sub(r"\x1b\[\d*m", "", str(error))
    text = text.rpartition("Error encountered:")[2]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith("Exception encountered when calling")]
    return (telling or [""])[0][:300]
