"""``evaluate``: how far predictions lie from the labels of a folder of studies."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from lib.checkpoints import ModelCard
from lib.configs import TaskConfig
from lib.evaluation import Report, mean_radial_error, millimetres, save_overlay
from lib.formats import json_text, write_atomic
from lib.landmarks import Landmarks
from lib.radiographs import PixelSpacing, read_radiograph
from lib.trainers.memory import keep_freed_memory
from lib.trainers.split import Split, SplitFile, gather_cases
from monailabel_app.cli.common import UsageError, add_model_arguments, chosen_model, existing_studies, number_text
from monailabel_app.datastores import StudiesFolder

Case = tuple[str, Landmarks, Landmarks, PixelSpacing]
OVERLAYS = 8
"""Pictures of the worst images."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "evaluate",
        help="measure a model on labelled radiographs",
        description="Compare a model with the labels of a folder: report.json, errors.csv, pictures of the worst.",
    )
    parser.add_argument("--studies", required=True, metavar="DIR", help="folder of labelled radiographs")
    add_model_arguments(parser)
    parser.add_argument(
        "--output", required=True, type=Path, metavar="DIR", help="folder for the report, made if needed"
    )
    parser.add_argument(
        "--images",
        type=Path,
        metavar="FILE",
        help="text file with the ids to evaluate, one a line (default: all that have labels)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Predict, compare, write the report, and say the main figures."""
    keep_freed_memory()
    config = chosen_model(options)
    studies = existing_studies(options, config)
    ids = _ids(options.images, studies, config)
    task = config.infer_task()
    task.card()
    cases: list[Case] = []
    for image_id in tqdm(ids, desc="evaluating", unit="image"):
        truth = studies.landmarks(image_id).ordered(config.landmark_set.names)
        found = task.predict(studies.get_image_uri(image_id), options.device)
        spacing = millimetres(truth, config.landmark_set, studies.pixel_spacing(image_id))
        cases.append((image_id, found.landmarks, truth, spacing))
    report = Report.build(cases)
    options.output.mkdir(parents=True, exist_ok=True)
    learnt = _learnt_from(ids, studies, task.card())
    content = {
        "model": config.name,
        "version": task.card().version,
        **report.as_dict(),
        "split": _split(cases, learnt, SplitFile(studies.folder).read()),
    }
    write_atomic(options.output / "report.json", json_text(content))
    report.write_errors_csv(options.output / "errors.csv")
    _draw_worst(report, studies, config, options.output)
    rate = content["sdr"]["2.0"]
    print(f"{content['images']} radiographs, {content['landmarks']} landmarks")
    print(
        f"mean radial error {number_text(content['mre_px'])} px, {number_text(content['mre_mm'])} mm; "
        f"within 2 mm: {number_text(rate and 100 * rate, 1, ' %')}"
    )
    print(_told(learnt, content["split"]["not_learnt_from"]))
    print(f"report: {options.output / 'report.json'}")
    return 0


def _learnt_from(ids: Sequence[str], studies: StudiesFolder, card: ModelCard) -> set[str] | None:
    """The images whose very pixels the model has learnt from; None where its file does not say from which."""
    if card.data is None:
        return None
    known = set(card.data.train)
    return {case.image for case in gather_cases(studies, ids, progress=True) if case.fingerprint.exact in known}


def _split(cases: Sequence[Case], learnt: set[str] | None, split: Split) -> dict[str, Any]:
    """Which images the model knows, what the folder's own split says of them, and the figures on the others."""
    others = None if learnt is None else Report.build(case for case in cases if case[0] not in learnt).as_dict()
    return {
        **split.summary(case[0] for case in cases),
        "learnt_from": None if learnt is None else sorted(learnt),
        "not_learnt_from": others and {key: others[key] for key in ("images", "mre_px", "mre_mm", "sdr")},
    }


def _told(learnt: set[str] | None, others: dict[str, Any] | None) -> str:
    if learnt is None or others is None:
        return "the model's file does not say which radiographs it has learnt from"
    if not learnt:
        return "the model has learnt from none of these radiographs"
    return (
        f"the model has learnt from {len(learnt)} of these radiographs; on the {others['images']} others: "
        f"mean radial error {number_text(others['mre_px'])} px, {number_text(others['mre_mm'])} mm"
    )


def _ids(file: Path | None, studies: StudiesFolder, config: TaskConfig) -> list[str]:
    labelled = sorted(
        image_id
        for image_id in studies.get_labeled_images()
        if studies.get_label_info(image_id, "final").get("landmark_set", config.landmark_set.name)
        == config.landmark_set.name
    )
    if file is not None:
        wanted = file.read_text(encoding="utf-8").split()
        unknown = [image_id for image_id in wanted if image_id not in set(labelled)]
        if unknown:
            raise UsageError(
                f"{file} names '{unknown[0]}', which has no '{config.landmark_set.name}' label in the studies."
            )
        labelled = wanted
    if not labelled:
        raise UsageError(
            f"no radiograph in {studies.name()} has a '{config.landmark_set.name}' label: import or submit some."
        )
    return labelled


def _draw_worst(report: Report, studies: StudiesFolder, config: TaskConfig, output: Path) -> None:
    ranked = sorted(report.images, key=lambda image: -mean_radial_error(image.px))
    for rank, image in enumerate(ranked[:OVERLAYS], start=1):
        pixels = read_radiograph(studies.get_image_uri(image.image)).pixels
        path = output / f"worst_{rank:02d}_{image.image}.jpg"
        title = f"{image.image}: {mean_radial_error(image.px):.1f} px"
        save_overlay(path, pixels, image.predicted, config.landmark_set, truth=image.truth, title=title)
