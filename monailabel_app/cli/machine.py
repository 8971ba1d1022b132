"""What a result was computed on, in words."""

from __future__ import annotations

import platform
from pathlib import Path

import torch

from lib.networks import choose_device


def machine_in_words(device: str) -> str:
    """The GPU's name, or the processor's with the number of threads that torch uses, and torch's version.

    Args:
        device: as a user states it.
    """
    chosen = choose_device(device)
    if chosen.startswith("cuda"):
        return f"{torch.cuda.get_device_name(torch.device(chosen))}, torch {torch.__version__}"
    return f"{_processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines() if cpuinfo.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
