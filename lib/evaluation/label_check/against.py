"""Labels far from what a model predicts, and readers far from one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from lib.evaluation.label_check.finding import CheckedLabel, Finding, Kind, listed
from lib.evaluation.label_check.usual import OUTSIDE, usual_distances
from lib.evaluation.metrics import radial_errors
from lib.landmarks import Landmarks
from lib.landmarks.consensus import consensus, first_readings

FloatArray = npt.NDArray[np.float64]


def model_findings(labels: Sequence[CheckedLabel], model: str) -> list[Finding]:
    """Landmarks much farther from the prediction than the model usually is from labels of that landmark.

    What is usual is, where the prediction says so, the region in which the landmark lies in nine cases of ten;
    otherwise the distance that nine of ten labels keep, of the images that the model has learnt from and of the others.
    """
    findings = []
    for learnt in (False, True):
        those = [label for label in labels if label.prediction is not None and label.learnt is learnt]
        away = [_distances(label, label.prediction) for label in those if label.prediction is not None]
        if not away:
            continue
        usual = usual_distances(np.stack(away))
        for label, distances in zip(those, away, strict=True):
            limits = OUTSIDE * np.fmax(np.where(np.isnan(_radii(label)), usual, _radii(label)), 1.0)
            finding = _finding(label, distances, limits, label.prediction, Kind.MODEL, _model_words(label, model))
            findings += [finding] if finding else []
    return findings


def reader_findings(labels: Sequence[CheckedLabel]) -> list[Finding]:
    """Landmarks on which people are much farther apart than they usually are."""
    found = []
    for label in labels:
        readings = first_readings(label.readings)
        if len(readings) < 2:
            continue
        marked = [reading.landmarks.ordered(label.landmarks.names) for reading in readings]
        middle = consensus(marked, "median")
        away = np.fmax.reduce([_distances(label, middle, one) for one in marked])
        found.append((label, middle, away, listed([reading.annotator for reading in readings])))
    if not found:
        return []
    usual = usual_distances(np.stack([away for _, _, away, _ in found]))
    findings = []
    for label, middle, away, people in found:
        finding = _finding(label, away, OUTSIDE * usual, middle, Kind.READERS, _reader_words(people))
        findings += [finding] if finding else []
    return findings


def _distances(label: CheckedLabel, other: Landmarks, own: Landmarks | None = None) -> FloatArray:
    """(N,) in units of what is tolerated; NaN where one of the two has no place."""
    one, two = (own or label.landmarks).points(), other.ordered(label.landmarks.names).points()
    distances = radial_errors(one, two) / label.tolerance_px
    result: FloatArray = np.where(np.isfinite(distances), distances, np.nan)
    return result


def _radii(label: CheckedLabel) -> FloatArray:
    """(N,) of the regions that the prediction comes with, in units of what is tolerated; NaN where it has none."""
    if label.prediction is None:
        return np.full(len(label.landmarks), np.nan)
    regions = [item.predicted.region if item.predicted else None for item in label.prediction]
    return np.array([region.radius if region else np.nan for region in regions]) / label.tolerance_px


Words = Callable[[str, str, float, int], str]
"""Worst landmark, its distance, how many times the usual, how many more: the sentence."""


def _finding(
    label: CheckedLabel, distances: FloatArray, limits: FloatArray, other: Landmarks | None, kind: Kind, words: Words
) -> Finding | None:
    excess = np.nan_to_num(distances / limits)
    indices = [int(index) for index in np.argsort(-excess, kind="stable") if excess[index] > 1]
    if not indices or other is None:
        return None
    names, places = label.landmarks.names, other.points()
    worst = indices[0]
    length = label.length(float(distances[worst]) * label.tolerance_px)
    sentence = words(names[worst], length, float(excess[worst]) * OUTSIDE, len(indices) - 1)
    expected = tuple((float(places[index][0]), float(places[index][1])) for index in indices)
    return Finding(label.image, kind, float(excess[worst]), sentence, tuple(names[i] for i in indices), expected)


def _model_words(label: CheckedLabel, model: str) -> Words:
    def words(name: str, length: str, times: float, more: int) -> str:
        others = f", and {more} more lie too far" if more else ""
        learnt = " although it has learnt from this label" if label.learnt else ""
        return f"'{name}' lies {length} from where {model} predicts it{learnt}, {times:.1f} times the usual{others}."

    return words


def _reader_words(people: str) -> Words:
    def words(name: str, length: str, times: float, more: int) -> str:
        others = f"; so it is with {more} more" if more else ""
        return f"{people} disagree on '{name}': up to {length} from the middle, {times:.1f} times the usual{others}."

    return words
