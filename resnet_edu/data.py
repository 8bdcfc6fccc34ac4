"""The course's data: scikit-learn's digits, always at hand, and CIFAR-10, found and checked.

CIFAR-10 comes as Python pickles, and an ordinary pickle can run any program. So a batch file is read with
an unpickler that knows four names, each of which stands for an inert record: no code of a file ever runs.
"""

import hashlib
import io
import os
import pickle
import pickletools
import stat
import tarfile
import zlib
from pathlib import Path

import numpy as np

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR10_MEAN = (0.4914, 0.4822, 0.4465)  # red, green, blue of the training images / 255
BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
BATCH_IMAGES = 10_000
BATCH_LIMIT = 32 * 2**20  # a batch file has 31 MB

FOLDER_NAME = "cifar-10-batches-py"
ARCHIVE_NAME = "cifar-10-python.tar.gz"
# The other two names are those of Keras' cache: since 3.15, and before.
ARCHIVE_NAMES = (ARCHIVE_NAME, f"{FOLDER_NAME}-target_archive", f"{FOLDER_NAME}.tar.gz")
ARCHIVE_BYTES = 170_498_071
ARCHIVE_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"

DATA_VARIABLE = "RESNET_EDU_DATA"
DOWNLOAD_COMMAND = "python -m resnet_edu data --download"
_REPOSITORY = Path(__file__).resolve().parent.parent
# A notebook runs in notebooks/ and a program in the root: both share the checkout's folder.
DATA_FOLDER = _REPOSITORY / "data" if (_REPOSITORY / "pyproject.toml").is_file() else Path("data")


class DataError(Exception):
    """Data are damaged, missing or out of reach; the message names the file and the way out."""


class DataNotFound(DataError):  # noqa: N818
    """There is no CIFAR-10 in any of the places looked into."""


def load_digits(size=8):
    """Load scikit-learn's 1,797 handwritten digits as `(x_train, y_train), (x_test, y_test)`.

    The split is fixed and stratified: 1,437 and 360 images. Images are uint8, 0 to 255, of shape
    (n, 8, 8, 1), or (n, 32, 32, 3) for `size=32`, where each pixel becomes a grey 4 × 4 square; labels are
    uint8 of shape (n,). Raises ValueError for any other size.
    """
    if size not in (8, 32):
        raise ValueError(f"size must be 8 or 32, not {size!r}")
    from sklearn import datasets, model_selection  # noqa: PLC0415  (takes a second; CIFAR-10 does without)

    digits = datasets.load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    if size == 32:
        images = images.repeat(4, axis=1).repeat(4, axis=2).repeat(3, axis=3)
    labels = digits.target.astype(np.uint8)
    x_train, x_test, y_train, y_test = model_selection.train_test_split(
        images, labels, test_size=360, stratify=labels, random_state=0
    )
    return (x_train, y_train), (x_test, y_test)


def load_cifar10(path=None):
    """Load CIFAR-10 as `(x_train, y_train), (x_test, y_test)`.

    Images are uint8 of shape (50000, 32, 32, 3) and (10000, 32, 32, 3), labels uint8 of shape (50000,) and
    (10000,). `find_cifar10` says where it looks. Raises DataNotFound when there is nothing, DataError when a
    file is damaged.
    """
    source = find_cifar10(path)
    if source is None:
        raise DataNotFound(f"CIFAR-10 was {_explain_absence()}")
    images = np.empty((len(BATCHES) * BATCH_IMAGES, 32, 32, 3), np.uint8)
    labels = np.empty(len(images), np.uint8)
    for name, where, content in _read_archive(source) if source.is_file() else _read_folder(source):
        rows = slice(BATCHES.index(name) * BATCH_IMAGES, (BATCHES.index(name) + 1) * BATCH_IMAGES)
        images[rows], labels[rows] = _parse_batch(content, where, source)
    return (images[:50_000], labels[:50_000]), (images[50_000:], labels[50_000:])


