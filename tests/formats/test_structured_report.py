import io
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from highdicom.sr import ComprehensiveSR, GraphicTypeValues
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sr._concepts_dict import concepts

from lib.datasets.phantoms import make_phantom, write_dicom_dx
from lib.formats import LabelError, parse_report, report_dataset, report_landmarks
from lib.formats import report_codes as known
from lib.formats.report_codes import has_square_pixels, landmark_code
from lib.landmarks import Landmark, Landmarks, LandmarkSet, LandmarkSetError, Predicted, State
from tests.formats.conftest import NAMES, assert_same_region, image_of, regions

ALL = Landmarks(
    (
        Landmark("Sella", 100.25, 200.0, State.OCCLUDED, 0.931, Predicted(99.0, 200.0, "farnet_ceph 20261124-ab")),
        Landmark("Nasion", 0.0, 0.0),
        Landmark("Unterkiefer Übergang", 7.0, 8.0, confidence=0.5, predicted=Predicted(7.0, 8.0, "alone")),
        Landmark(
            "下顎点", state=State.MISSING, confidence=0.1, predicted=Predicted(5.0, 6.0, "farnet_ceph 20261124-ab")
        ),
        Landmark("Point A", state=State.UNDEFINED),
    )
)


def stored(report: Dataset, path: Path | None = None) -> Dataset:
    """The report as it comes back from a file."""
    if path is None:
        buffer = io.BytesIO()
        report.save_as(buffer, write_like_original=False)
        return pydicom.dcmread(io.BytesIO(buffer.getvalue()))
    report.save_as(path, write_like_original=False)
    return pydicom.dcmread(path)


def items_of(dataset: Dataset, code: Any) -> list[Dataset]:
    return [item for item in dataset.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == code.value]


def groups_of(report: Dataset) -> list[Dataset]:
    (container,) = items_of(report, known.IMAGING_MEASUREMENTS)
    return items_of(container, known.MEASUREMENT_GROUP)


def text_of(dataset: Dataset, code: Any) -> list[str]:
    return [str(item.TextValue) for item in items_of(dataset, code)]


@st.composite
def annotations(draw: st.DrawFn, side: int) -> Landmarks:
    placed = draw(st.integers(0, len(NAMES) - 1))  # at least one landmark has a position
    inside = st.floats(-0.5, side - 0.5)
    models = st.sampled_from(["", "ceph", "ceph 7-ab", "ceph 7 ab"])
    items = []
    for index, name in enumerate(NAMES):
        state = draw(st.sampled_from([State.DEFINED, State.OCCLUDED] if index == placed else list(State)))
        x, y = (draw(inside), draw(inside)) if state.has_position else (math.nan, math.nan)
        told = state is not State.UNDEFINED
        confidence = draw(st.none() | st.floats(0, 1)) if told else None
        predicted = (
            draw(st.none() | st.builds(Predicted, inside, inside, models, regions, st.booleans())) if told else None
        )
        items.append(Landmark(name, x, y, state, confidence, predicted))
    return Landmarks(tuple(items))


@settings(max_examples=60, deadline=None)
@given(landmarks=annotations(16384), person=st.sampled_from(["", "anna", "Example^Anna"]))
def test_written_stored_and_read_back_is_the_same(landmarks: Landmarks, person: str, landmark_set: LandmarkSet) -> None:
    image = image_of(16384, 16384)
    report = parse_report(stored(report_dataset(landmarks, landmark_set, image, person=person)))
    back = report_landmarks(report, landmark_set, image)
    np.testing.assert_allclose(back.points(), landmarks.points(), atol=1e-3)
    assert [item.state for item in back] == [item.state for item in landmarks]
    for item, known_item in zip(back, landmarks, strict=True):
        exact = item.state.has_position  # of a missing one the notes tell the confidence to two decimals
        assert item.confidence == pytest.approx(known_item.confidence, abs=1e-9 if exact else 0.005)
        assert (item.predicted is None) == (known_item.predicted is None)
        if item.predicted is not None and known_item.predicted is not None:
            assert item.predicted.model == known_item.predicted.model
            assert item.predicted.check == known_item.predicted.check
            assert_same_region(item.predicted.region, known_item.predicted.region)
            assert math.dist(
                (item.predicted.x, item.predicted.y), (known_item.predicted.x, known_item.predicted.y)
            ) == pytest.approx(0, abs=1e-4)
    assert report.person == person
    assert report.ours
    assert not report.by_machine


