"""A route of MONAI Label's that waits keeps nobody else waiting."""

import threading
import time

from fastapi import APIRouter, Depends, FastAPI
from fastapi.testclient import TestClient

from monailabel_app.routes.threads import off_the_loop


def app_with(seconds: float) -> FastAPI:
    router = APIRouter()

    @router.get("/datastore/slow")
    async def slow(image: str, number: int = 1, who: str = Depends(lambda: "jane")) -> dict:
        time.sleep(seconds)  # as asking a PACS does
        return {"image": image, "number": number, "who": who}

    @router.get("/other")
    async def other() -> dict:
        return {}

    app = FastAPI()
    app.include_router(router)
    app.router.routes[:] = map(off_the_loop, app.router.routes)
    return app


def test_the_answer_is_the_same():
    with TestClient(app_with(0)) as client:
        answer = client.get("/datastore/slow", params={"image": "one", "number": 2})
        assert answer.json() == {"image": "one", "number": 2, "who": "jane"}
        assert client.get("/datastore/slow").status_code == 422


def test_others_are_answered_meanwhile():
    with TestClient(app_with(2.0)) as client:
        slow = threading.Thread(target=client.get, args=("/datastore/slow?image=one",))
        slow.start()
        time.sleep(0.3)
        client.get("/other")
        assert slow.is_alive()  # answered before the slow one was
        slow.join()
