"""Where to write the names of points so that they can be read: beside the point, off the marks and off each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Box = tuple[float, float, float, float]  # left, top, right, bottom

_MARGIN = 4.0  # pixels that labels keep from obstacles
_GROWN = np.array([-_MARGIN, -_MARGIN, _MARGIN, _MARGIN])
_DISTANCES = (8.0, 20.0, 36.0, 56.0)
#: Right and left first, where text reads best; of equally good boxes the first is taken.
_DIRECTIONS = np.radians([0, 180, -45, 45, -135, 135, -90, 90, -20, 20, -160, 160])


def place_labels(
    anchors: npt.ArrayLike,
    sizes: npt.ArrayLike,
    canvas: tuple[int, int],
    *,
    obstacles: npt.ArrayLike = (),
    taken: Sequence[Box] = (),
) -> list[Box | None]:
    """Choose a box for each label, one after the other: in the canvas, free of earlier boxes, on few obstacles, near.

    Args:
        anchors: (N, 2) points ``(x, y)`` to be named.
        sizes: (N, 2) ``(width, height)`` of the labels.
        canvas: ``(width, height)`` of the picture.
        obstacles: (K, 2) points that labels should not cover, such as other marks.
        taken: boxes that labels must not overlap.

    Returns:
        N boxes that do not overlap; None for a label that has no free place.
    """
    points = np.asarray(obstacles, dtype=np.float64).reshape(-1, 2)
    occupied = list(taken)
    boxes: list[Box | None] = []
    for anchor, size in zip(np.asarray(anchors, dtype=np.float64), np.asarray(sizes, dtype=np.float64), strict=True):
        candidates, distances = _around(anchor, size)
        inside = (candidates[:, :2] >= 0).all(axis=1) & (candidates[:, 2:] <= canvas).all(axis=1)
        free = inside & ~_overlaps(candidates, np.asarray(occupied, dtype=np.float64).reshape(-1, 4))
        if not free.any():
            boxes.append(None)
            continue
        costs = 12.0 * num_covered(candidates + _GROWN, points) + distances
        left, top, right, bottom = candidates[np.argmin(np.where(free, costs, np.inf))].tolist()
        boxes.append((left, top, right, bottom))
        occupied.append((left, top, right, bottom))
    return boxes


def num_covered(boxes: FloatArray, points: FloatArray) -> npt.NDArray[np.int64]:
    """(C,) how many of the (K, 2) points each of the (C, 4) boxes covers."""
    above = (points >= boxes[:, np.newaxis, :2]).all(axis=-1)
    below = (points <= boxes[:, np.newaxis, 2:]).all(axis=-1)
    result: npt.NDArray[np.int64] = (above & below).sum(axis=1)
    return result


def _around(anchor: FloatArray, size: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(C, 4) boxes around a point, the preferred directions first, and (C,) their distances from it."""
    directions = np.column_stack([np.cos(_DIRECTIONS), np.sin(_DIRECTIONS)])
    distances = np.repeat(_DISTANCES, len(directions))
    directions = np.tile(directions, (len(_DISTANCES), 1))
    centres = anchor + directions * (distances[:, np.newaxis] + size / 2)
    return np.hstack([centres - size / 2, centres + size / 2]), distances


def _overlaps(boxes: FloatArray, others: FloatArray) -> npt.NDArray[np.bool_]:
    """(C,) whether each of the (C, 4) boxes overlaps any of the (M, 4) others."""
    mine, theirs = boxes[:, np.newaxis], others[np.newaxis]
    apart = (mine[..., :2] >= theirs[..., 2:]) | (mine[..., 2:] <= theirs[..., :2])
    result: npt.NDArray[np.bool_] = (~apart.any(axis=-1)).any(axis=1)
    return result
