"""From a file to the network's input."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from torch import Tensor
from torch.nn import functional

from lib.radiographs import Radiograph, read_radiograph
from lib.transforms.geometry import rescale_points

WINDOW = (0.5, 99.5)
"""Percentiles of grey values that become 0 and 1: bits, exposure and collimation differ from device to device."""


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
        points_key: (N, 2) points in pixels of the file that become points in pixels of the input; ignored where absent.
        keys: images (1, H, W).
    """

    def __init__(self, size: tuple[int, int], points_key: str = "label", keys: KeysCollection = "image") -> None:
        super().__init__(keys)
        self.size = size
        self.points_key = points_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Apply to a sample."""
        result = dict(data)
        for key in self.key_iterator(result):
            image: Tensor = result[key]
            file_size = (int(image.shape[-2]), int(image.shape[-1]))
            fitted = functional.interpolate(image[None], self.size, mode="bilinear", antialias=True)[0]
            result[key] = scale_grey_values(fitted)
            if self.points_key in result:
                points = torch.as_tensor(result[self.points_key], dtype=torch.float32)
                result[self.points_key] = rescale_points(points, file_size, self.size)
        return result


def scale_grey_values(image: Tensor) -> Tensor:
    """Grey values of (1, H, W) to 0..1 between the percentiles of :data:`WINDOW`; a uniform image becomes 0."""
    low, high = np.percentile(image.numpy(), WINDOW)
    return ((image - float(low)) / max(float(high - low), 1e-6)).clamp(0.0, 1.0)
