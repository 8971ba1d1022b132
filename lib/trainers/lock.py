"""One training of a model at a time, on this machine or on any that shares its folder, and how it is asked to stop.

The lock is one of the operating system, which lets go when its process ends, however it ends. Beside it stands who
holds it, for the sentence that a second training is refused with.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from lib.formats import json_text, write_atomic

LOCK_FILE = ".training.lock"
HOLDER_FILE = "training.json"
STOP_FILE = "stop"
PROBE_S = 1.0
PROBES = 8
PARENT_POLL_S = 0.5


class TrainingRunningError(RuntimeError):
    """A training of this model is running already; one sentence that says which."""


class TrainingStoppedError(RuntimeError):
    """Somebody has asked the training to stop before it had anything to keep."""


@contextmanager
def training_lock(runs: Path) -> Iterator[None]:
    """Hold the lock of a model's trainings.

    Args:
        runs: the folder of its runs, made where absent.

    Raises:
        TrainingRunningError: another process holds it.
    """
    runs.mkdir(parents=True, exist_ok=True)
    lock = FileLock(runs / LOCK_FILE, timeout=PROBE_S)  # somebody may be looking whether it is held
    try:
        lock.acquire()
    except Timeout as error:
        raise TrainingRunningError(_sentence(runs)) from error
    try:
        (runs / STOP_FILE).unlink(missing_ok=True)
        started = datetime.now().astimezone().isoformat()
        holder = {"pid": os.getpid(), "host": platform.node(), "started": started}
        write_atomic(runs / HOLDER_FILE, json_text(holder))
        yield
    finally:
        (runs / HOLDER_FILE).unlink(missing_ok=True)
        (runs / STOP_FILE).unlink(missing_ok=True)
        lock.release()


def check_free(runs: Path) -> None:
    """Refuse early what :func:`training_lock` would refuse.

    Raises:
        TrainingRunningError: a training of this model is running.
    """
    if is_training(runs):
        raise TrainingRunningError(_sentence(runs))


def is_training(runs: Path) -> bool:
    """Whether a process holds the lock; a file that a killed one has left behind does not count."""
    if not (runs / LOCK_FILE).exists():
        return False
    for _ in range(PROBES):  # another who looks holds it for a moment
        try:
            with FileLock(runs / LOCK_FILE, timeout=0):
                return False
        except Timeout:
            time.sleep(0.01)
    return True


def ask_to_stop(runs: Path) -> None:
    """Ask the running training to stop after its present step and to keep its best so far."""
    (runs / STOP_FILE).touch()


def asked_to_stop(runs: Path) -> bool:
    """Whether somebody did."""
    return (runs / STOP_FILE).exists()


def _sentence(runs: Path) -> str:
    holder: dict[str, Any] = {}
    with suppress(OSError, ValueError):  # it is just beginning, or just ending
        holder = json.loads((runs / HOLDER_FILE).read_text())
    where = f" (process {holder['pid']} on {holder['host']}, since {holder['started'][:16]})" if holder else ""
    return f"A training of '{runs.name}' is running already{where}: wait for its end, or stop it."


@contextmanager
def stopped_by_signals(runs: Path, *, patient: bool = False) -> Iterator[None]:
    """Within the block the first Ctrl-C or SIGTERM asks the training to stop; a second one ends the process.

    Does nothing outside the main thread, where Python takes no signals.

    Args:
        runs: the folder of the model's runs.
        patient: a second one asks again; ``torchrun`` sends its processes one after the terminal has.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(number: int, _: Any) -> None:
        if not patient:
            signal.signal(number, before[signal.Signals(number)])
        ask_to_stop(runs)

    for number in before:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interrupts_left_to_parent() -> Iterator[None]:
    """Within the block Ctrl-C, which reaches all processes of a terminal, is the parent's matter while it lives."""
    parent, before = os.getppid(), signal.getsignal(signal.SIGINT)

    def handle(*_: Any) -> None:
        if os.getppid() != parent:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def stopped_with(process_id: int | None, runs: Path) -> Iterator[None]:
    """Within the block the training is asked to stop when a process, the server that has started it, has ended.

    Upstream's trainings go on as orphans, which publish models under a server that knows nothing of them.
    """
    if process_id is None:
        yield
        return
    done, server = threading.Event(), _process(process_id)

    def watch() -> None:
        while server is not None and server.is_running() and server.status() != psutil.STATUS_ZOMBIE:
            if done.wait(PARENT_POLL_S):
                return
        ask_to_stop(runs)

    watcher = threading.Thread(target=watch, name="watch the server", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _process(process_id: int) -> psutil.Process | None:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(process_id)
    return None
