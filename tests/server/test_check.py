"""``GET /check/{model}`` on a real server: a page that waits, the result, and a new one when labels have changed."""

import json
import time

import pytest

from tests.running import Server, copy_app, running_server
from tests.tiny import CONF, phantom_folder, save_untrained, tiny_config


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    """A server of its own, with 24 labelled phantoms."""
    home, scratch = tmp_path_factory.mktemp("check"), tmp_path_factory.mktemp("scratch")
    config = tiny_config(copy_app(home / "the app") / "model")
    save_untrained(config.model_dir / "pretrained_farnet_demo.pt", config.card())
    phantom_folder(home / "my studies", 24)
    conf = {**CONF, "preset": "lite", "models": "farnet_demo,farnet_hand"}
    with running_server(home, scratch, conf, environment={"OMP_NUM_THREADS": "1"}) as running:
        yield running


def result(serving: Server, path: str = "/check/farnet_demo.json"):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        response = serving.request("GET", path)
        told = response.json()
        assert response.status_code == (202 if told["running"] else 200)
        if not told["running"]:
            assert told["fault"] is None
            return told
        assert told["doing"]
        time.sleep(0.2)
    raise AssertionError("the check did not end")


def test_from_waiting_to_the_page_and_anew_when_a_label_changes(serving):
    waiting = serving.request("GET", "/check/farnet_demo")
    assert waiting.status_code == 200
    assert waiting.headers["content-type"].startswith("text/html")
    assert waiting.headers["cache-control"] == "no-store"
    assert "The labels are being checked" in waiting.text
    assert 'http-equiv="refresh"' in waiting.text
    first = result(serving)
    assert first["model"] == "farnet_demo"
    assert first["report"]["labels"] == 24
    assert first["report"]["model"] == "farnet_demo untrained-0"
    assert result(serving, "/check/farnet_demo?format=json") == first
    page = serving.request("GET", "/check/farnet_demo")
    assert "24 labels of <b>cephalometric_19</b> checked" in page.text
    assert 'http-equiv="refresh"' not in page.text

    image = "cephalometric_19_phantom_0104"
    stored = serving.get("/landmarks", params={"image": image})["landmarks"]
    mirrored = [{**one, "x": 127 - one["x"]} for one in stored]
    response = serving.put_label(image, json.dumps({"landmarks": mirrored}))
    assert response.status_code == 200, response.text
    meanwhile = serving.request("GET", "/check/farnet_demo")
    assert "Labels or model have changed since" in meanwhile.text or "mirrored" in meanwhile.text
    second = result(serving)
    kinds = {one["kind"] for one in second["report"]["findings"] if one["image"] == image}
    assert "mirrored" in kinds
    assert "data:image/jpeg;base64," in serving.request("GET", "/check/farnet_demo").text


def test_a_model_without_weights_or_labels(serving):
    told = result(serving, "/check/farnet_hand.json")
    assert (told["report"]["labels"], told["report"]["findings"]) == (0, [])


@pytest.mark.parametrize("path", ["/check/farnet_foot", "/check/farnet_foot.json", "/check/%3Cscript%3E"])
def test_no_such_model(serving, path):
    response = serving.request("GET", path)
    assert response.status_code == 404
    assert response.json()["detail"].startswith("There is no model '")


def test_another_format_is_refused(serving):
    assert serving.request("GET", "/check/farnet_demo?format=xml").status_code == 422
