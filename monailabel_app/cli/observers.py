"""``observers``: how far annotators of the same radiographs are from each other, and from themselves."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from lib.configs import MODELS
from lib.evaluation import millimetres
from lib.evaluation.observer_report import write_observer_report
from lib.evaluation.observers import Observers, ReadImage
from lib.evaluation.run_report import REPORT_FILE
from lib.evaluation.wording import count
from lib.landmarks import LandmarkSet
from lib.landmarks.consensus import consensus
from monailabel_app.cli.common import UsageError, add_model_dir, chosen_model, number_text, opened_studies
from monailabel_app.datastores import StudiesFolder

SHOWN = 3
"""Findings that the terminal shows; the page has all."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "observers",
        help="report how far several annotators are from each other",
        description=(
            "Compare the readings of several annotators: report.html, report.json, differences.csv. Each two of them, "
            "each against the mean of the others, second readings, and who seems to mean another point by a name."
        ),
    )
    parser.add_argument("studies", metavar="STUDIES", help="folder, or DICOMweb server")
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("--model", metavar="NAME", help=f"readings of its landmark set; one of {', '.join(MODELS)}")
    whose.add_argument("--landmarks", metavar="SET", help="readings of a landmark set: a name or your own YAML file")
    add_model_dir(parser)
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder for the report")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compare, write the report, and say the main figures."""
    landmark_set = LandmarkSet.load(options.landmarks) if options.landmarks else chosen_model(options).landmark_set
    studies = opened_studies(options, {landmark_set.name: landmark_set})
    observers = Observers.of(_read_images(studies, landmark_set), landmark_set.names)
    if not observers.landmarks:
        raise UsageError(f"nobody has read a radiograph in {options.studies} with '{landmark_set.name}' landmarks.")
    content = write_observer_report(options.output, observers, landmark_set.title)
    people, unit = count(len(content["annotators"]), "annotator"), content["unit"]
    print(f"{people}, {count(content['images'], 'radiograph')}, {content['images_of_several']} read by several")
    print(
        f"mean radial difference: {_length(content['between'], unit)} between two annotators, "
        f"{_length(content['from_others'], unit)} from the mean of the others, "
        f"{_length(content['repeated'], unit)} between two readings of the same"
    )
    if content["other_definitions"]:
        print("probably another definition of a landmark:")
    for finding in content["other_definitions"][:SHOWN]:
        print(f"  {finding['words']}")
    if (more := len(content["other_definitions"]) - SHOWN) > 0:
        print(f"  and {more} more")
    print(f"report: {options.output / REPORT_FILE}")
    return 0


def _read_images(studies: StudiesFolder, landmark_set: LandmarkSet) -> Iterator[ReadImage]:
    for image_id in tqdm(studies.annotated(), desc="reading", unit="image"):
        readings = [item for item in studies.annotations(image_id) if item.landmark_set == landmark_set.name]
        if readings:
            together = consensus([item.landmarks.ordered(landmark_set.names) for item in readings], "mean")
            spacing = millimetres(together, landmark_set, studies.pixel_spacing(image_id))
            yield ReadImage(image_id, readings, spacing)


def _length(agreement: dict[str, Any], unit: str) -> str:
    return number_text(agreement["mean_radial"], 2, f" {unit}")
