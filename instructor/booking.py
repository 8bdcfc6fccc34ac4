"""Lets nbgrader book the points of notebooks that were run, and writes the tables."""

import csv
import sys

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

from instructor import release

TABLES = {
    "grades": ["student", "assignment", "points", "of", "seconds", "megabytes", "remark"],
    "points": ["student", "assignment", "exercise", "points", "of"],
}


class TableError(Exception):
    """A table in the course's folder is not one that this module wrote."""


def write_restored(found, notebooks, results, work):
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


def book(course, names, *, feedback):
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


def read_tables(course):
    """Return the rows of `grades.csv` and of `points.csv` that earlier calls wrote.

    Raises TableError where a file there has other columns.
    """
    tables = []
    for name, columns in TABLES.items():
        path = course / f"{name}.csv"
        rows = []
        if path.exists():
            with path.open(newline="") as file:
                reader = csv.DictReader(file)
                rows = list(reader)
            if reader.fieldnames != columns:
                raise TableError(f"{path} has not the columns that `make grade` writes: move it away.")
        tables.append(rows)
    return tables


def write_tables(course, found, results):
    """Write both tables and return this call's rows of `grades.csv`; rows of what was graded earlier stay."""
    before = read_tables(course)
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
    for (name, columns), old, new in zip(TABLES.items(), before, (rows, details), strict=True):
        table = _list_others(old, rows) + new
        with (course / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(sorted(table, key=lambda row: (row["student"], row["assignment"])))
    return rows


def _list_others(table, graded):
    """Return the rows of an earlier table that the rows just `graded` do not replace."""
    again = {(row["student"], row["assignment"]) for row in graded}
    # A row without an assignment told that there was nothing to grade; now the student has handed in.
    again |= {(student, "") for student, _ in again}
    return [row for row in table if (row["student"], row["assignment"]) not in again]


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