def test_highdicom_reads_the_file(landmark_set: LandmarkSet, tmp_path: Path) -> None:
    report = stored(report_dataset(ALL, landmark_set, image_of()), tmp_path / "report.dcm")
    content = ComprehensiveSR.from_dataset(report).content
    groups = content.get_planar_roi_measurement_groups(graphic_type=GraphicTypeValues.POINT)
    np.testing.assert_array_equal([group.roi.value[0] for group in groups], [(100.75, 200.5), (0.5, 0.5), (7.5, 8.5)])
    (certainty,) = groups[0].get_measurements(name=known.CERTAINTY)
    assert certainty.value == pytest.approx(93.1)
    assert certainty.unit == known.PERCENT
    assert groups[0].finding_type == landmark_code(landmark_set, landmark_set.landmarks[0])
    assert groups[1].get_measurements() == []
    observers = content.get_observer_contexts()
    assert [observer.observer_type.meaning for observer in observers] == ["Person", "Device"]


def test_what_ohif_looks_for(landmark_set: LandmarkSet) -> None:
    """``hydrateStructuredReport`` and Cornerstone's adapters: meanings, identifiers, comments, the first number."""
    report = stored(report_dataset(ALL, landmark_set, image_of()))
    assert [item.ConceptNameCodeSequence[0].CodeMeaning for item in report.ContentSequence][-2:] == [
        "Imaging Measurements",
        "Qualitative Evaluations",
    ]
    groups = groups_of(report)
    assert [text_of(group, known.COMMENT) for group in groups] == [["Sella"], ["Nasion"], ["Unterkiefer Übergang"]]
    for group in groups:
        assert text_of(group, known.TRACKING_IDENTIFIER) == ["Cornerstone3DTools@^0.1.0:Probe"]
        (region,) = items_of(group, known.IMAGE_REGION)
        for number in (item for item in group.ContentSequence if item.ValueType == "NUM"):
            (inner,) = number.ContentSequence
            assert (inner.ValueType, inner.RelationshipType) == ("SCOORD", "INFERRED FROM")
            assert inner.GraphicData == region.GraphicData
            assert inner.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "1.2.3.4"
    tracked = [item.UID for group in groups for item in group.ContentSequence if item.ValueType == "UIDREF"]
    assert len(set(tracked)) == len(groups)


def test_where_a_landmark_comes_from(landmark_set: LandmarkSet) -> None:
    sella, nasion, alone = groups_of(stored(report_dataset(ALL, landmark_set, image_of())))
    notes = "occluded, confidence=0.93, predicted=99.0000 200.0000, model=farnet_ceph 20261124-ab"
    assert text_of(sella, known.NOTES) == [notes]
    assert text_of(sella, known.ALGORITHM_NAME) == ["farnet_ceph"]
    assert text_of(nasion, known.NOTES) == text_of(nasion, known.ALGORITHM_NAME) == []
    assert text_of(alone, known.ALGORITHM_NAME) == ["alone"]


def test_missing_landmarks_are_evaluations(landmark_set: LandmarkSet) -> None:
    report = stored(report_dataset(ALL, landmark_set, image_of()))
    (container,) = items_of(report, known.QUALITATIVE_EVALUATIONS)
    (evaluation,) = container.ContentSequence
    assert evaluation.ConceptNameCodeSequence[0].CodeMeaning == "下顎点"
    assert evaluation.ConceptCodeSequence[0].CodeValue == "272519000"
    back = report_landmarks(parse_report(report), landmark_set, image_of())["下顎点"]
    assert back == Landmark("下顎点", state=State.MISSING, confidence=0.1, predicted=ALL["下顎点"].predicted)


def test_header(landmark_set: LandmarkSet) -> None:
    predecessor = stored(report_dataset(ALL, landmark_set, image_of()))
    when = datetime(2026, 11, 25, 12, 0, 1, 5, tzinfo=UTC)
    image = image_of(TimezoneOffsetFromUTC="-0530")
    written = report_dataset(
        ALL, landmark_set, image, person="Anna\\B=C", software="0.1.0", predecessors=[predecessor], when=when
    )
    report = stored(written)
    assert report.SOPClassUID.name == "Comprehensive SR Storage"
    assert (report.Modality, report.SeriesDescription) == ("SR", "FARNet landmarks: Test set")
    assert (report.Manufacturer, report.SoftwareVersions) == (known.MANUFACTURER, "0.1.0")
    assert (report.CompletionFlag, report.VerificationFlag, report.PreliminaryFlag) == (
        "PARTIAL",
        "UNVERIFIED",
        "FINAL",
    )
    assert (report.StudyInstanceUID, report.SeriesInstanceUID != image.SeriesInstanceUID) == ("1.2.3", True)
    assert (report.ContentDate, report.ContentTime) == ("20261125", "063001.000005")
    assert report.TimezoneOffsetFromUTC == "-0530"
    (study,) = report.PredecessorDocumentsSequence
    assert study.ReferencedSeriesSequence[0].SeriesInstanceUID == predecessor.SeriesInstanceUID
    reference = study.ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert reference.ReferencedSOPInstanceUID == predecessor.SOPInstanceUID
    assert parse_report(report).person == "Anna B C"
    whole = Landmarks(tuple(Landmark(name, 1, 1) for name in NAMES))
    assert report_dataset(whole, landmark_set, image).CompletionFlag == "COMPLETE"


