"""Generated submissions: solved, unsolved, mixed, and hostile ones."""

import copy
import json

import nbformat

# Correct answers that are written otherwise than the solutions.
OTHERWISE = {
    "depth": "depth = lambda n: 1 + sum(2 for _ in range(3 * n)) + 1",
    "shrink_factor": "import math\ndef shrink_factor(depth):\n    return math.prod([1 / 4] * depth)",
    "he_stddev": "def he_stddev(kernel_shape):\n    return np.sqrt(2 / np.prod(kernel_shape[:-1]))",
    "backward_norms": """\
def backward_norms(weights, x):
    states = [x]
    for w in weights:
        states += [np.tanh(w @ states[-1])]
    back, norms = states[-1], []
    for i in reversed(range(len(weights))):
        back = back * (1 - states[i + 1] ** 2)
        norms.insert(0, float(np.linalg.norm(back) * np.linalg.norm(states[i])))
        back = back @ weights[i]
    return norms""",
    "setting": 'setting = {"initializer": keras.initializers.RandomUniform(-0.2, 0.2)}',
    "verdict": """\
def verdict(shallow, deep):
    for split, name in (("train", "degradation"), ("test", "overfitting")):
        if deep[split] - shallow[split] > 0:
            return name
    return "none\"""",
    "gate_bias": "def gate_bias(share):\n    return -np.log(1 / share - 1)",
    "passed_on": "def passed_on(scale, blocks):\n    return np.prod([float(scale)] * blocks)",
    "l2_factor": "l2_factor = lambda weight_decay: 0.5 * weight_decay",
    "reduced_rate": """\
def reduced_rate(epoch, reductions):
    rate = schedule(epoch)
    for _ in range(reductions):
        rate = max(rate / 10**0.5, 5e-7)
    return rate""",
}
# Not right, as a student may write it.
WRONG = {
    "depth": "def depth(n):\n    return 6 * n",
    "shrink_factor": "def shrink_factor(depth):\n    return 0.5**depth",
    "he_stddev": "def he_stddev(kernel_shape):\n    return 2 / np.prod(kernel_shape[:3])",
    "backward_norms": "def backward_norms(weights, x):\n    return weights",
    "setting": 'setting = {"activation": "relu", "initializer": "he_normal"}',
    "verdict": 'def verdict(shallow, deep):\n    return "none"',
    "gate_bias": "def gate_bias(share):\n    return share",
    "passed_on": "def passed_on(scale, blocks):\n    return scale * blocks",
    "l2_factor": "def l2_factor(weight_decay):\n    return weight_decay",
    "reduced_rate": "def reduced_rate(epoch, reductions):\n    return schedule(epoch)",
}


