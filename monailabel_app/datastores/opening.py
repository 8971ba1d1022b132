"""The datastore for what a user calls the studies: a folder, or the address of a DICOMweb server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from monailabel.config import settings

from lib.configs import ConfigError
from lib.landmarks import LandmarkSet
from monailabel_app.datastores.dicomweb import MAX_CACHE_BYTES, DicomwebStudies, cache_folder
from monailabel_app.datastores.local import StudiesFolder

CT_ONLY = {"Modality": "CT"}
"""MONAI Label's default for ``MONAI_LABEL_DICOMWEB_SEARCH_FILTER``; it hides every radiograph, so nobody means it."""


def is_address(studies: str) -> bool:
    """Whether studies are on a DICOMweb server."""
    return studies.strip().startswith(("http://", "https://"))


def check_studies(studies: str, conf: Mapping[str, str]) -> None:
    """Refuse what cannot be opened.

    Raises:
        ConfigError: an address that is none, or a limit that is no number; one sentence.
    """
    _max_bytes(conf)
    if not is_address(studies):
        return
    try:
        address = urlsplit(studies.strip())
        usable = bool(address.hostname) and (address.port is None or address.port > 0)
    except ValueError:
        usable = False
    if not usable or address.query or address.fragment:
        raise ConfigError(f"'{studies}' is no address of a DICOMweb server, such as http://localhost:8042/dicom-web.")
    if address.username or address.password:
        raise ConfigError(
            "A login does not belong into the address of a DICOMweb server, where logs show it: set "
            "MONAI_LABEL_DICOMWEB_USERNAME and MONAI_LABEL_DICOMWEB_PASSWORD."
        )


def open_studies(
    studies: str | Path, landmark_sets: Mapping[str, LandmarkSet], conf: Mapping[str, str] | None = None
) -> StudiesFolder:
    """The studies in a folder, made where absent, or on a DICOMweb server.

    Args:
        studies: the folder or the address.
        landmark_sets: the landmark set of each model, by the model's name.
        conf: ``dicomweb_cache_gb``, what the files of unlabelled images may take on this machine.

    Raises:
        ConfigError: see :func:`check_studies`.
    """
    where = str(studies)
    check_studies(where, conf or {})
    if not is_address(where):
        return StudiesFolder(studies, landmark_sets)
    chosen = settings.MONAI_LABEL_DICOMWEB_SEARCH_FILTER or {}
    filters = {} if chosen == CT_ONLY else {str(key): str(value) for key, value in chosen.items()}
    folder = cache_folder(where.strip(), settings.MONAI_LABEL_DICOMWEB_CACHE_PATH.strip() or None)
    return DicomwebStudies(where.strip(), folder, landmark_sets, filters, _max_bytes(conf or {}))


def _max_bytes(conf: Mapping[str, str]) -> int:
    text = conf.get("dicomweb_cache_gb")
    if text is None:
        return MAX_CACHE_BYTES
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = 0.0
    if not 0 < gigabytes < 1e6:
        raise ConfigError(f"dicomweb_cache_gb '{text}' is not a number of gigabytes above 0.")
    return int(gigabytes * 1e9)
