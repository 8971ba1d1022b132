"""``preannotate``: predictions of all unlabelled radiographs, stored where viewers find them."""

from __future__ import annotations

import argparse
import sys

from tqdm import tqdm

from lib.trainers.memory import keep_freed_memory
from monailabel_app.cli.common import add_model_arguments, chosen_model, existing_studies
from monailabel_app.errors import ClientError
from monailabel_app.preannotation import store_prediction, without_prediction


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "preannotate",
        help="predict all unlabelled radiographs of a folder or PACS",
        description="Predict the radiographs that have no label yet and store the predictions as 'original' labels: "
        "Slicer and OHIF show them, nobody waits, and nothing trains on them until a person has submitted them. "
        "Interrupted, the same command goes on where it was.",
    )
    parser.add_argument("studies", metavar="STUDIES", help="folder, or address of a DICOMweb server")
    add_model_arguments(parser)
    parser.add_argument("--all", action="store_true", help="labelled radiographs too; their labels stay as they are")
    parser.add_argument("--redo", action="store_true", help="also where this version's prediction is stored already")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Predict every image; a bad one costs a sentence and exit code 2 at the end, not the others."""
    keep_freed_memory()
    config = chosen_model(options)
    studies = existing_studies(options, config)
    task = config.infer_task()
    version = task.card().version
    images = studies.list_images() if options.all else studies.get_unlabeled_images()
    left = images if options.redo else without_prediction(studies, images, config.name, version)
    bad = 0
    for image in tqdm(left, desc="predicting", unit="image"):
        try:
            store_prediction(studies, task, image, options.device)
        except ClientError as error:
            tqdm.write(f"farnet preannotate: {image}: {error}", file=sys.stderr)
            bad += 1
    there = len(images) - len(left)
    before = f", {there} had one already" if there else ""
    print(f"{len(left) - bad} radiographs have got a prediction of {config.name} {version}{before}")
    return 2 if bad else 0
