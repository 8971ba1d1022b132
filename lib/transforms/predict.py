"""From heat maps to landmarks in pixels of the network's input."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.transforms import MapTransform

from lib.heatmaps import HeatmapCodec


class DecodeLandmarksd(MapTransform):
    """Replace heat maps (N, h, w) by points (N, 2) in pixels of the input, and add ``score``, (N,) from 0 to 1."""

    def __init__(self, codec: HeatmapCodec, keys: KeysCollection = "pred") -> None:
        super().__init__(keys)
        self.codec = codec

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Apply to a sample."""
        result = dict(data)
        for key in self.key_iterator(result):
            result[key], result["score"] = self.codec.decode(result[key])
        return result
