"""Training against Keras' own `fit`, and its ways to stop."""

import threading

import keras
import numpy as np
import pytest

from resnet_edu import backend, gradients, models, training
from resnet_edu.backend import steps


def network(seed=0):
    return models.resnet_v1((8, 8, 1), 8, seed=seed)


@pytest.mark.parametrize("adam", [{}, {"epsilon": 0.1}])
def test_an_epoch_is_one_of_keras_with_shuffled_images(adam, digits):
    x, y = digits
    model = network()
    figures = list(training.train_epochs(model, x, y, epochs=2, batch_size=16, learning_rate=0.01, seed=3, **adam))
    other, rng = network(), np.random.default_rng(3)
    other.compile(keras.optimizers.Adam(0.01, **adam), "sparse_categorical_crossentropy", metrics=["accuracy"])
    for seen in figures:
        order = rng.permutation(64)
        fitted = other.fit(x[order], y[order], batch_size=16, shuffle=False, verbose=0)
        assert seen["loss"] == pytest.approx(fitted.history["loss"][0], rel=1e-3)
        assert seen["accuracy"] == pytest.approx(fitted.history["accuracy"][0], abs=0.02)


def test_images_that_do_not_fill_a_batch_are_left_out(digits):
    x, y = digits
    asked = []
    list(training.train_epochs(network(), x, y, epochs=1, batch_size=24, should_stop=lambda: asked.append(0)))
    assert len(asked) == 2


def test_too_few_images_are_told(digits):
    x, y = digits
    with pytest.raises(ValueError, match="3 images are fewer than one batch of 64"):
        next(training.train_epochs(network(), x[:3], y[:3], epochs=1))


def very_sure(digits):
    """A network that gives the right class of many images less than 1e-7, and its cross-entropies."""
    x, y = digits
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    model.layers[-1].kernel.assign(50 * np.random.default_rng(0).normal(size=(64, 10)))
    logits = model.predict(x, verbose=0).astype("float64")
    model.layers[-1].activation = keras.activations.softmax
    shifted = logits - logits.max(axis=1, keepdims=True)
    return model, np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(y)), y]


def test_the_loss_of_a_very_sure_network_is_not_cut_off(digits):
    """Of probabilities, Keras would cut it off at 16.1 on JAX, and such an image would have no gradient."""
    model, entropies = very_sure(digits)
    assert np.median(entropies) > 50
    (seen,) = training.train_epochs(model, *digits, epochs=1, learning_rate=1e-6)
    assert seen["loss"] == pytest.approx(entropies.mean(), rel=1e-4)


def test_images_that_are_very_wrong_are_learned_from(digits):
    model, entropies = very_sure(digits)
    wrong = entropies > 30
    first, *_, last = training.train_epochs(
        model, digits[0][wrong], digits[1][wrong], epochs=9, batch_size=int(wrong.sum()), learning_rate=0.1
    )
    assert last["loss"] < first["loss"] - 1


@pytest.mark.parametrize("ending", ["softmax", "softmax layer", "logits"])
def test_networks_may_end_in_logits(ending, digits):
    def build(ending):
        layers = [
            keras.layers.Flatten(),
            keras.layers.Dense(10, kernel_initializer=keras.initializers.GlorotNormal(1)),
        ]
        if ending == "softmax":
            layers[-1].activation = keras.activations.softmax
        return keras.Sequential(
            [keras.Input((8, 8, 1)), *layers, *[keras.layers.Softmax()] * (ending == "softmax layer")]
        )

    (seen,), (expected,) = (
        training.train_epochs(build(kind), *digits, epochs=1, batch_size=16) for kind in (ending, "softmax")
    )
    assert seen == pytest.approx(expected, rel=1e-5)


def test_a_network_without_an_end_that_is_known_is_told(digits):
    class Own(keras.Model):
        def call(self, x):
            return x

    sigmoid = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10, activation="sigmoid")]
    )
    for model, message in [(Own(), "a Functional or Sequential"), (sigmoid, "must end in a softmax or in logits")]:
        with pytest.raises(ValueError, match=message):
            next(training.train_epochs(model, *digits, epochs=1))


@pytest.mark.parametrize("wrong", [lambda y: y[:, None], lambda y: y[:60], lambda y: y + 1, lambda y: y / 1])
def test_labels_that_do_not_fit_are_told(wrong, digits):
    x, y = digits
    with pytest.raises(ValueError, match="y must hold"):
        next(training.train_epochs(network(), x, wrong(y), epochs=1))


def test_stop_ends_training_after_the_batch_in_hand(digits):
    x, y = digits
    asked = iter([False] * 3)
    model, before = network(), network().get_weights()
    assert not list(
        training.train_epochs(model, x, y, epochs=3, batch_size=8, should_stop=lambda: next(asked, True))
    )
    assert next(asked, True), "it trained on"
    assert any((one != other).any() for one, other in zip(model.get_weights(), before, strict=True)) == (
        keras.backend.backend() == "tensorflow"  # on JAX the model gets its weights at the end of an epoch
    )


