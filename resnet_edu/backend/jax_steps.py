"""Training steps on JAX: one compiled program for any number of them, on one device or on several."""

import jax
import keras
import numpy as np
from jax import lax
from jax import numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from resnet_edu.backend.steps import Steps


class JaxSteps(Steps):
    """The steps as pure functions.

    The state stays on the device between calls, outside the model; `read` and `predict` see the newest,
    `model` only after `read`. Not `accelerated`, each step is a call of its own: inside a loop XLA computes
    convolutions on a CPU more than 20 times more slowly.
    """

    def __init__(self, make_model, make_optimizer, *, prepare, plain, devices, accelerated):
        self.model, self.optimizer = make_model(), make_optimizer()
        self.optimizer.build(self.model.trainable_variables)
        self._prepare, self._plain, self._accelerated = prepare, plain, accelerated
        available = jax.devices("cpu" if devices[0].startswith("CPU") else None)
        by_name = {f"{device.platform}:{device.id}".upper().replace("CUDA", "GPU"): device for device in available}
        self._mesh = Mesh(np.array([by_name[name] for name in devices]), ("batch",))
        self._state = self._copy_state()
        self._rate = next(
            index
            for index, variable in enumerate(self.optimizer.variables)
            if variable is self.optimizer.learning_rate
        )
        self._train = jax.jit(self._train_several, donate_argnums=0)
        self._compiled = {}  # by the shape of the indices
        self._predict = jax.jit(self._predict_batch)

    def place(self, images, labels):
        self._images, self._labels = self._put(images), self._put(np.asarray(labels, "int32"))

    def train(self, indices, shifts, flips, rates):
        steps, batch = indices.shape
        totals = np.zeros(3)
        for part in self._parts(indices, shifts, flips, rates):
            self._compile_part(part)
            run = self._compiled[part[0].shape]
            self._state, seen = run(self._state, part, self._images, self._labels)
            totals += np.asarray(seen)
        return totals[0] / steps, totals[1] / (steps * batch), totals[2] / steps

    def _compile(self, *arrays):
        self._compile_part(next(self._parts(*arrays)))

    def _compile_part(self, part):
        shape = part[0].shape
        if shape not in self._compiled:
            self._compiled[shape] = self._train.lower(self._state, part, self._images, self._labels).compile()

    def _parts(self, *arrays):
        """Yield what one program is called with, on its devices: all steps, or one where loops are slow."""
        steps = len(arrays[0])
        at_once = steps if self._accelerated else 1
        for start in range(0, steps, at_once):
            shares = (array[start : start + at_once] for array in arrays)
            yield [self._put(share, *((None, "batch") if share.ndim > 1 else ())) for share in shares]

    def release(self):
        super().release()
        self._compiled = {}

    def predict(self, images):
        return np.asarray(self._predict(self._state, self._put(images)))

    def read(self):
        for group, values in zip(self._groups(), self._state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(np.asarray(value))
        return {name: np.asarray(variable.value) for name, variable in self._variables()}

    def write(self, arrays):
        super().write(arrays)
        self._state = self._copy_state()

    def _groups(self):
        return self.model.trainable_variables, self.model.non_trainable_variables, self.optimizer.variables

    def _copy_state(self):
        # A copy, as each call overwrites the state it is given, and the model keeps its own.
        return self._put([[np.array(variable.value) for variable in group] for group in self._groups()])

    def _put(self, value, *axes):
        return jax.device_put(value, NamedSharding(self._mesh, PartitionSpec(*axes)))

    def _train_several(self, state, arrays, images, labels):
        def one(step, carried):
            state, totals = carried
            state, seen = self._step(state, *(array[step] for array in arrays), images, labels)
            return state, totals + seen

        if not self._accelerated:
            return one(0, (state, jnp.zeros(3)))
        return lax.fori_loop(0, len(arrays[0]), one, (state, jnp.zeros(3)))

    def _step(self, state, indices, shifts, flips, rate, images, labels):
        weights, others, slots = state
        x, y = self._prepare(images[indices], shifts, flips), labels[indices]

        def loss(weights):
            probabilities, new, penalties = self.model.stateless_call(
                weights, others, x, training=True, return_losses=True
            )
            entropy = jnp.mean(keras.losses.sparse_categorical_crossentropy(y, probabilities))
            l2, right = sum(penalties), jnp.sum(jnp.argmax(probabilities, -1) == y)
            return entropy + l2, (new, jnp.stack([entropy, right, l2]))

        gradients, (others, seen) = jax.grad(loss, has_aux=True)(weights)
        slots = [rate.astype(slot.dtype) if index == self._rate else slot for index, slot in enumerate(slots)]
        weights, slots = self.optimizer.stateless_apply(slots, gradients, weights)
        return [weights, others, slots], seen

    def _predict_batch(self, state, images):
        weights, others, _ = state
        return self.model.stateless_call(weights, others, self._plain(images), training=False)[0]
