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


def submitted(server, image, document, params):
    files = {"label": ("label.json", json_text(document))}
    return server.request(
        "PUT", "/datastore/label", params={"image": image}, files=files, data={"params": json_text(params)}
    )


def test_each_annotator_gets_the_own_label_back(server, tmp_path):
    phantom = save_phantom(tmp_path / "several.png", 43)
    server.put_image("several", tmp_path / "several.png")
    assert server.get("/landmarks/readings", params={"image": "several"}) == {"image": "several", "readings": []}
    x = {}
    for number, params in enumerate(
        ({"annotator": "Dr. Müller"}, {"client_id": "ada"}, {"client_id": "ada", "reading": 2}), start=1
    ):
        document = pixel_label_document(phantom.landmarks)
        document["landmarks"][0]["x"] = x[number] = 20.0 + number
        answer = submitted(server, "several", document, params)
        assert answer.status_code == 200, answer.text
    told = server.get("/landmarks/readings", params={"image": "several"})["readings"]
    assert [(one["annotator"], one["reading"]) for one in told] == [("Dr. Müller", 1), ("ada", 1), ("ada", 2)]
    assert all((one["landmark_set"], one["placed"]) == (CEPH.name, 19) and one["ts"] for one in told)
    for number, asked in enumerate(
        ({"annotator": "dr. müller"}, {"annotator": "ada"}, {"annotator": "ada", "reading": 2}), start=1
    ):
        own = stored(server, "several", model="farnet_demo", **asked).json()
        assert (own["tag"], own["landmark_set"]) == ("final", CEPH.name)
        assert abs(own["landmarks"][0]["x"] - x[number]) < 1e-6
        assert own["info"]["annotator"] == asked["annotator"].replace("dr. m", "Dr. M")
    assert abs(stored(server, "several").json()["landmarks"][0]["x"] - x[3]) < 1e-6  # the last that was submitted
    for nothing in (
        {"annotator": "bob"},
        {"annotator": "ada", "reading": 3},
        {"annotator": "ada", "model": "farnet_hand"},
    ):
        assert stored(server, "several", **nothing).json()["tag"] is None
    assert stored(server, "several", annotator="ada", reading=0).status_code == 422
    assert stored(server, "nowhere", annotator="ada").status_code == 404
    assert server.request("GET", "/landmarks/readings", params={"image": "nowhere"}).status_code == 404
    refused = submitted(server, "several", document, {"annotator": 5})
    assert (refused.status_code, refused.json()["detail"]) == (422, "The name of an annotator is not a text.")


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
