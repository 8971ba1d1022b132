"""Which device a name means: torch's names, and the ones that viewers send, such as ``NVIDIA H200``."""

from __future__ import annotations

import re

import torch


class DeviceError(ValueError):
    """A device that this machine does not have; one sentence that lists what it has."""


def choose_device(name: object = "cuda") -> str:
    """The torch name of a device.

    Args:
        name: ``cuda``, ``cuda:1``, ``cpu``, or a name that MONAI Label offers (the GPU's, with ``:1`` for the second
            of several); a list of choices means its first. On a machine without a GPU, ``cuda`` is the CPU.

    Raises:
        DeviceError: there is no such device.
    """
    if isinstance(name, list | tuple) and name:
        name = name[0]
    count = torch.cuda.device_count()
    named = {f"cuda:{index}": f"cuda:{index}" for index in range(count)}
    for index in range(count):
        title = torch.cuda.get_device_name(index)
        named[title if count == 1 else f"{title}:{index}"] = f"cuda:{index}"
    if name in (None, "", "cpu"):
        return "cpu"
    if isinstance(name, str):
        if name in named:
            return named[name]
        if name == "cuda" or (not count and re.fullmatch(r"cuda:\d+", name)):
            return "cuda" if count else "cpu"
    raise DeviceError(
        f"There is no device '{name}' here: choose of {', '.join(['cpu', *(['cuda'] if count else []), *named])}."
    )
