"""``labels``: submitted labels out of the studies into files, and back."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pydicom
from tqdm import tqdm

from lib.formats import json_text, markups_document, write_atomic
from lib.formats.pixel_labels import pixel_label_document
from lib.formats.read_report import parse_report, report_landmarks
from lib.formats.structured_report import report_dataset
from lib.landmarks import LandmarkSet
from monailabel_app.cli.common import UsageError, add_model_arguments, chosen_model, existing_studies
from monailabel_app.datastores import StudiesFolder
from monailabel_app.datastores.dicomweb import DicomwebStudies
from monailabel_app.datastores.rules import FINAL
from monailabel_app.errors import ClientError, client_errors

FORMATS = {"markups": ".mrk.json", "pixels": ".json", "sr": ".dcm"}

EPILOG = """\
from a DICOM server into a folder, and from the folder into another server:
  python main.py labels export --studies http://localhost:8042/dicom-web --model farnet_ceph --output labels --format sr
  python main.py labels import labels --studies http://other:8042/dicom-web --model farnet_ceph
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "labels",
        help="submitted labels into files, and back: Slicer markups, JSON in pixels, DICOM SR",
        description="Export the submitted labels of a folder of studies or a DICOMweb server, or import such files.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    leaving = actions.add_parser("export", help="one file for each labelled radiograph, named by its id")
    leaving.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder for the files")
    leaving.add_argument(
        "--format", choices=FORMATS, default="markups", help="3D Slicer markups, JSON in pixels, DICOM SR (%(default)s)"
    )
    entering = actions.add_parser("import", help="files named by the radiograph's id; a DICOM SR names its radiograph")
    entering.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a file, or a folder of them")
    entering.add_argument(
        "--annotator", metavar="NAME", help="keep them as this person's readings; labels that are submitted stay"
    )
    entering.add_argument(
        "--reading", type=int, default=1, metavar="N", help="2 for a second, independent one (default: %(default)s)"
    )
    for action in (leaving, entering):
        action.add_argument("--studies", required=True, metavar="DIR|URL", help="folder, or DICOMweb server")
        add_model_arguments(action)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Export or import; a label that cannot be used costs a sentence and exit code 2 at the end, not the others."""
    config = chosen_model(options)
    studies = existing_studies(options, config)
    if options.action == "export":
        return _export(studies, config.landmark_set, options.output, options.format)
    if options.reading != 1 and not options.annotator:
        raise UsageError("--reading goes with --annotator.")
    whose = {"annotator": options.annotator, "reading": options.reading} if options.annotator else {}
    return _import(studies, config.landmark_set, _files(options.files), whose)


def _export(studies: StudiesFolder, landmark_set: LandmarkSet, output: Path, form: str) -> int:
    output.mkdir(parents=True, exist_ok=True)
    done, refused = 0, 0
    for image_id in tqdm(studies.get_labeled_images(), desc="exporting", unit="label"):
        if studies.get_label_info(image_id, FINAL).get("landmark_set") != landmark_set.name:
            continue
        try:
            with client_errors():
                write_atomic(output / f"{image_id}{FORMATS[form]}", _content(studies, image_id, landmark_set, form))
            done += 1
        except ClientError as error:
            tqdm.write(f"farnet labels: {image_id}: {error}", file=sys.stderr)
            refused += 1
    print(f"{done} labels exported into {output}")
    return 2 if refused else 0


def _content(studies: StudiesFolder, image_id: str, landmark_set: LandmarkSet, form: str) -> bytes | str:
    landmarks = studies.landmarks(image_id)
    if form == "pixels":
        return json_text(pixel_label_document(landmarks))
    header = studies.header(image_id)
    if form == "markups":
        document = markups_document(landmarks, header.geometry, title=landmark_set.title, landmark_set=landmark_set)
        return json_text(document)
    if header.format != "DICOM":
        raise ClientError(f"a DICOM SR needs a DICOM image, and this one is {header.format}.")
    info = studies.get_label_info(image_id, FINAL)
    person = str(info.get("user") or info.get("client_id") or "")
    report = report_dataset(
        landmarks, landmark_set, pydicom.dcmread(header.path, stop_before_pixels=True), person=person
    )
    with tempfile.SpooledTemporaryFile() as file:
        pydicom.dcmwrite(file, report, write_like_original=False)
        file.seek(0)
        return file.read()


def _import(studies: StudiesFolder, landmark_set: LandmarkSet, files: list[Path], whose: dict[str, Any]) -> int:
    done, refused = 0, 0
    with tempfile.TemporaryDirectory(prefix="farnet-labels-") as scratch:
        for path in tqdm(files, desc="importing", unit="label"):
            try:
                with client_errors():
                    for image_id, label, person in _labels(studies, landmark_set, path, Path(scratch) / "label.json"):
                        info = {**({"client_id": person} if person else {}), **whose}
                        if whose:
                            studies.save_reading(image_id, label, info)
                        else:
                            studies.save_label(image_id, label, FINAL, info)
                        done += 1
            except (ClientError, pydicom.errors.InvalidDicomError) as error:
                tqdm.write(f"farnet labels: {path.name}: {error}", file=sys.stderr)
                refused += 1
    print(f"{done} labels imported")
    return 2 if refused else 0


def _labels(
    studies: StudiesFolder, landmark_set: LandmarkSet, path: Path, scratch: Path
) -> Iterator[tuple[str, Path, str]]:
    """Image id, label file and person of each label in a file."""
    if path.suffix != ".dcm":
        name = path.name.removesuffix(".json").removesuffix(".mrk")
        yield _image_of(studies, name) or name, path, ""
        return
    report = parse_report(pydicom.dcmread(path))
    if report.by_machine:
        raise ClientError("no person is named as the report's observer, and what a machine has found is no label.")
    about = dict.fromkeys(point.image for point in report.points) if report.points else {}
    known = {uid: image_id for uid in about if (image_id := _image_of(studies, uid)) is not None}
    if not known:
        raise ClientError("the radiograph that the report is about is not among the studies.")
    for image_id in known.values():
        image = pydicom.dcmread(studies.get_image_uri(image_id), stop_before_pixels=True)
        document = pixel_label_document(report_landmarks(report, landmark_set, image))
        write_atomic(scratch, json_text(document))
        yield image_id, scratch, report.person


def _image_of(studies: StudiesFolder, uid: str) -> str | None:
    """The id of the radiograph with a SOP instance UID; on a DICOMweb server it is the UID."""
    if isinstance(studies, DicomwebStudies) or studies.has_image(uid):
        return uid if studies.has_image(uid) else None
    return _folder_uids(studies).get(uid)


@lru_cache(maxsize=1)
def _folder_uids(studies: StudiesFolder) -> dict[str, str]:
    """The ids of a folder's DICOM files by SOP instance UID."""
    uids = {}
    for image_id in studies.list_images():
        path = Path(studies.get_image_uri(image_id))
        if path.suffix.lower() == ".dcm":
            uids[str(pydicom.dcmread(path, specific_tags=["SOPInstanceUID"]).get("SOPInstanceUID", ""))] = image_id
    return uids


def _files(paths: list[Path]) -> list[Path]:
    found = []
    for path in paths:
        inside = (
            sorted(file for file in path.rglob("*") if file.suffix in (".json", ".dcm")) if path.is_dir() else [path]
        )
        found += [file for file in inside if not file.name.startswith(".")]
    if not found or any(not file.is_file() for file in found):
        raise UsageError("there is no label file in what was given.")
    return found
