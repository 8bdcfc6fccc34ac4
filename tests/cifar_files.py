"""What the tests of the data, the download and the command line share: batches, an empty home, an error's form."""

import pickle
import shutil

import numpy as np
import pytest

from resnet_edu import data

LABELS = [number % 10 for number in range(10_000)]


def make_rows(number):
    """Rows of 3,072 bytes that differ from batch to batch and from place to place."""
    return np.resize(np.roll(np.arange(251, dtype=np.uint8), number), (10_000, 3072))


def make_batch(number=1, **changes):
    """A batch as a dictionary; `changes` replace entries, None removes one."""
    batch = {b"batch_label": b"batch", b"labels": LABELS, b"data": make_rows(number)}
    batch |= {key.encode(): value for key, value in changes.items()}
    return {key: value for key, value in batch.items() if value is not None}


def pickle_as_today(batch):
    return pickle.dumps(batch, protocol=4)


@pytest.fixture(autouse=True)
def bare_home(tmp_path, monkeypatch):
    """No data but a test's own: an empty working folder, Keras cache and course folder."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv(data.DATA_VARIABLE, raising=False)
    monkeypatch.setattr(data, "DATA_FOLDER", tmp_path / "course" / "data")
    yield
    shutil.rmtree(tmp_path, ignore_errors=True)  # pytest would keep gigabytes of damaged batches


def check_error(caught, *names):
    """A message names the file and the way out, and nothing worse than DataError has been raised."""
    message = str(caught.value)
    for name in (data.DOWNLOAD_COMMAND, *names):
        assert str(name) in message, message
    assert len(message) < 1500, message