def load_course_data(path=None):
    """Load CIFAR-10 or, where there is none, the digits as (n, 32, 32, 3) and say so in one line.

    Shapes as in `load_cifar10` and `load_digits(32)`. Raises DataError when CIFAR-10 is there but damaged,
    DataNotFound when `path` or RESNET_EDU_DATA names a place without it.
    """
    if find_cifar10(path) is not None:
        return load_cifar10(path)
    print(f"CIFAR-10 is not here, so these are scikit-learn's digits. To get CIFAR-10: {DOWNLOAD_COMMAND}")
    return load_digits(32)


def describe_data(path=None):
    """Say in a few lines which data there are and whether CIFAR-10 is intact: return `(text, intact)`.

    Read every image and label of CIFAR-10 (two seconds). A DataError becomes part of the text.
    """
    digits = "Digits: 1,797 images of 8 × 8 pixels, which come with scikit-learn."
    try:
        source = find_cifar10(path)
        if source is None:
            return f"CIFAR-10: {_explain_absence()}\n{digits}", False
        facts = _check_cifar10(load_cifar10(path), source)
    except DataError as error:
        return f"CIFAR-10: {error}\n{digits}", False
    return f"CIFAR-10: found and intact: {_shorten(source)}\n  {facts}\n{digits}", True


def _check_cifar10(splits, source):
    """Return what was found to be right with CIFAR-10; raise DataError when it is other images."""
    (x_train, y_train), (_, y_test) = splits
    counts = [np.bincount(labels, minlength=10).tolist() for labels in (y_train, y_test)]
    if counts != [[5_000] * 10, [1_000] * 10]:
        raise _damage(source, f"holds {counts[0]} and {counts[1]} images a class, not 5,000 and 1,000", source)
    mean = x_train.mean(axis=(0, 1, 2)) / 255
    shown = " ".join(f"{value:.4f}" for value in mean)
    if np.abs(mean - CIFAR10_MEAN).max() > 1e-3:
        raise _damage(source, f"holds other images, of channel means {shown}, not {CIFAR10_MEAN}", source)
    return f"{len(x_train):,} + {len(y_test):,} images, 5,000 + 1,000 a class, channel means {shown}"


# --- where CIFAR-10 is -------------------------------------------------------------------------------------


def find_cifar10(path=None):
    """Return the path of the CIFAR-10 folder or archive, or None when there is none.

    Look at `path` and nowhere else if it is given, else at $RESNET_EDU_DATA and nowhere else if that is
    set, else into ./data, the course's data folder and Keras' cache. Each may be the folder, the archive or a
    folder that holds one of them. Raises DataNotFound when the named place has nothing, DataError when a
    place cannot be looked into.
    """
    named, places = _list_places(path)
    for place in places:
        try:
            found = _find_in(place)
        except OSError as error:
            problem = f"cannot be looked into ({error.strerror}); ask for access, or keep CIFAR-10 elsewhere"
            raise DataError(f"{place}: {problem}: {DOWNLOAD_COMMAND}") from error
        if found:
            return found
    if named:
        raise DataNotFound(
            f"{places[0]}: there is no CIFAR-10 here, and {named} says to look here only. Correct {named} or "
            f"leave it out. To get CIFAR-10: {DOWNLOAD_COMMAND}"
        )
    return None


def _list_places(path):
    """Return what named the place (None for the usual ones) and the places to look into."""
    if path is not None:
        return "`path`", [expand(path)]
    if os.environ.get(DATA_VARIABLE):
        return f"the variable {DATA_VARIABLE}", [expand(os.environ[DATA_VARIABLE])]
    keras_cache = expand(os.environ.get("KERAS_HOME") or "~/.keras") / "datasets"
    return None, list(dict.fromkeys([expand("data"), expand(DATA_FOLDER), keras_cache]))


