"""Reads what students handed in, and puts their answers into the instructor's notebook.

Nothing of a submission is trusted but the text of its answers and of the cells that the student added. Every
other cell comes from the course's own notebook, in its order, so that edited, deleted or moved tests do no harm.
"""

import copy
import json
import os
import re
import stat
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

MOST_MEGABYTES = 20  # of a submitted notebook; a larger one is not read
NAME = re.compile(r"[\w@.][\w@. -]*")


@dataclass
class Submission:
    """What one student handed in for one assignment; `problem` says why there is nothing to run."""

    student: str
    assignment: str
    path: Path | None = None
    cells: list[dict] = field(default_factory=list)
    problem: str = ""
    remarks: list[str] = field(default_factory=list)


class Assignments:
    """The notebooks of a course: the instructor's version, and the stub of each answer from the released one."""

    def __init__(self, course):
        self.masters, self.stubs = {}, {}
        for path in sorted((course / "source").glob("*/*.ipynb")):
            self.masters[path.stem] = nbformat.read(path, as_version=4)
            released = nbformat.read(course / "release" / path.stem / path.name, as_version=4)
            self.stubs[path.stem] = {grade_id(cell): cell.source for cell in released.cells}

    def of(self, cells, path):
        """Return the assignment that a notebook belongs to: by its cells, or else by the names on its path."""
        ids = {grade_id(cell) for cell in cells} - {"title", "setup", "imports", None}
        shared = {name: len(ids & set(stubs)) for name, stubs in self.stubs.items()}
        best = max(shared, key=shared.get)
        if shared[best]:
            return best
        return next((name for name in (path.stem, path.parent.name) if name in self.masters), None)


def grade_id(cell):
    metadata = cell.get("metadata")
    told = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return told.get("grade_id") if isinstance(told, dict) and isinstance(told.get("grade_id"), str) else None


def collect(folder, assignments, *, only=None):
    """Find every submission: FOLDER/STUDENT/….ipynb, as nbgrader collects them, or FOLDER/STUDENT.ipynb."""
    students = {}
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        student = _student(entry, students)
        paths = [entry] if entry.suffix == ".ipynb" else _notebooks(entry)
        students.setdefault(student, []).extend(_read(student, path, assignments, only) for path in paths)
    return [
        submission
        for student, handed_in in students.items()
        for submission in _one_for_each_assignment(handed_in or [_nothing(student, only)])
    ]


def _student(entry, students):
    """Return a student's name that is safe in paths, tables and nbgrader, and nobody else's."""
    name = entry.stem if entry.suffix == ".ipynb" else entry.name
    if NAME.fullmatch(name):
        return name
    safe = re.sub(r"[^\w@. -]", "_", name).lstrip("-. ") or "unnamed"
    return f"{safe}-{len(students) + 1}"


def _nothing(student, only):
    return Submission(student, only or "", problem="no notebook was handed in")


def _notebooks(folder):
    """The notebooks in a student's folder, without following links out of it."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    paths = (Path(top) / name for top, _, names in os.walk(folder) for name in names)
    return sorted(path for path in paths if path.suffix == ".ipynb" and ".ipynb_checkpoints" not in path.parts)


def _read(student, path, assignments, only):
    """Read one file; whatever it is, return a submission."""
    cells, problem = [], ""
    try:
        cells = _cells(path)
    except _UnreadableError as error:
        problem = str(error)
    assignment = assignments.of(cells, path) or only
    if assignment is None:
        problem = problem or "it has no cell of any assignment"
    submission = Submission(student, assignment or "", path, cells, problem)
    if assignment and not problem and path.stem not in (assignment, student):
        submission.remarks.append(f"the notebook was named {path.name[:60]!r}")
    return submission


class _UnreadableError(Exception):
    pass


def _cells(path):
    content = _content(path)
    try:
        cells = json.loads(content)["cells"]
        return [_cell(cell) for cell in cells if cell.get("cell_type") in ("code", "markdown", "raw")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _UnreadableError(f"it is no notebook ({type(error).__name__})") from error


def _content(path):
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise _UnreadableError("it is a link or a device, not a file")
        if status.st_size > MOST_MEGABYTES * 2**20:
            raise _UnreadableError(f"the file has {status.st_size / 2**20:.0f} MB, more than {MOST_MEGABYTES}")
        return path.read_bytes()
    except OSError as error:
        raise _UnreadableError(f"it cannot be read ({error.strerror})") from error


def _cell(cell):
    """Return a cell with its text in one piece, which JSON may hold in lines."""
    source = cell.get("source", "")
    text = source if isinstance(source, str) else "".join(map(str, source))
    return cell | {"source": writable(text)}


def writable(text):
    """Return the text without what no file can hold or a terminal obeys: JSON can hold halves of characters."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", text.encode("utf-8", "replace").decode())


def _one_for_each_assignment(submissions):
    """Keep one notebook of each assignment: a readable one, under its own name, else the newest."""

    def rank(submission):
        time = submission.path.lstat().st_mtime if submission.path else 0
        return (not submission.problem, submission.path and submission.path.stem == submission.assignment, time)

    kept = {}
    for submission in sorted(submissions, key=rank):
        before = kept.get(submission.assignment)
        kept[submission.assignment] = submission
        if before and before.path:
            submission.remarks += [f"another notebook was ignored: {before.path.name[:60]!r}"]
    if len(kept) > 1:
        kept.pop("", None)  # what belongs to no assignment, beside what does
    return list(kept.values())


def restore(submission, assignments):
    """Return the instructor's notebook with the student's answers and added cells, and note what was wrong."""
    master = copy.deepcopy(assignments.masters[submission.assignment])
    stubs = assignments.stubs[submission.assignment]
    answers, added = _sort_cells(submission, stubs)
    cells = []
    for cell in master.cells:
        name = grade_id(cell)
        cells += added.get(name, [])
        if cell.metadata.nbgrader["solution"]:
            cell.source = "\n\n".join(answers.get(name, [])) or stubs[name]
        cells.append(cell)
    master.cells = cells + added.get(None, [])
    return master


def _sort_cells(submission, stubs):
    """Return the answers by name, and the student's own cells by the name of the course's cell after them."""
    answers, added, waiting = {}, {}, []
    counts = Counter(name for cell in submission.cells if (name := grade_id(cell)) in stubs)
    for number, cell in enumerate(submission.cells):
        name = grade_id(cell)
        if name not in stubs:
            if cell["cell_type"] == "code" and name is None:
                own = nbformat.v4.new_code_cell(cell["source"], id=f"added-{number}")
                waiting.append(own)
            continue
        added.setdefault(name, []).extend(waiting)
        waiting = []
        if cell["source"] != stubs[name] and cell["source"] not in answers.setdefault(name, []):
            answers[name].append(cell["source"])  # of an answer in two cells, both run, as in the notebook
    added[None] = waiting
    submission.remarks += _discrepancies(submission, stubs, counts)
    return answers, added


def _discrepancies(submission, stubs, counts):
    """Say which of the course's cells are missing, come twice, or were changed though they are locked."""
    if submission.problem:
        return []
    remarks = []
    missing = [name for name in stubs if name not in counts]
    twice = [name for name, count in counts.items() if count > 1]
    changed = {
        name
        for cell in submission.cells
        if (name := grade_id(cell)) in stubs and name.endswith("-graded") and cell["source"] != stubs[name]
    }
    for names, told in ((missing, "deleted"), (twice, "duplicated"), (sorted(changed), "edited and restored")):
        if names:
            remarks.append(f"{told}: {', '.join(names[:4])}" + (" …" if len(names) > 4 else ""))
    return remarks
