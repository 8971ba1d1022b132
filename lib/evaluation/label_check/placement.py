"""Labels whose landmarks do not lie to one another as those of the other labels do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lib.evaluation.label_check.finding import CheckedLabel, Finding, Kind, Place, listed
from lib.evaluation.label_check.relations import FEWEST_LABELS, Broken, Relations, culprits
from lib.evaluation.wording import count
from lib.landmarks import LandmarkSet
from lib.shapes import ShapeError, ShapeJudgement, judge_by_others

FloatArray = npt.NDArray[np.float64]

_WORDS = (("right of", "left of"), ("below", "above"))


def placement_findings(labels: Sequence[CheckedLabel], landmark_set: LandmarkSet) -> tuple[list[Finding], list[str]]:
    """Mirrored labels, exchanged landmarks, those out of order, and shapes that no other label has.

    Each label is judged by what the others say.

    Returns:
        The findings, and a sentence for what could not be looked for.
    """
    if not labels:
        return [], []
    shapes = np.stack([label.landmarks.points() for label in labels])
    notes = []
    if len(labels) < FEWEST_LABELS:
        notes.append(f"Order and sides were not learned: that takes {FEWEST_LABELS} labels.")
    relations = Relations.learn(shapes)
    judgements: Sequence[ShapeJudgement | None] = [None] * len(labels)
    try:
        judgements = judge_by_others(shapes)
    except ShapeError as error:
        notes.append(f"Shapes were not compared. {error}")
    findings = []
    for label, shape, judgement in zip(labels, shapes, judgements, strict=True):
        findings += _of_label(label, landmark_set.names, relations.broken(shape), judgement)
    return findings, notes


def _of_label(
    label: CheckedLabel, names: Sequence[str], broken: list[Broken], judgement: ShapeJudgement | None
) -> list[Finding]:
    order = _order(label, names, broken, judgement)
    if judgement is None or not judgement.distance > 1:
        return order
    severity = max([judgement.distance, *(one.excess for one in broken)])
    if judgement.mirrored:
        sentence = "The label is mirrored left to right: as in a mirror its shape is usual, as it is it is not."
        return [Finding(label.image, Kind.MIRRORED, severity, sentence)]
    if judgement.swapped:
        return [_exchanged(label, names, judgement, severity)]
    shape = _shape(label, names, judgement)
    return order + [one for one in shape if not order or not set(one.landmarks) <= set(order[0].landmarks)]


def _exchanged(label: CheckedLabel, names: Sequence[str], judgement: ShapeJudgement, severity: float) -> Finding:
    groups = [[names[index] for index in group] for group in judgement.swapped]
    told = "; ".join(listed(group) for group in groups[:4])
    more = f"; and {len(groups) - 4} more" if len(groups) > 4 else ""
    order = [index for group in judgement.swapped for index in group]
    following = [index for group in judgement.swapped for index in (*group[1:], group[0])]
    places = {place: index for index, place in zip(order, following, strict=True)}
    points = label.landmarks.points()
    expected = tuple((float(points[places[index]][0]), float(points[places[index]][1])) for index in order)
    sentence = f"These seem to have changed places: {told}{more}. Put right, the shape would be usual."
    return Finding(label.image, Kind.EXCHANGED, severity, sentence, tuple(names[index] for index in order), expected)


def _order(
    label: CheckedLabel, names: Sequence[str], broken: list[Broken], judgement: ShapeJudgement | None
) -> list[Finding]:
    if not broken:
        return []
    worst, indices = broken[0], culprits(broken)
    is_, should = _WORDS[worst.axis]
    concerned = tuple(names[index] for index in indices)
    pairs = f"{count(len(broken) - 1, 'more pair')} {'is' if len(broken) == 2 else 'are'} the wrong way round"
    more = f" {pairs}, each with one of {listed(concerned)}." if len(broken) > 1 else ""
    sentence = (
        f"'{names[worst.first]}' lies {is_} '{names[worst.second]}'; in {worst.holds} of {worst.seen} labels it lies "
        f"{should} it.{more}"
    )
    distance = 0.0 if judgement is None or np.isnan(judgement.distance) else judgement.distance
    places = tuple(_place(judgement, index) for index in indices)
    return [Finding(label.image, Kind.ORDER, max(worst.excess, distance), sentence, concerned, places)]


def _shape(label: CheckedLabel, names: Sequence[str], judgement: ShapeJudgement) -> list[Finding]:
    excess = np.nan_to_num(judgement.landmarks)
    indices = [int(index) for index in np.argsort(-excess, kind="stable") if excess[index] > 1]
    if not indices:
        sentence = (
            f"The landmarks together have a shape that is {judgement.distance:.1f} times as unusual as those of good "
            "labels rarely are; no single one stands out."
        )
        return [Finding(label.image, Kind.SHAPE, judgement.distance, sentence)]
    worst = indices[0]
    away = float(np.linalg.norm(label.landmarks.points()[worst] - judgement.expected[worst]))
    others = f" {len(indices) - 1} more stand out: {listed([names[i] for i in indices[1:]])}." if indices[1:] else ""
    sentence = (
        f"'{names[worst]}' lies {label.length(away)} from where the other landmarks say it lies, "
        f"{excess[worst]:.1f} times as far as it rarely does.{others}"
    )
    places = tuple(_place(judgement, index) for index in indices)
    named = tuple(names[index] for index in indices)
    return [Finding(label.image, Kind.SHAPE, judgement.distance, sentence, named, places)]


def _place(judgement: ShapeJudgement | None, index: int) -> Place | None:
    if judgement is None or np.isnan(judgement.expected[index]).any():
        return None
    x, y = judgement.expected[index].tolist()
    return x, y
