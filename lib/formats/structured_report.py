"""Writing landmarks as a DICOM structured report: one measurement group a landmark (PS3.16, TID 1500 and 1410)."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import (
    AlgorithmIdentification,
    CodeContentItem,
    ComprehensiveSR,
    ContainerContentItem,
    ContentSequence,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    GraphicTypeValues,
    ImageRegion,
    Measurement,
    MeasurementReport,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    RelationshipTypeValues,
    SourceImageForRegion,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from lib.formats import report_codes as known
from lib.formats.labels import LabelError
from lib.formats.markups import told_of
from lib.landmarks import Landmark, LandmarkDefinition, Landmarks, LandmarksError, LandmarkSet, State

_NEEDED = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "Rows", "Columns")
# Whom and what a report is about. A radiograph may lack any of them; the standard wants all, perhaps empty.
_PATIENT = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
_STUDY = ("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName")
_COPIED = (*_PATIENT, *_STUDY, "IssuerOfPatientID", "StudyDescription")
_SERIES_NUMBER = 1000  # behind the images in every viewer's list


class _Report(ComprehensiveSR):
    """highdicom's, which for itself knows patient and study of the SOP classes in a table only."""

    def copy_patient_and_study_information(self, dataset: Dataset) -> None:
        """Nothing: see :func:`_describe`."""


def report_dataset(
    landmarks: Landmarks,
    landmark_set: LandmarkSet,
    image: Dataset,
    *,
    person: str = "",
    software: str = "",
    predecessors: Sequence[Dataset] = (),
    when: datetime | None = None,
) -> Dataset:
    """Landmarks of one radiograph as a Comprehensive SR, a series of its own in the radiograph's study.

    A coordinate counts from the corner of the first pixel (PS3.3, C.18.6.1.2), ours from its centre, so half a pixel is
    added; it is a 32-bit number, exact to 0.001 pixels up to 16384. OHIF shows each point under the landmark's name and
    lets people drag it, unless the pixels are not square, see :func:`~lib.formats.report_codes.has_square_pixels`: then
    the tracking identifier is not one of OHIF's, and its versions that go by the identifier leave the report alone.

    Args:
        landmarks: in pixels of the image's file as stored. ``UNDEFINED`` ones are left out; ``MISSING`` ones are
            evaluations with the value "absent" beside the measurements, where no viewer looks for points.
        landmark_set: their set.
        image: the radiograph; its pixels are not needed.
        person: who has submitted them, with or without the carets of a DICOM name; empty where that is not known.
        software: version of the program.
        predecessors: the reports that this one takes the place of: study, series, SOP class and instance UID of each.
        when: when they were submitted; now, unless given.

    Returns:
        A dataset to be stored as it is; ``save_as(path, write_like_original=False)`` makes a file of it.

    Raises:
        LabelError: landmarks that are not of the set or not inside the image, none with a position, or an image that no
            report can refer to; one sentence.
    """
    _check(landmarks, landmark_set, image)
    items = landmarks.ordered(landmark_set.names)
    report: Dataset = _Report(
        evidence=[_evidence(image)],
        content=_content(items, landmark_set, image, _observers(person, software)),
        series_instance_uid=generate_uid(),
        series_number=_SERIES_NUMBER,
        series_description=description_of(landmark_set),
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer=known.MANUFACTURER,
        manufacturer_model_name=known.MODEL_NAME,
        software_versions=known.plain_text(software, 64) or None,
        is_complete=all(item.state is not State.UNDEFINED for item in items),
        is_final=True,
        previous_versions=list(predecessors) or None,
        coding_schemes=[CodingSchemeIdentificationItem(known.SCHEME, "Landmarks", responsible_organization="FARNet")],
    )
    _describe(report, image, when or datetime.now(UTC))
    return report


def description_of(landmark_set: LandmarkSet) -> str:
    """The series description of our reports of a landmark set."""
    return known.plain_text(f"FARNet landmarks: {landmark_set.title}", 64)


def _check(landmarks: Landmarks, landmark_set: LandmarkSet, image: Dataset) -> None:
    for keyword in _NEEDED:
        if not image.get(keyword):
            raise LabelError(f"The image has no {keyword}: no report can refer to it.")
    try:
        landmarks.ordered(landmark_set.names).check_inside(int(image.Rows), int(image.Columns))
    except LandmarksError as error:
        raise LabelError(str(error)) from error
    if not landmarks.num_placed():
        raise LabelError("No landmark is placed: place at least one point before submitting.")


def _content(items: Landmarks, landmark_set: LandmarkSet, image: Dataset, observers: ObservationContext) -> Dataset:
    """The root of the tree (TID 1500): those with a position as measurements, the missing as evaluations."""
    groups, absent = [], []
    for item, definition in zip(items, landmark_set.landmarks, strict=True):
        code = known.landmark_code(landmark_set, definition)
        if item.state.has_position:
            groups.append(_group(item, definition, code, image))
        elif item.state is State.MISSING:
            absent.append(_evaluation(item, code))
    root = MeasurementReport(observers, known.PROCEDURE, groups)[0]
    if absent:
        container = ContainerContentItem(
            known.QUALITATIVE_EVALUATIONS, relationship_type=RelationshipTypeValues.CONTAINS
        )
        container.ContentSequence = ContentSequence(absent)
        root.ContentSequence.append(container)
    return root


