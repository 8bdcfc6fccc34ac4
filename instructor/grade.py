"""Grade a class: `make grade SUBMITTED=folder`.

Each submission is run in a sandbox (instructor/sandbox.py), several at once; nbgrader then books the points and
writes the feedback. The results are in the course's folder: `grades.csv`, a row a submission; `points.csv`, a row
a student and exercise; `feedback/`, a page a submission.
"""

import argparse
import contextlib
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde, GenerateFeedback
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    DeduplicateIds,
    OverwriteCells,
    OverwriteKernelspec,
    SaveAutoGrades,
)

from instructor import release, sandbox, submissions

GRADES = ["student", "assignment", "points", "of", "seconds", "megabytes", "remark"]
POINTS = ["student", "assignment", "exercise", "points", "of"]


def grade(folder, course, *, jobs=2, limits=None, level=None, only=None, feedback=True):
    """Grade every submission in a folder, and return the rows of `grades.csv`."""
    work = course / "grading"
    shutil.rmtree(work, ignore_errors=True)
    for name in ("jobs", "restored"):
        (work / name).mkdir(parents=True)
    work.chmod(0o700)
    assignments = submissions.Assignments(course)
    found = submissions.collect(folder, assignments, only=only)
    notebooks = {}
    for number, submission in enumerate(found):
        if submission.assignment:
            notebooks[number] = submissions.restore(submission, assignments)
    results = run_all(found, notebooks, work, jobs=jobs, limits=limits or sandbox.Limits(), level=level)
    _write_restored(found, notebooks, results, work)
    _book(course, sorted({found[number].assignment for number in notebooks}), feedback=feedback)
    return _write_tables(course, found, results)


def run_all(found, notebooks, work, *, jobs, limits, level):
    """Run the notebooks, `jobs` at once, with progress; return the result of each by number."""
    waiting = [number for number in notebooks if not found[number].problem]
    results = {n: _unrun(notebooks[n], s.problem) for n, s in enumerate(found) if s.problem and n in notebooks}
    total, running, runner = len(found), {}, None
    done = total - len(waiting)
    for submission in found:
        if submission.problem:
            print(f"     {submission.student}: {submission.problem}", flush=True)
    while waiting or running:
        runner = runner or _Runner(level, work)
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


class _Runner:
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
            cwd=release.ROOT,
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


def _unrun(notebook, reason):
    """The result of a submission that was not run: its every graded cell failed for this reason."""
    error = {"output_type": "error", "ename": "not run", "evalue": reason, "traceback": [f"not run: {reason}"]}
    count = sum(cell.cell_type == "code" for cell in notebook.cells)
    return {"outputs": [[error]] * count, "remarks": [], "seconds": 0, "megabytes": 0}


def _result_of(path, notebook):
    try:
        result = json.loads(path.with_suffix(".result").read_text())
    except (OSError, ValueError):
        result = {"outputs": [], "remarks": ["the run was lost with the process that ran it"]}
    missing = _unrun(notebook, "; ".join(result["remarks"]) or "no output")
    result["outputs"] += missing["outputs"][len(result["outputs"]) :]
    return missing | result


def _show_progress(done, total, submission, result):
    remark = "; ".join(submission.remarks + result["remarks"])
    print(
        f"[{done:>{len(str(total))}}/{total}] {submission.student} {submission.assignment} "
        f"{result['seconds']:.1f} s{' · ' + remark[:150] if remark else ''}",
        flush=True,
    )


def _write_restored(found, notebooks, results, work):
    """Write each restored notebook, with the outputs of its run, where nbgrader takes it for the submission."""
    for number, notebook in notebooks.items():
        submission = found[number]
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        for place, (cell, outputs) in enumerate(zip(code, results[number]["outputs"], strict=True)):
            cell.outputs = [nbformat.from_dict(output) for output in outputs]
            cell.execution_count = place + 1
        folder = work / "restored" / submission.student / submission.assignment
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / f"{submission.assignment}.ipynb")


