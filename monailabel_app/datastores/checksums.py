"""The content of images as a checksum, computed once a file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")


def checksum_of(path: Path) -> str:
    """``"SHA256:<hex>"`` of a file, the form that 3D Slicer's download cache checks."""
    with path.open("rb") as file:
        return f"SHA256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def letters(checksum: str) -> str:
    """Twelve letters a to p that stand for a content.

    3D Slicer glues files of one folder, its download cache too, into a stack where their names differ in one number; a
    name that ends with these never does.
    """
    return checksum.removeprefix("SHA256:")[:12].translate(_LETTERS)


class ImageChecksums:
    """Checksums that are computed when first asked for and remembered for the file's size and time."""

    def __init__(self) -> None:
        self._known: dict[Path, dict[str, Any]] = {}

    def note(self, path: Path, noted: Any = None) -> dict[str, Any]:
        """The note ``{"checksum", "mtime_ns", "size"}`` about a file that exists.

        Args:
            path: the file.
            noted: an earlier note about it, from the index; taken when it is still about this very file.
        """
        stat = path.stat()
        stamp = {"mtime_ns": stat.st_mtime_ns, "size": stat.st_size}
        for earlier in (self._known.get(path), noted):
            if isinstance(earlier, dict) and stamp.items() <= earlier.items() and "checksum" in earlier:
                return earlier
        self._known[path] = {"checksum": checksum_of(path), **stamp}
        return self._known[path]

    def remembered(self, path: Path) -> dict[str, Any] | None:
        """The last note that was made about a file by reading it, if any."""
        return self._known.get(path)
