"""Several networks trained in the background, in one chart that grows, with a Stop that works."""

import asyncio
import html
import threading

import ipywidgets

from resnet_edu import plotting
from resnet_edu.training import train_epochs
from resnet_edu.widgets import WRAP, Panel, as_html, wide_axes


def train_side_by_side(builders, x, y, *, epochs, seed=0, **options):
    """Start to train networks on `x` and `y`, one after the other, and return the panel that shows them together.

    `builders` is `{label: function from seed to model}`; `options` go to `training.train_epochs`. A cell that
    ends in the panel shows it; `await panel.finished()` gives the histories when training is over.
    """
    panel = TrainingPanel(builders, x, y, epochs=epochs, options=options)
    panel.start(seed)
    return panel


class TrainingPanel(Panel):
    """A chart of the training accuracies with Stop and Run; `histories` and `models` hold the last training."""

    def __init__(self, builders, x, y, *, epochs, options):
        self._builders, self._data, self._epochs, self._options = builders, (x, y), epochs, options
        self._stop_asked = threading.Event()
        self._thread = self._error = None
        self._seed = 0
        self._stop_button = ipywidgets.Button(description="Stop", tooltip="stop after the batch in hand")
        self._run_button = ipywidgets.Button(description="Run again", tooltip="train anew, with the next seed")
        self._stop_button.on_click(lambda _: self.stop())
        self._run_button.on_click(lambda _: self.start(self._seed + 1))
        self._status = ipywidgets.HTML()
        self._picture = ipywidgets.HTML(layout=ipywidgets.Layout(min_height="330px"))
        buttons = ipywidgets.HBox([self._stop_button, self._run_button, self._status], layout=WRAP)
        super().__init__([buttons, self._picture], "networks in training, with Stop and Run again")

    def start(self, seed):
        """Train anew with this `seed`, in the place of a training that still runs."""
        self._stop_asked.set()
        before, self._stop_asked, self._seed = self._thread, threading.Event(), seed
        self.models, self.histories = {}, {label: [] for label in self._builders}
        self._stop_button.disabled = False
        self._thread = threading.Thread(
            target=self._run, args=(before, self._stop_asked, self.models, self.histories), daemon=True
        )
        self._thread.start()

    def stop(self):
        """Ask the training to end after the batch in hand. What it has so far stays."""
        self._stop_asked.set()
        self._say("stopping after the batch in hand …")

    async def finished(self):
        """Wait until training is over and return `{label: [figures of each epoch]}`.

        While a cell awaits this, the kernel goes on to serve the buttons. Interrupting the kernel stops the
        training, and what it has so far is returned. An error of the training is raised here.
        """
        try:
            while self._thread.is_alive():  # Run puts another thread in its place
                await asyncio.sleep(0.1)
        except (KeyboardInterrupt, asyncio.CancelledError):  # what becomes of an interrupt depends on the kernel
            self.stop()
            self._thread.join()
        if self._error is not None:
            raise self._error
        return self.histories

    def _run(self, before, stop_asked, models, histories):
        if before is not None:
            before.join()
        self._error = None
        try:
            self._train(stop_asked, models, histories)
        except Exception as error:
            self._error = error
            self._say(f"The training failed: {type(error).__name__}: {error}")
        self._stop_button.disabled = self._thread is threading.current_thread()

    def _train(self, stop_asked, models, histories):
        self._draw(histories)
        models |= {label: build(self._seed) for label, build in self._builders.items()}
        # Not in turns: two compiled steps of 56 layers at once would need more memory than Binder gives.
        for label, model in models.items():
            training = train_epochs(
                model,
                *self._data,
                epochs=self._epochs,
                seed=self._seed,
                should_stop=stop_asked.is_set,
                **self._options,
            )
            for epoch in range(1, self._epochs + 1):
                compiling = ", which first compiles the training step" if epoch == 1 else ""
                self._say(f"seed {self._seed}, epoch {epoch} of {self._epochs}: {label}{compiling} …")
                figures = next(training, None)
                if figures is None:
                    self._say(f"stopped in epoch {epoch} of {self._epochs}")
                    return
                histories[label].append(figures)
                self._draw(histories)
            training.close()
        self._say(f"done: {self._epochs} epochs, seed {self._seed}")

    def _say(self, text):
        self._status.value = f'<span role="status">{html.escape(text)}</span>'

    def _draw(self, histories):
        figure, ax = wide_axes(0.66, height=0.78)
        plotting.plot_accuracies(histories, ax, epochs=self._epochs)
        self._picture.value = as_html(figure, describe_histories(histories))


def describe_histories(histories):
    """Return one line: the training accuracy that each network has reached, and after how many epochs."""
    return "training accuracy: " + ", ".join(
        f"{label} {history[-1]['accuracy']:.2f} after {len(history)} epoch{'s' if len(history) > 1 else ''}"
        if history
        else f"{label} not yet known"
        for label, history in histories.items()
    )
