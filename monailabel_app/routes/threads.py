"""MONAI Label's own routes in threads: as they are, one that waits for a disk or a PACS stops the whole server."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

WAITING = ("/datastore", "/activelearning", "/info", "/scoring")
"""Routes that ask the datastore."""


def off_the_loop(route: BaseRoute) -> BaseRoute:
    """The same route, its endpoint called in a thread; routes that never ask the datastore as they are.

    In MONAI Label 0.8.5 these are ``async`` functions that await nothing, and so run on the event loop, where a slow
    answer of a DICOMweb server would be waited for by everybody. FastAPI keeps an included router as one route, which
    looks its own routes up when it is first asked.
    """
    included = getattr(route, "original_router", None)
    if included is not None:
        included.routes[:] = map(off_the_loop, included.routes)
        return route
    if not isinstance(route, APIRoute) or not route.path.startswith(WAITING):
        return route
    if not inspect.iscoroutinefunction(route.endpoint):
        return route
    return APIRoute(
        route.path,
        _plain(route.endpoint),
        methods=route.methods,
        name=route.name,
        tags=route.tags,
        summary=route.summary,
        dependencies=route.dependencies,
        deprecated=route.deprecated,
        include_in_schema=route.include_in_schema,
    )


def _plain(endpoint: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    @functools.wraps(endpoint)
    def call(*arguments: Any, **named: Any) -> Any:
        waiting = endpoint(*arguments, **named)
        try:
            waiting.send(None)
        except StopIteration as done:
            return done.value
        waiting.close()
        raise RuntimeError(f"{endpoint.__name__} awaits something and belongs on the event loop")

    call.__signature__ = inspect.signature(endpoint)  # type: ignore[attr-defined]
    del call.__wrapped__  # FastAPI would look through it and await the result
    return call
