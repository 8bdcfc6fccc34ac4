"""What all tests share: the backend under test, and a batch of digits.

`KERAS_BACKEND` chooses the backend. On JAX, TensorFlow is made unimportable, as on a machine without it.
"""

import importlib.abc
import os
import shutil
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


class _NoTensorFlow(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "tensorflow":
            raise ModuleNotFoundError("TensorFlow is not importable in the JAX run", name=name)


if os.environ["KERAS_BACKEND"] == "jax":
    sys.meta_path.insert(0, _NoTensorFlow())

import pytest  # noqa: E402

from resnet_edu import data  # noqa: E402

CIFAR10 = Path(__file__).resolve().parent.parent.parent / "shared" / "cifar10"


@pytest.fixture(scope="session")
def digits():
    """64 digits as float32 images (64, 8, 8, 1) around zero, and their labels."""
    (x, y), _ = data.load_digits()
    return (x[:64] / 255.0 - 0.3).astype("float32"), y[:64]


@pytest.fixture(scope="session")
def cifar10(tmp_path_factory):
    """Where the real CIFAR-10 is; where it is not, the test is skipped."""
    if not CIFAR10.is_dir():
        pytest.skip(f"real CIFAR-10 is not on this machine ({CIFAR10})")
    folder = tmp_path_factory.mktemp("cifar10")
    subprocess.run([sys.executable, CIFAR10 / "unpack.py", folder], check=True, capture_output=True)
    yield folder
    shutil.rmtree(folder)
