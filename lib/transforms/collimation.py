"""Random collimation for training: films end where the X-ray beam was stopped, not where the detector ends."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Randomizable
from torch import Tensor

PENUMBRA = 2.0
"""Pixels over which the beam fades."""


@dataclass(frozen=True, slots=True)
class Window:
    """What the beam lights: a rectangle, slightly turned about the image's centre.

    Args:
        size: ``(height, width)`` of the image.
        insets: how far the rectangle's left, right, top and bottom edges are inside the image's, in pixels; negative
            outside.
        degrees: its rotation.
    """

    size: tuple[int, int]
    insets: tuple[float, float, float, float]
    degrees: float

    def depth(self, x: Tensor, y: Tensor) -> Tensor:
        """How many pixels inside the rectangle's nearest edge places are; negative outside, NaN of NaN.

        Args:
            x: of the places, in pixels.
            y: likewise, of a shape that broadcasts with that of ``x``.
        """
        height, width = self.size
        cos, sin = math.cos(math.radians(self.degrees)), math.sin(math.radians(self.degrees))
        x, y = x - (width - 1) / 2, y - (height - 1) / 2
        across, down = x * cos + y * sin, y * cos - x * sin
        left, right, top, bottom = self.insets
        # to the nearer of two opposite edges: half their distance less how far a place is from their middle
        from_sides = (width - left - right) / 2 - (across - (left - right) / 2).abs()
        from_ends = (height - top - bottom) / 2 - (down - (top - bottom) / 2).abs()
        return torch.minimum(from_sides, from_ends)

    def smaller_border(self) -> Window:
        """The same with half the border and half the rotation."""
        left, right, top, bottom = (min(inset, inset / 2) for inset in self.insets)
        return Window(self.size, (left, right, top, bottom), self.degrees / 2)


class RandCollimationd(Randomizable, MapTransform):
    """Hide what is outside a random, slightly turned rectangle near the borders of an image in 0..1.

    A landmark outside becomes NaN, as if it were not annotated. Most borders are black as unexposed film, some dark
    grey, a few bright, as some detectors store them. Each side has one in every second case.

    Args:
        border: largest width of the border on a side, as a share of the image's.
        degrees: largest rotation either way.
        hidden: largest share of the annotated landmarks that may be hidden; where it would be more, the border is made
            smaller, or left out.
        prob: chance of a border.
        points_key: (N, 2) points in pixels of the image.
        keys: the image (1, H, W).
    """

    def __init__(
        self,
        border: float = 0.12,
        degrees: float = 4.0,
        hidden: float = 0.1,
        prob: float = 0.3,
        points_key: str = "label",
        keys: KeysCollection = "image",
    ) -> None:
        super().__init__(keys)
        self.border, self.degrees, self.hidden, self.prob = border, degrees, hidden, prob
        self.points_key = points_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Vary a sample."""
        result = dict(data)
        for key in self.key_iterator(result):
            if self.R.uniform() >= self.prob:
                continue
            image, points = result[key], result[self.points_key]
            window, grey = self._window((int(image.shape[-2]), int(image.shape[-1]))), self._grey()
            for _ in range(3):
                outside = window.depth(points[:, 0], points[:, 1]) < 0
                if int(outside.sum()) <= self.hidden * int(points.isfinite().all(dim=-1).sum()):  # not in float32
                    result[key] = collimate(image, window, grey)
                    result[self.points_key] = points.masked_fill(outside[:, None], float("nan"))
                    break
                window = window.smaller_border()
        return result

    def _window(self, size: tuple[int, int]) -> Window:
        height, width = size
        left, right, top, bottom = (float(self.R.uniform(-self.border, self.border)) for _ in range(4))
        insets = (left * width, right * width, top * height, bottom * height)
        return Window(size, insets, float(self.R.uniform(-self.degrees, self.degrees)))

    def _grey(self) -> float:
        kind = self.R.uniform()
        if kind < 0.6:
            return 0.0
        return float(self.R.uniform(0.0, 0.2) if kind < 0.85 else self.R.uniform(0.8, 1.0))


def collimate(image: Tensor, window: Window, grey: float) -> Tensor:
    """The image (1, H, W), ``grey`` outside the window."""
    height, width = image.shape[-2:]
    x, y = (torch.arange(side, dtype=image.dtype, device=image.device) for side in (width, height))
    lit = (window.depth(x, y[:, None]) / PENUMBRA + 0.5).clamp(0.0, 1.0)
    return torch.lerp(torch.full_like(image, grey), image, lit)