def test_stop_does_not_wait_for_a_compilation(digits, monkeypatch):
    x, y = digits
    begun, go_on, stop = threading.Event(), threading.Event(), threading.Event()
    compile_step = backend.steps_class()._compile

    def compile_slowly(self, *arrays):
        begun.set()
        go_on.wait(30)
        compile_step(self, *arrays)

    monkeypatch.setattr(backend.steps_class(), "_compile", compile_slowly)
    model, before, epochs = network(), network().get_weights(), []
    thread = threading.Thread(
        target=lambda: epochs.extend(training.train_epochs(model, x, y, epochs=1, should_stop=stop.is_set))
    )
    thread.start()
    assert begun.wait(30)
    stop.set()
    thread.join(5)
    assert not thread.is_alive(), "it waits for the compilation"
    go_on.set()
    with steps._one_compilation:  # until the one that was given up has ended
        assert not epochs
        for one, other in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(one, other)


def test_an_error_of_a_compilation_in_a_thread_is_raised_there(digits, monkeypatch):
    x, y = digits

    def fail(self, *arrays):
        raise MemoryError("too large")

    monkeypatch.setattr(backend.steps_class(), "_compile", fail)
    errors = []

    def train():
        try:
            next(training.train_epochs(network(), x, y, epochs=1))
        except MemoryError as error:
            errors.append(error)

    thread = threading.Thread(target=train)
    thread.start()
    thread.join(60)
    assert "too large" in str(errors)


def test_a_record_holds_figures_and_norms(digits):
    x, y = digits
    expected = gradients.select_convolutions(gradients.gradient_norms(network(), x, y))
    record = training.record_training(network(), x, y, epochs=2, measure_at=(0, 2))
    assert len(record["loss"]) == len(record["accuracy"]) == 2
    assert list(record["norms"]) == ["0", "2"]
    assert record["norms"]["0"] == pytest.approx(list(expected.values()), rel=1e-3)
    assert record["norms"]["2"] != pytest.approx(record["norms"]["0"], rel=1e-3)


@pytest.mark.parametrize(("value", "epochs"), [("1", 1), ("0", 8), (None, 8)])
def test_one_variable_shortens_training(monkeypatch, value, epochs):
    monkeypatch.delenv("RESNET_EDU_QUICK", raising=False)
    if value is not None:
        monkeypatch.setenv("RESNET_EDU_QUICK", value)
    assert training.planned_epochs(8) == epochs


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's operations")
@pytest.mark.parametrize(
    ("make", "has_one"),
    [
        (lambda: keras.optimizers.Adam(0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-3), True),
        (lambda: keras.optimizers.SGD(0.01, momentum=0.9), True),
        (lambda: keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True), True),
        (lambda: keras.optimizers.SGD(0.01), False),
        (lambda: keras.optimizers.Adam(0.01, amsgrad=True), False),
        (lambda: keras.optimizers.Adam(0.01, clipnorm=0.1), False),
        (lambda: keras.optimizers.AdamW(0.01), False),
        (lambda: keras.optimizers.SGD(0.01, momentum=0.9, use_ema=True), False),
        (lambda: keras.optimizers.RMSprop(0.01), False),
    ],
)
def test_a_step_in_one_operation_is_that_of_keras(make, has_one):
    from resnet_edu.backend import tensorflow_steps  # noqa: PLC0415

    rng = np.random.default_rng(0)

    def build():
        variables = [
            keras.Variable(np.linspace(-1, 1, 6).reshape(shape), dtype="float32") for shape in [(2, 3), (6,)]
        ]
        variables[1].constraint = keras.constraints.NonNeg()
        optimizer = make()
        optimizer.build(variables)
        return optimizer, variables

    (optimizer, weights), (other, expected) = build(), build()
    for rate in (0.01, 0.1, 0.003):
        gradients = [rng.normal(size=weight.shape).astype("float32") for weight in weights]
        tensors = [keras.ops.convert_to_tensor(gradient) for gradient in gradients]
        for one in (optimizer, other):
            one.learning_rate.assign(rate)
        assert tensorflow_steps.apply_at_once(optimizer, tensors, weights) == has_one
        other.apply(tensors, expected)
    if has_one:
        for one, keras_own in zip([*weights, *optimizer.variables], [*expected, *other.variables], strict=True):
            np.testing.assert_allclose(one.numpy(), keras_own.numpy(), rtol=1e-5, atol=1e-7)
    assert not tensorflow_steps.apply_at_once(optimizer, [None, tensors[1]], weights)
