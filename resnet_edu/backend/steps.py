"""What the training steps of every backend have in common."""

import threading

POLL_SECONDS = 0.05
_one_compilation = threading.Lock()  # each takes hundreds of megabytes


class Steps:
    """The compiled steps of one network, with its `model` and `optimizer`.

    `make_model()` and `make_optimizer()` build them; `prepare(images, shifts, flips)` makes a batch of stored
    images into the network's input, inside the compiled step, `plain(images)` does so for a prediction. With
    several `devices` (names) each computes its share of a batch, batch normalization counts the whole batch, and
    the result is that of one device. `accelerated` compiles as pays on a GPU. With `whole_epochs` each call of
    `train` makes all steps of an epoch.
    """

    _ready = None  # the shape of the epoch for which the training is compiled

    def place(self, images, labels):
        """Put the training images and their labels where the steps find them."""
        raise NotImplementedError

    def begin_epoch(self, indices, shifts, flips, rates, *, should_stop):
        """Put an epoch's steps where `train` finds them, and compile it; return whether training may go on.

        `indices` are int32 `(steps, batch)`, the images of each step; `shifts` float32 `(steps, batch, 2)` and
        `flips` bool `(steps, batch)` their augmentation, `rates` float32 `(steps,)` the learning rates.

        Training may not go on once `should_stop()` is true. A compilation cannot be interrupted, and that of a
        deep network would hold up a Stop for many seconds. So a thread that trains leaves it to another one, where
        what was given up runs to its end and changes nothing; the next one waits for it. In the main thread,
        Ctrl-C serves.
        """
        self._place_epoch(indices, shifts, flips, rates)
        if indices.shape == self._ready:
            return True
        if threading.current_thread() is threading.main_thread():
            self._compile()
            self._ready = indices.shape
            return True
        errors = []

        def work():
            with _one_compilation:
                try:
                    if not should_stop():
                        self._compile()
                except Exception as error:
                    errors.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        while thread.is_alive() and not should_stop():
            thread.join(POLL_SECONDS)
        if errors:
            raise errors[0]
        if should_stop():
            return False
        self._ready = indices.shape
        return True

    def train(self, first, count):
        """Make `count` steps of the epoch from step `first` on; return float32 `(count, 3)`, a row for each.

        A row has the cross-entropy of the step's batch, the accuracy, and the sum of the model's L2 terms, which
        is minimized, too.
        """
        raise NotImplementedError

    def _place_epoch(self, indices, shifts, flips, rates):
        """Keep an epoch's steps on the devices."""
        raise NotImplementedError

    def _compile(self):
        """Compile the training of epochs like the one in place."""
        raise NotImplementedError

    def predict(self, images):
        """Return the class probabilities of a batch of stored images, float32 `(n, classes)`."""
        raise NotImplementedError

    def read(self):
        """Return all weights and the optimizer's state, as a dict of NumPy arrays; `model` has them then, too."""
        raise NotImplementedError

    def write(self, arrays):
        """Set all that `read` returns."""
        for name, variable in self._variables():
            variable.assign(arrays[name])

    def release(self):
        """Give back what the compiled steps keep."""
        self._train = self._predict = self._epoch = None
        self._ready = None

    def _variables(self):
        for part, owner in (("model", self.model), ("optimizer", self.optimizer)):
            yield from ((f"{part}/{number:04}", variable) for number, variable in enumerate(owner.variables))
