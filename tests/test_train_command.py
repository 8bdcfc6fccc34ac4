"""`python -m resnet_edu train` as a person uses it: killed, resumed, given nonsense, out of room."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time

import keras
import pytest

from resnet_edu import __main__ as command_line
from resnet_edu import checkpoints, data, models, recipes, runs

KILLS = int(os.environ.get("RESNET_EDU_KILLS", "2"))  # more of them find more, and take ten seconds each
SMALL = ["--data", "digits", "--depth", "8"]


def train(*arguments, shell=None):
    command = [sys.executable, "-m", "resnet_edu", "train", *SMALL, *map(str, arguments)]
    if shell:  # not a `preexec_fn`: Python code in a fork of a process with JAX's threads can hang
        command = ["sh", "-c", f'{shell}; exec "$@"', "sh", *command]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def outcome(process):
    out, error = process.communicate(timeout=300)
    return process.returncode, out, error


def wait_for_epochs(folder, process, count):
    """Wait until the checkpoint in the folder was written `count` times more, or the process has ended."""
    path, seen, last = folder / checkpoints.CHECKPOINT, 0, None
    while seen < count and process.poll() is None:
        if path.exists() and path.stat().st_mtime_ns != last:
            seen, last = seen + 1, path.stat().st_mtime_ns
        time.sleep(0.005)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="once is enough for what takes a minute")
def test_kills_at_any_moment_change_nothing(tmp_path):
    # Adam's moments, the best epoch's weights and the reducer's patience all have to survive.
    reducer = ["--set", "schedule_overwrites_plateau=False", "--set", "milestones=[]"]
    arguments = [
        "--recipe",
        "article",
        "--epochs",
        12 * KILLS,
        "--set",
        "batch_size=64",
        *reducer,
        "--deterministic",
    ]
    status, _, error = outcome(train(*arguments, "--out", tmp_path / "whole"))
    assert status == 0, error
    folder, rng, epochs = tmp_path / "killed", random.Random(0), []
    for kill in range(KILLS):
        process = train(*arguments, "--out", folder, *["--resume"] * bool(kill))
        # The first checkpoint is that before training, then one an epoch, of about a fifth of a second.
        wait_for_epochs(folder, process, 2 + rng.randrange(4))
        time.sleep(rng.uniform(0, 0.4))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "the training ended before it was killed"
        epochs.append(len(checkpoints.TrainingFolder(folder, resume=True).load()[1]["history"]))
    status, out, error = outcome(train(*arguments, "--out", folder, "--resume"))
    assert status == 0, error
    assert f"Goes on after epoch {epochs[-1]}" in out
    assert epochs == sorted(epochs)
    assert epochs[-1] > 0
    whole, resumed = (
        checkpoints.TrainingFolder(tmp_path / name, resume=True).load() for name in ("whole", "killed")
    )
    for arrays in (whole[0], resumed[0]):
        assert len(arrays) > 50
    assert {name: array.tobytes() for name, array in whole[0].items()} == {
        name: array.tobytes() for name, array in resumed[0].items()
    }
    assert without_times(whole[1]) == without_times(resumed[1])


def without_times(notes):
    return notes | {"history": [figures | {"seconds": None} for figures in notes["history"]]}


def refused(capsys, *arguments):
    """Return the one line that is told instead of training."""
    assert command_line.main(["train", *map(str, arguments)]) == 1
    out, error = capsys.readouterr()
    assert not out
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    return error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--depth", "21"], "depth=21 does not fit the rule depth = 6n + 2"),
        (["--model", "resnet_v2"], "depth=8 does not fit the rule depth = 9n + 2"),
        (["--depth", "-4"], "nearest valid: 8"),
        (["--model", "resnet"], "model='resnet' is unknown; it is one of plain_net"),
        (["--variant", "mine"], "variant='mine' is unknown; it is one of article, paper"),
        (["--recipe", "papers"], "recipe 'papers' is unknown; it is one of article, paper, quick"),
        (["--set", "variant=[1]"], "variant=[1] is unknown"),
        (["--set", "shift={[]:1}"], "must be a number"),
        (["--set", "shift=1e20"], "at most 32"),
        (["--set", "shift=2.5"], "whole with whole_pixels"),
        (["--set", "milestones=[[1, -1]]"], "two numbers of at least 0"),
        (["--set", "shift"], "'shift' is not FIELD=VALUE"),
        (["--set", "batch_size=5000"], "1437 images are fewer than one batch of 5000; use a smaller batch_size"),
        (["--epochs", "0"], "epochs=0 must be a whole number of at least 1"),
        (["--split", "test"], "split='test' is unknown; it is one of 45k, 50k, leaky"),
        (["--recipe", "article", "--split", "50k"], "use split=45k, or change the recipe: keep=last"),
        (["--seed", "-1"], "seed=-1 must be"),
        (["--precision", "half"], "precision='half' is unknown"),
        (["--devices", "0"], "devices=0 must be"),
        (["--devices", "64"], "RESNET_EDU_VIRTUAL_DEVICES=64 to try it"),
    ],
)
def test_a_bad_argument_is_told_in_one_line(arguments, message, tmp_path, capsys):
    assert message in refused(capsys, *SMALL, "--out", tmp_path / "out", *arguments)
    assert not list(tmp_path.rglob("*.npz")), "work was begun"


def test_data_that_are_not_there_are_told(tmp_path, capsys):
    error = command_line.main(["train", "--data", str(tmp_path), "--out", str(tmp_path / "out")])
    assert error == 1
    assert data.DOWNLOAD_COMMAND in capsys.readouterr().err


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a finished training of one epoch."""
    folder = tmp_path_factory.mktemp("trained") / "a"
    assert command_line.main(["train", *SMALL, "--epochs", "1", "--out", str(folder)]) == 0
    return folder