class Class:
    """Writes submissions for a course into a folder."""

    def __init__(self, course, folder):
        self.course, self.folder = course, folder

    def released(self, assignment):
        return nbformat.read(self.course / "release" / assignment / f"{assignment}.ipynb", as_version=4)

    def solutions(self, assignment):
        """The text of each solution, by the name of its cell, in order."""
        source = nbformat.read(self.course / "source" / assignment / f"{assignment}.ipynb", as_version=4)
        return {
            told["grade_id"]: cell.source for cell in source.cells if (told := cell.metadata.nbgrader)["solution"]
        }

    def points(self, assignment):
        source = nbformat.read(self.course / "source" / assignment / f"{assignment}.ipynb", as_version=4)
        graded = [cell.metadata.nbgrader for cell in source.cells if cell.metadata.nbgrader["grade"]]
        return {told["grade_id"].removesuffix("-graded"): told["points"] for told in graded}

    def notebook(self, assignment, answers):
        notebook = self.released(assignment)
        for cell in notebook.cells:
            cell.source = answers.get(cell.metadata.nbgrader["grade_id"], cell.source)
        return notebook

    def hand_in(self, student, assignment, answers, *, change=None, name=None):
        """Write a notebook with these answers; `change(notebook)` may do anything to it."""
        notebook = self.notebook(assignment, answers)
        if change:
            notebook = change(notebook) or notebook
        path = self.folder / student / assignment / f"{name or assignment}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(notebook if isinstance(notebook, str) else json.dumps(notebook))
        return path

    def hand_in_mixed(self, student, assignment, number):
        """Write a mix that its number decides: solved in one of two ways, unsolved, wrong; return its points."""
        points, answers, expected = self.points(assignment), {}, {}
        for place, (name, solution) in enumerate(self.solutions(assignment).items()):
            kind = (number // 3**place + place) % 3
            if kind == 0:
                answers[name] = OTHERWISE.get(name, solution) if number % 2 else solution
                expected[name] = points[name]
            elif kind == 1 and name in WRONG:
                answers[name] = WRONG[name]
            expected.setdefault(name, 0)
        self.hand_in(student, assignment, answers)
        return expected


def without(names):
    def change(notebook):
        notebook.cells = [cell for cell in notebook.cells if cell.metadata.nbgrader["grade_id"] not in names]

    return change


def twice(notebook):
    notebook.cells += copy.deepcopy(notebook.cells)


def edited_tests(notebook):
    for cell in notebook.cells:
        if cell.metadata.nbgrader["grade"]:
            cell.source = "assert True"


def garbled(notebook):
    """Half a character, which is text in Python and JSON and in no file; colours and bells for a terminal."""
    half = chr(0xD800)
    answer = next(cell for cell in notebook.cells if cell.metadata.nbgrader["solution"])
    answer.source = f"# {half}\nprint(chr(0xD800))\nraise ValueError('\\x1b[31m\\a' + chr(0xD800))"


# What a hostile answer's cell begins with, and a part of the reason that its row must get. FOLDER is the class's.
HOSTILE_CODE = {
    "endless": ("while True:\n    try:\n        pass\n    except: pass", "stopped after"),
    "allocates": ("big = bytearray(8 << 30)", "memory"),
    "leaves": ("import os\nos._exit(0)", "ended the process with status 0"),
    "reads_solutions": ("print(open('ROOT/notebooks/src/LESSON.py').read())\n", "FileNotFoundError"),
    "reads_others": ("print(open('FOLDER/solution/LESSON/LESSON.ipynb').read())", "FileNotFoundError"),
    "writes": ("open('FOLDER/solution/LESSON/LESSON.ipynb', 'w').write('mine')", "FileNotFoundError"),
    "prints": ("for _ in range(1000):\n    print('x' * 10**6)", "printed 1,000,00"),
    "patches_tests": (
        "from resnet_edu.checks import answers\nanswers.Result.passed = property(lambda self: True)",
        "changed resnet_edu.checks.answers.Result.passed",
    ),
    "replaces_tests": (
        "import sys, types\nsys.modules['resnet_edu.checks'] = types.SimpleNamespace(check_depth=print)",
        "changed resnet_edu.checks",
    ),
    "forks": (
        "import os\nwhile True:\n    os.fork()",
        "",
    ),
    "kills": ("import os, signal\nos.kill(-1, signal.SIGKILL)\nos.kill(os.getppid(), signal.SIGKILL)", ""),
}
# What is done to the notebook itself.
HOSTILE_NOTEBOOKS = {
    "deletes": (lambda names: without({names[0], f"{names[0]}-graded"}), None, "deleted"),
    "duplicates": (lambda names: twice, None, "duplicated"),
    "renames": (lambda names: None, "homework final (2)", "was named"),
    "breaks": (lambda names: lambda notebook: '{"cells": [{"cell_type": "code", ', None, "no notebook"),
    "garbles": (lambda names: garbled, None, "shrink_factor: ValueError"),
    "edits_tests": (lambda names: edited_tests, None, "edited and restored"),
}


def hand_in_hostile(classroom, assignment, root):
    """Write one submission of each hostile kind; return the expected reasons by student.

    The code of a hostile one stands in the first answer's cell; all other answers are right.
    """
    solutions = classroom.solutions(assignment)
    first = next(iter(solutions))
    reasons = {}
    for student, (code, reason) in HOSTILE_CODE.items():
        for name, value in (("ROOT", root), ("FOLDER", classroom.folder), ("LESSON", assignment)):
            code = code.replace(name, str(value))  # noqa: PLW2901
        answers = solutions | {first: f"{code}\n\n{solutions[first]}"}
        classroom.hand_in(student, assignment, answers)
        reasons[student] = reason
    for student, (change, name, reason) in HOSTILE_NOTEBOOKS.items():
        answers = {} if student == "edits_tests" else solutions
        classroom.hand_in(student, assignment, answers, change=change(list(solutions)), name=name)
        reasons[student] = reason
    return reasons
