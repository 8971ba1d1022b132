"""``phantoms``: labelled synthetic radiographs."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pydicom
from tqdm import tqdm

from lib.datasets import Study
from lib.datasets.phantoms import make_phantom, phantom_patient, phantom_studies, write_dicom_dx
from lib.landmarks import LandmarkSet
from monailabel_app.cli.store import store_studies
from monailabel_app.datastores.opening import check_studies, is_address
from monailabel_app.datastores.pacs import Pacs

KINDS = ("cephalometric_19", "hand_37", "spine_68")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "phantoms",
        help="make labelled synthetic radiographs",
        description="Make synthetic radiographs into a folder of studies, or onto a DICOMweb server. "
        "The same seed makes the same pictures.",
    )
    parser.add_argument("kind", choices=KINDS, help="anatomy, by its landmark set")
    parser.add_argument(
        "studies",
        metavar="STUDIES",
        help="folder of studies, made if needed, or address of a DICOMweb server, which gets DICOM without labels",
    )
    parser.add_argument("--count", type=int, default=20, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of the first; the others count on (default: %(default)s)")
    parser.add_argument(
        "--unlabelled", type=int, default=0, metavar="N", help="leave the last N without a label, to annotate them"
    )
    parser.add_argument("--format", choices=("png", "dicom"), default="png", help="default: %(default)s")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Draw and store."""
    if is_address(options.studies):
        return _send(options)
    with TemporaryDirectory(prefix="farnet-phantoms-") as scratch:
        studies = (
            _dicom(options.kind, range(options.seed, options.seed + options.count), Path(scratch))
            if options.format == "dicom"
            else phantom_studies(options.kind, options.count, options.seed)
        )
        studies = _partly_labelled(studies, options.count - options.unlabelled)
        count, _ = store_studies(studies, Path(options.studies), LandmarkSet.load(options.kind))
    print(f"{count} synthetic radiographs in {options.studies}, {max(0, count - options.unlabelled)} of them labelled")
    return 0


def _send(options: argparse.Namespace) -> int:
    """Store on a DICOMweb server what it does not have yet."""
    check_studies(options.studies, {})
    pacs = Pacs(options.studies)
    seeds = range(options.seed, options.seed + options.count)
    missing = [seed for seed in seeds if not pacs.series("DX", {"PatientID": phantom_patient(options.kind, seed)})]
    with TemporaryDirectory(prefix="farnet-phantoms-") as scratch:
        for study in tqdm(_dicom(options.kind, missing, Path(scratch)), "storing", len(missing), unit="image"):
            pacs.store(pydicom.dcmread(study.image))
    print(f"{len(missing)} synthetic radiographs sent to {pacs.url}, {len(seeds) - len(missing)} were there")
    return 0


def _partly_labelled(studies: Iterator[Study], labelled: int) -> Iterator[Study]:
    for index, study in enumerate(studies):
        yield study if index < labelled else replace(study, landmarks=None)


def _dicom(kind: str, seeds: Iterable[int], scratch: Path) -> Iterator[Study]:
    """DICOM files say their pixel spacing themselves."""
    for seed in seeds:
        phantom = make_phantom(kind, seed, bits=12)
        path = scratch / f"{kind}_{seed:04d}.dcm"
        write_dicom_dx(path, phantom)
        source = {"dataset": "phantom", "kind": kind, "seed": seed}
        yield Study(path, path.stem, phantom.landmarks, None, source)
