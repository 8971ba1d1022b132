"""Real radiographs, where they are at hand."""

import numpy as np
import pytest

from lib.radiographs import PixelSpacing, read_radiograph

pytestmark = pytest.mark.data

FILES = {
    "dicom_cr/RG1_J2KI.dcm": ((1955, 1841), "uint16"),
    "dicom_cr/RG3_J2KI.dcm": ((1760, 1760), "uint16"),
    "dicom_cr/RG3_J2KR.dcm": ((1760, 1760), "uint16"),
    "ddh_pelvis_dicom/331_DDH_107.dcm": ((331, 331), "uint8"),
    "isbi2015_ceph/images/001.jpg": ((2400, 1935), "uint8"),
    "isbi2015_ceph_half/images/151.jpg": ((1200, 968), "uint8"),
    "hand/3167.png": ((2350, 1600), "uint8"),
}


@pytest.mark.parametrize("name", FILES)
def test_shape_type_and_unknown_spacing(name, real_data):
    shape, dtype = FILES[name]

    radiograph = read_radiograph(real_data / name)

    assert radiograph.pixels.shape == shape
    assert radiograph.pixels.dtype == dtype
    assert radiograph.header.pixel_spacing == PixelSpacing.unknown()  # none, 0\\0, 1\\1: no file of these says
    assert radiograph.pixels.std() > 5


def test_spine_radiographs(real_data):
    paths = sorted((real_data / "aasce_spine/data/training").glob("*.jpg"))[:5]
    assert paths

    for path in paths:
        pixels = read_radiograph(path).pixels
        assert pixels.dtype == np.uint8
        assert pixels.shape[0] > pixels.shape[1]  # a spine is upright


def test_lossless_and_lossy_leg_are_the_same_picture(real_data):
    lossy, lossless = (read_radiograph(real_data / f"dicom_cr/RG3_J2K{kind}.dcm").pixels.astype(float) for kind in "IR")

    assert np.corrcoef(lossy.ravel(), lossless.ravel())[0, 1] > 0.999


def test_monochrome1_chest_is_bright_where_it_is_dense(real_data):
    """Air beside the body is dark, the mediastinum bright."""
    pixels = read_radiograph(real_data / "dicom_cr/RG1_J2KI.dcm").pixels

    height, width = pixels.shape
    middle = pixels[height // 2 :, width // 2 - 100 : width // 2 + 100]
    assert np.median(middle) > np.median(pixels[:, :60])
