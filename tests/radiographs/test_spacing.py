"""Millimetres on the patient: which statement in a file is believed, and whose it is said to be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lib.radiographs import PixelSpacing, SpacingSource, read_header
from tests.radiographs.files import DEEP, GREY, write_dicom, write_itk, write_raster, write_rgb24

UNKNOWN = PixelSpacing.unknown()
PIXEL, IMAGER = SpacingSource.PIXEL_SPACING, SpacingSource.IMAGER_PIXEL_SPACING
NOMINAL = SpacingSource.NOMINAL_SCANNED_PIXEL_SPACING
FILE, NIFTI = SpacingSource.FILE_RESOLUTION, SpacingSource.NIFTI_HEADER

DICOM_CASES = [
    ({}, UNKNOWN),
    ({"PixelSpacing": [0.1, 0.2]}, PixelSpacing(0.2, 0.1, PIXEL)),
    ({"ImagerPixelSpacing": [0.1, 0.2]}, PixelSpacing(0.2, 0.1, IMAGER)),
    ({"NominalScannedPixelSpacing": [0.1, 0.2]}, PixelSpacing(0.2, 0.1, NOMINAL)),
    ({"PixelSpacing": [0.1, 0.2], "ImagerPixelSpacing": [0.11, 0.22]}, PixelSpacing(0.2, 0.1, PIXEL)),
    ({"PixelSpacing": [0.1, 0.1], "ImagerPixelSpacing": [0.1, 0.1]}, PixelSpacing(0.1, 0.1, IMAGER)),
    ({"PixelSpacing": [0.1, 0.1], "NominalScannedPixelSpacing": [0.1, 0.1]}, PixelSpacing(0.1, 0.1, NOMINAL)),
    ({"ImagerPixelSpacing": [0.1, 0.1], "NominalScannedPixelSpacing": [0.2, 0.2]}, PixelSpacing(0.1, 0.1, IMAGER)),
    ({"PixelSpacing": [1, 1]}, UNKNOWN),
    ({"PixelSpacing": [1, 1], "ImagerPixelSpacing": [0.15, 0.15]}, PixelSpacing(0.15, 0.15, IMAGER)),
    ({"PixelSpacing": [0, 0]}, UNKNOWN),
    ({"PixelSpacing": [0.1, -0.1]}, UNKNOWN),
    ({"PixelSpacing": [300, 300]}, UNKNOWN),
    ({"PixelSpacing": []}, UNKNOWN),
    ({"PixelSpacing": 0.1}, UNKNOWN),
    ({"PixelSpacing": [0.1, 0.1, 0.1]}, UNKNOWN),
]


@pytest.mark.parametrize(("elements", "expected"), DICOM_CASES, ids=[str(case[0]) for case in DICOM_CASES])
def test_dicom(elements, expected, tmp_path):
    assert read_header(write_dicom(tmp_path / "x.dcm", DEEP, **elements)).pixel_spacing == expected


def test_dicom_spacing_that_is_no_number_is_unknown(tmp_path):
    path = write_dicom(tmp_path / "x.dcm", DEEP, PixelSpacing=["0.14", "0.14"])
    content = path.read_bytes()
    assert content.count(b"0.14\\0.14") == 1
    path.write_bytes(content.replace(b"0.14\\0.14", b"a.bc\\d.ef"))

    assert read_header(path).pixel_spacing == UNKNOWN


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif"])
def test_a_resolution_is_millimetres_along_x_and_y(suffix, tmp_path):
    found = read_header(write_raster(tmp_path / f"x{suffix}", GREY, dpi=(254, 300))).pixel_spacing

    assert found.source is FILE
    np.testing.assert_allclose([found.x, found.y], [25.4 / 254, 25.4 / 300], rtol=1e-4)


@pytest.mark.parametrize("dpi", [72, 96, 120, 144, 192, 1])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif"])
def test_the_resolution_of_a_screen_says_nothing(suffix, dpi, tmp_path):
    assert read_header(write_raster(tmp_path / f"x{suffix}", GREY, dpi=(dpi, dpi))).pixel_spacing == UNKNOWN


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif"])
def test_no_resolution_is_unknown(suffix, tmp_path):
    assert read_header(write_raster(tmp_path / f"x{suffix}", GREY)).pixel_spacing == UNKNOWN


def test_jfif_aspect_ratio_is_no_resolution(tmp_path):
    path = write_raster(tmp_path / "x.jpg", GREY, dpi=(300, 300))
    content = bytearray(path.read_bytes())
    content[content.index(b"JFIF\0") + 7] = 0  # unit: none
    path.write_bytes(content)

    assert read_header(path).pixel_spacing == UNKNOWN


def test_exif_resolution_of_a_camera_is_not_taken(tmp_path):
    exif = Image.Exif()
    exif[282], exif[283], exif[296] = 300.0, 300.0, 2

    assert read_header(write_raster(tmp_path / "x.jpg", GREY, exif=exif)).pixel_spacing == UNKNOWN


def test_tiff_resolution_per_centimetre(tmp_path):
    path = write_raster(tmp_path / "x.tif", GREY, resolution_unit="cm", x_resolution=100.0, y_resolution=50.0)

    found = read_header(path).pixel_spacing

    assert found.source is FILE
    np.testing.assert_allclose([found.x, found.y], [0.1, 0.2], rtol=1e-6)


def test_tiff_resolution_without_unit_is_an_aspect_ratio(tmp_path):
    path = write_raster(tmp_path / "x.tif", GREY, tiffinfo={282: 300.0, 283: 300.0, 296: 1})

    assert read_header(path).pixel_spacing == UNKNOWN


def test_nifti_spacing(tmp_path):
    found = read_header(write_itk(tmp_path / "x.nii.gz", DEEP, (0.2, 0.1))).pixel_spacing

    assert found.source is NIFTI
    np.testing.assert_allclose([found.x, found.y], [0.2, 0.1], rtol=1e-6)


@pytest.mark.parametrize("zooms", [(1.0, 1.0), (25.4 / 72, 25.4 / 72), (25.4 / 96, 25.4 / 96)])
def test_nifti_that_inherits_a_dummy_spacing_says_nothing(zooms, tmp_path):
    """As 3D Slicer uploads a PNG, or a JPEG with the resolution of a screen."""
    assert read_header(write_itk(tmp_path / "x.nii.gz", DEEP, zooms)).pixel_spacing == UNKNOWN
    colours = np.stack([GREY] * 3, axis=-1)
    assert read_header(write_rgb24(tmp_path / "y.nii.gz", colours, zooms)).pixel_spacing == UNKNOWN


@pytest.mark.parametrize(("unit", "factor"), [(0, 1.0), (1, 1e3), (2, 1.0), (3, 1e-3)])
def test_nifti_units_become_millimetres(unit, factor, tmp_path):
    path = write_itk(tmp_path / "x.nii", DEEP, (0.2 / factor, 0.1 / factor))
    content = bytearray(path.read_bytes())
    content[123] = unit  # xyzt_units: unknown, metre, millimetre, micrometre
    path.write_bytes(content)

    found = read_header(path).pixel_spacing

    np.testing.assert_allclose([found.x, found.y], [0.2, 0.1], rtol=1e-5)


@given(x=st.floats(), y=st.floats(), source=st.sampled_from([PIXEL, IMAGER, NOMINAL, FILE, NIFTI]))
def test_whatever_a_file_states_is_believed_whole_or_not_at_all(x, y, source):
    found = PixelSpacing.if_plausible(x, y, source)

    assert found in (UNKNOWN, PixelSpacing(x, y, source) if found.known else UNKNOWN)
    assert found.known <= (0 < x < 100 and 0 < y < 100)


def test_one_millimetre_along_one_side_is_believed():
    assert PixelSpacing.if_plausible(1.0, 0.5, PIXEL) == PixelSpacing(1.0, 0.5, PIXEL)


@pytest.mark.parametrize("spacing", [UNKNOWN, PixelSpacing(0.1, 0.2, SpacingSource.USER)])
def test_as_dict_and_back(spacing):
    assert PixelSpacing.from_dict(spacing.as_dict()) == spacing


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "written as"),
        ({"x": 1}, "written as"),
        ({"x": 1, "y": None, "source": "user"}, "two numbers and a source"),
        ({"x": 1, "y": "wide", "source": "user"}, "Not a pixel spacing"),
        ({"x": 1, "y": 1, "source": "hearsay"}, "hearsay"),
        ({"x": 0, "y": 1, "source": "user"}, "not between 0 and 100 mm"),
    ],
)
def test_anything_else_is_no_pixel_spacing(content, message):
    with pytest.raises(ValueError, match=message):
        PixelSpacing.from_dict(content)
