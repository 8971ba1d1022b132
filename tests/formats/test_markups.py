import contextlib
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.formats import LabelError, json_text, markups_document, parse_markups, point_labels
from lib.landmarks import Landmark, Landmarks, LandmarkSet, Predicted, Region, State
from lib.radiographs import Geometry, RadiographHeader
from tests.formats.conftest import NAMES, assert_same_region, header_of, regions


def points_file(*points: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {"markups": [{"type": "Fiducial", "controlPoints": list(points), **keys}]}


def point(label: object, *position: float, **keys: Any) -> dict[str, Any]:
    return {"label": label, "position": list(position), **keys}


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    matrix = np.random.default_rng(draw(st.integers(0, 2**32))).normal(size=(3, 3))
    rotation, _ = np.linalg.qr(matrix)
    spacing = draw(st.tuples(*[st.floats(0.02, 2.0)] * 3))
    origin = draw(st.tuples(*[st.floats(-500, 500)] * 3))
    return Geometry(np.array(origin), rotation, np.array(spacing))


@st.composite
def annotations(draw: st.DrawFn) -> Landmarks:
    placed = draw(st.integers(0, len(NAMES) - 1))  # at least one landmark has a position
    items = []
    for index, name in enumerate(NAMES):
        state = draw(st.sampled_from([State.DEFINED, State.OCCLUDED] if index == placed else list(State)))
        confidence = draw(st.none() | st.floats(0, 1))
        x, y = (
            (draw(st.floats(-0.4, 1934)), draw(st.floats(-0.4, 2399))) if state.has_position else (math.nan, math.nan)
        )
        place = (st.floats(0, 1934), st.floats(0, 2399))
        predicted = draw(st.none() | st.builds(Predicted, *place, st.just("ceph 7-ab"), regions, st.booleans()))
        items.append(Landmark(name, x, y, state, confidence, predicted))
    return Landmarks(tuple(items))


@settings(max_examples=150, deadline=None)
@given(landmarks=annotations(), geometry=geometries(), defined=st.booleans())
def test_written_and_read_back_is_the_same(
    landmarks: Landmarks, geometry: Geometry, defined: bool, landmark_set: LandmarkSet
) -> None:
    document = markups_document(
        landmarks, geometry, title="FARNet", landmark_set=landmark_set if defined else None, low_confidence=0.5
    )
    back = parse_markups(json_text(document), landmark_set, header_of(geometry))
    assert back.names == landmarks.names
    np.testing.assert_allclose(back.points(), landmarks.points(), atol=1e-6)
    assert [item.state for item in back] == [item.state for item in landmarks]
    assert [item.confidence for item in back] == [item.confidence for item in landmarks]
    for item, known in zip(back, landmarks, strict=True):
        assert (item.predicted is None) == (known.predicted is None)
        if item.predicted is not None and known.predicted is not None:
            assert item.predicted.model == "ceph 7-ab"
            assert abs(item.predicted.x - known.predicted.x) < 1e-4
            assert abs(item.predicted.y - known.predicted.y) < 1e-4
            assert item.predicted.check == known.predicted.check
            assert_same_region(item.predicted.region, known.predicted.region)


@pytest.mark.parametrize(
    ("confidence", "region", "check", "selected"),
    [
        (0.9, None, False, True),
        (0.2, None, False, False),  # not calibrated: the confidence decides
        (0.2, Region(14.2, (16.0, 10.1, 35.0)), False, True),
        (0.9, Region(14.2, (16.0, 10.1, 35.0)), True, False),
        (0.9, None, True, False),  # of a shape that is not plausible
    ],
)
def test_what_is_to_be_checked_has_the_second_colour(
    confidence: float, region: Region | None, check: bool, selected: bool, header: RadiographHeader
) -> None:
    sella = Landmark("Sella", 1, 2, confidence=confidence, predicted=Predicted(1, 2, "ceph 7", region, check))
    document = markups_document(Landmarks((sella,)), header.geometry, title="x", low_confidence=0.3)
    assert document["markups"][0]["controlPoints"][0]["selected"] is selected


def test_the_document_is_slicers_template(landmark_set: LandmarkSet, header: RadiographHeader) -> None:
    landmarks = Landmarks(
        (
            Landmark("Sella", 100, 200, confidence=0.931),
            Landmark("Nasion", state=State.UNDEFINED, confidence=0.1),
            Landmark("下顎点", state=State.MISSING),
            Landmark("Point A", 0, 0, State.OCCLUDED, confidence=0.2),
        )
    )
    document = markups_document(landmarks, header.geometry, title="Ceph", landmark_set=landmark_set)
    (points_list,) = document["markups"]
    assert "v1.0.3" in document["@schema"]
    assert {key: points_list[key] for key in ("type", "name", "coordinateSystem", "coordinateUnits")} == {
        "type": "Fiducial",
        "name": "Ceph",
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
    }
    assert points_list["fixedNumberOfControlPoints"] is True
    assert points_list["locked"] is False
    assert points_list["display"]["glyphType"] == "Cross2D"
    assert points_list["measurements"][0]["controlPointValues"] == [0.931, 0.1, 0.0, 0.2]
    sella, nasion, menton, a = points_list["controlPoints"]
    assert sella["position"] == [30.0, 40.0, 30.0]  # (10, 20, 30) + (100 * 0.2, 200 * 0.1, 0)
    assert sella["selected"] is True
    assert sella["description"] == "confidence=0.93 | Where Sella is, as the atlas says."
    assert (nasion["positionStatus"], "position" in nasion, nasion["selected"]) == ("undefined", False, False)
    assert (menton["positionStatus"], menton["selected"]) == ("missing", True)
    assert (a["positionStatus"], a["selected"]) == ("defined", False)
    assert a["description"].startswith("occluded, confidence=0.20")


def test_without_confidence_there_is_no_measurement(header: RadiographHeader) -> None:
    document = markups_document(Landmarks((Landmark("Sella", 1, 2),)), header.geometry, title="x")
    assert document["markups"][0]["measurements"] == []
    assert document["markups"][0]["controlPoints"][0]["description"] == ""


@pytest.mark.parametrize("system", ["LPS", "RAS", "0", "1", None])
@pytest.mark.parametrize("empty", ["", None, "absent"])
def test_what_slicer_saves_is_read(
    system: str | None, empty: str | None, landmark_set: LandmarkSet, header: RadiographHeader
) -> None:
    """As measured: "position": "" for points without one, no list name, any order, the plugin's helper lists beside."""
    flip = -1 if system in ("RAS", "0") else 1
    unplaced = {} if empty == "absent" else {"position": empty}
    saved = points_file(
        point("Nasion", 12 * flip, 21 * flip, 30, positionStatus="defined", orientation=[-1, 0, 0, 0, -1, 0, 0, 0, 1]),
        {"label": "Sella", "positionStatus": "missing", **unplaced},
        {"label": "Point A", "positionStatus": "undefined", **unplaced},
        {"label": "下顎点", "positionStatus": "preview", "position": [1, 1, 1]},
        {"label": "Unterkiefer Übergang", **unplaced},
        coordinateUnits="mm",
        **({} if system is None else {"coordinateSystem": system}),
    )
    saved["@schema"] = "markups-schema-v1.0.4.json#"
    saved["markups"] += [
        {"type": "Fiducial", "controlPoints": []},
        {"type": "ROI", "controlPoints": [point("", 0, 0, 0)]},
    ]
    landmarks = parse_markups(json.dumps(saved).encode(), landmark_set, header)
    assert landmarks.names == NAMES
    assert [str(item.state) for item in landmarks] == ["missing", "defined", "undefined", "undefined", "undefined"]
    np.testing.assert_allclose(landmarks.points()[1], [10, 10])


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("S", "Sella"),
        ("sella", "Sella"),
        ("  SELLA ", "Sella"),
        ("point  a", "Point A"),
        ("a", "Point A"),
        ("unterkiefer u\u0308bergang", "Unterkiefer Übergang"),  # ü as macOS writes it: two letters
    ],
)
def test_labels_are_matched_as_people_write_them(
    label: str, name: str, landmark_set: LandmarkSet, header: RadiographHeader
) -> None:
    landmarks = parse_markups(points_file(point(label, 11, 21, 30)), landmark_set, header)
    assert landmarks[name].state is State.DEFINED
    assert landmarks.num_placed() == 1


