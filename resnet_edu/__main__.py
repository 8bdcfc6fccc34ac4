"""The command line: `python -m resnet_edu data`, `train` and `repeat`."""

import argparse
import sys

from resnet_edu import data, download, recipes
from resnet_edu.checkpoints import TrainingError


def main(arguments=None):
    """Run one command; return the exit status: 0 where all is well, 1 with a message if not, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m resnet_edu", description="The course's command line.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    data_command = commands.add_parser(
        "data",
        help="say which data are here, or download CIFAR-10",
        description="Say which data were found, where, and whether they are intact.",
    )
    data_command.add_argument("--path", help="look here only: a folder or an archive")
    data_command.add_argument(
        "--download", action="store_true", help="download CIFAR-10 (170 MB) if it is not here"
    )
    data_command.set_defaults(run=run_data)
    _add_train_command(commands)
    _add_repeat_command(commands)
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except (data.DataError, TrainingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _add_train_command(commands):
    command = commands.add_parser(
        "train",
        help="train a network by a recipe",
        description="Train a network on CIFAR-10, or on the digits, and test it once, at the end.",
    )
    add = command.add_argument
    add("--model", default="resnet_v1", help="plain_net, resnet_v1 (the default), resnet_v2, highway_net")
    add("--depth", type=int, default=20, help="6n+2, or 9n+2 for resnet_v2; 20 by default")
    add("--variant", help="article or paper; by default the recipe's")
    add("--recipe", default="quick", help=f"{', '.join(recipes.RECIPES)}; quick by default")
    add("--set", action="append", default=[], metavar="FIELD=VALUE", help="change the recipe, such as shift=0")
    add("--epochs", type=int, help="train for so long; the drops of the rate move along")
    add("--split", help="; ".join(f"{name}: {text}" for name, text in recipes.SPLITS.items()))
    add("--seed", type=int, default=0, help="decides kernels, order and augmentation; 0 by default")
    add("--precision", default="float32", help="float32 (the default) or mixed_bfloat16")
    add("--data", help="where CIFAR-10 is, or the word digits; by default CIFAR-10 is looked for")
    add("--out", help="folder for checkpoint, record and weights; trainings/... by default")
    add("--norms", action="store_true", help="measure gradient norms before the training and after some epochs")
    _add_common_options(command)
    command.set_defaults(run=_run_train)


def _add_repeat_command(commands):
    command = commands.add_parser(
        "repeat",
        help="do a recorded training again",
        description="Do a recorded training again, from nothing but its record, and compare the outcome.",
    )
    add = command.add_argument
    add("record", metavar="RUN", help="the name of a recorded run, such as cifar10_short, or a file: record.json")
    add("--row", type=int, help="which of its trainings, counted from 1; without it they are listed")
    add("--data", help="where CIFAR-10 is; by default it is looked for")
    add("--out", help="folder for checkpoint, record and weights; trainings/repeated-... by default")
    _add_common_options(command)
    command.set_defaults(run=_run_repeat)


def _add_common_options(command):
    add = command.add_argument
    add("--devices", type=int, default=1, help="how many GPUs, or CPUs, share each batch; 1 by default")
    add("--resume", action="store_true", help="go on from the folder's checkpoint, if it has one")
    add("--deterministic", action="store_true", help="make equal trainings equal bit for bit; slower on a GPU")


def _run_repeat(options):
    return _train_command().run_repeat(options)


def _run_train(options):
    return _train_command().run_train(options)


def _train_command():
    try:
        from resnet_edu import train_command  # noqa: PLC0415, Keras takes seconds, and `data` does without
    except ValueError as error:  # a variable that says how many devices, with no number
        raise TrainingError(str(error)) from error
    return train_command


def run_data(options):
    """Describe the data, after downloading them where that was asked for and they are not here."""
    if options.download and not _is_here(options.path):
        try:
            download.download_cifar10()
        except KeyboardInterrupt:
            print(f"Stopped. What has arrived is kept; to continue: {data.DOWNLOAD_COMMAND}", file=sys.stderr)
            return 130
    text, intact = data.describe_data(options.path)
    print(text)
    return 0 if intact else 1


def _is_here(path):
    """Say whether there is CIFAR-10, damaged or not; raise DataError when `path` names a place without it."""
    try:
        return data.find_cifar10(path) is not None
    except data.DataNotFound:
        if path is not None:
            raise
        return False  # $RESNET_EDU_DATA names an empty place, which is where a download goes


if __name__ == "__main__":
    sys.exit(main())
