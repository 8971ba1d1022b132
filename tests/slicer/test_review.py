"""The annotator's list: status, order, what is left. Plain Python, no Slicer."""

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from FARNetLandmarksLib.notes import Notes
from FARNetLandmarksLib.review import (
    Row,
    Status,
    listed,
    neighbour,
    next_left,
    submission_question,
    summary,
    worst_first,
)
from FARNetLandmarksLib.trust import is_unsure, radius_text, trust_text

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "slicer" / "FARNetLandmarks"
AT = Notes(confidence=0.8, predicted=(10.0, 20.0), model="ceph 1")


def row(name="Sella", state="defined", pixel=(10.0, 20.0), notes=AT, **more):
    return Row(more.pop("index", 0), name, state, pixel if state == "defined" else None, notes, **more)


@pytest.mark.parametrize(
    ("landmark", "status", "text"),
    [
        (row(), Status.PREDICTED, "predicted"),
        (row(unsure=True), Status.UNSURE, "unsure"),
        (row(unsure=True, checked=True), Status.ACCEPTED, "accepted"),
        (row(pixel=(13.0, 24.0), checked=True), Status.MOVED, "moved 5.0 px"),
        (row(pixel=(10.0005, 20.0)), Status.PREDICTED, "predicted"),
        (row(notes=Notes()), Status.PLACED, "placed"),
        (row(notes=Notes(confidence=0.0)), Status.PLACED, "placed"),  # the model had not found it
        (row(notes=Notes(True, 0.7, (10.0, 20.0))), Status.PREDICTED, "predicted, occluded"),
        (row(notes=Notes(occluded=True)), Status.PLACED, "placed, occluded"),
        (row(state="undefined"), Status.TO_PLACE, "to place"),
        (row(state="missing"), Status.SKIPPED, "skipped"),
        (row(state="missing", notes=Notes(occluded=True)), Status.SKIPPED, "skipped"),
    ],
)
def test_status(landmark, status, text):
    assert landmark.status is status
    assert landmark.status_text() == text
    assert landmark.is_left == (status in (Status.PREDICTED, Status.UNSURE, Status.TO_PLACE))
    decided = status in (Status.MOVED, Status.PLACED, Status.SKIPPED, Status.ACCEPTED)
    assert landmark.edited == (decided or landmark.notes.occluded)


def rows():
    return [
        row("sure", index=0, notes=Notes(confidence=0.9, predicted=(10.0, 20.0))),
        row("by hand", index=1, notes=Notes()),
        row("poor", index=2, notes=Notes(confidence=0.1, predicted=(10.0, 20.0)), unsure=True),
        row("nowhere", index=3, state="undefined"),
        row("gone", index=4, state="missing"),
    ]


def test_a_calibrated_model_says_itself_what_is_worst():
    def told(name, index, confidence, radius, check=False):
        notes = Notes(confidence=confidence, predicted=(10.0, 20.0), check=check, region=(radius, radius, radius, 0.0))
        return row(name, index=index, notes=notes, unsure=check)

    ordered = worst_first(
        [
            told("sure", 0, 0.9, 6.0),
            told("wide", 1, 0.95, 30.0),
            told("flagged", 2, 0.99, 9.0, check=True),
            told("flagged and wide", 3, 1.0, 9.5, check=True),
            row("nowhere", "undefined", index=4, notes=Notes()),
            row("by hand", index=5, notes=Notes()),
        ]
    )
    assert [item.name for item in ordered] == ["nowhere", "flagged and wide", "flagged", "wide", "sure", "by hand"]


@pytest.mark.parametrize(
    ("notes", "second_colour", "unsure", "radius", "meaning"),
    [
        (Notes(), True, True, "", ""),
        (Notes(confidence=0.2), True, True, "", "How sure the model is, 0 to 1; it has not been calibrated"),
        (Notes(check=True), False, True, "", ""),
        (
            Notes(confidence=0.934, region=(14.2, 16.0, 10.1, 35.0)),
            True,  # somebody has clicked on it
            False,
            "±14 px",
            "In nine cases of ten within 14 px of where the model put it; "
            "within the tolerance with a probability of 93 %",
        ),
        (
            Notes(check=True, region=(9.94, 9.94, 9.94, 0.0)),
            False,
            True,
            "±9.9 px",
            "In nine cases of ten within 9.9 px of where the model put it",
        ),
    ],
)
def test_what_a_model_says_of_itself(notes, second_colour, unsure, radius, meaning):
    assert is_unsure(notes, second_colour) is unsure
    assert radius_text(notes) == radius
    assert trust_text(notes) == meaning


