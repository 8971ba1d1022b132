"""Labels that are probably wrong: ``GET /check/{model}`` as a page, ``GET /check/{model}.json`` for programs."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC, User

from lib.evaluation.label_check import check_page, waiting_page
from monailabel_app.routes.background_check import BackgroundCheck, Standing
from monailabel_app.routes.versions import configured

router = APIRouter(tags=["Datastore"])
Person = Annotated[User, Depends(RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER))]

FRESH = {"Cache-Control": "no-store"}
"""A page of somebody's radiographs, true for a moment."""


@router.get("/check/{model}.json", summary="Labels that are probably wrong, as JSON")
def check_json(request: Request, model: str, user: Person) -> Response:
    """What ``GET /check/{model}?format=json`` answers."""
    return check(request, model, user, "json")


@router.get("/check/{model}", summary="Labels that are probably wrong")
def check(
    request: Request,
    model: str,
    _: Person,
    format: Literal["html", "json"] = "html",  # noqa: A002 - the name in the address
) -> Response:
    """The labels of a model's landmark set that are probably wrong, the worst first, with pictures.

    The check runs in the background, once for each state of labels and model, and takes minutes for many radiographs.
    Until there is a result, the page says how far it is and loads itself again, and JSON comes with status 202. When
    labels have changed since, the last result is shown, says so, and a new check runs.
    """
    config = configured(request, model)
    standing = _of(request, model).ask()
    if format == "json":
        return _json(model, standing)
    title = f"Labels of {config.landmark_set.name}"
    if standing.checked is None:
        return HTMLResponse(waiting_page(title, standing.doing, fault=standing.fault), headers=FRESH)
    notice = standing.fault
    if standing.doing:
        notice = f"Labels or model have changed since; they are being checked anew: {standing.doing}."
    checked = standing.checked
    page = check_page(checked.report, checked.pictures, notice=notice, reload=bool(standing.doing))
    return HTMLResponse(page, headers=FRESH)


def _json(model: str, standing: Standing) -> Response:
    content: dict[str, Any] = {
        "model": model,
        "running": bool(standing.doing),
        "doing": standing.doing or None,
        "fault": standing.fault or None,
        "report": standing.checked.report.as_dict() if standing.checked else None,
    }
    status = HTTPStatus.ACCEPTED if standing.doing else HTTPStatus.OK
    return JSONResponse(content, status, headers=FRESH)


def _of(request: Request, model: str) -> BackgroundCheck:
    """The check of a model's labels; another one after ``POST /reload``, which makes a new app."""
    app = request.app.state.farnet
    known: tuple[Any, dict[str, BackgroundCheck]] = getattr(request.app.state, "label_checks", (None, {}))
    if known[0] is not app:
        known = (app, {name: BackgroundCheck.of(app, name) for name in app.configs})
        request.app.state.label_checks = known
    return known[1][model]
