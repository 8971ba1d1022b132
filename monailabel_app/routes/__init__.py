"""Routes of ours that take the place of upstream's of the same path."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from monailabel_app.routes import activelearning, check, datastore, infer, landmarks, model, train, versions
from monailabel_app.routes.background import refuse_bundles
from monailabel_app.routes.login import accept_tokens
from monailabel_app.routes.threads import off_the_loop
from monailabel_app.viewers import pages, proxy

if TYPE_CHECKING:
    from monailabel_app.app import FARNetApp


def install_routes(instance: FARNetApp) -> None:
    """Put our routes before upstream's in the running server, and let bad JSON answer 422 instead of a bare 500."""
    server: FastAPI = sys.modules["monailabel.app"].app
    server.state.farnet = instance
    if getattr(server.state, "farnet_routes", False):  # after POST /reload the routes are there already
        return
    server.state.farnet_routes = True
    accept_tokens()
    refuse_bundles()
    before = len(server.router.routes)
    for part in (activelearning, check, datastore, infer, landmarks, model, versions, train, proxy, pages):
        server.include_router(part.router)
    routes = server.router.routes
    routes[:] = [*routes[before:], *map(off_the_loop, routes[:before])]
    server.add_exception_handler(json.JSONDecodeError, _bad_json)
    server.middleware_stack = None  # handlers are fixed when the stack is built; the next request builds it anew


def _bad_json(_: Request, error: Any) -> JSONResponse:
    return JSONResponse({"detail": f"The parameters are not valid JSON: {error}."}, status_code=422)
