"""Grade a class: `make grade SUBMITTED=folder`.

Each submission is run in a sandbox (instructor/sandbox.py), several at once; nbgrader then books the points and
writes the feedback. The results are in the course's folder: `grades.csv`, a row a submission; `points.csv`, a row
a student and exercise; `feedback/`, a page a submission.
"""

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

from instructor import booking, pool, release, sandbox, submissions


def grade(folder, course, *, jobs=2, limits=None, level=None, only=None, feedback=True):
    """Grade every submission in a folder, and return their rows of `grades.csv`."""
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
    results = pool.run_all(found, notebooks, work, jobs=jobs, limits=limits or sandbox.Limits(), level=level)
    booking.write_restored(found, notebooks, results, work)
    booking.book(course, sorted({found[number].assignment for number in notebooks}), feedback=feedback)
    return booking.write_tables(course, found, results)


def _level(weak):
    level = sandbox.best_level()
    if level is None or (level == "limits" and not weak):
        sys.exit(
            "This system offers no sandbox: a submission could read and delete whatever you can. Grade in a "
            "container (instructor/README.md says how), or, not as root, add ARGS=--weak if you trust them all."
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
    there = sorted(path.name for path in (course / "source").iterdir())
    if arguments.assignment not in (None, *there):
        sys.exit(f"There is no assignment {arguments.assignment}. There are {', '.join(there)}.")
    try:
        booking.read_tables(course)  # before the work, not after it
    except booking.TableError as error:
        sys.exit(str(error))
    level = _level(arguments.weak)
    print(f"sandbox: {level}")
    start = time.monotonic()
    limits = sandbox.Limits(arguments.cell_seconds, arguments.seconds, arguments.megabytes)
    rows = grade(
        arguments.submitted, course, jobs=arguments.jobs, limits=limits, level=level, only=arguments.assignment
    )
    seconds = time.monotonic() - start
    print(f"{len(rows)} submissions in {seconds:.0f} s: {course}/grades.csv, points.csv and feedback/")


if __name__ == "__main__":
    main()
