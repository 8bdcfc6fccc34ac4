"""Training steps on TensorFlow: compiled once, several in one call, on one device or mirrored on several."""

import contextlib

import keras
import numpy as np
import tensorflow as tf


class TensorFlowSteps:
    """The compiled steps of one network. `JaxSteps` does the same on JAX.

    `make_model()` and `make_optimizer()` build the network and its optimizer; `prepare(images, shifts, flips)`
    makes a batch of stored images into the network's input, inside the compiled step, `plain(images)` does so
    for a prediction. With several `devices` (names) each computes its share of a batch, batch normalization
    counts the whole batch, and the result is that of one device. `accelerated` compiles with XLA, which pays on
    a GPU; on a CPU TensorFlow's own kernels are faster.
    """

    def __init__(self, make_model, make_optimizer, *, prepare, plain, devices, accelerated):
        self._strategy = tf.distribute.MirroredStrategy(devices) if len(devices) > 1 else None
        with self._scope():
            self.model, self.optimizer = make_model(), make_optimizer()
            self.optimizer.build(self.model.trainable_variables)
        self._replicas, self._prepare, self._plain = len(devices), prepare, plain
        if self._strategy:
            for layer in self.model.layers:
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.synchronized = True
        jit = accelerated and not self._strategy  # XLA cannot compile what several devices share
        self._train = tf.function(self._train_several, jit_compile=jit)
        self._predict = tf.function(self._predict_batch, jit_compile=jit)

    def place(self, images, labels):
        """Put the training images and their labels where the steps find them."""
        if self._strategy:
            with self._scope():  # a copy on each device
                self._images = tf.Variable(images, trainable=False)
                self._labels = tf.Variable(labels.astype("int32"), trainable=False)
        else:
            self._images, self._labels = tf.constant(images), tf.constant(labels, "int32")

    def train(self, indices, shifts, flips, rates):
        """Make one training step for each row of `indices`; return its means: loss, accuracy, L2.

        `indices` are int32 `(steps, batch)`, the images of each step; `shifts` float32 `(steps, batch, 2)` and
        `flips` bool `(steps, batch)` their augmentation, `rates` float32 `(steps,)` the learning rates. The loss
        is the cross-entropy; L2 is the sum of the model's L2 terms, which is minimized with it.
        """
        steps, batch = indices.shape
        arrays = [tf.constant(array) for array in (indices, shifts, flips, rates)]
        loss, right, l2 = (float(total) for total in self._train(*arrays))
        return loss / steps, right / (steps * batch), l2 / steps

    def predict(self, images):
        """Return the class probabilities of a batch of stored images, float32 `(n, classes)`."""
        return self._predict(tf.constant(images)).numpy()

    def read(self):
        """Return all weights and the optimizer's state, as a dict of NumPy arrays."""
        return {name: variable.numpy() for name, variable in self._variables()}

    def write(self, arrays):
        """Set all that `read` returns."""
        for name, variable in self._variables():
            variable.assign(arrays[name])

    def release(self):
        """Give back what the compiled steps keep."""
        self._train = self._predict = None

    def _scope(self):
        return self._strategy.scope() if self._strategy else contextlib.nullcontext()

    def _variables(self):
        yield from ((f"model/{number:04}", variable) for number, variable in enumerate(self.model.variables))
        yield from (
            (f"optimizer/{number:04}", variable) for number, variable in enumerate(self.optimizer.variables)
        )

    def _train_several(self, indices, shifts, flips, rates):
        totals = tf.zeros(3)
        for step in tf.range(tf.shape(indices)[0]):
            self.optimizer.learning_rate.assign(rates[step])
            arguments = (indices[step], shifts[step], flips[step])
            if self._strategy:
                sums = self._strategy.run(self._share_of_step, arguments)
                totals += self._strategy.reduce("SUM", sums, axis=None)
            else:
                totals += self._step(*arguments)
        return tf.unstack(totals)

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
            probabilities = self.model(x, training=True)
            entropy = tf.reduce_sum(keras.losses.sparse_categorical_crossentropy(y, probabilities)) / whole_batch
            l2 = tf.add_n([*self.model.losses, 0.0]) / self._replicas
            loss = entropy + l2
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        answers = tf.argmax(probabilities, axis=-1, output_type=tf.int32)
        return tf.stack([entropy, tf.reduce_sum(tf.cast(answers == y, tf.float32)), l2])

    def _predict_batch(self, images):
        return self.model(self._plain(images), training=False)
