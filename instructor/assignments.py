"""The exercises of a lesson as an nbgrader assignment, derived from the lesson's source.

An assignment has the exercises alone, each with the code of the lesson that it needs: grading runs every cell, and
a whole lesson trains networks for minutes. Predictions are left out: to guess wrong is no fault.
"""

import ast
import dis
import inspect
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import jupytext
import nbformat

from instructor import variants

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import build_notebooks as builder  # noqa: E402

POINTS = {"easy": 1, "medium": 2, "hard": 3}
HEADING = re.compile(r"^### Exercise.*?\((easy|medium|hard),", re.M)
HINTS = re.compile(r"(\s*<details>.*?</details>)+", re.S)
CHECK = re.compile(r"checks\.(check_\w+)\((?:\"\w+\", )?(\w+)\)")
# What an exercise's text speaks of, and its code does not name.
SPOKEN_OF = {"check_stride_position": {"broken_v1", "broken20", "resnet20"}}


@dataclass
class Exercise:
    """One exercise: the name of its answer, its check, its text, the lesson's code for it, and its solution."""

    name: str
    check: str
    points: int
    text: str
    solution: str
    between: list[tuple[str, str]] = field(default_factory=list)  # cells between text and solution: type, source
    hints: str = ""

    @property
    def is_value(self):
        return self.check in variants.QUESTIONS


def exercises(source):
    """Return the graded exercises of a lesson's source, in order."""
    cells = jupytext.read(source, fmt="py:percent").cells
    checks = {name: check for cell in cells for check, name in CHECK.findall(cell.source)}
    found = []
    for place, cell in enumerate(cells):
        if "exercise" not in cell.metadata.get("tags", []):
            continue
        solution = _answer_part(cell.source)
        name = _bound(ast.parse(solution).body[-1])[0]
        if name not in checks:
            raise ValueError(f"{source.name}: no cell checks the exercise {name}")
        if checks[name] != "check_prediction":
            found.append(_exercise(source, cells, place, name, checks[name], solution))
    return found


def _exercise(source, cells, place, name, check, solution):
    """Collect an exercise from its heading to the hints below it."""
    start = next((i for i in range(place, -1, -1) if HEADING.search(cells[i].source)), None)
    if start is None:
        raise ValueError(f"{source.name}: the exercise {name} has no heading with its difficulty")
    heading = list(HEADING.finditer(cells[start].source))[-1]
    after = cells[place + 1].source if place + 1 < len(cells) else ""
    hints = HINTS.match(after)
    return Exercise(
        name=name,
        check=check,
        points=POINTS[heading[1]],
        text=cells[start].source[heading.start() :],
        solution=solution,
        between=[(cell.cell_type, cell.source) for cell in cells[start + 1 : place]],
        hints=hints[0].strip() if hints else "",
    )


def assignment(source, seed):
    """Return the instructor's version of a lesson's assignment, for nbgrader: with solutions and hidden tests."""
    lesson = _Lesson(source)
    cells = [_title(source), _code(builder.SETUP, "setup"), _code(lesson.imports(), "imports")]
    for exercise in exercises(source):
        cells += _question(exercise, seed) if exercise.is_value else _task(exercise, lesson)
        cells.append(_graded(exercise, seed))
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=_METADATA)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"{source.stem}-{number}"
    return notebook


_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def _title(source):
    title = jupytext.read(source, fmt="py:percent").cells[0].source.splitlines()[0].removeprefix("# ")
    return _markdown(
        f"# Assignment: {title}\n\nThese are the exercises of the lesson. Work through the lesson first: what the "
        "texts below speak of is there. Replace the dots in each answer's cell. You may add cells of your own. "
        "The checks tell you at once what they noticed; the graded tests ask for other cases than they do. Before "
        "you hand in, restart the kernel and run all cells.",
        "title",
    )


def _task(exercise, lesson):
    """The cells of an exercise whose answer is a function."""
    needed = lesson.needed(exercise)
    cells = [_code(needed, f"{exercise.name}-lesson")] if needed else []
    cells.append(_markdown(exercise.text, f"{exercise.name}-text"))
    for number, (kind, source) in enumerate(exercise.between):
        make = _markdown if kind == "markdown" else _code
        cells.append(make(source, f"{exercise.name}-text{number + 2}"))
    cells.append(_code(exercise.solution, exercise.name, solution=True))
    cells.append(_code(f"checks.{exercise.check}({exercise.name})", f"{exercise.name}-check"))
    if exercise.hints:
        cells.append(_markdown(exercise.hints, f"{exercise.name}-hints"))
    return cells


