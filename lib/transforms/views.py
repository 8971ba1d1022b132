"""The same radiograph seen a little differently: how much a prediction moves tells how much it hangs on chance."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lib.transforms.geometry import centred_affine, warp_image, warp_points

_TURN, _ZOOM = 4.0, 0.07
"""Degrees, and share of the size: well within what training varies, so that a good model sees the same."""


def points_of_views(predict: Callable[[Tensor], Tensor], image: Tensor) -> Tensor:
    """What a model says of an image turned and zoomed a little to either side.

    Args:
        predict: image (1, 1, H, W) to points (1, N, 2) in its pixels.
        image: (1, H, W).

    Returns:
        (4, N, 2) points in pixels of the image as it is.
    """
    size = (image.shape[-2], image.shape[-1])
    found = []
    for degrees, zoom in ((_TURN, 1.0), (-_TURN, 1.0), (0.0, 1.0 + _ZOOM), (0.0, 1.0 - _ZOOM)):
        matrix = centred_affine(size, degrees=degrees, scale=(zoom, zoom))
        points = predict(warp_image(image, matrix)[None])[0].cpu()
        found.append(warp_points(points, torch.linalg.inv(matrix)))
    return torch.stack(found)