def _observers(person: str, software: str) -> ObservationContext:
    """Who vouches for the landmarks (TID 1002): a person, and this program."""
    name = known.plain_text(person.replace("=", " "), 63) or known.UNKNOWN_PERSON  # "=" separates alphabets in a name
    device = DeviceObserverIdentifyingAttributes(
        uid=generate_uid(entropy_srcs=[known.MANUFACTURER, known.MODEL_NAME]),
        name=f"{known.MANUFACTURER} {software}".strip(),
        manufacturer_name=known.MANUFACTURER,
        model_name=known.MODEL_NAME,
    )
    return ObservationContext(
        # a caret says that a name of one part is meant so
        ObserverContext(known.PERSON, PersonObserverIdentifyingAttributes(name if "^" in name else f"{name}^")),
        ObserverContext(known.DEVICE, device),
    )


def _group(item: Landmark, definition: LandmarkDefinition, code: Code, image: Dataset) -> Dataset:
    """The measurement group of a landmark that has a position (TID 1410)."""
    own = f"{known.OWN_TRACKING}{item.name}"
    tracking = known.CORNERSTONE_PROBE if known.has_square_pixels(image) else own
    site = definition.site
    group = PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=generate_uid(), identifier=tracking),
        referenced_region=_region(item, image),
        finding_type=code,
        finding_sites=None if site is None else [FindingSite(Code(site.value, site.scheme, site.meaning))],
        algorithm_id=_algorithm(item),
        measurements=None if item.confidence is None else [_certainty(item.confidence, _region(item, image))],
    )
    group[0].ContentSequence.extend(_told(item, RelationshipTypeValues.CONTAINS))
    return group


def _region(item: Landmark, image: Dataset) -> ImageRegion:
    place = np.array([[item.x + 0.5, item.y + 0.5]], dtype=np.float32)
    return ImageRegion(GraphicTypeValues.POINT, place, SourceImageForRegion(image.SOPClassUID, image.SOPInstanceUID))


def _certainty(confidence: float, region: ImageRegion) -> Measurement:
    """The confidence in percent, and the point once more as what it was inferred from (TID 300 and 320).

    OHIF takes the first number of a group for the one that holds its point and gives up on a number that holds none;
    its versions up to 3.10 give up on a group without a number, too.
    """
    measurement = Measurement(known.CERTAINTY, round(100.0 * confidence, 10), known.PERCENT)
    region.RelationshipType = RelationshipTypeValues.INFERRED_FROM.value
    measurement[0].ContentSequence = ContentSequence([region])
    return measurement


def _algorithm(item: Landmark) -> AlgorithmIdentification | None:
    """The model that predicted a landmark (TID 4019), which wants a version."""
    name, _, version = ("" if item.predicted is None else item.predicted.model).strip().partition(" ")
    return AlgorithmIdentification(name, version.strip() or "unknown") if name else None


def _evaluation(item: Landmark, code: Code) -> CodeContentItem:
    """That a landmark is not in the radiograph."""
    evaluation = CodeContentItem(code, known.ABSENT, RelationshipTypeValues.CONTAINS)
    evaluation.ContentSequence = ContentSequence(_told(item, RelationshipTypeValues.HAS_PROPERTIES))
    return evaluation


def _told(item: Landmark, relationship: RelationshipTypeValues) -> list[TextContentItem]:
    """A landmark's name, where OHIF looks for it, and its notes as in the description of a point in Slicer."""
    told = [(known.COMMENT, item.name), (known.NOTES, told_of(item))]
    return [TextContentItem(name, text, relationship) for name, text in told if text]


def _evidence(image: Dataset) -> Dataset:
    """What highdicom needs of the image: what to refer to, and patient and study, which :func:`_describe` fills in."""
    evidence = Dataset()
    for keyword in _NEEDED[:4]:
        setattr(evidence, keyword, str(image[keyword].value))
    for keyword in (*_PATIENT, *_STUDY):
        setattr(evidence, keyword, "")
    return evidence


def _describe(report: Dataset, image: Dataset, when: datetime) -> None:
    """Patient and study as the image has them, letter by letter, and the time in the image's zone, else in ours.

    A time zone of the report would be one of the study's date and time as well (PS3.3, C.12.1.1.8), of which only the
    image knows it; the root's ``ObservationDateTime`` has a zone of its own.
    """
    report.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _COPIED:
        if keyword in image:
            report[keyword] = copy.deepcopy(image[keyword])
    zone = known.time_zone(image)
    local = when.astimezone(zone)
    if zone is not None:
        report.TimezoneOffsetFromUTC = local.strftime("%z")
    report.ContentDate = report.SeriesDate = local.strftime("%Y%m%d")
    report.ContentTime = report.SeriesTime = local.strftime("%H%M%S.%f")
    report.ObservationDateTime = local.strftime("%Y%m%d%H%M%S.%f%z")
