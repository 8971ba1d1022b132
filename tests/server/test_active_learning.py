"""Which radiograph next, from a real server of its own: strategies, scores beside requests, setting aside, the end."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.activelearning import DESCRIPTIONS
from tests.running import Server, copy_app, label_of, running_server, save_phantom
from tests.tiny import CONF, save_untrained, tiny_config

COUNT = 5


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> Iterator[Server]:
    """A server of this module alone: handing out changes what others would be handed."""
    home, scratch = tmp_path_factory.mktemp("learning"), tmp_path_factory.mktemp("scratch")
    app, studies = copy_app(home / "the app"), home / "my studies"
    config = tiny_config(app / "model")
    save_untrained(Path(config.paths[0]), config.card())
    for number in range(COUNT):
        save_phantom(studies / f"p{number}.png", number)
    with running_server(home, scratch, CONF) as running:
        yield running


def wait_for_scores(server: Server) -> dict:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        told = server.get("/activelearning/")["scores"]["farnet_demo"]
        if told["done"] == told["total"] and not told["running"]:
            return dict(told)
        time.sleep(0.2)
    raise AssertionError(told)


def ask(server: Server, strategy: str, **params) -> dict:
    response = server.request("POST", f"/activelearning/{strategy}", json=params)
    assert response.status_code == 200, response.text
    return dict(response.json())


def test_strategies_are_offered_the_default_first(own):
    strategies = own.get("/info/")["strategies"]
    assert list(strategies) == list(DESCRIPTIONS)
    assert next(iter(strategies)) == "random"
    assert all(strategies[name]["description"] for name in strategies)


def test_labelling_from_the_first_to_the_last(own):
    """One story, since each step hands out or labels something."""
    first = ask(own, "hybrid", client_id="ann")
    assert first["why"].startswith(("At random", "Unsure"))
    assert first["strategy"]["hybrid"]["client_id"] == "ann"
    assert {"id", "name", "checksum"} <= first.keys()
    scores = wait_for_scores(own)
    assert (scores["version"], scores["total"], scores["unreadable"]) == ("untrained-0", COUNT, 0)

    second = ask(own, "hybrid", client_id="bob")
    assert second["id"] != first["id"]
    assert "farnet_demo untrained-0" in second["why"]
    before = own.get("/activelearning/queue", params={"strategy": "uncertainty"})["images"]
    assert before == own.get("/activelearning/queue", params={"strategy": "uncertainty"})["images"]
    assert {item["id"] for item in before}.isdisjoint({first["id"], second["id"]})
    assert len(before) == COUNT - 2

    rejected, deferred = before[0]["id"], before[1]["id"]
    for image, body in ((rejected, {"decision": "reject", "reason": "a knee"}), (deferred, {"decision": "defer"})):
        response = own.request("PUT", "/activelearning/decision", params={"image": image}, json=body)
        assert response.status_code == 200, response.text
    third = ask(own, "uncertainty")
    assert third["id"] == before[2]["id"]
    fourth = ask(own, "uncertainty")
    assert (fourth["id"], fourth["why"]) == (deferred, "It was put off, and nothing else is left.")

    overview = own.get("/activelearning/")
    assert overview["rejected"][rejected]["reason"] == "a knee"
    assert (overview["left"], overview["total"]) == (COUNT - 1, COUNT)
    for image in (first["id"], second["id"], third["id"], deferred):
        path = own.studies / f"{image}.png"
        phantom = save_phantom(path, int(image[1:]))
        assert own.put_label(image, label_of(path, phantom.landmarks)).status_code == 200
    end = ask(own, "hybrid")
    assert end == {"message": f"Nothing is left: {COUNT - 1} of {COUNT} radiographs have labels, 1 were rejected."}
    response = own.request("PUT", "/activelearning/decision", params={"image": rejected}, json={"decision": "none"})
    assert response.json()["decision"] == "none"
    again = {"decision": "none", "working": True, "client_id": "ann"}
    own.request("PUT", "/activelearning/decision", params={"image": rejected}, json=again)
    assert own.get("/activelearning/")["busy"] == [rejected]
    own.request("PUT", "/activelearning/decision", params={"image": rejected}, json={**again, "working": False})
    assert own.get("/activelearning/")["busy"] == []
    assert ask(own, "hybrid")["id"] == rejected


def test_asking_often_scores_once(own):
    wait_for_scores(own)
    (file,) = (own.studies / ".farnet_scores").glob("farnet_demo.*.jsonl")
    before = file.read_bytes()
    for _ in range(5):
        ask(own, "hybrid")
    wait_for_scores(own)
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("image", "body", "status", "sentence"),
    [
        ("nobody", {"decision": "defer"}, 404, "There is no image 'nobody'"),
        ("p0", {"decision": "skip"}, 422, "one of defer, reject, none"),
        ("p0", {"decision": "reject"}, 422, "Say why"),
        ("p0", {}, 422, "one of defer, reject, none"),
    ],
)
def test_decisions_that_are_refused(own, image, body, status, sentence):
    response = own.request("PUT", "/activelearning/decision", params={"image": image}, json=body)
    assert response.status_code == status
    assert sentence in response.json()["detail"]


@pytest.mark.parametrize("body", [[], 7, None, {"decision": None}])
def test_odd_decisions_are_refused(own, body):
    response = own.request("PUT", "/activelearning/decision", params={"image": "p0"}, json=body)
    assert response.status_code == 422


def test_nobody_forges_what_the_server_notes(own):
    forged = {"decision": {"decision": "reject", "ts": 1}, "strategy": {"x": {"ts": 10**400}}, "id": "p9", "why": "no"}
    for _ in range(2):
        response = own.request("PUT", "/datastore/image/info", params={"image": "p0"}, json=forged)
        assert response.status_code in (200, 422)
    assert "p0" not in own.get("/activelearning/")["rejected"]
    answer = ask(own, "first")
    assert answer.get("id") != "p9"
    assert answer.get("why") != "no"


@pytest.mark.parametrize("params", [{"model": ["x"]}, {"model": {}}, {"seed": []}, {"client_id": {"a": 1}}])
def test_odd_wishes_are_left_aside(own, params):
    assert own.request("POST", "/activelearning/hybrid", json=params).status_code == 200


@pytest.mark.parametrize("params", [{"max_batch_size": "abc"}, {"images": [1, "x"]}, {"images": None}])
def test_odd_batches_are_refused(own, params):
    response = own.request("POST", "/batch/infer/farnet_demo", params={"run_sync": True}, json=params)
    assert response.status_code == 422


@pytest.mark.parametrize(
    ("path", "params", "status", "sentence"),
    [
        ("/activelearning/queue", {"strategy": "best"}, 404, "There is no strategy 'best'"),
        ("/activelearning/queue", {"count": 0}, 422, "'count' is a number from 1"),
    ],
)
def test_queues_that_are_refused(own, path, params, status, sentence):
    response = own.request("GET", path, params=params)
    assert response.status_code == status
    assert sentence in response.json()["detail"]


def test_an_unknown_strategy_is_refused(own):
    response = own.request("POST", "/activelearning/best")
    assert response.status_code == 404
    assert "There is no strategy 'best'" in response.json()["detail"]


def test_how_far_predictions_are(own):
    told = own.get("/batch/infer/farnet_demo")
    assert told["images"] == {"total": COUNT, "predicted": 0}
    response = own.request("POST", "/batch/infer/farnet_demo", params={"run_sync": True})
    assert response.status_code == 200, response.text
    told = own.get("/batch/infer/farnet_demo")
    assert told["images"] == {"total": COUNT, "predicted": COUNT}
    again = own.request("POST", "/batch/infer/farnet_demo", params={"run_sync": True})
    assert again.status_code == 200
    stored = own.get("/landmarks", params={"image": "p0", "model": "farnet_demo"})
    assert len(stored["landmarks"]) == 19