def expand(path):
    """Return `path` in full: absolute, with the home folder in place of ~."""
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:  # ~ without a home folder, ~name without such a user: no such place
        return Path(path).absolute()


def _find_in(place):
    """Return the folder or archive at `place` or in it, whole folders first, or None; raise OSError."""
    if place.is_file():
        return place
    folders = [place / FOLDER_NAME, place / f"{FOLDER_NAME}-target" / FOLDER_NAME]
    if place.name == FOLDER_NAME or any((place / name).exists() for name in BATCHES):
        folders.insert(0, place)
    whole = [folder for folder in folders if all((folder / name).exists() for name in BATCHES)]
    archives = [place / name for name in ARCHIVE_NAMES if (place / name).is_file()]
    # An extraction that was cut off must not hide the archive beside it.
    found = [*whole, *archives, *(folder for folder in folders if folder.is_dir())]
    return found[0] if found else None


def _explain_absence():
    places = "".join(f"\n  {_shorten(place)}" for place in _list_places(None)[1])
    return f"not found. Looked in:{places}\nTo get it (170 MB): {DOWNLOAD_COMMAND}"


def _shorten(path):
    """Return `path` as one says it: from here (data, ../data), from the home folder (~/data), else in full.

    A lesson shows it in an output that is committed: there, nobody's home or checkout shall be spelt out.
    """
    here = Path.cwd()
    # A solution runs in notebooks/solutions, two folders below the root of the checkout.
    names = {here.parent.parent: "../..", expand("~"): "~", here.parent: "..", here: "."}
    # Everything is below the root of the file system, so a path from there says nothing.
    around = [folder for folder in names if folder.name and path.is_relative_to(folder)]
    if not around:
        return str(path)
    nearest = max(around, key=lambda folder: len(folder.parts))
    return str(names[nearest] / path.relative_to(nearest))


# --- reading CIFAR-10 --------------------------------------------------------------------------------------


def _damage(where, problem, source):
    if not source.is_dir() and source.name not in ARCHIVE_NAMES:  # somebody's file, and perhaps another dataset
        return DataError(f"{where}: {problem}. Name another file or folder, or run: {DOWNLOAD_COMMAND}")
    # A folder of another name, Downloads say, holds more than CIFAR-10: nobody shall delete it.
    delete = source / "*_batch*" if source.is_dir() and source.name != FOLDER_NAME else source
    return DataError(f"{where}: {problem}. Delete {delete} and run: {DOWNLOAD_COMMAND}")


def _read_folder(folder):
    """Yield each batch's name, path and content."""
    for name in BATCHES:
        where = folder / name
        try:
            if not stat.S_ISREG(where.stat().st_mode):  # opening a pipe, say, would wait for ever
                raise _damage(where, "is not a file", folder)
            with where.open("rb") as file:
                content = file.read(BATCH_LIMIT + 1)
        except FileNotFoundError as error:
            raise _damage(where, "is missing", folder) from error
        except OSError as error:
            raise _damage(where, f"cannot be read ({error.strerror})", folder) from error
        if len(content) > BATCH_LIMIT:
            raise _damage(where, f"is larger than any batch file ({BATCH_LIMIT:,} bytes)", folder)
        yield name, where, content


def _read_archive(archive):
    """Yield each batch's name, place and content, straight from the archive once its sha256 is right."""
    try:
        with archive.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            if size != ARCHIVE_BYTES:
                raise _damage(archive, f"has {size:,} bytes; CIFAR-10's archive has {ARCHIVE_BYTES:,}", archive)
            if hash_file(file) != ARCHIVE_SHA256:
                raise _damage(archive, "is not CIFAR-10's archive: its sha256 is another", archive)
            file.seek(0)
            with tarfile.open(fileobj=file, mode="r:gz") as tar:
                yield from _read_members(tar, archive)
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise _damage(archive, f"cannot be read ({error})", archive) from error


def hash_file(file):
    """Return the sha256 of an open file, read from its beginning."""
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


