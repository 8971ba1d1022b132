"""From a file to the network's input."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Literal

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from torch import Tensor

from lib.radiographs import Radiograph, read_radiograph
from lib.transforms.geometry import rescale_points
from lib.transforms.resize import resize

WINDOW = (0.5, 99.5)
"""Percentiles of grey values that become 0 and 1: bits, exposure and collimation differ from device to device."""
EIGHT_BIT = (0.0, 255.0)


class LoadRadiographd(MapTransform):
    """Read the radiograph at ``data[key]``.

    Replaces the path by the pixels, (1, H, W) float32 as stored, and adds ``header``, the file's
    :class:`~lib.radiographs.RadiographHeader`, and ``image_size``, (height, width) of the file.

    Raises:
        RadiographError: the file is no radiograph.
    """

    def __init__(self, keys: KeysCollection = "image") -> None:
        super().__init__(keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Apply to a sample."""
        result = dict(data)
        for key in self.key_iterator(result):
            radiograph = result[key] if isinstance(result[key], Radiograph) else read_radiograph(result[key])
            result[key] = torch.from_numpy(radiograph.pixels.astype(np.float32))[None]
            result["header"] = radiograph.header
            result["image_size"] = (radiograph.header.height, radiograph.header.width)
        return result


class FitToInputd(MapTransform):
    """Stretch image and points to the network's input, as the paper does, and scale grey values to 0..1.

    Args:
        size: ``(height, width)`` of the network's input.
        grey: which grey values become 0 and 1: ``window`` the percentiles of :data:`WINDOW`, ``eight_bit`` 0 and 255,
            as networks take them that were trained on 8-bit files as they are; of deeper files the darkest and the
            brightest, as when they are exported to 8 bits.
        points_key: (N, 2) points in pixels of the file that become points in pixels of the input; ignored where absent.
        keys: images (1, H, W).
    """

    def __init__(
        self,
        size: tuple[int, int],
        grey: Literal["window", "eight_bit"] = "window",
        points_key: str = "label",
        keys: KeysCollection = "image",
    ) -> None:
        super().__init__(keys)
        self.size = size
        self.grey = grey
        self.points_key = points_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Apply to a sample."""
        result = dict(data)
        for key in self.key_iterator(result):
            image: Tensor = result[key]
            file_size = (int(image.shape[-2]), int(image.shape[-1]))
            fitted = torch.from_numpy(resize(image[0].numpy(), self.size))[None]
            result[key] = scale_grey_values(fitted, _eight_bits(image) if self.grey == "eight_bit" else None)
            if self.points_key in result:
                points = torch.as_tensor(result[self.points_key], dtype=torch.float32)
                result[self.points_key] = rescale_points(points, file_size, self.size)
        return result


def scale_grey_values(image: Tensor, between: tuple[float, float] | None = None) -> Tensor:
    """Grey values of (1, H, W) to 0..1; a uniform image becomes 0.

    Args:
        image: any grey values.
        between: those that become 0 and 1; None: the percentiles of :data:`WINDOW`.
    """
    low, high = np.percentile(image.numpy(), WINDOW) if between is None else between
    return ((image - float(low)) / max(float(high - low), 1e-6)).clamp(0.0, 1.0)


def _eight_bits(image: Tensor) -> tuple[float, float]:
    low, high = image.min().item(), image.max().item()
    return EIGHT_BIT if low >= EIGHT_BIT[0] and high <= EIGHT_BIT[1] else (low, high)
