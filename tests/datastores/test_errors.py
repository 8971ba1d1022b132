import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from lib.formats import LabelError
from lib.radiographs import RadiographError
from monailabel_app.errors import (
    BusyError,
    ClientError,
    ConflictError,
    NotFoundError,
    StudiesError,
    TooLargeError,
    client_errors,
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ClientError, 422),
        (StudiesError, 422),
        (NotFoundError, 404),
        (ConflictError, 409),
        (TooLargeError, 413),
        (BusyError, 503),
    ],
)
def test_the_sentence_and_the_status_reach_the_client(error: type[ClientError], status: int) -> None:
    app = FastAPI()

    @app.get("/")
    def fail() -> None:
        raise error("Say 'ä' or \ud800.")

    answer = TestClient(app).get("/")
    assert answer.status_code == status
    assert answer.json() == {"detail": "Say 'ä' or ?."}
    assert str(error("x")) == "x"


@pytest.mark.parametrize("error", [LabelError, RadiographError])
def test_errors_of_the_library_become_the_clients(error: type[ValueError]) -> None:
    with pytest.raises(ClientError, match=r"^a sentence$") as refusal, client_errors():
        raise error("a sentence")
    assert refusal.value.status_code == 422


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(ValueError, match="a bug") as bug, client_errors():
        raise ValueError("a bug")
    assert not isinstance(bug.value, ClientError)
