"""Runs the notebooks of a class, several at once: the other end of instructor/runner.py."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from instructor import submissions

ROOT = Path(__file__).resolve().parent.parent


def run_all(found, notebooks, work, *, jobs, limits, level):
    """Run the notebooks, `jobs` at once, with progress; return the result of each by number."""
    waiting = [number for number in notebooks if not found[number].problem]
    results = {n: unrun(notebooks[n], s.problem) for n, s in enumerate(found) if s.problem and n in notebooks}
    total, running, runner = len(found), {}, None
    done = total - len(waiting)
    for submission in found:
        if submission.problem:
            print(f"     {submission.student}: {submission.problem}", flush=True)
    while waiting or running:
        runner = runner or Runner(level, work)
        free = [slot for slot in range(jobs) if slot not in {slot for _, slot in running.values()}]
        while waiting and free:
            number, slot = waiting.pop(0), free.pop(0)
            path = work / "jobs" / f"{number}.json"
            path.write_text(
                json.dumps({"cells": _job_cells(notebooks[number]), "limits": vars(limits), "slot": slot})
            )
            running[str(path)] = (number, slot)
            runner.start(path)
        line = runner.next_done()
        if line is None:  # the runner itself was ended, and all that it ran with it
            finished, runner = list(running), None
        else:
            finished = [line]
        for path in finished:
            number, _ = running.pop(path)
            results[number] = _result_of(Path(path), notebooks[number])
            done += 1
            _show_progress(done, total, found[number], results[number])
    if runner:
        runner.close()
    return results


class Runner:
    """The process that forks a sandbox for each submission; see instructor/runner.py."""

    def __init__(self, level, work):
        environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        self.home = Path(tempfile.mkdtemp(prefix="grading-home-"))
        environment |= {
            "HOME": str(self.home),
            "USER": "learner",
            "LANG": "C.UTF-8",
            "MPLBACKEND": "agg",
            "KERAS_BACKEND": "tensorflow",
            "RESNET_EDU_QUICK": "1",
            "TF_NUM_INTRAOP_THREADS": "1",
            "TF_NUM_INTEROP_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",
        }
        self.log = (work / "runner.log").open("a")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "instructor.runner", level],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            bufsize=1,
        )

    def start(self, path):
        with contextlib.suppress(BrokenPipeError):  # next_done says so
            self.process.stdin.write(f"{path}\n")

    def next_done(self):
        """Wait for the next job that has ended and return its path, or None where the runner is gone."""
        return self.process.stdout.readline().strip() or None

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.home, ignore_errors=True)


def _job_cells(notebook):
    return [
        {
            "source": cell.source,
            "name": submissions.grade_id(cell) or "a cell of the student",
            "graded": cell.metadata.get("nbgrader", {}).get("grade", False),
            "students": cell.metadata.get("nbgrader", {}).get("solution", True),  # written by the student
        }
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def unrun(notebook, reason):
    """The result of a submission that was not run: its every graded cell failed for this reason."""
    error = {"output_type": "error", "ename": "not run", "evalue": reason, "traceback": [f"not run: {reason}"]}
    count = sum(cell.cell_type == "code" for cell in notebook.cells)
    return {"outputs": [[error]] * count, "remarks": [], "seconds": 0, "megabytes": 0}


def _result_of(path, notebook):
    try:
        result = json.loads(path.with_suffix(".result").read_text())
    except (OSError, ValueError):
        result = {"outputs": [], "remarks": ["the run was lost with the process that ran it"]}
    missing = unrun(notebook, "; ".join(result["remarks"]) or "no output")
    result["outputs"] += missing["outputs"][len(result["outputs"]) :]
    return missing | result


def _show_progress(done, total, submission, result):
    remark = "; ".join(submission.remarks + result["remarks"])
    print(
        f"[{done:>{len(str(total))}}/{total}] {submission.student} {submission.assignment} "
        f"{result['seconds']:.1f} s{' · ' + remark[:150] if remark else ''}",
        flush=True,
    )
