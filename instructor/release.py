"""Build the nbgrader course from the lessons' exercises: `make release`.

It writes `course/`: `source/` with solutions and hidden tests, `release/` for students, and nbgrader's gradebook.
The hidden tests of a course depend on `course/seed`, which is drawn once and kept secret. `instructor/release/` is
a sample of what students get, from a seed that everybody knows.
"""

import argparse
import logging
import os
import secrets
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import nbconvert
import nbformat
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from instructor.assignments import ROOT, assignment, builder, exercises

# nbgrader calls alembic, which lies beside this interpreter, by its name; its pages need nbconvert's templates,
# which lie in the environment below this one.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
os.environ["JUPYTER_PATH"] = str(Path(nbconvert.__file__).parents[4] / "share" / "jupyter")
COURSE = ROOT / "course"
SAMPLE = ROOT / "instructor" / "release"
SAMPLE_SEED = "sample"
CONFIG = """\
# For nbgrader's own commands, called in this folder: `../.venv-instructor/bin/nbgrader db assignment list`.
c = get_config()
c.CourseDirectory.course_id = "resnet-edu"
c.ClearSolutions.code_stub = {"python": "...  # your answer here"}
# `make grade` wrote grades.csv.
c.ExportPlugin.to = "gradebook.csv"
# nbgrader would run submissions as you, without a sandbox: its own autograde does nothing. `make grade` grades.
c.Autograde.sanitize_preprocessors = []
c.Autograde.autograde_preprocessors = []
"""


def course_config(course):
    """Return nbgrader's configuration for the course in this folder."""
    config = Config()
    config.CourseDirectory.root = str(course)
    config.CourseDirectory.course_id = "resnet-edu"
    config.CourseDirectory.db_url = f"sqlite:///{course}/gradebook.db"
    config.ClearSolutions.code_stub = {"python": "...  # your answer here"}
    return config


def convert(converter, config, **options):
    """Run one of nbgrader's converters on a course, and let it say what went wrong only."""
    for name, value in options.items():
        config.CourseDirectory[name] = value
    run = converter(coursedir=CourseDirectory(config=config), config=config)
    run.log.setLevel(logging.ERROR)
    with warnings.catch_warnings(action="ignore"):  # SQLAlchemy's, about nbgrader's own calls
        run.start()


def build_course(course, seed):
    """Write the source and the released version of every lesson's assignment, and the gradebook."""
    course.mkdir(parents=True, exist_ok=True)
    course.chmod(0o700)
    (course / "nbgrader_config.py").write_text(CONFIG)
    for source in builder.sources():
        if not exercises(source):
            continue
        folder = course / "source" / source.stem
        folder.mkdir(parents=True, exist_ok=True)
        nbformat.write(assignment(source, seed), folder / f"{source.stem}.ipynb")
        config = course_config(course)
        config.GenerateAssignment.force = True
        convert(GenerateAssignment, config, assignment_id=source.stem)


def course_seed(course):
    """Return the course's secret seed; the first call draws it."""
    path = course / "seed"
    if not path.exists():
        course.mkdir(parents=True, exist_ok=True)
        path.write_text(secrets.token_hex(8) + "\n")
        path.chmod(0o600)
    return path.read_text().strip()


def write_sample(folder):
    """Write what students get, for the seed that everybody knows."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        build_course(Path(scratch), SAMPLE_SEED)
        for path in sorted(Path(scratch).glob("release/*/*.ipynb")):
            shutil.copyfile(path, folder / path.name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--course", type=Path, default=COURSE, help="folder of the course; course/ by default")
    course = parser.parse_args().course.resolve()
    build_course(course, course_seed(course))
    write_sample(SAMPLE)
    for path in sorted(course.glob("release/*/*.ipynb")):
        print(f"released {path.relative_to(course.parent)}")


if __name__ == "__main__":
    main()
