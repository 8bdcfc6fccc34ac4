"""The command `python -m resnet_edu train`."""

import contextlib
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from resnet_edu import backend, plans, recipes
from resnet_edu.checkpoints import RECORD, TrainingError
from resnet_edu.recipe_training import RecipeTraining, choose_devices


def run_train(options):
    """Train as the command line says; return the exit status, 130 after Ctrl-C."""
    training = folder = None
    try:
        training, folder = _begin(options)
        return _train(training, folder, resumed=options.resume)
    except (ValueError, NotImplementedError) as error:
        raise TrainingError(str(error)) from error
    except KeyboardInterrupt:
        kept = f" after epoch {len(training.history)}, which is kept" if training else ""
        to_go_on = f": the same command with --out {folder} --resume" if training else " begin again"
        print(f"Stopped{kept}. To go on{to_go_on}", file=sys.stderr)
        return 130


def _train(training, folder, *, resumed):
    done = len(training.history)
    print(
        f"{training.plan.title}: {training.total_epochs} epochs of {training.steps_per_epoch} steps, "
        f"{training.plan.recipe.batch_size} images each, on {', '.join(training.devices)} with {backend.name()}"
    )
    if resumed:
        print(f"Goes on after epoch {done}." if done else "There was nothing to go on from: training begins.")
    if training.changes:
        print(f"Not as before, so the rest may differ in rounding: {', '.join(training.changes)}")
    with _ProgressBar(training) as bar:
        for figures in training.epochs(report=bar.report):
            bar.finish_epoch(len(training.history), figures)
    row = training.finish()["rows"][0]
    print(
        f"Test, with the weights of epoch {row['kept_epoch']}: loss {row['test_loss']:.4f}, "
        f"accuracy {row['test_accuracy']:.4f}"
    )
    if training.plan.split == "leaky":
        print("The test set was looked at after every epoch, so this is not what unseen images would give.")
    print(f"Record: {folder / RECORD}")
    return 0


def _begin(options):
    """Return the training that the options describe and its folder."""
    if options.deterministic:
        backend.make_deterministic()
    recipe = recipes.find_recipe(options.recipe)
    if options.epochs is not None:
        recipe = recipes.shorten_recipe(recipe, options.epochs)
    plan = plans.Plan(
        options.model,
        options.depth,
        recipes.change_recipe(recipe, options.set),
        seed=options.seed,
        variant=options.variant,
        split=options.split,
        images="digits" if options.data == "digits" else "cifar10",
        precision=options.precision,
    )
    devices = choose_devices(options.devices)
    folder = Path(options.out or Path("trainings") / plan.title)
    splits = plans.load_images(plan.images, options.data)
    return RecipeTraining(plan, splits, folder=folder, resume=options.resume, devices=devices), folder


class _ProgressBar(contextlib.AbstractContextManager):
    """Images done, loss, accuracy, images/s and time left in a terminal; elsewhere one line an epoch."""

    def __init__(self, training):
        self._per_step, self._per_epoch = training.plan.recipe.batch_size, training.steps_per_epoch
        self._total = training.total_epochs
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}/" + str(training.total_epochs)),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=Console(),
            speed_estimate_period=60,
        )
        images = self._per_step * self._per_epoch
        self._task = self._bar.add_task(
            "", total=images * self._total, completed=images * len(training.history), epoch=1, figures=""
        )

    def __enter__(self):
        if self._bar.console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *_):
        if self._bar.console.is_terminal:
            self._bar.stop()

    def report(self, *, epoch, steps, loss, accuracy):
        """Show the means of the running epoch."""
        speed = self._bar.tasks[self._task].speed
        self._bar.update(
            self._task,
            completed=(epoch * self._per_epoch + steps) * self._per_step,
            epoch=epoch + 1,
            figures=f"loss {loss:.4f}  accuracy {accuracy:.4f}" + (f"  {speed:,.0f} images/s" if speed else ""),
        )

    def finish_epoch(self, number, figures):
        """Print the figures of a finished epoch."""
        images = self._per_step * self._per_epoch
        words = [
            f"epoch {number}/{self._total}",
            f"loss {figures['loss']:.4f}",
            f"accuracy {figures['accuracy']:.4f}",
        ]
        if "validation_accuracy" in figures:
            words.append(f"validation {figures['validation_loss']:.4f} {figures['validation_accuracy']:.4f}")
        words += [f"rate {figures['learning_rate']:g}", f"{images / figures['seconds']:,.0f} images/s"]
        self._bar.console.print("  ".join(words), highlight=False, soft_wrap=True)
