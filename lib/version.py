"""The version of this software."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

VERSION = "0.1.0"


@functools.cache
def code_version() -> str:
    """The version, and in a git checkout the commit, with ``+`` behind it where files have been changed since."""
    folder = Path(__file__).resolve().parents[1]
    if not (folder / ".git").exists():
        return VERSION
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=10"],  # noqa: S607 - whichever git there is
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return VERSION
    return f"{VERSION} ({found.stdout.strip()})"
