"""``predict``: landmarks of single files, without a server."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from lib.evaluation import save_overlay
from lib.formats import json_text, markups_document, result_document, write_atomic, write_csv
from lib.infers import LandmarkInferTask, Prediction
from lib.landmarks import Landmarks
from lib.radiographs import EXTENSIONS, PixelSpacing, RadiographError, read_radiograph
from lib.trainers.memory import keep_freed_memory
from monailabel_app.cli.common import UsageError, add_model_arguments, chosen_model, stated_spacing


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "predict",
        help="place the landmarks on radiographs",
        description="For each radiograph: a Slicer markups file, JSON and an overlay picture; for all: landmarks.csv.",
    )
    parser.add_argument(
        "images",
        nargs="+",
        type=Path,
        metavar="IMAGE",
        help="PNG, JPEG, BMP, TIFF, NIfTI or DICOM, or a folder of them",
    )
    add_model_arguments(parser)
    parser.add_argument(
        "--output", required=True, type=Path, metavar="DIR", help="folder for the results, made if needed"
    )
    parser.add_argument(
        "--pixel-spacing", type=float, metavar="MM", help="size of a pixel, where the file does not say or is wrong"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Predict every file; a bad one costs a sentence and exit code 2 at the end, not the others."""
    keep_freed_memory()
    task = chosen_model(options).infer_task()
    task.card()
    spacing = None if options.pixel_spacing is None else stated_spacing(options.pixel_spacing)
    options.output.mkdir(parents=True, exist_ok=True)
    names = _names(_files(options.images))
    rows: list[tuple[str, Landmarks, PixelSpacing]] = []
    bad = 0
    for path, name in tqdm(names.items(), desc="predicting", unit="image"):
        try:
            found = task.predict(path, options.device, spacing)
        except RadiographError as error:
            tqdm.write(f"farnet predict: {error}", file=sys.stderr)
            bad += 1
            continue
        _write(found, task, options.output / name)
        rows.append((name, found.landmarks, found.pixel_spacing))
    if rows:
        write_csv(options.output / "landmarks.csv", rows)
    print(f"{len(rows)} of {len(names)} radiographs predicted into {options.output}")
    return 2 if bad else 0


def _write(found: Prediction, task: LandmarkInferTask, stem: Path) -> None:
    title = f"{task.name} landmarks"
    document = markups_document(found.landmarks, found.header.geometry, title=title, landmark_set=task.landmark_set)
    version = found.card.version
    result = result_document(found.landmarks, found.header, found.pixel_spacing, task.name, version, found.trust)
    write_atomic(f"{stem}.mrk.json", json_text(document))
    write_atomic(f"{stem}.json", json_text(result))
    pixels = read_radiograph(found.header.path).pixels
    save_overlay(Path(f"{stem}.overlay.jpg"), pixels, found.landmarks, task.landmark_set, title=stem.name)


def _files(paths: list[Path]) -> list[Path]:
    """The files themselves, and the radiographs in the folders among them."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(
                file for file in path.rglob("*") if file.name.lower().endswith(EXTENSIONS) and file.is_file()
            )
        else:
            files.append(path)
    if not files:
        raise UsageError("there is no radiograph in what was given.")
    return list(dict.fromkeys(files))


def _names(files: list[Path]) -> dict[Path, str]:
    """A name of its own for each file's results: without extension, unless that is taken."""
    names: dict[Path, str] = {}
    for file in files:
        extension = next((known for known in EXTENSIONS if file.name.lower().endswith(known)), "")
        name = file.name[: len(file.name) - len(extension)]
        for candidate in (
            name,
            file.name,
            f"{file.parent.name}_{file.name}",
            *(f"{name}_{count}" for count in range(2, len(files) + 2)),
        ):
            if candidate not in names.values():
                names[file] = candidate
                break
    return names
