"""Renew every locked requirements file from its readable source (run as `make lock`)."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILE = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--custom-compile-command", "make lock"]
# One version of each package for 3.11 to 3.13 (fewest) and for every system (universal).
EVERYWHERE = ["--universal", "--fork-strategy", "fewest", "--python-version", "3.11", "--generate-hashes"]
# Binder is one system with one Python, and caches the layer of a plain pinned list.
BINDER = ["--python-version", "3.12", "--python-platform", "linux", "--no-annotate"]
LOCKS = {
    "requirements.txt": ["requirements.in", *EVERYWHERE],
    "requirements-test.txt": ["requirements-test.in", *EVERYWHERE],
    "requirements-instructor.txt": ["requirements-instructor.in", *EVERYWHERE],
    "requirements-gpu.txt": ["requirements-gpu.in", *EVERYWHERE],
    "binder/requirements.txt": ["binder/requirements.in", *BINDER],
}


def lock_all():
    for locked, arguments in LOCKS.items():
        subprocess.run([*COMPILE, *arguments, "--output-file", locked, *sys.argv[1:]], cwd=ROOT, check=True)
        print(f"renewed {locked}")


if __name__ == "__main__":
    lock_all()
