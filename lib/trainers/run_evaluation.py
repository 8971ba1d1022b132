"""What a training ends with: an evaluation of its best model on what the run held out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lib.checkpoints import ModelCard
from lib.evaluation import Case, Evaluation, Looking, learnt_facts, write_evaluation
from lib.evaluation.run_report import EVALUATION
from lib.landmarks import Landmarks
from lib.radiographs import PixelSpacing, SpacingSource
from lib.trainers.metrics import HeldOutTable
from lib.trainers.plan import RunPlan

LABELS = "labels"
NOTES = (
    "The radiographs are those that the run held out: never learnt from, but its best epoch was chosen on them, so the "
    "figures are slightly too good.",
)


def evaluate_run(
    plan: RunPlan, card: ModelCard, found: HeldOutTable, served: tuple[ModelCard, HeldOutTable] | None
) -> None:
    """Write the evaluation into ``evaluation/`` of the run's folder.

    Args:
        plan: of the run.
        card: of its best model.
        found: what this has found on the held-out images.
        served: the model that was in use, and what it has found; compared where it is for the same landmarks.
    """
    names = card.landmark_set.names
    known = set(card.data.train) if card.data is not None else set()
    learnt = [image for image in found.results() if plan.fingerprints[image] in known]
    beside = served if served is not None and served[0].landmark_set.names == names else None
    others = {} if beside is None else _landmarks(beside[1], names)
    ours = _landmarks(found, names)
    cases = tuple(
        Case(
            image=sample["id"],
            predicted=ours[sample["id"]],
            truths={LABELS: Landmarks.from_points(names, np.asarray(sample["label"], dtype=np.float64))},
            pixel_spacing=_spacing(sample),
            size=(int(sample["file_size"][0]), int(sample["file_size"][1])),
            path=str(sample["image"]),
            group=plan.groups[sample["id"]],
            other=others.get(sample["id"]),
        )
        for sample in plan.held_out
        if sample["id"] in ours
    )
    looking = Looking.usual(card.landmark_set, (LABELS,))
    evaluation = Evaluation(
        f"Held-out radiographs of training {plan.run}",
        card.model,
        card.version,
        looking,
        cases,
        measures=Looking.usual_measures(card.landmark_set),
        notes=NOTES,
        against=None if beside is None else f"in use before: {beside[0].version}",
        facts={"split": learnt_facts(looking, cases, learnt)},
    )
    write_evaluation(plan.folder / EVALUATION, evaluation)


def _landmarks(table: HeldOutTable, names: tuple[str, ...]) -> Mapping[str, Landmarks]:
    return {image: Landmarks.from_points(names, result.points) for image, result in table.results().items()}


def _spacing(sample: Mapping[str, object]) -> PixelSpacing:
    x, y = np.asarray(sample["pixel_mm"], dtype=np.float64).tolist()
    source = SpacingSource(str(sample["pixel_source"]))
    return PixelSpacing.unknown() if source is SpacingSource.UNKNOWN else PixelSpacing(x, y, source)
