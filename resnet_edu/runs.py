"""Recorded runs: what was trained, with which versions and seeds, and what came out.

A run is one JSON file in the folder `runs`: a dict with `what`, `command`, `versions` and `rows`, one dict for
each training. A row from another machine than the first names it as its `device`. Numbers that are not finite are
written as null and read as NaN.
"""

import importlib.resources
import json
import math
import os
import platform
from pathlib import Path

import keras
import numpy as np

from resnet_edu import backend

SIGNIFICANT_DIGITS = 4
EXACT = ("recipe",)  # a setting, not a measurement: kept to the last digit


class RunNotFoundError(ValueError):
    """No run of this name was recorded."""


class OtherVersionsError(ValueError):
    """A run was recorded with other versions of the software, so nothing can be added to it."""


def folder():
    """Return the folder of the recorded runs."""
    return Path(str(importlib.resources.files("resnet_edu_runs")))


def load_run(name):
    """Return the recorded run `name` as a dict. Raises RunNotFoundError, with the names that there are."""
    path = folder() / f"{name}.json"
    if not path.is_file():
        names = ", ".join(sorted(path.stem for path in folder().glob("*.json")))
        raise RunNotFoundError(f"no recorded run is called {name!r}; there are {names or 'none yet'}")
    return read_run(path)


def read_run(path):
    """Return the run that `write_run` wrote to the file `path`."""
    return _map_leaves(
        json.loads(path.read_text(encoding="utf-8")), lambda value: math.nan if value is None else value
    )


def continue_run(name, what, *, command):
    """Return the run `name` for `add_row`: the recorded one, or a new one of this `what` and `command`.

    Raises OtherVersionsError where the recorded one was made with other software than there is now.
    """
    new = {"what": what, "command": command, "versions": versions(), "rows": []}
    try:
        kept = load_run(name)
    except RunNotFoundError:
        return new
    if _software(kept) != _software(new):
        made_with = ", ".join(_software(kept).values())
        raise OtherVersionsError(
            f"{name}.json was recorded with {made_with}; go on with these, or remove it to record it anew"
        )
    return new | {"versions": kept["versions"], "rows": kept["rows"]}


def add_row(run, row):
    """Add a training that was done on this machine to `run`."""
    here = versions()["device"]
    run["rows"].append(row if here == run["versions"]["device"] else row | {"device": here})


def save_run(name, run):
    """Write `run` to the folder of the recorded runs, under this name."""
    write_run(folder() / f"{name}.json", run)


def write_run(path, run):
    """Write `run` to the file `path`, one row a line, whole or not at all."""
    run = _map_leaves(run, _rounded)
    head = {key: value for key, value in run.items() if key != "rows"}
    rows = ",\n".join(json.dumps(row) for row in run["rows"])
    text = json.dumps(head, indent=1)[:-2] + f',\n "rows": [\n{rows}\n ]\n}}\n'
    unfinished = path.with_suffix(".part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def select_rows(run, **setting):
    """Return the rows of `run` whose `setting`, by keyword, is the given one."""
    return [row for row in run["rows"] if all(row[key] == value for key, value in setting.items())]


def accuracy_history(row, what="accuracy"):
    """Return a recorded training's accuracies as a history, one dict for each epoch.

    They are those on the training images, or with `what="validation_accuracy"` on the validation images.
    """
    return [{"accuracy": value} for value in row[what]]


def paired_effect(rows, factor):
    """Return by how much a switch changes the accuracy: the mean difference over matched pairs of `rows`.

    A row is a dict with an `accuracy` and settings, of which `factor` is True or False. A pair agrees in all
    settings but `factor`; rows without a partner do not count. Returns NaN where there is no pair.
    """

    def others(row):
        return tuple(sorted((key, value) for key, value in row.items() if key not in (factor, "accuracy")))

    off = {others(row): row["accuracy"] for row in rows if not row[factor]}
    differences = [row["accuracy"] - off[others(row)] for row in rows if row[factor] and others(row) in off]
    return float(np.mean(differences)) if differences else math.nan


def describe_spread(values, form):
    """Return "lowest to highest" of `values`, each in the format `form` such as ".2f"; of one value, just that."""
    low, high = f"{min(values):{form}}", f"{max(values):{form}}"
    return low if len(values) == 1 else f"{low} to {high}"


def describe_run(run):
    """Return one line for below a figure: that it is recorded, on what, with which seeds."""
    seeds = sorted({row["seed"] for row in run["rows"]})
    devices = dict.fromkeys(row.get("device", run["versions"]["device"]) for row in run["rows"])
    made_with = ", ".join([*_software(run).values(), " and ".join(devices)])
    which = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
    count = f"{len(run['rows'])} training{'s' if len(run['rows']) > 1 else ''}"
    return f"recorded: {count}, {which}; {made_with}"


def versions():
    """Return what a result can depend on: the versions of the libraries, and the processor."""
    return {
        "keras": f"Keras {keras.__version__}",
        "backend": f"{backend.name()} {backend.version()}",
        "python": f"Python {platform.python_version()}",
        "device": ", ".join([*backend.accelerator_names(), f"{os.cpu_count()} CPU cores ({_processor()})"]),
    }


def _software(run):
    return {name: version for name, version in run["versions"].items() if name != "device"}


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _map_leaves(value, change):
    if isinstance(value, dict):
        return {key: item if key in EXACT else _map_leaves(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_map_leaves(item, change) for item in value]
    return change(value)


def _rounded(value):
    if not isinstance(value, float | np.floating):
        return value
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if math.isfinite(value) else None
