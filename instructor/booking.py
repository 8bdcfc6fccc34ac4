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

GRADES = ["student", "assignment", "points", "of", "seconds", "megabytes", "remark"]
POINTS = ["student", "assignment", "exercise", "points", "of"]


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


def write_tables(course, found, results):
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
