"""Run everything that the repository can check: `make test`, or `make test ARGS="unit lessons"` for some steps."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTEST = [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider"]
TWO_PROCESSES = "--numprocesses=2"
PARALLEL = [TWO_PROCESSES, "--dist"]
UNIT = [*PYTEST, "tests", "--ignore=tests/browser", "--ignore=tests/grading", *PARALLEL, "worksteal"]
# These touch no backend, or Keras' own layers only, so once is enough.
ONCE = (
    "command_line",
    "data",
    "diagrams",
    "download",
    "imagenet",
    "notebooks",
    "plotting",
    "propagation",
    "record_runs",
    "setup",
    "shattering",
)
# Two processes on two cores: with a thread for each core in both, NumPy's products wait for each other.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
# Grading has an environment of its own: `make .venv-instructor/stamp`, which `make test` calls.
INSTRUCTOR = ROOT / ".venv-instructor" / "bin" / "python"
NBVAL = [
    "--nbval-lax",
    "--nbval-current-env",
    "--nbval-cell-timeout=300",
    TWO_PROCESSES,
    "--dist=loadfile",
]
NOTEBOOKS = [
    str(path.relative_to(ROOT))
    for folder in ("notebooks", "notebooks/solutions")
    for path in sorted((ROOT / folder).glob("*.ipynb"))
]
# RESNET_EDU_QUICK shortens the trainings in the lessons to one epoch, and changes nothing else. With
# RESNET_EDU_QUICK=0 in the environment the step "lessons" trains as long as a learner does.
LESSON_VARIABLES = {"KERAS_BACKEND": "tensorflow", "RESNET_EDU_QUICK": "1"}
LESSON_LENGTH = {"RESNET_EDU_QUICK": os.environ.get("RESNET_EDU_QUICK", "1")}
# Most of the time on JAX goes into compiling: every program once, whatever test or process needs it again, and
# with LLVM's quick optimizations, as each runs only a few times.
JAX_VARIABLES = {
    "KERAS_BACKEND": "jax",
    "XLA_FLAGS": "--xla_backend_optimization_level=1",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
}
STEPS = {
    "style": ([sys.executable, "-m", "ruff", "check", "."], {}),
    "format": ([sys.executable, "-m", "ruff", "format", "--check", "."], {}),
    "unit": (UNIT, {"KERAS_BACKEND": "tensorflow"}),
    "unit-jax": ([*UNIT, *(f"--ignore=tests/test_{name}.py" for name in ONCE)], JAX_VARIABLES),
    "grading": (
        [str(INSTRUCTOR), *PYTEST[1:], "tests/grading", *PARALLEL, "loadscope"],
        {"KERAS_BACKEND": "tensorflow"},
    ),
    "lessons": ([*PYTEST, *NBVAL, *NOTEBOOKS], LESSON_VARIABLES | LESSON_LENGTH),
    "browser": ([*PYTEST, "tests/browser", "-m", "not alone", TWO_PROCESSES], LESSON_VARIABLES),
    "browser-alone": ([*PYTEST, "tests/browser", "-m", "alone"], LESSON_VARIABLES),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="*", choices=[[], *STEPS], metavar="STEP", help=", ".join(STEPS))
    chosen = parser.parse_args().steps or list(STEPS)
    outcomes = {}
    for step in chosen:
        command, variables = STEPS[step]
        print(f"=== {step}", flush=True)
        if step == "grading" and not INSTRUCTOR.exists():
            print("skipped: there is no .venv-instructor (make .venv-instructor/stamp)")
            continue
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as cache:
            environment = os.environ | variables | {"JAX_COMPILATION_CACHE_DIR": cache}
            if TWO_PROCESSES in command:
                environment |= ONE_THREAD
            status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        outcomes[step] = (status, time.monotonic() - start)
    print("=== summary")
    for step, (status, seconds) in outcomes.items():
        print(f"{step:13} {'ok' if status == 0 else f'FAILED (exit status {status})':26} {seconds:5.0f} s")
    sys.exit(any(status for status, _ in outcomes.values()))


if __name__ == "__main__":
    main()
