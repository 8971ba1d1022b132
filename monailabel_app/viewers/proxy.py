"""The browser's way to the DICOMweb server: ``/proxy/dicom``, so that it needs neither CORS nor that server's password.

Upstream's proxy loses the query, sends the browser's cookies and login on, and answers nothing else meanwhile. With a
login, OHIF sends its token along (see :mod:`~monailabel_app.viewers.ohif_config`), and it goes no further than here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

import requests
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC, User
from requests.adapters import HTTPAdapter

from monailabel_app.datastores.opening import is_address
from monailabel_app.datastores.pacs import TIMEOUTS_S, PacsAwayError, PacsRefusedError, authorise
from monailabel_app.datastores.rules import MAX_IMAGE_BYTES
from monailabel_app.errors import ClientError, NotFoundError, TooLargeError

router = APIRouter(prefix="/proxy/dicom", include_in_schema=False)

SENT = ("accept", "content-type", "if-none-match", "range")
RECEIVED = ("content-disposition", "content-range", "content-type", "etag", "last-modified", "warning")
READABLE = ("studies", "series", "instances", "bulkdata", "bulk")
PIECE = 1 << 16
CONNECTIONS = 40
"""As many as threads that answer requests."""
_STUDIES_URL = re.compile(rb'"https?:\\?/\\?/[^"]*?\\?/(studies\\?/[^"]*)"')


async def _body(request: Request) -> bytes:
    """What is to be stored; in memory, since it is sent on by a thread."""
    pieces, length = [], 0
    async for piece in request.stream():
        length += len(piece)
        if length > MAX_IMAGE_BYTES:
            raise TooLargeError(f"This is more than the {MAX_IMAGE_BYTES >> 20} MB that are passed on at once.")
        pieces.append(piece)
    return b"".join(pieces)


@router.get("/{path:path}")
def read(
    request: Request, path: str, _: Annotated[User, Depends(RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER))]
) -> Response:
    """Search and retrieve."""
    return _passed_on(request, path, None)


@router.post("/{path:path}")
def store(
    request: Request,
    path: str,
    _: Annotated[User, Depends(RBAC(settings.MONAI_LABEL_AUTH_ROLE_ANNOTATOR))],
    body: Annotated[bytes, Depends(_body)],
) -> Response:
    """Store, in OHIF a report or an upload."""
    return _passed_on(request, path, body)


def _passed_on(request: Request, path: str, body: bytes | None) -> Response:
    studies = str(request.app.state.farnet.studies)
    if not is_address(studies):
        raise NotFoundError(
            "OHIF shows the studies of a DICOMweb server, and this server has a folder of studies: start it with "
            "--studies http://..."
        )
    server = studies.strip().rstrip("/")
    try:
        answer = pacs_session().request(
            request.method,
            f"{server}/{pacs_path(path, storing=body is not None)}",
            params=request.url.query,
            data=body,
            headers={name: value for name, value in request.headers.items() if name in SENT},
            stream=True,
            timeout=TIMEOUTS_S,
            allow_redirects=False,
        )
        _check(answer, server)
        headers = {name: value for name, value in answer.headers.items() if name.lower() in RECEIVED}
        if "json" in answer.headers.get("content-type", ""):
            with answer:
                content = through_here(answer.content, f"{request.base_url}proxy/dicom/wado")
            return Response(content, answer.status_code, headers)
    except requests.RequestException as error:
        raise PacsAwayError(f"The DICOMweb server {server} does not answer: try again when it is back.") from error
    return StreamingResponse(_pieces(answer), answer.status_code, headers)


def pacs_path(path: str, *, storing: bool = False) -> str:
    """The path on the DICOMweb server for one below ``/proxy/dicom/``.

    The first part may say what is wanted, ``qido``, ``wado`` or ``stow``, and stands for what the server calls it. Only
    what DICOMweb defines goes through: servers have more below their address, Orthanc the way to its peers for one.

    Raises:
        ClientError: another path, or one that would lead elsewhere.
    """
    parts = path.strip("/").split("/")
    wanted = parts[1:] if parts[0] in ("qido", "wado", "stow") else parts
    stored = wanted[:1] == ["studies"] and len(wanted) <= 2
    if any(part.partition(";")[0] in ("", ".", "..") or "\\" in part for part in parts) or not (
        stored if storing else wanted and wanted[0] in READABLE
    ):
        raise ClientError("This is no path of a DICOMweb server.")
    service, *rest = parts
    if service in ("qido", "wado", "stow"):
        if rest and rest[-1] == "metadata":
            service = "wado"  # some versions of OHIF search for it
        prefix = str(getattr(settings, f"MONAI_LABEL_{service.upper()}_PREFIX") or "").strip("/")
        parts = [*prefix.split("/"), *rest] if prefix else rest
    return "/".join(quote(part, safe="$,:;=@") for part in parts)


def through_here(answer: bytes, here: str) -> bytes:
    """A JSON answer whose addresses of studies, and what is below, lead through this proxy.

    A server tells its own address there, or the one by which others know it; a browser reaches neither.
    """
    return _STUDIES_URL.sub(lambda found: b'"%s/%s"' % (here.encode(), found[1]), answer)


@lru_cache(maxsize=1)
def pacs_session() -> requests.Session:
    """Connections to the DICOMweb server, with its login."""
    session = authorise(requests.Session())
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))
    return session


def _check(answer: requests.Response, server: str) -> None:
    """Refuse what OHIF would misread: as its own login, or as a page of this server."""
    status = answer.status_code
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        answer.close()
        raise PacsRefusedError(
            f"The DICOMweb server {server} refuses the login of this server: check MONAI_LABEL_DICOMWEB_USERNAME and "
            "MONAI_LABEL_DICOMWEB_PASSWORD."
        )
    if answer.is_redirect:
        answer.close()
        raise PacsRefusedError(f"The DICOMweb server {server} is elsewhere: it answers with another address.")


def _pieces(answer: requests.Response) -> Iterator[bytes]:
    with answer:
        yield from answer.iter_content(PIECE)
