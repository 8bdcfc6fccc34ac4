"""The built notebooks against their sources, and what every lesson promises."""

import re
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import build_notebooks as builder  # noqa: E402

SOURCES = builder.sources()
BUILT = [(source, path, solutions) for source in SOURCES for path, solutions in builder.targets(source)]
each_built = pytest.mark.parametrize(
    ("source", "path", "solutions"), BUILT, ids=[str(b[1].name) + "-solution" * b[2] for b in BUILT]
)


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return builder.code_cells(read(path))


def tags(cell):
    return cell.metadata.get("tags", [])


def text_of(output):
    return output.get("text") or output.get("data", {}).get("text/plain", "")


def test_there_are_lessons():
    assert len(SOURCES) >= 2


@each_built
def test_built_notebook_equals_its_source(source, path, solutions):
    expected, built = builder.derive(source, solutions=solutions).cells, read(path).cells
    assert [(c.id, c.cell_type, c.source, tags(c)) for c in built] == [
        (c.id, c.cell_type, c.source, tags(c)) for c in expected
    ], "run `make notebooks`"


@pytest.fixture
def one_lesson(tmp_path, monkeypatch):
    """A source with two built notebooks in a folder of its own, each with an output."""
    source = tmp_path / "09_text.py"
    source.write_text("# %% [markdown]\n# # 9 · Text\n#\n# Old.\n\n# %%\nprint(1)\n")
    monkeypatch.setattr(builder, "ROOT", tmp_path)
    monkeypatch.setattr(builder, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(builder, "SOLUTIONS", tmp_path / "solutions")
    builder.SOLUTIONS.mkdir()
    for path, solutions in builder.targets(source):
        notebook = builder.derive(source, solutions=solutions)
        notebook.cells[2].update(outputs=[nbformat.v4.new_output("stream", text="1\n")], execution_count=2)
        nbformat.write(notebook, path)
    return source


def test_changed_text_keeps_the_outputs(one_lesson):
    one_lesson.write_text(one_lesson.read_text().replace("Old.", "New.\n\n# %% [markdown]\n# Another cell."))
    builder.change_text(one_lesson)
    for path, _ in builder.targets(one_lesson):
        title, _, another, code = read(path).cells
        assert "New." in title.source and another.source == "Another cell."
        assert [output.text for output in code.outputs] == ["1\n"] and code.execution_count == 2


@pytest.mark.parametrize("code", ["print(2)", "print(1)\n\n# %%\nprint(3)"])
def test_changed_code_is_not_taken_for_changed_text(one_lesson, code):
    one_lesson.write_text(one_lesson.read_text().replace("print(1)", code))
    with pytest.raises(ValueError, match="its code has changed"):
        builder.change_text(one_lesson)
    assert "print(1)" in {cell.source for cell in code_cells(builder.targets(one_lesson)[0][0])}


def test_there_is_no_notebook_without_a_source():
    built = {path for _, path, _ in BUILT}
    assert {*builder.NOTEBOOKS.glob("*.ipynb"), *builder.SOLUTIONS.glob("*.ipynb")} == built


@each_built
def test_built_notebook_was_executed_from_top_to_bottom(source, path, solutions):
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))


@each_built
def test_no_output_is_an_error_or_a_warning(source, path, solutions):
    for cell in code_cells(path):
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text


@each_built
def test_no_output_names_a_path_of_the_machine_that_built_it(source, path, solutions):
    for cell in code_cells(path):
        for output in cell.outputs:
            assert not re.search(r"(?<![\w.])/(home|root|work|tmp|Users|opt)/", text_of(output)), text_of(output)


@each_built
def test_a_cell_marked_for_comparison_has_an_output_to_compare(source, path, solutions):
    # nbval skips a marked cell in silence when it was never executed or shows nothing.
    for cell in code_cells(path):
        if builder.CHECKED in tags(cell):
            assert cell.outputs, cell.source


@each_built
def test_every_figure_has_its_summary_in_words(source, path, solutions):
    for cell in code_cells(path):
        kinds = [set(output.get("data", {})) for output in cell.outputs]
        if any("image/png" in kind for kind in kinds):
            assert any(output.output_type == "stream" and len(output.text) > 20 for output in cell.outputs), (
                cell.source
            )


@each_built
def test_a_widget_is_not_left_as_a_class_name(source, path, solutions):
    for cell in code_cells(path):
        for output in cell.outputs:
            if "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
                assert text_of(output).startswith("[Interactive in JupyterLab:")


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_lesson_hides_its_solutions_and_the_solution_passes_its_checks(source):
    lesson, solution = (path for path, _ in builder.targets(source))
    stubs = [cell for cell in code_cells(lesson) if "exercise" in tags(cell)]
    assert stubs
    for cell in stubs:
        assert "..." in cell.source
        assert "SOLUTION" not in cell.source
    for path, sign in [(lesson, "○ not attempted yet"), (solution, "✓")]:
        checks = [cell for cell in code_cells(path) if "checks.check_" in cell.source]
        assert len(checks) >= len(stubs)
        for cell in checks:
            assert text_of(cell.outputs[-1]).startswith(sign), f"{path.name}: {cell.source}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_every_exercise_has_a_hint(source):
    text = source.read_text(encoding="utf-8")
    titles = re.findall(r"^# ### (Exercise .*)$", text, flags=re.MULTILINE)
    exercises = re.split(r"^# ### Exercise .*$", text, flags=re.MULTILINE)[1:]
    without = [
        title
        for title, exercise in zip(titles, exercises, strict=True)
        if "<details><summary>Hint: " not in re.split(r"^# ##+ ", exercise, maxsplit=1, flags=re.MULTILINE)[0]
    ]
    assert not without


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_lesson_opens_with_what_why_and_how_long(source):
    first = read(builder.targets(source)[0][0]).cells[0].source
    for promise in ("**You will**", "**You will learn**", "**You need**", "**Time:**"):
        assert promise in first


@each_built
def test_no_code_cell_is_longer_than_a_screen(source, path, solutions):
    for cell in code_cells(path):
        assert len(cell.source.splitlines()) <= 25, cell.source


def test_the_public_address_stands_in_one_place():
    readme, citation = (ROOT / "README.md").read_text(), (ROOT / "CITATION.cff").read_text()
    assert builder.REPOSITORY in readme
    assert builder.readme_with_links(readme) == readme, "run `make notebooks`"
    assert builder.citation_with_address(citation) == citation, "run `make notebooks`"


def test_a_solution_is_cut_out_whole():
    code = (
        "def f(x):\n    ### BEGIN SOLUTION\n    y = x\n\n    return y\n    ### END SOLUTION\n\n\n"
        "a = 3  ### SOLUTION\nf(a)"
    )
    assert builder._without_solution(code) == (
        "def f(x):\n    ...  # your code here\n\n\na = ...  # your answer here\nf(a)"
    )
    assert builder.MARKER.sub("", code) == "def f(x):\n    y = x\n\n    return y\n\n\na = 3\nf(a)"