def _book(course, names, *, feedback):
    """Let nbgrader book the points of the restored notebooks, export them and write the feedback."""
    for name in names:
        for converter in [Autograde, GenerateFeedback][: 1 + feedback]:
            config = release.course_config(course)
            config[converter.__name__].force = True
            # The outputs are there already, so nothing is cleared and nothing is run.
            config.Autograde.sanitize_preprocessors = [
                DeduplicateIds,
                OverwriteKernelspec,
                OverwriteCells,
                CheckCellMetadata,
            ]
            config.Autograde.autograde_preprocessors = [SaveAutoGrades, AssignLatePenalties, CheckCellMetadata]
            try:
                release.convert(
                    converter, config, assignment_id=name, student_id="*", submitted_directory="grading/restored"
                )
            except NbGraderException as error:  # it went on with the others
                print(f"nbgrader: {error}", file=sys.stderr)


def _write_tables(course, found, results):
    rows, details = [], []
    with Gradebook(f"sqlite:///{course}/gradebook.db", "resnet-edu") as gradebook:
        for number, submission in enumerate(found):
            result = results.get(number, {"remarks": [], "seconds": 0, "megabytes": 0})
            grades = _grades(gradebook, submission)
            details += [
                {
                    "student": submission.student,
                    "assignment": submission.assignment,
                    "exercise": name.removesuffix("-graded"),
                    "points": f"{points:g}",
                    "of": f"{most:g}",
                }
                for name, points, most in grades
            ]
            remarks = [
                *([submission.problem] if submission.problem else []),
                *submission.remarks,
                *result["remarks"],
            ]
            rows.append(
                {
                    "student": submission.student,
                    "assignment": submission.assignment,
                    "points": f"{sum(points for _, points, _ in grades):g}",
                    "of": f"{sum(most for _, _, most in grades):g}",
                    "seconds": f"{result['seconds']:.1f}",
                    "megabytes": f"{result['megabytes']:.0f}",
                    "remark": "; ".join(remarks),
                }
            )
    for name, columns, table in (("grades", GRADES, rows), ("points", POINTS, details)):
        with (course / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(table)
    return rows


def _grades(gradebook, submission):
    """The name, the points and the most points of each graded cell of a submission."""
    if not submission.assignment:
        return []
    try:
        booked = gradebook.find_submission(submission.assignment, submission.student)
    except MissingEntry:
        return []
    cells = gradebook.find_assignment(submission.assignment)
    order = {cell.name: place for notebook in cells.notebooks for place, cell in enumerate(notebook.grade_cells)}
    grades = [
        (grade.name, grade.score, grade.max_score) for notebook in booked.notebooks for grade in notebook.grades
    ]
    return sorted(grades, key=lambda row: order.get(row[0], 0))


def _level(weak):
    level = sandbox.best_level()
    if level == "limits" and not weak:
        sys.exit(
            "This system offers no sandbox: a submission could read and delete whatever you can. Grade in a "
            "container (instructor/README.md says how), or add ARGS=--weak if you trust every submission."
        )
    return level


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("submitted", type=Path, help="folder with a folder or a notebook for each student")
    parser.add_argument("--course", type=Path, default=release.COURSE, help="course/ by default")
    parser.add_argument("--assignment", help="what to take a notebook for that does not say what it is")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count(), help="submissions at once; one a core by default"
    )
    defaults = sandbox.Limits()
    parser.add_argument("--cell-seconds", type=float, default=defaults.cell_seconds)
    parser.add_argument("--seconds", type=float, default=defaults.seconds, help="for a whole notebook")
    parser.add_argument("--megabytes", type=int, default=defaults.megabytes, help="of memory")
    parser.add_argument("--weak", action="store_true", help="go on where the system offers no sandbox")
    arguments = parser.parse_args()
    course = arguments.course.resolve()
    if not (course / "gradebook.db").exists():
        sys.exit(f"There is no course in {course}: run `make release` first.")
    if not arguments.submitted.is_dir():
        sys.exit(f"There is no folder {arguments.submitted}.")
    level = _level(arguments.weak)
    print(f"sandbox: {level}")
    start = time.monotonic()
    limits = sandbox.Limits(arguments.cell_seconds, arguments.seconds, arguments.megabytes)
    rows = grade(
        arguments.submitted, course, jobs=arguments.jobs, limits=limits, level=level, only=arguments.assignment
    )
    print(f"{len(rows)} rows in {time.monotonic() - start:.0f} s: {course}/grades.csv, points.csv and feedback/")


if __name__ == "__main__":
    main()
