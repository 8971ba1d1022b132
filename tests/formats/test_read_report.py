"""Reports as they are written by others, built here item by item, and what happens to damaged ones."""

import contextlib
import io
import math
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from lib.formats import LabelError, Report, parse_report, report_dataset, report_landmarks
from lib.formats import report_codes as known
from lib.landmarks import Landmark, Landmarks, LandmarkSet, Predicted, State
from tests.formats.conftest import image_of
from tests.formats.test_structured_report import ALL, groups_of, items_of, stored

PROBE, ARROW = "Cornerstone3DTools@^0.1.0:Probe", "Cornerstone3DTools@^0.1.0:ArrowAnnotate"


def coded(value: str, scheme: str, meaning: str, form: str = "CodeValue") -> Dataset:
    concept = Dataset()
    with warnings.catch_warnings():  # CORNERSTONEFREETEXT is longer than a code may be
        warnings.simplefilter("ignore")
        setattr(concept, form, value)
    concept.CodingSchemeDesignator, concept.CodeMeaning = scheme, meaning
    return concept


def item(
    kind: str, name: tuple[str, str, str] | None = None, below: list[Dataset] | None = None, **more: Any
) -> Dataset:
    content = Dataset()
    content.ValueType = kind
    if name is not None:
        content.ConceptNameCodeSequence = Sequence([coded(*name)])
    if below is not None:
        content.ContentSequence = Sequence(below)
    for keyword, value in more.items():
        setattr(content, keyword, value)
    return content


def comment(text: str) -> Dataset:
    return item("TEXT", ("121106", "DCM", "Comment"), TextValue=text)


def tracking(text: str) -> Dataset:
    return item("TEXT", ("112039", "DCM", "Tracking Identifier"), TextValue=text)


def code(name: tuple[str, str, str], value: str, meaning: str, form: str = "CodeValue") -> Dataset:
    return item("CODE", name, ConceptCodeSequence=Sequence([coded(value, "CORNERSTONEJS", meaning, form)]))


FINDING, SITE, OLD_SITE = (
    ("121071", "DCM", "Finding"),
    ("363698007", "SCT", "Finding Site"),
    ("G-C0E3", "SRT", "Finding Site"),
)


def scoord(*numbers: float, image: str = "1.2.3.4", name: tuple[str, str, str] | None = None, **more: Any) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", image
    below = [item("IMAGE", ReferencedSOPSequence=Sequence([reference]))] if image else []
    return item("SCOORD", name, below, **{"GraphicType": "POINT", "GraphicData": list(numbers), **more})


def centre(*numbers: float, **more: Any) -> Dataset:
    """dcmjs' Point of TID 300: a number without a value, the point below it."""
    return item("NUM", ("111010", "DCM", "Center"), [scoord(*numbers, **more)])


def report_of(*groups: list[Dataset], root: list[Dataset] | None = None, dcmjs: bool = True, **about: Any) -> Dataset:
    """What OHIF stores, or with ``dcmjs=False`` somebody else."""
    report = Dataset()
    report.SOPClassUID, report.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.22", "1.2.9"
    report.StudyInstanceUID, report.SeriesInstanceUID = "1.2.3", "1.2.8"
    report.Modality, report.ValueType, report.SeriesDescription = "SR", "CONTAINER", "Research Derived series"
    report.Manufacturer, report.ContentDate, report.ContentTime = "Unspecified", "20261124", "230501"
    report.ConceptNameCodeSequence = Sequence([coded("126000", "DCM", "Imaging Measurement Report")])
    if dcmjs:
        scheme = Dataset()
        scheme.CodingSchemeDesignator = "99dcmjs"
        report.CodingSchemeIdentificationSequence = Sequence([scheme])
    person = item("PNAME", ("121008", "DCM", "Person Observer Name"), PersonName="unknown^unknown")
    container = item(
        "CONTAINER",
        ("126010", "DCM", "Imaging Measurements"),
        [item("CONTAINER", ("125007", "DCM", "Measurement Group"), group) for group in groups],
    )
    report.ContentSequence = Sequence([*([person] if root is None else root), container])
    for keyword, value in about.items():
        setattr(report, keyword, value)
    report.is_little_endian, report.is_implicit_VR = True, False
    return report


