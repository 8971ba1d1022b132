"""The studies as one ZIP archive, to take elsewhere."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Iterable
from pathlib import Path

KEEP_S = 3600.0


def write_archive(folder: Path, files: Iterable[tuple[Path, str]], metadata: str) -> Path:
    """Write an archive of files and a ``metadata.json``.

    Archives in ``folder`` older than an hour are removed: MONAI Label leaves every one of them on the disk.

    Args:
        folder: where archives are kept until they are sent.
        files: paths and their names in the archive.
        metadata: JSON text.
    """
    for old in folder.glob("*.zip"):
        if time.time() - old.stat().st_mtime > KEEP_S:
            old.unlink(missing_ok=True)
    path = folder / f"dataset-{time.time_ns()}.zip"
    # Radiographs are compressed already; a file older than 1980 gets that year rather than an error.
    with zipfile.ZipFile(path, "x", strict_timestamps=False) as archive:
        for file, name in files:
            archive.write(file, name)
        archive.writestr("metadata.json", metadata)
    return path
