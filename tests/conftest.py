"""What all tests share: the backend under test, and a batch of digits.

`KERAS_BACKEND` chooses the backend. On JAX, TensorFlow is made unimportable, as on a machine without it.
"""

import importlib.abc
import os
import sys

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


@pytest.fixture(scope="session")
def digits():
    """64 digits as float32 images (64, 8, 8, 1) around zero, and their labels."""
    (x, y), _ = data.load_digits()
    return (x[:64] / 255.0 - 0.3).astype("float32"), y[:64]
