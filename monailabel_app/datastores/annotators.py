"""Who has read a radiograph: names of annotators, and the folders that their readings have.

A name may have any letters, blanks and dots: ``Dr. Müller``. What cannot be part of a path is written as in addresses,
``/`` as ``%2F``, so that folder and name stand for each other.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from monailabel_app.datastores import rules
from monailabel_app.errors import StudiesError

UNNAMED = "unnamed"
"""Who submits without a name."""
MAX_NAME_BYTES = 100
"""As a folder's name it may be three times as long."""
MAX_READING = 99

_UNSAFE = '%/\\<>:"|?*'  # on any system: the studies may move


def annotator_of(info: Mapping[str, Any]) -> tuple[str, int]:
    """Annotator and reading that a label's info tells: ``annotator``, else ``user``, else ``client_id``.

    A login or a client's id that cannot be a name counts as none: no label is refused for it.

    Raises:
        StudiesError: ``annotator`` cannot be a name, or ``reading`` no number; one sentence.
    """
    number = info.get("reading", 1)
    if isinstance(number, str) and number.strip().isdecimal():
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MAX_READING:
        raise StudiesError(f"A reading has a whole number from 1 to {MAX_READING}, not {rules.quoted(number)}.")
    given = info.get("annotator")
    if given not in (None, ""):
        return checked_name(given), number
    names = (_plain(name) for key in ("user", "client_id") if isinstance(name := info.get(key), str))
    return next((name for name in names if _fault(name) is None), UNNAMED), number


def noted_annotator(info: Mapping[str, Any]) -> tuple[str, int]:
    """As :func:`annotator_of`, of what was noted before this server had annotators: nothing there is a fault."""
    try:
        return annotator_of(info)
    except StudiesError:
        return UNNAMED, 1


def is_of_a_data_set(info: Mapping[str, Any]) -> bool:
    """Whether a label came with a data set, and nobody is named: then it is nobody's reading."""
    return "source" in info and not any(info.get(key) for key in ("annotator", "user", "client_id"))


def checked_name(name: object) -> str:
    """The name of an annotator, blanks around it and the way an accent is encoded aside.

    Raises:
        StudiesError: it can be none; one sentence.
    """
    if not isinstance(name, str):
        raise StudiesError("The name of an annotator is not a text.")
    plain = _plain(name)
    fault = _fault(plain)
    if fault is not None:
        raise StudiesError(f"An annotator cannot have the name {rules.quoted(name)}: {fault}.")
    return plain


def folder_of(name: str) -> str:
    """The name of the annotator's folder, safe on every system."""
    safe = "".join(quote(letter, safe="") if letter in _UNSAFE else letter for letter in name)
    if safe[0] == "." or rules.is_device(safe):
        safe = f"%{ord(safe[0]):02X}{safe[1:]}"
    return f"{safe[:-1]}%2E" if safe[-1] == "." else safe  # Windows would leave the dot out


def name_of(folder: str) -> str | None:
    """The annotator whose folder has that name; None where it is nobody's."""
    name = unquote(folder)
    return name if _fault(name) is None and folder_of(name) == folder else None


def alike(name: str, other: str) -> bool:
    """Whether two spellings are one person, upper and lower case aside: some disks would not tell them apart."""
    return name.casefold() == other.casefold()


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).strip()


def _fault(name: str) -> str | None:
    if not name:
        return "it is empty"
    if len(name.encode("utf-8", "replace")) > MAX_NAME_BYTES:
        return f"it is longer than {MAX_NAME_BYTES} bytes"
    if any(unicodedata.category(letter)[0] == "C" or letter in "\u2028\u2029" for letter in name):
        return "it has invisible or control characters"
    return None if name == _plain(name) else "it is not written as this server writes names"
