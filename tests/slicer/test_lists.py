"""Landmark lists over real MRML: what the companion module does to the nodes, and what comes back to the server."""

import json

import numpy as np
import pytest

from FARNetLandmarksLib import decisions, lists
from FARNetLandmarksLib.review import Status
from lib.formats import json_text, markups_document, parse_markups
from lib.landmarks import Landmark, Landmarks, LandmarkSet, Predicted, Region, State
from lib.radiographs import Geometry, PixelSpacing, RadiographHeader
from tests.slicer.mrml import position, save_node, to_vtk

HEIGHT, WIDTH = 300, 240
NAMES = [f"Punkt {number} äöüß 下顎点" for number in range(1, 20)]
SET = LandmarkSet.parse(
    {
        "name": "names",
        "title": "Names of all kinds",
        "input_size": [64, 64],
        "landmarks": [
            {"name": name, "abbreviation": f"P{number}", "definition": f"Where {number} is, 第{number}."}
            for number, name in enumerate(NAMES)
        ],
    },
    "test",
)


def geometry():
    """Rows and columns of different spacing, turned by 10 degrees, away from the origin."""
    angle = np.deg2rad(10)
    turned = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    return Geometry(np.array([12.0, -7.0, 3.0]), turned, np.array([0.2, 0.1, 1.0]))


def header(tmp_path):
    return RadiographHeader(tmp_path / "x.png", HEIGHT, WIDTH, geometry(), PixelSpacing.unknown(), "PNG")


def prediction():
    """19 landmarks by a model: number 4 not found, numbers 2 and 9 missing, number 7 occluded."""
    rng = np.random.default_rng(5)
    items = []
    for number, name in enumerate(NAMES):
        x, y = float(rng.uniform(5, WIDTH - 5)), float(rng.uniform(5, HEIGHT - 5))
        region = Region(9.5 + number, (12.25 + number, 8.0, 5.0 * number - 40)) if number % 3 == 0 else None
        model = Predicted(x, y, "farnet_test 3-ab", region, check=number % 6 == 0)
        confidence = round(float(rng.uniform()), 4)
        if number == 4:
            items.append(Landmark(name, state=State.UNDEFINED, confidence=confidence))
        elif number in (2, 9):
            items.append(Landmark(name, state=State.MISSING, confidence=confidence, predicted=model))
        else:
            state = State.OCCLUDED if number == 7 else State.DEFINED
            items.append(Landmark(name, x, y, state, confidence, model))
    return Landmarks(tuple(items))


def is_sure(item):
    """Where the model is not calibrated, the confidence decides."""
    told = item.predicted
    return item.confidence >= 0.5 if told is None or told.region is None else not told.check


@pytest.fixture
def volume(mrml):
    """A radiograph in the scene, with the matrix that Slicer would give it."""
    place, matrix = geometry(), np.eye(4)
    matrix[:3, :3] = np.diag([-1, -1, 1]) @ place.direction @ np.diag(place.spacing)
    matrix[:3, 3] = place.origin * [-1, -1, 1]
    return mrml.volume_of(np.zeros((HEIGHT, WIDTH), np.uint8), matrix, "radiograph")


@pytest.fixture
def node(mrml, volume, tmp_path):
    """The prediction as Slicer has loaded it."""
    path = tmp_path / "prediction.mrk.json"
    document = markups_document(prediction(), geometry(), title="prediction", landmark_set=SET, low_confidence=0.5)
    path.write_text(json_text(document), encoding="utf-8")
    assert lists.is_point_list(str(path))
    (loaded,) = mrml.load_markups(path)
    return lists.adopt(loaded, volume, "case 1")


def test_what_slicer_shows_of_a_prediction(mrml, node, volume):
    assert [node.GetNthControlPointLabel(index) for index in range(19)] == NAMES
    assert node.GetFixedNumberOfControlPoints()
    assert not node.GetLocked()
    display = node.GetDisplayNode()
    assert display.GetGlyphTypeAsString() == "Cross2D"
    assert display.GetSelectedColor() != display.GetColor()
    for index, item in enumerate(prediction()):
        assert bool(node.GetNthControlPointSelected(index)) == is_sure(item)
        assert node.GetNthControlPointDescription(index).endswith(f"第{index}.")
    assert node.GetNumberOfMeasurements() >= 1
    assert node.GetMeasurement("confidence").GetControlPointValues().GetValue(3) == prediction()[3].confidence
    assert lists.landmark_lists(mrml.scene) == [node]
    assert lists.list_of(mrml.scene, volume) is node
    assert node.GetStorageNode() is None