def test_worst_first_and_round_the_table():
    ordered = worst_first(rows())
    assert [item.name for item in ordered] == ["nowhere", "poor", "gone", "sure", "by hand"]
    assert neighbour(ordered, "by hand", 1).name == "nowhere"
    assert neighbour(ordered, "nowhere", -1).name == "by hand"
    assert neighbour(ordered, None, 1).name == "nowhere"
    assert neighbour([], "x", 1) is None


def test_the_next_that_is_left():
    ordered = worst_first(rows())
    assert next_left(ordered, "nowhere").name == "poor"
    assert next_left(ordered, "poor").name == "sure"
    assert next_left(ordered, "sure").name == "nowhere"
    assert next_left(ordered, None).name == "nowhere"
    assert next_left([row(checked=True)], "Sella") is None


def test_what_is_said_of_the_whole():
    assert summary(rows()) == "3 of 5 left: 1 to place, 1 unsure, 1 predicted"
    assert summary([row(checked=True)]) == "All 1 landmarks are decided"
    assert summary([]) == "No landmarks yet"
    assert submission_question([row()]) is None
    assert submission_question(rows()).startswith("Neither placed nor skipped: nowhere.")
    assert listed([str(number) for number in range(8)]) == "0, 1, 2, 3, 4, 5 and 2 more"


@given(
    st.lists(st.tuples(st.floats(0, 1) | st.none(), st.sampled_from(["defined", "undefined", "missing"])), max_size=9)
)
def test_every_landmark_is_reached_by_stepping(kinds):
    made = [
        row(f"L{index}", state, index=index, notes=Notes(confidence=confidence))
        for index, (confidence, state) in enumerate(kinds)
    ]
    ordered, name, seen = worst_first(made), None, []
    for _ in ordered:
        name = neighbour(ordered, name, 1).name
        seen.append(name)
    assert sorted(seen) == sorted(item.name for item in made)


PLAIN, SCENE = ("notes", "review"), ("lists", "decisions", "views", "session")


def imported(path):
    """Names of the modules that a file imports, wherever in it."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


@pytest.mark.parametrize("path", sorted(MODULE.rglob("*.py")), ids=lambda path: path.stem)
def test_the_walls_of_the_module(path):
    """It is installed alone; its plain layer knows no Slicer, and the layer of the scene no windows."""
    roots = {name.split(".")[0] for name in imported(path)}
    assert not roots & {"lib", "monailabel_app", "monailabel", "torch", "tests"}
    if path.stem in (*PLAIN, *SCENE):
        upper = {"bridge", "submission", "stock", "panel", "table", *(SCENE if path.stem in PLAIN else ())}
        assert not roots & ({"qt", "slicer", "vtk"} if path.stem in PLAIN else {"qt"})
        assert not {name.split(".")[-1] for name in imported(path)} & upper


def test_the_modules_copy_of_the_notes_is_the_servers():
    ours, copy = ROOT / "lib" / "formats" / "notes.py", MODULE / "FARNetLandmarksLib" / "notes.py"
    assert copy.read_bytes() == ours.read_bytes(), "copy lib/formats/notes.py into the companion module"


def test_the_module_runs_on_the_python_of_slicer_5_6():
    import vermin

    config = vermin.Config()
    visitors = {path: vermin.visit(path.read_text(encoding="utf-8"), config) for path in sorted(MODULE.rglob("*.py"))}
    assert len(visitors) >= 9
    assert {
        path.name: found.minimum_versions()[1]
        for path, found in visitors.items()
        if found.minimum_versions()[1] > (3, 9)
    } == {}
