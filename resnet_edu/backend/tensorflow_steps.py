"""Training steps on TensorFlow: compiled once, several in one call, on one device or mirrored on several."""

import contextlib

import keras
import numpy as np
import tensorflow as tf

from resnet_edu.backend.steps import Steps
from resnet_edu.logits import LogitsModel, mean_cross_entropy

# What Keras' optimizers can do besides their step, and the course's do not.
AROUND_A_STEP = (
    "weight_decay",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "loss_scale_factor",
    "gradient_accumulation_steps",
)


def apply_at_once(optimizer, gradients, weights):
    """Make the step of `optimizer` with one operation for each weight; return False where there is none for it.

    Keras' own step takes ten to two dozen operations for a weight. Of the time to compile a deep network they are
    half. Left to Keras is an optimizer that does something before or after the weights' steps.
    """
    if any(getattr(optimizer, option) for option in AROUND_A_STEP):
        return False
    if not all(isinstance(gradient, tf.Tensor) for gradient in gradients):
        return False
    rate = tf.cast(optimizer.learning_rate.value, weights[0].dtype)
    match optimizer:
        case keras.optimizers.SGD(momentum=momentum) if momentum:
            momentum = tf.cast(momentum, rate.dtype)
            for gradient, weight, moving in zip(gradients, weights, optimizer.momentums, strict=True):
                tf.raw_ops.ResourceApplyKerasMomentum(
                    var=weight.value.handle,
                    accum=moving.value.handle,
                    lr=rate,
                    grad=gradient,
                    momentum=momentum,
                    use_nesterov=optimizer.nesterov,
                )
        case keras.optimizers.Adam(amsgrad=False):
            first, second, epsilon = (
                tf.cast(value, rate.dtype) for value in (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon)
            )
            steps = tf.cast(optimizer.iterations.value + 1, rate.dtype)
            powers = {"beta1_power": tf.pow(first, steps), "beta2_power": tf.pow(second, steps)}
            moments = zip(optimizer._momentums, optimizer._velocities, strict=True)
            for gradient, weight, (mean, square) in zip(gradients, weights, moments, strict=True):
                tf.raw_ops.ResourceApplyAdam(
                    var=weight.value.handle,
                    m=mean.value.handle,
                    v=square.value.handle,
                    lr=rate,
                    beta1=first,
                    beta2=second,
                    epsilon=epsilon,
                    grad=gradient,
                    **powers,
                )
        case _:
            return False
    for weight in weights:
        if weight.constraint is not None:
            weight.assign(weight.constraint(weight))
    optimizer.iterations.assign_add(1)
    return True


class TensorFlowSteps(Steps):
    """The steps in a `tf.function`. `accelerated` compiles it with XLA; on a CPU TensorFlow's own are faster.

    It is one program for any number of steps in a call, whole epochs or not.
    """

    def __init__(self, make_model, make_optimizer, *, prepare, plain, devices, accelerated, whole_epochs=False):
        self._strategy = tf.distribute.MirroredStrategy(devices) if len(devices) > 1 else None
        self._device = devices[0]
        with self._scope():
            self.model, self.optimizer = make_model(), make_optimizer()
            self._network = LogitsModel(self.model)
            self.optimizer.build(self.model.trainable_variables)
        self._replicas, self._prepare, self._plain = len(devices), prepare, plain
        if self._strategy:
            for layer in self.model.layers:
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.synchronized = True
        jit = accelerated and not self._strategy  # XLA cannot compile what several devices share
        self._train = tf.function(self._train_several, autograph=False, jit_compile=jit)
        self._predict = tf.function(self._predict_batch, autograph=False, jit_compile=jit)

    def place(self, images, labels):
        with self._scope():
            if self._strategy:  # a copy on each device
                self._images = tf.Variable(images, trainable=False)
                self._labels = tf.Variable(labels.astype("int32"), trainable=False)
            else:
                self._images, self._labels = tf.constant(images), tf.constant(labels, "int32")

    def train(self, first, count):
        with self._call_scope():
            seen = self._train(*self._epoch, tf.constant(first), tf.constant(count))
        return seen.numpy()[first : first + count]

    def _place_epoch(self, *arrays):
        with self._call_scope():
            self._epoch = [tf.constant(array) for array in arrays]

    def _compile(self):
        with self._call_scope():
            self._train.get_concrete_function(*self._epoch, tf.constant(0), tf.constant(1))

    def predict(self, images):
        with self._call_scope():
            return self._predict(tf.constant(images)).numpy()

    def read(self):
        return {name: variable.numpy() for name, variable in self._variables()}

    def _scope(self):
        return self._strategy.scope() if self._strategy else self._call_scope()

    def _call_scope(self):
        """Where a compiled step is called: a strategy finds its devices by itself."""
        return contextlib.nullcontext() if self._strategy else tf.device(self._device)

    def _train_several(self, indices, shifts, flips, rates, first, count):
        def train_one(step, seen):
            self.optimizer.learning_rate.assign(rates[step])
            arguments = (indices[step], shifts[step], flips[step])
            if self._strategy:
                shares = self._strategy.run(self._share_of_step, arguments)
                row = self._strategy.reduce("SUM", shares, axis=None)
            else:
                row = self._step(*arguments)
            return step + 1, tf.tensor_scatter_nd_update(seen, [[step]], [row])

        # Not `for step in tf.range(first, end)`: XLA compiles that anew for each two numbers.
        end, seen = first + count, tf.zeros((indices.shape[0], 3))
        return tf.while_loop(lambda step, _: step < end, train_one, (first, seen))[1]

    def _share_of_step(self, indices, shifts, flips):
        """Take one replica's share of the batch."""
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        share = indices.shape[0] // self._replicas
        indices, shifts, flips = (
            tf.slice(array, [replica * share] + [0] * (len(array.shape) - 1), [share, *array.shape[1:]])
            for array in (indices, shifts, flips)
        )
        return self._step(indices, shifts, flips)

    def _step(self, indices, shifts, flips):
        x = self._prepare(tf.gather(self._images, indices), shifts, flips)
        y = tf.gather(self._labels, indices)
        weights = self.model.trainable_weights
        whole_batch = np.float32(indices.shape[0] * self._replicas)
        with tf.GradientTape() as tape:
            logits = self._network(x, training=True)
            entropy = mean_cross_entropy(y, logits) / self._replicas
            l2 = tf.add_n([*self.model.losses, 0.0]) / self._replicas
            loss = entropy + l2
        gradients = tape.gradient(loss, weights)
        if self._strategy or not apply_at_once(self.optimizer, gradients, weights):
            self.optimizer.apply(gradients, weights)
        answers = tf.argmax(logits, axis=-1, output_type=tf.int32)
        right = tf.reduce_sum(tf.cast(answers == y, tf.float32))
        return tf.stack([entropy, right / whole_batch, l2])

    def _predict_batch(self, images):
        return self.model(self._plain(images), training=False)
