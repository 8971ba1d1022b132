import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.formats import COLUMNS, LabelError, csv_rows, json_text, parse_result, result_document, write_csv
from lib.landmarks import Landmark, Landmarks, State
from lib.radiographs import PixelSpacing, RadiographHeader, SpacingSource

SPACING = PixelSpacing(0.2, 0.1, SpacingSource.USER)
LANDMARKS = Landmarks(
    (
        Landmark("Sella, innen", 10.5, 20.25, confidence=0.9),
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
            {"name": "Sella, innen", "x": 10.5, "y": 20.25, "confidence": 0.9, "state": "defined"},
            {"name": "下顎点", "x": None, "y": None, "confidence": None, "state": "missing"},
            {"name": "A", "x": 0, "y": 0, "confidence": None, "state": "occluded"},
        ],
    }


@given(
    points=st.lists(st.none() | st.tuples(*[st.floats(-1e6, 1e6)] * 2), min_size=1, max_size=5),
    confidence=st.none() | st.floats(0, 1),
    spacing=st.sampled_from([SPACING, PixelSpacing.unknown()]),
)
def test_result_round_trip(
    points: list[tuple[float, float] | None], confidence: float | None, spacing: PixelSpacing, header: RadiographHeader
) -> None:
    rows = [(math.nan, math.nan) if point is None else point for point in points]
    landmarks = Landmarks.from_points([f"L{i}" for i in range(len(rows))], rows, [confidence] * len(rows))
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
    }
    assert [rows[1][column] for column in COLUMNS[2:6]] == [""] * 4
    assert (rows[3]["x_px"], rows[3]["x_mm"]) == ("10.5", "")


def test_csv_rows_hold_no_nan() -> None:
    rows = list(csv_rows([("a", LANDMARKS, SPACING)]))
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
