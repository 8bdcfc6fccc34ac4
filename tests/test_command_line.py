"""The command line: what it prints, what it downloads, and the exit status."""

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bad_server import serve
from cifar_files import bare_home, make_batch, pickle_as_today  # noqa: F401

from resnet_edu import __main__ as command_line
from resnet_edu import data, download


@pytest.fixture
def downloads(monkeypatch):
    """The calls of a downloader that downloads nothing."""
    calls = []
    monkeypatch.setattr(download, "download_cifar10", lambda *args, **kwargs: calls.append((args, kwargs)))
    return calls


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """CIFAR-10, or what passes for it, in ./data: the same batch six times."""
    folder = tmp_path / "work" / "data" / data.FOLDER_NAME
    folder.mkdir(parents=True)
    first, *others = (folder / name for name in data.BATCHES)
    first.write_bytes(pickle_as_today(make_batch()))
    for other in others:
        os.link(first, other)
    monkeypatch.setattr(data, "CIFAR10_MEAN", (125 / 255,) * 3)
    return folder


@pytest.mark.parametrize("flags", [[], ["--download"], ["--path", "data"], ["--path", "data", "--download"]])
def test_found(flags, folder, downloads, capsys):
    assert command_line.main(["data", *flags]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"CIFAR-10: found and intact: data/{data.FOLDER_NAME}\n") and printed.err == ""
    assert downloads == []


def test_not_found(downloads, capsys):
    assert command_line.main(["data"]) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith("CIFAR-10: not found. Looked in:\n  data\n") and printed.err == ""
    assert downloads == []


def test_damaged_data_are_not_downloaded_over(folder, downloads, capsys):
    (folder / "test_batch").unlink()
    assert command_line.main(["data", "--download"]) == 1
    assert f"{folder / 'test_batch'}: is missing. Delete {folder} and run" in capsys.readouterr().out
    assert downloads == []


@pytest.mark.parametrize("variable", [None, "empty"])
def test_download_when_nothing_is_here(variable, downloads, tmp_path, monkeypatch, capsys):
    if variable:
        monkeypatch.setenv(data.DATA_VARIABLE, str(tmp_path / variable))
    assert command_line.main(["data", "--download"]) == 1  # this downloader brought nothing
    assert downloads == [((), {})]
    assert capsys.readouterr().out.startswith("CIFAR-10: ")


@pytest.mark.parametrize("flags", [[], ["--download"]])
def test_wrong_path(flags, tmp_path, monkeypatch):
    """As a learner runs it: one line for CIFAR-10, no traceback, and nothing is downloaded elsewhere."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parent.parent))
    run = subprocess.run(
        [sys.executable, "-m", "resnet_edu", "data", "--path", "nowhere", *flags],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 1
    lines = (run.stdout + run.stderr).splitlines()
    assert lines[0].startswith(
        f"{'error' if flags else 'CIFAR-10'}: {tmp_path / 'work' / 'nowhere'}: there is no "
    )
    assert len(lines) == (1 if flags else 2) and bool(run.stderr) == bool(flags)


def test_failed_download(tmp_path, capsys):
    (tmp_path / "course").write_bytes(b"")  # a file where the folder should be
    assert command_line.main(["data", "--download"]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1
    assert printed.err.startswith(f"error: {data.DATA_FOLDER / data.ARCHIVE_NAME}: cannot be written (")


def test_interrupted_download(monkeypatch, capsys):
    """Ctrl-C comes when half of the file has arrived."""

    def interrupt(text="", **_):
        if "trying again" in text:
            raise KeyboardInterrupt

    with serve(bytes(range(250)) * 400) as server:
        settings = {"sources": [server.url("truncates")], "size": 100_000, "progress": interrupt}
        monkeypatch.setattr(download, "download_cifar10", functools.partial(download.download_cifar10, **settings))
        assert command_line.main(["data", "--download"]) == 130
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1
    assert "is kept" in printed.err and data.DOWNLOAD_COMMAND in printed.err
    part = data.DATA_FOLDER / f"{data.ARCHIVE_NAME}.part"
    assert part.read_bytes() == bytes(range(250)) * 200
