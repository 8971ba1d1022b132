"""Multi-scale feature aggregation: three sweeps over the levels of the encoder (the paper's architecture figure)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from lib.networks.upsampling import upsample


def conv_block(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU; keeps the size at stride 1, halves it at stride 2."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def scaled(channels: int, width: float) -> int:
    """A channel count of the paper at another width, a multiple of 8."""
    return max(8, round(channels * width / 8) * 8)


class Concatenation(nn.Module):
    """Put the second map beside the first: (B, a, h, w) and (B, b, h, w) to (B, a + b, h, w)."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__()
        self.out_channels = first + second

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Shapes stand in the class."""
        return torch.cat([first, second], 1)


class Addition(nn.Module):
    """Add the second map, its channels brought to the first's number by a 1x1 convolution, to the first.

    Shape:
        - (B, a, h, w) and (B, b, h, w) to (B, a, h, w).
    """

    def __init__(self, first: int, second: int) -> None:
        super().__init__()
        self.out_channels = first
        self.project = nn.Conv2d(second, first, 1)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Shapes stand in the class."""
        added: Tensor = first + self.project(second)
        return added


Fusion = type[Concatenation] | type[Addition]


class MergeUp(nn.Module):
    """Up-sample the coarser map, fuse the finer one with it, mix both with a 1x1 block.

    Where both lie side by side, the coarser one is mixed before it is up-sampled: a 1x1 convolution and bilinear
    up-sampling commute. That is a quarter of its products, and what training keeps of it is a quarter as large.
    """

    def __init__(self, coarse: int, fine: int, out: int, fusion: Fusion = Concatenation) -> None:
        super().__init__()
        self.coarse_channels = coarse
        self.fuse = fusion(coarse, fine)
        self.mix = conv_block(self.fuse.out_channels, out, 1)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """(B, coarse, h, w) and (B, fine, 2h, 2w) to (B, out, 2h, 2w)."""
        if not isinstance(self.fuse, Concatenation):
            mixed: Tensor = self.mix(self.fuse(upsample(coarse), fine))
            return mixed
        conv, *rest = self.mix
        assert isinstance(conv, nn.Conv2d)  # noqa: S101 - for the type checker: Sequential forgets
        of_coarse = functional.conv2d(coarse, conv.weight[:, : self.coarse_channels])
        mixed = functional.conv2d(fine, conv.weight[:, self.coarse_channels :], conv.bias) + upsample(of_coarse)
        for layer in rest:
            mixed = layer(mixed)
        return mixed


class MergeDown(nn.Module):
    """Halve the finer map with a 3x3 block, fuse the coarser one with it, mix both."""

    def __init__(
        self, fine: int, halved: int, coarse: int, out: int, fusion: Fusion = Concatenation, *, deepest: bool = False
    ) -> None:
        super().__init__()
        self.halve = conv_block(fine, halved, 3, stride=2)
        self.fuse = fusion(halved, coarse)
        fused = self.fuse.out_channels
        if deepest:
            self.mix = nn.Sequential(conv_block(fused, 4 * out, 3), conv_block(4 * out, out, 1))
        else:
            self.mix = conv_block(fused, out, 1)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """(B, fine, 2h, 2w) and (B, coarse, h, w) to (B, out, h, w)."""
        mixed: Tensor = self.mix(self.fuse(self.halve(fine), coarse))
        return mixed


class Aggregation(nn.Module):
    """Sweep up, down and up again over five levels of features.

    Args:
        channels: channels of the encoder's levels 1 to 5.
        width: 1.0 for the paper's channel counts.
        fusion: how two maps become one: side by side as in the paper's network, or added, its ``MSFA(+)``.

    Shape:
        - input: five maps (B, C_i, H / 2**i, W / 2**i).
        - output: (B, :attr:`out_channels`, H / 2, W / 2).
    """

    def __init__(self, channels: Sequence[int], width: float = 1.0, fusion: Fusion = Concatenation) -> None:
        super().__init__()
        c1, c2, c3, c4, c5 = channels
        w64, w128, w256, w512, w1024, w2048 = (scaled(n, width) for n in (64, 128, 256, 512, 1024, 2048))
        self.out_channels = w64
        self.top = nn.Sequential(conv_block(c5, w512, 3), conv_block(w512, w256, 1))
        self.up1_level4 = MergeUp(w256, c4, w256, fusion)
        self.up1_level3 = MergeUp(w256, c3, w256, fusion)
        self.up1_level2 = MergeUp(w256, c2, w256, fusion)
        self.down_level3 = MergeDown(w256, w512, w256, w512, fusion)
        self.down_level4 = MergeDown(w512, w1024, w256, w1024, fusion)
        self.down_level5 = MergeDown(w1024, w2048, w256, w256, fusion, deepest=True)
        self.up2_level4 = MergeUp(w256, w1024, w256, fusion)
        self.up2_level3 = MergeUp(w256, w512, w256, fusion)
        self.up2_level2 = MergeUp(w256, w256, w128, fusion)
        self.up2_level1 = MergeUp(w128, c1, w64, fusion)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Aggregate; ``a``, ``b`` and ``c`` are the maps of the three sweeps, with their level.

        A list is emptied, so that each of its maps makes room as soon as nothing needs it any more.
        """
        f1, f2, f3, f4, f5 = features
        if isinstance(features, list):
            features.clear()
        a5 = self.top(f5)
        del f5
        a4 = self.up1_level4(a5, f4)
        del f4
        a3 = self.up1_level3(a4, f3)
        del f3
        a2 = self.up1_level2(a3, f2)
        del f2
        b3 = self.down_level3(a2, a3)
        del a3
        b4 = self.down_level4(b3, a4)
        c4 = self.up2_level4(self.down_level5(b4, a5), b4)
        del a4, a5, b4
        c2 = self.up2_level2(self.up2_level3(c4, b3), a2)
        del a2, b3, c4
        aggregated: Tensor = self.up2_level1(c2, f1)
        return aggregated