def _read_members(tar, archive):
    missing = set(BATCHES)
    for member in tar:
        folder, _, name = member.name.rpartition("/")
        if folder != FOLDER_NAME or name not in missing:
            continue
        where = f"{archive}: {member.name}"
        if not member.isreg():
            raise _damage(where, "is not a file", archive)
        if member.size > BATCH_LIMIT:
            raise _damage(where, f"is larger than any batch file ({BATCH_LIMIT:,} bytes)", archive)
        missing.remove(name)
        yield name, where, tar.extractfile(member).read()
    if missing:
        raise _damage(archive, f"{', '.join(sorted(missing))} missing from it", archive)


class _Record:
    """What stands for anything that a batch file wants to call: it keeps what it is given, and does nothing."""

    arguments, state = (), None

    def __init__(self, *arguments):
        self.arguments = arguments

    def __setstate__(self, state):
        self.state = state


class _BatchUnpickler(pickle.Unpickler):
    """An unpickler for the names in a pickled array alone, in numpy 1's and 2's spelling, as inert records.

    Even numpy's own classes stay out of a file's reach: they were not written to take hostile arguments.
    """

    known = frozenset(
        {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
        }
    )

    def find_class(self, module, name):
        if (module, name) not in self.known:
            raise pickle.UnpicklingError("it names code that image data do not need")
        return _Record


def _unpickle(content):
    """Unpickle a batch; raise an Exception of any kind when it is none."""
    tuples = 0
    # Without calling anything, a few bytes of pickle can fill the memory (a memo of 2**31 places) or compute
    # for years (the hash of tuples nested in pairs). A batch needs 6 tuples and 10,000 places.
    for opcode, argument, _ in pickletools.genops(content):
        tuples += opcode.name.startswith("TUPLE")
        if tuples > 16 or ("PUT" in opcode.name and argument > 100_000):
            raise pickle.UnpicklingError("it is nested or numbered like no batch file")
    return _BatchUnpickler(io.BytesIO(content), encoding="bytes").load()


def _parse_batch(content, where, source):
    """Return a batch's images, uint8 (10000, 32, 32, 3), and labels, a list of 10,000 numbers from 0 to 9."""
    try:
        batch = _unpickle(content)
    except Exception as error:  # a broken pickle raises anything, from ValueError to MemoryError
        raise _damage(where, f"is cut off or is no batch file ({str(error)[:200]})", source) from error
    if type(batch) is not dict or not {b"data", b"labels"} <= batch.keys():
        raise _damage(where, "does not hold `data` and `labels`", source)
    array, labels = batch[b"data"], batch[b"labels"]
    problem = _check_labels(labels) or _check_array(array)
    if problem:
        raise _damage(where, problem, source)
    *_, columns_first, raw = array.state
    rows = np.frombuffer(raw, np.uint8).reshape((BATCH_IMAGES, 3072), order="F" if columns_first else "C")
    return rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels


def _check_array(array):
    """Return what is wrong with a pickled array, whose state is version, shape, dtype, order and bytes."""
    if type(array) is not _Record or type(array.state) is not tuple or len(array.state) != 5:
        return "its `data` are not an array"
    _, shape, dtype, _, raw = array.state
    if shape != (BATCH_IMAGES, 3072):
        return "its `data` are not of shape (10000, 3072)"
    if type(dtype) is not _Record or dtype.arguments[:1] not in ((b"u1",), ("u1",)):
        return "its `data` are not of type uint8"
    if type(raw) is not bytes or len(raw) != BATCH_IMAGES * 3072:
        return "its `data` are cut off"
    return None


def _check_labels(labels):
    if type(labels) is not list or len(labels) != BATCH_IMAGES:
        return "its `labels` are not a list of 10,000"
    wrong = [place for place, label in enumerate(labels) if type(label) is not int or not 0 <= label <= 9]
    return f"label {wrong[0]} is not a whole number from 0 to 9" if wrong else None
