"""resnet_edu.data against good data, damaged data, hostile pickles and damaged archives."""

import copyreg
import errno
import gzip
import hashlib
import io
import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
from cifar_files import (
    LABELS,
    bare_home,  # noqa: F401
    check_error,
    make_batch,
    make_rows,
    pickle_as_today,
)

from resnet_edu import data
from resnet_edu.data import DataError, DataNotFound

REPOSITORY = Path(__file__).resolve().parent.parent


# --- good data ---------------------------------------------------------------------------------------------


def pickle_as_numpy1(batch):
    """Protocol 4 with numpy 1's module name: the name is a letter shorter, and so is its frame."""
    content = pickle_as_today(batch)
    frame = struct.unpack("<Q", content[3:11])[0]
    names = b"\x8c\x16numpy._core.multiarray", b"\x8c\x15numpy.core.multiarray"
    assert names[0] in content[11 : 11 + frame]
    return content[:3] + struct.pack("<Q", frame - 1) + content[11:].replace(*names, 1)


def pickle_as_python2(batch, *, order="C"):
    """The layout of CIFAR-10's own files: Python 2, protocol 2, numpy 1. Python 3 cannot write it."""

    def string(text):
        short = len(text) < 256
        return (b"U" + bytes([len(text)]) if short else b"T" + struct.pack("<i", len(text))) + text

    dtype = b"cnumpy\ndtype\nq\x0b" + string(b"u1") + b"K\x00K\x01\x87R(K\x03" + string(b"|")
    dtype += b"NNN" + b"J\xff\xff\xff\xff" * 2 + b"K\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\nq\x07cnumpy\nndarray\nq\x08K\x00\x85" + string(b"b")
    array += b"\x87R(K\x01M\x10\x27M\x00\x0c\x86" + dtype + {"C": b"\x89", "F": b"\x88"}[order]
    array += string(batch[b"data"].tobytes(order)) + b"tb"
    labels = b"](" + b"".join(b"K" + bytes([label]) for label in batch[b"labels"]) + b"e"
    photos = (string(b"photo_%05d.png" % n) + b"r" + struct.pack("<I", 100 + n) for n in range(10_000))
    entries = string(b"labels") + labels + string(b"data") + array
    return b"\x80\x02}q\x00(" + entries + string(b"filenames") + b"](" + b"".join(photos) + b"eu."


