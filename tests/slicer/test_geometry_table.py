"""Geometry: a pixel of every kind of file lies, to us, exactly where 3D Slicer shows it."""

from pathlib import Path
from typing import Any

import itk
import numpy as np
import pytest
from vtk.util.numpy_support import vtk_to_numpy

from lib.radiographs import Geometry, RadiographError, read_header, read_radiograph
from tests.radiographs.files import BRIGHT_X, BRIGHT_Y, HEIGHT, WIDTH
from tests.slicer.files import DICOMS, NIFTIS, QFORM, RASTERS, REFUSED, SFORM, UPRIGHT_DICOMS
from tests.slicer.mrml import Mrml, ijk_to_ras

VOLUMES = DICOMS | NIFTIS
RIGHT, BOTTOM = WIDTH - 1.0, HEIGHT - 1.0
POINTS = np.array([(0, 0), (RIGHT, 0), (0, BOTTOM), (RIGHT, BOTTOM), (BRIGHT_X, BRIGHT_Y), (33.25, 71.7), (-0.5, -0.5)])
FLIP = np.array([-1.0, -1.0, 1.0])  # LPS to RAS and back
# The axis across the image is no subject here: a pixel has k = 0, and Slicer may turn the axis round.
IN_PLANE = [0, 1, 3]


def itk_ijk_to_ras(path: Path) -> np.ndarray:
    """Slicer's matrix of a PNG, JPEG, BMP or TIFF.

    The wheel of Slicer's core has no ITK readers of these. Slicer's vtkITKArchetypeImageSeriesReader opens every file
    as an image of three dimensions, takes ITK's origin, spacing and direction and turns LPS to RAS, as is done here.
    """
    reader = itk.ImageFileReader[itk.Image[itk.F, 3]].New(FileName=str(path))
    reader.UpdateOutputInformation()
    image = reader.GetOutput()
    assert list(image.GetLargestPossibleRegion().GetSize()) == [WIDTH, HEIGHT, 1]
    matrix = np.eye(4)
    matrix[:3, :3] = FLIP[:, None] * itk.array_from_matrix(image.GetDirection()) * np.array(image.GetSpacing())
    matrix[:3, 3] = FLIP * np.array(image.GetOrigin())
    return matrix


def slicer_ijk_to_ras(mrml: Mrml, path: Path) -> np.ndarray:
    volume = mrml.load_volume(path)
    assert volume.GetImageData().GetDimensions() == (WIDTH, HEIGHT, 1)
    return ijk_to_ras(volume)


def assert_same_places(geometry: Geometry, matrix: np.ndarray) -> None:
    ras = np.array([(matrix @ (column, row, 0.0, 1.0))[:3] for column, row in POINTS])
    np.testing.assert_allclose(geometry.to_world(POINTS) * FLIP, ras, rtol=0, atol=1e-9)
    np.testing.assert_allclose(geometry.to_pixels(ras * FLIP), POINTS, rtol=0, atol=1e-9)


def assert_upright(matrix: np.ndarray, spacing: tuple[float, float]) -> None:
    """No rotation, the first pixel in the origin, these millimetres a pixel."""
    np.testing.assert_allclose(matrix, np.diag([-spacing[0], -spacing[1], 1.0, 1.0]), rtol=0, atol=1e-12)


def grey_values(volume: Any) -> np.ndarray:
    """(H, W): Slicer's index i is the column, j the row."""
    scalars = volume.GetImageData().GetPointData().GetScalars()
    return vtk_to_numpy(scalars).reshape(HEIGHT, WIDTH)


@pytest.mark.parametrize("name", RASTERS)
def test_pixels_of_a_picture_lie_where_slicer_shows_them(name: str, tmp_path: Path) -> None:
    write, spacing = RASTERS[name]
    path = write(tmp_path)
    matrix = itk_ijk_to_ras(path)

    assert_upright(matrix, spacing)
    assert_same_places(read_header(path).geometry, matrix)


@pytest.mark.parametrize("name", VOLUMES)
def test_pixels_of_dicom_and_nifti_lie_where_slicer_shows_them(name: str, tmp_path: Path, mrml: Mrml) -> None:
    path = VOLUMES[name](tmp_path)

    assert_same_places(read_header(path).geometry, slicer_ijk_to_ras(mrml, path))


@pytest.mark.parametrize("name", UPRIGHT_DICOMS)
def test_slicer_takes_the_expected_spacing_from_dicom(name: str, tmp_path: Path, mrml: Mrml) -> None:
    write, spacing = UPRIGHT_DICOMS[name]

    assert_upright(slicer_ijk_to_ras(mrml, write(tmp_path)), spacing)


