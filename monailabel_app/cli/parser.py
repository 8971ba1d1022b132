"""``python main.py COMMAND``: which commands there are, and how errors become one sentence and exit code 2."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from lib.checkpoints import ModelFileError, VersionError
from lib.configs import ConfigError
from lib.datasets import DatasetError
from lib.evaluation import RunRecordError
from lib.evaluation.paired import PairingError
from lib.evaluation.results import SettingError
from lib.formats import LabelError
from lib.infers import InferError
from lib.landmarks import LandmarksError, LandmarkSetError
from lib.networks import WeightsError
from lib.radiographs import RadiographError
from lib.trainers import OptionsError
from lib.trainers.landmarks import TrainingFailedError
from lib.trainers.lock import TrainingRunningError, TrainingStoppedError
from lib.trainers.samples import NotEnoughLabelsError
from lib.trainers.split import SplitError
from lib.trainers.training import DivergedError
from monailabel_app.cli import (
    calibrate,
    check,
    evaluate,
    import_,
    labels,
    models,
    next_,
    observers,
    phantoms,
    preannotate,
    predict,
    reproduce,
    runs,
    serve,
    split,
    train,
)
from monailabel_app.cli.common import UsageError
from monailabel_app.errors import ClientError

SENTENCES = (
    ClientError,
    ConfigError,
    DatasetError,
    DivergedError,
    InferError,
    LabelError,
    LandmarkSetError,
    LandmarksError,
    ModelFileError,
    NotEnoughLabelsError,
    OptionsError,
    PairingError,
    RadiographError,
    RunRecordError,
    SettingError,
    SplitError,
    TrainingFailedError,
    TrainingRunningError,
    TrainingStoppedError,
    UsageError,
    VersionError,
    WeightsError,
)
"""Errors whose message is the whole story for the person at the keyboard."""

EPILOG = """\
a first round, without any data of your own:
  python main.py phantoms cephalometric_19 studies --count 40
  python main.py train --studies studies --model farnet_ceph --preset lite --epochs 20
  python main.py predict studies/*.png --model farnet_ceph --output output
  python main.py evaluate --studies studies --model farnet_ceph --output output
  python main.py serve --studies studies --models farnet_ceph
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="main.py",
        description="FARNet: anatomical landmarks on 2D radiographs. For research; not a medical device.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log what happens")
    commands = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    for command in (
        *(serve, import_, phantoms, train, predict, evaluate, check, split, runs, labels, observers, models),
        *(next_, preannotate, calibrate, reproduce),
    ):
        command.add_parser(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, 2 for what the user can mend, 130 when interrupted."""
    options = build_parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.INFO if options.verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
        force=True,
    )
    try:
        code = options.run(options)
    except SENTENCES as error:
        sys.stderr.write(f"farnet {options.command}: {error}\n")
        return 2
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        sys.stderr.write(f"farnet {options.command}: {error.strerror or error}: {error.filename or ''}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f"farnet {options.command}: interrupted\n")
        return 130
    return int(code or 0)
