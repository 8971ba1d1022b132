"""Cases of evaluations: annotations, and predictions that miss them by chosen distances."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from lib.evaluation import Case, Looking
from lib.landmarks import Landmarks, LandmarkSet
from lib.radiographs import PixelSpacing, SpacingSource

UNKNOWN = PixelSpacing.unknown()
TENTH = PixelSpacing(0.1, 0.1, SpacingSource.USER)


def made_case(
    landmark_set: LandmarkSet,
    image: str,
    misses: Sequence[float],
    *,
    truth: npt.ArrayLike | None = None,
    readers: Mapping[str, float] | None = None,
    other: Sequence[float] | None = None,
    **more: object,
) -> Case:
    """An image whose landmarks are found so many pixels to the right of those of the first reader.

    Args:
        landmark_set: N landmarks.
        image: its id.
        misses: N distances; NaN where a landmark was not found.
        truth: (N, 2) of the first reader; a diagonal if it is not given.
        readers: how many pixels each reader's landmarks lie below those of the first.
        other: as ``misses``, of the model that is compared.
        more: fields of the case.
    """
    names = landmark_set.names
    places = 20.0 + 10.0 * np.arange(len(names))[:, np.newaxis] * np.ones(2) if truth is None else np.asarray(truth)

    def moved(x: npt.ArrayLike, y: float = 0.0) -> Landmarks:
        return Landmarks.from_points(
            names, places + np.stack([np.asarray(x) + 0.0 * places[:, 0], 0.0 * places[:, 0] + y], axis=1)
        )

    truths = {name: moved(0.0, below) for name, below in (readers or {"labels": 0.0}).items()}
    content = {"pixel_spacing": UNKNOWN, "size": (300, 240), **more}
    return Case(image, moved(misses), truths, other=None if other is None else moved(other), **content)


def looking(landmark_set: LandmarkSet, *readers: str, left_out: Sequence[object] = ()) -> Looking:
    """At the readers, ``labels`` if there are none."""
    return Looking(landmark_set, readers or ("labels",), tuple(left_out))
