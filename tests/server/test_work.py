"""Long work in the background: the round from submitted labels to a better model, and predicting all images."""

import re
import time

import numpy as np
import pytest

from lib.formats import parse_result
from lib.trainers.split import SplitFile
from tests.running import label_of, save_phantom
from tests.tiny import FAST, mean_error

LABELLED = tuple(f"round_{number}" for number in range(10))
WAIT_S = 300


def finished(server, path):
    """The status of a task once it has ended."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        status = server.get(path)
        if status["status"] not in ("SUBMITTED", "RUNNING"):
            return status
        time.sleep(0.3)
    raise AssertionError(f"{path} has not ended after {WAIT_S} s: {status}")


def started(server, path):
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline and server.get(path)["status"] == "SUBMITTED":
        time.sleep(0.05)


@pytest.fixture(scope="module")
def work(server, tmp_path_factory):
    """A training and a batch inference side by side, and what was seen before, meanwhile and after."""
    truth, folder = {}, tmp_path_factory.mktemp("uploads")
    for seed, image in enumerate(LABELLED, start=200):
        path = folder / f"{image}.png"
        truth[image] = save_phantom(path, seed).landmarks
        assert server.put_image(image, path).status_code == 200
        response = server.put_label(image, label_of(path, truth[image]))
        assert response.status_code == 200, response.text
    seen = {"truth": truth, "before": {image: server.find(image) for image in LABELLED}}
    options = {**FAST, "max_epochs": 25, "val_interval": 5, "model": "farnet_hand"}
    seen["train"] = server.request("POST", "/train/farnet_demo", json=options)
    seen["batch"] = server.request("POST", "/batch/infer/farnet_demo")
    started(server, "/train/")
    seen["second"] = server.request("POST", "/train/farnet_demo", json=options)
    seen["batch status"] = finished(server, "/batch/infer")
    seen["train status"] = finished(server, "/train/")
    seen["after"] = {image: server.find(image) for image in LABELLED}
    return seen


def test_a_training_runs_to_its_end(work):
    assert work["train"].status_code == 200
    assert work["train"].json()["request"]["model"] == "farnet_demo"  # the address counts, not the parameters
    assert work["train status"]["status"] == "DONE", work["train status"]


def test_a_second_one_meanwhile_is_refused(work):
    assert work["second"].status_code == 429
    assert re.search("training already|running already", work["second"].json()["detail"])


def test_viewers_see_the_statistics(server, work):
    stats = server.get("/info/")["train_stats"]["farnet_demo"]
    assert (stats["epoch"], stats["published"]) == (25, True)
    assert 0 < stats["best_metric"] <= 1
    assert stats["eval"]["metrics"]["val_mre_px"] > 0
    assert re.match(r"Published: on \d held-out radiographs of", stats["verdict"])
    assert (server.app / "model" / "farnet_demo" / stats["run"] / "report.html").is_file()


def test_the_new_model_is_in_use_and_much_better(server, work):
    versions = {result["version"] for result in work["after"].values()}
    assert versions == {server.get("/info/")["models"]["farnet_demo"]["version"]}
    assert not versions & {result["version"] for result in work["before"].values()}
    split = SplitFile(server.studies).read()
    unseen = {image for image in LABELLED if split.side(image) == "held_out"}
    assert unseen
    for part, ratio in ((set(LABELLED) - unseen, 0.2), (unseen, 0.3)):
        before, after = (
            np.mean([mean_error(parse_result(work[when][image]).landmarks, work["truth"][image]) for image in part])
            for when in ("before", "after")
        )
        assert after < ratio * before


def test_batch_inference_survives_a_broken_image(server, work):
    assert work["batch"].status_code == 200
    assert work["batch status"]["status"] == "DONE", work["batch status"]
    objects = server.get("/datastore/?output=all")["objects"]
    for image in ("first", "ward 7__Second", "film", *LABELLED):
        assert objects[image]["labels"]["original"]["info"]["model"] == "farnet_demo", image
    assert "original" not in objects["broken"]["labels"]
    assert any("broken.png" in line for line in work["batch status"]["details"])


def test_submitted_labels_are_untouched_by_the_batch(server, work):
    for image in LABELLED:
        info = server.get("/datastore/label/info", params={"label": image, "tag": "final"})
        assert "model" not in info


@pytest.mark.parametrize(
    ("model", "options", "status", "sentence"),
    [
        ("farnet_hand", {}, 422, "Training needs at least 3 radiographs with submitted 'hand_37' landmarks"),
        ("farnet_hand", {"model": "farnet_demo"}, 422, "there are 0: submit 3 more."),
        ("farnet_foot", {}, 404, "There is no model 'farnet_foot' to train: this server has farnet_demo, farnet_hand."),
        ("farnet_demo", {"max_epochs": "many"}, 422, "Training option 'max_epochs' cannot be 'many'"),
        ("farnet_demo", {"device": "tpu"}, 422, "There is no device 'tpu' here"),
        ("farnet_demo", {"gpus": -1}, 422, "Training option 'gpus' cannot be '-1'"),
        ("", {}, 422, "Say which model to train: POST /train/MODEL."),
    ],
)
def test_trainings_that_are_refused(server, model, options, status, sentence):
    response = server.request("POST", f"/train/{model}", json=options)
    assert response.status_code == status, response.text
    assert sentence in response.json()["detail"]


def test_a_batch_for_an_unknown_model(server):
    response = server.request("POST", "/batch/infer/farnet_foot")
    assert response.status_code == 404
    assert "There is no model 'farnet_foot'" in response.json()["detail"]


@pytest.mark.parametrize("path", ["/scoring/any", "/batch/infer/farnet_demo"])
def test_a_client_cannot_say_where_code_comes_from(server, tmp_path, path):
    """MONAI Label 0.8.5 lets its processes import from ``bundle_path``: Python runs this file when it starts."""
    ran = tmp_path / "ran"
    (tmp_path / "sitecustomize.py").write_text(f"import pathlib\npathlib.Path({str(ran)!r}).touch()\n")
    response = server.request("POST", path, json={"bundle_path": str(tmp_path)})
    assert response.status_code == 200, response.text
    finished(server, path.replace("any", "") if "scoring" in path else "/batch/infer")
    assert not ran.exists()
