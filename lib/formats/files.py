"""Files that others read are written beside and moved into place, so nobody ever sees half of one."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


def write_atomic(path: str | Path, data: bytes | str) -> None:
    """Write a file so that readers see the old content or the new, never a part; text becomes UTF-8.

    Raises:
        OSError: the disk is full, the folder is absent or not writable; the old file is then still there.
    """
    content = data.encode("utf-8") if isinstance(data, str) else data
    with replacing(Path(path)) as file:
        file.write(content)


def copy_atomic(source: str | Path, path: str | Path) -> None:
    """Copy a file's content as :func:`write_atomic` writes one, without holding it in memory."""
    with Path(source).open("rb") as original, replacing(Path(path)) as file:
        shutil.copyfileobj(original, file, length=1 << 20)


def json_text(document: object) -> str:
    """A document as JSON that every reader takes: no NaN or infinity, letters as they are.

    Raises:
        ValueError: the document holds NaN or infinity.
        TypeError: the document holds something that JSON has no form for.
    """
    return json.dumps(document, allow_nan=False, ensure_ascii=False, indent=1)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A new hidden file in the folder of ``path``, open for writing, that takes its place when the block ends well."""
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
