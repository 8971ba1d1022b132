"""Finds copies of one picture among fingerprints: re-encoded, scaled, shifted, cropped by a few per cent, inverted.

Radiographs of one view all look alike, so pairs that are alike as they lie are laid over each other first, by the shift
and scale of each axis that fit best, and judged by their details then.

Measured: the 23 pairs of ISBI 2015 (300 cephalograms) that are known to be one radiograph reach 0.99, no other pair
0.84. Of AASCE (481 spines) 24 pairs reach 0.92, each by eye one radiograph with another crop or brightness, and no
other 0.86; those next below are one patient taken again. Different phantoms stay below 0.89.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from lib.radiographs.fingerprint import GRID, Fingerprint, FloatArray, blur_matrix

IntArray = npt.NDArray[np.int64]

SAME = 0.905
"""Correlation of details, -1 to 1, from which two pictures are one. No false finding matters more than a missed one."""
WORTH_A_LOOK = 0.86
"""Correlation of the coarse details after laying over, below which the fine ones are not compared."""
CANDIDATES = 6
"""How many of the pictures that are most alike, at the best shift and scale of a few, are laid over each picture."""
_SCALES = (1 / 1.1, 1.0, 1.1)  # between which a crop of up to 7 % a side is half a step off at most
_REACH = 2  # coarse cells that pictures are shifted by to find candidates: 6 % of a side
_BATCH = 64
_MAX_SHIFT, _MAX_SCALE, _MIN_OVERLAP = 0.15, 0.2, 0.6


def same_picture(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether two fingerprints are of one picture."""
    return bool(same_pictures([one, other]))


def same_pictures(fingerprints: Sequence[Fingerprint], first: int = 0) -> list[tuple[int, int]]:
    """Pairs of indices ``i < j`` of fingerprints of one picture, enough of them to connect all copies of it.

    Args:
        fingerprints: N of them.
        first: only pairs with ``j >= first`` are looked for: those before have been compared already.
    """
    originals: dict[str, int] = {}
    pairs = []
    for index, fingerprint in enumerate(fingerprints):
        original = originals.setdefault(fingerprint.exact, index)
        if original != index and index >= first:
            pairs.append((original, index))
    kept = np.fromiter(originals.values(), dtype=np.int64, count=len(originals))
    rows = np.flatnonzero(kept >= first)
    details = np.stack([fingerprints[index].details() for index in kept]) if rows.size else np.empty(0, np.float32)
    while rows.size and len(kept) > 1:
        ones, others, likeness = likenesses(details, rows)
        same = likeness >= SAME
        found = [(min(pair), max(pair)) for pair in zip(ones[same].tolist(), others[same].tolist(), strict=True)]
        pairs += [(int(kept[one]), int(kept[other])) for one, other in found]
        # Copies crowd one another out of the candidates: the first of them looks again, without the others.
        stays = np.isin(np.arange(len(kept)), [other for _, other in found], invert=True)
        again = np.isin(np.arange(len(kept)), [one for one, _ in found]) & (kept >= first)
        kept, details, rows = kept[stays], details[stays], np.flatnonzero(again[stays])
    return sorted(pairs)


def likenesses(details: FloatArray, rows: IntArray | None = None) -> tuple[IntArray, IntArray, FloatArray]:
    """The pairs that are worth laying over each other, and how alike they are then.

    Args:
        details: (N, GRID, GRID) of N fingerprints.
        rows: indices of those whose copies are looked for; None for all.

    Returns:
        The pairs' indices (M,) and (M,), each pair once, and their likeness (M,), -1 to 1; 0 for those that differ
        at first sight.
    """
    coarse, fine = _coarse(details), _blurred(details, 0.5)
    wanted = np.arange(len(details)) if rows is None else rows
    candidates = [pair for part in _candidates(coarse, wanted) for pair in part]
    unique = {(min(one, other), max(one, other)): sign for one, other, sign in candidates}
    pairs = np.array([(*pair, sign) for pair, sign in unique.items()], dtype=np.int64).reshape(-1, 3)
    likeness = np.zeros(len(pairs), dtype=np.float32)
    for start in range(0, len(pairs), _BATCH):
        ones, others, signs = pairs[start : start + _BATCH].T
        flipped = signs[:, None, None].astype(np.float32)
        unmoved = np.zeros((len(ones), 4), dtype=np.float32)
        score, placed = _lay_over(coarse[ones], coarse[others] * flipped, unmoved, steps=8)
        look = np.flatnonzero(score >= WORTH_A_LOOK)
        if look.size:
            placed = placed[look] * np.array([2, 2, 1, 1], dtype=np.float32)  # shifts are in cells
            likeness[start + look], _ = _lay_over(fine[ones[look]], (fine[others] * flipped)[look], placed, steps=3)
    return pairs[:, 0], pairs[:, 1], likeness


