"""Reading landmarks from DICOM structured reports: ours, those of OHIF, and of whoever else follows TID 1500."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pydicom import Dataset

from lib.formats import report_codes as known
from lib.formats import report_items as tree
from lib.formats.labels import LabelError, told_prediction
from lib.formats.names import NameTable
from lib.formats.notes import Notes, exact_confidence, read_notes
from lib.landmarks import Landmark, Landmarks, LandmarksError, LandmarkSet, State

_FREE_TEXT = ("CORNERSTONEFREETEXT", "CS3DTEXT")
"""Codes by which Cornerstone marks a meaning as what somebody has typed, of old and today."""
_NOBODY = ("", known.UNKNOWN_PERSON.casefold(), "unknown^unknown")
_FARTHEST_PX = 1e6


@dataclass(frozen=True, slots=True)
class ReportPoint:
    """A landmark of a report, under the name that the report gives it.

    Args:
        name: empty where the report has none.
        x, y: pixels of the image's file as stored, the centre of the first pixel is (0, 0); NaN for a missing landmark.
        image: SOP instance UID of the image it lies on; empty for a missing landmark.
        state: ``DEFINED``, ``OCCLUDED`` or ``MISSING``.
        notes: what our reports tell of it.
        confidence: of the prediction, in full.
    """

    name: str
    x: float
    y: float
    image: str
    state: State
    notes: Notes
    confidence: float | None

    def landmark(self, name: str) -> Landmark:
        """The landmark that it is, under its name in a set."""
        return Landmark(name, self.x, self.y, self.state, self.confidence, told_prediction(self.notes))


@dataclass(frozen=True, slots=True)
class Report:
    """What a structured report says, whatever landmarks are meant.

    Args:
        study, series, sop_class, instance: its UIDs.
        when: date and time of its content by this machine's clock, ``YYYYMMDDhhmmss.ffffff``; zeros where not known.
        images: SOP instance UIDs of the images it is about.
        description: of its series.
        person: its person observer, as a DICOM name; empty where nobody is named.
        device: its device observer, else the model or manufacturer of what wrote it.
        by_machine: no person is named as its observer, not even an unknown one, nor was it made by hand in OHIF.
        algorithms: the algorithms, by name, that it says its groups come from.
        ours: written by this program.
        by_cornerstone: written by dcmjs, with which OHIF writes.
        points: those with a position; empty for a report about something else.
        missing: landmarks that it says are not in the image.
    """

    study: str
    series: str
    sop_class: str
    instance: str
    when: str
    images: frozenset[str]
    description: str
    person: str
    device: str
    by_machine: bool
    algorithms: frozenset[str]
    ours: bool
    by_cornerstone: bool
    points: tuple[ReportPoint, ...]
    missing: tuple[ReportPoint, ...]

    @property
    def order(self) -> tuple[str, str]:
        """The later of two reports has the greater."""
        return self.when, self.instance

    def names(self) -> list[str]:
        """What it calls its landmarks, in order, the missing last."""
        return [item.name for item in (*self.points, *self.missing)]

    def models(self) -> set[str]:
        """The names of the models that predicted its points, as notes and algorithms tell."""
        told = (item.notes.model for item in (*self.points, *self.missing))
        return {model.split()[0] for model in told if model} | self.algorithms


def parse_report(report: Dataset) -> Report:
    """Read a structured report of whatever content.

    A point is a measurement group with an SCOORD of type POINT: as the group's image region (TID 1410, ours and
    highdicom's), or under a number of the group (TID 300, OHIF's), where an arrow has its tail in a second pair.
    Coordinates count from the corner of the first pixel (PS3.3, C.18.6.1.2) and come here from its centre. Groups of
    other shapes, lengths for instance, are left aside.

    Raises:
        LabelError: not a structured report, or a damaged one; one sentence.
    """
    try:
        return _report(report)
    except LabelError:
        raise
    except Exception as error:  # a damaged element makes pydicom raise whatever its conversion does, when it is read
        told = " ".join(str(error).split())[:150]
        raise LabelError(f"The structured report is damaged: {type(error).__name__}: {told}.") from error


def report_landmarks(report: Report, landmark_set: LandmarkSet, image: Dataset) -> Landmarks:
    """The landmarks that a report has of one image: one a landmark of the set, in its order.

    Names are matched as :class:`~lib.formats.names.NameTable` does; a landmark that the report lacks is ``UNDEFINED``.

    Args:
        report: the report.
        landmark_set: the landmarks that are meant.
        image: the radiograph; its pixels are not needed.

    Raises:
        LabelError: names that the set does not know or that come twice, places outside the image, none on it at all; or
            a report of OHIF on pixels that are not square; one sentence.
    """
    if report.by_cornerstone and not known.has_square_pixels(image):
        raise LabelError(
            "The report was made by OHIF on an image whose pixels are not square, where OHIF stores other places than "
            "it shows: submit the landmarks with the landmark panel instead."
        )
    uid = str(image.get("SOPInstanceUID") or "")
    points = [point for point in report.points if point.image == uid]
    if not points:
        raise LabelError("The report has no point on this image.")
    points += report.missing if report.images == {uid} else ()  # of several images, it does not say of which
    table = NameTable(landmark_set)
    if unknown := table.unknown([point.name for point in points]):
        listed = ", ".join(f"'{name[:80]}'" for name in unknown[:20])
        raise LabelError(f"Unknown landmark {listed}: not in the set '{landmark_set.name}'.")
    try:
        named = (point.landmark(table.find(point.name) or "") for point in points)
        landmarks = Landmarks(tuple(named)).ordered(landmark_set.names)
        landmarks.check_inside(int(image.get("Rows") or 0), int(image.get("Columns") or 0))
    except LandmarksError as error:
        raise LabelError(str(error)) from error
    return landmarks


def _report(report: Dataset) -> Report:
    if report.get("ValueType") != "CONTAINER" or "ContentSequence" not in report:
        raise LabelError("The file is not a structured report.")
    root = tree.items(report)
    groups = [
        group
        for container in tree.about(root, known.IMAGING_MEASUREMENTS)
        for group in tree.about(tree.items(container), known.MEASUREMENT_GROUP)
    ]
    points = tuple(point for group in groups if (point := _point(tree.items(group))) is not None)
    absent = [
        _missing(item)
        for container in tree.about(root, known.QUALITATIVE_EVALUATIONS)
        for item in tree.items(container)
        if known.ABSENT.value in tree.code(item).values
    ]
    model_name = tree.plain(report, "ManufacturerModelName")
    ours = tree.plain(report, "Manufacturer") == known.MANUFACTURER and model_name == known.MODEL_NAME
    by_cornerstone = not ours and (tree.by_dcmjs(report) or any(map(_is_cornerstone, groups)))
    names = [tree.plain(item, "PersonName").strip("^ ") for item in tree.about(root, known.PERSON_NAME)]
    observers = {value for item in tree.about(root, known.OBSERVER_TYPE) for value in tree.code(item).values}
    algorithms = (tree.text(tree.items(group), known.ALGORITHM_NAME).split() for group in groups)
    return Report(
        study=tree.identifier(report, "StudyInstanceUID"),
        series=tree.identifier(report, "SeriesInstanceUID"),
        sop_class=tree.identifier(report, "SOPClassUID"),
        instance=tree.identifier(report, "SOPInstanceUID"),
        when=tree.moment(report),
        images=frozenset(tree.evidence(report)) | {point.image for point in points},
        description=tree.plain(report, "SeriesDescription"),
        person=next((name for name in names if name.casefold() not in _NOBODY), ""),
        device=tree.text(root, known.DEVICE_NAME) or model_name or tree.plain(report, "Manufacturer"),
        by_machine=known.PERSON.value not in observers
        and not names
        and (known.DEVICE.value in observers or not by_cornerstone),
        algorithms=frozenset(words[0] for words in algorithms if words),
        ours=ours,
        by_cornerstone=by_cornerstone,
        points=points,
        missing=tuple(absent),
    )


def _point(group: list[Dataset]) -> ReportPoint | None:
    """The point of a measurement group; None where it measures something else."""
    name = _name(group)
    region = tree.region(group)
    if region is None:
        return None
    place = tree.numbers(region, "GraphicData")[:2]
    if len(place) < 2 or not all(abs(value) <= _FARTHEST_PX for value in place):  # which NaN is not either
        raise LabelError(f"The point '{name[:80]}' of the report has a place that is not two numbers.")
    image = next(tree.references(tree.items(region)), "")
    if not image:
        raise LabelError(f"The point '{name[:80]}' of the report does not say on which image it lies.")
    notes = read_notes(tree.text(group, known.NOTES))
    percent = next((tree.measured(item) for item in tree.about(group, known.CERTAINTY)), None)
    confidence = exact_confidence(notes.confidence, None if percent is None else percent / 100.0)
    state = State.OCCLUDED if notes.occluded else State.DEFINED
    return ReportPoint(name, place[0] - 0.5, place[1] - 0.5, image, state, notes, confidence)


def _missing(item: Dataset) -> ReportPoint:
    told = tree.items(item)
    notes = read_notes(tree.text(told, known.NOTES))
    name = tree.text(told, known.COMMENT) or tree.concept(item).meaning
    return ReportPoint(name, math.nan, math.nan, "", State.MISSING, notes, notes.confidence)


def _name(group: list[Dataset]) -> str:
    """A comment, else what somebody typed as finding or site, else the coded finding, else the tracking identifier."""
    if comment := tree.text(group, known.COMMENT):
        return comment
    findings = list(tree.about(group, known.FINDING))
    for item in (*findings, *tree.about(group, known.FINDING_SITE)):
        if any(value in _FREE_TEXT for value in tree.code(item).values):
            return tree.code(item).meaning
        if typed := tree.plain(item, "TextValue"):
            return typed
    tracking = tree.text(group, known.TRACKING_IDENTIFIER)
    told = [tree.code(item).meaning for item in findings]
    told += [] if known.is_cornerstone(tracking) else [tracking.removeprefix(known.OWN_TRACKING).strip()]
    return next((name for name in told if name), "")


def _is_cornerstone(group: Dataset) -> bool:
    return known.is_cornerstone(tree.text(tree.items(group), known.TRACKING_IDENTIFIER))
