"""What importers and phantoms yield: one radiograph with its landmarks and where both came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt

from lib.landmarks import Landmarks
from lib.radiographs import PixelSpacing


class DatasetError(ValueError):
    """A data set that cannot be read; the message is one sentence that names the file and the fault."""


class MissingReaderError(DatasetError):
    """A data set without the labels of one of its readers."""


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """One radiograph of a data set.

    Args:
        image: the file as published, or (H, W) grey values of a picture that has no file.
        name: unique in its data set, fit for a file name.
        landmarks: in pixels of ``image``; None where the data set has no label for it.
        pixel_spacing: what the data set says; None where it says nothing, and the file or the landmark set's
            rule decide.
        provenance: data set, reader and whatever else says where the label came from, as plain JSON values.
    """

    image: Path | npt.NDArray[Any]
    name: str
    landmarks: Landmarks | None
    pixel_spacing: PixelSpacing | None
    provenance: dict[str, Any] = field(default_factory=dict)
