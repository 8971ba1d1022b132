"""Random grey values for training: what detectors, exposures and processing make of the same anatomy."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Randomizable
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional

CUT_OFF = 3.0
"""Standard deviations at which a blur ends."""


class RandIntensityd(Randomizable, MapTransform):
    """Vary exposure, contrast, sharpness and noise of an image in 0..1, each with its own chance.

    Contrast is varied by what 0 and 1 become, mostly towards each other: grey values that were clipped would take the
    outline of soft tissue with them, and the landmarks on it could not be seen any more.

    Args:
        gamma: exponent from 1 / gamma to gamma.
        fade: most that black becomes brighter, and white darker, as where something else was brightest on the film.
        clip: most that they go the other way, out of the range.
        falloff: largest loss of grey values from one edge to the opposite one, in any direction, as by the heel effect.
        blur: largest standard deviation of blur in pixels.
        sharpen: largest gain of edges, as by processing.
        noise: largest standard deviation of added Gaussian noise.
        prob: chance of each; half of it for blur and for sharper edges, of which an image gets one at most.
        keys: images (1, H, W).
    """

    def __init__(
        self,
        gamma: float = 1.5,
        fade: float = 0.25,
        clip: float = 0.03,
        falloff: float = 0.3,
        blur: float = 1.2,
        sharpen: float = 1.0,
        noise: float = 0.04,
        prob: float = 0.5,
        keys: KeysCollection = "image",
    ) -> None:
        super().__init__(keys)
        self.gamma, self.fade, self.clip, self.falloff = gamma, fade, clip, falloff
        self.blur, self.sharpen, self.noise, self.prob = blur, sharpen, noise, prob

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Vary a sample."""
        result = dict(data)
        for key in self.key_iterator(result):
            result[key] = self._vary(result[key])
        return result

    def _vary(self, image: Tensor) -> Tensor:
        if self._happens():
            image = image ** float(self.gamma ** self.R.uniform(-1, 1))
        if self._happens():
            black, white = (float(self.R.uniform(-self.clip, self.fade)) for _ in range(2))
            image = image * (1 - white - black) + black
        if self._happens():
            loss, angle = float(self.R.uniform(0, self.falloff)), float(self.R.uniform(0, 2 * math.pi))
            image = image * (1 - loss * ramp(image, angle))
        image = self._edges(image)
        if self._happens():
            generator = torch.Generator(image.device).manual_seed(int(self.R.randint(2**31)))
            noise = torch.randn(image.shape, generator=generator, device=image.device)
            image = torch.add(image, noise, alpha=float(self.R.uniform(0, self.noise)))
        return image.clamp(0.0, 1.0)

    def _edges(self, image: Tensor) -> Tensor:
        chance = self.R.uniform()
        if chance < self.prob / 2:
            return gaussian_blur(image, float(self.R.uniform(0.3, max(0.3, self.blur))))
        if chance < self.prob:
            smooth = gaussian_blur(image, float(self.R.uniform(1.0, 2.0)))
            return torch.lerp(smooth, image, 1 + float(self.R.uniform(0, self.sharpen)))
        return image

    def _happens(self) -> bool:
        return bool(self.R.uniform() < self.prob)


def ramp(image: Tensor, angle: float) -> Tensor:
    """A plane (1, H, W) that rises from 0 at one corner or edge to 1 at the opposite one, along ``angle``."""
    rows, columns = image.shape[-2:]
    along_x, along_y = math.cos(angle), math.sin(angle)
    reach = abs(along_x) + abs(along_y)
    x, y = (torch.linspace(-0.5, 0.5, side, dtype=image.dtype, device=image.device) for side in (columns, rows))
    x, y = x * (along_x / reach) + 0.5, y * (along_y / reach)
    return (y[:, None] + x)[None]


def gaussian_blur(image: Tensor, sigma: float) -> Tensor:
    """Blur (1, H, W), borders mirrored; cut off at three sigma."""
    if image.device.type == "cpu":  # scipy is the faster one there
        return torch.from_numpy(gaussian_filter(image.numpy(), sigma, truncate=CUT_OFF, axes=(-2, -1), mode="mirror"))
    return separable_blur(image, sigma)


def separable_blur(image: Tensor, sigma: float) -> Tensor:
    """What :func:`gaussian_blur` does, up to rounding, on any device."""
    radius = int(CUT_OFF * sigma + 0.5)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel = torch.from_numpy((weights / weights.sum()).astype(np.float32)).to(image.device, non_blocking=True)
    padded = functional.pad(image, (radius, radius, radius, radius), mode="reflect")
    # a product, and no convolution, because those of a GPU round to ten bits unless they are told not to
    return padded.unfold(-1, len(weights), 1).matmul(kernel).unfold(-2, len(weights), 1).matmul(kernel)
