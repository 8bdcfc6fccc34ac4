"""resnet_edu.download against a server that does everything wrong, and against disks that refuse."""

import errno
import hashlib
import io
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pytest
from bad_server import serve
from cifar_files import bare_home, check_error  # noqa: F401

from resnet_edu import data
from resnet_edu.data import DataError
from resnet_edu.download import SOURCES, download_cifar10

TINY = hashlib.sha512(b"seed").digest() * 2000  # 128 kB that stand for the archive
TINY_SHA256 = hashlib.sha256(TINY).hexdigest()


@pytest.fixture
def server():
    with serve(TINY) as running:
        yield running


@pytest.fixture
def download(server, tmp_path):
    """A function of manners: it tries the server in each of them, as one source each, and returns the path."""

    def run(*manners, **changes):
        sources = [server.url(manner) if "/" not in manner else manner for manner in manners]
        settings = {"sha256": TINY_SHA256, "size": len(TINY), "timeout": 0.4, "progress": lambda *_, **__: None}
        return download_cifar10(tmp_path / "to", sources=sources, **settings | changes)

    run.archive = tmp_path / "to" / data.ARCHIVE_NAME
    run.part = tmp_path / "to" / f"{data.ARCHIVE_NAME}.part"
    return run


def leave_part(download, content):
    download.part.parent.mkdir()
    download.part.write_bytes(content)


def check_downloaded(download, path):
    assert path == download.archive and path.read_bytes() == TINY
    assert [entry.name for entry in path.parent.iterdir()] == [data.ARCHIVE_NAME]


HALF = len(TINY) // 2


@pytest.mark.parametrize(
    "manner", ["good", "ignores_range", "no_length", "moved", "truncates_once", "another_range", "never_satisfied"]
)
def test_download(manner, download):
    check_downloaded(download, download(manner))


def test_second_call_downloads_nothing(download, server):
    download("good")
    check_downloaded(download, download("good"))
    assert len(server.requests) == 1


@pytest.mark.parametrize("content", [b"", b"old", TINY[:-1], TINY + b"x", bytes(len(TINY))])
def test_wrong_archive_is_replaced(content, download):
    download.archive.parent.mkdir()
    download.archive.write_bytes(content)
    check_downloaded(download, download("good"))


def test_drop_is_resumed_from_the_same_source(download, server):
    check_downloaded(download, download("truncates_once"))
    assert server.requests == [("truncates_once", None), ("truncates_once", f"bytes={HALF}-")]


@pytest.mark.parametrize("manner", ["truncates", "stalls", "resets"])
def test_next_source_continues(manner, download, server):
    check_downloaded(download, download(manner, "good"))
    manners, ranges = zip(*server.requests, strict=True)
    assert manners == (manner, manner, "good")
    starts = [0 if wanted is None else int(wanted[6:-1]) for wanted in ranges]
    assert starts[0] == 0 and starts == sorted(starts)
    if manner != "resets":  # a reset may take bytes along that were on their way
        assert starts == [0, HALF, HALF + HALF // 2]


PARTS = {  # a part left behind, the server's manner, the ranges that it is asked for
    "half, good server": (TINY[:HALF], "good", [f"bytes={HALF}-"]),
    "half, range ignored": (TINY[:HALF], "ignores_range", [f"bytes={HALF}-"]),
    "half, range refused": (TINY[:HALF], "never_satisfied", [f"bytes={HALF}-", None]),
    "empty": (b"", "good", [None]),
    "whole": (TINY, "good", []),
    "whole but wrong": (bytes(len(TINY)), "good", [None]),
    "half and wrong": (bytes(HALF), "good", [f"bytes={HALF}-", None]),
    "too long": (TINY + b"xyz", "good", [f"bytes={len(TINY) + 3}-", None]),
}


@pytest.mark.parametrize("case", PARTS)
def test_part_left_behind(case, download, server):
    content, manner, ranges = PARTS[case]
    leave_part(download, content)
    check_downloaded(download, download(manner))
    assert [wanted for _, wanted in server.requests] == ranges


BAD_SOURCES = {
    "missing": "HTTP 404",
    "broken": "HTTP 500",
    "busy": "HTTP 503",
    "wrong": "sha256",
    "short": "not 128,000",
    "page": "bytes, not",
    "endless": "more than",
    "truncates": "ended after",
    "resets": "connection",
    "hangs_up": "no connection",
    "nonsense": "no connection",
    "silent": "timed out",
    "stalls": "timed out",
    "drips": "stalled",
    "http://127.0.0.1:9/closed": "refused",
    "http://[broken/": "no connection",
    "gopher://127.0.0.1/x": "unknown url type",
}


@pytest.mark.parametrize("manner", BAD_SOURCES)
def test_bad_source(manner, download):
    start = time.perf_counter()
    with pytest.raises(DataError) as caught:
        download(manner)
    check_error(caught, download.archive, manner, BAD_SOURCES[manner])
    assert not download.archive.exists()
    assert time.perf_counter() - start < 4
    check_downloaded(download, download(manner, "good"))


def test_each_source_is_listed_with_its_reason(download, server):
    with pytest.raises(DataError) as caught:
        download("missing", "wrong", "short", "broken")
    check_error(caught, download.archive)
    for manner in ("missing", "wrong", "short", "broken"):
        assert f"{server.url(manner)}: " in str(caught.value) and BAD_SOURCES[manner] in str(caught.value)


def test_another_range_is_not_appended(download):
    leave_part(download, TINY[:HALF])
    with pytest.raises(DataError, match="another range"):
        download("another_range")
    assert download.part.read_bytes() == TINY[:HALF]


def test_wrong_file_leaves_no_part(download):
    with pytest.raises(DataError):
        download("wrong")
    assert not any(download.part.parent.iterdir())


def test_interruption_keeps_the_part(download, server, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)

    def interrupt(text="", **_):
        if " MB/s" in text:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "monotonic", iter(range(10**6)).__next__)
    with pytest.raises(KeyboardInterrupt):
        download("good", progress=interrupt, timeout=30)
    kept = download.part.stat().st_size
    assert 0 < kept < len(TINY) and not download.archive.exists()
    check_downloaded(download, download("good", timeout=30))
    assert server.requests[-1] == ("good", f"bytes={kept}-")


