"""The commands `python -m resnet_edu train` and `python -m resnet_edu repeat`."""

import contextlib
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from resnet_edu import backend, plans, recipes, runs
from resnet_edu.checkpoints import RECORD, TrainingError
from resnet_edu.recipe_training import RecipeTraining, choose_devices


def run_train(options):
    """Train as the command line says; return the exit status, 130 after Ctrl-C."""
    return _guard(lambda: (_read_plan(options), options.norms, None), options)


def run_repeat(options):
    """Do a recorded training again, or list those of the run; return the exit status, 130 after Ctrl-C."""
    run = _find_run(options.record)
    recorded = [(plans.Plan.from_dict(row), row) for row in run["rows"] if "recipe" in row]
    if not recorded:
        raise TrainingError(f"{options.record} holds no trainings by a recipe; it was made by: {run['command']}")
    if options.row is None:
        print(f"{run['what']}; {runs.describe_run(run)}")
        for number, (plan, row) in enumerate(recorded, 1):
            print(
                f"--row {number}   {plan.title}, {len(row['loss'])} epochs: test accuracy {row['test_accuracy']}"
            )
        return 0
    if not 1 <= options.row <= len(recorded):
        raise TrainingError(
            f"--row {options.row} is not there; {options.record} has the rows 1 to {len(recorded)}"
        )
    plan, row = recorded[options.row - 1]
    return _guard(lambda: (plan, "norms" in row, row), options)


def _find_run(name):
    try:
        return runs.read_run(Path(name)) if Path(name).suffix == ".json" else runs.load_run(name)
    except OSError as error:
        raise TrainingError(f"{name} cannot be read ({error.strerror})") from error
    except ValueError as error:
        reason = error if isinstance(error, runs.RunNotFoundError) else f"{name} is no record ({error})"
        raise TrainingError(str(reason)) from error


def _guard(choose, options):
    training = folder = None
    try:
        if options.deterministic:
            backend.make_deterministic()
        plan, measure_norms, recorded = choose()
        training, folder = _begin(plan, options, measure_norms=measure_norms, repeated=recorded is not None)
        _train(training, folder, resumed=options.resume)
        if recorded:
            print(
                f"Recorded: loss {recorded['test_loss']:.4f}, accuracy {recorded['test_accuracy']:.4f}. Another "
                "backend, device or version rounds otherwise, and a training makes much of little."
            )
        return 0
    except (ValueError, NotImplementedError) as error:
        raise TrainingError(str(error)) from error
    except KeyboardInterrupt:
        kept = f" after epoch {len(training.history)}, which is kept" if training else ""
        to_go_on = f": the same command with --out {folder} --resume" if training else " begin again"
        print(f"Stopped{kept}. To go on{to_go_on}", file=sys.stderr)
        return 130


def _train(training, folder, *, resumed):
    """Train to the end, with all that is printed of it."""
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


def _read_plan(options):
    recipe = recipes.find_recipe(options.recipe)
    if options.epochs is not None:
        recipe = recipes.shorten_recipe(recipe, options.epochs)
    return plans.Plan(
        options.model,
        options.depth,
        recipes.change_recipe(recipe, options.set),
        seed=options.seed,
        variant=options.variant,
        split=options.split,
        images="digits" if options.data == "digits" else "cifar10",
        precision=options.precision,
    )


def _begin(plan, options, *, measure_norms, repeated):
    """Return the training of the plan and its folder."""
    devices = choose_devices(options.devices)
    folder = Path(options.out or Path("trainings") / f"{'repeated-' if repeated else ''}{plan.title}")
    splits = plans.load_images(plan.images, options.data)
    training = RecipeTraining(
        plan, splits, folder=folder, resume=options.resume, devices=devices, measure_norms=measure_norms
    )
    return training, folder


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
