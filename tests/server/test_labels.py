"""Submitting labels and images over HTTP."""

import json

import numpy as np
import pytest

from lib.formats import parse_markups
from lib.radiographs import read_header
from tests.running import label_of, save_phantom
from tests.tiny import CEPH


@pytest.fixture
def image(server, tmp_path):
    """An uploaded image for one test: its path and its true landmarks."""
    landmarks = save_phantom(tmp_path / "x.png", 50).landmarks
    assert server.put_image("to label", tmp_path / "x.png").json() == {"image": "to label"}
    path = server.studies / "to label.png"
    assert path.read_bytes() == (tmp_path / "x.png").read_bytes()
    yield path, landmarks
    server.request("DELETE", "/datastore/image", params={"id": "to label"})
    assert not path.exists()


def labels(server):
    return {str(path): path.read_bytes() for path in (server.studies / "labels").rglob("*") if path.is_file()}


def test_a_label_is_stored_and_comes_back(server, image):
    path, landmarks = image
    response = server.put_label("to label", label_of(path, landmarks))
    assert response.status_code == 200, response.text
    stored = server.request("GET", "/datastore/label", params={"label": "to label", "tag": "final"}).content
    found = parse_markups(stored, CEPH, read_header(path))
    np.testing.assert_allclose(found.points(), landmarks.points(), atol=1e-6)
    info = server.get("/datastore/label/info", params={"label": "to label", "tag": "final"})
    assert info["landmark_set"] == "cephalometric_19"
    assert "to label" not in {server.request("POST", "/activelearning/first").json().get("id") for _ in range(2)}


def point(label, x, y):
    points = [{"label": label, "position": [x, y, 0]}]
    return json.dumps({"markups": [{"type": "Fiducial", "controlPoints": points}]})


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"markups": [{"type": "ROI", "controlPoints": []}]}', "The label holds no landmark points"),
        ("no label", "The label is not a JSON file"),
        (b"\x89PNG\r\n", "The label is not a JSON file"),
        (point("Elbow", 5, 5), "Unknown landmark 'Elbow'"),
        (point("Sella", 500, 5), "Landmark 'Sella' at (500.0, 5.0) lies outside the image of 128 x 160 pixels."),
        ("[]", "it has no list 'markups'"),
    ],
)  # fmt: skip
def test_what_is_no_label_is_refused_and_not_stored(server, image, content, sentence):
    before = labels(server)
    response = server.put_label("to label", content)
    assert response.status_code == 422, response.text
    assert sentence in response.json()["detail"]
    assert labels(server) == before


@pytest.mark.parametrize(
    ("name", "more", "status", "sentence"),
    [
        ("../../../x", {}, 404, "There is no image '../../../x' among the studies."),
        ("nobody", {}, 404, "There is no image 'nobody' among the studies."),
        ("to label", {"tag": "../../../d"}, 422, "A label cannot have the tag '../../../d': there are 'final' and"),
        ("to label", {"tag": "mine"}, 422, "A label cannot have the tag 'mine'"),
    ],
)
def test_labels_stay_in_their_folder(server, image, name, more, status, sentence):
    path, landmarks = image
    files = sorted(server.studies.parent.rglob("*.json"))
    response = server.put_label(name, label_of(path, landmarks), **more)
    assert response.status_code == status, response.text
    assert sentence in response.json()["detail"]
    assert sorted(server.studies.parent.rglob("*.json")) == files


@pytest.mark.parametrize(
    ("name", "file", "sentence"),
    [
        ("../the app/lib/x", "x.py", "is not a radiograph"),
        ("../x", "x.png", "An image cannot have the id '../x'"),
        (".x", "x.png", "An image cannot have the id '.x': it begins with a dot"),
        ("x", "x.png", "x.png"),  # no picture
        ("datastore_v2", "datastore_v2.json", "is not a radiograph"),
    ],
)
def test_images_that_are_refused(server, name, file, sentence):
    before = sorted(str(path) for path in server.studies.parent.rglob("*.p*"))
    response = server.request(
        "PUT", "/datastore/image", params={"image": name}, files={"file": (file, b"import os; os.abort()")}
    )
    assert response.status_code == 422, response.text
    assert sentence in response.json()["detail"]
    assert sorted(str(path) for path in server.studies.parent.rglob("*.p*")) == before


def test_bad_json_beside_a_label(server, image):
    path, landmarks = image
    response = server.request(
        "PUT",
        "/datastore/label",
        params={"image": "to label"},
        data={"params": "{broken"},
        files={"label": ("x.json", label_of(path, landmarks))},
    )
    assert response.status_code == 422
    assert "The parameters are not valid JSON" in response.json()["detail"]
