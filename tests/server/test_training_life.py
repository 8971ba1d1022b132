"""The life of a training: started, stopped, killed, left by its server, gone on with; never an orphan, never a lock."""

import json
import time
from pathlib import Path

import psutil
import pytest

from lib.checkpoints import read_card
from lib.evaluation.run_record import list_runs
from lib.trainers.lock import is_training
from tests.running import copy_app, running_server
from tests.tiny import CONF, FAST, phantom_folder

WAIT_S = 120
OPTIONS = {**FAST, "val_interval": 1, "device": "cpu"}
LONG = {**OPTIONS, "max_epochs": 50_000}


def wait_until(condition, what, seconds=WAIT_S):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s: {what}")


def runs_of(server) -> Path:
    return server.app / "model" / "farnet_demo"


def training_process(server):
    noted = json.loads((runs_of(server) / "training.json").read_text())
    return psutil.Process(noted["pid"])


def stats_of(server):
    return server.get("/info/")["train_stats"]["farnet_demo"]


def start(server, options):
    response = server.request("POST", "/train/farnet_demo", json=options)
    assert response.status_code == 200, response.text


def wait_for_epoch(server, epoch):
    wait_until(
        lambda: (
            is_training(runs_of(server))
            and stats_of(server).get("status") == "running"
            and stats_of(server)["epoch"] >= epoch
        ),
        f"epoch {epoch}: {stats_of(server)}",
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("a life")
    copy_app(home / "the app")
    phantom_folder(home / "my studies", 8)
    return home


@pytest.fixture(scope="module")
def conf():
    return {**CONF, "input_size": "64x64"}


@pytest.fixture(scope="module")
def server(home, conf, tmp_path_factory):
    with running_server(home, tmp_path_factory.mktemp("scratch"), conf) as running:
        yield running


def test_nothing_to_stop(server):
    response = server.request("DELETE", "/train/")
    assert (response.status_code, response.json()) == (200, None)


def test_a_stop_keeps_the_best_so_far(server):
    start(server, LONG)
    wait_for_epoch(server, 3)
    response = server.request("DELETE", "/train/")
    assert (response.status_code, response.json()["status"]) == (200, "STOPPED")
    assert not is_training(runs_of(server))
    assert server.get("/train/")["status"] == "STOPPED"
    stats = stats_of(server)
    assert (stats["status"], stats["published"]) == ("stopped", True)
    card = read_card(server.app / "model" / "farnet_demo.pt")
    assert card.version == stats["version"]
    assert server.get("/info/")["models"]["farnet_demo"]["version"] == card.version
    assert 1 <= card.training["epoch"] <= stats["epoch"]
    assert server.request("GET", "/train/", params={"check_if_running": True}).status_code == 404


def test_a_stop_is_for_the_training_that_runs(server):
    """One waits behind it; upstream's order of tasks would name that one."""
    start(server, LONG)
    wait_for_epoch(server, 1)
    first = server.get("/train/")["id"]
    waiting = server.request("POST", "/train/farnet_demo", params={"enqueue": True}, json=LONG).json()
    stopped = server.request("DELETE", "/train/").json()
    assert (stopped["id"], stopped["status"]) == (first, "STOPPED")
    wait_until(lambda: server.get("/train/")["status"] == "RUNNING", "the one that waited")
    assert server.get("/train/")["id"] == waiting["id"]
    assert server.request("DELETE", "/train/").json()["id"] == waiting["id"]


def test_a_stop_in_the_moment_of_the_start(server):
    """Upstream answers null then, and the training runs on."""
    before = len(list_runs(runs_of(server)))
    start(server, LONG)
    response = server.request("DELETE", "/train/")
    assert response.json()["status"] == "STOPPED"
    assert server.request("GET", "/train/", params={"check_if_running": True}).status_code == 404
    time.sleep(1)
    assert not is_training(runs_of(server))
    assert len(list_runs(runs_of(server))) == before


def test_a_killed_training_is_told_and_goes_on(server):
    start(server, {**OPTIONS, "max_epochs": 60})
    wait_for_epoch(server, 2)
    served = (server.app / "model" / "farnet_demo.pt").read_bytes()
    training_process(server).kill()
    wait_until(lambda: server.get("/train/")["status"] == "ERROR", "the end of the task")
    assert stats_of(server)["status"] == "interrupted"
    assert (server.app / "model" / "farnet_demo.pt").read_bytes() == served
    assert not is_training(runs_of(server))
    run = stats_of(server)["run"]
    start(server, {"resume": True, "device": "cpu"})
    wait_until(lambda: server.get("/train/")["status"] == "DONE", "the end of the resumed training")
    stats = stats_of(server)
    assert (stats["run"], stats["status"], stats["epoch"]) == (run, "finished", 60)


def test_a_training_ends_with_its_server(home, conf, tmp_path):
    with running_server(home, tmp_path, conf) as server:
        start(server, {**OPTIONS, "max_epochs": 3000})
        wait_for_epoch(server, 2)
        training = training_process(server)
        training.parent().kill()
        wait_until(lambda: not training.is_running() or training.status() == psutil.STATUS_ZOMBIE, "its end", 30)
        assert not is_training(runs_of(server))
    record = list_runs(runs_of(server))[0]
    assert record.status == "stopped"
    assert record.gate is not None  # its best so far was judged


def test_a_restart_knows_of_an_interrupted_training(home, conf, tmp_path):
    with running_server(home, tmp_path, conf) as server:
        start(server, {**OPTIONS, "max_epochs": 3000})
        wait_for_epoch(server, 2)
        training = training_process(server)
        training.suspend()  # so that it cannot see its server go
        training.parent().kill()
        training.kill()
    assert list_runs(runs_of(server))[0].status == "running"
    with running_server(home, tmp_path, conf) as server:
        record = list_runs(runs_of(server))[0]
        assert record.status == "interrupted"
        assert stats_of(server)["status"] == "interrupted"
        log = (home / "server.log").read_text()
        assert f"The training {record.run} of farnet_demo was interrupted; with the option 'resume' it goes on." in log


def test_a_training_from_the_command_line_is_not_joined_by_another(server):
    from lib.trainers.lock import training_lock

    with training_lock(runs_of(server)):
        response = server.request("POST", "/train/farnet_demo", json=OPTIONS)
    assert response.status_code == 429
    assert "A training of 'farnet_demo' is running already (process " in response.json()["detail"]
