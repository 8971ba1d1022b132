"""Pixels: the same picture comes out of every kind of file, the right way round and with its values."""

import numpy as np
import pytest
from PIL import Image

from lib.radiographs import RadiographError, read_header, read_radiograph
from tests.radiographs.files import (
    BRIGHT_X,
    BRIGHT_Y,
    COLOUR,
    COLOUR16,
    DEEP,
    GREY,
    HEIGHT,
    KINDS,
    WIDTH,
    coloured,
    picture,
    write_dicom,
    write_itk,
    write_raster,
)

EXACT = {
    "png-8": GREY,
    "png-16": DEEP,
    "bmp-8": GREY,
    "tiff-8": GREY,
    "tiff-16": DEEP,
    "tiff-float": picture("float32"),
    "tiff-lzw": GREY,
    "nifti-2d": DEEP,
    "nifti-gz": DEEP,
    "nifti-slice": DEEP,
    "nifti-float": picture("float32"),
    "dicom-8": GREY,
    "dicom-12": DEEP,
    "dicom-j2k": DEEP,
    "dicom-rle": DEEP,
    "dicom-no-suffix": DEEP,
}


@pytest.mark.parametrize("kind", KINDS)
def test_bright_pixel_is_at_column_100_row_10(kind, tmp_path):
    radiograph = read_radiograph(KINDS[kind](tmp_path))

    assert radiograph.pixels.shape == (HEIGHT, WIDTH)
    assert (radiograph.header.height, radiograph.header.width) == (HEIGHT, WIDTH)
    assert np.unravel_index(radiograph.pixels.argmax(), (HEIGHT, WIDTH)) == (BRIGHT_Y, BRIGHT_X)


@pytest.mark.parametrize("kind", EXACT)
def test_grey_values_and_their_depth_are_kept(kind, tmp_path):
    pixels = read_radiograph(KINDS[kind](tmp_path)).pixels

    assert pixels.dtype == EXACT[kind].dtype
    np.testing.assert_array_equal(pixels, EXACT[kind])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "rgb" in kind or "palette" in kind])
def test_colour_becomes_luminance(kind, tmp_path):
    colours = COLOUR16 if "16" in kind else COLOUR
    expected = colours @ [0.299, 0.587, 0.114]

    pixels = read_radiograph(KINDS[kind](tmp_path)).pixels

    assert pixels.dtype == colours.dtype
    np.testing.assert_allclose(pixels, expected, atol=2 if "jpeg" in kind or "palette" in kind else 0.51)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".dcm"])
def test_grey_stored_as_colour_keeps_its_values(suffix, tmp_path):
    colours = np.stack([np.arange(256, dtype=np.uint8).reshape(16, 16)] * 3, axis=-1)
    write = write_dicom if suffix == ".dcm" else write_raster

    pixels = read_radiograph(write(tmp_path / f"x{suffix}", colours)).pixels

    np.testing.assert_array_equal(pixels, colours[..., 0])


def test_monochrome1_comes_inverted(tmp_path):
    path = write_dicom(tmp_path / "x.dcm", 4095 - DEEP, PhotometricInterpretation="MONOCHROME1")

    np.testing.assert_array_equal(read_radiograph(path).pixels, DEEP)


def test_rescale_slope_and_intercept_are_applied(tmp_path):
    path = write_dicom(tmp_path / "x.dcm", DEEP, RescaleSlope="0.5", RescaleIntercept="-10")

    pixels = read_radiograph(path).pixels

    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(pixels, DEEP * 0.5 - 10)


@pytest.mark.parametrize("compress", [None, "RLE"])
def test_ybr_colours_become_luminance(compress, tmp_path):
    ybr = np.asarray(Image.fromarray(COLOUR).convert("YCbCr"))

    path = write_dicom(tmp_path / "x.dcm", ybr, compress, PhotometricInterpretation="YBR_FULL")

    np.testing.assert_allclose(read_radiograph(path).pixels, COLOUR @ [0.299, 0.587, 0.114], atol=2)


def test_white_is_zero_tiff_comes_bright_where_it_is_shown_bright(tmp_path):
    path = write_raster(tmp_path / "x.tif", GREY, tiffinfo={262: 0})

    np.testing.assert_array_equal(read_radiograph(path).pixels, GREY)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_exif_orientation_is_ignored(suffix, orientation, tmp_path):
    exif = Image.Exif()
    exif[274] = orientation

    pixels = read_radiograph(write_raster(tmp_path / f"x{suffix}", GREY, exif=exif)).pixels

    assert np.unravel_index(pixels.argmax(), pixels.shape) == (BRIGHT_Y, BRIGHT_X)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [("int8", "int32"), ("int16", "int16"), ("uint32", "int32"), ("int64", "int32"), ("float64", "float32")],
)
def test_other_types_become_one_that_a_radiograph_may_have(stored, expected, tmp_path):
    values = np.minimum(picture(), 120).astype(stored)

    pixels = read_radiograph(write_itk(tmp_path / "x.nii", values)).pixels

    assert pixels.dtype == expected
    np.testing.assert_array_equal(pixels, values)


def test_integers_beyond_32_bits_become_floats(tmp_path):
    pixels = read_radiograph(write_itk(tmp_path / "x.nii", picture("uint64", 1 << 40))).pixels

    assert pixels.dtype == np.float32
    assert pixels.max() == 250 * 2.0**40


def test_a_constant_image_is_read(tmp_path):
    assert read_radiograph(write_raster(tmp_path / "x.png", np.full((16, 16), 7, np.uint8))).pixels.ptp() == 0


@pytest.mark.parametrize("name", ["röntgen bild 1.PNG", "胸部 x光.JPG", "x.NII.GZ", "ä b.DCM", "x.y.TIFF", "b m p.BMP"])
def test_any_name_and_any_case_of_the_extension(name, tmp_path):
    folder = tmp_path / "Aufnahmen März"
    folder.mkdir()
    suffix = name.lower().partition(".")[2] if "nii" in name.lower() else name.lower().rpartition(".")[2]
    write = {"nii.gz": write_itk, "dcm": write_dicom}.get(suffix, write_raster)
    written = write(folder / f"plain.{suffix}", GREY)

    radiograph = read_radiograph(str(written.rename(folder / name)))

    assert radiograph.header.path == folder / name
    assert np.unravel_index(radiograph.pixels.argmax(), (HEIGHT, WIDTH)) == (BRIGHT_Y, BRIGHT_X)


@pytest.mark.parametrize("kind", KINDS)
def test_header_alone_is_the_header_of_the_radiograph(kind, tmp_path):
    path = KINDS[kind](tmp_path)

    alone, with_pixels = read_header(path), read_radiograph(path).header

    assert alone.format == {"nifti": "NIfTI"}.get(kind.partition("-")[0], kind.partition("-")[0].upper())
    for name in ("path", "height", "width", "pixel_spacing", "format"):
        assert getattr(alone, name) == getattr(with_pixels, name)
    np.testing.assert_array_equal(alone.geometry.to_world([[3, 4]]), with_pixels.geometry.to_world([[3, 4]]))


def test_a_header_does_not_decode_pixels(tmp_path):
    path = write_raster(tmp_path / "x.png", coloured(GREY))
    content = bytearray(path.read_bytes())
    content[100:200] = bytes(100)
    path.write_bytes(content)

    assert read_header(path).width == WIDTH
    with pytest.raises(RadiographError, match="damaged, cut off"):
        read_radiograph(path)
