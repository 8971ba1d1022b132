"""Which version of a model was served when: one line of JSON a change, only ever added to."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Action = Literal["published", "uploaded", "adopted", "rolled back", "withdrawn"]
STORED: tuple[Action, ...] = ("published", "uploaded", "adopted")
"""What makes a file a version; the others only say which is served."""


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="milliseconds")


class Change(BaseModel):
    """One change of what is served.

    Attributes:
        action: ``published`` by a training, ``uploaded`` by a person, ``rolled back`` to an earlier version,
            ``withdrawn``: no longer in use, without another in its place, or ``adopted``: a file was found in use that
            nobody had published here, and was kept before it was replaced.
        version: the version that is served from now on; of an adopted or withdrawn one, that was served.
        previous: the version served until then; None when there was none.
        reason: in words.
        sha256: of the bytes of the version's file.
        time: ISO 8601 with time zone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: Action
    version: str
    previous: str | None = None
    reason: str = ""
    sha256: str
    time: str = Field(default_factory=_now)


def read_history(path: Path) -> list[Change]:
    """All changes, the oldest first; lines that are none, such as one cut off by a power failure, are left out."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    changes = []
    for line in lines:
        try:
            changes.append(Change.model_validate_json(line))
        except ValidationError:
            continue
    return changes


def append_change(path: Path, change: Change) -> None:
    """Add a change; on the disk when this returns. Who calls it holds the lock."""
    line = json.dumps(change.model_dump(), ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    with path.open("a+b") as file:
        if file.tell() > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":  # cut off: that line is lost, this one must not be
                line = b"\n" + line
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
