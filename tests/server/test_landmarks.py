"""``GET /landmarks`` and labels in pixels: what viewers other than Slicer speak."""

from lib.formats import json_text
from lib.formats.pixel_labels import pixel_label_document
from tests.running import label_of, save_phantom
from tests.tiny import CEPH


def stored(server, image, **more):
    return server.request("GET", "/landmarks", params={"image": image, **more})


def test_a_label_in_pixels_comes_back_as_it_was_sent(server, tmp_path):
    phantom = save_phantom(tmp_path / "pixels.png", 41)
    assert server.put_image("in pixels", tmp_path / "pixels.png").status_code == 200
    assert stored(server, "in pixels").json() == {
        "image": "in pixels",
        "tag": None,
        "landmark_set": None,
        "info": {},
        "landmarks": [],
    }
    sent = pixel_label_document(phantom.landmarks)
    assert server.put_label("in pixels", json_text(sent)).status_code == 200
    answer = stored(server, "in pixels", model="farnet_demo").json()
    assert (answer["tag"], answer["landmark_set"]) == ("final", CEPH.name)
    assert answer["info"]["provenance"]["Sella"] == {"origin": "placed"}
    for back, item in zip(answer["landmarks"], sent["landmarks"], strict=True):
        assert back["name"] == item["name"]
        assert abs(back["x"] - item["x"]) + abs(back["y"] - item["y"]) < 1e-6
    assert stored(server, "in pixels", model="farnet_hand").json()["tag"] is None  # another set's model


def test_slicer_and_pixels_are_the_same_label(server, tmp_path):
    phantom = save_phantom(tmp_path / "both.png", 42)
    server.put_image("both", tmp_path / "both.png")
    assert server.put_label("both", label_of(tmp_path / "both.png", phantom.landmarks)).status_code == 200
    answer = stored(server, "both").json()
    points = [(item["x"], item["y"]) for item in answer["landmarks"]]
    assert abs(phantom.landmarks.points() - points).max() < 1e-3
    assert server.put_label("both", json_text({"landmarks": answer["landmarks"]})).status_code == 200
    assert stored(server, "both").json()["landmarks"] == answer["landmarks"]


def test_what_is_not_there_or_no_label_is_told(server):
    assert stored(server, "nowhere").status_code == 404
    assert stored(server, "nowhere").json()["detail"] == "There is no image 'nowhere' in the studies."
    assert stored(server, "first", model="nobody").status_code == 404
    refused = server.put_label("first", '{"landmarks": [{"name": "Sela", "x": 1, "y": 1}]}')
    assert refused.status_code == 422
    assert "Unknown landmark 'Sela'" in refused.json()["detail"]


def test_ohif_needs_a_dicomweb_server_and_says_so(server):
    answer = server.request("GET", "/proxy/dicom/qido/studies")
    assert answer.status_code == 404
    assert "DICOMweb" in answer.json()["detail"]
