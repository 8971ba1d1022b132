"""From heat maps to landmarks in pixels of the network's input, and to what the maps tell of them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.transforms import MapTransform

from lib.transforms.decode import MapDecoder


class ExamineMapsd(MapTransform):
    """Replace fine heat maps (N, h, w) by points (N, 2) in pixels of the input.

    Adds ``evidence``, the :class:`~lib.heatmaps.Evidence` of the maps; the coarse ones are taken from ``coarse``,
    (N, h / 2, w / 2), the size of the file from ``header``.
    """

    def __init__(self, decoder: MapDecoder, coarse_key: str = "coarse", keys: KeysCollection = "pred") -> None:
        super().__init__(keys)
        self.decoder = decoder
        self.coarse_key = coarse_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Apply to a sample."""
        result = dict(data)
        coarse, header = result.pop(self.coarse_key), result["header"]
        for key in self.key_iterator(result):
            result["evidence"] = self.decoder.examine(result[key], coarse, (header.height, header.width))
            result[key] = result["evidence"].points
        return result