def fill_with_links(folder, intact):
    """Make `folder` a copy of `intact` that costs no space; a case replaces the file that it damages."""
    folder.mkdir(parents=True)
    for name in data.BATCHES:
        os.link(intact / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def intact(tmp_path_factory):
    """A folder with six valid batches in every spelling that must be read."""
    folder = tmp_path_factory.mktemp("intact") / data.FOLDER_NAME
    folder.mkdir()
    writers = [pickle_as_python2, pickle_as_numpy1, *[pickle_as_today] * 4]
    for number, (name, write) in enumerate(zip(data.BATCHES, writers, strict=True)):
        (folder / name).write_bytes(write(make_batch(number)))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def archive(intact, tmp_path_factory):
    """The six batches as an archive."""
    path = tmp_path_factory.mktemp("archive") / data.ARCHIVE_NAME
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name in reversed(data.BATCHES):  # like the original's, in no particular order
            tar.add(intact / name, f"{data.FOLDER_NAME}/{name}")
    yield path
    path.unlink()


def trust(monkeypatch, path):
    """Make `path` the archive that the sha256 stands for."""
    monkeypatch.setattr(data, "ARCHIVE_BYTES", path.stat().st_size)
    monkeypatch.setattr(data, "ARCHIVE_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())


# --- digits ------------------------------------------------------------------------------------------------


def test_digits_are_split_once_and_for_all():
    (x_train, y_train), (x_test, y_test) = data.load_digits()
    assert x_train.shape == (1437, 8, 8, 1) and x_test.shape == (360, 8, 8, 1)
    assert y_train.shape == (1437,) and y_test.shape == (360,)
    assert {x_train.dtype, x_test.dtype, y_train.dtype, y_test.dtype} == {np.dtype(np.uint8)}
    assert x_train.min() == 0 and x_train.max() == 255
    shares = np.bincount(y_test) / np.bincount(np.concatenate([y_train, y_test]))
    assert np.allclose(shares, 0.2, atol=0.005)
    again = data.load_digits()
    assert np.array_equal(again[0][0], x_train) and np.array_equal(again[1][1], y_test)


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits  # noqa: PLC0415

    (x_train, y_train), (x_test, y_test) = data.load_digits()
    images = np.concatenate([x_train, x_test]).reshape(1797, 64) / 255 * 16
    ours = np.c_[images.round(), np.concatenate([y_train, y_test])]
    theirs = np.c_[load_digits().data, load_digits().target]
    assert sorted(ours.tolist()) == sorted(theirs.tolist())


def test_large_digits_repeat_each_pixel():
    small, large = data.load_digits(8), data.load_digits(32)
    assert large[0][0].shape == (1437, 32, 32, 3)
    assert np.array_equal(large[0][0][:, 1::4, 2::4, 2:], small[0][0])
    assert np.array_equal(large[0][0][:, 3::4, ::4, :1], small[0][0])
    assert np.array_equal(large[1][1], small[1][1])


@pytest.mark.parametrize("size", [0, 16, 33, "8", None])
def test_digits_have_two_sizes(size):
    with pytest.raises(ValueError, match="8 or 32, not"):
        data.load_digits(size)


# --- reading good CIFAR-10 ---------------------------------------------------------------------------------


def check_pixels(splits):
    (x_train, y_train), (x_test, y_test) = splits
    assert x_train.shape == (50_000, 32, 32, 3) and x_test.shape == (10_000, 32, 32, 3)
    assert {x_train.dtype, x_test.dtype, y_train.dtype, y_test.dtype} == {np.dtype(np.uint8)}
    assert np.array_equal(y_train, LABELS * 5) and np.array_equal(y_test, LABELS)
    for number in range(6):
        images = x_test if number == 5 else x_train[number * 10_000 : (number + 1) * 10_000]
        rows = make_rows(number)
        for channel in range(3):  # a row holds the red plane, then the green, then the blue
            planes = rows[:, channel * 1024 : (channel + 1) * 1024].reshape(-1, 32, 32)
            assert np.array_equal(images[..., channel], planes)


def test_folder_is_read(intact):
    check_pixels(data.load_cifar10(intact))


def test_archive_is_read_without_unpacking(archive, monkeypatch):
    trust(monkeypatch, archive)
    before = sorted(archive.parent.iterdir())
    check_pixels(data.load_cifar10(archive))
    assert sorted(archive.parent.iterdir()) == before


def test_array_stored_column_by_column_is_read():
    content = pickle_as_python2(make_batch(3), order="F")
    images, _ = data._parse_batch(content, "file", "folder")
    assert np.array_equal(images[7, 1, 2], make_rows(3)[7].reshape(3, 32, 32)[:, 1, 2])


def test_class_names():
    assert len(set(data.CIFAR10_CLASSES)) == 10
    assert data.CIFAR10_CLASSES[0] == "airplane" and data.CIFAR10_CLASSES[9] == "truck"


def test_real_cifar10(cifar10, capsys):
    start = time.perf_counter()
    (x_train, y_train), (_, y_test) = data.load_cifar10(cifar10)
    seconds = time.perf_counter() - start
    with capsys.disabled():
        print(f" [real CIFAR-10 loaded in {seconds:.2f} s]", end="")
    assert seconds < 10  # 1 s measured on two idle cores
    assert np.abs(x_train.mean(axis=(0, 1, 2)) / 255 - [0.4914, 0.4822, 0.4465]).max() < 1e-4
    assert np.bincount(y_train).tolist() == [5000] * 10 and np.bincount(y_test).tolist() == [1000] * 10
    text, is_intact = data.describe_data(cifar10)
    place = os.path.relpath(cifar10 / data.FOLDER_NAME)
    assert is_intact and f"intact: {place}\n" in text and "0.4914 0.4822 0.4465" in text


def test_no_framework_is_imported():
    code = "import sys, resnet_edu.data; print({'keras', 'tensorflow', 'sklearn'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, cwd=REPOSITORY) == "set()\n"


# --- where it is looked for --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place",
    [
        "work/data/cifar-10-batches-py",
        "work/data/cifar-10-python.tar.gz",
        "course/data/cifar-10-batches-py",
        "course/data/cifar-10-python.tar.gz",
        "keras/datasets/cifar-10-batches-py",
        "keras/datasets/cifar-10-batches-py-target/cifar-10-batches-py",
        "keras/datasets/cifar-10-batches-py-target_archive",
        "keras/datasets/cifar-10-batches-py.tar.gz",
        "keras/datasets/cifar-10-python.tar.gz",
    ],
)
def test_usual_places(place, tmp_path, intact):
    assert data.find_cifar10() is None
    put(tmp_path / place, intact)
    assert data.find_cifar10() == tmp_path / place
    # The same content is found when a path leads to the folder around it, and from the variable.
    assert data.find_cifar10((tmp_path / place).parent) == tmp_path / place
    assert data.find_cifar10(str(tmp_path / place)) == tmp_path / place


def put(path, intact):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name == data.FOLDER_NAME:
        fill_with_links(path, intact)
    else:
        path.write_bytes(b"archive")


def test_order_of_places(tmp_path, intact, monkeypatch):
    places = ["given", "variable", "work/data", "course/data", "keras/datasets"]
    paths = [tmp_path / place / data.FOLDER_NAME for place in places]
    for path in paths:
        put(path, intact)
    monkeypatch.setenv(data.DATA_VARIABLE, str(tmp_path / "variable"))
    assert data.find_cifar10(tmp_path / "given") == paths[0]
    assert data.find_cifar10() == paths[1]
    monkeypatch.setenv(data.DATA_VARIABLE, "")
    for path in paths[2:]:
        assert data.find_cifar10() == path
        shutil.rmtree(path)
    assert data.find_cifar10() is None


def test_folder_of_any_name(tmp_path, intact):
    folder = fill_with_links(tmp_path / "renamed", intact)
    assert data.find_cifar10(folder) == folder


def test_home_folder_is_understood(tmp_path, intact, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    fill_with_links(tmp_path / data.FOLDER_NAME, intact)
    assert data.find_cifar10(f"~/{data.FOLDER_NAME}") == tmp_path / data.FOLDER_NAME


def test_cut_off_extraction_does_not_hide_the_archive(tmp_path, intact):
    fill_with_links(tmp_path / "root" / data.FOLDER_NAME, intact)
    (tmp_path / "root" / data.FOLDER_NAME / "test_batch").unlink()
    put(tmp_path / "root" / data.ARCHIVE_NAME, intact)
    assert data.find_cifar10(tmp_path / "root") == tmp_path / "root" / data.ARCHIVE_NAME


NOWHERE = {
    "no such path": lambda folder: folder / "none" / "such",
    "empty folder": lambda folder: folder,
    "no such user": lambda folder: "~nobody-of-this-name/cifar",
    "name too long": lambda folder: folder / ("n" * 300),
    "zero byte in the name": lambda folder: f"{folder}/a\0b",
    "archive's name is a folder's": lambda folder: (folder / data.ARCHIVE_NAME).mkdir() or folder,
    "a file in place of a folder": lambda folder: (folder / "file").write_bytes(b"") or folder / "file" / "x",
}


@pytest.mark.parametrize("case", NOWHERE)
@pytest.mark.parametrize("by_variable", [False, True])
def test_named_place_without_data(case, by_variable, tmp_path, intact, monkeypatch):
    put(tmp_path / "work" / "data" / data.FOLDER_NAME, intact)  # must not be taken instead
    (tmp_path / "case").mkdir()
    place = NOWHERE[case](tmp_path / "case")
    if by_variable and "\0" not in str(place):
        monkeypatch.setenv(data.DATA_VARIABLE, str(place))
        place, named = None, data.DATA_VARIABLE
    else:
        named = "`path`"
    for load in (data.load_cifar10, data.load_course_data, data.find_cifar10):
        with pytest.raises(DataError) as caught:
            load(place)
        check_error(caught, "nnn" if "long" in case else named)
    text, is_intact = data.describe_data(place)
    assert not is_intact and data.DOWNLOAD_COMMAND in text


def test_nothing_anywhere(capsys):
    with pytest.raises(DataNotFound) as caught:
        data.load_cifar10()
    places = "Looked in:\n  data\n  ../course/data\n  ../keras/datasets\n"
    check_error(caught, places)
    text, is_intact = data.describe_data()
    assert not is_intact and places in text
    capsys.readouterr()
    (x_train, _), _ = data.load_course_data()
    printed = capsys.readouterr().out
    assert x_train.shape == (1437, 32, 32, 3)
    assert printed.count("\n") == 1 and "digits" in printed and data.DOWNLOAD_COMMAND in printed


def test_description_where_nothing_is(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setattr(data, "DATA_FOLDER", tmp_path / "data")
    assert data.describe_data() == (
        "CIFAR-10: not found. Looked in:\n"
        "  data\n"
        "  ../data\n"
        "  ~/.keras/datasets\n"
        "To get it (170 MB): python -m resnet_edu data --download\n"
        "Digits: 1,797 images of 8 × 8 pixels, which come with scikit-learn.",
        False,
    )


@pytest.mark.parametrize(
    ("place", "shown"),
    [("work/data", "data"), ("course/data", "../course/data"), ("home/.keras/datasets", "~/.keras/datasets")],
)
def test_description_of_intact_data(place, shown, tmp_path, intact, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KERAS_HOME")
    if "home" in place:
        (tmp_path / "work" / "deep" / "down").mkdir(parents=True)
        monkeypatch.chdir(tmp_path / "work" / "deep" / "down")
    monkeypatch.setattr(data, "CIFAR10_MEAN", (125 / 255,) * 3)  # that of the made-up images
    put(tmp_path / place / data.FOLDER_NAME, intact)
    text, is_intact = data.describe_data()
    assert is_intact and text.startswith(f"CIFAR-10: found and intact: {shown}/{data.FOLDER_NAME}\n  50,000 + ")
    assert str(tmp_path) not in text


SHOWN = {  # a path: how it is shown in /home/ada/resnet-edu/notebooks
    "/home/ada/resnet-edu/notebooks": ".",
    "/home/ada/resnet-edu/notebooks/data": "data",
    "/home/ada/resnet-edu": "..",
    "/home/ada/resnet-edu/data/cifar-10-batches-py": "../data/cifar-10-batches-py",
    "/home/ada/resnet-edu/notebooks-old/data": "../notebooks-old/data",
    "/home/ada/resnet-edu-old/data": "~/resnet-edu-old/data",
    "/home/ada/.keras/datasets": "~/.keras/datasets",
    "/home/ada": "~",
    "/home/adam/data": "/home/adam/data",
    "/data": "/data",
}


@pytest.mark.parametrize("path", SHOWN)
def test_path_is_shown_as_one_says_it(path, monkeypatch):
    check_shown(path, SHOWN[path], "/home/ada/resnet-edu/notebooks", "/home/ada", monkeypatch)


ODD_PLACES = {  # a path, how it is shown, the working folder, the home folder
    "a solution's working folder": (
        "/srv/course/data",
        "../../data",
        "/srv/course/notebooks/solutions",
        "/home/a",
    ),
    "checkout in the home folder": ("/home/ada/.keras", "../.keras", "/home/ada/resnet-edu", "/home/ada"),
    "home is two folders up": ("/home/ada/.keras", "~/.keras", "/home/ada/course/notebooks", "/home/ada"),
    "home is near the working folder": ("/home/ada/.keras", "~/.keras", "/home/bob", "/home/ada"),
    "home is in the working folder": ("/home/ada/.keras", "~/.keras", "/home", "/home/ada"),
    "working folder is home": ("/home/ada/.keras", ".keras", "/home/ada", "/home/ada"),
    "working folder below the root": ("/srv/data", "/srv/data", "/app", "/home/ada"),
    "working folder is the root": ("/srv/data", "/srv/data", "/", "/home/ada"),
    "home is the root": ("/srv/data", "/srv/data", "/app/course/notebooks", "/"),
}


@pytest.mark.parametrize("case", ODD_PLACES)
def test_path_is_shown_at_odd_places(case, monkeypatch):
    check_shown(*ODD_PLACES[case], monkeypatch)


def check_shown(path, shown, here, home, monkeypatch):
    monkeypatch.setattr(Path, "cwd", lambda: Path(here))
    monkeypatch.setenv("HOME", home)
    assert data._shorten(Path(path)) == shown


def test_course_data_are_cifar10_when_found(tmp_path, intact, capsys):
    put(tmp_path / "work" / "data" / data.FOLDER_NAME, intact)
    assert data.load_course_data()[0][0].shape == (50_000, 32, 32, 3)
    assert capsys.readouterr().out == ""


# --- damaged files -----------------------------------------------------------------------------------------


class FakeArray:
    """What pickles as an array would, with a state that no array has."""

    def __init__(self, *state, dtype="u1"):
        self.state = (1, (10_000, 3072), np.dtype(dtype), False, bytes(30_720_000))
        self.state = self.state[: -len(state)] + state if state else self.state

    def __reduce__(self):
        return np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), self.state


class ShortState:
    def __reduce__(self):
        return np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), (1, 2)


def array_of(shape, dtype=np.uint8):
    return np.zeros(shape, dtype)


RAW = {  # what the file holds instead of a batch
    "empty": lambda: b"",
    "one byte": lambda: b"\x80",
    "a page": lambda: b"<!DOCTYPE html><html><title>404</title></html>",
    "text": lambda: "Daten fehlen".encode("utf-16"),
    "JSON": lambda: json.dumps({"data": [], "labels": []}).encode(),
    "noise": lambda: np.random.default_rng(0).bytes(50_000),
    "zeros": lambda: bytes(31_000_000),
    "gzip": lambda: gzip.compress(pickle_as_today([1])),
    "head missing": lambda: pickle_as_today(make_batch())[1000:],
    "cut after the head": lambda: pickle_as_today(make_batch())[:100],
    "cut in the labels": lambda: pickle_as_today(make_batch())[:9000],
    "cut in the images": lambda: pickle_as_today(make_batch())[:15_000_000],
    "cut before the last byte": lambda: pickle_as_today(make_batch())[:-1],
    "old file, cut in the images": lambda: pickle_as_python2(make_batch())[:15_000_000],
    "too large": lambda: pickle_as_today(make_batch()) + bytes(3_000_000),
    "numpy file": lambda: save_npy(np.zeros(3)),
    "length that lies": lambda: b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b"x.",
    "unknown protocol": lambda: b"\x80\x63}.",
}

OBJECTS = {  # what the pickle holds instead of a batch
    "list": lambda: [LABELS],
    "None": lambda: None,
    "number": lambda: 7,
    "string": lambda: "data",
    "only an array": lambda: make_rows(1),
    "empty dictionary": dict,
    "data missing": lambda: make_batch(data=None),
    "labels missing": lambda: make_batch(labels=None),
    "keys of another type": lambda: {"data": make_rows(1), "labels": LABELS},
    "CIFAR-100": lambda: make_batch(labels=None, fine_labels=LABELS, coarse_labels=LABELS),
    "meta file": lambda: {b"num_cases_per_batch": 10_000, b"label_names": [b"cat"], b"num_vis": 3072},
}

IMAGES = {  # what is there instead of an array of images
    "an image missing": lambda: array_of((9_999, 3072)),
    "an image too many": lambda: array_of((10_001, 3072)),
    "transposed": lambda: array_of((3072, 10_000)),
    "grey": lambda: array_of((10_000, 1024)),
    "flat": lambda: array_of(30_720_000),
    "four axes": lambda: array_of((10_000, 3, 32, 32)),
    "no axis": lambda: array_of(()),
    "no image": lambda: array_of((0, 3072)),
    "int8": lambda: array_of((10_000, 3072), np.int8),
    "bool": lambda: array_of((10_000, 3072), bool),
    "float32": lambda: FakeArray(np.dtype("f4"), False, b""),
    "uint16": lambda: FakeArray(np.dtype("u2"), False, b""),
    "objects": lambda: FakeArray(np.dtype("O"), False, [0]),
    "images as bytes": lambda: bytes(30_720_000),
    "images as a list": lambda: [[0] * 3072] * 10_000,
    "images as None": lambda: None,
    "bytes missing": lambda: FakeArray(bytes(30_719_999)),
    "bytes too many": lambda: FakeArray(bytes(30_720_001)),
    "bytes as a list": lambda: FakeArray([0, 1]),
    "shape of another kind": lambda: FakeArray("10000", np.dtype("u1"), False, b""),
    "a shape that overflows": lambda: FakeArray((2**62, 2**62), np.dtype("u1"), False, b""),
    "no dtype": lambda: FakeArray(None, False, b""),
    "state too short": ShortState,
}

WRONG_LABELS = {  # what is there instead of 10,000 labels
    "a label missing": lambda: LABELS[:-1],
    "a label too many": lambda: [*LABELS, 0],
    "no label": lambda: [],
    "label 10": lambda: [*LABELS[:-1], 10],
    "label -1": lambda: [-1, *LABELS[1:]],
    "label 255": lambda: [255] * 10_000,
    "huge label": lambda: [*LABELS[:-1], 10**5000],
    "label 1.0": lambda: [*LABELS[:-1], 1.0],
    "label nan": lambda: [*LABELS[:-1], float("nan")],
    "label True": lambda: [*LABELS[:-1], True],
    "label None": lambda: [*LABELS[:-1], None],
    "label '3'": lambda: [*LABELS[:-1], "3"],
    "label [3]": lambda: [*LABELS[:-1], [3]],
    "labels as bytes": lambda: bytes(LABELS),
    "labels as a tuple": lambda: tuple(LABELS),
    "labels as an array": lambda: np.array(LABELS, np.uint8),
    "labels as a number": lambda: 10_000,
    "labels as a dictionary": lambda: dict.fromkeys(range(10_000), 1),
}


def save_npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("case", RAW)
def test_damaged_bytes(case, tmp_path, intact):
    check_damaged_file(RAW[case](), tmp_path / data.FOLDER_NAME, intact)


@pytest.mark.parametrize("case", OBJECTS)
def test_wrong_object(case, tmp_path, intact):
    check_damaged_file(pickle_as_today(OBJECTS[case]()), tmp_path / data.FOLDER_NAME, intact, "`labels`")


@pytest.mark.parametrize("case", IMAGES)
def test_wrong_images(case, tmp_path, intact):
    content = pickle_as_today({b"data": IMAGES[case](), b"labels": LABELS})
    check_damaged_file(content, tmp_path / data.FOLDER_NAME, intact, "its `data` are")


@pytest.mark.parametrize("case", WRONG_LABELS)
def test_wrong_labels(case, tmp_path, intact):
    labels = WRONG_LABELS[case]()
    content = pickle_as_today({b"data": None, b"labels": labels})
    complete = type(labels) is list and len(labels) == 10_000
    reason = "is not a whole number from 0 to 9" if complete else "`labels` are not a list of 10,000"
    check_damaged_file(content, tmp_path / data.FOLDER_NAME, intact, reason)


def check_damaged_file(content, folder, intact, reason="", name="data_batch_1"):
    fill_with_links(folder, intact)
    (folder / name).unlink()  # the link, not the file it leads to
    (folder / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        data.load_cifar10(folder)
    check_error(caught, folder / name, f"Delete {folder} and", reason)


def test_nobody_is_told_to_delete_more_than_cifar10(tmp_path, intact):
    folder = fill_with_links(tmp_path / "Downloads", intact)
    (folder / "data_batch_4").unlink()
    with pytest.raises(DataError) as caught:
        data.load_cifar10(folder)
    check_error(caught, folder / "data_batch_4", f"Delete {folder}/*_batch* and")


def test_damage_is_never_covered_up_by_the_digits(tmp_path, intact):
    folder = fill_with_links(tmp_path / "work" / "data" / data.FOLDER_NAME, intact)
    (folder / "data_batch_1").unlink()
    with pytest.raises(DataError) as caught:
        data.load_course_data()
    check_error(caught, folder / "data_batch_1")
    text, is_intact = data.describe_data()
    assert not is_intact and str(caught.value) in text


def replace_by_sparse_giant(path):
    path.unlink()
    with path.open("wb") as file:
        file.truncate(10**11)


FILES = {  # what is there instead of a file
    "missing": lambda path: path.unlink(),
    "folder": lambda path: path.unlink() or path.mkdir(),
    "broken link": lambda path: path.unlink() or path.symlink_to("nowhere"),
    "link to itself": lambda path: path.unlink() or path.symlink_to(path),
    "pipe": lambda path: path.unlink() or os.mkfifo(path),
    "100 GB": replace_by_sparse_giant,
}


@pytest.mark.parametrize("case", FILES)
def test_damaged_file(case, tmp_path, intact):
    folder = fill_with_links(tmp_path / data.FOLDER_NAME, intact)
    FILES[case](folder / "data_batch_2")
    with pytest.raises(DataError) as caught:
        data.load_cifar10(folder)
    check_error(caught, folder / "data_batch_2")


@pytest.mark.parametrize("name", data.BATCHES[1:])
def test_each_batch_is_checked(name, tmp_path, intact):
    check_damaged_file(b"", tmp_path / data.FOLDER_NAME, intact, name=name)


def test_empty_folder_of_the_right_name(tmp_path):
    (tmp_path / data.FOLDER_NAME).mkdir()
    with pytest.raises(DataError) as caught:
        data.load_cifar10(tmp_path)
    check_error(caught, tmp_path / data.FOLDER_NAME / "data_batch_1", "missing")


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE, errno.ESTALE])
@pytest.mark.parametrize("method", ["open", "stat"])
def test_file_refuses(code, method, tmp_path, intact, monkeypatch):
    """Permission bits do not stop root, so the system's refusal is imitated."""
    folder = fill_with_links(tmp_path / data.FOLDER_NAME, intact)
    target, real = folder / "data_batch_1", getattr(Path, method)

    def refuse(path, *args, **kwargs):
        if path == target:
            raise OSError(code, os.strerror(code), str(path))
        return real(path, *args, **kwargs)

    monkeypatch.setattr(Path, method, refuse)
    with pytest.raises(DataError) as caught:
        data.load_cifar10(folder)
    # A file that cannot even be looked at leaves only its folder to be named.
    check_error(caught, target if method == "open" else folder, os.strerror(code))


# --- other images than CIFAR-10's --------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["means", "counts"])
def test_description_notices_other_images(wrong, tmp_path, intact):
    folder = fill_with_links(tmp_path / data.FOLDER_NAME, intact)
    if wrong == "counts":
        (folder / "test_batch").unlink()
        (folder / "test_batch").write_bytes(pickle_as_today(make_batch(labels=[0, *LABELS[:-1]])))
    data.load_cifar10(folder)  # has the right form
    text, is_intact = data.describe_data(folder)
    assert not is_intact and str(folder) in text and data.DOWNLOAD_COMMAND in text
    assert ("channel means" if wrong == "means" else "1,000") in text


# --- hostile pickles ---------------------------------------------------------------------------------------


class Call:
    """What pickles as a call of `function`."""

    def __init__(self, function, *arguments, state=None):
        self.call = (function, arguments, state)

    def __call__(self):
        """Let the result of one call be called by another."""

    def __reduce__(self):
        return self.call if self.call[2] is not None else self.call[:2]


def touch(path):
    return f"open({str(path)!r}, 'w').close()"


def call_by_name(module, name, *arguments):
    """A pickle that calls a dotted name, found from a module that is allowed."""
    strings = b"".join(b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name))
    inner = pickle.dumps(arguments, protocol=2)[2:-1]
    return b"\x80\x04" + strings + b"\x93" + inner + b"R."


