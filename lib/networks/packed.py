"""A rewritten network for a processor: weights laid out for its vector units once, and fewer passes over the maps.

oneDNN, which torch computes convolutions with, reads weights in an order of its own. torch brings them into it in each
call, which takes a third of the time where they are many and the image is small; here it is done once. Its convolutions
also add another map and cut off what is negative while the result is still in the processor.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from lib.networks.aggregation import MergeUp
from lib.networks.fine_head import FineHead
from lib.networks.rewrite import LateUpsampling, Scaled
from lib.networks.upsampling import upsample

logger = logging.getLogger(__name__)

# Large maps lie on large pages, whose first use costs a five-hundredth; torch reads this when it first needs memory.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
M_MMAP_THRESHOLD = -3
"""Of ``malloc.h``."""
LARGE_BYTES = 12 << 20

STRIP_ROWS = 16
"""Rows of the features for which the fine maps are drawn at once: what they need then stays in a core's cache."""


def pack(network: nn.Module) -> None:
    """Pack what :func:`~lib.networks.rewrite.rewrite` has left, in place; nothing where torch has no oneDNN.

    The network computes the same up to rounding, in float32, without gradients, and on the processor alone; its weights
    are no parameters any more.
    """
    if all(parameter.dtype == torch.float32 for parameter in network.parameters()) and packs():
        _pack(network)
        _keep_little_memory()


@cache
def packs() -> bool:
    """Whether torch packs weights here, and its result is right."""
    conv = nn.Conv2d(8, 8, 3, padding=1).requires_grad_(False)
    features = torch.rand(1, 8, 2, 2)
    try:
        return torch.allclose(PackedConv(conv)(features), conv(features), atol=1e-5)
    except (AttributeError, RuntimeError) as error:
        logger.info("Convolutions are computed as torch does it, not packed: %s", error)
        return False


def _keep_little_memory() -> None:
    """Have the GNU C library give large maps back once they are freed, and what the weights took before.

    It would keep them and, since they differ in size, more of them than are ever there together. What
    ``MALLOC_MMAP_THRESHOLD_`` says in the environment goes first.
    """
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        if "MALLOC_MMAP_THRESHOLD_" not in os.environ:
            library.mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        library.malloc_trim(0)


def _pack(network: nn.Module) -> None:
    for name, module in list(network.named_children()):
        setattr(network, name, _packed(module))


def _packed(module: nn.Module) -> nn.Module:
    if isinstance(module, LateUpsampling):
        return PackedMerge(module)
    if isinstance(module, MergeUp):  # takes its convolution's weights apart, see there
        return module
    if _packable(module):
        return PackedConv(module)
    if type(module) is nn.Sequential:
        module = merged(module)
    if isinstance(module, FineHead) and not _looks_at_all(module.image_stem):
        module.rows = STRIP_ROWS
    _pack(module)
    return module


def _packable(module: nn.Module | None) -> bool:
    return type(module) is nn.Conv2d and module.padding_mode == "zeros" and not isinstance(module.padding, str)


def _looks_at_all(layers: nn.Module) -> bool:
    """Whether a row of their result depends on rows that are not near it: they normalise by the image's statistics."""
    return any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in layers.modules())


