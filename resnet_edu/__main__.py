"""The command line: `python -m resnet_edu data`."""

import argparse
import sys

from resnet_edu import data, download


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
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except data.DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


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
