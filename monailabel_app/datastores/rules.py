"""What may be stored: the one set of rules for ids, tags, names, sizes and notes.

MONAI Label 0.8.5 joins ids, tags and extensions of requests to paths as they come: ``PUT /datastore/image`` could write
Python files into the app, ``PUT /datastore/label`` anywhere. Everything a client names passes here first.
"""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from lib.formats import MAX_BYTES
from lib.radiographs import EXTENSIONS
from monailabel_app.errors import NotFoundError, StudiesError, TooLargeError

FINAL = "final"
"""What a person has submitted. Only this trains."""
ORIGINAL = "original"
"""What a model has predicted."""
TAGS = (FINAL, ORIGINAL)
LABEL_EXTENSIONS = (".mrk.json", ".json")
MAX_IMAGE_BYTES = 512_000_000
MAX_LABEL_BYTES = MAX_BYTES
MAX_INFO_BYTES = 256_000
MAX_ID_BYTES = 200  # file systems take names of 255, and an id gets an extension

SERVER_KEYS = frozenset(
    {"ts", "name", "path", "file", "content", "checksum", "landmark_set", "PatientID", "provenance"}
    | {"StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "Modality", "InstanceNumber", "siblings"}
    | {"reports", "report", "size", "decision", "strategy"}
)
"""Keys of an image's or label's info that the server alone writes."""

_WINDOWS = os.name == "nt"
_FORBIDDEN = frozenset('/\\<>:"|?*' if _WINDOWS else "/\\")
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))})


def id_fault(text: object) -> str | None:
    """Why a text cannot be the id of an image, as the end of a sentence; None where it can.

    An id is part of file names and of addresses. Blanks, dots and the letters of all languages are fine.
    """
    return _text_fault(text) if isinstance(text, str) and text else "it is empty or not a text"


@lru_cache(maxsize=1 << 16)
def _text_fault(text: str) -> str | None:
    if len(text.encode("utf-8", "replace")) > MAX_ID_BYTES:
        return f"it is longer than {MAX_ID_BYTES} bytes"
    plain = text.isascii() and text.isprintable()
    if not plain and any(unicodedata.category(letter)[0] == "C" or letter in "\u2028\u2029" for letter in text):
        return "it has invisible or control characters"
    if _FORBIDDEN.intersection(text):
        return "it has one of the characters " + " ".join(sorted(_FORBIDDEN))
    if text.startswith("."):
        return "it begins with a dot"
    if text != text.strip() or text.endswith("."):
        return "it begins or ends with a blank, or ends with a dot"
    if is_device(text):
        return "it is the name of a device under Windows"
    if text.casefold().endswith(".mrk"):
        return "it ends with .mrk, as the names of label files do"
    return None


def is_device(name: str) -> bool:
    """Whether a file of that name would be a device under Windows."""
    return name.casefold().split(".")[0] in _DEVICES


def checked_id(image_id: str) -> str:
    """The id, unless :func:`id_fault` finds one; ``StudiesError`` then."""
    fault = id_fault(image_id)
    if fault is not None:
        raise StudiesError(f"An image cannot have the id {quoted(image_id)}: {fault}; choose another name.")
    return image_id


def checked_tag(tag: str) -> str:
    """The tag, one of :data:`TAGS`; ``StudiesError`` otherwise."""
    if tag not in TAGS:
        raise StudiesError(f"A label cannot have the tag {quoted(tag)}: there are '{FINAL}' and '{ORIGINAL}'.")
    return str(getattr(tag, "value", tag))  # MONAI Label gives members of an enum as well


def image_extension(name: str) -> str | None:
    """The extension by which a file name is a radiograph's, as it is written; None where it is not one."""
    for extension in EXTENSIONS:
        if name.casefold().endswith(extension) and len(name) > len(extension):
            return name[-len(extension) :]
    return None


def checked_image_extension(name: str) -> str:
    """As :func:`image_extension`; ``StudiesError`` for a name that is not a radiograph's."""
    extension = image_extension(name)
    if extension is None:
        # Of an upload only the ending is the client's, the rest is the name of a temporary file.
        raise StudiesError(
            f"A file {quoted('*' + Path(name).suffix)} is not a radiograph: use {', '.join(EXTENSIONS)}."
        )
    return extension


def label_id(name: str) -> tuple[str, str] | None:
    """Image id and extension of a label's file name; None where it is not a landmark label's."""
    for extension in LABEL_EXTENSIONS:
        if name.endswith(extension) and not name.startswith("."):
            return name.removesuffix(extension), extension
    return None


def checked_size(path: str | Path, limit: int) -> Path:
    """The path of an uploaded file of at most ``limit`` bytes.

    Raises:
        NotFoundError: there is no such file.
        TooLargeError: it is larger.
    """
    path = Path(path)
    if not path.is_file():
        raise NotFoundError(f"There is no file {quoted(path.name)} to store.")
    size = path.stat().st_size
    if size > limit:
        raise TooLargeError(f"The file has {size / 1e6:.1f} MB; at most {limit / 1e6:.0f} MB are stored.")
    return path


def checked_info(info: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a client may note about an image or label: plain JSON of limited size, without the server's own keys.

    The server's keys are left out rather than refused, since clients send back what they were given.
    """
    if info is None:
        return {}
    if not isinstance(info, Mapping):
        raise StudiesError("Parameters are not a JSON object of keys and values.")
    try:
        text = json.dumps(dict(info), allow_nan=False, ensure_ascii=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise StudiesError(f"Parameters cannot be stored as JSON: {error}.") from error
    if len(text) > MAX_INFO_BYTES:
        raise TooLargeError(f"Parameters have {len(text) / 1e3:.0f} kB; at most {MAX_INFO_BYTES / 1e3:.0f} are stored.")
    content: dict[str, Any] = json.loads(text)
    return {key: value for key, value in content.items() if key not in SERVER_KEYS}


def checked_text(text: str, what: str) -> str:
    """A name or description of the studies: at most 1000 characters; ``StudiesError`` otherwise."""
    if not isinstance(text, str) or len(text) > 1000:
        raise StudiesError(f"The {what} is not a text of at most 1000 characters.")
    return text


def quoted(text: object) -> str:
    """A client's text for a message: printable, and short whatever was sent."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in str(text))
    return f"'{shown[:77]}...'" if len(shown) > 80 else f"'{shown}'"
