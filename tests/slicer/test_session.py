"""A review over real MRML: going from landmark to landmark, deciding, placing; slice views that follow."""

import numpy as np
import pytest
import slicer

from FARNetLandmarksLib import decisions, lists, views
from FARNetLandmarksLib.review import Status
from FARNetLandmarksLib.session import ReviewSession
from lib.formats import json_text, markups_document
from lib.landmarks import Landmark, Landmarks, Predicted, State
from lib.radiographs import Geometry

POINTS = {"sure": (40.0, 50.0, 0.9), "poor": (100.0, 60.0, 0.1), "fair": (70.0, 150.0, 0.5)}
HEIGHT, WIDTH = 200, 160


@pytest.fixture
def volume(mrml):
    return mrml.volume_of(np.zeros((HEIGHT, WIDTH), np.uint8), np.diag([-0.5, -0.5, 1.0, 1.0]), "radiograph")


def load(mrml, volume, tmp_path):
    items = [Landmark(name, x, y, confidence=c, predicted=Predicted(x, y, "m 1")) for name, (x, y, c) in POINTS.items()]
    items.append(Landmark("nowhere", state=State.UNDEFINED, confidence=0.0))
    place = Geometry(np.zeros(3), np.eye(3), np.array([0.5, 0.5, 1.0]))
    path = tmp_path / "prediction.mrk.json"
    path.write_text(json_text(markups_document(Landmarks(tuple(items)), place, title="prediction")))
    return lists.adopt(mrml.load_markups(path)[0], volume, "case")


@pytest.fixture
def view(mrml):
    red = slicer.vtkMRMLSliceNode()
    red.SetLayoutName("Red")
    red.SetName("Red")
    red.SetDimensions(400, 500, 1)
    mrml.scene.AddNode(red)
    return red


@pytest.fixture
def changes():
    return []


@pytest.fixture
def session(mrml, volume, view, tmp_path, changes):
    review = ReviewSession(mrml.scene, mrml.app, lambda: changes.append(1))
    load(mrml, volume, tmp_path)
    yield review
    review.close()


def status(session):
    return {row.name: row.status for row in session.rows()}


def middle(view):
    """Pixel in the middle of the slice view."""
    matrix = view.GetSliceToRAS()
    return -matrix.GetElement(0, 3) / 0.5, -matrix.GetElement(1, 3) / 0.5


def test_it_finds_a_list_that_arrives_and_lets_go_of_one_that_leaves(session, mrml, changes):
    assert [row.name for row in session.rows()] == ["nowhere", "poor", "fair", "sure"]
    changes.clear()
    decisions.put(session.node, 0, (1.0, 2.0))
    assert changes
    mrml.scene.RemoveNode(session.node)
    assert (session.node, session.rows(), session.current) == (None, [], None)
    for act in (session.accept, session.skip, session.place, session.reset, session.toggle_occluded, session.show_all):
        act()  # nothing to do, and no fault
    assert session.accept_all() == []


def test_stepping_shows_each_landmark(session, view):
    session.step(1)
    assert session.current == "nowhere"
    session.step(1)
    assert session.current == "poor"
    np.testing.assert_allclose(middle(view), POINTS["poor"][:2], atol=1e-6)
    session.step(-2)
    assert session.current == "sure"
    session.by_confidence = False
    assert [row.name for row in session.rows()] == [*POINTS, "nowhere"]


def test_zoom(session, view, volume):
    views.zoom(view, volume, 1.0)
    assert view.GetFieldOfView()[1] == pytest.approx(HEIGHT * 0.5)  # 160 x 200 pixels fill 400 x 500
    session.zoom = 4.0
    session.go("fair")
    assert view.GetFieldOfView()[:2] == pytest.approx((20.0, 25.0))
    session.show_all()
    assert view.GetFieldOfView()[1] == pytest.approx(100.0)
    np.testing.assert_allclose(middle(view), [(WIDTH - 1) / 2, (HEIGHT - 1) / 2], atol=0.51)


