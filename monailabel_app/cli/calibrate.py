"""``calibrate``: what a model's confidence is worth on your radiographs."""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from pathlib import Path

from tqdm import tqdm

from lib.checkpoints import Trained, load_trained, with_trust
from lib.confidence import Trust
from lib.configs import TaskConfig
from lib.formats import write_atomic
from lib.networks import choose_device
from lib.trainers.calibrate import calibrated, examined, shape_of, unseen_images
from lib.trainers.data import file_to_input
from lib.trainers.memory import keep_freed_memory
from lib.trainers.samples import labelled_samples
from lib.trainers.split import SplitFile, extended, gather_cases
from monailabel_app.cli.common import UsageError, add_model_arguments, chosen_model, existing_studies
from monailabel_app.datastores import StudiesFolder


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "calibrate",
        help="measure what a model's confidence is worth",
        description="Compare the model in use with the labels of radiographs that it has not learnt from, and publish "
        "it again with what that tells: a radius for each landmark within which nine of ten lie, and which ones to "
        "check. A training does the same on what it holds out; this is for models from elsewhere, and for new labels.",
    )
    parser.add_argument("studies", metavar="STUDIES", help="folder of labelled radiographs, or DICOMweb server")
    add_model_arguments(parser)
    parser.add_argument(
        "--none-learnt",
        action="store_true",
        help="the model has learnt from none of these, where its file does not say from which it has",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Calibrate, publish, and say what came out."""
    keep_freed_memory()
    config = chosen_model(options)
    studies = existing_studies(options, config)
    task = config.infer_task()
    card, path = task.card(), config.current
    assert path is not None  # noqa: S101 - for the type checker: its card has just been read
    if not card.names_all_learnt and not options.none_learnt:
        raise UsageError(
            f"The file of {card.model} {card.version} does not say which radiographs it has learnt from: errors on "
            "these would be too small. If none of yours is among them, say --none-learnt."
        )
    with tempfile.TemporaryDirectory(prefix="farnet-calibrated-") as folder:
        examined_file = Path(folder) / "examined.pt"
        shutil.copyfile(path, examined_file)  # whatever is published meanwhile, the promise is for these weights
        trained = load_trained(examined_file)
        trust = _calibrated(options, config, studies, trained)
        if task.card() != trained.card:
            raise UsageError(f"{config.name} has got another version meanwhile: calibrate that one.")
        file = Path(folder) / "calibrated.pt"
        name = re.sub(r"_calibrated(-\d+)?$", "", trained.card.version)
        write_atomic(file, with_trust(examined_file, trust, f"{name}_calibrated"))
        version = config.versions.publish(file, trust.note)
    print(trust.note)
    print(f"{config.name} {version.version} is in use; 'models rollback' brings {trained.card.version} back")
    return 0


def _calibrated(options: argparse.Namespace, config: TaskConfig, studies: StudiesFolder, trained: Trained) -> Trust:
    """What the model is worth on images of patients that it has not learnt from.

    Raises:
        UsageError: too few of them.
    """
    card = trained.card
    samples = labelled_samples(studies, config.landmark_set)
    cases = gather_cases(studies, [sample["id"] for sample in samples], progress=True)
    split = extended(SplitFile(studies.folder).read(), cases, share=0.2)  # for its groups of patients; it is not kept
    groups = {case.image: split.group(case.image) for case in cases}
    unseen = unseen_images(card, {case.image: case.fingerprint.exact for case in cases}, groups)
    read = file_to_input(card)
    decoded = (read(sample) for sample in samples if sample["id"] in unseen)
    trust = trained.trust
    if trust.shape is None:  # a file from before there were shapes; those of unseen labels look too good, so last
        learnt_from = [sample["label"] for sample in samples if sample["id"] not in unseen]
        trust = shape_of(learnt_from or [sample["label"] for sample in samples])
    looked_at = tqdm(decoded, total=len(unseen), desc="looking", unit="image")
    network = trained.network.fused().to(choose_device(options.device))
    trust = calibrated(trust, examined(network, card, trust, looked_at, groups))
    if trust.calibration is None:
        raise UsageError(trust.note)
    return trust