def test_nobody_is_invented(landmark_set: LandmarkSet) -> None:
    report = stored(report_dataset(ALL, landmark_set, image_of()))
    assert [str(item.PersonName) for item in items_of(report, known.PERSON_NAME)] == ["Unknown^"]
    parsed = parse_report(report)
    assert (parsed.person, parsed.device, parsed.by_machine) == ("", "FARNet", False)


@pytest.mark.parametrize(
    "about",
    [
        {},
        {"PatientID": "", "StudyDate": "", "PatientSex": None},
        {
            "PatientName": "No Caret",
            "PatientSex": "X",
            "PatientBirthDate": "19xx",
            "StudyTime": "noon",
            "StudyDate": "1",
        },
        {"SOPClassUID": "1.2.3.4.5.6"},
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_what_scanners_leave_out_or_misspell(about: dict[str, Any], landmark_set: LandmarkSet) -> None:
    image = stored_image(image_of(**about))
    report = stored(report_dataset(ALL, landmark_set, image))
    for keyword in ("PatientID", "PatientName", "PatientSex", "PatientBirthDate", "StudyDate", "StudyTime"):
        assert report[keyword].value in (image.get(keyword), "", None)
        assert str(report.get(keyword) or "") == str(image.get(keyword) or "")
    assert report_landmarks(parse_report(report), landmark_set, image)["Nasion"].x == 0.0


def test_letters_of_the_image_are_kept(landmark_set: LandmarkSet) -> None:
    image = image_of()
    image.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    image.PatientName = "Yamada^Tarou=山田^太郎"
    image = stored_image(image)
    report = stored(report_dataset(ALL, landmark_set, image, person="山田^花子"))
    assert report.PatientName.ideographic == "山田^太郎"
    assert report.PatientName == image.PatientName
    assert parse_report(report).person == "山田^花子"


def stored_image(image: Dataset) -> Dataset:
    """A header as it is read from a file."""
    buffer = io.BytesIO()
    image.is_little_endian, image.is_implicit_VR = True, False
    pydicom.dcmwrite(buffer, image)
    return pydicom.dcmread(io.BytesIO(buffer.getvalue()), force=True)


@pytest.mark.parametrize(
    ("about", "square"),
    [
        ({}, True),
        ({"PixelSpacing": [0.1, 0.1]}, True),
        ({"PixelSpacing": [0.1, 0.1], "ImagerPixelSpacing": [0.1, 0.2]}, True),
        ({"PixelSpacing": [0.2, 0.1]}, False),
        ({"ImagerPixelSpacing": [0.1, 0.10001]}, False),
        ({"PixelSpacing": None, "ImagerPixelSpacing": [0.1, 0.2]}, False),
    ],
)
def test_ohif_is_not_offered_points_on_pixels_that_are_not_square(
    about: dict[str, Any], square: bool, landmark_set: LandmarkSet
) -> None:
    image = image_of(**about)
    assert has_square_pixels(image) is square
    report = stored(report_dataset(ALL, landmark_set, image))
    own = [f"FARNet:{name}" for name in NAMES[:3]]
    tracked = [text_of(group, known.TRACKING_IDENTIFIER)[0] for group in groups_of(report)]
    assert tracked == ([known.CORNERSTONE_PROBE] * 3 if square else own)
    assert report_landmarks(parse_report(report), landmark_set, image)["Sella"].x == 100.25  # ours is read anyhow


@pytest.mark.parametrize(
    ("landmarks", "about", "sentence"),
    [
        (ALL, {"SeriesInstanceUID": ""}, "The image has no SeriesInstanceUID: no report can refer to it."),
        (ALL, {"Rows": 0}, "The image has no Rows"),
        (ALL, {"Rows": 10}, r"'Sella' at \(100\.2, 200\.0\) lies outside the image"),
        (Landmarks((Landmark("Porion", 1, 1),)), {}, "Unknown landmark 'Porion'"),
        (Landmarks((Landmark("Sella", state=State.MISSING),)), {}, "No landmark is placed"),
    ],
)
def test_what_cannot_be_written(
    landmarks: Landmarks, about: dict[str, Any], sentence: str, landmark_set: LandmarkSet
) -> None:
    with pytest.raises(LabelError, match=sentence):
        report_dataset(landmarks, landmark_set, image_of(**about))


def test_names_too_long_for_a_code() -> None:
    name = "The highest \\ point " * 8
    landmarks = [{"name": name, "abbreviation": "a longer \\ abbreviation than fits", "definition": "d"}]
    landmark_set = LandmarkSet.parse({"name": "t", "title": name, "input_size": [64, 64], "landmarks": landmarks}, "t")
    code = landmark_code(landmark_set, landmark_set.landmarks[0])
    assert (len(code.value) <= 16, len(code.meaning) <= 64, "\\" in code.value + code.meaning) == (True, True, False)
    image = image_of()
    report = stored(report_dataset(Landmarks((Landmark(landmark_set.names[0], 1, 2),)), landmark_set, image))
    assert len(report.SeriesDescription) <= 64
    assert report_landmarks(parse_report(report), landmark_set, image).points().tolist() == [[1, 2]]


@pytest.mark.parametrize("name", LandmarkSet.shipped())
def test_codes_of_the_shipped_sets(name: str) -> None:
    landmark_set = LandmarkSet.load(name)
    definitions = landmark_set.landmarks
    own = [landmark_code(landmark_set, definition) for definition in definitions]
    assert len({(code.value, code.scheme_designator) for code in own}) == len(own)
    for term in (term for definition in definitions for term in (definition.code, definition.site) if term is not None):
        known_meanings = [
            meaning.casefold()
            for of_keyword in concepts[term.scheme].values()
            for value, (meaning, _) in of_keyword.items()
            if value == term.value
        ]
        assert term.meaning.casefold() in known_meanings


NASION = {"value": "264779", "scheme": "FMA", "meaning": "Nasion"}


@pytest.mark.parametrize(
    ("codes", "sentence"),
    [
        ([{**NASION, "value": "12345678901234567"}], r"landmarks.0.code.value: .* at most 16 characters"),
        ([{**NASION, "scheme": ""}], r"landmarks.0.code.scheme: .* at least 1 character"),
        ([{**NASION, "meaning": "x" * 65}], r"landmarks.0.code.meaning: .* at most 64 characters"),
        ([{**NASION, "meaning": "a\\b"}], r"landmarks.0.code.meaning: .* match pattern"),
        ([{**NASION, "note": "x"}], r"unknown key 'landmarks.0.code.note'"),
        ([NASION, NASION], "code '264779 of FMA' is used by more than one landmark"),
    ],
)
def test_codes_that_dicom_cannot_hold_are_refused(codes: list[dict[str, str]], sentence: str) -> None:
    landmarks = [
        {"name": f"n{index}", "abbreviation": f"a{index}", "definition": "d", "code": code}
        for index, code in enumerate(codes)
    ]
    with pytest.raises(LandmarkSetError, match=sentence):
        LandmarkSet.parse({"name": "t", "title": "t", "input_size": [64, 64], "landmarks": landmarks}, "t")


def test_the_same_abbreviation_in_two_sets_is_two_codes(landmark_set: LandmarkSet) -> None:
    other = landmark_set.model_copy(update={"name": "other"})
    definition = landmark_set.landmarks[0]
    assert landmark_code(landmark_set, definition).value != landmark_code(other, definition).value


def test_a_phantom_file_from_end_to_end(tmp_path: Path) -> None:
    phantom = make_phantom("hand_37", 1, (128, 96))
    write_dicom_dx(tmp_path / "hand.dcm", phantom)
    image = pydicom.dcmread(tmp_path / "hand.dcm", stop_before_pixels=True)
    landmark_set = LandmarkSet.load("hand_37")
    report = stored(report_dataset(phantom.landmarks, landmark_set, image), tmp_path / "report.dcm")
    back = report_landmarks(parse_report(report), landmark_set, image)
    np.testing.assert_allclose(back.points(), phantom.landmarks.points(), atol=1e-3)
    assert (report.PatientID, report.StudyInstanceUID) == (image.PatientID, image.StudyInstanceUID)