def test_there_and_back_only_the_moved_landmark_changes(node, tmp_path):
    """Server to Slicer's node, one point moved, saved by Slicer, back to the server."""
    before = prediction()
    moved_to = (100.25, 33.5)
    decisions.put(node, 11, moved_to)
    saved = save_node(node, tmp_path / "saved.mrk.json")
    written = json.loads(saved.read_text(encoding="utf-8"))
    assert {point["position"] for point in written["markups"][0]["controlPoints"] if point["position"] == ""} == {""}
    back = parse_markups(saved.read_bytes(), SET, header(tmp_path))
    assert [item.state for item in back] == [item.state for item in before]
    assert [item.confidence for item in back] == [item.confidence for item in before]
    others = [index for index, item in enumerate(before) if item.state.has_position and index != 11]
    assert np.abs(back.points()[others] - before.points()[others]).max() < 1e-6
    np.testing.assert_allclose(back.points()[11], moved_to, atol=1e-6)
    assert {item.predicted.model for item in back if item.predicted} == {"farnet_test 3-ab"}
    told = [item.predicted and (item.predicted.region, item.predicted.check) for item in back]
    assert told == [item.predicted and (item.predicted.region, item.predicted.check) for item in before]


def test_the_rows_of_a_prediction(node):
    rows = lists.rows_of(node)
    assert [row.name for row in rows] == NAMES
    expected = [Status.PREDICTED if is_sure(item) else Status.UNSURE for item in prediction()]
    expected[4], expected[2], expected[9] = Status.TO_PLACE, Status.SKIPPED, Status.SKIPPED
    assert [row.status for row in rows] == expected
    assert rows[7].status_text().endswith(", occluded")
    for row, item in zip(rows, prediction(), strict=True):
        if row.pixel is not None:
            np.testing.assert_allclose(row.pixel, (item.x, item.y), atol=1e-9)
    assert rows[3].notes.definition == "Where 3 is, 第3."
    assert lists.geometry_fault(node) is None


def test_what_an_annotator_does_to_a_landmark(node):
    def status(index):
        return lists.rows_of(node)[index].status_text()

    decisions.put(node, 0, (20.0, 30.0))
    assert status(0).startswith("moved ")
    assert decisions.reset(node, lists.rows_of(node)[0])
    assert status(0) in ("predicted", "unsure")
    decisions.check(node, [NAMES[0]])
    assert status(0) == "accepted"
    decisions.uncheck(node, NAMES[0])
    decisions.put(node, 0, (21.5, 31.0))
    decisions.skip(node, lists.rows_of(node)[0])
    assert status(0) == "skipped"
    decisions.unset(node, lists.rows_of(node)[0])
    assert status(0) == "to place"
    assert decisions.bring_back(node, lists.rows_of(node)[0])
    np.testing.assert_allclose(lists.rows_of(node)[0].pixel, (21.5, 31.0), atol=1e-9)
    assert not decisions.bring_back(node, lists.rows_of(node)[4])  # it never was anywhere
    decisions.set_occluded(node, lists.rows_of(node)[1], True)
    assert status(1).endswith(", occluded")
    decisions.set_occluded(node, lists.rows_of(node)[1], False)
    assert not status(1).endswith(", occluded")
    assert not decisions.reset(node, lists.rows_of(node)[4])  # the model had not found it