SYSTEM = Call(getattr, Call(__import__, "os"), "system")  # a call that yields a function to call
ATTACKS = {
    "os.system": lambda path: Call(os.system, f"touch {path}"),
    "subprocess": lambda path: Call(subprocess.check_call, ["touch", str(path)]),
    "Popen": lambda path: Call(subprocess.Popen, ["touch", str(path)]),
    "eval": lambda path: Call(eval, touch(path)),
    "exec": lambda path: Call(exec, touch(path)),
    "open": lambda path: Call(open, str(path), "w"),
    "os.mkdir": lambda path: Call(os.mkdir, str(path)),
    "Path.touch": lambda path: Call(Path.touch, path),
    "getattr": lambda path: Call(SYSTEM, f"touch {path}"),
    "in the images": lambda path: {b"data": Call(os.system, f"touch {path}")},
    "in the labels": lambda path: {b"data": b"", b"labels": [1, Call(eval, touch(path))]},
    "in a key": lambda path: {b"labels": [1], Call(os.system, f"touch {path}"): 1},
    "in an unused entry": lambda path: {b"labels": [1], b"filenames": Call(os.system, f"touch {path}")},
    "after a good batch": lambda path: ({b"labels": [1]}, Call(os.system, f"touch {path}")),
    "nested deeply": lambda path: [[[[{"a": {"b": (1, Call(SYSTEM, f"touch {path}"))}}]]]],
    "in an array's state": lambda path: {b"data": FakeArray(Call(os.system, f"touch {path}"))},
    "in an array's dtype": lambda path: {
        b"labels": [1],
        b"data": FakeArray(Call(os.system, f"touch {path}"), False, b""),
    },
    "in an array of objects": lambda path: {
        b"labels": [1],
        b"data": np.array([Call(os.system, f"touch {path}")], object),
    },
    "in a call's state": lambda path: Call(np.dtype, "u1", state=Call(os.system, f"touch {path}")),
    "numpy writes a file": lambda path: Call(np.ndarray.tofile, np.zeros(3, np.uint8), str(path)),
    "numpy maps a file": lambda path: Call(np.memmap, str(path), "u1", "w+", 0, (3,)),
    "numpy saves a file": lambda path: Call(np.savetxt, str(path), [1.0]),
    "numpy runs strings": lambda path: Call(np.testing.measure, touch(path)),
    "numpy opens a file": lambda path: Call(np.lib.format.open_memmap, f"{path}", "w+", "u1", (1,)),
    "pickle in a pickle": lambda path: Call(pickle.loads, pickle.dumps(Call(os.system, f"touch {path}"))),
}


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize("case", ATTACKS)
def test_attack_does_nothing(case, protocol, tmp_path, intact):
    sentinel, folder = tmp_path / "sentinel", tmp_path / data.FOLDER_NAME
    content = pickle.dumps(ATTACKS[case](sentinel), protocol=protocol)
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(content)
    with pytest.raises(DataError) as caught:
        data.load_cifar10(folder)
    check_error(caught, folder / "data_batch_1")
    assert "names code" in str(caught.value)
    assert not sentinel.exists()


