"""OHIF at ``/ohif/``: an unmodified build, our configuration of it, and the files of our panel and mode.

Upstream's route finds no file in a subfolder and answers the start page instead. Nothing here needs a login, since a
browser has none yet when it opens a page; images and landmarks do.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
import re
from pathlib import Path, PurePosixPath

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from monailabel_app.datastores.rules import quoted
from monailabel_app.errors import NotFoundError
from monailabel_app.viewers.builds import INDEX, Build, file_inside, open_build
from monailabel_app.viewers.ohif_config import ohif_config

router = APIRouter(prefix="/ohif", include_in_schema=False)

PLUGIN = Path(__file__).parent.resolve() / "ohif"
READ = ["GET", "HEAD"]
ASK_AGAIN = {"Cache-Control": "no-cache"}
KEEP = {"Cache-Control": "public, max-age=31536000, immutable"}
ANY_ORIGIN = {"Cross-Origin-Resource-Policy": "cross-origin"}
_HASHED = re.compile(r"(^|\.)[0-9a-f]{16,}\.")
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".woff2": "font/woff2"}
"""Some systems know none of these, or another; a browser runs no module of another type."""


@router.api_route("", methods=READ)
def without_slash() -> RedirectResponse:
    """``/ohif`` is ``/ohif/``."""
    return RedirectResponse("ohif/")


@router.api_route("/app-config.js", methods=READ)
def app_config(request: Request) -> Response:
    """OHIF's configuration: our proxy as the data source, our panel and mode."""
    config = ohif_config(_root(request), takes_panels=_build(request).takes_panels)
    return _fresh(request, f"window.config = {json.dumps(config, indent=1)};\n".encode(), ".js")


@router.api_route("/farnet/{name}", methods=READ)
def plugin_file(name: str) -> Response:
    """A file of our panel and mode; an OHIF on another server may load it too."""
    file = file_inside(PLUGIN, name)
    if file is None:
        raise NotFoundError(f"The plugin has no file {quoted(name)}.")
    return FileResponse(file, media_type=_type(file.suffix), headers=ASK_AGAIN | ANY_ORIGIN)


@router.api_route("/{path:path}", methods=READ)
def viewer_file(request: Request, path: str) -> Response:
    """A file of the build; any other path without an extension is a page of the viewer's own."""
    build = _build(request)
    file = build.file(path or INDEX)
    if file is None and PurePosixPath(path).suffix:
        raise NotFoundError(f"OHIF has no file {quoted(path)}.")
    file = file or build.folder / INDEX
    moved = build.rewritten(file, f"{_root(request)}/ohif/")
    if moved is not None:
        return _fresh(request, moved, file.suffix)
    return FileResponse(file, media_type=_type(file.suffix), headers=KEEP if _HASHED.search(file.name) else ASK_AGAIN)


def _build(request: Request) -> Build:
    return open_build(request.app.state.farnet.conf.get("ohif"))


def _root(request: Request) -> str:
    """Where this server lies behind a reverse proxy that gives it a part of its paths; usually empty."""
    return str(request.scope.get("root_path", "")).rstrip("/")


def _fresh(request: Request, content: bytes, suffix: str) -> Response:
    """Content that a browser asks for each time, and gets only if it has changed: the main script has 15 MB."""
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = ASK_AGAIN | {"ETag": etag}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=_type(suffix), headers=headers)


def _type(suffix: str) -> str:
    return _TYPES.get(suffix) or mimetypes.types_map.get(suffix) or "application/octet-stream"
