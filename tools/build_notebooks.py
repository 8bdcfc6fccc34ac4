"""Build the notebooks from their sources, and execute them: `make notebooks` (ARGS="01" for some only).

A source is a percent script, notebooks/src/NN_name.py, with its solutions in place. From it come the lesson,
notebooks/NN_name.ipynb, where each solution is replaced by a stub, and notebooks/solutions/NN_name.ipynb.
"""

import argparse
import hashlib
import re
import sys
import tomllib
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
SOLUTIONS = NOTEBOOKS / "solutions"
REPOSITORY = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]
README_LINKS = re.compile(r"(<!-- links -->\n).*?(<!-- /links -->)", re.S)

SOLUTION = re.compile(r"^([ \t]*)### BEGIN SOLUTION\n.*?^[ \t]*### END SOLUTION\n?", re.M | re.S)
ANSWER = re.compile(r"^(\w+) = .*  ### SOLUTION$", re.M)
MARKER = re.compile(r"^[ \t]*### (BEGIN|END) SOLUTION\n?|  ### SOLUTION$", re.M)
CHECKED = "nbval-check-output"

SETUP = f"""\
try:  # in a clone of the course, on Binder, or where the module is installed
    import resnet_edu.backend
except ModuleNotFoundError:  # on Colab
    %pip install --quiet "git+{REPOSITORY}"
    import resnet_edu.backend
print("ready: Keras runs on", resnet_edu.backend.name())"""


def sources():
    return sorted((NOTEBOOKS / "src").glob("*.py"))


def targets(source):
    """Return what is built from a source: `(path, whether it shows the solutions)`."""
    name = f"{source.stem}.ipynb"
    return [(NOTEBOOKS / name, False), (SOLUTIONS / name, True)]


def derive(source, *, solutions):
    """Return the notebook of a source, not executed."""
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    title, rest = notebook.cells[0], notebook.cells[1:]
    title.source += "\n\n" + _links(source.stem, solutions=solutions)
    notebook.cells = [title, nbformat.v4.new_code_cell(SETUP, metadata={"tags": ["setup"]}), *rest]
    for number, cell in enumerate(notebook.cells):
        cell.id = f"{source.stem}-{number}"
        cell.metadata = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
        if cell.cell_type == "code":
            cell.source = _without_solution(cell.source) if not solutions else MARKER.sub("", cell.source)
            cell.source = cell.source.rstrip("\n")
            if "SOLUTION" in cell.source:
                raise ValueError(
                    f"{source.name}: a solution is not marked as CONTRIBUTING.md says:\n{cell.source}"
                )
    return notebook


def build(source, *, timeout=600):
    """Derive the lesson and the solution of a source, execute both and write them with their outputs."""
    for path, solutions in targets(source):
        notebook = derive(source, solutions=solutions)
        client = NotebookClient(
            notebook,
            timeout=timeout,
            kernel_name="python3",
            coalesce_streams=True,
            resources={"metadata": {"path": str(path.parent)}},
        )
        client.execute()
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)  # times, which change at every build
        notebook = _with_stable_widget_names(notebook)
        nbformat.validate(notebook)
        path.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, path)
        print(f"built {path.relative_to(ROOT)}")


def change_text(source):
    """Derive the lesson and the solution of a source, with the outputs of their last build, and write them.

    Raises ValueError where the code has changed since.
    """
    for path, solutions in targets(source):
        notebook, built = derive(source, solutions=solutions), nbformat.read(path, as_version=4)
        new_cells, old_cells = code_cells(notebook), code_cells(built)
        if [cell.source for cell in new_cells] != [cell.source for cell in old_cells]:
            raise ValueError(f"{source.name}: its code has changed, not only its text; build it without --text")
        for new, old in zip(new_cells, old_cells, strict=True):
            new.outputs, new.execution_count = old.outputs, old.execution_count
        notebook.metadata = built.metadata
        nbformat.write(notebook, path)
        print(f"changed the text of {path.relative_to(ROOT)}")


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _with_stable_widget_names(notebook):
    """Give widgets names that depend on their order alone: a build that changes nothing shall leave no diff."""
    widgets = notebook.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {})
    text = nbformat.writes(notebook)
    for number, name in enumerate(widgets.get("state", {})):
        text = text.replace(name, hashlib.md5(str(number).encode()).hexdigest())
    return nbformat.reads(text, as_version=4)


def write_addresses():
    """Write the repository's public address, which pyproject.toml holds, into the README and CITATION.cff."""
    readme = ROOT / "README.md"
    readme.write_text(readme_with_links(readme.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    citation = ROOT / "CITATION.cff"
    citation.write_text(
        citation_with_address(citation.read_text(encoding="utf-8")), encoding="utf-8", newline="\n"
    )


def readme_with_links(text):
    first = "notebooks/00_start_here.ipynb"
    badges = (
        f"[![Open on Binder](https://mybinder.org/badge_logo.svg)]({_binder(first)})\n"
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({_colab(first)})\n\n"
        f"```bash\ngit clone {REPOSITORY}\ncd {REPOSITORY.rpartition('/')[2]}\n```\n"
    )
    return README_LINKS.sub(lambda match: match[1] + badges + match[2], text)


def citation_with_address(text):
    return re.sub(r"^repository-code: .*$", f"repository-code: {REPOSITORY}", text, flags=re.M)


def _links(name, *, solutions):
    path = f"notebooks/{'solutions/' if solutions else ''}{name}.ipynb"
    other = f"[the lesson without them](../{name}.ipynb)" if solutions else f"[solutions](solutions/{name}.ipynb)"
    kind = "This copy shows the solutions; see " if solutions else ""
    return f"{kind}{other} · [open in Colab]({_colab(path)}) · [open on Binder]({_binder(path)})"


def _binder(path):
    owner_and_name = REPOSITORY.removeprefix("https://github.com/")
    return f"https://mybinder.org/v2/gh/{owner_and_name}/main?urlpath=lab/tree/{path}"


def _colab(path):
    owner_and_name = REPOSITORY.removeprefix("https://github.com/")
    return f"https://colab.research.google.com/github/{owner_and_name}/blob/main/{path}"


def _without_solution(code):
    code = SOLUTION.sub(lambda match: f"{match[1]}...  # your code here\n", code)
    return ANSWER.sub(lambda match: f"{match[1]} = ...  # your answer here", code)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="beginnings of the sources to build, such as 01; all by default")
    parser.add_argument("--text", action="store_true", help="keep the outputs, where only text has changed")
    arguments = parser.parse_args()
    names = arguments.names
    chosen = [source for source in sources() if not names or source.name.startswith(tuple(names))]
    if not chosen:
        sys.exit(f"no source in notebooks/src begins with {' or '.join(names)}")
    write_addresses()
    try:
        for source in chosen:
            (change_text if arguments.text else build)(source)
    except ValueError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
