"""A small class is graded: right, wrong, mixed and hostile submissions, each a row, without harm to the others."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from grading.students import Class, hand_in_hostile
from instructor import booking, grade, sandbox, submissions
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


def test_another_call_keeps_what_was_graded_before(tmp_path):
    def write(*rows, seconds=1):
        found = [submissions.Submission(student, assignment) for student, assignment in rows]
        results = {number: {"remarks": [], "seconds": seconds, "megabytes": 3} for number in range(len(found))}
        return booking.write_tables(tmp_path, found, results)

    def read():
        with (tmp_path / "grades.csv").open() as file:
            return [(row["student"], row["assignment"], row["seconds"]) for row in csv.DictReader(file)]

    write(("ben", LESSON), ("anna", LESSON), ("carl", ""), ("dora", ""))
    mine = write(("carl", LESSON), ("anna", LESSON), ("anna", "02_plain_vs_residual"), seconds=2)
    assert [row["student"] for row in mine] == ["carl", "anna", "anna"]
    assert read() == [
        ("anna", LESSON, "2.0"),
        ("anna", "02_plain_vs_residual", "2.0"),
        ("ben", LESSON, "1.0"),
        ("carl", LESSON, "2.0"),
        ("dora", "", "1.0"),
    ]
    (tmp_path / "points.csv").write_text("student,mark\nanna,1\n")
    with pytest.raises(booking.TableError, match=r"points\.csv has not the columns"):
        write(("anna", LESSON))
    assert len(read()) == 5


def call_grade(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["grade", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        grade.main()
    return str(ended.value)


def test_what_cannot_be_meant_is_told_before_anything_runs(course, tmp_path, monkeypatch):
    told = call_grade(monkeypatch, tmp_path, "--course", course, "--assignment", "01_vanishing")
    assert told.startswith("There is no assignment 01_vanishing. There are 00_start_here, 01_vanishing_gradients,")
    copied = tmp_path / "course"
    shutil.copytree(course, copied)
    (copied / "grades.csv").write_text("student,mark\n")
    assert "has not the columns" in call_grade(monkeypatch, tmp_path, "--course", copied)


def test_nbgrader_s_own_commands_run_no_submission_and_overwrite_no_table(course, tmp_path):
    copied = tmp_path / "course"
    shutil.copytree(
        course, copied, ignore=shutil.ignore_patterns("submitted", "autograded", "feedback", "grading")
    )
    (copied / "grades.csv").write_text("ours")
    notebook = nbformat.read(copied / "release" / LESSON / f"{LESSON}.ipynb", as_version=4)
    harmful = f"open({str(tmp_path / 'harm')!r}, 'w').close()"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(harmful))
    folder = copied / "submitted" / "mallory" / LESSON
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / f"{LESSON}.ipynb")
    nbgrader = Path(sys.executable).with_name("nbgrader")
    subprocess.run([nbgrader, "autograde", LESSON], cwd=copied, check=True, capture_output=True, timeout=120)
    assert (copied / "autograded" / "mallory" / LESSON).is_dir(), "or this test would prove nothing"
    assert not (tmp_path / "harm").exists()
    subprocess.run([nbgrader, "export"], cwd=copied, check=True, capture_output=True, timeout=120)
    assert (copied / "grades.csv").read_text() == "ours"
    assert "mallory" in (copied / "gradebook.csv").read_text()


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