def test_a_loose_label_that_two_landmarks_answer_to_is_unknown(header: RadiographHeader) -> None:
    landmarks = [
        {"name": name, "abbreviation": abbreviation, "definition": "d"}
        for name, abbreviation in [("A", "first"), ("a", "second"), ("third", "B")]
    ]
    twins = LandmarkSet.parse({"name": "t", "title": "t", "input_size": [64, 64], "landmarks": landmarks}, "t")
    assert parse_markups(points_file(point("a", 11, 21, 30)), twins, header)["a"].state is State.DEFINED
    with pytest.raises(LabelError, match="Unknown landmark ' a': not in the set 't'"):
        parse_markups(points_file(point(" a", 11, 21, 30)), twins, header)


GOOD = point("Sella", 11, 21, 30)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"\x89PNG\r\n\x1a\n", "not a JSON file"),
        ("", "not a JSON file"),
        ("[" * 100_000, "not a JSON file: it is nested too deeply"),
        (b" " * 5_000_001, r"has 5\.0 MB; a list of landmarks has less than 5 MB"),
        ("[]", "no list 'markups'"),
        ("null", "no list 'markups'"),
        ({"markups": {}}, "no list 'markups'"),
        ({"markups": ["x"]}, "no list 'markups'"),
        ({"markups": []}, "install the companion module 'FARNetLandmarks for 3D Slicer'"),
        (points_file(), "install the companion module"),
        ({"markups": [{"type": "ROI", "controlPoints": []}]}, "holds no landmark points.*FARNetLandmarks"),
        ({"markups": [{"type": "Fiducial", "controlPoints": "abc"}]}, "'controlPoints' is not a list of points"),
        ({"markups": [{"type": "Fiducial", "controlPoints": [1]}]}, "'controlPoints' is not a list of points"),
        ({"markups": points_file(GOOD)["markups"] * 2}, "holds 2 point lists: submit one"),
        (points_file(GOOD, point("Porion", 1, 1, 1), point("L3", 1, 1, 1)), "Unknown landmark 'Porion', 'L3': not"),
        (points_file(GOOD, point(7, 1, 1, 1)), "Unknown landmark '7'"),
        (points_file(GOOD, point("S", 1, 1, 1)), "'Sella' is listed more than once"),
        (points_file(point("Sella", math.nan, 1, 1)), "'Sella' has a position that is not finite"),
        (points_file(point("Sella", 1, math.inf, 1)), "'Sella' has a position that is not finite"),
        ('{"markups":[{"type":"Fiducial","controlPoints":[{"label":"S","position":[1e999,0,0]}]}]}', "not finite"),
        (points_file(point("Sella", 10**400, 1, 1)), "not finite"),
        (points_file(point("Sella", 1, 1)), "'Sella' has a position that is not three numbers"),
        (points_file(point("Sella", 1, 1, True)), "not three numbers"),
        (points_file({"label": "Sella", "position": "1,2,3"}), "not three numbers"),
        (points_file({"label": "Sella", "position": {"x": 1}}), "not three numbers"),
        (points_file(point("Sella", 11, 21, 30, positionStatus="odd")), "unknown position status \"odd\""),
        (points_file(point("Sella", 11, 21, 30, positionStatus=[])), r"unknown position status \[\]"),
        (points_file(point("Sella", 9, 21, 30)), r"'Sella' at \(-5\.0, 10\.0\) lies outside the image of 1935 x 2400"),
        (points_file(GOOD, coordinateUnits="um"), "in \"um\": only mm is understood"),
        (points_file(GOOD, coordinateSystem="IJK"), "\"IJK\" is neither LPS nor RAS"),
        (points_file(GOOD, coordinateSystem=["LPS"]), "neither LPS nor RAS"),
        (points_file({"label": "Sella", "positionStatus": "missing"}), "No landmark is placed"),
        (points_file({"label": "Sella", "positionStatus": "undefined", "position": ""}), "No landmark is placed"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_label_is_refused_with_one_sentence(
    content: Any, sentence: str, landmark_set: LandmarkSet, header: RadiographHeader
) -> None:
    with pytest.raises(LabelError, match=sentence) as refusal:
        parse_markups(content, landmark_set, header)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300


@settings(max_examples=300, deadline=None)
@given(
    content=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["Fiducial", "Sella"]),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["label", "position", "x"]), inner),
        max_leaves=8,
    ),
    place=st.sampled_from(["file", "list", "points", "label", "position", "positionStatus", "description", "units"]),
)
def test_nonsense_never_ends_in_anything_but_a_label_error(
    content: Any, place: str, landmark_set: LandmarkSet, header: RadiographHeader
) -> None:
    document: Any = {
        "file": content,
        "list": {"markups": content},
        "points": {"markups": [{"type": "Fiducial", "controlPoints": content}]},
        "units": points_file(GOOD, coordinateUnits=content, measurements=content),
    }.get(place, points_file({**GOOD, place: content}))
    with contextlib.suppress(LabelError):
        assert isinstance(parse_markups(json.dumps(document), landmark_set, header), Landmarks)


@pytest.mark.parametrize(
    ("description", "values", "confidence"),
    [
        ("confidence=0.93", [0.931], 0.931),
        ("Confidence = 0.93", [0.931], 0.931),
        ("confidence=0.93", [0.5], 0.93),  # the measurement belongs to another order of the points
        ("confidence=0.93", [0.931, 0.2], 0.93),
        ("confidence=0.93", "x", 0.93),
        ("confidence=7", [0.9], None),
        ("confidence=sure", [0.9], None),
        ("placed by me", [0.9], None),
        ("", [0.9], None),
        (None, [0.9], None),
    ],
)
def test_confidence_goes_with_the_point(
    description: str | None, values: Any, confidence: float | None, landmark_set: LandmarkSet, header: RadiographHeader
) -> None:
    measurement = {"name": "confidence", "controlPointValues": values}
    document = points_file({**GOOD, "description": description}, measurements=[measurement])
    assert parse_markups(document, landmark_set, header)["Sella"].confidence == confidence


def test_point_labels() -> None:
    assert point_labels(points_file(GOOD, point("B", 0, 0, 0))) == ["Sella", "B"]
    with pytest.raises(LabelError, match="companion module"):
        point_labels(points_file())
