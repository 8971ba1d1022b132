import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.formats.notes import Notes, exact_confidence, read_notes, write_notes

pixels = st.floats(-1, 20_000).map(lambda value: round(value, 4) + 0.0)
plain = st.text(max_size=40).map(lambda text: " ".join(text.replace(",", "").replace("|", "").split()))


@given(
    st.builds(
        Notes,
        st.booleans(),
        st.none() | st.integers(0, 100).map(lambda percent: percent / 100),
        st.none() | st.tuples(pixels, pixels),
        plain,
        plain,
    )
)
def test_written_and_read_back_is_the_same(notes):
    model = notes.model if notes.predicted is not None else ""  # a model says nothing without a prediction
    back = read_notes(write_notes(notes))
    assert back == Notes(notes.occluded, notes.confidence, notes.predicted, model, notes.definition)


def test_what_an_annotator_reads_in_slicers_table():
    notes = Notes(True, 0.934, (812.25, 1034.0), "farnet_ceph 20261124-ab", "The centre of the pituitary fossa.")
    assert write_notes(notes) == (
        "occluded, confidence=0.93, predicted=812.2500 1034.0000, model=farnet_ceph 20261124-ab"
        " | The centre of the pituitary fossa."
    )
    assert write_notes(Notes()) == ""


def test_a_name_cannot_break_the_notes():
    notes = read_notes(write_notes(Notes(predicted=(1.0, 2.0), model="a, occluded | b", definition="x | y")))
    assert notes == Notes(predicted=(1.0, 2.0), model="a occluded b", definition="x | y")


@pytest.mark.parametrize(
    "description",
    [
        *(None, 7, "", "moved by me", "predicted=", "predicted=1", "predicted=1 2 3", "predicted=a b"),
        *("predicted=nan 1", "predicted=1 inf", "confidence=2", "confidence=nan", "model=x"),
        *("| occluded", "not occluded", "occluded=no", "predicted=1e9 1", "predicted=-1.7e308 -1.7e308"),
    ],
)  # fmt: skip
def test_what_is_no_note_is_none(description):
    notes = read_notes(description)
    assert (notes.occluded, notes.confidence, notes.predicted, notes.model) == (False, None, None, "")


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


@pytest.mark.parametrize(
    ("told", "measured", "confidence"),
    [(0.93, 0.931, 0.931), (0.93, 0.5, 0.93), (0.93, None, 0.93), (0.93, True, 0.93), (None, 0.9, None), (1.0, 2, 1.0)],
)
def test_the_measurement_counts_where_it_agrees(told, measured, confidence):
    assert exact_confidence(told, measured) == confidence