def _blurred(grids: FloatArray, sigma: float) -> FloatArray:
    blur = blur_matrix(grids.shape[-1], sigma)
    result: FloatArray = blur @ grids @ blur.T
    return result


def _coarse(details: FloatArray) -> FloatArray:
    """(N, GRID / 2, GRID / 2) means of two by two cells, blurred: smooth enough to be laid over each other."""
    half = GRID // 2
    return _blurred(details.reshape(-1, half, 2, half, 2).mean(axis=(2, 4)), 0.8)


def _candidates(coarse: FloatArray, wanted: IntArray) -> Iterator[list[tuple[int, int, int]]]:
    """For each picture that is wanted, those most alike at the best of 75 shifts and scales: ``(one, other, sign)``.

    The sign is -1 where one is the negative of the other.
    """
    inner = slice(_REACH, -_REACH)
    still = _unit(coarse[:, inner, inner])
    moves = range(2 * _REACH + 1)
    side = coarse.shape[1] - 2 * _REACH
    scaled = [_zoomed(coarse, scale) for scale in _SCALES]
    moved = [_unit(grids[:, y : y + side, x : x + side]) for grids in scaled for y in moves for x in moves]
    for start in range(0, len(wanted), _BATCH):
        chosen = wanted[start : start + _BATCH]
        rows = still[chosen]
        best = np.full((len(rows), len(coarse)), -1.0, dtype=np.float32)
        worst = -best
        for shifted in moved:
            products = rows @ shifted.T
            np.maximum(best, products, out=best)
            np.minimum(worst, products, out=worst)
        alike = np.maximum(best, -worst)
        alike[np.arange(len(rows)), chosen] = -1.0  # itself
        count = min(CANDIDATES, len(coarse) - 1)
        nearest = np.argpartition(-alike, count - 1, axis=1)[:, :count]
        yield [
            (int(chosen[row]), int(other), 1 if best[row, other] >= -worst[row, other] else -1)
            for row, others in enumerate(nearest)
            for other in others
        ]


def _zoomed(grids: FloatArray, scale: float) -> FloatArray:
    """Grids whose cells lie ``scale`` times as far from the centre as before; what would lie outside is the border."""
    size = grids.shape[-1]
    centre = (size - 1) / 2
    at = np.clip(centre + (np.arange(size) - centre) * scale, 0, size - 1)
    left = np.minimum(at.astype(np.int64), size - 2)
    weights = np.zeros((size, size), dtype=np.float32)
    weights[np.arange(size), left], weights[np.arange(size), left + 1] = left + 1 - at, at - left
    result: FloatArray = weights @ grids @ weights.T
    return result