def test_a_finished_training_leaves_record_and_weights(trained, capsys):
    run = runs.read_run(trained / checkpoints.RECORD)
    row = run["rows"][0]
    assert "train --model resnet_v1 --depth 8" in run["command"]
    assert set(run["versions"]) == {"keras", "backend", "python", "device"}
    assert len(row["loss"]) == len(row["seconds"]) == 1
    assert row["recipe"] == recipes.as_dict(recipes.shorten_recipe(recipes.RECIPES["quick"], 1))
    model = models.resnet_v1((8, 8, 1), 8, variant="paper", seed=5)
    model.load_weights(trained / checkpoints.WEIGHTS)
    (x, _), (x_test, y_test) = data.load_digits()
    probabilities = model.predict((x_test / 255 - x.mean(axis=0) / 255).astype("float32"), verbose=0)
    assert (probabilities.argmax(axis=-1) == y_test).mean() == pytest.approx(row["test_accuracy"], abs=1e-4)
    assert command_line.main(["train", *SMALL, "--epochs", "1", "--out", str(trained), "--resume"]) == 0
    assert "Goes on after epoch 1" in capsys.readouterr().out
    assert runs.read_run(trained / checkpoints.RECORD)["rows"] == run["rows"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "already holds a training; add --resume to go on with it"),
        (["--resume"], "length 1 instead of 3"),
        (["--resume", "--epochs", "1", "--seed", "1"], "holds another training: seed 0 instead of 1;"),
        (["--resume", "--epochs", "1", "--depth", "14"], "depth 8 instead of 14"),
        (["--resume", "--epochs", "1", "--model", "plain_net"], "model resnet_v1 instead of plain_net"),
        (["--resume", "--epochs", "1", "--set", "shift=2"], "holds another training: shift 0 instead of 2;"),
    ],
)
def test_another_training_is_never_overwritten(trained, arguments, message, capsys):
    before = (trained / checkpoints.CHECKPOINT).read_bytes()
    assert message in refused(capsys, *SMALL, "--out", trained, *arguments)
    assert (trained / checkpoints.CHECKPOINT).read_bytes() == before