@pytest.mark.parametrize("case", ATTACKS)
def test_attack_is_a_real_one(case, tmp_path):
    """An ordinary unpickler falls for every one of them; otherwise the test above would prove nothing."""
    content = pickle.dumps(ATTACKS[case](tmp_path / "sentinel"))
    try:
        result = pickle.loads(content)
        if isinstance(result, subprocess.Popen):
            result.wait()
    except Exception:
        pass
    assert (tmp_path / "sentinel").exists()


def nest_pairs(levels):
    """Pairs of pairs of pairs as a key: six bytes a level, each of which doubles the time to hash it."""
    pairs = b"".join(b"h%ch%c\x86\x94" % (level, level) for level in range(levels))
    return b"\x80\x04}(" + b")\x94" + pairs + b"K\x01u."


OPCODES = {
    "dotted name": call_by_name("numpy", "dtype.__class__.mro", 1),
    "dotted way to os": call_by_name("numpy", "f2py.os.system", "true"),
    "dotted way through an allowed module": call_by_name("numpy._core.multiarray", "os.system", "true"),
    "array's method": call_by_name("numpy", "ndarray.tofile", "x"),
    "number in the extension registry": b"\x80\x02\x82\x05)R.",
    "persistent object": b"\x80\x02Ps\n.",
    "persistent object, binary": b"\x80\x02K\x01Q.",
    "old-style instance": b"(S'true'\nios\nsystem\n.",
    "class and arguments": b"(cos\nsystem\nS'true'\no.",
    "class changed": b"\x80\x02cnumpy\ndtype\n}U\x05statecos\nsystem\nsb.",
    "class's slots changed": b"\x80\x02cnumpy\ndtype\nN}U\x05stateK\x01s\x86b.",
    "class as the batch": b"\x80\x02cnumpy\nndarray\n.",
    "class as the images": b"\x80\x02}(U\x04datacnumpy\nndarray\nU\x06labels]u.",
    "array without a state": b"\x80\x02}(U\x04datacnumpy\nndarray\n)RU\x06labels]u.",
    "new object without its start": b"\x80\x02}(U\x04datacnumpy\nndarray\n)\x81U\x06labels]u.",
    "stack empty": b"\x80\x02R.",
    "memo empty": b"\x80\x02h\x07.",
    "memo of 4 billion": b"\x80\x02]r\xff\xff\xff\xff.",
    "memo of 50 million": b"\x80\x02]r" + struct.pack("<I", 50_000_000) + b".",
    "memo of 50 million, as text": b"]p50000000\n.",
    "memo below zero": b"]p-5\n.",
    "pairs of pairs, hashed": nest_pairs(60),
    "lists in lists": b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b".",
    "list in itself": b"\x80\x02]q\x00h\x00a.",
    "string without its quotes": b"S" + b"x" * 1_000_000 + b"\n.",
    "number that is too long": b"I" + b"9" * 1_000_000 + b"\n.",
    "not a letter": b"\x80\x04\x8c\x02\xff\xfe.",
}


