"""Geometry: the header that ITK reads from the same file by itself, and known answers, for every kind of file."""

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import SecondaryCaptureImageStorage

from lib.radiographs import Geometry, read_header
from tests.radiographs.files import COLOUR, DEEP, GREY, KINDS, write_dicom, write_itk, write_raster, write_rgb24

DPI = {"dpi": (300, 150)}
ROTATED = (0.8, -0.6, 0.6, 0.8)
CASES = {
    "png": (lambda f: write_raster(f / "x.png", GREY), (1, 1)),
    "png ignores dpi": (lambda f: write_raster(f / "x.png", GREY, **DPI), (1, 1)),
    "png rgb": (lambda f: write_raster(f / "x.png", COLOUR), (1, 1)),
    "bmp ignores dpi": (lambda f: write_raster(f / "x.bmp", GREY, **DPI), (1, 1)),
    "jpeg without dpi": (lambda f: write_raster(f / "x.jpg", GREY), (1, 1)),
    "jpeg uses dpi": (lambda f: write_raster(f / "x.jpg", GREY, **DPI), (25.4 / 300, 25.4 / 150)),
    "jpeg rgb uses dpi": (lambda f: write_raster(f / "x.jpg", COLOUR, **DPI), (25.4 / 300, 25.4 / 150)),
    "jpeg uses the dpi of a screen": (lambda f: write_raster(f / "x.jpg", GREY, dpi=(96, 96)), (25.4 / 96, 25.4 / 96)),
    "tiff without resolution": (lambda f: write_raster(f / "x.tif", GREY), (1, 1)),
    "tiff uses dpi": (lambda f: write_raster(f / "x.tif", GREY, **DPI), (25.4 / 300, 25.4 / 150)),
    "nifti": (lambda f: write_itk(f / "x.nii.gz", DEEP, (0.2, 0.1)), (0.2, 0.1)),
    "nifti slice": (lambda f: write_itk(f / "x.nii", DEEP[None], (0.2, 0.1, 3.0)), (0.2, 0.1)),
    "nifti rgb24": (lambda f: write_rgb24(f / "x.nii.gz", COLOUR, (0.2, 0.1)), (0.2, 0.1)),
    "dicom without spacing": (lambda f: write_dicom(f / "x.dcm", DEEP), (1, 1)),
    "dicom PixelSpacing alone": (lambda f: write_dicom(f / "x.dcm", DEEP, PixelSpacing=[0.1, 0.2]), (1, 1)),
    "dicom ImagerPixelSpacing": (
        lambda f: write_dicom(f / "x.dcm", DEEP, ImagerPixelSpacing=[0.11, 0.22]),
        (0.22, 0.11),
    ),
    "dicom ImagerPixelSpacing wins": (
        lambda f: write_dicom(f / "x.dcm", DEEP, PixelSpacing=[0.1, 0.2], ImagerPixelSpacing=[0.11, 0.22]),
        (0.22, 0.11),
    ),
    "dicom magnification is ignored": (
        lambda f: write_dicom(
            f / "x.dcm", DEEP, ImagerPixelSpacing=[0.1, 0.1], EstimatedRadiographicMagnificationFactor="1.25"
        ),
        (0.1, 0.1),
    ),
    "secondary capture NominalScannedPixelSpacing": (
        lambda f: write_dicom(
            f / "x.dcm", DEEP, SOPClassUID=SecondaryCaptureImageStorage, NominalScannedPixelSpacing=[0.11, 0.22]
        ),
        (0.22, 0.11),
    ),
    "dicom without suffix": (lambda f: write_dicom(f / "IM1", DEEP, ImagerPixelSpacing=[0.11, 0.22]), (0.22, 0.11)),
}


def itk_world(path, points):
    """World positions by ITK alone: its own choice of reader and its own padding to three dimensions."""
    image = sitk.ReadImage(str(path))
    indices = [(*point, 0.0) for point in points]
    if image.GetDimension() == 2:
        return np.array([(*image.TransformContinuousIndexToPhysicalPoint(index[:2]), 0.0) for index in indices])
    return np.array([image.TransformContinuousIndexToPhysicalPoint(index) for index in indices])