def _unit(grids: FloatArray) -> FloatArray:
    """(N, cells) of mean 0 and length 1; flat ones stay 0."""
    flat = grids.reshape(len(grids), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    result: FloatArray = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return result


def _lay_over(fixed: FloatArray, moving: FloatArray, start: FloatArray, steps: int) -> tuple[FloatArray, FloatArray]:
    """Lay K grids over K others by Gauss and Newton's steps on their correlation.

    Args:
        fixed: (K, n, n).
        moving: (K, n, n).
        start: (K, 4) shift in x and y in cells, and how much larger the moving one is in x and y.
        steps: how many.

    Returns:
        The best correlation where they overlap (K,), and the (K, 4) it was found at.
    """
    size = fixed.shape[1]
    limit = np.array([_MAX_SHIFT * size] * 2 + [_MAX_SCALE] * 2, dtype=np.float32)
    place, found, best = start, start.copy(), np.full(len(fixed), -1.0, dtype=np.float32)
    for step in range(steps + 1):
        score, advance = _step(fixed, moving, place)
        better = score > best
        best[better], found[better] = score[better], place[better]
        if step < steps:
            place = np.clip(place + np.clip(advance, -limit / 3, limit / 3), -limit, limit).astype(np.float32)
    return best, found


def _step(fixed: FloatArray, moving: FloatArray, place: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The correlation (K,) at a place, -1 where too little overlaps, and the step (K, 4) that should better it."""
    columns, columns_slope, inside_x = _sampling(fixed.shape[1], place[:, 0], place[:, 2])
    rows, rows_slope, inside_y = _sampling(fixed.shape[1], place[:, 1], place[:, 3])
    overlap = inside_y[:, :, None] * inside_x[:, None, :]
    across = moving @ columns.transpose(0, 2, 1)
    one, _ = _standard(fixed, overlap)
    other, length = _standard(rows @ across, overlap)
    score = np.where(overlap.mean(axis=(1, 2)) >= _MIN_OVERLAP, (one * other).sum(axis=(1, 2)), -1.0)
    along_x = rows @ (moving @ columns_slope.transpose(0, 2, 1))
    along_y = rows_slope @ across
    offset = np.arange(fixed.shape[1], dtype=np.float32) - (fixed.shape[1] - 1) / 2
    slopes = np.stack([along_x, along_y, along_x * offset, along_y * offset[:, None]], axis=1)
    slopes = (slopes * overlap[:, None] / length[:, None]).reshape(len(fixed), 4, -1)
    slopes -= slopes.mean(axis=2, keepdims=True)
    flat = other.reshape(len(fixed), 1, -1)
    slopes -= (slopes * flat).sum(axis=2, keepdims=True) * flat  # along its own length correlation does not change
    square = slopes @ slopes.transpose(0, 2, 1)
    damping = (1e-3 / 4) * np.trace(square, axis1=1, axis2=2) + 1e-9
    square = square + damping[:, None, None] * np.eye(4, dtype=np.float32)
    gain = slopes @ (one - other).reshape(len(fixed), -1, 1)
    return score.astype(np.float32), np.linalg.solve(square, gain)[..., 0]


def _sampling(size: int, shift: FloatArray, scale: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Linear interpolation along an axis: weights (K, n, n), their slopes, which of n samples lie inside (K, n)."""
    index, centre = np.arange(size, dtype=np.float32), np.float32((size - 1) / 2)
    at = centre + (index - centre) * (1 + scale[:, None]) + shift[:, None]
    inner = (1, size - 2)  # the contrast of the outermost cells is that to a border, and borders are cut
    inside = ((np.minimum(at, index) >= inner[0]) & (np.maximum(at, index) <= inner[1])).astype(np.float32)
    left = np.clip(np.floor(at), 0, size - 2)
    part, row = (at - left)[..., None], left[..., None]
    first, second = (index == row) * inside[..., None], (index == row + 1) * inside[..., None]
    return first * (1 - part) + second * part, second - first, inside


def _standard(grids: FloatArray, overlap: FloatArray) -> tuple[FloatArray, npt.NDArray[Any]]:
    """Grids of mean 0 and length 1 where they overlap, 0 elsewhere; and the length they had, (K, 1, 1)."""
    cells = np.maximum(overlap.sum(axis=(1, 2), keepdims=True), 1.0)
    centred = (grids - (grids * overlap).sum(axis=(1, 2), keepdims=True) / cells) * overlap
    length = np.maximum(np.sqrt((centred * centred).sum(axis=(1, 2), keepdims=True)), 1e-6)
    return centred / length, length
