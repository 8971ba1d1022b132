"""Where decoded radiographs wait for their turn: on the GPU where they fit, so that no step waits for a copy."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

GPU_SHARE = 0.2
"""Of the GPU's free memory, for the radiographs of a training; the rest is for what is computed of them."""


class OnDevice(Dataset[dict[str, Any]]):
    """Samples whose ``image`` is on a device; everything else stays on the CPU, where it is decided what happens.

    On a GPU, images that fit into :data:`GPU_SHARE` of its free memory are copied there once. The others are copied
    each time, through memory that the GPU reads by itself, so that nobody waits. On a CPU nothing changes.

    Args:
        samples: decoded samples, images of one size.
        device: of the images.
    """

    def __init__(self, samples: Dataset[dict[str, Any]], device: torch.device) -> None:
        self.samples, self.device = samples, device
        self.stay = device.type == "cuda" and self._bytes() <= GPU_SHARE * torch.cuda.mem_get_info(device)[0]
        if self.stay:
            self.samples = [self._moved(samples[index]) for index in range(len(self))]  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(self.samples)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> dict[str, Any]:
        sample = self.samples[index]
        return sample if self.stay else self._moved(sample)

    def _bytes(self) -> int:
        return len(self) * int(self.samples[0]["image"].nbytes)

    def _moved(self, sample: dict[str, Any]) -> dict[str, Any]:
        return {**sample, "image": moved(sample["image"], self.device)}


def moved(image: Tensor, device: torch.device) -> Tensor:
    """The image on a device; a GPU fetches it while the CPU goes on."""
    if device.type == "cuda" and image.device.type == "cpu":
        image = image.pin_memory()
    return image.to(device, non_blocking=True)
