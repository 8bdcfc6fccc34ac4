"""What installs the course: locked requirements, Binder's folder, one address, one door to the backends."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from docker.utils.build import exclude_paths

ROOT = Path(__file__).resolve().parent.parent
MODULE = ROOT / "resnet_edu"
TEST_TOOLS = {"pytest", "nbval", "jax", "playwright", "jupytext", "ruff", "uv", "jupyter-repo2docker", "coverage"}


def wanted(name):
    """The names in a readable requirements file."""
    return set(re.findall(r"^([a-z][a-z0-9-]*)", (ROOT / name).read_text(), re.M))


def locked(name):
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^\s;]+)", (ROOT / name).read_text(), re.M))


@pytest.mark.parametrize(
    "name", ["requirements", "requirements-test", "requirements-instructor", "binder/requirements"]
)
def test_every_wanted_package_is_locked(name):
    assert wanted(f"{name}.in") <= locked(f"{name}.txt").keys()


def test_every_package_that_a_learner_installs_has_a_hash():
    text = (ROOT / "requirements.txt").read_text()
    entries = re.split(r"^(?=[a-z0-9][a-z0-9._-]*==)", text, flags=re.M)[1:]
    assert len(entries) == len(locked("requirements.txt"))
    assert all("--hash=sha256:" in entry for entry in entries)


def test_a_learner_installs_no_test_tool():
    assert not TEST_TOOLS & locked("requirements.txt").keys()


def test_nbgrader_stays_away_from_learners():
    only_for_instructors = locked("requirements-instructor.txt").keys() - locked("requirements.txt").keys()
    assert "nbgrader" in only_for_instructors
    for name in ("requirements.txt", "requirements-test.txt", "requirements-gpu.txt", "binder/requirements.txt"):
        assert "nbgrader" not in locked(name)


@pytest.mark.parametrize("name", ["requirements-test", "requirements-instructor"])
def test_other_tools_and_course_agree_on_what_they_share(name):
    course, tests = locked("requirements.txt"), locked(f"{name}.txt")
    assert {name: tests[name] for name in course.keys() & tests.keys()} == {
        name: course[name] for name in course.keys() & tests.keys()
    }


def test_binder_installs_a_plain_list_of_the_same_versions():
    text = (ROOT / "binder/requirements.txt").read_text()
    assert not re.search(r"^\s*(-r|-e|--hash)", text, re.M)
    course, binder = locked("requirements.txt"), locked("binder/requirements.txt")
    assert "tensorflow-cpu" in binder
    assert binder["tensorflow-cpu"] == course["tensorflow"]
    different = {name for name in binder.keys() & course.keys() if binder[name] != course[name]}
    assert not different - {"soupsieve"}, "soupsieve has a release for each Python"


def test_binder_configuration_is_accepted_by_repo2docker():
    run = subprocess.run(
        [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    for part in ("binder/requirements.txt", "binder/postBuild", "binder/start"):
        assert part in run.stdout + run.stderr, f"repo2docker does not use {part}"


def test_an_image_holds_nothing_that_git_ignores(tmp_path):
    for pattern in ["/.git/", *(ROOT / ".gitignore").read_text().split()]:
        for above in [tmp_path] if pattern.startswith("/") else [tmp_path, tmp_path / "notebooks"]:
            folder = above / pattern.strip("/").replace("*", "any")
            folder.mkdir(parents=True)
            (folder / "seed").touch()
    (tmp_path / "notebooks" / "lesson.ipynb").touch()
    patterns = (ROOT / "binder/.dockerignore").read_text().splitlines()
    kept = exclude_paths(tmp_path, [line for line in patterns if not line.startswith("#")])  # as repo2docker does
    assert {path for path in kept if (tmp_path / path).is_file()} == {"notebooks/lesson.ipynb"}


def test_binder_uses_one_thread():
    script = (ROOT / "binder/start").read_text()
    run = subprocess.run(
        ["bash", "-s", "--", "env"],
        input=script,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert "OMP_NUM_THREADS=1" in run.stdout
    assert "TF_NUM_INTRAOP_THREADS=1" in run.stdout


def test_binder_gives_back_the_kernel_of_a_closed_lesson(tmp_path):
    (tmp_path / "python").write_text(f'#!/bin/sh\n[ "$1" = -m ] || echo {tmp_path}\n')  # pip does nothing
    (tmp_path / "python").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(["bash", ROOT / "binder/postBuild"], env={"PATH": path}, check=True, timeout=20)
    lab = Path("share", "jupyter", "lab")
    ((extension, settings),) = json.loads((tmp_path / lab / "settings/overrides.json").read_text()).items()
    package, _, plugin = extension.partition(":")
    schema = json.loads((Path(sys.prefix) / lab / "schemas" / package / f"{plugin}.json").read_text())
    assert settings == {"kernelShutdown": True}
    assert schema["properties"]["kernelShutdown"]["type"] == "boolean"


def test_the_guide_has_the_measured_time_of_each_lesson():
    measured = re.findall(r"^\| \d\d_\w+ \| (\d+) \|", (ROOT / "benchmarks/lessons.md").read_text(), re.M)
    guide = (ROOT / "instructor/README.md").read_text()
    assert f"| Run All, seconds | {' | '.join(measured)} |" in guide
    start = (ROOT / "notebooks/src/00_start_here.py").read_text()
    told = re.findall(r"^# \| .* \| \d+ min \| (\d+) (s|min) \|$", start, re.M)
    assert len(told) == len(measured) == len(list((ROOT / "notebooks/src").glob("*.py")))
    for (number, unit), seconds in zip(told, measured, strict=True):
        assert int(number) * {"s": 1, "min": 60}[unit] >= int(seconds), "the last column is rounded up"


def test_every_package_earns_its_place_in_a_line():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for name in wanted("requirements.in") | wanted("requirements-test.in") | wanted("requirements-instructor.in"):
        assert re.search(rf"^\|[^|]*\b{re.escape(name)}\b[^|]*\|[^|]+\|$", text, re.M), name


def test_the_module_bounds_what_the_lock_holds():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.match(r"[a-z-]+", dependency)[0] for dependency in project["dependencies"]}
    assert names <= locked("requirements.txt").keys()


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


OUTSIDE_THE_BACKEND = sorted(path for path in MODULE.rglob("*.py") if path.parent.name != "backend")


@pytest.mark.parametrize("path", OUTSIDE_THE_BACKEND, ids=lambda path: str(path.relative_to(MODULE)))
def test_only_one_package_imports_a_backend(path):
    assert not {"tensorflow", "jax", "torch"} & set(imports_of(path))


@pytest.mark.parametrize("name", ["data", "plotting"])
def test_data_and_plotting_stand_alone(name):
    assert not {"keras", "resnet_edu"} & set(imports_of(MODULE / f"{name}.py"))


def test_the_data_command_does_not_load_keras():
    code = "import sys, resnet_edu.__main__; sys.exit('keras' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_loading_the_backend_is_quiet():
    run = subprocess.run(
        [sys.executable, "-c", "import resnet_edu.backend as b; b.ops.zeros(3) + 1"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert run.stdout + run.stderr == ""
