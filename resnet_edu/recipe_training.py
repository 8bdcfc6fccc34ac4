"""Training by a recipe, from the first epoch to the test, on one device or several."""

import time

import keras
import numpy as np

from resnet_edu import backend, gradients, models, recipes, runs
from resnet_edu.augmentation import augment, draw_augmentation
from resnet_edu.checkpoints import RECORD, WEIGHTS, TrainingError, TrainingFolder
from resnet_edu.plans import mean_image, scale_images, split_images

CALL_SECONDS = 0.5  # aim, on an accelerator; on a CPU a call is a step
PREDICTED_AT_ONCE = 500
NORMS_AFTER = (0, 1, 2, 5, 10, 20, 50, 100)  # epochs, and after the last one
NORM_IMAGES = 64  # the first training images, without augmentation


def choose_devices(count=1):
    """Return the names of so many devices: accelerators where there are any, else CPUs.

    Raises TrainingError where there are fewer.
    """
    if not isinstance(count, int) or count < 1:
        raise TrainingError(f"devices={count} must be a whole number of at least 1")
    found = backend.devices()
    found = [name for name in found if not name.startswith("CPU")] or found
    if count > len(found):
        raise TrainingError(
            f"{count} devices cannot be used, there are {len(found)} ({', '.join(found)}); ask for fewer, or set "
            f"RESNET_EDU_VIRTUAL_DEVICES={count} to try it on parts of the CPU"
        )
    return found[:count]


