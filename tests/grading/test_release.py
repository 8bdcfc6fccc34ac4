"""The released assignments: complete, as the repository holds them, and without a trace of an answer."""

import ast
import re

import nbformat
import pytest

from instructor import assignments, release, variants
from instructor.assignments import builder
from resnet_edu import checks

SOURCES = [source for source in builder.sources() if assignments.exercises(source)]
EXERCISES = [(source, exercise) for source in SOURCES for exercise in assignments.exercises(source)]
each_exercise = pytest.mark.parametrize(
    ("source", "exercise"), EXERCISES, ids=[f"{source.stem}-{exercise.name}" for source, exercise in EXERCISES]
)


def cells(path):
    return nbformat.read(path, as_version=4).cells


def told(cell):
    return cell.metadata.nbgrader


def test_every_check_but_the_predictions_is_graded_in_some_lesson():
    graded = {exercise.check for _, exercise in EXERCISES}
    assert graded == set(checks.__all__) - {"check_prediction"}


@each_exercise
def test_every_exercise_has_points_and_a_hidden_variant(source, exercise):
    assert exercise.points in (1, 2, 3)
    assert exercise.check in variants.VARIANTS, f"add a variant of {exercise.check} to instructor/variants.py"
    assert variants.draw_keywords(exercise.check, "a") == variants.draw_keywords(exercise.check, "a")
    drawn = [variants.draw_keywords(exercise.check, seed) for seed in range(8)]
    assert any(keywords != drawn[0] for keywords in drawn), "the variant does not depend on the seed"


def test_there_is_no_variant_without_an_exercise():
    assert variants.VARIANTS.keys() == {exercise.check for _, exercise in EXERCISES}
    assert variants.QUESTIONS.keys() < variants.VARIANTS.keys()


@each_exercise
def test_a_question_for_a_value_is_asked_anew(source, exercise):
    is_value = isinstance(ast.parse(builder.MARKER.sub("", exercise.solution)).body[-1], ast.Assign)
    assert exercise.is_value == is_value, f"add {exercise.check} to QUESTIONS in instructor/variants.py"


def test_the_released_sample_is_what_the_sources_give(tmp_path):
    release.write_sample(tmp_path / "sample")
    again = {path.name: path.read_text() for path in (tmp_path / "sample").iterdir()}
    assert again == {path.name: path.read_text() for path in release.SAMPLE.iterdir()}, "run `make release`"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_released_file_gives_no_answer_away(course, source):
    """No line of a solution, of a hidden test or of its cases, in the notebook or hidden in its metadata."""
    path = course / "release" / source.stem / f"{source.stem}.ipynb"
    assert not re.search(r"BEGIN|HIDDEN|graded\.passed|graded = ", path.read_text())
    exercises = assignments.exercises(source)
    # The lesson's own code, such as the builder of a bug hunt, and its hints are open anyway.
    from_lesson = [cell for cell in cells(path) if re.search(r"-(lesson|text\d|hints)$", told(cell)["grade_id"])]
    visible = "\n".join(cell.source for cell in cells(path) if cell not in from_lesson)
    for cell in from_lesson:
        if cell.cell_type == "code":
            assert not any(re.search(rf"\b{exercise.name}\b *(=|\()", cell.source) for exercise in exercises)
    for exercise in exercises:
        for line in _solution_lines(exercise):
            assert line not in visible, line
        drawn = variants.draw_keywords(exercise.check, "tests")
        if exercise.is_value:
            assert variants.QUESTIONS[exercise.check].answer(**drawn) not in visible
        else:
            assert not any(repr(value) in visible for value in drawn.values())
    assert {path.suffix for path in (course / "release").rglob("*") if path.is_file()} == {".ipynb"}


def _solution_lines(exercise):
    marked = re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", exercise.solution, re.S)
    lines = [line.strip() for text in marked for line in text.splitlines()]
    return [line for line in lines if len(line) > 15]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_the_instructors_version_has_solutions_tests_and_nbgraders_metadata(course, source):
    everything = cells(course / "source" / source.stem / f"{source.stem}.ipynb")
    names = [told(cell)["grade_id"] for cell in everything]
    assert len(set(names)) == len(names)
    assert all(told(cell)["schema_version"] == 3 for cell in everything)
    exercises = assignments.exercises(source)
    graded = [cell for cell in everything if told(cell)["grade"]]
    assert [told(cell)["points"] for cell in graded] == [exercise.points for exercise in exercises]
    assert all("BEGIN HIDDEN TESTS" in cell.source and told(cell)["locked"] for cell in graded)
    assert sum("SOLUTION" in cell.source for cell in everything) == len(exercises)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_the_guide_lists_every_assignment(source):
    exercises = assignments.exercises(source)
    points = sum(exercise.points for exercise in exercises)
    guide = (assignments.ROOT / "instructor" / "README.md").read_text()
    assert f"| {source.stem} | {len(exercises)} | {points} |" in guide


def test_a_forgotten_heading_or_check_is_an_error(tmp_path):
    lesson = '# %% [markdown]\n# # Title\n\n# %% tags=["exercise"]\nf = 1  ### SOLUTION\n{}\n'
    path = tmp_path / "99_new.py"
    path.write_text(lesson.format(""))
    with pytest.raises(ValueError, match="no cell checks the exercise f"):
        assignments.exercises(path)
    path.write_text(lesson.format("checks.check_depth(f)"))
    with pytest.raises(ValueError, match="no heading with its difficulty"):
        assignments.exercises(path)
