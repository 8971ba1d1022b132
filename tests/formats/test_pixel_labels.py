"""Labels in pixels: what is written is read back, and what cannot be a label is told by one sentence."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.formats import LabelError, json_text
from lib.formats.pixel_labels import PixelLabel, is_pixel_label, pixel_label_document
from lib.landmarks import Landmark, Landmarks, LandmarkSet, Predicted, Region, State
from tests.formats.conftest import regions

SET = LandmarkSet.load("cephalometric_19")
HEIGHT, WIDTH = 2400, 1935

inside = st.tuples(st.floats(-0.5, WIDTH - 0.5), st.floats(-0.5, HEIGHT - 0.5))
fractions = st.none() | st.floats(0, 1)
predictions = st.none() | st.builds(
    lambda at, *more: Predicted(*at, *more), inside, st.text(max_size=20), regions, st.booleans()
)


@st.composite
def labels(draw):
    items = []
    for name in SET.names:
        state = draw(st.sampled_from(State))
        x, y = draw(inside) if state.has_position else (math.nan, math.nan)
        items.append(Landmark(name, x, y, state, draw(fractions), draw(predictions)))
    placed = Landmark(SET.names[0], *draw(inside))
    return Landmarks((placed, *items[1:]))


def point(name="Sella", **more):
    return {"name": name, "x": 10.0, "y": 20.0, **more}


@given(labels())
def test_written_label_is_read_back_as_it_was(landmarks):
    text = json_text(pixel_label_document(landmarks))
    assert is_pixel_label(json.loads(text))
    back = PixelLabel(text).landmarks(SET, HEIGHT, WIDTH)
    assert repr(back) == repr(landmarks)  # NaN equals NaN as text


def test_names_are_found_as_people_write_them_and_what_was_not_sent_is_undefined():
    label = PixelLabel({"landmarks": [point("sella"), point("N", x=3)]})
    assert label.names() == ["sella", "N"]
    landmarks = label.landmarks(SET, HEIGHT, WIDTH)
    assert (landmarks["Sella"].x, landmarks["Nasion"].x) == (10, 3)
    assert {item.state for item in landmarks[2:]} == {State.UNDEFINED}


def test_an_answer_of_infer_is_a_label_too():
    answer = {"model": "m", "version": "1", "landmarks": [point(confidence=0.5, state="defined", extra=1)]}
    assert PixelLabel(answer).landmarks(SET, HEIGHT, WIDTH)["Sella"].confidence == 0.5


def test_the_models_that_predicted():
    told = [point(predicted={"x": 1, "y": 2, "model": "farnet_ceph 3"}), point("N", predicted={"x": 1, "y": 2})]
    assert PixelLabel({"landmarks": told}).models() == {"farnet_ceph"}


def predicted(**more):
    return point(predicted={"x": 10.0, "y": 20.0, "model": "m 1", **more})


def test_a_calibrated_prediction_is_written_as_told():
    ellipse = {"a_px": 16.0, "b_px": 10.1, "angle_deg": 35.0}
    told = predicted(radius_px=14.2, ellipse=ellipse, check=True)
    landmarks = PixelLabel({"landmarks": [told]}).landmarks(SET, HEIGHT, WIDTH)
    assert landmarks["Sella"].predicted == Predicted(10.0, 20.0, "m 1", Region(14.2, (16.0, 10.1, 35.0)), check=True)
    written = pixel_label_document(landmarks)["landmarks"]
    assert written[0]["predicted"] == told["predicted"]
    alone = PixelLabel({"landmarks": [predicted(radius_px=14.2, remark="x")]}).landmarks(SET, HEIGHT, WIDTH)
    assert alone["Sella"].predicted == Predicted(10.0, 20.0, "m 1", Region(14.2, (14.2, 14.2, 0.0)))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"landmarks": [point("Sela")]}, "Unknown landmark 'Sela': not in the set 'cephalometric_19'."),
        ({"landmarks": [point(), point("S")]}, "Landmark 'Sella' is listed more than once."),
        ({"landmarks": [point(x=None)]}, "Landmark 'Sella' is defined but has no position."),
        ({"landmarks": [point(x=1e5)]}, "Landmark 'Sella' at (100000.0, 20.0) lies outside the image of 1935 x 2400"),
        ({"landmarks": [point(state="missing")]}, "No landmark is placed: place at least one point before submitting."),
        ({"landmarks": []}, "No landmark is placed: place at least one point before submitting."),
        ({"landmarks": 3}, "The label is not a list of landmarks in pixels: landmarks: Input should be a valid tuple."),
        ({"landmarks": [point(state="gone")]}, "landmarks.0.state: Input should be 'defined', 'occluded'"),
        ({"landmarks": [point(x="left")]}, "landmarks.0.x: Input should be a valid number"),
        ({"landmarks": [point(x=math.inf)]}, "landmarks.0.x: Input should be"),
        ({"landmarks": [point(confidence=2)]}, "landmarks.0.confidence: Input should be less than or equal to 1."),
        ({"landmarks": [predicted(radius_px=0)]}, "landmarks.0.predicted.radius_px: Input should be greater than 0."),
        ({"landmarks": [predicted(radius_px=1e7)]}, "landmarks.0.predicted.radius_px: Input should be less than or"),
        ({"landmarks": [predicted(ellipse={"a_px": 3})]}, "landmarks.0.predicted.ellipse.b_px: Field required."),
        (
            {"landmarks": [predicted(ellipse={"a_px": 3, "b_px": 2, "angle_deg": math.inf})]},
            "landmarks.0.predicted.ellipse.angle_deg: Input should be",
        ),
        ({"landmarks": [predicted(check="yes")]}, "landmarks.0.predicted.check: Input should be a valid boolean."),
        ("[", "The label is not a JSON file: "),
        ("[]", "The label is not a list of landmarks in pixels"),
        (b"\xff\xfe{", "The label is not a JSON file: "),
        ("[" * 200_000, "The label is not a JSON file: "),
        (" " * 5_000_001, "The label has 5.0 MB; a list of landmarks has less than 5 MB."),
    ],
)
def test_what_is_no_label_is_refused_with_a_sentence(content, sentence):
    with pytest.raises(LabelError) as caught:
        PixelLabel(content).landmarks(SET, HEIGHT, WIDTH)
    assert sentence in str(caught.value)