def only_name(*group: Dataset) -> str:
    return parse_report(report_of(list(group))).names()[0]


def test_probes_and_arrows_of_ohif(landmark_set: LandmarkSet) -> None:
    dataset = report_of(
        [tracking(PROBE), comment("Nasion"), centre(10.5, 20.75)],
        [tracking(ARROW), comment("sella"), centre(30.5, 40.5, 99.0, 98.0)],  # tip and tail
        [
            tracking("Cornerstone3DTools@^0.1.0:Length"),
            comment("my length"),
            centre(1, 2, 3, 4, GraphicType="POLYLINE"),
        ],
        [tracking(PROBE), comment("Point A"), centre(1, 2, image="1.2.77")],  # on another image of the study
    )
    report = parse_report(dataset)
    assert report.names() == ["Nasion", "sella", "Point A"]
    assert report.images == {"1.2.3.4", "1.2.77"}
    assert (report.ours, report.by_cornerstone, report.by_machine, report.person) == (False, True, False, "")
    assert (report.instance, report.series, report.study) == ("1.2.9", "1.2.8", "1.2.3")
    landmarks = report_landmarks(report, landmark_set, image_of())
    assert landmarks["Nasion"] == Landmark("Nasion", 10.0, 20.25)
    assert landmarks["Sella"] == Landmark("Sella", 30.0, 40.0)
    assert landmarks.num_placed() == 2


def test_highdicoms_shape_and_where_ohif_puts_a_label(landmark_set: LandmarkSet) -> None:
    label = scoord(500, 600, name=("CS3DTEXTPOS", "99dcmjs", "Text annotation position"))
    region = scoord(10.5, 20.5, name=("111030", "DCM", "Image Region"))
    report = parse_report(report_of([label, tracking("point 1"), comment("Nasion"), region], dcmjs=False))
    assert not report.by_cornerstone
    assert report_landmarks(report, landmark_set, image_of(PixelSpacing=[0.2, 0.1]))["Nasion"].x == 10.0
    beside = parse_report(report_of([label, tracking(PROBE), comment("Nasion"), centre(10.5, 20.5)]))
    assert (beside.points[0].x, beside.points[0].y) == (10.0, 20.0)


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ([comment("Nasion"), code(FINDING, "CORNERSTONEFREETEXT", "other")], "Nasion"),
        ([code(FINDING, "CORNERSTONEFREETEXT", "Nasion")], "Nasion"),
        ([code(FINDING, "CORNERSTONEFREETEXT", "Nasion", "LongCodeValue")], "Nasion"),
        ([code(FINDING, "1", "Point"), code(SITE, "CORNERSTONEFREETEXT", "Nasion")], "Nasion"),
        ([code(FINDING, "1", "Point"), code(OLD_SITE, "CS3DTEXT", "Nasion")], "Nasion"),
        ([code(FINDING, "1", "Point"), item("TEXT", SITE, TextValue="Nasion")], "Nasion"),
        ([code(FINDING, "264779", "Nasion"), code(SITE, "89546000", "Skull")], "Nasion"),
        ([tracking("Nasion")], "Nasion"),
        ([tracking("FARNet:Nasion")], "Nasion"),
        ([tracking(PROBE)], ""),
        ([comment(" "), tracking("cornerstoneTools@^4.0.0:Probe"), code(SITE, "89546000", "Skull")], ""),
    ],
)
def test_where_the_name_stands(told: list[Dataset], name: str) -> None:
    assert only_name(*told, centre(1, 2)) == name