POINTS = [(0.0, 0.0), (100.0, 10.0), (12.25, 77.5), (119.0, 89.0)]


@pytest.mark.parametrize("case", CASES)
def test_spacing_is_the_one_by_which_slicer_places_the_file(case, tmp_path):
    write, spacing = CASES[case]

    geometry = read_header(write(tmp_path)).geometry

    np.testing.assert_allclose(geometry.spacing[:2], spacing, rtol=1e-6)


@pytest.mark.parametrize("write", [case[0] for case in CASES.values()] + list(KINDS.values()), ids=[*CASES, *KINDS])
def test_world_positions_are_those_of_itk(write, tmp_path):
    path = write(tmp_path)

    world = read_header(path).geometry.to_world(POINTS)

    np.testing.assert_allclose(world, itk_world(path, POINTS), atol=1e-9)


def test_nifti_with_origin_and_rotation(tmp_path):
    path = write_itk(tmp_path / "x.nii.gz", DEEP, (0.2, 0.1), origin=(-30.0, 12.5), direction=ROTATED)

    geometry = read_header(path).geometry

    np.testing.assert_allclose(geometry.to_world([[100, 10]]), [[-30 + 16 - 0.6, 12.5 + 12 + 0.8, 0]], atol=1e-4)
    np.testing.assert_allclose(geometry.to_world(POINTS), itk_world(path, POINTS), atol=1e-9)


def test_dicom_with_orientation_and_position(tmp_path):
    path = write_dicom(
        tmp_path / "x.dcm",
        DEEP,
        ImagerPixelSpacing=[0.1, 0.2],
        ImageOrientationPatient=[1, 0, 0, 0, 0, -1],
        ImagePositionPatient=[5, 6, 7],
    )

    geometry = read_header(path).geometry

    np.testing.assert_allclose(geometry.to_world([[100, 10]]), [[5 + 20, 6, 7 - 1]], atol=1e-9)
    np.testing.assert_allclose(geometry.to_world(POINTS), itk_world(path, POINTS), atol=1e-9)


@pytest.mark.parametrize(("qform_code", "sform_code"), [(0, 0), (1, 0), (0, 2), (1, 2)])
def test_nifti_forms_are_taken_as_itk_takes_them_and_not_as_nibabel(qform_code, sform_code, tmp_path):
    nibabel = pytest.importorskip("nibabel")
    image = nibabel.Nifti1Image(DEEP.T[..., None], None)
    image.header.set_zooms((0.2, 0.1, 1.0))
    image.header.set_qform(np.array([[-0.2, 0, 0, 3], [0, -0.1, 0, 4], [0, 0, 1, 5], [0, 0, 0, 1]]), qform_code)
    image.header.set_sform(np.array([[0.2, 0, 0, 9], [0, -0.1, 0, 8], [0, 0, 1, 7], [0, 0, 0, 1]]), sform_code)
    path = tmp_path / "x.nii"
    image.to_filename(path)

    world = read_header(path).geometry.to_world(POINTS)

    np.testing.assert_allclose(world, itk_world(path, POINTS), atol=1e-6)


finite = st.floats(-500, 500)


@given(
    angle=st.floats(-3.2, 3.2),
    origin=st.tuples(finite, finite, finite),
    spacing=st.tuples(st.floats(0.01, 5), st.floats(0.01, 5)),
    point=st.tuples(st.floats(0, 4000), st.floats(0, 4000)),
)
def test_pixels_to_world_and_back(angle, origin, spacing, point):
    cosine, sine = np.cos(angle), np.sin(angle)
    direction = np.array([[cosine, 0, -sine], [0, -1, 0], [sine, 0, cosine]])
    geometry = Geometry(np.array(origin), direction, np.array([*spacing, 1.0]))

    np.testing.assert_allclose(geometry.to_pixels(geometry.to_world([point])), [point], atol=1e-6)


def test_a_point_without_position_stays_without():
    assert np.isnan(Geometry.identity().to_world([[np.nan, np.nan]])[0, :2]).all()