class PackedConv(nn.Module):
    """A convolution with packed weights, unless its kernel is 1x1; channels last.

    Args:
        conv: float32, on the processor.
        positive: what is negative becomes 0.
    """

    def __init__(self, conv: nn.Module, *, positive: bool = False) -> None:
        super().__init__()
        assert isinstance(conv, nn.Conv2d)  # noqa: S101 - for the type checker
        self._place = (list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups)
        self._positive = positive
        self._bias = None if conv.bias is None else conv.bias.detach()
        self._weight = conv.weight.detach()
        if conv.kernel_size != (1, 1):  # those want another order for each size of the maps, and are quick to reorder
            pack_weight: Any = torch._C._nn.mkldnn_reorder_conv2d_weight
            self._weight = pack_weight(self._weight.to_mkldnn(), *self._place)  # of no type that a module moves

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w)."""
        features = features.contiguous(memory_format=torch.channels_last)
        name = "relu" if self._positive else "none"
        made: Tensor = torch.ops.mkldnn._convolution_pointwise(
            features, self._weight, self._bias, *self._place, name, [], ""
        )
        return made

    def added_to(self, maps: Tensor, features: Tensor) -> Tensor:
        """Add to maps, which are laid out channels last, in place, and cut off what is negative of the sum."""
        features = features.contiguous(memory_format=torch.channels_last)
        torch.ops.mkldnn._convolution_pointwise_.binary(
            maps, features, self._weight, self._bias, *self._place, "add", 1.0, "relu", [], ""
        )
        return maps


class PackedMerge(nn.Module):
    """:class:`~lib.networks.rewrite.LateUpsampling` in one pass over its result."""

    def __init__(self, merge: LateUpsampling) -> None:
        super().__init__()
        self.coarse, self.fine = PackedConv(merge.coarse), PackedConv(merge.fine)

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        """(B, coarse, h, w) and (B, fine, 2h, 2w) to (B, out, 2h, 2w)."""
        return self.fine.added_to(upsample(self.coarse(coarse)), fine)


def merged(layers: nn.Sequential) -> nn.Sequential:
    """The same layers in fewer passes: a ReLU is part of the convolution before it, a normalisation of the one behind.

    Normalisation and ReLU before a 1x1 convolution, perhaps with average pooling between, cut off what is below (of
    negative scales: above) a bound of each channel; the scale is the convolution's business.
    """
    rest = list(layers)
    made: list[nn.Module] = []
    while rest:
        layer = rest.pop(0)
        pooled = len(rest) > 1 and isinstance(rest[1], nn.AvgPool2d) and rest[1].padding in (0, (0, 0))
        at = 2 if pooled else 1
        if isinstance(layer, Scaled) and len(rest) > at and type(rest[0]) is nn.ReLU and _mixes_cells_alone(rest[at]):
            rest[at] = _with_scale(layer, rest[at])
            layer = Bounded(layer)
            del rest[0]
        elif _packable(layer):
            positive = bool(rest) and type(rest[0]) is nn.ReLU
            layer = PackedConv(layer, positive=positive)
            del rest[: int(positive)]
        made.append(layer)
    return nn.Sequential(*made)


def _mixes_cells_alone(layer: nn.Module) -> bool:
    return (
        _packable(layer)
        and isinstance(layer, nn.Conv2d)
        and (layer.kernel_size, layer.stride, layer.padding, layer.groups) == ((1, 1), (1, 1), (0, 0), 1)
    )


class Bounded(nn.Module):
    """What normalisation and ReLU leave of each channel, before the scale and the shift."""

    low: Tensor
    high: Tensor

    def __init__(self, norm: Scaled) -> None:
        super().__init__()
        bound, counts = _bound(norm)
        infinite = torch.full_like(bound, torch.inf)
        self.register_buffer("low", torch.where(norm.scale > 0, bound, torch.where(counts, -infinite, bound)))
        self.register_buffer("high", torch.where(norm.scale < 0, bound, torch.where(counts, infinite, bound)))

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w)."""
        return torch.clamp(features, self.low, self.high)


def _bound(norm: Scaled) -> tuple[Tensor, Tensor]:
    """(C, 1, 1) where normalised values are 0, and whether the channel's values count at all: not of scale 0."""
    bound = -norm.shift / norm.scale
    counts = bound.isfinite()
    return torch.where(counts, bound, 0.0), counts


def _with_scale(norm: Scaled, conv: nn.Module) -> nn.Conv2d:
    """A 1x1 convolution that scales and shifts before, what is cut off being cut off already."""
    assert isinstance(conv, nn.Conv2d)  # noqa: S101 - for the type checker
    _, counts = _bound(norm)
    scale = torch.where(counts, norm.scale, 0.0).double()
    shift = torch.where(counts, norm.shift, norm.shift.relu()).double()
    made = nn.Conv2d(conv.in_channels, conv.out_channels, 1).to(conv.weight).requires_grad_(False)
    weight = conv.weight.detach().double()
    made.weight.copy_(weight * scale)
    bias = (weight[:, :, 0, 0] @ shift[:, 0, 0]) + (0.0 if conv.bias is None else conv.bias.detach().double())
    made.bias.copy_(bias)  # type: ignore[union-attr]
    return made
