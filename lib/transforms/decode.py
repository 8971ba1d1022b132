"""From heat maps to landmarks: each by itself, or together where the shape of a model's training labels is known."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lib.heatmaps import Evidence, FineMaps, HeatmapCodec, JointChoice, examine
from lib.shapes import ShapeModel
from lib.transforms.geometry import rescale_points


class MapDecoder:
    """Finds the landmarks in the heat maps of an image, whoever asks: training, calibration and prediction.

    Where no summit is the wrong one it finds what :meth:`~lib.heatmaps.HeatmapCodec.decode` does. So it does without a
    shape, where the maps as a whole contradict it, as those of a mirrored image do, and with a decoder of the codec
    that is not ``"subpixel"``: those are there to decode as others have.

    Args:
        codec: of the fine maps.
        shape: of the labels that the network has learnt from, in the order of the maps; None where it is not known.
    """

    def __init__(self, codec: HeatmapCodec, shape: ShapeModel | None = None) -> None:
        self.codec = codec
        self.shape = shape if codec.decoder == "subpixel" else None

    def decode(self, maps: Tensor, file_size: tuple[int, int]) -> Tensor:
        """The landmarks of one image.

        Args:
            maps: (N, h, w) fine heat maps of the whole image, of one cell a pixel of the network's input.
            file_size: ``(height, width)`` of its file.

        Returns:
            (N, 2) points ``(x, y)`` in pixels of the network's input, float32, on the maps' device.
        """
        if self.shape is None:
            return self.codec.decode(maps)[0]
        return self._together(self.shape, FineMaps(maps, self.codec), file_size)

    def examine(self, fine: Tensor, coarse: Tensor, file_size: tuple[int, int]) -> Evidence:
        """The landmarks of one image, and what its maps tell of them.

        Args:
            fine: (N, h, w).
            coarse: (N, h / 2, w / 2).
            file_size: ``(height, width)`` of its file.
        """
        maps = FineMaps(fine, self.codec)
        points = None if self.shape is None else self._together(self.shape, maps, file_size)
        return examine(maps, coarse, self.codec, points)

    def _together(self, shape: ShapeModel, maps: FineMaps, file_size: tuple[int, int]) -> Tensor:
        choice = JointChoice(maps, self.codec)
        sizes = (maps.values.shape[1], maps.values.shape[2]), file_size
        ratio = np.array([sizes[0][1] / file_size[1], sizes[0][0] / file_size[0]])
        tree = shape.relations(rescale_points(choice.points.double().cpu(), *sizes).numpy())
        if tree is not None:
            choice.choose_by(tree.moved(np.diag(ratio)))
            places, spread = shape.expected(rescale_points(choice.points.double().cpu(), *sizes).numpy())
            expected = rescale_points(torch.from_numpy(places), *sizes[::-1]).numpy()
            choice.choose_as_expected(expected, spread[:, None] * ratio)
        return choice.alone if choice.is_against_maps() else choice.points
