"""The same network with less arithmetic: what training keeps apart is one, what commutes comes in the cheaper order.

All of it is exact algebra: heat maps differ by rounding alone, which the tests hold to the landmarks they decode to.
"""

from __future__ import annotations

import torch
from monai.networks.nets.densenet import _DenseBlock, _DenseLayer, _Transition
from torch import Tensor, nn

from lib.networks.aggregation import Concatenation, MergeUp
from lib.networks.fine_head import FineHead
from lib.networks.folding import folded, folds
from lib.networks.heads import ALIGNMENT, LinearHead, Refinement
from lib.networks.upsampling import upsample


def rewrite(network: nn.Module, *, aligned: bool = False) -> None:
    """Rewrite the parts of a network in evaluation mode, in place.

    - Batch normalisation behind a convolution becomes part of it, and elsewhere a product and a sum, unless it uses the
      image's own statistics. So no stored variance is in the way of 16-bit numbers, which end at 65 504.
    - A head's two linear convolutions become one.
    - A 1x1 convolution of up-sampled features is taken before they are up-sampled, and of averaged ones after.
    - A dense block writes its features into one buffer instead of copying all of them in each layer.
    - The finer head reads the features at half resolution, see :class:`~lib.networks.fine_head.FineHead`.

    Args:
        network: in evaluation mode.
        aligned: add channels of zeros where a GPU's matrix units would not take what is there, see
            :data:`~lib.networks.heads.ALIGNMENT`.
    """
    for name, module in list(network.named_children()):
        setattr(network, name, _rewritten(module, aligned=aligned))


def _rewritten(module: nn.Module, *, aligned: bool) -> nn.Module:
    if isinstance(module, LinearHead):
        return Aligned(module.fused()) if aligned else module.fused()
    if isinstance(module, Refinement):
        return FineHead(module, aligned=aligned)
    if isinstance(module, MergeUp) and isinstance(module.fuse, Concatenation) and folds(module.mix):
        return LateUpsampling(module)
    if isinstance(module, _DenseBlock) and folds(module):
        return BufferedDenseBlock(module)
    if type(module) is nn.BatchNorm2d:
        return Scaled(module)
    if type(module) is nn.Sequential:
        module = folded(module)
    rewrite(module, aligned=aligned)
    if isinstance(module, _Transition):
        return nn.Sequential(module.norm, module.relu, module.pool, module.conv)
    return module


class LateUpsampling(nn.Module):
    """:class:`~lib.networks.aggregation.MergeUp` whose coarser part is mixed before it is up-sampled.

    A 1x1 convolution and bilinear up-sampling commute: a quarter of the products, and no concatenation.
    """

    def __init__(self, merge: MergeUp) -> None:
        super().__init__()
        mix = folded(merge.mix)[0]
        assert isinstance(mix, nn.Conv2d)  # noqa: S101 - for the type checker
        fine = mix.in_channels - merge.coarse_channels
        self.coarse = nn.Conv2d(merge.coarse_channels, mix.out_channels, 1, bias=False)
        self.fine = nn.Conv2d(fine, mix.out_channels, 1)
        self.to(mix.weight)
        with torch.no_grad():
            self.coarse.weight.copy_(mix.weight[:, : merge.coarse_channels])
            self.fine.weight.copy_(mix.weight[:, merge.coarse_channels :])
            self.fine.bias.copy_(mix.bias)  # type: ignore[union-attr,arg-type]

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """(B, coarse, h, w) and (B, fine, 2h, 2w) to (B, out, 2h, 2w)."""
        mixed: Tensor = self.fine(fine)
        return mixed.add_(upsample(self.coarse(coarse))).relu_()


class Aligned(nn.Module):
    """A convolution that draws some channels more, of zeros, which are left out again."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.channels = conv.out_channels
        added = -self.channels % ALIGNMENT
        self.conv = nn.Conv2d(conv.in_channels, self.channels + added, 3, padding=1).to(conv.weight)
        with torch.no_grad():
            for mine, theirs in zip(self.conv.parameters(), conv.parameters(), strict=True):
                mine.zero_()[: self.channels] = theirs

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) to (B, channels, h, w)."""
        drawn: Tensor = self.conv(features)
        return drawn[:, : self.channels]


class Scaled(nn.Module):
    """Batch normalisation in evaluation, as one product and sum, quick on a part of a buffer's channels, too."""

    scale: Tensor
    shift: Tensor

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        assert norm.running_mean is not None  # noqa: S101 - for the type checker
        assert norm.running_var is not None  # noqa: S101
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        self.register_buffer("scale", scale.detach()[:, None, None])
        self.register_buffer("shift", (norm.bias - norm.running_mean * scale).detach()[:, None, None])

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w)."""
        return torch.addcmul(self.shift, features, self.scale)


class BufferedDenseBlock(nn.Module):
    """A dense block that keeps its features in one buffer, laid out channels last."""

    def __init__(self, block: _DenseBlock) -> None:
        super().__init__()
        layers = [folded(layer.layers) for layer in block.children() if isinstance(layer, _DenseLayer)]
        for layer in layers:
            rewrite(layer)
        self.layers = nn.ModuleList(layers)
        self.growth = [int(layer.get_submodule("conv2").out_channels) for layer in layers]  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) to (B, C + layers * growth, h, w)."""
        batch, channels, height, width = features.shape
        buffer = torch.empty(
            (batch, channels + sum(self.growth), height, width),
            dtype=features.dtype,
            device=features.device,
            memory_format=torch.channels_last,
        )
        buffer[:, :channels] = features
        for layer, growth in zip(self.layers, self.growth, strict=True):
            buffer[:, channels : channels + growth] = layer(buffer[:, :channels])
            channels += growth
        return buffer
