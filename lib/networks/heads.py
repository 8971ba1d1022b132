"""The heads that draw heat maps, and the refinement in front of the finer one."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lib.networks.aggregation import conv_block, scaled
from lib.networks.phases import convolved_upsampled, phases, spread_of_phases
from lib.networks.upsampling import upsample

ALIGNMENT = 8
"""Channels that a GPU's matrix units take at once: of other numbers convolutions are copied, or computed without."""


class LinearHead(nn.Sequential):
    """A 3x3 and a 1x1 convolution with nothing between, as in the paper's network: linear, but trained as two.

    They are computed as one 3x3 convolution where that is less work, with the product of both kernels: exact, borders
    included, since what is padded is the features. Gradients go through the product to both. Of the paper's finer head
    that is a sixth of the multiplications, and its map of as many channels as the features is never made.

    Args:
        in_channels: channels of the features.
        num_landmarks: heat maps to draw.
    """

    def __init__(self, in_channels: int, num_landmarks: int) -> None:
        super().__init__(nn.Conv2d(in_channels, in_channels, 3, padding=1), nn.Conv2d(in_channels, num_landmarks, 1))
        self.in_channels = in_channels

    def forward(self, features: Tensor) -> Tensor:
        """(B, in_channels, H, W), and on a GPU perhaps more channels of zeros, to (B, num_landmarks, H, W)."""
        if not self.is_less_as_one():
            drawn: Tensor = super().forward(features)  # type: ignore[no-untyped-call]
            return drawn
        weight, bias = self.as_one()
        landmarks = len(weight)
        weight, bias = aligned(weight, bias, features, features.shape[1])
        weight = weight.contiguous(memory_format=torch.channels_last)
        return functional.conv2d(features, weight, bias, padding=1)[:, :landmarks]

    def is_less_as_one(self) -> bool:
        """Whether one convolution takes fewer multiplications, counted a pixel and channel."""
        spatial, mixing = self._layers()
        between, landmarks = spatial.out_channels, mixing.out_channels
        return 9 * landmarks < (9 + landmarks / spatial.in_channels) * between

    def as_one(self) -> tuple[Tensor, Tensor]:
        """Kernel (N, in_channels, 3, 3) and bias (N,) of both convolutions as one, with all digits of the weights."""
        spatial, _ = self._layers()
        with torch.autocast(spatial.weight.device.type, enabled=False):
            return self._product(spatial.weight.dtype)

    @torch.no_grad()
    def fused(self) -> nn.Conv2d:
        """The same function as one 3x3 convolution, exact up to rounding, borders included."""
        spatial, mixing = self._layers()
        one = nn.Conv2d(spatial.in_channels, mixing.out_channels, 3, padding=1)
        one = one.to(device=spatial.weight.device, dtype=spatial.weight.dtype)
        weight, bias = self._product(torch.float64)
        one.weight.copy_(weight)
        one.bias.copy_(bias)  # type: ignore[union-attr]
        return one

    def _layers(self) -> tuple[nn.Conv2d, nn.Conv2d]:
        spatial, mixing = self[0], self[1]
        assert isinstance(spatial, nn.Conv2d)  # noqa: S101 - for the type checker: Sequential forgets
        assert isinstance(mixing, nn.Conv2d)  # noqa: S101
        return spatial, mixing

    def _product(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Kernel (N, in_channels, 3, 3) and bias (N,) of both convolutions as one."""
        spatial, mixing = self._layers()
        assert spatial.bias is not None  # noqa: S101
        assert mixing.bias is not None  # noqa: S101
        mix = mixing.weight[:, :, 0, 0].to(dtype)
        weight = torch.einsum("om,mikl->oikl", mix, spatial.weight.to(dtype))
        return weight, mix @ spatial.bias.to(dtype) + mixing.bias.to(dtype)


def missing_channels(channels: int, features: Tensor) -> int:
    """How many of zeros make them a multiple of :data:`ALIGNMENT` on a GPU; none elsewhere."""
    return -channels % ALIGNMENT if features.device.type == "cuda" else 0


def aligned(weight: Tensor, bias: Tensor, features: Tensor, channels: int) -> tuple[Tensor, Tensor]:
    """A kernel (N, C, 3, 3) and bias with zeros added, for so many channels and on a GPU for a multiple of maps."""
    maps = missing_channels(len(weight), features)
    added = channels - weight.shape[1]
    if not (maps or added):
        return weight, bias
    return functional.pad(weight, (0, 0, 0, 0, 0, added, 0, maps)), functional.pad(bias, (0, maps))


class Refinement(nn.Module):
    """Feature refinement: the image itself, the aggregated features and the coarse heat maps decide on the fine ones.

    Features and coarse maps are convolved before they are up-sampled, see :mod:`lib.networks.phases`: exact, and as
    many multiplications, but nothing of them is as large as the image.

    Args:
        in_channels: channels of the aggregated features.
        num_landmarks: heat maps to draw.
        width: 1.0 for the paper's channel counts.
        image_kernel: 3 as in the paper's figure; 1 as in its released code.

    Shape:
        - image: (B, 3, H, W); aggregated: (B, in_channels, H / 2, W / 2); coarse: (B, N, H / 2, W / 2).
        - output: (B, N, H, W).
    """

    spread: Tensor

    def __init__(self, in_channels: int, num_landmarks: int, width: float = 1.0, image_kernel: int = 3) -> None:
        super().__init__()
        self.image_channels = scaled(32, width)
        self.image_stem = conv_block(3, self.image_channels, image_kernel)
        self.head: nn.Module = LinearHead(in_channels + self.image_channels + num_landmarks, num_landmarks)
        self.register_buffer("spread", spread_of_phases(), persistent=False)

    def forward(self, image: Tensor, aggregated: Tensor, coarse: Tensor) -> Tensor:
        """Draw the fine heat maps; shapes stand in the class."""
        if isinstance(self.head, LinearHead) and self.head.is_less_as_one():
            return self._drawn(image, aggregated, coarse, *self.head.as_one())
        parts = [upsample(aggregated), self.image_stem(image), upsample(coarse)]
        if isinstance(self.head, LinearHead) and (added := missing_channels(self.head.in_channels, image)):
            parts.append(torch.zeros_like(parts[1][:, :added]))
        fine: Tensor = self.head(torch.cat(parts, 1))
        return fine

    def _drawn(self, image: Tensor, aggregated: Tensor, coarse: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """The same by the head's kernel and bias."""
        maps, first = len(weight), aggregated.shape[1]
        of_image = slice(first, first + self.image_channels)
        seen = [aggregated, coarse]
        if added := missing_channels(first + maps, image):
            seen.append(aggregated.new_zeros(len(image), added, *coarse.shape[2:]))
        with torch.autocast(image.device.type, enabled=False):
            of_features = torch.cat([weight[:, :first], weight[:, of_image.stop :]], 1)
            of_features, bias = aligned(of_features, bias, image, first + maps + added)
            kernels = phases(of_features, self.spread)
            stem, _ = aligned(weight[:, of_image], bias[:maps], image, self.image_channels)
        drawn = convolved_upsampled(torch.cat(seen, 1), of_features, kernels)
        fine = functional.conv2d(self.image_stem(image), stem, bias, padding=1) + drawn
        return fine[:, :maps]
