"""What an annotator sees and does in Slicer's own slice view: glyphs on the landmarks, a drag, guided placing."""

from dataclasses import replace

import numpy as np
import pytest

from FARNetLandmarksLib import lists, regions, views
from FARNetLandmarksLib.notes import Notes
from FARNetLandmarksLib.review import Status
from FARNetLandmarksLib.session import ReviewSession
from lib.formats import json_text, markups_document, parse_markups
from lib.landmarks import Landmark, Landmarks, LandmarkSet, Predicted, State
from lib.radiographs import Geometry, PixelSpacing, RadiographHeader, read_radiograph
from tests.slicer.mrml import save_node
from tests.slicer.slice_view import SliceView

ROWS, COLUMNS, MM = 600, 484, 0.4
GREEN, AMBER = (51, 255, 102), (255, 191, 0)
GEOMETRY = Geometry(np.zeros(3), np.eye(3), np.array([MM, MM, 1.0]))


def ring():
    """Nine landmarks on an ellipse; the last but one has low confidence, the last no place."""
    turns = np.linspace(0, 2 * np.pi, 9, endpoint=False)
    items = []
    for number, turn in enumerate(turns):
        x, y = round(240 + 150 * np.cos(turn)) + 0.5, round(300 + 220 * np.sin(turn)) + 0.25
        items.append(Landmark(f"L{number}", x, y, confidence=0.9, predicted=Predicted(x, y, "m 1")))
    items[7] = Landmark("L7", items[7].x, items[7].y, confidence=0.1, predicted=items[7].predicted)
    items[8] = Landmark("L8", state=State.UNDEFINED, confidence=0.0)
    return Landmarks(tuple(items))


@pytest.fixture(scope="module")
def window():
    """Slicer's slice view; made once, since every one takes seconds."""
    return SliceView()


@pytest.fixture
def shown(window, tmp_path):
    """A dark radiograph with its landmarks in the view: window, volume, list."""
    window.scene.Clear(0)
    pixels = np.full((ROWS, COLUMNS), 30, np.uint8)
    pixels[:40, :40] = 255  # upper left corner
    volume = window.volume_of(pixels, np.diag([-MM, -MM, 1.0, 1.0]), "radiograph")
    volume.GetDisplayNode().SetAutoWindowLevel(False)
    volume.GetDisplayNode().SetWindowLevelMinMax(0, 255)
    path = tmp_path / "prediction.mrk.json"
    path.write_text(json_text(markups_document(ring(), GEOMETRY, title="prediction")))
    window.show(volume)
    node = lists.adopt(window.load_markups(path)[0], volume, "case")
    node.GetDisplayNode().SetPointLabelsVisibility(False)
    return window, volume, node


def near(picture, place, colour, reach=9):
    """How many pixels around a place on the screen (from the lower left) have about this colour."""
    height = picture.shape[0]
    x, y = round(place[0]), height - 1 - round(place[1])
    around = picture[max(y - reach, 0) : y + reach, max(x - reach, 0) : x + reach].astype(int)
    return int((np.abs(around - np.array(colour)).max(axis=-1) < 60).sum())


def test_the_radiograph_is_upright_and_every_landmark_has_its_glyph(shown):
    window, _, node = shown
    picture = window.picture()
    height, width, _ = picture.shape
    bright = np.argwhere(picture.min(axis=-1) > 230)
    assert bright.mean(axis=0)[0] < height / 4
    assert bright.mean(axis=0)[1] < width / 4
    for index in range(7):
        assert near(picture, window.on_screen(node, index), GREEN) > 10, index
    assert near(picture, window.on_screen(node, 7), AMBER) > 10
    assert near(picture, window.on_screen(node, 7), GREEN) == 0


