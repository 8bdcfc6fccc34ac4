"""Networks trained in the background, in a chart that grows, with a Stop that works."""

import asyncio
import html
import threading
import time

import ipywidgets

from resnet_edu import plotting
from resnet_edu.training import train_epochs
from resnet_edu.widgets import Panel, as_html, in_a_row, wide_axes

REPORT_SECONDS = 0.25  # between two changes of the status line
THREAD_NAME = "resnet_edu training"


def train_side_by_side(builders, x, y, *, epochs, seed=0, **options):
    """Start to train networks on `x` and `y`, one after the other, and return the panel that shows them together.

    `builders` is `{label: function from seed to model}`; `options` go to `training.train_epochs`. A cell that
    ends in the panel shows it; `await panel.finished()` gives the histories when training is over.
    """
    panel = SideBySidePanel(builders, x, y, epochs=epochs, options=options)
    panel.start(seed)
    return panel


def train_by_recipe(training):
    """Start, or go on with, a `recipe_training.RecipeTraining` in the background and return its panel.

    A cell that ends in the panel shows it; `await panel.finished()` gives the histories of training and validation
    accuracy when training is over or was stopped.
    """
    panel = RecipePanel(training)
    panel.start()
    return panel


class TrainingPanel(Panel):
    """A chart of accuracies over `epochs`, with Stop and another button; `histories` holds what it shows.

    A kernel trains one network at a time: a training that starts takes the place of one that still runs, be it
    another panel's. It ends with its last epoch, whether its tab is open or not, and with the kernel.

    A subclass has `_train(stop_asked, histories, *arguments)`, which trains in a thread of its own and fills the
    histories, and `_again()`, what the other button does. `what` is the accuracies' name.
    """

    _newest = None  # the newest panel of all that has started a training

    def __init__(self, labels, *, epochs, what, button, tooltip, title):
        self._labels, self._epochs, self._accuracy = list(labels), epochs, what
        self._stop_asked = threading.Event()
        self._thread = self._error = None
        self._stop_button = ipywidgets.Button(description="Stop", tooltip="stop within a second")
        self._again_button = ipywidgets.Button(description=button, tooltip=tooltip)
        self._stop_button.on_click(lambda _: self.stop())
        self._again_button.on_click(lambda _: self._again())
        self._status = ipywidgets.HTML()
        self._picture = ipywidgets.HTML(layout=ipywidgets.Layout(min_height="330px"))
        buttons = in_a_row(self._stop_button, self._again_button, self._status)
        super().__init__([buttons, self._picture], title)

    def _begin(self, *arguments):
        """Start a thread that trains, in the place of one that still runs, and give it the `arguments`."""
        running, TrainingPanel._newest = TrainingPanel._newest, self
        before = running and running._thread
        if running is not None:
            running._stop_asked.set()
        self._stop_asked = threading.Event()
        self.histories = {label: [] for label in self._labels}
        self._thread = threading.Thread(
            name=THREAD_NAME,
            target=self._run,
            args=(before, self._stop_asked, self.histories, *arguments),
            daemon=True,
        )
        self._stop_button.disabled = False  # only now: a thread before, that ends, disables it for itself
        self._thread.start()

    def stop(self):
        """Ask the training to end after the batch in hand. What it has so far stays."""
        self._stop_asked.set()
        self._say("stopping …")

    async def finished(self):
        """Wait until training is over and return `{label: [figures of each epoch]}`.

        While a cell awaits this, the kernel goes on to serve the buttons. Interrupting the kernel stops the
        training, and what it has so far is returned. An error of the training is raised here.
        """
        try:
            while self._thread.is_alive():  # the other button puts another thread in its place
                await asyncio.sleep(0.1)
        except (KeyboardInterrupt, asyncio.CancelledError):  # what becomes of an interrupt depends on the kernel
            self.stop()
            self._thread.join()
        if self._error is not None:
            raise self._error
        return self.histories

    def _run(self, before, stop_asked, histories, *arguments):
        if before is not None:
            before.join()
        self._error = None
        try:
            self._train(stop_asked, histories, *arguments)
        except Exception as error:
            self._error = error
            self._say(f"The training failed: {type(error).__name__}: {error}")
        self._stop_button.disabled = self._thread is threading.current_thread()

    def _say(self, text):
        self._status.value = f'<span role="status">{html.escape(text)}</span>'

    def _draw(self, histories):
        figure, ax = wide_axes(0.66, height=0.78)
        plotting.plot_accuracies(histories, ax, epochs=self._epochs, what=self._accuracy)
        self._picture.value = as_html(figure, describe_histories(histories, what=self._accuracy))


