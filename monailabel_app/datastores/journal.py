"""``datastore_v2.journal.jsonl``: what has been noted since ``datastore_v2.json`` was written, one transaction a line.

A line tells the studies that a transaction has changed, as they are since then, null for those that are gone. So it
does no harm to apply a line twice, and whoever is killed while writing one leaves a line without an end, which nobody
reads and the next writer overwrites.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from lib.formats import write_atomic
from monailabel_app.datastores.entries import Study

FileKey = tuple[int, int, int]
"""Changes whenever a file is replaced: time, size and inode."""


class Line(BaseModel):
    """What a transaction has changed.

    Args:
        objects: the studies; None for one that is gone.
        head: the index without its studies, where that has changed.
    """

    model_config = ConfigDict(extra="ignore")

    objects: dict[str, Study | None] = {}
    head: dict[str, Any] = {}

    @staticmethod
    def text(objects: Mapping[str, Study | None], head: Mapping[str, Any]) -> str:
        """As it is written, without the line's end."""
        studies = (
            f"{json.dumps(image_id, ensure_ascii=False)}: {'null' if study is None else study.model_dump_json()}"
            for image_id, study in objects.items()
        )
        told = f', "head": {json.dumps(head, ensure_ascii=False)}' if head else ""
        return f'{{"objects": {{{", ".join(studies)}}}{told}}}'


@dataclass(frozen=True, slots=True)
class Place:
    """How far a journal has been read.

    Args:
        file: which file it was: its inode, 0 for none.
        end: behind the last whole line, in bytes.
    """

    file: int = 0
    end: int = 0

    def after(self, size: int) -> Place:
        """The place so many bytes on."""
        return Place(self.file, self.end + size)


@dataclass(frozen=True, slots=True)
class Fold:
    """What the first line of a journal tells when the one before has become part of the index's file.

    Args:
        of: the index's file before.
        end: up to where the journal before is part of it now.
        into: the index's file now.
    """

    of: FileKey | None
    end: int
    into: FileKey | None

    def text(self) -> str:
        """As it is written."""
        return json.dumps({"folded": {"of": self.of, "end": self.end, "into": self.into}}) + "\n"

    @classmethod
    def parse(cls, line: bytes) -> Fold | None:
        """What :meth:`text` wrote; None for any other line."""
        try:
            told = json.loads(line)["folded"]
            return cls(tuple(told["of"]), int(told["end"]), tuple(told["into"]))
        except (ValueError, KeyError, TypeError):
            return None


class Journal:
    """The journal's file. Written by whoever holds the lock of the folder, read by anybody.

    Args:
        path: of the file, which need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def after(self, place: Place) -> tuple[list[bytes], Place] | None:
        """The whole lines that have come since a place; None where the journal is another than it was there."""
        try:
            status = self.path.stat()
            if place == Place(status.st_ino, status.st_size):
                return [], place
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                if place.end and (status.st_ino != place.file or status.st_size < place.end):
                    return None
                file.seek(place.end)
                lines = file.read().split(b"\n")[:-1]
        except FileNotFoundError:
            return None if place.end else ([], Place())
        return lines, Place(status.st_ino, place.end + sum(len(line) + 1 for line in lines))

    def fold(self) -> tuple[Fold, Place] | None:
        """What its first line tells of the journal before, and the place behind it; None where it tells nothing."""
        try:
            with self.path.open("rb") as file:
                line, status = file.readline(), os.fstat(file.fileno())
        except FileNotFoundError:
            return None
        fold = Fold.parse(line) if line.endswith(b"\n") else None
        return None if fold is None else (fold, Place(status.st_ino, len(line)))

    def append(self, line: str, place: Place) -> Place:
        """Write a line behind the last whole one, over what a killed writer has left there; the place behind it.

        Raises:
            OSError: the disk is full, for one; what was written of it is left without an end.
        """
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        with os.fdopen(descriptor, "r+b") as file:
            file.truncate(place.end)
            file.seek(place.end)
            file.write(f"{line}\n".encode())
            file.flush()
            os.fsync(file.fileno())
            return Place(os.fstat(file.fileno()).st_ino, file.tell())

    def begin(self, fold: Fold, lines: list[bytes]) -> Place:
        """Begin anew with these lines; the place where they begin."""
        first = fold.text().encode()
        write_atomic(self.path, first + b"".join(line + b"\n" for line in lines))
        return Place(self.path.stat().st_ino, len(first))

    def remove(self) -> None:
        """All that it tells is part of the index's file."""
        self.path.unlink(missing_ok=True)


def parsed(line: bytes) -> Line | None:
    """A line of a transaction; None where it is damaged."""
    try:
        return Line.model_validate_json(line)
    except ValidationError:
        return None
