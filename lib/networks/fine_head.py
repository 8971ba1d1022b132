"""The finer head with less arithmetic and less memory: exact algebra, and the rows of the image a strip at a time."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lib.networks.folding import folded
from lib.networks.heads import ALIGNMENT, LinearHead, Refinement
from lib.networks.phases import phases, spread_of_phases, woven
from lib.networks.upsampling import upsample

HALO = 2
"""Rows of the image beyond a strip that its maps see: one in the stem, one in the head."""


class FineHead(nn.Module):
    """:class:`~lib.networks.heads.Refinement` with all products taken before, see :mod:`lib.networks.phases`.

    Args:
        refinement: whose weights to take.
        aligned: add channels of zeros, so that a GPU's matrix units take all of them, see
            :data:`~lib.networks.heads.ALIGNMENT`.

    Attributes:
        rows: of the features, for how many at once the maps are drawn: a processor then finds in its cache what it
            needs, and only the maps themselves are as large as the image; None: all, fewest calls for a GPU.

    Shape:
        - as those of the refinement.
    """

    def __init__(self, refinement: Refinement, *, aligned: bool = False) -> None:
        super().__init__()
        head = refinement.head.fused() if isinstance(refinement.head, LinearHead) else refinement.head
        assert isinstance(head, nn.Conv2d)  # noqa: S101 - for the type checker
        assert head.bias is not None  # noqa: S101
        self.rows: int | None = None
        self.image_stem = folded(refinement.image_stem)
        self.maps = head.out_channels
        image_channels = refinement.image_channels
        first = head.in_channels - image_channels - self.maps
        of_image = slice(first, first + image_channels)
        self.padding = -(first + self.maps) % ALIGNMENT if aligned else 0
        drawn = self.maps + (-self.maps % ALIGNMENT if aligned else 0)
        seen = first + self.maps + self.padding
        bias = functional.pad(head.bias, (0, drawn - self.maps))
        self.of_image: nn.Module = _conv(_enlarged(head.weight[:, of_image], drawn, image_channels), bias)
        weight = _enlarged(torch.cat([head.weight[:, :first], head.weight[:, of_image.stop :]], 1), drawn, seen)
        self.inside: nn.Module = _conv(phases(weight, spread_of_phases().to(weight)), padding=0)
        self.line: nn.Module = _conv(weight)

    def forward(self, image: Tensor, aggregated: Tensor, coarse: Tensor) -> Tensor:
        """Draw the fine heat maps."""
        features = [aggregated, coarse]
        if self.padding:
            features.append(coarse.new_zeros(()).expand(len(coarse), self.padding, *coarse.shape[2:]))
        height = coarse.shape[2]
        if self.rows is None or self.rows >= height:
            return self._of_image(image, 0, height).add_(self._of_features(features, 0, height))[:, : self.maps]
        fine = torch.empty(
            (len(image), self.maps, 2 * height, 2 * coarse.shape[3]),
            dtype=coarse.dtype,
            device=coarse.device,
            memory_format=torch.channels_last,
        )
        for first in range(0, height, self.rows):
            last = min(first + self.rows, height)
            strip = self._of_image(image, first, last).add_(self._of_features(features, first, last))
            fine[:, :, 2 * first : 2 * last] = strip[:, : self.maps]
        return fine

    def _of_image(self, image: Tensor, first: int, last: int) -> Tensor:
        """(B, drawn, 2 (last - first), W): what the image gives to the maps of these rows of the features."""
        start, stop = 2 * first, 2 * last
        above = max(start - HALO, 0)
        drawn: Tensor = self.of_image(self.image_stem(image[:, :, above : stop + HALO]))
        return drawn[:, :, start - above : stop - above]

    def _of_features(self, features: list[Tensor], first: int, last: int) -> Tensor:
        """(B, drawn, 2 (last - first), W): what the features give to the maps of these of their rows."""
        height = features[0].shape[2]
        above, below = min(first, 1), min(height - last, 1)
        seen = torch.cat([part[:, :, first - above : last + below] for part in features], 1)
        framed = functional.pad(seen, (1, 1, 1 - above, 1 - below), mode="replicate")
        drawn = woven(self.inside(framed))
        begin, end = 2 * above, 2 * (above + last - first)
        for side, cells in ((0, slice(0, 2)), (-1, slice(-2, None))):
            drawn[..., side] = self.line(upsample(seen[..., cells]))[:, :, begin:end, side]
        for side, cells, beyond in ((0, slice(0, 2), above), (-1, slice(-2, None), below)):
            if not beyond:
                drawn[:, :, side] = self.line(upsample(seen[:, :, cells]))[:, :, side]
        return drawn


def _conv(weight: Tensor, bias: Tensor | None = None, padding: int = 1) -> nn.Conv2d:
    made = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=padding, bias=bias is not None).to(weight)
    with torch.no_grad():
        made.weight.copy_(weight)
        if bias is not None:
            made.bias.copy_(bias)  # type: ignore[union-attr]
    return made


def _enlarged(weight: Tensor, outputs: int, inputs: int) -> Tensor:
    """The same kernel with so many channels, what is added being zeros."""
    return functional.pad(weight, (0, 0, 0, 0, 0, inputs - weight.shape[1], 0, outputs - weight.shape[0]))
