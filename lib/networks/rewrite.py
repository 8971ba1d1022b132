"""The same network with less arithmetic: what training keeps apart is one, what commutes comes in the cheaper order.

All of it is exact algebra: heat maps differ by rounding alone, which the tests hold to the landmarks they decode to.
"""

from __future__ import annotations

import torch
from monai.networks.nets.densenet import _DenseBlock, _DenseLayer, _Transition
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from lib.networks.aggregation import Concatenation, MergeUp, upsample
from lib.networks.heads import LinearHead, Refinement


def rewrite(network: nn.Module) -> None:
    """Rewrite the parts of a network in evaluation mode, in place.

    - Batch normalisation behind a convolution becomes part of it, and elsewhere a product and a sum, unless it uses the
      image's own statistics. So no stored variance is in the way of 16-bit numbers, which end at 65 504.
    - A head's two linear convolutions become one.
    - A 1x1 convolution of up-sampled features is taken before they are up-sampled, and of averaged ones after.
    - A dense block writes its features into one buffer instead of copying all of them in each layer.
    - The finer head reads the features at half resolution, see :class:`FineHead`.
    """
    for name, module in list(network.named_children()):
        setattr(network, name, _rewritten(module))


def _rewritten(module: nn.Module) -> nn.Module:
    if isinstance(module, LinearHead):
        return module.fused()
    if isinstance(module, Refinement):
        return FineHead(module)
    if isinstance(module, MergeUp) and isinstance(module.fuse, Concatenation) and _folds(module.mix):
        return LateUpsampling(module)
    if isinstance(module, _DenseBlock) and _folds(module):
        return BufferedDenseBlock(module)
    if type(module) is nn.BatchNorm2d:
        return Scaled(module)
    if type(module) is nn.Sequential:
        module = folded(module)
    rewrite(module)
    if isinstance(module, _Transition):
        return nn.Sequential(module.norm, module.relu, module.pool, module.conv)
    return module


def folded(layers: nn.Sequential) -> nn.Sequential:
    """The same layers, each batch normalisation right behind a convolution made part of it."""
    result: dict[str, nn.Module] = {}
    previous = ""
    for name, layer in layers.named_children():
        before = result.get(previous)
        if type(layer) is nn.BatchNorm2d and type(before) is nn.Conv2d:
            result[previous] = fuse_conv_bn_eval(before, layer)
        else:
            result[name] = layer
            previous = name
    made = nn.Sequential()
    for name, layer in result.items():
        made.add_module(name, layer)
    return made


def _folds(block: nn.Module) -> bool:
    """Whether it normalises by what training has stored, not by the image's own statistics."""
    norms = [module for module in block.modules() if isinstance(module, nn.BatchNorm2d)]
    return bool(norms) and all(type(norm) is nn.BatchNorm2d for norm in norms)


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


class FineHead(nn.Module):
    """:class:`~lib.networks.heads.Refinement` without an up-sampled map: a 3x3 convolution of features at half size.

    Each fine cell sees three by three up-sampled cells, which lie between three by three of those that were up-sampled:
    four convolutions of them, one for each of the four places of a fine cell in a coarse one, give the same sums. Only
    along the border the up-sampled cells outside are 0 and not what up-sampling would put there: those lines are
    computed as they are written in the paper.

    Args:
        refinement: whose weights to take.

    Shape:
        - as those of the refinement.
    """

    def __init__(self, refinement: Refinement) -> None:
        super().__init__()
        head = refinement.head.fused() if isinstance(refinement.head, LinearHead) else refinement.head
        assert isinstance(head, nn.Conv2d)  # noqa: S101 - for the type checker
        self.image_stem = folded(refinement.image_stem)
        image_channels = refinement.image_channels
        self.maps = head.out_channels
        first = head.in_channels - image_channels - self.maps
        of_image = slice(first, first + image_channels)
        self.of_image = nn.Conv2d(image_channels, self.maps, 3, padding=1)
        self.inside = nn.Conv2d(first + self.maps, 4 * self.maps, 3, bias=False)
        self.line = nn.Conv2d(first + self.maps, self.maps, 3, padding=1, bias=False)
        self.to(head.weight)
        with torch.no_grad():
            weight = torch.cat([head.weight[:, :first], head.weight[:, of_image.stop :]], 1)
            self.line.weight.copy_(weight)
            self.inside.weight.copy_(_phases(weight))
            self.of_image.weight.copy_(head.weight[:, of_image])
            self.of_image.bias.copy_(head.bias)  # type: ignore[union-attr,arg-type]

    def forward(self, image: Tensor, aggregated: Tensor, coarse: Tensor) -> Tensor:
        """Draw the fine heat maps."""
        fine: Tensor = self.of_image(self.image_stem(image))
        framed = functional.pad(torch.cat([aggregated, coarse], 1), (1, 1, 1, 1), mode="replicate")
        of_features = functional.pixel_shuffle(self.inside(framed), 2)
        for axis in (2, 3):
            for end, cells in ((0, slice(1, 3)), (-1, slice(-3, -1))):
                strip = framed[:, :, cells, 1:-1] if axis == 2 else framed[:, :, 1:-1, cells]
                of_features.select(axis, end).copy_(self.line(upsample(strip)).select(axis, end))
        return fine.add_(of_features)


def _phases(weight: Tensor) -> Tensor:
    """(N, C, 3, 3) over up-sampled cells to (4 N, C, 3, 3) over the cells before, in the order of a pixel shuffle."""
    # rows: what the cell itself and its two neighbours give to three up-sampled cells in a row
    even = weight.new_tensor([[0.75, 0.25, 0.0], [0.25, 0.75, 0.75], [0.0, 0.0, 0.25]])
    odd = weight.new_tensor([[0.25, 0.0, 0.0], [0.75, 0.75, 0.25], [0.0, 0.25, 0.75]])
    parts = [torch.einsum("ia,jb,ncab->ncij", down, across, weight) for down in (even, odd) for across in (even, odd)]
    return torch.stack(parts, 1).flatten(0, 1)