def _question(exercise, seed):
    """The cells of a question whose answer is a value: asked with other numbers, and without an open check."""
    question = variants.QUESTIONS[exercise.check]
    drawn = variants.draw_keywords(exercise.check, seed)
    heading = exercise.text.splitlines()[0]
    answer = (
        f"{exercise.name} = (\n    ### BEGIN SOLUTION\n    {question.answer(**drawn)}\n    ### END SOLUTION\n)"
    )
    return [
        _markdown(
            f"{heading}\n\n{question.text(**drawn)}\n\n(The lesson asks this with other numbers, and checks it.)",
            f"{exercise.name}-text",
        ),
        _code(answer, exercise.name, solution=True),
    ]


def _graded(exercise, seed):
    """The graded cell: nbgrader takes out what is between the two marks before it releases it."""
    drawn = variants.draw_keywords(exercise.check, seed)
    keywords = "".join(f", {name}={value!r}" for name, value in drawn.items())
    points = f"{exercise.points} point{'s' * (exercise.points > 1)}"
    code = f"""\
# {exercise.name}: {points}. What is tested here is added when the notebook is graded.
### BEGIN HIDDEN TESTS
from resnet_edu.checks import {exercise.check}

graded = {exercise.check}({exercise.name}{keywords})
assert graded.passed, graded
### END HIDDEN TESTS"""
    return _code(code, f"{exercise.name}-graded", points=exercise.points)


class _Lesson:
    """The top-level statements of a lesson, to take from it what an exercise needs."""

    def __init__(self, source):
        cells = jupytext.read(source, fmt="py:percent").cells
        self.statements = []  # source, names that it binds, names that it reads
        for cell in cells:
            if cell.cell_type != "code":
                continue
            code = builder.MARKER.sub("", cell.source)
            for node in ast.parse(code).body:
                self.statements.append((ast.get_source_segment(code, node), node, _bound(node), _read(node)))
        self.emitted = set()

    def imports(self):
        lines = [text for text, node, _, _ in self.statements if isinstance(node, ast.Import | ast.ImportFrom)]
        lines.append("from resnet_edu import checks")
        return "\n".join(sorted(set(lines), key=lambda line: (line.startswith("from resnet_edu"), line)))

    def needed(self, exercise):
        """Return the lesson's statements that the exercise depends on and no exercise before it had."""
        own = [source for kind, source in exercise.between if kind == "code"]
        code = "\n".join([*own, builder.MARKER.sub("", exercise.solution)])
        tree = ast.parse(code)
        bound = {name for node in tree.body for name in _bound(node)}
        wanted = ({name for node in tree.body for name in _read(node)} - bound) | SPOKEN_OF.get(
            exercise.check, set()
        )
        code = "\n".join(self._closure(wanted, before=exercise.name))
        return re.sub(r"\n(?=def |class )", "\n\n\n", code)

    def _closure(self, wanted, *, before):
        chosen = {}
        places = [i for i, (_, _, bound, _) in enumerate(self.statements) if before in bound]
        for i in range(places[0] - 1, -1, -1):
            text, node, bound, read = self.statements[i]
            if isinstance(node, ast.Import | ast.ImportFrom) or not wanted & set(bound):
                continue
            wanted = (wanted - set(bound)) | read
            if text not in self.emitted:
                chosen[i] = text
        self.emitted |= set(chosen.values())
        return [chosen[i] for i in sorted(chosen)]


def _bound(node):
    """The names that a top-level statement binds."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    return []


def _read(node):
    """The names that a top-level statement takes from the module around it, not those of its own functions."""
    return _globals_of(compile(ast.Module([node], []), "lesson", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT))


def _globals_of(code):
    names = {step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_NAME", "LOAD_GLOBAL")}
    return names.union(*(_globals_of(inner) for inner in code.co_consts if inspect.iscode(inner)))


def _answer_part(source):
    """The part of an exercise's cell that is the answer: up to the end of its solution."""
    lines = source.splitlines()
    last = max(i for i, line in enumerate(lines) if re.search(r"### (END )?SOLUTION\s*$", line))
    return "\n".join(lines[: last + 1])


def _markdown(source, grade_id):
    return nbformat.v4.new_markdown_cell(source, metadata={"nbgrader": _nbgrader(grade_id)})


def _code(source, grade_id, *, solution=False, points=None):
    return nbformat.v4.new_code_cell(
        source, metadata={"nbgrader": _nbgrader(grade_id, solution=solution, points=points)}
    )


def _nbgrader(grade_id, *, solution=False, points=None):
    """A cell's metadata in nbgrader's schema 3: every cell but the answers is locked."""
    metadata = {
        "schema_version": 3,
        "grade_id": grade_id,
        "grade": points is not None,
        "solution": solution,
        "locked": not solution,
        "task": False,
    }
    return metadata if points is None else metadata | {"points": points}
