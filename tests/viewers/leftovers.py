"""Processes that are still there."""

import signal
import time
from pathlib import Path

import pytest

PROC = Path("/proc")


def alive(folder: Path) -> list[int]:
    """The processes whose command line has a folder's path in it; skips where a system does not show them."""
    if not (PROC / "self" / "cmdline").is_file():
        pytest.skip("no /proc here to see which processes run")
    found = []
    for process in PROC.glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:  # it has just ended
            continue
    return found


def all_end(folder: Path, within_s: float = 20) -> bool:
    """Whether none of them is left after some time."""
    deadline = time.monotonic() + within_s
    while alive(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def hear_ctrl_c() -> None:
    """Let a child process get SIGINT: a shell that runs the tests in the background has switched it off for all."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