def test_a_drag_moves_one_landmark_and_the_label_says_so(shown, tmp_path):
    window, _, node = shown
    session = ReviewSession(window.scene, window.app)
    x, y = window.on_screen(node, 0)
    window.drag(x, y, by_x=-40, by_y=30)
    after = window.on_screen(node, 0)
    assert (after[0] - x, after[1] - y) == pytest.approx((-40, 30), abs=1.0)
    assert session.current == "L0"
    assert [row.name for row in session.rows() if row.status is Status.MOVED] == ["L0"]
    session.close()
    landmarks = [{"name": f"L{n}", "abbreviation": f"l{n}.", "definition": "d"} for n in range(9)]
    ring_set = LandmarkSet.parse({"name": "ring", "title": "r", "input_size": [64, 64], "landmarks": landmarks}, "ring")
    header = RadiographHeader(tmp_path / "x.png", ROWS, COLUMNS, GEOMETRY, PixelSpacing.unknown(), "PNG")
    back = parse_markups(save_node(node, tmp_path / "saved.mrk.json").read_bytes(), ring_set, header)
    assert np.abs(back.points()[1:8] - ring().points()[1:8]).max() < 1e-6
    assert np.linalg.norm(back.points()[0] - ring().points()[0]) > 20


def test_placing_by_clicks_goes_from_landmark_to_landmark(shown):
    window, _, node = shown
    session = ReviewSession(window.scene, window.app)
    session.go("L3")
    session.place()
    window.view.render()
    window.click(300, 300)
    assert {row.name: row.status for row in session.rows()}["L3"] is Status.MOVED
    assert window.on_screen(node, 3) == pytest.approx((300, 300), abs=1.0)
    assert (session.placing, session.current) == (True, "L8")
    window.click(350, 420)
    assert {row.name: row.status for row in session.rows()}["L8"] is Status.PLACED
    assert window.on_screen(node, 8) == pytest.approx((350, 420), abs=1.0)
    assert not session.placing
    places = [window.on_screen(node, index) for index in range(9)]
    window.click(400, 500)
    assert [window.on_screen(node, index) for index in range(9)] == places
    session.close()


def test_jump_and_zoom_bring_a_landmark_to_the_middle(shown):
    window, _, node = shown
    session = ReviewSession(window.scene, window.app)
    session.zoom = 6.0
    session.go("L2")
    picture = window.picture()
    height, width, _ = picture.shape
    assert window.on_screen(node, 2) == pytest.approx((width / 2, height / 2), abs=2.0)
    assert near(picture, (width / 2, height / 2), GREEN, reach=30) > 10
    assert views.red_view(window.scene).GetFieldOfView()[1] == pytest.approx(ROWS * MM / 6, rel=0.3)
    session.show_all()
    corners = window.picture()
    assert (corners.min(axis=-1) > 230).any()  # the bright corner is in sight again
    session.close()


def test_a_region_is_a_thin_line_that_nobody_can_drag(shown):
    window, _, node = shown
    session = ReviewSession(window.scene, window.app)
    session.go("L1")
    before = window.picture()
    place = lists.rows_of(node)[1].notes.predicted
    ellipse = (60.0, 20.0, 30.0)
    row = replace(session.row(), notes=Notes(predicted=place, region=(35.0, *ellipse)))
    regions.show_region(window.scene, node, row)
    after = window.picture()
    drawn = np.argwhere((np.abs(after.astype(int) - AMBER).max(axis=-1) < 90) & (after != before).any(axis=-1))
    to_ras = window.slice_node.GetXYToRAS()
    height = after.shape[0]
    pixels = [to_ras.MultiplyPoint([x, height - 1 - y, 0, 1])[:2] for y, x in drawn]
    away = np.array(pixels) / -MM - place
    turn = np.deg2rad(ellipse[2])
    along, across = away @ (np.cos(turn), np.sin(turn)), away @ (-np.sin(turn), np.cos(turn))
    np.testing.assert_allclose((along / ellipse[0]) ** 2 + (across / ellipse[1]) ** 2, 1.0, atol=0.15)
    assert 150 < len(drawn) < 1500  # the whole way around, and thin
    curve = regions.region_of(window.scene)
    at = [window.on_screen(curve, index) for index in range(regions.CORNERS)]
    window.drag(*at[0], by_x=30, by_y=30)
    assert [window.on_screen(curve, index) for index in range(regions.CORNERS)] == at
    x, y = window.on_screen(node, 1)
    window.drag(x, y, by_x=12, by_y=8)  # the landmark within it can be
    moved = window.on_screen(node, 1)
    assert (moved[0] - x, moved[1] - y) == pytest.approx((12, 8), abs=1.0)
    session.close()


