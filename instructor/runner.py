"""Runs submissions, each in a sandbox of its own; instructor.grade starts `python -m instructor.runner LEVEL`.

This process loads TensorFlow once and forks for each submission, which saves seconds of imports. It knows no
solution, no other submission and no grade: it reads the paths of jobs, and only the fork reads the job. The fork
supervises: it starts the sandbox, watches time, memory and output, and starts anew without the cell that did harm,
so that a cell costs no more than its own exercise. It does so RESTARTS times, within the limit for the notebook.
"""

import importlib
import json
import os
import select
import signal
import sys
import time
from pathlib import Path

from instructor import cells, sandbox
from instructor.submissions import writable

RESTARTS = 3
PRELOADED = ["augmentation", "checks", "costs", "data", "gradients", "models", "plans", "recipes", "runs"]


def main():
    level = sys.argv[1]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    shell = _shell()
    for line in sys.stdin:
        path = Path(line.strip())
        if os.fork() == 0:
            sandbox.exit_with(_supervise, path, level, shell)


def _shell():
    """Load what submissions import, and return what runs their cells."""
    import resnet_edu.backend  # noqa: F401, PLC0415, first, as it keeps TensorFlow from writing notes

    for name in PRELOADED:
        importlib.import_module(f"resnet_edu.{name}")
    # A right answer may take longer here than for a learner, who has the machine for himself.
    sys.modules["resnet_edu.checks.answers"].TIME_LIMIT = 12
    sys.modules["resnet_edu.checks.networks"].RUN_LIMIT = 40
    from IPython.core.interactiveshell import InteractiveShell  # noqa: PLC0415

    shell = InteractiveShell.instance(colors="nocolor", history_manager=None)
    shell.displayhook.write_output_prompt = lambda: None
    return shell


def _supervise(path, level, shell):
    """Run a job's cells and write their outputs beside it; say `done` whatever happens."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        job = json.loads(path.read_text())
        result = Supervision(job, level, shell).result()
    except Exception as error:
        result = {"outputs": [], "remarks": [f"the grader failed: {type(error).__name__}: {error}"]}
    path.with_suffix(".result").write_text(json.dumps(result))
    os.write(1, f"{path}\n".encode())


class Supervision:
    """The runs of one submission: the outputs of its cells, and what went wrong."""

    def __init__(self, job, level, shell):
        self.cells, self.slot = job["cells"], job["slot"]
        self.limits = sandbox.Limits(**job["limits"])
        self.level, self.shell = level, shell
        self.outputs, self.remarks, self.harmful = [], [], {}  # the remarks are those of the last run
        self.started, self.megabytes = time.monotonic(), 0

    def result(self):
        for _ in range(RESTARTS + 1):
            reason = self._run_once()
            if reason is None:
                break
            place = len(self.outputs)
            self.harmful[place] = reason
            if self._time_left() <= 0:
                break
        rest = "not run, as a cell before it ended the run"
        for place in range(len(self.outputs), len(self.cells)):
            self.outputs.append(_failed(self.harmful.get(place, rest)))
        self.remarks += [f"{self.cells[place]['name']}: {reason}" for place, reason in self.harmful.items()]
        seconds = time.monotonic() - self.started
        return {
            "outputs": self.outputs,
            "remarks": self.remarks,
            "seconds": seconds,
            "megabytes": self.megabytes,
        }

    def _time_left(self):
        return self.limits.seconds - (time.monotonic() - self.started)

    def _run_once(self):
        """Run all cells but the harmful ones from the start; return why the run ended before its end, if so."""
        self.outputs, self.remarks = [], []
        keeper, read_end = sandbox.spawn(self._in_sandbox, self.level, self.limits, self.slot)
        reason = self._read_all(keeper, read_end)
        status = sandbox.stop(keeper)
        os.close(read_end)
        if len(self.outputs) == len(self.cells):
            return None
        return reason or _why_ended(status)

    def _read_all(self, keeper, read_end):
        """Read the outputs of cell after cell; return why to stop before the end, if so."""
        pending, received, cell_started = b"", 0, time.monotonic()
        while len(self.outputs) < len(self.cells):
            if select.select([read_end], [], [], 0.05)[0]:
                data = os.read(read_end, 2**16)
                if not data:
                    return None
                received, pending = received + len(data), pending + data
                *lines, pending = pending.split(b"\n")
                for line in lines:
                    if not self._accept(line):
                        return "sent the grader something else than outputs"
                    cell_started = time.monotonic()
            excess = self._excess(sandbox.memory_of(keeper), received, time.monotonic() - cell_started)
            if excess:
                return excess
        return None

    def _excess(self, megabytes, received, cell_seconds):
        """Say which limit was passed, if one was."""
        self.megabytes = max(self.megabytes, megabytes)
        limits = self.limits
        excesses = [
            (megabytes > limits.megabytes, f"used more than {limits.megabytes} MB of memory"),
            (
                received > limits.output_megabytes * sandbox.MEGABYTE,
                f"sent {limits.output_megabytes} MB of output",
            ),
            (self._time_left() <= 0, f"stopped, as the notebook ran longer than {limits.seconds:g} s"),
            (cell_seconds > limits.cell_seconds, f"stopped after {limits.cell_seconds:g} s"),
        ]
        return next((told for passed, told in excesses if passed), None)

    def _accept(self, line):
        """Take a cell's outputs, if they have the form of outputs: the sandbox is not trusted."""
        try:
            text, error, remark = json.loads(line)
        except (ValueError, TypeError, RecursionError):
            return False
        if not all(isinstance(part, str) for part in (text, error, remark)) or len(self.outputs) >= len(
            self.cells
        ):
            return False
        text, error, remark = writable(text), writable(error), " ".join(writable(remark).split())
        cell = self.cells[len(self.outputs)]
        outputs = [{"output_type": "stream", "name": "stdout", "text": text}] if text else []
        self.outputs.append(outputs + (_failed(error) if error else []))
        if error and cell["students"] and len(self.outputs) - 1 not in self.harmful:
            remark = remark or " ".join(error.split())[:100]
        if remark and not any(told.endswith(remark) for told in self.remarks):
            self.remarks.append(f"{cell['name']}: {remark}")
        return True

    def _in_sandbox(self, write_end):
        """Run the cells one after the other, and send what each printed and how it failed."""
        intact = cells.fingerprint()
        for place, cell in enumerate(self.cells):
            text = error = remark = ""
            if place in self.harmful:
                error = self.harmful[place]
            else:
                text, error, remark = cells.run_cell(self.shell, cell["source"])
                altered = cells.altered(intact) if cell["graded"] else None
                if altered:
                    error = remark = f"the submission changed {altered}"
            message = json.dumps([text, error, remark]).encode() + b"\n"
            while message:
                message = message[os.write(write_end, message) :]


def _why_ended(status):
    if status > 128:
        return f"ended by signal {status - 128}"
    return f"ended the process with status {status}"


def _failed(message):
    name, _, value = message.partition(": ")
    return [{"output_type": "error", "ename": name, "evalue": value, "traceback": [message]}]


if __name__ == "__main__":
    main()
