"""A small class is graded: right, wrong, mixed and hostile submissions, each a row, without harm to the others."""

import csv
import json
import os
import re
from pathlib import Path

import nbformat
import pytest

from grading.students import Class, hand_in_hostile
from instructor import grade, sandbox, submissions
from instructor.release import ROOT

LESSON = "01_vanishing_gradients"
MIXED = 3


@pytest.fixture(scope="module")
def graded(course, tmp_path_factory):
    """Grade the class once; return its rows by student, what was expected, and the folder."""
    level = sandbox.best_level()
    if level not in ("namespaces", "user"):
        pytest.skip("this system offers no sandbox, and hostile submissions run in nothing else")
    folder = tmp_path_factory.mktemp("submitted")
    classroom = Class(course, folder)
    classroom.hand_in("solution", LESSON, classroom.solutions(LESSON))
    classroom.hand_in("stub", LESSON, {})
    expected = {f"mixed{i}": classroom.hand_in_mixed(f"mixed{i}", LESSON, 5 * i + 1) for i in range(MIXED)}
    reasons = hand_in_hostile(classroom, LESSON, ROOT)
    (folder / "nothing").mkdir()
    before = snapshot(folder)
    limits = sandbox.Limits(cell_seconds=8, seconds=60, megabytes=1536)
    rows = grade.grade(folder, course, jobs=2, limits=limits, level=level)
    return {
        "rows": {row["student"]: row for row in rows},
        "expected": expected,
        "reasons": reasons,
        "untouched": before == snapshot(folder),
        "count": len(rows),
    }


def snapshot(folder):
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


def test_everybody_has_one_row(graded):
    assert graded["count"] == len(graded["rows"]) == 2 + MIXED + len(graded["reasons"]) + 1


def test_the_solution_gets_all_points_and_the_stub_none(graded):
    solution, stub = graded["rows"]["solution"], graded["rows"]["stub"]
    assert (solution["points"], solution["of"], solution["remark"]) == ("8", "8", "")
    assert (stub["points"], stub["of"]) == ("0", "8")


def test_mixed_submissions_get_the_points_of_what_they_solved(graded, course):
    for student, expected in graded["expected"].items():
        assert graded["rows"][student]["points"] == f"{sum(expected.values()):g}"
    with (course / "points.csv").open() as file:
        booked = {(row["student"], row["exercise"]): float(row["points"]) for row in csv.DictReader(file)}
    for student, expected in graded["expected"].items():
        assert {name: booked[student, name] for name in expected} == expected
    assert len({sum(expected.values()) for expected in graded["expected"].values()}) > 1


def test_every_hostile_submission_ends_as_a_row_with_a_reason(graded):
    for student, reason in graded["reasons"].items():
        remark = graded["rows"][student]["remark"]
        assert remark, student
        assert reason in remark, f"{student}: {remark}"


def test_a_harmful_cell_costs_its_own_exercise_only(graded):
    points = {student: float(graded["rows"][student]["points"]) for student in graded["reasons"]}
    assert all(points[s] == 7 for s in ("endless", "allocates", "leaves", "deletes", "reads_solutions", "writes"))
    assert all(points[s] == 8 for s in ("renames", "duplicates", "prints"))
    assert all(points[s] == 0 for s in ("breaks", "edits_tests", "patches_tests", "replaces_tests"))


def test_no_file_of_the_class_was_touched(graded):
    assert graded["untouched"]


def test_feedback_is_a_page_for_everyone_and_small(graded, course):
    pages = {path.parent.parent.name: path for path in (course / "feedback").rglob("*.html")}
    assert pages.keys() == graded["rows"].keys() - {"nothing"}
    assert "only the layers inside" not in pages["solution"].read_text()
    assert all(path.stat().st_size < 2_000_000 for path in pages.values())
    assert "stopped after 8 s" in pages["endless"].read_text()


def test_no_process_is_left(graded):
    users = {sandbox.FIRST_USER, sandbox.FIRST_USER + 1}
    for status in Path("/proc").glob("[0-9]*/status"):
        found = re.search(r"^Uid:\s+(\d+)", status.read_text(), re.M)
        assert int(found[1]) not in users


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the sandbox needs Unix")
def test_the_sandbox_sees_neither_files_nor_network_nor_processes():
    if sandbox.best_level() != "namespaces":
        pytest.skip("this system offers no namespaces")

    def names(folder):
        return [path.name for path in Path(folder).iterdir()]

    def look(end):
        import socket  # noqa: PLC0415, in the sandbox

        seen = {"files": names(ROOT), "processes": [name for name in names("/proc") if name.isdigit()]}
        try:
            socket.create_connection(("127.0.0.1", 9), timeout=1)
        except OSError as error:
            seen["network"] = error.strerror
        try:
            Path(os.__file__).with_name("new").write_text("")
        except OSError as error:
            seen["python"] = error.strerror
        seen["user"] = os.getuid(), names(".")
        os.write(end, json.dumps(seen).encode())

    keeper, read_end = sandbox.spawn(look, "namespaces", sandbox.Limits(), slot=5)
    with os.fdopen(read_end) as stream:
        seen = json.loads(stream.read())
    assert sandbox.stop(keeper) == 0
    assert set(seen["files"]) <= {".venv", ".venv-instructor", "resnet_edu", "runs"}
    assert seen["processes"] == ["1"]
    assert seen["network"] == "Network is unreachable"
    assert seen["python"] in ("Read-only file system", "Permission denied")
    assert seen["user"] == [sandbox.FIRST_USER + 5 if os.getuid() == 0 else 0, []]


def test_names_that_are_no_names_do_no_harm(course, tmp_path):
    assignments = submissions.Assignments(course)
    classroom = Class(course, tmp_path)
    for student in ("=1+1", "a,b", "anna", "-rf", "zoë"):
        classroom.hand_in(student, LESSON, {})
    (tmp_path / "anna.ipynb").write_text(json.dumps(classroom.released(LESSON)))
    (tmp_path / "link").symlink_to(tmp_path / "anna")
    os.mkfifo(tmp_path / "anna" / "pipe.ipynb")
    found = submissions.collect(tmp_path, assignments)
    students = [submission.student for submission in found]
    assert len(set(students)) == len(students) == 6
    assert {"anna", "zoë"} < set(students)
    assert all(submissions.NAME.fullmatch(student) for student in students)
    assert next(s for s in found if s.student == "link").problem == "no notebook was handed in"


def test_an_answer_in_two_cells_and_own_cells_are_kept(course, tmp_path):
    def split(notebook):
        for place, cell in enumerate(notebook.cells):
            if cell.metadata.nbgrader["grade_id"] == "shrink_factor":
                other = nbformat.from_dict(cell)
                other.source, cell.source = cell.source, "quarter = 0.25"
                notebook.cells[place + 1 : place + 1] = [nbformat.v4.new_code_cell("own = 1"), other]
                return

    classroom = Class(course, tmp_path)
    classroom.hand_in("anna", LESSON, {"shrink_factor": "def shrink_factor(depth): ..."}, change=split)
    assignments = submissions.Assignments(course)
    (submission,) = submissions.collect(tmp_path, assignments)
    sources = [cell.source for cell in submissions.restore(submission, assignments).cells]
    assert "quarter = 0.25\n\ndef shrink_factor(depth): ..." in sources
    assert "own = 1" in sources