def test_meanings_in_place_of_codes_are_understood() -> None:
    report = report_of([comment("Nasion"), centre(1, 2)])
    for concept in (report.ContentSequence[-1], report.ContentSequence[-1].ContentSequence[0]):
        concept.ConceptNameCodeSequence[0].CodeValue = "other"
    assert parse_report(report).names() == ["Nasion"]


def test_on_pixels_that_are_not_square_ohif_is_not_believed(landmark_set: LandmarkSet) -> None:
    image = image_of(PixelSpacing=[0.2, 0.1])
    of_dcmjs = parse_report(report_of([comment("Nasion"), centre(1, 2)]))
    by_tracking = parse_report(report_of([tracking(PROBE), comment("Nasion"), centre(1, 2)], dcmjs=False))
    for report in (of_dcmjs, by_tracking):
        with pytest.raises(LabelError, match="made by OHIF on an image whose pixels are not square"):
            report_landmarks(report, landmark_set, image)
        assert report_landmarks(report, landmark_set, image_of())["Nasion"].x == 0.5


@pytest.mark.parametrize(
    ("groups", "sentence"),
    [
        ([[comment("Porion"), centre(1, 2)], [comment("L3"), centre(1, 2)]], "Unknown landmark 'Porion', 'L3': not in"),
        ([[tracking(PROBE), centre(1, 2)]], "Unknown landmark ''"),
        ([[comment("Nasion"), centre(1, 2)], [comment("N"), centre(3, 4)]], "'Nasion' is listed more than once"),
        (
            [[comment("Nasion"), centre(1, 2401)]],
            r"'Nasion' at \(0\.5, 2400\.5\) lies outside the image of 1935 x 2400",
        ),
        ([[comment("Nasion"), centre(1, 2, image="1.2.77")]], "The report has no point on this image"),
        ([], "The report has no point on this image"),
    ],
)
def test_what_is_no_label_of_the_image(groups: list[list[Dataset]], sentence: str, landmark_set: LandmarkSet) -> None:
    with pytest.raises(LabelError, match=sentence):
        report_landmarks(parse_report(report_of(*groups)), landmark_set, image_of())


@pytest.mark.parametrize(
    ("group", "sentence"),
    [
        ([comment("Nasion"), centre(1)], "The point 'Nasion' of the report has a place that is not two numbers"),
        ([comment("Nasion"), centre()], "not two numbers"),
        ([comment("Nasion"), centre(1, math.nan)], "not two numbers"),
        ([comment("Nasion"), centre(math.inf, 1)], "not two numbers"),
        ([comment("Nasion"), centre(1e30, 1)], "not two numbers"),
        ([comment("Nasion"), centre(1, 2, image="")], "The point 'Nasion' of the report does not say on which image"),
    ],
)
def test_a_point_that_is_none(group: list[Dataset], sentence: str) -> None:
    with pytest.raises(LabelError, match=sentence):
        parse_report(report_of(group))


def test_coordinates_that_are_no_numbers() -> None:
    report = report_of([comment("Nasion"), centre(1, 2)])
    point = report.ContentSequence[-1].ContentSequence[0].ContentSequence[-1].ContentSequence[0]
    for value in ("12", b"\0\0\0\0", ["a", "b"], None):
        point["GraphicData"]._value = value
        with pytest.raises(LabelError, match="not two numbers"):
            parse_report(report)


def test_reports_about_something_else() -> None:
    dose = report_of(root=[])
    dose.ContentSequence = Sequence([item("NUM", ("113814", "DCM", "Dose Area Product Total"))])
    assert parse_report(dose).points == ()
    with pytest.raises(LabelError, match="The file is not a structured report"):
        parse_report(image_of())
    del dose.SOPInstanceUID
    with pytest.raises(LabelError, match="it has no SOPInstanceUID"):
        parse_report(dose)


def observed_by(*observers: Dataset) -> Report:
    return parse_report(report_of(root=list(observers)))