def test_slicer_honours_position_and_orientation_of_dicom(tmp_path: Path, mrml: Mrml) -> None:
    matrix = slicer_ijk_to_ras(mrml, DICOMS["CR oblique"](tmp_path))

    # ImagePositionPatient, then the cosines times the distance of columns and of rows, in RAS
    np.testing.assert_allclose(matrix[:3, 3], [-5.5, 600.25, 7], atol=1e-9)
    np.testing.assert_allclose(matrix[:3, 0], np.array([-0.36, -0.48, -0.8]) * 0.22, atol=1e-9)
    np.testing.assert_allclose(matrix[:3, 1], np.array([0.8, -0.6, 0]) * 0.11, atol=1e-9)


@pytest.mark.parametrize("name", ["NIfTI 2-D, no form", "NIfTI slice, no form", "NIfTI slice, forms with code 0"])
def test_slicer_uses_no_form_of_nifti_whose_code_is_0(name: str, tmp_path: Path, mrml: Mrml) -> None:
    matrix = slicer_ijk_to_ras(mrml, NIFTIS[name](tmp_path))

    np.testing.assert_allclose(matrix, np.diag([-0.2, -0.1, 1.0, 1.0]), rtol=0, atol=1e-7)  # float32 in the file


def test_slicer_reads_micrometres_of_nifti_as_millimetres(tmp_path: Path, mrml: Mrml) -> None:
    matrix = slicer_ijk_to_ras(mrml, NIFTIS["NIfTI slice, micrometres"](tmp_path))

    assert_upright(matrix, (0.2, 0.1))


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("NIfTI slice, qform alone", QFORM),
        ("NIfTI slice, sform alone, gz", SFORM),
        ("NIfTI slice, qform 1, sform 1", SFORM),
        ("NIfTI slice, qform 1, sform 2", QFORM),
        ("NIfTI slice, qform 2, sform 1", SFORM),
        ("NIfTI slice, qform 2, sform 2", QFORM),
    ],
)
def test_slicer_chooses_between_the_two_forms_of_nifti(name: str, form: np.ndarray, tmp_path: Path, mrml: Mrml) -> None:
    matrix = slicer_ijk_to_ras(mrml, NIFTIS[name](tmp_path))

    np.testing.assert_allclose(matrix[:, IN_PLANE], form[:, IN_PLANE], rtol=0, atol=1e-6)  # float32 in the file


@pytest.mark.parametrize("name", REFUSED)
def test_what_slicer_cannot_load_is_refused(name: str, tmp_path: Path, mrml: Mrml) -> None:
    path = REFUSED[name](tmp_path)

    assert mrml.load_volume(path) is None
    with pytest.raises(RadiographError):
        read_header(path)


def test_nifti_2_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(RadiographError, match="is a NIfTI-2 file, which 3D Slicer cannot read: save it as NIfTI-1"):
        read_header(REFUSED["NIfTI-2"](tmp_path))


@pytest.mark.parametrize(
    ("name", "bright"),
    [
        ("CR ImagerPixelSpacing", 4000),
        ("DX ImagerPixelSpacing", 4000),
        ("CR 8 bit", 250),
        ("CR 16 bit", 50_000),
        ("CR signed", 3000),
        ("CR rescaled", 7995),
        ("CR MONOCHROME1", 4095 - 4000),  # inverted by GDCM, Slicer's reader and ours
        ("CR MONOCHROME1 8 bit", 255 - 250),
        ("CR big-endian", 4000),
        ("CR RLE", 4000),
        ("CR JPEG 2000", 4000),
        ("CR oblique", 4000),
        ("NIfTI 2-D by ITK", 4000),
        ("NIfTI slice, no form", 4000),
        ("NIfTI slice, left-handed sform", 4000),
        ("NIfTI slice, int16", 3000),
        ("NIfTI slice, float32", 250),
        ("NIfTI slice, slope", 2 * 3000 - 5),
        ("NIfTI slice, big-endian", 4000),
    ],
)
def test_slicer_has_our_value_at_every_pixel(name: str, bright: float, tmp_path: Path, mrml: Mrml) -> None:
    path = VOLUMES[name](tmp_path)
    volume = mrml.load_volume(path)

    pixels = read_radiograph(path).pixels

    assert volume.GetImageData().GetScalarComponentAsDouble(BRIGHT_X, BRIGHT_Y, 0, 0) == bright
    assert pixels[BRIGHT_Y, BRIGHT_X] == bright
    np.testing.assert_array_equal(pixels, grey_values(volume))


@pytest.mark.parametrize(
    ("name", "node"),
    [
        ("CR ImagerPixelSpacing", "vtkMRMLScalarVolumeNode"),
        ("CR RGB", "vtkMRMLVectorVolumeNode"),
        ("NIfTI slice, no form", "vtkMRMLScalarVolumeNode"),
        ("NIfTI slice, RGB24", "vtkMRMLVectorVolumeNode"),
    ],
)
def test_colour_is_a_vector_volume_to_slicer(name: str, node: str, tmp_path: Path, mrml: Mrml) -> None:
    assert mrml.load_volume(VOLUMES[name](tmp_path)).GetClassName() == node
