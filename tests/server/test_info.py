"""What the server says of itself, and how it hands out radiographs."""

import hashlib

from monailabel.interfaces.app import MONAILabelApp

from lib.activelearning import DESCRIPTIONS
from lib.landmarks import LandmarkSet
from monailabel_app.app import FARNetApp
from monailabel_app.scoring import BackgroundScoring
from tests.tiny import CEPH


def test_models_and_trainers(server):
    info = server.get("/info/")
    assert list(info["models"]) == ["farnet_demo"]  # farnet_hand has no weights and is not offered
    model = info["models"]["farnet_demo"]
    assert model["type"] == "detection"
    assert model["labels"] == {name: index for index, name in enumerate(CEPH.names)}
    assert info["labels"] == list(CEPH.names)
    assert list(info["trainers"]) == ["farnet_demo", "farnet_hand"]
    assert list(info["trainers"]["farnet_hand"]["labels"]) == list(LandmarkSet.load("hand_37").names)
    assert list(info["strategies"]) == list(DESCRIPTIONS)
    assert info["datastore"]["total"] >= 4


def test_all_images_are_found(server):
    images = server.get("/datastore/?output=all")["objects"]
    assert {"first", "ward 7__Second", "film", "broken"} <= set(images)
    assert not any("datastore" in image for image in images)


def test_the_next_sample_tells_no_path_but_a_checksum(server):
    for strategy in ("first", "random"):
        response = server.request("POST", f"/activelearning/{strategy}", json={"client_id": "test"})
        assert response.status_code == 200, response.text
        sample = response.json()
        assert "path" not in sample
        assert str(server.studies) not in response.text
        image = server.request("GET", "/datastore/image", params={"image": sample["id"]}).content
        assert sample["checksum"] == f"SHA256:{hashlib.sha256(image).hexdigest()}"


def test_an_unknown_strategy(server):
    response = server.request("POST", "/activelearning/best")
    assert response.status_code == 404
    assert response.json()["detail"] == f"There is no strategy 'best': this server has {', '.join(DESCRIPTIONS)}."


def test_the_apps_own_folder_holds_the_model(server):
    assert [path.name for path in (server.app / "model").glob("pretrained*")] == ["pretrained_farnet_demo.pt"]


def test_the_last_training_stands_first(monkeypatch):
    """Slicer's progress bar shows the first training that ``/info/`` tells of."""
    told = {"train_stats": {"a": {"start_ts": 5}, "b": {"epoch": 0}, "c": {"start_ts": 9}}, "name": "x"}
    monkeypatch.setattr(MONAILabelApp, "info", lambda self: told)
    app = object.__new__(FARNetApp)
    app.background = BackgroundScoring({}, lambda: None)
    info = FARNetApp.info(app)
    assert list(info["train_stats"]) == ["c", "a", "b"]
    assert info["name"] == "x"
