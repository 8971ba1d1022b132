"""``POST /train/NAME`` where it runs while the client waits, and which GPUs the training's process gets."""

from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from monailabel.endpoints.user.auth import User, get_current_user

from lib.networks import WeightsError
from lib.trainers import TrainOptions
from lib.trainers.landmarks import TrainingFailedError
from lib.trainers.lock import TrainingRunningError, TrainingStoppedError
from lib.trainers.split import SplitError
from lib.trainers.training import DivergedError
from monailabel_app.routes import train


class Task:
    """Stands before the training itself; the options are the real ones."""

    def check(self, request, datastore, queued):
        return TrainOptions.from_request(request, TrainOptions(device="cpu"))


@pytest.fixture
def client():
    app = FastAPI()
    app.include_router(train.router)
    app.state.farnet = SimpleNamespace(_trainers={"farnet_demo": Task()}, checked_trainer=str, datastore=lambda: None)
    app.dependency_overrides[get_current_user] = lambda: User(username="jane", roles=["monailabel-admin"])
    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        *((error("One sentence."), 422) for error in (SplitError, WeightsError, DivergedError)),
        *((error("One sentence."), 422) for error in (TrainingStoppedError, TrainingFailedError)),
        (TrainingRunningError("One sentence."), 429),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_a_training_says_while_the_client_waits(client, monkeypatch, error, status):
    def run_model(*_):
        raise error

    monkeypatch.setattr(train, "run_model", run_model)
    answer = client.post("/train/farnet_demo?run_sync=true", json={})
    assert (answer.status_code, answer.json()["detail"]) == (status, "One sentence.")


@pytest.mark.parametrize(
    ("visible", "options", "sync", "sent"),
    [
        (None, {"gpus": "0,1"}, False, ("0,1", "cuda")),
        ("2,3", {"gpus": "0"}, False, ("2", "cuda")),
        ("2, 3", {"gpus": "1,0"}, False, ("3,2", "cuda")),
        ("GPU-8a,GPU-9b", {"gpus": "1"}, False, ("GPU-9b", "cuda")),
        ("2,3", {"gpus": "1", "device": "cuda:1"}, False, ("3", "cuda")),
        ("2,3", {"device": "cuda:1"}, False, ("all", "cuda:1")),
        ("2,3", {"gpus": "0"}, True, ("0", "cuda")),
        ("2,3", {"gpus": "0,1", "device": "cpu"}, False, ("0,1", "cpu")),
    ],
)
def test_gpus_are_those_that_the_server_may_see(monkeypatch, visible, options, sync, sent):
    """Upstream makes the numbers the process's CUDA_VISIBLE_DEVICES, which counts those of the machine."""
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = train._sent(TrainOptions(**{"device": "cuda", **options}), sync)
    assert (found["gpus"], found["device"]) == sent
