"""``import``: public data sets into a folder of studies."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import get_args

from lib.datasets import read_aasce, read_hand, read_isbi2015, read_observers
from lib.datasets.isbi2015 import Reader
from lib.evaluation.wording import count
from lib.landmarks import LandmarkSet
from monailabel_app.cli.common import UsageError, stated_spacing
from monailabel_app.cli.store import store_studies
from monailabel_app.cli.store_readings import store_readings

READERS = get_args(Reader)


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "import",
        help="turn a public data set into a folder of studies",
        description="Copy the radiographs of a public data set into a folder of studies, with labels and provenance.",
    )
    parser.add_argument(
        "dataset",
        choices=("isbi2015", "aasce", "hand", "observers"),
        help="cephalograms, spines or hands, in the layout they are published in; observers: the eleven readers of "
        "isbi2015, as readings of the cephalograms that are in STUDIES already",
    )
    parser.add_argument("source", type=Path, metavar="SOURCE", help="folder of the data set")
    parser.add_argument("studies", type=Path, metavar="STUDIES", help="folder of studies, made if needed")
    parser.add_argument(
        "--reader", choices=READERS, default="mean", help="isbi2015: whose landmarks (default: %(default)s)"
    )
    parser.add_argument(
        "--pixel-spacing",
        type=float,
        default=0.1,
        metavar="MM",
        help="isbi2015: size of a pixel (default: %(default)s, as published)",
    )
    parser.add_argument("--images", metavar="FIRST-LAST", help="isbi2015: only these, such as 1-150")
    parser.add_argument(
        "--keep-suspect", action="store_true", help="aasce: also import annotations whose vertebrae are out of order"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Import, and say how many."""
    stated_spacing(options.pixel_spacing)
    if options.dataset == "observers":
        return _import_readings(options)
    if options.dataset == "isbi2015":
        landmark_set, studies = "cephalometric_19", read_isbi2015(options.source, options.reader, options.pixel_spacing)
        if options.images:
            studies = (study for study in studies if _within(study.name, options.images))
    elif options.dataset == "aasce":
        landmark_set, studies = "spine_68", read_aasce(options.source, skip_suspect=not options.keep_suspect)
    else:
        landmark_set, studies = "hand_37", read_hand(options.source)
    stored, refused = store_studies(studies, options.studies, LandmarkSet.load(landmark_set))
    for sentence in refused:
        sys.stderr.write(f"farnet import: {sentence}\n")
    print(f"{stored} labelled radiographs in {options.studies}")
    return 2 if refused else 0


def _import_readings(options: argparse.Namespace) -> int:
    done = store_readings(read_observers(options.source), options.studies, LandmarkSet.load("cephalometric_19"))
    for sentence in done.refused:
        sys.stderr.write(f"farnet import: {sentence}\n")
    kept = f"; {done.there} were there already" if done.there else ""
    print(f"{done.stored} readings by {len(done.annotators)} annotators in {options.studies}{kept}")
    if done.absent:
        print(f"passed over: {count(len(done.absent), 'radiograph')} not among the studies")
    return 2 if done.refused else 0


def _within(name: str, numbers: str) -> bool:
    first, separator, last = numbers.partition("-")
    if not (first.isdecimal() and (last.isdecimal() or not separator)):
        raise UsageError(f"'--images {numbers}' is not of the form FIRST-LAST, such as 1-150.")
    number = name.rpartition("_")[2]
    return number.isdecimal() and int(first) <= int(number) <= int(last or first)
