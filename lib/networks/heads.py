"""The heads that draw heat maps, and the refinement in front of the finer one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lib.networks.aggregation import conv_block, scaled, upsample


class LinearHead(nn.Sequential):
    """A 3x3 and a 1x1 convolution with nothing between, as in the paper's network: linear, but trained as two.

    Args:
        in_channels: channels of the features.
        num_landmarks: heat maps to draw.
    """

    def __init__(self, in_channels: int, num_landmarks: int) -> None:
        super().__init__(nn.Conv2d(in_channels, in_channels, 3, padding=1), nn.Conv2d(in_channels, num_landmarks, 1))

    @torch.no_grad()
    def fused(self) -> nn.Conv2d:
        """The same function as one 3x3 convolution, exact up to rounding, borders included."""
        spatial, mixing = self[0], self[1]
        assert isinstance(spatial, nn.Conv2d)  # noqa: S101 - for the type checker: Sequential forgets
        assert isinstance(mixing, nn.Conv2d)  # noqa: S101
        assert spatial.bias is not None  # noqa: S101
        assert mixing.bias is not None  # noqa: S101
        mix = mixing.weight[:, :, 0, 0].double()
        one = nn.Conv2d(spatial.in_channels, mixing.out_channels, 3, padding=1)
        one = one.to(device=spatial.weight.device, dtype=spatial.weight.dtype)
        one.weight.copy_(torch.einsum("om,mikl->oikl", mix, spatial.weight.double()))
        one.bias.copy_(mix @ spatial.bias.double() + mixing.bias.double())  # type: ignore[union-attr]
        return one


class Refinement(nn.Module):
    """Feature refinement: the image itself, the aggregated features and the coarse heat maps decide on the fine ones.

    Args:
        in_channels: channels of the aggregated features.
        num_landmarks: heat maps to draw.
        width: 1.0 for the paper's channel counts.
        image_kernel: 3 as in the paper's figure; 1 as in its released code.

    Shape:
        - image: (B, 3, H, W); aggregated: (B, in_channels, H / 2, W / 2); coarse: (B, N, H / 2, W / 2).
        - output: (B, N, H, W).
    """

    def __init__(self, in_channels: int, num_landmarks: int, width: float = 1.0, image_kernel: int = 3) -> None:
        super().__init__()
        image_channels = scaled(32, width)
        self.image_stem = conv_block(3, image_channels, image_kernel)
        self.head: nn.Module = LinearHead(in_channels + image_channels + num_landmarks, num_landmarks)

    def forward(self, image: Tensor, aggregated: Tensor, coarse: Tensor) -> Tensor:
        """Draw the fine heat maps; shapes stand in the class."""
        parts = [upsample(aggregated), self.image_stem(image), upsample(coarse)]
        fine: Tensor = self.head(torch.cat(parts, 1))
        return fine