@pytest.mark.parametrize("on_terminal", [False, True])
def test_progress_line(on_terminal, download, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: on_terminal, raising=False)
    monkeypatch.setattr(time, "monotonic", iter(range(10**6)).__next__)  # a second a look
    download("good", progress=print, timeout=30)
    printed = capsys.readouterr().out
    assert "0.1 of 0.1 MB" in printed and "MB/s" in printed and "0 min 0 s left" in printed
    assert ("\r" in printed) == on_terminal
    assert printed.endswith(f"\nCIFAR-10 is here: {download.archive}\n")


def test_progress_line_is_ended_before_an_error(download, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(time, "monotonic", iter(range(10**6)).__next__)
    with pytest.raises(DataError):
        download("truncates", progress=print, timeout=30)
    printed = capsys.readouterr().out
    assert "MB/s" in printed.splitlines()[-1] and printed.endswith("\n") and not printed.endswith("\n\n")


# --- disk and folder ---------------------------------------------------------------------------------------


class FullFile(io.BytesIO):
    def write(self, _content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_disk_full_while_writing(download, monkeypatch):
    real = Path.open
    monkeypatch.setattr(Path, "open", lambda path, mode: FullFile() if path == download.part else real(path, mode))
    with pytest.raises(DataError) as caught:
        download("good", "good")
    check_error(caught, download.archive, os.strerror(errno.ENOSPC))
    assert not download.archive.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_disk_really_full(download, server):
    download.part.parent.mkdir()
    download.part.symlink_to("/dev/full")
    with pytest.raises(DataError) as caught:
        download("good", "good")
    check_error(caught, download.archive, os.strerror(errno.ENOSPC))
    assert not download.archive.exists() and len(server.requests) == 1


def refuse_with(code):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    return refuse


FOLDERS = {  # what keeps the folder from taking the file, known before any byte travels
    "little space": lambda patch, to: patch.setattr(
        shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 1000)
    ),
    "folder not writable": lambda patch, to: patch.setattr(tempfile, "TemporaryFile", refuse_with(errno.EACCES)),
    "file system read-only": lambda patch, to: patch.setattr(Path, "mkdir", refuse_with(errno.EROFS)),
    "a file in the folder's place": lambda patch, to: to.write_bytes(b""),
    "a folder in the archive's place": lambda patch, to: (to / data.ARCHIVE_NAME).mkdir(parents=True),
    "a folder in the part's place": lambda patch, to: (to / f"{data.ARCHIVE_NAME}.part").mkdir(parents=True),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_folder_refuses(case, download, server, monkeypatch):
    FOLDERS[case](monkeypatch, download.archive.parent)
    with pytest.raises(DataError) as caught:
        download("good")
    check_error(caught, download.archive)
    assert server.requests == [] or "part" in case
    assert not download.archive.is_file()


def test_space_counts_what_is_there(download, monkeypatch):
    leave_part(download, TINY[:-100])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 200))
    check_downloaded(download, download("good"))


def test_rename_refused(download, monkeypatch):
    monkeypatch.setattr(Path, "replace", refuse_with(errno.EACCES))
    with pytest.raises(DataError) as caught:
        download("good")
    check_error(caught, download.archive)
    assert not download.archive.exists()


@pytest.mark.parametrize("variable", [None, "elsewhere"])
def test_download_goes_where_it_is_looked_for(variable, server, tmp_path, monkeypatch):
    if variable:
        monkeypatch.setenv(data.DATA_VARIABLE, str(tmp_path / variable))
    settings = {"sha256": TINY_SHA256, "size": len(TINY), "progress": lambda *_, **__: None}
    path = download_cifar10(sources=[server.url("good")], **settings)
    assert path.parent == tmp_path / (variable or "course/data")
    assert data.find_cifar10() == path


def test_sources_are_encrypted_and_known():
    assert all(url.startswith("https://") and data.ARCHIVE_NAME in url for url in SOURCES)
    assert SOURCES[-1] == "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
