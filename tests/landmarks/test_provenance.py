"""Who made a landmark."""

import pytest

from lib.landmarks import Landmark, Landmarks, Origin, Predicted, Provenance, State, provenance, provenance_table

MODEL = "farnet_ceph 20261124"
THERE = Predicted(10.0, 20.0, MODEL)


@pytest.mark.parametrize(
    ("landmark", "submitted", "expected"),
    [
        (Landmark("A", 10.0, 20.0, predicted=THERE), False, Provenance(Origin.PREDICTED, MODEL)),
        (Landmark("A", 10.0, 20.0, predicted=THERE), True, Provenance(Origin.ACCEPTED, MODEL)),
        (Landmark("A", 10.0006, 20.0, predicted=THERE), True, Provenance(Origin.ACCEPTED, MODEL)),  # lost as text
        (Landmark("A", 13.0, 24.0, predicted=THERE), True, Provenance(Origin.MOVED, MODEL, 5.0)),
        (Landmark("A", 13.0, 24.0, State.OCCLUDED, predicted=THERE), True, Provenance(Origin.MOVED, MODEL, 5.0)),
        (Landmark("A", 1.0, 2.0), True, Provenance(Origin.PLACED)),
        (Landmark("A", 1.0, 2.0, confidence=0.0), True, Provenance(Origin.PLACED)),  # the model had not found it
        (Landmark("A", 1.0, 2.0), False, Provenance(Origin.PREDICTED)),
        (Landmark("A", state=State.MISSING, predicted=THERE), True, Provenance(Origin.SKIPPED, MODEL)),
        (Landmark("A", state=State.MISSING), True, Provenance(Origin.SKIPPED)),
        (Landmark("A", state=State.UNDEFINED, predicted=THERE), True, None),
    ],
)
def test_where_a_landmark_comes_from(landmark, submitted, expected):
    assert provenance(landmark, submitted=submitted, tolerance_px=1e-3) == expected


def test_a_table_names_what_is_annotated():
    landmarks = Landmarks(
        (
            Landmark("Sella", 13.0, 24.0004, predicted=THERE),
            Landmark("Nasion", 1.0, 2.0),
            Landmark("Porion", state=State.UNDEFINED),
        )
    )
    assert provenance_table(landmarks, submitted=True, tolerance_px=1e-3) == {
        "Sella": {"origin": "moved", "model": MODEL, "moved_px": 5.0},
        "Nasion": {"origin": "placed"},
    }