@pytest.mark.parametrize("case", OPCODES)
def test_hostile_opcodes(case, tmp_path):
    folder = tmp_path / data.FOLDER_NAME
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(OPCODES[case])
    start = time.perf_counter()
    with pytest.raises(DataError) as caught:
        data.load_cifar10(folder)
    reason = "numbered like no batch file" if "million" in case or "billion" in case else ""
    check_error(caught, folder / "data_batch_1", reason)
    assert time.perf_counter() - start < 3
    assert data._Record.state is None and data._Record.arguments == ()


def test_extension_registry_is_no_way_in(tmp_path):
    folder = tmp_path / data.FOLDER_NAME
    folder.mkdir()
    (folder / "data_batch_1").write_bytes(b"\x80\x02\x82\x07U\x04trueR.")
    copyreg.add_extension("os", "system", 7)
    try:
        with pytest.raises(DataError, match="names code"):
            data.load_cifar10(folder)
    finally:
        copyreg.remove_extension("os", "system", 7)


# --- damaged archives --------------------------------------------------------------------------------------


def write_archive(path, members):
    """Write an archive of (TarInfo or name, content) pairs."""
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for member, content in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def make_member(kind, target=""):
    info = tarfile.TarInfo(f"{data.FOLDER_NAME}/data_batch_1")
    info.type, info.linkname = kind, target
    return info


