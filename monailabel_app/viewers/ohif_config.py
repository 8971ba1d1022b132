"""What we tell OHIF when it starts: where the studies are, and which panel and mode to load."""

from __future__ import annotations

from typing import Any

from monailabel.config import settings

PANEL = "farnet.extension.panelModule.landmarks"
MODES_WITH_PANEL = ("@ohif/mode-longitudinal", "@ohif/mode-basic")
"""OHIF's own modes that show radiographs; ours brings the panel itself."""


def ohif_config(root: str, *, takes_panels: bool) -> dict[str, Any]:
    """OHIF's ``window.config``.

    Args:
        root: path of this server as the browser sees it; empty where it is ``/``.
        takes_panels: see :attr:`~monailabel_app.viewers.builds.Build.takes_panels`.
    """
    plugin = f"{root}/ohif/farnet"
    panel = {"rightPanels": {"$unshift": [PANEL]}}
    config: dict[str, Any] = {
        "routerBasename": f"{root}/ohif",  # with a slash at its end OHIF would not know its own login page again
        "extensions": [f"{plugin}/extension.js"],
        "modes": [f"{plugin}/mode.js"],
        "monaiLabel": {"url": f"{root}/"},
        "customizationService": {"mode": dict.fromkeys(MODES_WITH_PANEL, panel)} if takes_panels else {},
        # points load and move without a question each
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
        "dataSources": [_data_source(f"{root}/proxy/dicom")],
    }
    if settings.MONAI_LABEL_AUTH_ENABLE:
        config["oidc"] = [_login()]
    return config


def _data_source(proxy: str) -> dict[str, Any]:
    return {
        "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
        "sourceName": "dicomweb",
        "configuration": {
            "friendlyName": "DICOM server",
            "name": "dicomweb",
            "qidoRoot": f"{proxy}/qido",
            "wadoRoot": f"{proxy}/wado",
            "wadoUriRoot": f"{proxy}/wado",
            "stowRoot": f"{proxy}/stow",
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


def _login() -> dict[str, Any]:
    """OHIF logs in itself, at the realm that the server trusts: it needs the token for the images too."""
    return {
        "authority": settings.MONAI_LABEL_AUTH_REALM_URI,
        "client_id": settings.MONAI_LABEL_AUTH_CLIENT_ID,
        "redirect_uri": "/callback",  # both below routerBasename
        "post_logout_redirect_uri": "/",
        "response_type": "code",
        "scope": "openid profile email",
        "automaticSilentRenew": True,
    }
