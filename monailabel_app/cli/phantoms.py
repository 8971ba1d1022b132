"""``phantoms``: labelled synthetic radiographs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from lib.datasets import Study
from lib.datasets.phantoms import make_phantom, phantom_studies, write_dicom_dx
from lib.landmarks import LandmarkSet
from monailabel_app.cli.store import store_studies

KINDS = ("cephalometric_19", "hand_37", "spine_68")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "phantoms",
        help="make labelled synthetic radiographs",
        description="Make synthetic radiographs into a folder of studies. The same seed makes the same pictures.",
    )
    parser.add_argument("kind", choices=KINDS, help="anatomy, by its landmark set")
    parser.add_argument("studies", type=Path, metavar="STUDIES", help="folder of studies, made if needed")
    parser.add_argument("--count", type=int, default=20, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the first; the others count on (default: %(default)s)")
    parser.add_argument(
        "--unlabelled", type=int, default=0, metavar="N", help="leave the last N without a label, to annotate them"
    )
    parser.add_argument("--format", choices=("png", "dicom"), default="png", help="default: %(default)s")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Draw and store."""
    with TemporaryDirectory(prefix="farnet-phantoms-") as scratch:
        studies = (
            _dicom(options, Path(scratch))
            if options.format == "dicom"
            else phantom_studies(options.kind, options.count, options.seed)
        )
        studies = _partly_labelled(studies, options.count - options.unlabelled)
        count, _ = store_studies(studies, options.studies, LandmarkSet.load(options.kind))
    print(f"{count} synthetic radiographs in {options.studies}, {max(0, count - options.unlabelled)} of them labelled")
    return 0


def _partly_labelled(studies: Iterator[Study], labelled: int) -> Iterator[Study]:
    for index, study in enumerate(studies):
        yield study if index < labelled else replace(study, landmarks=None)


def _dicom(options: argparse.Namespace, scratch: Path) -> Iterator[Study]:
    """DICOM files say their pixel spacing themselves."""
    for seed in range(options.seed, options.seed + options.count):
        phantom = make_phantom(options.kind, seed, bits=12)
        path = scratch / f"{options.kind}_{seed:04d}.dcm"
        write_dicom_dx(path, phantom)
        source = {"dataset": "phantom", "kind": options.kind, "seed": seed}
        yield Study(path, path.stem, phantom.landmarks, None, source)