def test_a_full_disk_at_the_end_is_one_line_and_loses_nothing(trained, tmp_path, monkeypatch, capsys):
    whole = (trained / checkpoints.CHECKPOINT).read_bytes()
    (tmp_path / checkpoints.CHECKPOINT).write_bytes(whole)

    def fill_up(self, path):
        raise OSError(f"[Errno 28] Unable to write {path}\nand much more")

    with monkeypatch.context() as patched:
        patched.setattr(keras.Model, "save_weights", fill_up)
        assert command_line.main(["train", *SMALL, "--epochs", "1", "--out", str(tmp_path), "--resume"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert not (tmp_path / checkpoints.WEIGHTS).exists()
    assert command_line.main(["train", *SMALL, "--epochs", "1", "--out", str(tmp_path), "--resume"]) == 0
    assert (tmp_path / checkpoints.WEIGHTS).exists()


def test_a_changed_bit_ends_in_one_line_or_none(trained, tmp_path):
    whole, rng = bytearray((trained / checkpoints.CHECKPOINT).read_bytes()), random.Random(0)
    central = whole.rindex(b"PK\x01\x02")
    for place in [*range(30), *range(central, central + 46), *(rng.randrange(len(whole)) for _ in range(40))]:
        broken = bytearray(whole)
        broken[place] ^= 1 << rng.randrange(8)
        (tmp_path / checkpoints.CHECKPOINT).write_bytes(broken)
        with contextlib.suppress(checkpoints.TrainingError):
            checkpoints.TrainingFolder(tmp_path, resume=True).load()


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x05\x06" + bytes(18), None])
def test_a_damaged_checkpoint_is_told(trained, tmp_path, content, capsys):
    whole = (trained / checkpoints.CHECKPOINT).read_bytes()
    (tmp_path / checkpoints.CHECKPOINT).write_bytes(whole[: len(whole) // 2] if content is None else content)
    error = refused(capsys, *SMALL, "--epochs", "1", "--out", tmp_path, "--resume")
    assert "is damaged or no checkpoint" in error
    assert "delete it to train anew" in error


def test_half_a_checkpoint_beside_a_whole_one_does_no_harm(trained, tmp_path):
    whole = (trained / checkpoints.CHECKPOINT).read_bytes()
    (tmp_path / checkpoints.CHECKPOINT).write_bytes(whole)
    (tmp_path / f"{checkpoints.CHECKPOINT}.part").write_bytes(whole[:1000])
    assert command_line.main(["train", *SMALL, "--epochs", "1", "--out", str(tmp_path), "--resume"]) == 0


def test_a_folder_that_cannot_be_used_is_told(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        assert "cannot be used" in refused(capsys, *SMALL, "--out", place)


def test_a_full_disk_is_told_before_work_is_spent(tmp_path):
    small_files = "ulimit -f 195"  # blocks of 512 bytes: just below 100,000
    status, out, error = outcome(train("--epochs", "1", "--out", tmp_path, shell=small_files))
    assert status == 1
    assert "epoch 1" not in out
    assert "cannot be written" in error
    assert "mend that and add --resume" in error
    assert "Traceback" not in error


def test_ctrl_c_says_how_to_go_on(tmp_path):
    # What runs these tests may ignore Ctrl-C, as a background job does, and the process would inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = train("--epochs", "500", "--out", tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    wait_for_epochs(tmp_path, process, 3)
    process.send_signal(signal.SIGINT)
    status, _, error = outcome(process)
    assert status == 130
    assert f"--out {tmp_path} --resume" in error
    assert "Traceback" not in error


def test_help_names_every_model(capsys):
    with pytest.raises(SystemExit):
        command_line.main(["train", "--help"])
    shown = capsys.readouterr().out
    assert all(name in shown for name in [*models.BUILDERS, *recipes.RECIPES, *recipes.SPLITS])


def test_a_recorded_training_is_repeated_from_its_record(trained, tmp_path, capsys):
    folder = trained
    record = folder / checkpoints.RECORD
    assert command_line.main(["repeat", str(record)]) == 0
    assert "--row 1   resnet_v1-8-" in capsys.readouterr().out
    assert command_line.main(["repeat", str(record), "--row", "1", "--out", str(tmp_path / "again")]) == 0
    old, new = (runs.read_run(path)["rows"][0] for path in (record, tmp_path / "again" / checkpoints.RECORD))
    assert new["loss"] == pytest.approx(old["loss"], rel=1e-2)
    assert f"Recorded: loss {old['test_loss']:.4f}" in capsys.readouterr().out


def test_a_note_about_a_recorded_training_is_told(capsys):
    assert command_line.main(["repeat", "cifar10_paper_warm"]) == 0
    listed = capsys.readouterr().out.splitlines()[1:]
    rows = runs.load_run("cifar10_paper_warm")["rows"]
    assert all(line.endswith(f"({row['note']})") for line, row in zip(listed, rows, strict=True))


def test_trainings_of_one_title_are_told_apart(capsys):
    assert command_line.main(["repeat", "digits_rates"]) == 0
    listed = [
        line.split(": test accuracy")[0].split(maxsplit=2)[2] for line in capsys.readouterr().out.splitlines()[1:]
    ]
    assert len(set(listed)) == len(listed) == 45
    assert "learning_rate=0.003" in listed[3] and "warm_up=" in listed[-1]


def test_a_variable_without_a_number_is_told():
    environment = os.environ | {"RESNET_EDU_VIRTUAL_DEVICES": "two"}
    command = [sys.executable, "-m", "resnet_edu", "train", "--data", "digits"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    told = "error: RESNET_EDU_VIRTUAL_DEVICES=two must be a whole number of at least 1\n"
    assert (ended.returncode, ended.stderr) == (1, told)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "no recorded run is called 'nothing'; there are"),
        (["nothing.json"], "nothing.json cannot be read (No such file or directory)"),
        (["cifar10_short", "--row", "9"], "--row 9 is not there; cifar10_short has the rows 1 to 8"),
        (["digits_causal", "--row", "1"], "it was made by: python tools/record_digits.py digits_causal"),
    ],
)
def test_what_cannot_be_repeated_is_told(arguments, message, capsys):
    assert command_line.main(["repeat", *arguments]) == 1
    assert message in capsys.readouterr().err


HEAD = '{"what": "w", "command": "c", "versions": {"device": "d"}, '


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no JSON", "is no record"),
        ("[]", "is no record (it has no rows)"),
        ('{"rows": null}', "is no record (it has no rows)"),
        ('{"rows": [1]}', "is no record (it has no rows)"),
        ('{"rows": []}', "is no record (it has no what)"),
        ('{"what": "w", "command": "c", "versions": {}, "rows": []}', "is no record (it has no device)"),
        (HEAD + '"rows": [{"recipe": {}, "loss": []}]}', "is no record (it has no test_loss)"),
        (HEAD + '"rows": [{"recipe": {}}]}', "is no record (it has no loss)"),
        (HEAD + '"rows": [{"loss": []}]}', "is no record (it has no seed)"),
        (
            HEAD + '"rows": [{"recipe": {}, "loss": null, "test_loss": 1, "test_accuracy": 1}]}',
            "is no record (it has no loss)",
        ),
        (HEAD + '"rows": [{"recipe": {}, "loss": [], "test_loss": 1, "test_accuracy": 1}]}', "no plan"),
    ],
)
def test_a_file_that_is_no_record_is_told(content, message, tmp_path, capsys):
    (tmp_path / "record.json").write_text(content, encoding="utf-8")
    assert command_line.main(["repeat", str(tmp_path / "record.json"), "--row", "1"]) == 1
    assert message in capsys.readouterr().err
