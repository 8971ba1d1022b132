import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.formats.notes import Notes, exact_confidence, read_notes, write_notes
from lib.landmarks import Region

pixels = st.floats(-1, 20_000).map(lambda value: round(value, 4) + 0.0)
lengths = st.integers(1, 500_000).map(lambda hundredths: hundredths / 100)
regions = st.tuples(lengths, lengths, lengths, st.integers(-900, 900).map(lambda tenths: tenths / 10))
plain = st.text(max_size=40).map(lambda text: " ".join(text.replace(",", "").replace("|", "").split()))


@given(
    st.builds(
        Notes,
        st.booleans(),
        st.none() | st.integers(0, 100).map(lambda percent: percent / 100),
        st.none() | st.tuples(pixels, pixels),
        plain,
        plain,
        st.booleans(),
        st.none() | regions,
    )
)
def test_written_and_read_back_is_the_same(notes):
    back = read_notes(write_notes(notes))
    if notes.predicted is None:  # of which model, flag and region are
        notes = replace(notes, model="", check=False, region=None)
    assert back == notes


def test_what_an_annotator_reads_in_slicers_table():
    notes = Notes(True, 0.934, (812.25, 1034.0), "farnet_ceph 20261124-ab", "The centre of the pituitary fossa.")
    assert write_notes(notes) == (
        "occluded, confidence=0.93, predicted=812.2500 1034.0000, model=farnet_ceph 20261124-ab"
        " | The centre of the pituitary fossa."
    )
    assert write_notes(Notes()) == ""


def test_what_a_calibrated_model_tells():
    notes = Notes(
        confidence=0.934, predicted=(812.25, 1034.0), model="ceph 3", check=True, region=(14.2, 16.0, 10.1, 35.0)
    )
    assert write_notes(notes) == (
        "check, confidence=0.93, radius=14.20, ellipse=16.00 10.10 35.0, predicted=812.2500 1034.0000, model=ceph 3"
    )
    tiny = write_notes(replace(notes, region=(1e-5, 1e-5, 1e-6, -0.04)))
    assert read_notes(tiny).region == (0.01, 0.01, 0.01, 0.0)  # a length that is told stays one


@pytest.mark.parametrize(
    ("told", "region"),
    [
        ("radius=14.2", (14.2, 14.2, 14.2, 0.0)),
        ("radius=14.2, ellipse=3 2", (14.2, 14.2, 14.2, 0.0)),
        ("ellipse=3 2 1", None),
        *((f"radius={bad}, ellipse=3 2 1", None) for bad in ("0", "-1", "nan", "1e9", "a", "", "1 2")),
        *((f"radius=9, ellipse={bad}", None) for bad in ("0 2 1", "3 -2 1")),
    ],
)
def test_regions_are_read_with_care(told, region):
    assert read_notes(f"{told}, predicted=1 2").region == region
    assert read_notes(told).region is None  # of a prediction that there is not


def test_check_without_a_prediction_is_somebodys_own_word():
    notes = read_notes("check, occluded")
    assert (notes.check, notes.occluded, notes.definition) == (False, True, "check")
    assert read_notes("check=no, predicted=1 2").check is False


def test_a_name_cannot_break_the_notes():
    notes = read_notes(write_notes(Notes(predicted=(1.0, 2.0), model="a, occluded | b", definition="x | y")))
    assert notes == Notes(predicted=(1.0, 2.0), model="a occluded b", definition="x | y")


@pytest.mark.parametrize(
    "description",
    [
        *(None, 7, "", "moved by me", "predicted=", "predicted=1", "predicted=1 2 3", "predicted=a b"),
        *("predicted=nan 1", "predicted=1 inf", "confidence=2", "confidence=nan", "model=x"),
        *("radius=1", "radius=1, ellipse=1 2 3", "ellipse=", "predicted=1, radius=2"),
        *("| occluded", "not occluded", "occluded=no", "predicted=1e9 1", "predicted=-1.7e308 -1.7e308"),
    ],
)  # fmt: skip
def test_what_is_no_note_is_none(description):
    notes = read_notes(description)
    assert replace(notes, definition="") == Notes()


def test_what_somebody_wrote_is_kept():
    assert read_notes("my remark").definition == "my remark"
    notes = read_notes("seen twice, confidence=0.93 | The centre.")
    assert (notes.confidence, notes.definition) == (0.93, "seen twice The centre.")
    assert read_notes(write_notes(notes)) == notes


@given(st.text())
def test_any_text_can_be_read(text):
    notes = read_notes(text)
    assert notes.confidence is None or 0 <= notes.confidence <= 1
    assert notes.predicted is None or all(math.isfinite(value) for value in notes.predicted)


@given(st.text(" 0123456789.-einfa", max_size=12), st.text(" 0123456789.-einfa", max_size=20))
def test_any_region_that_is_read_is_one(radius, ellipse):
    region = read_notes(f"radius={radius}, ellipse={ellipse}, predicted=1 2").region
    assert region is None or Region(region[0], region[1:])


@pytest.mark.parametrize(
    ("told", "measured", "confidence"),
    [(0.93, 0.931, 0.931), (0.93, 0.5, 0.93), (0.93, None, 0.93), (0.93, True, 0.93), (None, 0.9, None), (1.0, 2, 1.0)],
)
def test_the_measurement_counts_where_it_agrees(told, measured, confidence):
    assert exact_confidence(told, measured) == confidence
