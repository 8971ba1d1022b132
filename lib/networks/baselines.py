"""What the paper compares its aggregation with (its Table 5), and the table of all ways to aggregate.

The paper names its baselines "U-Net", "FPN" and "MSFA(+)" and says no more of them where we could read it. Here they
are U-Net-like and FPN-like paths over the same encoder, with channel counts like those of the paper's own aggregation,
and that aggregation with additions: networks of the same kind as the paper's, not the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn

from lib.networks.aggregation import Addition, Aggregation, conv_block, scaled
from lib.networks.upsampling import upsample


class UNetLike(nn.Module):
    """One sweep up: up-sample, put the encoder's map beside, two 3x3 blocks, from 1/32 to 1/2.

    After Ronneberger, Fischer and Brox, "U-Net", MICCAI 2015, whose contracting path is the encoder here.

    Args:
        channels: channels of the encoder's levels 1 to 5.
        width: 1.0 for 256, 256, 128 and 64 channels at levels 4 to 1, as in the last sweep of :class:`Aggregation`.

    Shape:
        - input: five maps (B, C_i, H / 2**i, W / 2**i).
        - output: (B, :attr:`out_channels`, H / 2, W / 2).
    """

    def __init__(self, channels: Sequence[int], width: float = 1.0) -> None:
        super().__init__()
        *skipped, deepest = channels
        widths = [scaled(n, width) for n in (256, 256, 128, 64)]
        self.out_channels = widths[-1]
        self.steps = nn.ModuleList(
            nn.Sequential(conv_block(below + beside, out, 3), conv_block(out, out, 3))
            for (below, out), beside in zip(pairwise([deepest, *widths]), reversed(skipped), strict=True)
        )

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Shapes stand in the class."""
        *skipped, path = features
        for step, beside in zip(self.steps, reversed(skipped), strict=True):
            path = step(torch.cat([upsample(path), beside], 1))
        return path


class FPNLike(nn.Module):
    """One sweep down the pyramid: lateral 1x1 convolutions of all levels, up-sampled and added; a 3x3 block at 1/2.

    After Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017. Theirs predicts from every level; heat
    maps are drawn from the finest alone, whose 3x3 block brings it to the channels of :class:`Aggregation`.

    Args:
        channels: channels of the encoder's levels 1 to 5.
        width: 1.0 for 256 channels in the pyramid, as in the source, and 64 behind it.

    Shape:
        - input: five maps (B, C_i, H / 2**i, W / 2**i).
        - output: (B, :attr:`out_channels`, H / 2, W / 2).
    """

    def __init__(self, channels: Sequence[int], width: float = 1.0) -> None:
        super().__init__()
        self.out_channels = scaled(64, width)
        pyramid = scaled(256, width)
        self.lateral = nn.ModuleList(nn.Conv2d(count, pyramid, 1) for count in channels)
        self.smooth = conv_block(pyramid, self.out_channels, 3)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Shapes stand in the class."""
        *finer, path = [lateral(level) for lateral, level in zip(self.lateral, features, strict=True)]
        for level in reversed(finer):
            path = upsample(path) + level
        smoothed: Tensor = self.smooth(path)
        return smoothed


AGGREGATIONS: dict[str, Callable[[Sequence[int], float], Aggregation | UNetLike | FPNLike]] = {
    "msfa": Aggregation,
    "msfa_add": partial(Aggregation, fusion=Addition),
    "unet": UNetLike,
    "fpn": FPNLike,
}
"""From the encoder's channels and a width to what makes its five maps one at half resolution."""