def test_a_new_prediction_can_keep_what_an_annotator_did(mrml, node, volume, tmp_path):
    decisions.put(node, 0, (20.0, 30.0))
    decisions.set_occluded(node, lists.rows_of(node)[0], True)
    decisions.skip(node, lists.rows_of(node)[1])
    decisions.check(node, [NAMES[3]])
    decisions.set_occluded(node, lists.rows_of(node)[5], True)
    path = tmp_path / "again.mrk.json"
    path.write_text(json_text(markups_document(prediction(), geometry(), title="again")), encoding="utf-8")
    fresh = lists.adopt(mrml.load_markups(path)[0], volume, "case 1")
    assert decisions.take_over_edits(lists.rows_of(node), fresh) == [NAMES[index] for index in (0, 1, 2, 3, 5, 7, 9)]
    rows = lists.rows_of(fresh)
    np.testing.assert_allclose(rows[0].pixel, (20.0, 30.0), atol=1e-9)
    assert rows[0].status_text().startswith("moved ")
    assert rows[0].notes.occluded
    assert rows[1].status is Status.SKIPPED
    assert rows[3].status is Status.ACCEPTED
    assert rows[5].notes.occluded
    assert rows[5].status in (Status.PREDICTED, Status.UNSURE)


def test_an_image_that_another_reader_has_opened_is_noticed(mrml, node):
    """Slicer's DCMTK reader swaps the spacing of rows and columns of some files."""
    swapped = np.diag([-0.1, -0.2, 1.0, 1.0])
    node.SetNodeReferenceID(lists.VOLUME_ROLE, mrml.volume_of(np.zeros((4, 4), np.uint8), swapped).GetID())
    assert "another position or pixel spacing than the server reads" in lists.geometry_fault(node)


def test_an_empty_list_to_start_without_a_model(mrml, volume, tmp_path):
    told = SET.model_dump(mode="json", include={"name", "title", "landmarks"})
    node = lists.new_list(mrml.scene, told, volume, "case 2")
    assert [row.name for row in lists.rows_of(node)] == NAMES
    assert {row.status for row in lists.rows_of(node)} == {Status.TO_PLACE}
    assert node.GetNthControlPointDescription(3) == "| Where 3 is, 第3."
    decisions.put(node, 3, (17.25, 201.5))
    saved = save_node(node, tmp_path / "saved.mrk.json")
    back = parse_markups(saved.read_bytes(), SET, header(tmp_path))
    np.testing.assert_allclose(back.points()[3], (17.25, 201.5), atol=1e-6)
    assert back.num_placed() == 1
    assert back[3].predicted is None


def test_a_transform_that_moves_only_one_of_both_is_noticed(mrml, node, volume):
    before = [row.pixel for row in lists.rows_of(node)]
    transform = mrml.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = np.eye(4)
    matrix[0, 3] = 20.0
    transform.SetMatrixTransformToParent(to_vtk(matrix))
    node.SetAndObserveTransformNodeID(transform.GetID())
    assert lists.transform_fault(node).startswith("The landmarks are under another transform than the radiograph")
    volume.SetAndObserveTransformNodeID(transform.GetID())
    assert lists.transform_fault(node) is None
    assert [row.pixel for row in lists.rows_of(node)] == before  # on the radiograph they have not moved


def test_lists_of_others_are_left_alone(mrml, volume, node):
    other = mrml.scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "P")
    other.AddControlPoint(0.0, 0.0, 0.0, "P-1")
    assert lists.landmark_lists(mrml.scene) == [node]
    elsewhere = mrml.volume_of(np.zeros((4, 4), np.uint8), np.eye(4), "another")
    assert lists.list_of(mrml.scene, elsewhere) is None


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"markups": 3}', '{"markups": [1]}', '{"markups": [{"type": "ROI"}]}']
)
def test_what_is_no_point_list(content, tmp_path):
    path = tmp_path / "x.json"
    path.write_text(content)
    assert not lists.is_point_list(str(path))
    assert not lists.is_point_list(str(tmp_path / "absent.json"))
    assert not lists.is_point_list(str(tmp_path / "mask.nii.gz"))


def test_world_positions_are_right_by_hand(node):
    """One pixel step to the right and down in this geometry, without any code of ours in between."""
    decisions.put(node, 0, (0.0, 0.0))
    start = np.array(position(node, 0))
    np.testing.assert_allclose(start, [-12.0, 7.0, 3.0])
    decisions.put(node, 0, (1.0, 0.0))
    np.testing.assert_allclose(np.linalg.norm(np.array(position(node, 0)) - start), 0.2)
    decisions.put(node, 0, (0.0, 1.0))
    np.testing.assert_allclose(np.linalg.norm(np.array(position(node, 0)) - start), 0.1)