def test_accepting_goes_through_all_that_is_left(session):
    session.go("poor")
    session.accept()
    assert status(session)["poor"] is Status.ACCEPTED
    assert session.current == "fair"
    session.accept()
    session.accept()
    assert session.current == "nowhere"  # the only one that is left
    session.accept()
    assert status(session)["nowhere"] is Status.TO_PLACE  # what has no place cannot be right where it is


def test_accepting_all_leaves_what_has_no_place(session):
    assert sorted(session.accept_all()) == ["fair", "poor", "sure"]
    assert status(session)["nowhere"] is Status.TO_PLACE
    assert session.accept_all() == []


def test_skipping_and_taking_it_back(session):
    session.go("poor")
    session.skip()
    assert (status(session)["poor"], session.current) == (Status.SKIPPED, "fair")
    session.go("poor")
    session.skip()
    assert status(session)["poor"] is Status.UNSURE
    session.go("nowhere")
    session.skip()
    session.go("nowhere")
    session.skip()
    assert status(session)["nowhere"] is Status.TO_PLACE


def test_hand_work_that_is_skipped_or_given_up_comes_back(session):
    """Regression: skipping twice, and placing ended by Esc, went back to the prediction or left nothing."""
    decisions.put(session.node, 2, (10.0, 12.0))
    session.go("fair")
    session.skip()
    session.go("fair")
    session.skip()
    np.testing.assert_allclose(session.row().pixel, (10.0, 12.0), atol=1e-9)
    session.place()
    assert status(session)["fair"] is Status.TO_PLACE
    session.stop_placing()
    np.testing.assert_allclose(session.row().pixel, (10.0, 12.0), atol=1e-9)


def test_without_its_radiograph_a_landmark_is_not_reset_to_nowhere(session, mrml, volume):
    session.go("fair")
    mrml.scene.RemoveNode(volume)
    session.reset()
    assert session.row().state == "defined"


def test_a_radiograph_without_landmarks_is_shown_whole(mrml, view, volume, changes):
    empty = ReviewSession(mrml.scene, mrml.app, lambda: changes.append(1))
    mrml.app.GetSelectionNode().SetActiveVolumeID(volume.GetID())
    views.zoom(view, volume, 9.0)
    empty.show_all()
    assert view.GetFieldOfView()[1] == pytest.approx(100.0)
    changes.clear()
    mrml.scene.RemoveNode(volume)
    assert changes  # buttons that need a radiograph can follow
    empty.show_all()
    empty.close()


def test_resetting(session):
    session.go("fair")
    decisions.put(session.node, 2, (10.0, 10.0))
    assert status(session)["fair"] is Status.MOVED
    session.reset()
    assert status(session)["fair"] is Status.PREDICTED
    decisions.put(session.node, 3, (10.0, 10.0))
    session.go("nowhere")
    session.reset()
    assert status(session)["nowhere"] is Status.TO_PLACE


def test_placing_goes_on_with_what_has_no_place(session, mrml):
    interaction = mrml.app.GetInteractionNode()
    session.go("sure")
    session.place()
    assert session.placing
    assert status(session)["sure"] is Status.TO_PLACE
    assert session.node.GetControlPointPlacementStartIndex() == 0
    decisions.put(session.node, 0, (30.0, 30.0))  # a click does this
    assert (session.placing, session.current) == (True, "nowhere")
    assert session.node.GetControlPointPlacementStartIndex() == 3
    decisions.put(session.node, 3, (90.0, 90.0))
    assert not session.placing
    assert interaction.GetCurrentInteractionMode() == interaction.ViewTransform
    assert (status(session)["sure"], status(session)["nowhere"]) == (Status.MOVED, Status.PLACED)


def test_closing_a_session_stops_placing_and_listening(session, changes):
    session.go("nowhere")
    session.place()
    node = session.node
    session.close()
    assert not session.placing
    changes.clear()
    decisions.put(node, 0, (1.0, 1.0))
    assert changes == []


def test_occlusion_is_noted(session):
    session.go("fair")
    session.toggle_occluded()
    assert session.row().status_text() == "predicted, occluded"
    session.toggle_occluded()
    assert session.row().status_text() == "predicted"


def test_a_scene_that_is_closed(session, mrml):
    session.go("fair")
    mrml.scene.Clear(0)
    assert (session.node, session.current) == (None, None)
