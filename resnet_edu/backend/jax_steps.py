"""Training steps on JAX: one compiled program makes any number of them, on one device or on several."""

import threading

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from resnet_edu.backend.steps import Steps
from resnet_edu.logits import LogitsModel, mean_cross_entropy


class JaxSteps(Steps):
    """The steps as pure functions.

    The state stays on the device between calls, outside the model; `read` and `predict` see the newest,
    `model` only after `read`. Not `accelerated`, each step is a call of its own: inside a loop XLA computes
    convolutions on a CPU more than 20 times more slowly.
    """

    def __init__(self, make_model, make_optimizer, *, prepare, plain, devices, accelerated, whole_epochs=False):
        self.model, self.optimizer = make_model(), make_optimizer()
        self._network = LogitsModel(self.model)
        self.optimizer.build(self.model.trainable_variables)
        self._prepare, self._plain, self._accelerated = prepare, plain, accelerated
        self._whole_epochs = accelerated and whole_epochs
        available = jax.devices("cpu" if devices[0].startswith("CPU") else None)
        by_name = {f"{device.platform}:{device.id}".upper().replace("CUDA", "GPU"): device for device in available}
        self._mesh = Mesh(np.array([by_name[name] for name in devices]), ("batch",))
        self._one_at_a_time = threading.Lock()  # a call takes the state's memory before it gives the new state
        self._state = self._copy_state()
        self._rate = next(
            index
            for index, variable in enumerate(self.optimizer.variables)
            if variable is self.optimizer.learning_rate
        )
        self._train = jax.jit(self._train_several, donate_argnums=(0, 1))
        self._predict = jax.jit(self._predict_batch)

    def place(self, images, labels):
        self._images, self._labels = self._put(images), self._put(np.asarray(labels, "int32"))

    def train(self, first, count):
        at_once = count if self._accelerated else 1
        for start in range(first, first + count, at_once):
            with self._one_at_a_time:
                self._state, self._seen = self._compiled(*self._arguments(start, at_once))
        return np.array(self._seen)[first : first + count]  # a copy, as the next call overwrites it

    def _place_epoch(self, *arrays):
        self._epoch = [self._put(array, *((None, "batch") if array.ndim > 1 else ())) for array in arrays]
        self._seen = self._put(np.zeros((len(arrays[0]), 3), "float32"))

    def _compile(self):
        self._compiled = self._train.lower(*self._arguments(0, 1)).compile()

    def _arguments(self, first, count):
        # A loop whose length the program knows need not ask for its end after each step.
        bounds = () if self._whole_epochs else [self._put(np.int32(bound)) for bound in (first, first + count)]
        return self._state, self._seen, self._epoch, self._images, self._labels, *bounds

    def release(self):
        super().release()
        self._compiled = self._seen = None

    def predict(self, images):
        with self._one_at_a_time:
            return np.asarray(self._predict(self._state, self._put(images)))

    def read(self):
        values = {}
        with self._one_at_a_time:
            # All transfers at once. A copy: the next call overwrites the state, which on a CPU is the same memory.
            for group, arrays in zip(self._groups(), jax.device_get(self._state), strict=True):
                for variable, array in zip(group, arrays, strict=True):
                    values[id(variable)] = np.array(array)
                    variable.assign(values[id(variable)])
        return {name: values[id(variable)] for name, variable in self._variables()}

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

    def _train_several(self, state, seen, epoch, images, labels, *bounds):
        def one(step, carried):
            state, seen = carried
            state, row = self._step(state, *(array[step] for array in epoch), images, labels)
            return state, seen.at[step].set(row)

        first, end = bounds or (0, len(seen))
        if not self._accelerated:
            return one(first, (state, seen))
        return lax.fori_loop(first, end, one, (state, seen))

    def _step(self, state, indices, shifts, flips, rate, images, labels):
        weights, others, slots = state
        x, y = self._prepare(images[indices], shifts, flips), labels[indices]

        def loss(weights):
            logits, new, penalties = self._network.stateless_call(
                weights, others, x, training=True, return_losses=True
            )
            entropy = mean_cross_entropy(y, logits)
            l2, right = sum(penalties), jnp.mean(jnp.argmax(logits, -1) == y)
            return entropy + l2, (new, jnp.stack([entropy, right, l2]))

        gradients, (others, seen) = jax.grad(loss, has_aux=True)(weights)
        slots = [rate.astype(slot.dtype) if index == self._rate else slot for index, slot in enumerate(slots)]
        weights, slots = self.optimizer.stateless_apply(slots, gradients, weights)
        return [weights, others, slots], seen

    def _predict_batch(self, state, images):
        weights, others, _ = state
        return self.model.stateless_call(weights, others, self._plain(images), training=False)[0]
