"""Random geometry for training: anatomy stays plausible, and points never part from the image."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from monai.config import KeysCollection
from monai.transforms import MapTransform, Randomizable
from torch import Tensor

from lib.transforms.geometry import centred_affine, warp_image, warp_points


class RandAffineLandmarksd(Randomizable, MapTransform):
    """Rotate, scale, shear and shift image and points by one random matrix.

    A landmark that leaves the image becomes NaN, as if it were not annotated.

    Args:
        degrees: largest rotation either way.
        scale: largest relative change of size; 0.15 means factors 0.85 to 1.15.
        aspect: largest relative difference between the factors along x and y.
        shift: largest shift as a share of the side.
        shear: largest shear.
        mirror_order: indices that exchange left and right partners; given, every second image is mirrored. None:
            never, for anatomy that always faces the same way.
        points_key: (N, 2) points in pixels of the image.
        keys: the image (1, H, W).
    """

    def __init__(
        self,
        degrees: float = 10.0,
        scale: float = 0.15,
        aspect: float = 0.05,
        shift: float = 0.08,
        shear: float = 0.05,
        mirror_order: Sequence[int] | None = None,
        points_key: str = "label",
        keys: KeysCollection = "image",
    ) -> None:
        super().__init__(keys)
        self.degrees, self.scale, self.aspect, self.shift, self.shear = degrees, scale, aspect, shift, shear
        self.mirror_order = None if mirror_order is None else list(mirror_order)
        self.points_key = points_key

    def _matrix(self, size: tuple[int, int]) -> tuple[Tensor, bool]:
        def within(limit: float) -> float:
            return float(self.R.uniform(-limit, limit))

        zoom, aspect = 1.0 + within(self.scale), 1.0 + within(self.aspect)
        mirror = self.mirror_order is not None and self.R.uniform() < 0.5
        matrix = centred_affine(
            size,
            degrees=within(self.degrees),
            scale=(zoom * aspect, zoom / aspect),
            shear=within(self.shear),
            shift=(within(self.shift), within(self.shift)),
            mirror=mirror,
        )
        return matrix, mirror

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Vary a sample."""
        result = dict(data)
        for key in self.key_iterator(result):
            height, width = result[key].shape[-2:]
            matrix, mirrored = self._matrix((height, width))
            result[key] = warp_image(result[key], matrix)
            points = warp_points(result[self.points_key], matrix)
            if mirrored:
                points = points[self.mirror_order]
            limit = points.new_tensor([width - 0.5, height - 0.5])
            outside = ((points < -0.5) | (points > limit)).any(dim=-1, keepdim=True)
            result[self.points_key] = points.masked_fill(outside, float("nan"))
        return result
