import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.formats import COLUMNS, LabelError, csv_rows, json_text, parse_result, result_document, write_csv
from lib.landmarks import Landmark, Landmarks, Predicted, Region, State
from lib.radiographs import PixelSpacing, RadiographHeader, SpacingSource
from tests.formats.conftest import regions

SPACING = PixelSpacing(0.2, 0.1, SpacingSource.USER)
REGION = Region(14.2, (16.0, 10.1, 35.0))
PLACED = {"name": "A", "x": 1, "y": 1, "confidence": 1, "state": "defined"}
UNKNOWN = {"check": False, "radius_px": None, "radius_mm": None, "ellipse": None}
LANDMARKS = Landmarks(
    (
        Landmark("Sella, innen", 10.5, 20.25, confidence=0.9, predicted=Predicted(10.5, 20.25, "ceph 3", REGION, True)),
        Landmark("下顎点", state=State.MISSING),
        Landmark("A", 0, 0, State.OCCLUDED),
    )
)


def test_result_document(header: RadiographHeader) -> None:
    document = result_document(LANDMARKS, header, SPACING, "ceph", "3")
    assert document == {
        "model": "ceph",
        "version": "3",
        "image": {"width": 1935, "height": 2400},
        "pixel_spacing": {"x": 0.2, "y": 0.1, "source": "user"},
        "landmarks": [
            {
                "name": "Sella, innen",
                "x": 10.5,
                "y": 20.25,
                "confidence": 0.9,
                "state": "defined",
                "check": True,
                "radius_px": 14.2,
                "radius_mm": 14.2 * 0.2,
                "ellipse": {"a_px": 16.0, "b_px": 10.1, "angle_deg": 35.0},
            },
            {"name": "下顎点", "x": None, "y": None, "confidence": None, "state": "missing", **UNKNOWN},
            {"name": "A", "x": 0, "y": 0, "confidence": None, "state": "occluded", **UNKNOWN},
        ],
    }
    assert parse_result(document).landmarks["Sella, innen"] == LANDMARKS["Sella, innen"]


def test_what_the_answer_as_a_whole_is_worth(header: RadiographHeader) -> None:
    trust = {"calibrated": False, "note": "The model has not been calibrated."}
    document = result_document(LANDMARKS, header, PixelSpacing.unknown(), "ceph", "3", trust)
    assert document["trust"] == trust
    assert document["landmarks"][0]["radius_mm"] is None
    assert parse_result(document).landmarks["Sella, innen"] == LANDMARKS["Sella, innen"]


def test_an_answer_of_an_older_server(header: RadiographHeader) -> None:
    document = result_document(LANDMARKS, header, SPACING, "ceph", "3")
    for landmark in document["landmarks"]:
        for key in UNKNOWN:
            del landmark[key]
    assert [item.predicted for item in parse_result(document).landmarks] == [None, None, None]


def predicted(item: Landmark, region: Region | None, check: bool) -> Landmark:
    there = item.state.has_position
    return replace(item, predicted=Predicted(item.x, item.y, "ceph 3", region, check)) if there else item


@given(
    points=st.lists(st.none() | st.tuples(*[st.floats(-1e6, 1e6)] * 2), min_size=1, max_size=5),
    confidence=st.none() | st.floats(0, 1),
    spacing=st.sampled_from([SPACING, PixelSpacing.unknown()]),
    region=regions,
    check=st.booleans(),
)
def test_result_round_trip(
    points: list[tuple[float, float] | None],
    confidence: float | None,
    spacing: PixelSpacing,
    region: Region | None,
    check: bool,
    header: RadiographHeader,
) -> None:
    rows = [(math.nan, math.nan) if point is None else point for point in points]
    landmarks = Landmarks.from_points([f"L{i}" for i in range(len(rows))], rows, [confidence] * len(rows))
    if region is not None or check:
        landmarks = Landmarks(tuple(predicted(item, region, check) for item in landmarks))
    result = parse_result(json_text(result_document(landmarks, header, spacing, "ceph", "3")))
    assert repr(result.landmarks) == repr(landmarks)  # NaN is not equal to itself, its text is
    assert (result.width, result.height, result.model, result.version) == (1935, 2400, "ceph", "3")
    assert result.pixel_spacing == spacing


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"landmarks": None}, "Not a landmark result"),
        ({"landmarks": [{"name": "A"}]}, "Not a landmark result: 'x' is missing"),
        ({"landmarks": [{"name": "A", "x": 1, "y": None, "confidence": None, "state": "defined"}]}, "'A'.*not finite"),
        ({"landmarks": [{"name": "A", "x": 1, "y": 1, "confidence": 2, "state": "defined"}]}, "'A' has confidence 2"),
        ({"landmarks": [{**PLACED, "radius_px": 0}]}, "A region has lengths above 0"),
        ({"landmarks": [{**PLACED, "radius_px": "far"}]}, "Not a landmark result"),
        (
            {"landmarks": [{**PLACED, "radius_px": 2, "ellipse": {"a_px": 1}}]},
            "Not a landmark result: 'b_px' is missing",
        ),
        ({"landmarks": [{**PLACED, "radius_px": 2, "ellipse": [1, 2, 3]}]}, "Not a landmark result"),
        ({"landmarks": [{"name": "A", "x": 1, "y": 1, "confidence": 1, "state": "odd"}]}, "'odd' is not a valid State"),
        ({"image": {"width": math.inf, "height": 1}}, "Not a landmark result"),
        ({"pixel_spacing": {"x": 1}}, "A pixel spacing is written as"),
    ],
)
def test_other_documents_are_refused(change: dict[str, Any], sentence: str, header: RadiographHeader) -> None:
    document = {**result_document(LANDMARKS, header, SPACING, "ceph", "3"), **change}
    with pytest.raises(LabelError, match=sentence):
        parse_result(document)


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", "[" * 100_000])
def test_other_files_are_refused(content: str) -> None:
    with pytest.raises(LabelError, match="Not a landmark result"):
        parse_result(content)


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    write_csv(path, [("bild 1", LANDMARKS, SPACING), ("bild 2", LANDMARKS, PixelSpacing.unknown())])
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 6
    assert rows[0] == {
        "image": "bild 1",
        "landmark": "Sella, innen",
        "x_px": "10.5",
        "y_px": "20.25",
        "x_mm": "2.1",
        "y_mm": "2.025",
        "state": "defined",
        "confidence": "0.9",
        "radius_px": "14.2",
        "radius_mm": str(14.2 * 0.2),
        "check": "True",
    }
    assert [rows[1][column] for column in COLUMNS[8:]] == [""] * 3
    assert (rows[3]["radius_px"], rows[3]["radius_mm"]) == ("14.2", "")
    assert [rows[1][column] for column in COLUMNS[2:6]] == [""] * 4
    assert (rows[3]["x_px"], rows[3]["x_mm"]) == ("10.5", "")


def test_csv_rows_hold_no_nan() -> None:
    rows = list(csv_rows([("a", LANDMARKS, SPACING)]))
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
