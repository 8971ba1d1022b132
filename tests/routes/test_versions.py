"""Who may look at versions and who may change them, where there is a login; and whose name the history keeps."""

from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from monailabel.config import settings
from monailabel.endpoints.user.auth import User, get_current_user

from monailabel_app.routes import model, versions
from tests.tiny import save_untrained, tiny_config


@pytest.fixture
def asking(tmp_path, monkeypatch):
    """A client with a role, of a server with two versions of a model, the second in use."""
    monkeypatch.setattr(settings, "MONAI_LABEL_AUTH_ENABLE", True)
    config = tiny_config(tmp_path / "model")
    for seed in (1, 2):
        config.versions.publish(save_untrained(tmp_path / f"{seed}.pt", config.card(), seed), "")
    app = FastAPI()
    app.include_router(model.router)
    app.include_router(versions.router)
    app.state.farnet = SimpleNamespace(configs={"farnet_demo": config}, checked_trainer=str, model_info=lambda _: {})

    def client(role: str) -> TestClient:
        app.dependency_overrides[get_current_user] = lambda: User(username="jane", roles=[role])
        return TestClient(app)

    client.config = config
    return client


def test_users_may_look_but_not_change(asking, tmp_path):
    client = asking(settings.MONAI_LABEL_AUTH_ROLE_USER)
    for path in ("versions", "versions/untrained-1", "diff?first=untrained-1"):
        assert client.get(f"/model/farnet_demo/{path}").status_code == 200
    refused = [
        client.post("/model/farnet_demo/rollback"),
        client.put("/model/farnet_demo", files={"file": (tmp_path / "1.pt").read_bytes()}),
        client.delete("/model/farnet_demo"),
    ]
    assert [response.status_code for response in refused] == [403, 403, 403]
    assert asking.config.versions.served().version == "untrained-2"


def test_strangers_may_not_look(asking):
    assert asking("stranger").get("/model/farnet_demo/versions").status_code == 403


def test_administrators_may_change_and_are_named(asking, tmp_path):
    client = asking(settings.MONAI_LABEL_AUTH_ROLE_ADMIN)
    assert client.post("/model/farnet_demo/rollback").json()["version"] == "untrained-1"
    upload = client.put("/model/farnet_demo", files={"file": (tmp_path / "2.pt").read_bytes()})
    assert upload.status_code == 200
    assert [(c.action, c.version, c.reason) for c in asking.config.versions.history()][2:] == [
        ("rolled back", "untrained-1", "over HTTP by jane"),
        ("uploaded", "untrained-2", "over HTTP by jane"),
    ]


def test_what_came_with_the_app_cannot_be_taken_out_of_use(asking):
    """Upstream moves that file away."""
    client, config = asking(settings.MONAI_LABEL_AUTH_ROLE_ADMIN), asking.config
    shipped = save_untrained(config.versions.shipped, config.card(), 3)
    assert client.delete("/model/farnet_demo").json() == {"model": "farnet_demo", "withdrawn": "untrained-2"}
    assert config.current == shipped
    answer = client.delete("/model/farnet_demo")
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "farnet_demo is the one that came with the app: there is nothing to take out of use.",
    )
    assert config.current == shipped
    assert client.delete("/model/farnet_foot").status_code == 404