def test_who_has_observed() -> None:
    kind = ("121005", "DCM", "Observer Type")
    device = item("CODE", kind, ConceptCodeSequence=Sequence([coded("121007", "DCM", "Device")]))
    name = item("TEXT", ("121013", "DCM", "Device Observer Name"), TextValue="Robot 7")
    person = item("PNAME", ("121008", "DCM", "Person Observer Name"), PersonName="Example^Anna")
    assert (observed_by(device, name).by_machine, observed_by(device, name).device) == (True, "Robot 7")
    assert (observed_by(device, person).by_machine, observed_by(device, person).person) == (False, "Example^Anna")
    assert observed_by().by_machine is False


def test_models(landmark_set: LandmarkSet) -> None:
    assert parse_report(report_dataset(ALL, landmark_set, image_of())).models() == {"farnet_ceph", "alone"}
    algorithm = item("TEXT", ("111001", "DCM", "Algorithm Name"), TextValue="other 2.0")
    assert parse_report(report_of([algorithm, comment("Nasion"), centre(1, 2)])).models() == {"other"}


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine's clock nine hours ahead of Greenwich."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_tokyo")
@pytest.mark.parametrize(
    ("about", "when"),
    [
        ({}, "20261124230501.000000"),
        ({"ContentTime": "230501.25"}, "20261124230501.250000"),
        ({"ContentTime": "23:05"}, "20261124230500.000000"),
        ({"ContentTime": ""}, "20261124000000.000000"),
        ({"ContentDate": "2026.11.24"}, "20261124230501.000000"),
        ({"TimezoneOffsetFromUTC": "-0500"}, "20261125130501.000000"),
        ({"ObservationDateTime": "20240101000000+0000"}, "20240101090000.000000"),
        ({"ObservationDateTime": "20240101000000"}, "20261124230501.000000"),  # of nobody knows where
        ({"ObservationDateTime": "20241301000000+0000"}, "20261124230501.000000"),
        ({"TimezoneOffsetFromUTC": "?"}, "20261124230501.000000"),
        ({"ContentDate": "", "SeriesDate": "20250101", "SeriesTime": "10"}, "20250101100000.000000"),
        ({"ContentDate": "20260230", "InstanceCreationDate": "20240101"}, "20240101000000.000000"),
        ({"ContentDate": "soon"}, "00000000000000.000000"),
        ({"ContentDate": "99991231", "TimezoneOffsetFromUTC": "-0500"}, "00000000000000.000000"),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR", "ignore:The value length")
def test_when(about: dict[str, str], when: str) -> None:
    assert parse_report(report_of(dcmjs=False, **about)).when == when


@pytest.mark.usefixtures("in_tokyo")
def test_dcmjs_writes_the_time_of_greenwich(landmark_set: LandmarkSet) -> None:
    """A label that was sent a minute after a report of OHIF is the newer one."""
    of_ohif = parse_report(report_of())
    assert of_ohif.when == "20261125080501.000000"
    moment = datetime(2026, 11, 24, 23, 6, tzinfo=UTC)
    ours = [
        parse_report(report_dataset(ALL, landmark_set, image, when=moment))
        for image in (image_of(), image_of(TimezoneOffsetFromUTC="-0700"))
    ]
    assert [report.when for report in ours] == ["20261125080600.000000"] * 2
    assert all(report.order > of_ohif.order for report in ours)


def test_a_report_means_the_same_moment_on_a_machine_elsewhere(
    landmark_set: LandmarkSet, in_tokyo: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = report_dataset(ALL, landmark_set, image_of(), when=datetime(2026, 11, 24, 23, 6, tzinfo=UTC))
    assert (report.ContentDate, report.ContentTime) == ("20261125", "080600.000000")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert parse_report(report).when == "20261124230600.000000"


def test_the_missing_of_several_images_are_nobodys(landmark_set: LandmarkSet) -> None:
    report = stored(report_dataset(ALL, landmark_set, image_of()))
    reference = groups_of(report)[1].ContentSequence
    (region,) = (below for below in reference if below.ValueType == "SCOORD")
    region.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID = "1.2.77"
    landmarks = report_landmarks(parse_report(report), landmark_set, image_of())
    assert [landmark.state for landmark in landmarks] == [
        State.OCCLUDED,
        State.UNDEFINED,
        State.DEFINED,
        State.UNDEFINED,
        State.UNDEFINED,
    ]


def test_a_report_that_ohif_has_drawn_and_stored_again_is_ohifs(landmark_set: LandmarkSet) -> None:
    """It keeps our findings, but neither notes nor the missing."""
    ours = stored(report_dataset(ALL, landmark_set, image_of()))
    finding = items_of(groups_of(ours)[0], known.FINDING)[0]
    report = parse_report(report_of([tracking(PROBE), finding, comment("Sella"), centre(100.75, 200.5)]))
    assert (report.ours, report.by_cornerstone) == (False, True)
    assert report_landmarks(report, landmark_set, image_of())["Sella"] == Landmark("Sella", 100.25, 200.0)


def elements_of(dataset: Dataset) -> list[tuple[Dataset, Any]]:
    found = []
    for element in dataset:
        found.append((dataset, element.tag))
        if element.VR == "SQ":
            found += [inner for below in element.value for inner in elements_of(below)]
    return found


SMALL = Landmarks(
    (
        Landmark("Sella", 10, 20, State.OCCLUDED, 0.9, Predicted(1, 2, "ceph 1")),
        Landmark("Nasion", 30, 40),
        Landmark("Point A", state=State.MISSING),
    )
)


@pytest.fixture(scope="session")
def pristine(landmark_set: LandmarkSet) -> bytes:
    """The file of a small report of ours."""
    buffer = io.BytesIO()
    report_dataset(SMALL, landmark_set, image_of()).save_as(buffer, write_like_original=False)
    return buffer.getvalue()


JUNK = st.sampled_from([None, "", "x", "\\", b"", b"\xff\xfe\xfd", -1, math.nan, [], ["a", 1], [Dataset()], Dataset()])


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom tells what it finds wrong
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_damage_never_ends_in_anything_but_a_label_error(
    data: st.DataObject, landmark_set: LandmarkSet, pristine: bytes
) -> None:
    ours = data.draw(st.booleans())
    report = pydicom.dcmread(io.BytesIO(pristine)) if ours else report_of([comment("Nasion"), centre(1, 2)])
    elements = elements_of(report)
    for owner, tag in data.draw(st.lists(st.sampled_from(elements), min_size=1, max_size=3)):
        how = data.draw(st.sampled_from(["delete", "value", "bytes"]))
        if how == "delete":
            owner._dict.pop(tag, None)
        elif how == "value" and tag in owner:
            with contextlib.suppress(Exception):  # what pydicom keeps anybody from setting is not set
                owner[tag]._value = data.draw(JUNK)
        elif how == "bytes" and tag in owner._dict:
            raw = data.draw(st.binary(max_size=9))
            vr = data.draw(st.sampled_from(["UI", "FL", "UT", "DS", "PN", "CS", "IS", "US", "FD", "LO", "AT"]))
            owner._dict[tag] = RawDataElement(tag, vr, len(raw), raw, 0, False, True)
    with contextlib.suppress(LabelError):
        landmarks = report_landmarks(parse_report(report), landmark_set, image_of())
        assert landmarks.names == landmark_set.names


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=100, deadline=None)
@given(cut=st.floats(0, 1))
def test_a_file_that_was_cut_off(cut: float, pristine: bytes) -> None:
    header = 400  # what comes before, a file has or is none
    try:
        report = pydicom.dcmread(io.BytesIO(pristine[: header + int(cut * (len(pristine) - header))]))
    except Exception:  # noqa: BLE001 - what pydicom does not read never comes to us
        return
    with contextlib.suppress(LabelError):
        assert isinstance(parse_report(report), Report)