def test_a_region_does_not_come_between_the_clicks_that_place(shown):
    window, _, node = shown

    def show():
        row = session.row()
        told = Notes(predicted=(240.0, 300.0), region=(35.0, 60.0, 20.0, 30.0))
        regions.show_region(window.scene, node, None if row is None else replace(row, notes=told))

    session = ReviewSession(window.scene, window.app)
    session.changed = show
    session.go("L3")
    regions.show_region(window.scene, node, None)
    session.place()
    assert regions.region_of(window.scene) is not None
    window.view.render()
    window.click(300, 300)
    assert (session.placing, session.current) == (True, "L8")
    window.click(350, 420)
    assert window.on_screen(node, 8) == pytest.approx((350, 420), abs=1.0)
    assert not session.placing
    session.close()


def test_a_region_is_no_label_and_goes_into_no_file(shown, tmp_path):
    window, volume, node = shown
    row = replace(lists.rows_of(node)[0], notes=Notes(predicted=(240.0, 300.0), region=(35.0, 60.0, 20.0, 30.0)))
    regions.show_region(window.scene, node, row)
    curve = regions.region_of(window.scene)
    assert lists.landmark_lists(window.scene) == [node]
    assert lists.list_of(window.scene, volume) is node
    window.scene.SetURL(str(tmp_path / "scene.mrml"))
    window.scene.Commit()
    saved = (tmp_path / "scene.mrml").read_text()
    assert "MarkupsFiducial" in saved
    assert "MarkupsClosedCurve" not in saved  # nor is it what a click places
    regions.show_region(window.scene, node, row)
    assert regions.region_of(window.scene) is curve
    regions.show_region(window.scene, None, None)
    assert regions.region_of(window.scene) is None


@pytest.mark.data
def test_a_real_cephalogram_and_a_drag_of_one_of_its_landmarks(window, real_data, tmp_path):
    """The 19 landmarks of a reader, each with its glyph on the screen; one is dragged by the mouse, the others stay."""
    window.scene.Clear(0)
    radiograph = read_radiograph(real_data / "isbi2015_ceph_half" / "images" / "001.jpg")
    places = np.loadtxt(real_data / "isbi2015_ceph_half" / "400_senior" / "001.txt", delimiter=",")[:19]
    names = LandmarkSet.load("cephalometric_19").names
    landmarks = Landmarks.from_points(names, places)
    path = tmp_path / "reader.mrk.json"
    path.write_text(json_text(markups_document(landmarks, radiograph.header.geometry, title="reader")))
    volume = window.volume_of(radiograph.pixels, np.diag([-1.0, -1.0, 1.0, 1.0]), "001")
    window.show(volume)
    node = lists.adopt(window.load_markups(path)[0], volume, "001")
    node.GetDisplayNode().SetPointLabelsVisibility(False)
    picture = window.picture()
    assert [near(picture, window.on_screen(node, index), GREEN) > 10 for index in range(19)] == [True] * 19
    np.testing.assert_allclose([row.pixel for row in lists.rows_of(node)], places, atol=1e-9)
    x, y = window.on_screen(node, 0)
    window.drag(x, y, by_x=50, by_y=40)
    after = np.array([row.pixel for row in lists.rows_of(node)])
    assert np.abs(after[1:] - places[1:]).max() < 1e-9
    on_screen = np.subtract(window.on_screen(node, 0), (x, y))
    np.testing.assert_allclose(on_screen, (50, 40), atol=1.0)
