"""From heat maps to landmarks in pixels of the network's input, and to what the maps tell of them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.transforms import MapTransform

from lib.heatmaps import HeatmapCodec, examine


class ExamineMapsd(MapTransform):
    """Replace fine heat maps (N, h, w) by points (N, 2) in pixels of the input.

    Adds ``evidence``, the :class:`~lib.heatmaps.Evidence` of the maps; the coarse ones are taken from ``coarse``,
    (N, h / 2, w / 2).
    """

    def __init__(self, codec: HeatmapCodec, coarse_key: str = "coarse", keys: KeysCollection = "pred") -> None:
        super().__init__(keys)
        self.codec = codec
        self.coarse_key = coarse_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Apply to a sample."""
        result = dict(data)
        coarse = result.pop(self.coarse_key)
        for key in self.key_iterator(result):
            result["evidence"] = examine(result[key], coarse, self.codec)
            result[key] = result["evidence"].points
        return result
