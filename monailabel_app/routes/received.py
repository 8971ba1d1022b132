"""What requests bring: parameters as JSON text, and files that are gone when the request is over."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from fastapi import UploadFile

from monailabel_app.errors import ClientError, TooLargeError


def json_object(text: str) -> dict[str, Any]:
    """Parameters of a request.

    Raises:
        ClientError: not a JSON object.
    """
    try:
        content = json.loads(text) if text else {}
    except (json.JSONDecodeError, RecursionError) as error:
        raise ClientError(f"The parameters are not valid JSON: {error}.") from error
    if not isinstance(content, dict):
        raise ClientError("The parameters are not a JSON object of names and values.")
    return content


def store_upload(file: UploadFile, path: Path, limit: int) -> Path:
    """Write an uploaded file to ``path``; the client's own name for it is never used as one.

    Raises:
        TooLargeError: it is larger than ``limit`` bytes.
    """
    if file.size is not None and file.size > limit:
        raise TooLargeError(f"The file is larger than the {limit >> 20} MB that are taken here.")
    with path.open("wb") as target:
        shutil.copyfileobj(file.file, target)
    return path
