"""The spine radiographs of AASCE 2019 (SpineWeb data set 16): 68 vertebral corners, some of them mislabelled."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.io

from lib.datasets.folders import existing_folder, index_by_stem
from lib.datasets.studies import DatasetError, Study
from lib.landmarks import Landmarks, LandmarkSet

FloatArray = npt.NDArray[np.float64]

logger = logging.getLogger(__name__)

VERTEBRAE = (*(f"T{number}" for number in range(1, 13)), *(f"L{number}" for number in range(1, 6)))


def read_aasce(
    source: str | Path, split: str = "training", reorder_corners: bool = False, skip_suspect: bool = True
) -> Iterator[Study]:
    """Read ``data/<split>/*.jpg`` with the corners in ``labels/<split>/*.jpg.mat`` (``p2``, 68 rows x, y in pixels).

    Of the 481 training labels 27 have vertebrae out of order or corners swapped. They are left out, each named in one
    warning at the end, unless they are asked for. The data set has no pixel size. File names number the patients, of
    whom many have several radiographs; ``provenance["patient"]`` is the number, where there is one.

    Args:
        source: the folder that holds ``data`` and ``labels``.
        split: ``"training"`` or ``"test"``.
        reorder_corners: sort the corners of each vertebra, see :func:`sort_corners`, instead of trusting the file.
        skip_suspect: leave out labels with a fault; otherwise they come with ``provenance["suspect"]`` saying which.

    Yields:
        One study for each radiograph, by file name, read only when asked for.

    Raises:
        DatasetError: no such folder, no radiograph, a missing or unreadable label, one that is not 68 points.
    """
    root = existing_folder(source, "AASCE")
    images = index_by_stem(root, (f"data/{split}",))
    names = LandmarkSet.load("spine_68").names
    skipped = []
    for stem, image in images.items():
        points = _read_points(root / "labels" / split / f"{image.name}.mat", image)
        if reorder_corners:
            points = sort_corners(points)
        fault = find_fault(points)
        if fault and skip_suspect:
            skipped.append(f"{image.name} ({fault})")
            continue
        yield Study(
            image=image,
            name=f"aasce_{stem.replace(' ', '_')}",
            landmarks=Landmarks.from_points(names, points),
            pixel_spacing=None,
            provenance={"dataset": "AASCE 2019", "split": split, "suspect": fault, "patient": _patient(stem)},
        )
    if skipped:
        logger.warning("AASCE %s: left out %d of %d labels: %s", split, len(skipped), len(images), "; ".join(skipped))


def find_fault(points: FloatArray) -> str | None:
    """What is wrong with the (68, 2) corners of a standing patient's spine, in words; None where nothing is.

    Each vertebra must lie below the one before it, its left corners left of the right ones, its upper corners above the
    lower ones.
    """
    corners = points.reshape(17, 4, 2)
    centres = corners.mean(axis=1)
    for vertebra, (above, below) in zip(VERTEBRAE[1:], pairwise(centres), strict=True):
        if below[1] <= above[1]:
            return f"{vertebra} does not lie below the vertebra before it"
    for vertebra, (top_left, top_right, bottom_left, bottom_right) in zip(VERTEBRAE, corners, strict=True):
        if top_left[0] >= top_right[0] or bottom_left[0] >= bottom_right[0]:
            return f"{vertebra} has left and right corners swapped"
        if top_left[1] >= bottom_left[1] or top_right[1] >= bottom_right[1]:
            return f"{vertebra} has upper and lower corners swapped"
    return None


def sort_corners(points: FloatArray) -> FloatArray:
    """(68, 2) with each vertebra's corners in order: of the two leftmost and the two rightmost the upper is the top."""
    corners = points.reshape(17, 4, 2)
    by_x = np.take_along_axis(corners, np.argsort(corners[:, :, :1], axis=1, kind="stable"), axis=1)
    sides = by_x.reshape(17, 2, 2, 2)  # vertebra, side, corner, coordinate
    sides = np.take_along_axis(sides, np.argsort(sides[..., 1:], axis=2, kind="stable"), axis=2)
    return sides.swapaxes(1, 2).reshape(68, 2)


def _patient(stem: str) -> str | None:
    """The patient's number in a file's name: ``sunhl-1th-02-Jan-2017-162 A AP`` is the first radiograph of 162."""
    found = re.match(r".*-(\d+) [A-Z] AP", stem)
    return found[1] if found else None


def _read_points(path: Path, image: Path) -> FloatArray:
    if not path.is_file():
        raise DatasetError(f"Radiograph {image.name} has no label: {path} is missing.")
    try:
        content = scipy.io.loadmat(path)
    except Exception as error:  # a damaged file makes scipy raise anything from TypeError to zlib.error
        raise DatasetError(f"Label {path} is not a readable MATLAB file.") from error
    if "p2" not in content:
        raise DatasetError(f"Label {path} has no variable 'p2'.")
    points = np.asarray(content["p2"])
    if points.shape != (68, 2) or not np.issubdtype(points.dtype, np.number):
        raise DatasetError(f"Label {path} has 'p2' of shape {points.shape}; 68 rows of x and y are expected.")
    if not np.isfinite(points).all():
        raise DatasetError(f"Label {path} has 'p2' with a coordinate that is not finite.")
    return points.astype(np.float64)
