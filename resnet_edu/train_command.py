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
    with _told_in_one_line():
        plan = _read_plan(options)
        return _run(plan, options, folder=plan.title, measure_norms=options.norms)


def run_repeat(options):
    """Do a recorded training again, or list those of the run; return the exit status, 130 after Ctrl-C."""
    with _told_in_one_line():
        run = _find_run(options.record)
        recorded = [(plans.Plan.from_dict(row), row) for row in run["rows"] if "recipe" in row]
        if not recorded:
            raise TrainingError(
                f"{options.record} holds no trainings by a recipe; it was made by: {run['command']}"
            )
        if options.row is None:
            print(f"{run['what']}; {runs.describe_run(run)}")
            for number, (plan, row) in enumerate(recorded, 1):
                length, accuracy = len(row["loss"]), row["test_accuracy"]
                what = ", ".join([plan.title, f"{length} epochs", *plan.changes])
                print(f"--row {number}   {what}: test accuracy {accuracy}{_note(row)}")
            return 0
        if not 1 <= options.row <= len(recorded):
            raise TrainingError(
                f"--row {options.row} is not there; {options.record} has the rows 1 to {len(recorded)}"
            )
        plan, row = recorded[options.row - 1]
        status = _run(
            plan, options, folder=f"repeated-{options.row:02}-{plan.title}", measure_norms="norms" in row
        )
        if status == 0:
            print(
                f"Recorded{_note(row)}: loss {row['test_loss']:.4f}, accuracy {row['test_accuracy']:.4f}. Another "
                "backend, device or version rounds otherwise, and a training makes much of little."
            )
        return status


def _note(row):
    return f" ({row['note']})" if "note" in row else ""


@contextlib.contextmanager
def _told_in_one_line():
    try:
        yield
    except (ValueError, NotImplementedError) as error:
        raise TrainingError(str(error)) from error


def _find_run(name):
    if Path(name).suffix != ".json":
        return runs.load_run(name)
    try:
        run = runs.read_run(Path(name))
    except OSError as error:
        raise TrainingError(f"{name} cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise TrainingError(f"{name} is no record ({error})") from error
    missing = _find_missing(run)
    if missing:
        raise TrainingError(f"{name} is no record (it has no {missing})")
    return run


def _find_missing(run):
    """Say what a record needs and `run`, what a file holds, has not; "" where nothing is missing."""
    if not isinstance(run, dict):
        return "rows"
    rows = run.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return "rows"
    versions, trainings = run.get("versions"), [row for row in rows if "recipe" in row]
    wanted = [("what", run), ("command", run), ("device", versions if isinstance(versions, dict) else {})]
    wanted += [(name, row) for row in trainings for name in ("loss", "test_loss", "test_accuracy")]
    wanted += [("seed", row) for row in rows if "recipe" not in row]
    for name, holder in wanted:
        if name not in holder or (name == "loss" and not isinstance(holder[name], list)):
            return name
    return ""


def _run(plan, options, *, folder, measure_norms):
    """Train the plan, in `folder` below trainings/ unless --out names one; return the exit status."""
    training, folder = None, Path(options.out or Path("trainings") / folder)
    try:
        if options.deterministic:
            backend.make_deterministic()
        devices = choose_devices(options.devices)
        training = RecipeTraining(
            plan,
            plans.load_images(plan.images, options.data),
            folder=folder,
            resume=options.resume,
            devices=devices,
            measure_norms=measure_norms,
        )
        _train(training, folder, resumed=options.resume)
        return 0
    except KeyboardInterrupt:
        if training:
            done = f"Stopped after epoch {len(training.history)}, which is kept"
            print(f"{done}. To go on: the same command with --out {folder} --resume", file=sys.stderr)
        else:
            print("Stopped before the training began. To begin, or to go on: the same command", file=sys.stderr)
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