class RecipeTraining:
    """One training of one `plans.Plan`: `epochs()` trains, `finish()` tests and returns the record.

    `splits` is what `plans.load_images` returns. With `folder` (a path), what is needed to go on is written there
    after each epoch; with `resume` a training goes on from there as if it had never stopped. `devices` are names
    from `choose_devices`. `steps_at_once` is how many steps run in one call: between calls, a training can be
    stopped. By default it is one on a CPU, and on an accelerator what takes half a second, up to a whole epoch.
    `accelerated` compiles as for a GPU, and is true where there is one. With `measure_norms` gradient
    norms of the convolutions are measured before the training and after some epochs: `norms` has them in depth
    order, by the number of epochs.

    `history` has one dict for each finished epoch: `loss`, the mean cross-entropy of the augmented training
    images, and `accuracy`; `l2`, the sum of the L2 terms, which are minimized, too, at the end of the epoch;
    `validation_loss` and `validation_accuracy` where images are kept back; the last `learning_rate`; the `seconds`
    of the steps. `changes` says what is other than when the checkpoint was written: versions, device, backend; the
    record has the changes of all interruptions.
    Without any, a resumed training is equal bit for bit where the backend is deterministic.

    Raises TrainingError where the training cannot begin, ValueError for a network that cannot be built.
    """

    def __init__(
        self,
        plan,
        splits,
        *,
        folder=None,
        resume=False,
        devices=None,
        steps_at_once=None,
        accelerated=None,
        measure_norms=False,
    ):
        self.plan, self._splits, self._measures_norms = plan, splits, measure_norms
        self.devices = devices or choose_devices()
        accelerated = backend.on_accelerator(self.devices) if accelerated is None else accelerated
        self._train, self._validation = split_images(splits, plan.split)
        self._mean = mean_image(self._train[0])
        self.steps_per_epoch = self._count_steps()
        self._steps_at_once, self._adapts = steps_at_once or 1, accelerated and not steps_at_once
        self.total_epochs = recipes.count_epochs(plan.recipe, self.steps_per_epoch)
        self._folder = None if folder is None else TrainingFolder(folder, resume=resume)
        kept = self._folder.load() if self._folder and self._folder.has_checkpoint else None
        if kept:
            self._compare_plans(kept[1]["plan"])
        self.history, self._best, self.changes, self._all_changes, self.norms = [], {}, [], [], {}
        self._reductions = recipes.Reductions(plan.recipe)
        warm_up = plan.recipe.warm_up
        self._warming_up = warm_up is not None and plan.depth >= warm_up.from_depth
        self._steps = self._make_steps(accelerated)
        self._steps.place(*self._train)
        self._state = self._steps.read()
        if kept:
            self._restore(*kept)
        else:
            self._measure_norms()
            self._save()  # before work is spent on what cannot be kept

    @property
    def model(self):
        """The network with its newest weights."""
        self._steps.read()
        return self._steps.model

    @property
    def validates(self):
        """Whether images are kept back for validation."""
        return self._validation is not None

    @property
    def kept_epoch(self):
        """The epoch whose weights are the result, counted from 1; 0 before the first."""
        if self.plan.recipe.keep == "last" or not self.history:
            return len(self.history)
        return 1 + int(np.argmax([figures["validation_accuracy"] for figures in self.history]))

    def epochs(self, *, should_stop=lambda: False, report=lambda **figures: None):
        """Train the epochs that are not done and yield the figures of each.

        `report(epoch=, steps=, loss=, accuracy=)` hears after each call to the device how many steps of the epoch
        (0 is the first) are done, and their means. Once `should_stop()` is true, the unfinished epoch is given up.
        Raises TrainingError where the loss is no longer a number or the folder can no longer be written.
        """
        for epoch in range(len(self.history), self.total_epochs):
            before = self._state, self._best, self._reductions.state(), self._warming_up, self.norms
            finished = False
            try:
                figures = self._train_epoch(epoch, should_stop, report)
                if figures is None:
                    return
                self._state = self._steps.read()
                figures["l2"] = float(sum(keras.ops.convert_to_numpy(loss) for loss in self._steps.model.losses))
                self.history = [*self.history, figures]
                self._take_in(figures)
                self._measure_norms()
                self._save()
                finished = True
            finally:
                if not finished:  # stopped, or ended by an error or Ctrl-C: the epoch is as if it had not begun
                    self._go_back(epoch, *before)
            yield figures

    def finish(self):
        """Test the network and return the record, a dict for `runs.write_run`; write it to the folder, too.

        What is tested are the weights of `kept_epoch`. The record's row holds the plan, the figures of all epochs,
        each as a list, and those of the test: `test_loss`, `test_accuracy` and `confusion`, the number of images
        by true and by predicted class. Raises TrainingError before the last epoch is done.
        """
        if len(self.history) < self.total_epochs:
            raise TrainingError(f"only {len(self.history)} of {self.total_epochs} epochs are done")
        self._steps.write(self._state | self._best)
        x, y = self._splits[1]
        probabilities = self.predict(x)
        test_loss, test_accuracy = judge(probabilities, y)
        row = self.plan.as_dict() | {"devices": len(self.devices), "kept_epoch": self.kept_epoch}
        row |= {name: [figures[name] for figures in self.history] for name in self.history[0]}
        row |= {"norms": self.norms} if self.norms else {}
        row |= {"changes": self._all_changes} if self._all_changes else {}
        record = {
            "what": f"{self.plan.model} of depth {self.plan.depth}, trained by the recipe {self.plan.recipe.name}",
            "command": self.plan.command
            + (f" --devices {len(self.devices)}" if len(self.devices) > 1 else "")
            + (" --norms" if self.norms else ""),
            "versions": runs.versions(),
            "rows": [
                row
                | {"test_loss": test_loss, "test_accuracy": test_accuracy}
                | {"confusion": confusion_matrix(y, probabilities.argmax(axis=-1)).tolist()}
            ],
        }
        if self._folder:
            self._folder.guard(self._save_weights)
            self._folder.guard(lambda: runs.write_run(self._folder.path / RECORD, record))
        return record

    def _save_weights(self):
        unfinished = self._folder.path / f"part.{WEIGHTS}"
        self.model.save_weights(unfinished)
        unfinished.replace(self._folder.path / WEIGHTS)

    def predict(self, images):
        """Return the class probabilities of uint8 `images` by the newest weights, `(n, classes)`."""
        at_once = min(len(images), PREDICTED_AT_ONCE)
        filled = np.concatenate([images, images[: -len(images) % at_once]])  # one shape: one program
        parts = [self._steps.predict(filled[i : i + at_once]) for i in range(0, len(filled), at_once)]
        return np.concatenate(parts)[: len(images)]

    def _count_steps(self):
        images, batch = len(self._train[0]), self.plan.recipe.batch_size
        if images < batch:
            raise TrainingError(f"{images} images are fewer than one batch of {batch}; use a smaller batch_size")
        if batch % len(self.devices):
            raise TrainingError(f"{len(self.devices)} devices cannot share a batch of {batch}; change one of them")
        return images // batch

    def _make_steps(self, accelerated):
        plan, recipe, (x, y), mean = self.plan, self.plan.recipe, self._train, self._mean

        def plain(images):
            return keras.ops.cast(images, "float32") / 255 - mean

        def prepare(images, shifts, flips):
            return augment(plain(images), shifts, flips, fill=recipe.fill)

        def make_model():
            l2 = recipe.weight_decay / 2  # the gradient of l2·w² is 2·l2·w
            build = models.BUILDERS[plan.model]
            return build(x.shape[1:], plan.depth, int(y.max()) + 1, variant=plan.variant, l2=l2, seed=plan.seed)

        def make_optimizer():
            # Keras takes no whole numbers here.
            if recipe.optimizer == "adam":
                return keras.optimizers.Adam(float(recipe.learning_rate))
            return keras.optimizers.SGD(float(recipe.learning_rate), momentum=float(recipe.momentum))

        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(plan.precision)
        try:
            return backend.training_steps(
                make_model,
                make_optimizer,
                prepare=prepare,
                plain=plain,
                devices=self.devices,
                accelerated=accelerated,
                whole_epochs=not self._adapts and self._steps_at_once >= self.steps_per_epoch,
            )
        finally:
            keras.config.set_dtype_policy(before)

    def _draw_epoch(self, epoch):
        """Return the images, shifts, flips and rates of each step of an epoch, from the seed alone."""
        recipe, shape = self.plan.recipe, (self.steps_per_epoch, self.plan.recipe.batch_size)
        rng = np.random.default_rng([self.plan.seed, epoch])
        order = rng.permutation(len(self._train[0]))[: np.prod(shape)].astype("int32")
        shifts, flips = draw_augmentation(recipe, len(order), rng)
        rates = self._reductions.apply(recipes.list_rates(recipe, epoch, self.steps_per_epoch))
        if self._warming_up:
            rates = np.minimum(rates, np.float32(recipe.warm_up.rate))
        return order.reshape(shape), shifts.reshape(*shape, 2), flips.reshape(shape), rates

    def _train_epoch(self, epoch, should_stop, report):
        """Train one epoch and return its figures, or None once `should_stop()` is true."""
        drawn = self._draw_epoch(epoch)
        if not self._steps.begin_epoch(*drawn, should_stop=should_stop):
            return None
        sums, seconds, done = np.zeros(3), 0.0, 0
        while done < self.steps_per_epoch:
            if should_stop():
                return None
            count = min(self._steps_at_once, self.steps_per_epoch - done)
            began = time.perf_counter()
            seen = self._steps.train(done, count)
            took = time.perf_counter() - began
            seconds += took
            if self._adapts:
                self._steps_at_once = max(1, int(count * CALL_SECONDS / took))
            for row in seen:  # one by one: the sum is the same however many steps a call makes
                sums += row
            done += count
            loss, accuracy, _ = (sums / done).tolist()
            if not np.isfinite(loss):
                raise TrainingError(
                    f"the loss is no longer a number in epoch {epoch + 1}; use a smaller learning_rate"
                )
            report(epoch=epoch, steps=done, loss=loss, accuracy=accuracy)
        figures = {"loss": loss, "accuracy": accuracy}
        if self._validation:
            validated = judge(self.predict(self._validation[0]), self._validation[1])
            figures |= dict(zip(("validation_loss", "validation_accuracy"), validated, strict=True))
        return figures | {"learning_rate": float(drawn[-1][-1]), "seconds": seconds}

    def _take_in(self, figures):
        """Decide by an epoch's figures what is kept and how the next one is trained."""
        recipe = self.plan.recipe
        self._warming_up = self._warming_up and 1 - figures["accuracy"] >= recipe.warm_up.error
        if self._validation:
            self._reductions.hear(figures["validation_loss"])
        if recipe.keep == "best" and self.kept_epoch == len(self.history):
            self._best = {name: value for name, value in self._state.items() if name.startswith("model/")}

    def _measure_norms(self):
        """Measure the gradient norms where it is time to; `self._steps.model` has the newest weights."""
        done = len(self.history)
        if self._measures_norms and (done in NORMS_AFTER or done == self.total_epochs):
            x, y = (array[:NORM_IMAGES] for array in self._train)
            found = gradients.gradient_norms(self._steps.model, scale_images(x, self._mean), y)
            norms = gradients.select_convolutions(found)
            self.norms = self.norms | {str(done): list(norms.values())}

    def _go_back(self, epoch, state, best, reductions, warming_up, norms):
        """Be as at the start of an epoch that was given up."""
        self.history, self._state, self._best, self._warming_up = self.history[:epoch], state, best, warming_up
        self.norms = norms
        self._reductions.restore(reductions)
        self._steps.write(state)

    def _compare_plans(self, kept):
        different = self.plan.list_differences(kept)
        if different:
            raise TrainingError(
                f"{self._folder.path} holds another training: {', '.join(different)}; ask for that one, or choose "
                "another --out"
            )

    def _save(self):
        if self._folder:
            notes = {
                "plan": self.plan.as_dict(),
                "made_with": self._made_with(),
                "history": self.history,
                "reductions": self._reductions.state(),
                "warming_up": self._warming_up,
                "norms": self.norms,
                "changes": self._all_changes,
            }
            best = {f"best/{name}": value for name, value in self._best.items()}
            self._folder.save(self._state | best, notes)

    def _made_with(self):
        return runs.versions() | {"devices": f"{len(self.devices)} devices"}

    def _restore(self, arrays, notes):
        mine, theirs = self._made_with(), notes["made_with"]
        self.changes = [
            f"{mine[name]} instead of {theirs.get(name)}" for name in mine if mine[name] != theirs.get(name)
        ]
        since = f"from epoch {len(notes['history']) + 1} on: "
        self._all_changes = notes["changes"] + [since + change for change in self.changes]
        self._best = {name.removeprefix("best/"): arrays.pop(name) for name in list(arrays) if name[:5] == "best/"}
        self._state = arrays
        try:
            self._steps.write(arrays)
        except (KeyError, ValueError) as error:
            raise TrainingError(
                f"{self._folder.path} was written by another version of the course ({error}); choose another --out"
            ) from error
        self.history, self._warming_up, self.norms = notes["history"], notes["warming_up"], notes["norms"]
        self._reductions.restore(notes["reductions"])


def confusion_matrix(labels, predicted):
    """Return how many images of each class (row) were taken for each class (column)."""
    size = int(max(labels.max(), predicted.max())) + 1
    counts = np.zeros((size, size), int)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def judge(probabilities, labels):
    """Return the mean cross-entropy of `(n, classes)` probabilities, and the share of right answers."""
    of_label = probabilities[np.arange(len(labels)), labels].astype("float64")
    loss = -np.log(np.clip(of_label, keras.config.epsilon(), 1)).mean()
    return float(loss), float((probabilities.argmax(axis=-1) == labels).mean())
