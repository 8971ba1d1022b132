"""``calibrate``: what a model's confidence is worth on your radiographs."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tqdm import tqdm

from lib.checkpoints import ModelCard, with_trust
from lib.formats import write_atomic
from lib.networks import choose_device
from lib.trainers.calibrate import calibrated, examined, shape_of
from lib.trainers.data import file_to_input
from lib.trainers.memory import keep_freed_memory
from lib.trainers.samples import labelled_samples
from lib.trainers.split import SplitFile, extended, gather_cases
from monailabel_app.cli.common import UsageError, add_model_arguments, chosen_model, existing_studies


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
    trained, path = task.in_use(choose_device(options.device)), config.current
    assert path is not None  # noqa: S101 - for the type checker: it has just been loaded
    card = trained.card
    samples = labelled_samples(studies, config.landmark_set)
    cases = gather_cases(studies, [sample["id"] for sample in samples], progress=True)
    learnt = set() if options.none_learnt else _learnt(card)
    unseen = {case.image for case in cases if case.fingerprint.exact not in learnt}
    split = extended(SplitFile(studies.folder).read(), cases, share=0.2)  # for its groups of patients; it is not kept
    groups = {image: split.group(image) for image in unseen}
    read = file_to_input(card.input_size)
    decoded = (read(sample) for sample in samples if sample["id"] in unseen)
    trust = trained.trust
    if trust.shape is None:  # a file from before there were shapes; those of unseen labels look too good, so last
        learnt_from = [sample["label"] for sample in samples if sample["id"] not in unseen]
        trust = shape_of(learnt_from or [sample["label"] for sample in samples])
    looked_at = tqdm(decoded, total=len(unseen), desc="looking", unit="image")
    trust = calibrated(trust, examined(trained.network, card, trust, looked_at, groups))
    if trust.calibration is None:
        raise UsageError(trust.note)
    with tempfile.TemporaryDirectory(prefix="farnet-calibrated-") as folder:
        file = Path(folder) / "calibrated.pt"
        write_atomic(file, with_trust(path, trust, f"{card.version.removesuffix('_calibrated')}_calibrated"))
        version = config.versions.publish(file, trust.note)
    print(f"{trust.note}")
    print(f"{config.name} {version.version} is in use; 'models rollback' brings {card.version} back")
    return 0


def _learnt(card: ModelCard) -> set[str]:
    """Fingerprints of what the model has learnt from.

    Raises:
        UsageError: its file does not say, so that nothing can be promised.
    """
    if card.data is None:
        raise UsageError(
            f"The file of {card.model} {card.version} does not say which radiographs it has learnt from: errors on "
            "these would be too small. If none of yours is among them, say --none-learnt."
        )
    return set(card.data.train)
