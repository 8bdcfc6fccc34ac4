"""What a training keeps in its folder, so that a kill at any moment loses one epoch at most."""

import json
import os
import zipfile
from pathlib import Path

import numpy as np

CHECKPOINT, RECORD, WEIGHTS = "checkpoint.npz", "record.json", "final.weights.h5"
NOTES = ("plan", "made_with", "history", "reductions", "warming_up", "norms", "changes")


class TrainingError(Exception):
    """A training cannot begin or go on; the message says in one line what to do."""


class TrainingFolder:
    """A folder with one training's checkpoint and, at its end, record and weights. Made where there is none.

    Raises TrainingError where it cannot be made, and where it holds a checkpoint and `resume` is false.
    """

    def __init__(self, path, *, resume=False):
        self.path = Path(path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.has_checkpoint = (self.path / CHECKPOINT).is_file()
        except OSError as error:
            raise TrainingError(f"{self.path} cannot be used ({error.strerror}); choose another --out") from error
        if self.has_checkpoint and not resume:
            raise TrainingError(
                f"{self.path} already holds a training; add --resume to go on with it, or choose another --out"
            )

    def save(self, arrays, notes):
        """Write a checkpoint: `arrays`, a dict of NumPy arrays, and `notes`, what JSON can hold.

        The file takes the place of the one before in one step, once it is on the disk. Raises TrainingError where
        that fails; the one before is whole then.
        """
        unfinished = self.path / f"{CHECKPOINT}.part"
        text = np.frombuffer(json.dumps(notes).encode(), np.uint8)

        def write():
            with unfinished.open("wb") as file:
                np.savez(file, notes=text, **arrays)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self.path / CHECKPOINT)

        self.guard(write)

    def load(self):
        """Return what `save` was given last, `(arrays, notes)`. Raises TrainingError where the file is damaged."""
        path = self.path / CHECKPOINT
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            notes = json.loads(arrays.pop("notes").tobytes())
            return arrays, {name: notes[name] for name in NOTES}
        except (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
            raise TrainingError(
                f"{path} is damaged or no checkpoint ({error}); delete it to train anew, or choose another --out"
            ) from error

    def guard(self, write):
        """Call `write()`; where the folder cannot be written, raise TrainingError."""
        try:
            write()
        except OSError as error:
            raise TrainingError(
                f"{self.path} cannot be written ({_reason(error)}); mend that and add --resume, "
                "or choose another --out"
            ) from error


def _reason(error):
    """Return the system's words for it: some libraries write pages."""
    return error.strerror or (os.strerror(error.errno) if error.errno else str(error).splitlines()[0])
