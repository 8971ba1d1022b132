"""A small landmark set and radiograph headers for the format tests."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import DigitalXRayImageStorageForPresentation

from lib.landmarks import LandmarkSet, Region
from lib.radiographs import Geometry, PixelSpacing, RadiographHeader

NAMES = ("Sella", "Nasion", "Unterkiefer Übergang", "下顎点", "Point A")

_lengths = st.floats(0.01, 5000)
regions = st.none() | st.builds(Region, _lengths, st.tuples(_lengths, _lengths, st.floats(-90, 90)))
"""What a calibrated model says of where a landmark lies; None for one that has not been."""


def assert_same_region(back: Region | None, known: Region | None) -> None:
    """That a region is the same but for what a description rounds."""
    assert (back is None) == (known is None)
    if back is not None and known is not None:
        np.testing.assert_allclose([back.radius, *back.ellipse[:2]], [known.radius, *known.ellipse[:2]], atol=0.0051)
        np.testing.assert_allclose(back.ellipse[2], known.ellipse[2], atol=0.051)


@pytest.fixture(scope="session")
def landmark_set() -> LandmarkSet:
    landmarks = [
        {"name": name, "abbreviation": abbreviation, "definition": f"Where {name} is, as the atlas says."}
        for name, abbreviation in zip(NAMES, ("S", "N", "UÜ", "Me", "A"), strict=True)
    ]
    content = {"name": "test", "title": "Test set", "input_size": [64, 64], "landmarks": landmarks}
    return LandmarkSet.parse(content, source="test")


def header_of(geometry: Geometry, height: int = 2400, width: int = 1935) -> RadiographHeader:
    return RadiographHeader(Path("x.png"), height, width, geometry, PixelSpacing.unknown(), "PNG")


@pytest.fixture(scope="session")
def header() -> RadiographHeader:
    """Columns 0.2 mm apart, rows 0.1 mm, first pixel at LPS (10, 20, 30)."""
    return header_of(Geometry(np.array([10.0, 20.0, 30.0]), np.eye(3), np.array([0.2, 0.1, 1.0])))


def image_of(rows: int = 2400, columns: int = 1935, **about: Any) -> Dataset:
    """The header of a radiograph that says nothing of patient and pixel size but what is told here."""
    image = Dataset()
    image.SOPClassUID, image.SOPInstanceUID = DigitalXRayImageStorageForPresentation, "1.2.3.4"
    image.StudyInstanceUID, image.SeriesInstanceUID = "1.2.3", "1.2.3.9"
    image.Modality, image.Rows, image.Columns = "DX", rows, columns
    for keyword, value in about.items():
        setattr(image, keyword, value)
    return image