class SideBySidePanel(TrainingPanel):
    """Several networks, one after the other; `models` holds those of the last training."""

    def __init__(self, builders, x, y, *, epochs, options):
        self._builders, self._data, self._options, self._seed = builders, (x, y), options, 0
        super().__init__(
            builders,
            epochs=epochs,
            what="training accuracy",
            button="Run again",
            tooltip="train anew, with the next seed",
            title="networks in training, with Stop and Run again",
        )

    def start(self, seed):
        """Train anew with this `seed`, in the place of a training that still runs."""
        self._seed, self.models = seed, {}
        self._begin(seed, self.models)

    def _again(self):
        self.start(self._seed + 1)

    def _train(self, stop_asked, histories, seed, models):
        self._draw(histories)
        models |= {label: build(seed) for label, build in self._builders.items()}
        # Not in turns: two compiled steps of 56 layers at once would need more memory than Binder gives.
        for label, model in models.items():
            training = train_epochs(
                model,
                *self._data,
                epochs=self._epochs,
                seed=seed,
                should_stop=stop_asked.is_set,
                **self._options,
            )
            for epoch in range(1, self._epochs + 1):
                compiling = ", which first compiles the training step" if epoch == 1 else ""
                self._say(f"seed {seed}, epoch {epoch} of {self._epochs}: {label}{compiling} …")
                figures = next(training, None)
                if figures is None:
                    self._say(f"stopped in epoch {epoch} of {self._epochs}")
                    return
                histories[label].append(figures)
                self._draw(histories)
            training.close()
        self._say(f"done: {self._epochs} epochs, seed {seed}")


class RecipePanel(TrainingPanel):
    """One `RecipeTraining`, which can be stopped and gone on with; `training` is what it shows."""

    def __init__(self, training):
        self.training, self._reported = training, 0.0
        super().__init__(
            ["training", "validation"] if training.validates else ["training"],
            epochs=training.total_epochs,
            what="accuracy",
            button="Go on",
            tooltip="go on after the last finished epoch",
            title="a network in training, with Stop and Go on",
        )

    def start(self):
        """Go on after the last finished epoch, or begin."""
        self._begin()

    def _again(self):
        self.start()

    def _train(self, stop_asked, histories):
        for figures in self.training.history:
            self._take(figures, histories)
        self._draw(histories)
        began, before = time.monotonic(), len(self.training.history) * self.training.steps_per_epoch
        self._say("compiling the training step …")

        def report(*, epoch, steps, loss, accuracy):
            now, per_epoch = time.monotonic(), self.training.steps_per_epoch
            if now - self._reported < REPORT_SECONDS:
                return
            self._reported, done = now, epoch * per_epoch + steps
            left = (now - began) / (done - before) * (self._epochs * per_epoch - done)
            self._say(
                f"epoch {epoch + 1} of {self._epochs}, {steps / per_epoch:.0%}: loss {loss:.3f}, accuracy "
                f"{accuracy:.3f}, about {left:.0f} s left"
            )

        for figures in self.training.epochs(should_stop=stop_asked.is_set, report=report):
            self._take(figures, histories)
            self._draw(histories)
        done = len(self.training.history)
        self._say(
            f"done: {done} epochs" if done == self._epochs else f"stopped; {done} of {self._epochs} epochs kept"
        )

    def _take(self, figures, histories):
        for label in histories:
            key = "accuracy" if label == "training" else "validation_accuracy"
            histories[label].append({"accuracy": figures[key]})


def describe_histories(histories, *, what="training accuracy"):
    """Return one line: the accuracy that each network has reached, and after how many epochs."""
    return f"{what}: " + ", ".join(
        f"{label} {history[-1]['accuracy']:.2f} after {len(history)} epoch{'s' if len(history) > 1 else ''}"
        if history
        else f"{label} not yet known"
        for label, history in histories.items()
    )
