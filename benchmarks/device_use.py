"""What a training does with a GPU: how busy it is, how often it is waited for, where its time goes."""

from __future__ import annotations

import contextlib
import shutil
import statistics
import subprocess
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

WAITED = "called a synchronizing CUDA operation"


class Busy:
    """Asks the driver every half a second how busy the GPU is; without ``nvidia-smi`` there is no figure."""

    def __init__(self, device: torch.device) -> None:
        self.asks = device.type == "cuda" and shutil.which("nvidia-smi") is not None
        self.seen: list[float] = []

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """While the block runs."""
        end = threading.Event()
        thread = threading.Thread(target=self._watch, args=(end,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()

    @property
    def share(self) -> float | None:
        """From 0 to 1; the time in which the GPU computed anything at all."""
        return statistics.median(self.seen) / 100 if self.seen else None

    def _watch(self, end: threading.Event) -> None:
        command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        while self.asks and not end.wait(0.5):
            answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603
            with contextlib.suppress(ValueError, IndexError):
                self.seen.append(float(answer.splitlines()[0]))


def waits(step: Callable[[], object], times: int) -> dict[str, Any]:
    """How often a step waits for the GPU, and where in the code."""
    places: Counter[str] = Counter()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(times):
                step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for warning in caught:
        if WAITED in str(warning.message):
            places[f"{'/'.join(Path(warning.filename).parts[-3:])}:{warning.lineno}"] += 1
    return {"a_step": sum(places.values()) / times, "where": dict(places.most_common(8))}


def kernels(step: Callable[[], object], times: int, shown: int = 30) -> dict[str, Any]:
    """The share of the time in which the GPU computes, and the operations that take most of it, in ms a step."""
    activity = torch.profiler.ProfilerActivity
    with torch.profiler.profile(activities=[activity.CPU, activity.CUDA]) as profile:
        begun = time.perf_counter()
        for _ in range(times):
            step()
        torch.cuda.synchronize()
        seconds = time.perf_counter() - begun
    events = [event for event in profile.key_averages() if event.device_type == torch.autograd.DeviceType.CUDA]
    events.sort(key=lambda event: -event.self_device_time_total)
    total = sum(event.self_device_time_total for event in events)
    return {
        "busy": total / 1e6 / seconds,
        "gpu_ms": total / 1e3 / times,
        "launches": sum(event.count for event in events) / times,
        "longest_ms": {
            event.key[:100]: [round(event.self_device_time_total / 1e3 / times, 3), event.count // times]
            for event in events[:shown]
        },
    }
