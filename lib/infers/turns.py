"""Who works when: networks take turns with all cores, and what is around them is left to one core each."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import psutil
import torch
from threadpoolctl import ThreadpoolController

_TURNS: dict[str, threading.Semaphore] = {}


def turn(device: str) -> threading.Semaphore:
    """What to hold while a network is at work on a device; of all models of this process.

    On a CPU each thread that calls torch brings as many threads as there are cores, unless somebody has told it
    otherwise. Requests that come together are answered sooner one after the other, each by all cores, while the files
    of the next are read meanwhile. On a GPU a network that was captured as a graph has one place for its input.
    """
    return _TURNS.get(device) or _TURNS.setdefault(device, threading.Semaphore(_at_once(device)))


def _at_once(device: str) -> int:
    cores = psutil.cpu_count(logical=False) or 1
    return max(1, cores // torch.get_num_threads()) if device == "cpu" else 1


@contextmanager
def on_one_core() -> Iterator[None]:
    """Within it the calling thread's work on arrays is its own; other threads are left as they are.

    Reading a file and decoding heat maps are many small steps, at each of which several threads would wait for the
    slowest, who mostly waits for a core that somebody's network is using.
    """
    torch.get_num_threads()  # where a thread asks for the first time, it takes torch's number, which would undo this
    with _pools().limit(limits=1, user_api="openmp"):
        yield


@cache
def _pools() -> ThreadpoolController:
    return ThreadpoolController()
