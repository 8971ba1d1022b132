"""OHIF at ``/ohif/``: an unmodified build, our configuration of it, and the files of our panel and mode.

Upstream's route finds no file in a subfolder and answers the start page instead.
"""

from __future__ import annotations

import json
import mimetypes
import re
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, RedirectResponse
from monailabel.config import settings

from monailabel_app.errors import NotFoundError

router = APIRouter(prefix="/ohif", include_in_schema=False)

PANEL = Path(__file__).parent / "ohif"
PANEL_PATH = "farnet"
HASHED = re.compile(r"\.[0-9a-f]{16,}\.|^[0-9a-f]{16,}\.")
MODE_CUSTOMIZATION = (3, 13)
"""The first OHIF to which a configuration can add a panel to its own modes; older ones do not start with it."""
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".css": "text/css"}


@router.get("")
def without_slash() -> RedirectResponse:
    """``/ohif`` is ``/ohif/``."""
    return RedirectResponse("ohif/")


@router.get("/app-config.js")
def app_config(request: Request) -> Response:
    """OHIF's configuration: our proxy as the data source, our panel and mode."""
    config = ohif_config(ohif_version(_build(request)))
    return Response(f"window.config = {json.dumps(config, indent=1)};\n", media_type="text/javascript", headers=_FRESH)


@router.get(f"/{PANEL_PATH}/{{name}}")
def panel_file(name: str) -> Response:
    """A file of our panel; an OHIF on another server may load it too."""
    path = _inside(PANEL, name)
    if path is None:
        raise NotFoundError(f"Our panel has no file '{name[:80]}'.")
    return FileResponse(
        path, media_type=_type(path), headers={**_FRESH, "Cross-Origin-Resource-Policy": "cross-origin"}
    )


@router.get("/{path:path}")
def viewer_file(request: Request, path: str) -> Response:
    """A file of the build; any other path is one of the viewer's own pages."""
    build = _build(request)
    file = _inside(build, path or "index.html")
    if file is None:
        if Path(path).suffix in (".js", ".mjs", ".css", ".wasm", ".map", ".png", ".svg", ".json", ".woff2"):
            raise NotFoundError(f"OHIF has no file '{path[:80]}'.")
        file = build / "index.html"
    caching = {"Cache-Control": "public, max-age=31536000, immutable"} if HASHED.search(file.name) else _FRESH
    moved = _moved(file)
    if moved is not None:
        return Response(moved, media_type=_type(file), headers=caching)
    return FileResponse(file, media_type=_type(file), headers=caching)


_FRESH = {"Cache-Control": "no-cache"}


def ohif_config(version: tuple[int, int]) -> dict[str, Any]:
    """The configuration for an OHIF of this version.

    ``measurementTrackingMode`` and ``disableConfirmationPrompts`` let points load and move without a question each.
    """
    root = f"{settings.MONAI_LABEL_API_STR}/proxy/dicom"
    here = f"{settings.MONAI_LABEL_API_STR}/ohif"
    panel = {"rightPanels": {"$unshift": ["farnet.extension.panelModule.landmarks"]}}
    config: dict[str, Any] = {
        "routerBasename": f"{here}/",
        "extensions": [f"{here}/{PANEL_PATH}/extension.js"],
        "modes": [f"{here}/{PANEL_PATH}/mode.js"],
        "customizationService": {"mode": {"*": panel}} if version >= MODE_CUSTOMIZATION else {},
        "monaiLabel": {"url": f"{settings.MONAI_LABEL_API_STR}/"},
        "measurementTrackingMode": "none",
        "disableConfirmationPrompts": True,
        "showStudyList": True,
        "maxNumberOfWebWorkers": 3,
        "showWarningMessageForCrossOrigin": True,
        "showCPUFallbackMessage": True,
        "showLoadingIndicator": True,
        "strictZSpacingForVolumeViewport": True,
        "useSharedArrayBuffer": "FALSE",
        "investigationalUseDialog": {"option": "never"},
        "defaultDataSourceName": "dicomweb",
        "dataSources": [
            {
                "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
                "sourceName": "dicomweb",
                "configuration": {
                    "friendlyName": "DICOM server",
                    "name": "dicomweb",
                    "wadoUriRoot": f"{root}/wado",
                    "qidoRoot": f"{root}/qido",
                    "wadoRoot": f"{root}/wado",
                    "stowRoot": f"{root}/stow",
                    "qidoSupportsIncludeField": False,
                    "supportsReject": False,
                    "imageRendering": "wadors",
                    "thumbnailRendering": "wadors",
                    "enableStudyLazyLoad": True,
                    "supportsFuzzyMatching": False,
                    "supportsWildcard": True,
                    "dicomUploadEnabled": True,
                    "omitQuotationForMultipartRequest": True,
                    "bulkDataURI": {"enabled": True, "relativeResolution": "studies"},
                },
            }
        ],
    }
    if settings.MONAI_LABEL_AUTH_ENABLE:
        config["oidc"] = [
            {
                "authority": settings.MONAI_LABEL_AUTH_REALM_URI,
                "client_id": settings.MONAI_LABEL_AUTH_CLIENT_ID,
                "redirect_uri": f"{here}/callback",
                "response_type": "code",
                "scope": "openid profile email",
                "post_logout_redirect_uri": f"{here}/",
                "automaticSilentRenew": True,
            }
        ]
    return config


@lru_cache(maxsize=4)
def ohif_version(build: Path) -> tuple[int, int]:
    """A build's version, from its ``version.txt`` or its package; (0, 0) where it does not say."""
    for source in (build / "version.txt", build.parent / "package.json"):
        if source.is_file():
            found = re.search(r"(\d+)\.(\d+)\.\d+", source.read_text(encoding="utf-8", errors="replace"))
            if found:
                return int(found[1]), int(found[2])
    return 0, 0


def wheel_build() -> Path:
    """The build that comes with MONAI Label, made for ``/ohif/``."""
    return Path(str(files("monailabel"))) / "endpoints" / "static" / "ohif"


def _build(request: Request) -> Path:
    chosen = request.app.state.farnet.conf.get("ohif")
    return Path(chosen).expanduser().resolve() if chosen else wheel_build()


def _inside(folder: Path, name: str) -> Path | None:
    """A file in a folder; None where there is none, or outside."""
    path = (folder / name).resolve()
    return path if path.is_relative_to(folder.resolve()) and path.is_file() else None


def _moved(file: Path) -> bytes | None:
    """The start page or the main script of a build for ``/``, changed to lie at ``/ohif/``; None for other files."""
    if file.name != "index.html" and not re.fullmatch(r"app\.bundle\..*js", file.name):
        return None
    return _rewritten(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _rewritten(file: Path, _: int) -> bytes:
    here = f"{settings.MONAI_LABEL_API_STR}/ohif/"
    text = file.read_text(encoding="utf-8")
    if file.name == "index.html":
        text = re.sub(r'(src|href)="/(?!ohif/)', rf'\1="{here}', text)
        text = re.sub(r'window\.PUBLIC_URL = ?"/"|window\.PUBLIC_URL="/"', f'window.PUBLIC_URL = "{here}"', text)
    else:
        text = re.sub(r'__webpack_require__\.p = "/";', f'__webpack_require__.p = "{here}";', text)
    return text.encode()


def _type(file: Path) -> str:
    return _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
