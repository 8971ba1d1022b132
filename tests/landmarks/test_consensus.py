"""Several labels of one radiograph as one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.landmarks import Landmark, Landmarks, LandmarksError, Predicted, State
from lib.landmarks.consensus import Reading, completed, consensus, first_readings

METHODS = ("mean", "median")
NAMES = ("a", "b", "c")
UNDEFINED, MISSING = State.UNDEFINED, State.MISSING


def label(*points: tuple[float, float] | State) -> Landmarks:
    """Landmarks a, b, ... at these places or in these states."""
    return Landmarks(
        tuple(
            Landmark(name, state=point) if isinstance(point, State) else Landmark(name, *point)
            for name, point in zip(NAMES, points, strict=False)
        )
    )


@st.composite
def landmarks(draw: st.DrawFn) -> Landmarks:
    number = st.floats(-1e4, 1e4)
    items = []
    for name in NAMES:
        state = draw(st.sampled_from(State))
        place = (draw(number), draw(number)) if state.has_position else (math.nan, math.nan)
        items.append(Landmark(name, *place, state))
    return Landmarks(tuple(items))


def plain(found: Landmarks) -> list[tuple[str, float | None, float | None, State]]:
    return [(i.name, *(None if math.isnan(v) else v for v in (i.x, i.y)), i.state) for i in found]


@given(landmarks(), st.integers(1, 12), st.sampled_from(METHODS))
def test_readings_that_agree_are_their_own_consensus(one, count, method):
    assert plain(consensus([one] * count, method)) == plain(one)


@given(st.lists(landmarks(), min_size=1, max_size=7), st.randoms(), st.sampled_from(METHODS))
def test_the_order_of_readings_does_not_matter(labels, random, method):
    shuffled = list(labels)
    random.shuffle(shuffled)
    assert plain(consensus(shuffled, method)) == plain(consensus(labels, method))


@given(st.lists(landmarks(), min_size=1, max_size=7), st.sampled_from(METHODS))
def test_a_consensus_lies_among_its_readings(labels, method):
    for index, found in enumerate(consensus(labels, method)):
        placed = [item[index] for item in labels if item[index].state.has_position]
        if found.state.has_position:
            assert min(p.x for p in placed) <= found.x <= max(p.x for p in placed)
            assert min(p.y for p in placed) <= found.y <= max(p.y for p in placed)


def test_by_hand():
    labels = [label((0, 0)), label((2, 1)), label((10, 5))]
    assert plain(consensus(labels, "mean")) == [("a", 4, 2, State.DEFINED)]
    assert plain(consensus(labels, "median")) == [("a", 2, 1, State.DEFINED)]
    even = [*labels, label((4, 3))]
    assert plain(consensus(even, "median")) == [("a", 3, 2, State.DEFINED)]  # between the two in the middle


@pytest.mark.parametrize(
    ("readings", "state", "x"),
    [
        ((MISSING, MISSING, (4, 0)), MISSING, None),
        ((MISSING, (4, 0)), State.DEFINED, 4),  # a tie: it is there
        ((MISSING, (4, 0), (6, 0)), State.DEFINED, 5),
        ((MISSING, UNDEFINED, UNDEFINED), MISSING, None),
        ((UNDEFINED, (4, 0), UNDEFINED), State.DEFINED, 4),
        ((UNDEFINED, UNDEFINED), UNDEFINED, None),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_what_is_missing_or_not_annotated(readings, state, x, method):
    [found] = consensus([label(reading) for reading in readings], method)
    assert (found.state, None if math.isnan(found.x) else found.x) == (state, x)


def test_occluded_where_most_say_so():
    occluded, seen = (Landmarks((Landmark("a", 1, 1, state),)) for state in (State.OCCLUDED, State.DEFINED))
    assert consensus([occluded, occluded, seen], "mean")[0].state is State.OCCLUDED
    assert consensus([occluded, seen], "mean")[0].state is State.DEFINED


def test_what_has_no_consensus():
    with pytest.raises(LandmarksError, match="at least one label"):
        consensus([], "mean")
    with pytest.raises(LandmarksError, match="different landmarks"):
        consensus([label((1, 1)), label((1, 1), (2, 2))], "mean")


def test_one_reading_stays_as_it_is():
    moved = Landmarks((Landmark("a", 1, 2, confidence=0.5, predicted=Predicted(3, 4, "model 1")),))
    assert consensus([moved], "median") is moved


def test_what_a_label_says_nothing_about_comes_from_another():
    found = completed(label((1, 1), UNDEFINED, MISSING), by=label((9, 9), (2, 2), (3, 3)))
    assert plain(found) == plain(label((1, 1), (2, 2), MISSING))


def test_one_person_one_vote():
    readings = [Reading("bob", label((1, 1)), number=2), Reading("ada", label((2, 2)), number=3)]
    readings += [Reading("ada", label((3, 3)), number=2)]
    assert [(reading.annotator, reading.number) for reading in first_readings(readings)] == [("ada", 2), ("bob", 2)]