FIRST = f"{data.FOLDER_NAME}/data_batch_1"
MEMBERS = {  # archives whose sha256 is right, as if the sha256 had been forged
    "no member": (lambda: [], "missing from it"),
    "readme only": (lambda: [(f"{data.FOLDER_NAME}/readme.html", b"hello")], "missing from it"),
    "five batches missing": (lambda: [(FIRST, pickle_as_today(make_batch()))], "test_batch missing from it"),
    "another folder": (lambda: [(f"cifar-100-python/{name}", b"") for name in data.BATCHES], "missing from it"),
    "no folder": (lambda: [(name, b"") for name in data.BATCHES], "missing from it"),
    "way out of the folder": (lambda: [(f"../{FIRST}", b"x")], "missing from it"),
    "absolute path": (lambda: [(f"/{FIRST}", b"x")], "missing from it"),
    "symbolic link": (lambda: [(make_member(tarfile.SYMTYPE, "/etc/passwd"), b"")], "is not a file"),
    "hard link": (lambda: [(make_member(tarfile.LNKTYPE, "/etc/passwd"), b"")], "is not a file"),
    "folder": (lambda: [(make_member(tarfile.DIRTYPE), b"")], "is not a file"),
    "device": (lambda: [(make_member(tarfile.CHRTYPE), b"")], "is not a file"),
    "pipe": (lambda: [(make_member(tarfile.FIFOTYPE), b"")], "is not a file"),
    "too large": (lambda: [(FIRST, bytes(data.BATCH_LIMIT + 1))], "is larger than"),
    "empty batch": (lambda: [(FIRST, b"")], "no batch file"),
    "batch cut off": (lambda: [(FIRST, pickle_as_today(make_batch())[:1000])], "no batch file"),
    "batch of another type": (lambda: [(FIRST, pickle.dumps([1, 2]))], "does not hold"),
    "wrong labels": (lambda: [(FIRST, pickle_as_today(make_batch(labels=[10] * 10_000)))], "label 0 is"),
    "hostile batch": (lambda: [(FIRST, pickle.dumps(Call(os.mkdir, "sentinel")))], "names code"),
}


