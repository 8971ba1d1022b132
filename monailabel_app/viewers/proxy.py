"""The browser's way to the DICOMweb server: ``/proxy/dicom``, of the viewer's origin, so without CORS or a password.

Upstream's proxy loses the query, sends the browser's host and cookies on, and answers nothing else meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated
from urllib.parse import unquote

import requests
from fastapi import APIRouter, Body, Depends, Request, Response
from fastapi.responses import StreamingResponse
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC, User

from monailabel_app.datastores.opening import is_address
from monailabel_app.datastores.pacs import TIMEOUTS_S, PacsAwayError, authorise
from monailabel_app.errors import ClientError, NotFoundError

router = APIRouter(prefix="/proxy/dicom", include_in_schema=False)
Person = Annotated[User, Depends(RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER))]

PREFIXES = {
    "qido": settings.MONAI_LABEL_QIDO_PREFIX,
    "wado": settings.MONAI_LABEL_WADO_PREFIX,
    "stow": settings.MONAI_LABEL_STOW_PREFIX,
}
SENT = ("accept", "content-type", "range")
RECEIVED = ("content-type", "content-range", "etag", "warning")
CHUNK = 1 << 16
_PATH = re.compile(r"[A-Za-z0-9._~%,/$-]*")


@router.get("/{service}/{path:path}")
def read(request: Request, service: str, path: str, _: Person) -> Response:
    """Search and retrieve."""
    return _forward(request, service, path, None)


@router.post("/{service}/{path:path}")
def store(request: Request, service: str, path: str, _: Person, body: Annotated[bytes, Body()] = b"") -> Response:
    """Store."""
    return _forward(request, service, path, body)


def _forward(request: Request, service: str, path: str, body: bytes | None) -> Response:
    studies: str = request.app.state.farnet.studies
    if not is_address(studies):
        raise NotFoundError("OHIF shows studies of a DICOMweb server, and this server has a folder of studies.")
    base = studies.strip().rstrip("/")
    if service not in PREFIXES or not _PATH.fullmatch(path) or ".." in unquote(path).split("/"):
        raise ClientError("This is no path of a DICOMweb server.")
    prefix = PREFIXES["wado" if path.endswith("metadata") else service]  # old OHIF asks QIDO for metadata
    url = "/".join(part for part in (base, (prefix or "").strip("/"), path) if part)
    headers = {name: value for name, value in request.headers.items() if name.lower() in SENT}
    try:
        answer = _session().request(
            request.method,
            url,
            params=request.url.query,
            data=body,
            headers=headers,
            stream=True,
            timeout=TIMEOUTS_S,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        raise PacsAwayError(f"The DICOMweb server {base} does not answer: try again when it is back.") from error
    kept = {name: value for name, value in answer.headers.items() if name.lower() in RECEIVED}
    if "json" in answer.headers.get("content-type", ""):
        # Addresses of pixels and large values in it lead past this server, where a browser may not or cannot go.
        here = f"{request.base_url}proxy/dicom/wado"
        return Response(answer.content.replace(base.encode(), here.encode()), answer.status_code, kept)
    return StreamingResponse(_pieces(answer), answer.status_code, kept)


def _pieces(answer: requests.Response) -> Iterator[bytes]:
    with answer:
        yield from answer.iter_content(CHUNK)


@lru_cache(maxsize=1)
def _session() -> requests.Session:
    return authorise(requests.Session())
