"""A phantom as a DICOM file: read back by pydicom and by the project's own reader."""

import numpy as np
import pydicom
import pytest

from lib.datasets.phantoms import make_phantom, write_dicom_dx
from lib.radiographs import SpacingSource, read_radiograph


@pytest.mark.parametrize("bits", [8, 12])
@pytest.mark.parametrize("size", [(101, 83), (128, 96)])
def test_the_reader_gets_back_pixels_and_calibrated_spacing(tmp_path, bits, size):
    phantom = make_phantom("cephalometric_19", 3, size, bits=bits)
    path = tmp_path / "head.dcm"
    write_dicom_dx(path, phantom)
    radiograph = read_radiograph(path)
    np.testing.assert_array_equal(radiograph.pixels, phantom.pixels)
    spacing = radiograph.header.pixel_spacing
    assert spacing.source is SpacingSource.PIXEL_SPACING
    assert (spacing.x, spacing.y) == pytest.approx((phantom.pixel_spacing.x, phantom.pixel_spacing.y), rel=1e-6)


@pytest.mark.parametrize("kind", ["cephalometric_19", "hand_37", "spine_68"])
def test_it_is_a_digital_x_ray_for_presentation(tmp_path, kind):
    write_dicom_dx(tmp_path / "film.dcm", make_phantom(kind, 1, (128, 96)))
    dataset = pydicom.dcmread(tmp_path / "film.dcm")
    assert dataset.SOPClassUID == "1.2.840.10008.5.1.4.1.1.1.1"
    assert (dataset.Modality, dataset.PresentationIntentType) == ("DX", "FOR PRESENTATION")
    assert dataset.PhotometricInterpretation == "MONOCHROME2"
    assert dataset.ImagerPixelSpacing[0] == pytest.approx(1.1 * dataset.PixelSpacing[0])
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID


def test_the_same_phantom_gives_the_same_file_and_another_one_other_identifiers(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_dicom_dx(tmp_path / name, make_phantom("hand_37", seed, (96, 96)))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    first, other = pydicom.dcmread(tmp_path / "a"), pydicom.dcmread(tmp_path / "c")
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "PatientID"):
        assert first[keyword].value != other[keyword].value
