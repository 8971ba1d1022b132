"""Replacing a model over HTTP."""

import pytest
import torch

from lib.configs import choose_models
from tests.tiny import save_untrained, tiny_config


def put(server, content, model="farnet_demo"):
    return server.request("PUT", f"/model/{model}", files={"file": ("model.pt", content)})


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: path.write_text("junk"), "The uploaded file is not a model file that torch can read"),
        (lambda path: torch.save({"model": {}}, path), "The uploaded file is not a model file of this project"),
        (
            lambda path: save_untrained(path, tiny_config(path.parent, landmarks="spine_68").card()),
            "The uploaded model finds the landmarks of 'spine_68', not those of 'cephalometric_19'.",
        ),
    ],
    ids=["junk", "no card", "other landmarks"],
)
def test_what_is_no_model_is_refused_and_the_model_in_use_unharmed(server, tmp_path, make, sentence):
    before, files = server.find("first"), sorted((server.app / "model").rglob("*"))
    make(tmp_path / "x.pt")
    response = put(server, (tmp_path / "x.pt").read_bytes())
    assert response.status_code == 422, response.text
    assert sentence in response.json()["detail"]
    after = server.find("first")
    assert (after["version"], after["landmarks"]) == (before["version"], before["landmarks"])
    assert sorted((server.app / "model").rglob("*")) == files


def test_an_unknown_model(server):
    response = put(server, b"x", "farnet_foot")
    assert response.status_code == 404
    assert "There is no model 'farnet_foot' to train: this server has farnet_demo" in response.json()["detail"]


def test_a_model_is_offered_once_it_is_uploaded_and_no_longer_when_deleted(server, tmp_path):
    config = choose_models({"models": "farnet_hand", "preset": "lite", "input_size": "64x64"}, tmp_path)["farnet_hand"]
    content = save_untrained(tmp_path / "hand.pt", config.card()).read_bytes()
    assert put(server, content, "farnet_hand").status_code == 200
    assert server.get("/info/")["models"]["farnet_hand"]["version"] == "untrained-0"
    answer = server.infer("farnet_hand", params={"image": "first", "output": "json"}).json()
    assert len(answer["landmarks"]) == 37
    assert server.request("GET", "/model/farnet_hand").content == content
    assert server.request("DELETE", "/model/farnet_hand").status_code == 200
    assert list(server.get("/info/")["models"]) == ["farnet_demo"]
    known = server.get("/model/farnet_hand/versions")
    assert (known["previous"], known["history"][-1]["action"]) == ("untrained-0", "withdrawn")
    assert server.request("DELETE", "/model/farnet_hand").status_code == 422
    assert server.request("POST", "/model/farnet_hand/rollback").status_code == 200
    assert server.request("GET", "/model/farnet_hand").content == content