@pytest.mark.parametrize("case", MEMBERS)
def test_damaged_archive_with_the_right_hash(case, tmp_path, monkeypatch):
    path = tmp_path / data.ARCHIVE_NAME
    make_members, reason = MEMBERS[case]
    write_archive(path, make_members())
    trust(monkeypatch, path)
    check_bad_archive(path, reason)
    assert not (tmp_path / "work" / "sentinel").exists()
    assert not any((tmp_path / "work").iterdir()) and not (tmp_path / data.FOLDER_NAME).exists()


def check_bad_archive(path, reason=""):
    with pytest.raises(DataError) as caught:
        data.load_cifar10(path)
    check_error(caught, path, f"Delete {path} and", reason)


def test_nobody_is_told_to_delete_another_file(tmp_path):
    path = tmp_path / "cifar-100-python.tar.gz"
    path.write_bytes(b"another dataset")
    with pytest.raises(DataError) as caught:
        data.load_cifar10(path)
    told = str(caught.value)
    assert "has 15 bytes" in told and "Name another file or folder" in told and "Delete" not in told


def damage_in_the_middle():
    """A tar whose first member begins well and then cannot be decompressed."""
    head = tarfile.TarInfo(FIRST)
    head.size = 400_000
    packed = bytearray(gzip.compress(head.tobuf() + b"".join(b"%d " % n**3 for n in range(40_000))))
    packed[len(packed) // 2 : len(packed) // 2 + 20_000] = b"\xff" * 20_000
    return bytes(packed)


NOT_ARCHIVES = {
    "empty": b"",
    "a page": b"<html>404</html>",
    "a batch": pickle.dumps({b"data": 1}),
    "zip": b"PK\x05\x06" + bytes(18),
    "cut gzip": gzip.compress(np.random.default_rng(0).bytes(10_000))[:5000],
    "gzip of text": gzip.compress(b"text"),
    "gzip with a wrong sum": gzip.compress(bytes(10_000))[:-8] + bytes(8),
    "gzip of half a tar": gzip.compress(tarfile.TarInfo(FIRST).tobuf()[:300]),
    "damaged in a batch": damage_in_the_middle(),
    "damaged gzip": gzip.compress(bytes(10_000))[:20] + b"\xff" * 20,
}


@pytest.mark.parametrize("case", NOT_ARCHIVES)
@pytest.mark.parametrize("trusted", [False, True])
def test_file_that_is_no_archive(case, trusted, tmp_path, monkeypatch):
    path = tmp_path / data.ARCHIVE_NAME
    path.write_bytes(NOT_ARCHIVES[case])
    if trusted:
        trust(monkeypatch, path)
    check_bad_archive(path, "" if trusted else "170,498,071")


def test_archive_of_the_right_size_with_another_hash(archive, tmp_path, monkeypatch):
    trust(monkeypatch, archive)
    changed = bytearray(archive.read_bytes())
    changed[len(changed) // 2] ^= 1
    path = tmp_path / data.ARCHIVE_NAME
    path.write_bytes(changed)
    monkeypatch.setattr(tarfile, "open", lambda *args, **kwargs: pytest.fail("opened before it was checked"))
    check_bad_archive(path)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO])
def test_archive_refuses(code, tmp_path, monkeypatch):
    path, real = tmp_path / data.ARCHIVE_NAME, Path.open
    path.write_bytes(b"archive")

    def refuse(self, *args, **kwargs):
        if self == path:
            raise OSError(code, os.strerror(code))
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse)
    check_bad_archive(path)
