"""One box a landmark: what comes back from the stock plugin without any module of ours."""

import json

import numpy as np
import pytest

from lib.formats import LabelError, json_text, markups_document, parse_markups, point_labels
from lib.landmarks import Landmark, Landmarks, Predicted, Region, State

PREDICTED = Predicted(100.5, 200.25, "ceph 1", Region(14.25, (16.5, 10.25, -35.5)))
LANDMARKS = Landmarks(
    (
        Landmark("Sella", 100.5, 200.25, confidence=0.9, predicted=PREDICTED),
        Landmark("Unterkiefer Übergang", 7, 8, State.OCCLUDED, confidence=0.1),
        Landmark("下顎点", state=State.UNDEFINED),
        Landmark("Point A", state=State.MISSING),
    )
)


def boxes(header):
    return markups_document(LANDMARKS, header.geometry, title="x", shape="boxes")["markups"]


def test_written_and_read_back_is_the_same(header, landmark_set):
    document = markups_document(LANDMARKS, header.geometry, title="x", shape="boxes", landmark_set=landmark_set)
    assert [box["type"] for box in document["markups"]] == ["ROI", "ROI"]  # what has no position has no box
    back = parse_markups(json_text(document), landmark_set, header)
    np.testing.assert_allclose(back.points()[[0, 2]], [[100.5, 200.25], [7, 8]], atol=1e-9)
    assert [str(item.state) for item in back] == ["defined", "undefined", "occluded", "undefined", "undefined"]
    assert back["Sella"].predicted == PREDICTED
    assert back["Sella"].confidence == 0.9


def test_a_box_is_a_few_pixels_wide_and_unsure_ones_have_the_second_colour(header):
    sella, border = boxes(header)
    assert sella["center"] == sella["controlPoints"][0]["position"]
    np.testing.assert_allclose(sella["size"], [2.4, 1.2, 1.0])  # 12 pixels of 0.2 x 0.1 mm
    assert sella["display"]["selectedColor"] != border["display"]["selectedColor"]


@pytest.mark.parametrize(("system", "flip"), [("LPS", 1), ("RAS", -1), (None, 1)])
def test_the_centre_is_the_landmark_whatever_the_point_says(system, flip, header, landmark_set):
    """The centre follows the mouse; as Slicer saves a box, in its own coordinate system."""
    box = boxes(header)[0]
    box.update(name="Detection ROI - 1", coordinateSystem=system, center=[12 * flip, 21 * flip, 30])
    found = parse_markups({"markups": [box]}, landmark_set, header)
    np.testing.assert_allclose(found.points()[0], [10, 10])


def test_of_two_runs_the_last_box_counts_and_boxes_without_a_point_are_dropped(header, landmark_set):
    first, second = boxes(header)[1], boxes(header)[1]  # without a prediction nobody knows which was dragged
    second["center"] = [12, 21, 30]
    empty = {"type": "ROI", "name": "Detection ROI - 1", "center": [0, 0, 0], "controlPoints": []}
    odd = {"type": "ROI", "center": [0, 0, 0], "controlPoints": [{"label": ""}]}
    found = parse_markups({"markups": [empty, first, odd, second]}, landmark_set, header)
    np.testing.assert_allclose(found.points()[2], [10, 10])
    assert found.num_placed() == 1


def test_of_two_runs_the_dragged_box_counts_whichever_run_it_is_of(header, landmark_set):
    run, again = boxes(header)[0], boxes(header)[0]
    dragged = {**boxes(header)[0], "center": [12, 21, 30]}
    for stacked in ([dragged, run], [run, dragged], [run, dragged, again]):
        found = parse_markups({"markups": stacked}, landmark_set, header)
        np.testing.assert_allclose(found.points()[0], [10, 10])
    twice = [dragged, {**dragged, "center": [13, 22, 30]}]
    with pytest.raises(LabelError, match="'Sella' has been dragged in the boxes of two runs: delete one of them"):
        parse_markups({"markups": twice}, landmark_set, header)


def test_a_point_list_cannot_pass_for_boxes(header, landmark_set):
    document = markups_document(LANDMARKS, header.geometry, title="x")
    document["markups"][0].update(boxes=True, controlPoints=document["markups"][0]["controlPoints"] * 2)
    with pytest.raises(LabelError, match="is listed more than once"):
        parse_markups(document, landmark_set, header)


def test_points_go_before_boxes(header, landmark_set):
    points = markups_document(LANDMARKS, header.geometry, title="x")["markups"]
    box = {**boxes(header)[0], "center": [12, 21, 30]}
    found = parse_markups({"markups": [box, *points]}, landmark_set, header)
    np.testing.assert_allclose(found.points()[0], [100.5, 200.25])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"center": None}, "No landmark is placed"),
        ({"center": [1, 2]}, "'Sella' has a position that is not three numbers"),
        ({"center": ["a", 2, 3]}, "'Sella' has a position that is not three numbers"),
        ({"center": [float("nan"), 2, 3]}, "'Sella' has a position that is not finite"),
        ({"center": [-900, 2, 3]}, "'Sella' at .* lies outside the image"),
        ({"coordinateSystem": "IJK"}, "neither LPS nor RAS"),
        ({"controlPoints": [{"label": "L3"}]}, "Unknown landmark 'L3'"),
        ({"controlPoints": "x"}, "companion module"),
        ({"controlPoints": [3]}, "companion module"),
    ],
)
def test_what_is_no_landmark_is_refused(change, sentence, header, landmark_set):
    with pytest.raises(LabelError, match=sentence):
        parse_markups(json.dumps({"markups": [{**boxes(header)[0], **change}]}), landmark_set, header)


def test_point_labels_of_boxes(header):
    assert point_labels({"markups": boxes(header)}) == ["Sella", "Unterkiefer Übergang"]
