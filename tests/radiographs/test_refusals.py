"""What is no radiograph is refused by one sentence that names the file and the reason."""

import gzip
import os
import struct
import zlib

import nibabel
import numpy as np
import pytest
from PIL import Image

from lib.radiographs import RadiographError, read_header, read_radiograph
from tests.radiographs.files import COLOUR, DEEP, GREY, picture, write_dicom, write_itk, write_raster


def png_claiming(path, width, height):
    """A PNG whose header claims a size; almost nothing follows."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b""))
    return path


def with_bytes(path, content):
    path.write_bytes(content)
    return path


def pages(path, **options):
    Image.fromarray(GREY).save(path, save_all=True, append_images=[Image.fromarray(255 - GREY)], **options)
    return path


def with_orientation(path, orientation):
    return write_raster(path, GREY, tiffinfo={274: orientation})


def with_value(value):
    pixels = picture("float32")
    pixels[40, 50] = value
    return pixels


def with_affine(path, affine, shape):
    nibabel.save(nibabel.Nifti1Image(np.zeros(shape, np.int16), np.array(affine, float)), path)
    return path


SHEARED = [[0.2, 0.1, 0, 0], [0, 0.1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
CORONAL = [[0.2, 0, 0, 0], [0, 0, 1, 0], [0, 0.1, 0, 0], [0, 0, 0, 1]]

HEADER_REFUSALS = {
    "missing": (lambda f: f / "x.png", r"^x\.png does not exist\.$"),
    "below a file": (lambda f: with_bytes(f / "a", b"a") / "x.png", r"^x\.png does not exist\.$"),
    "folder": (lambda f: f, r" is a folder, not a radiograph\.$"),
    "device": (lambda f: "/dev/null", r"^null is not a regular file\.$"),
    "name too long": (lambda f: f / ("x" * 300 + ".png"), r"x\.png cannot be opened: File name too long\.$"),
    "empty": (lambda f: with_bytes(f / "x.png", b""), r"^x\.png is empty\.$"),
    "text": (lambda f: with_bytes(f / "x.png", b"Not an image.\n" * 50), r"^x\.png is no radiograph: neither DICOM"),
    "text as DICOM": (lambda f: with_bytes(f / "x.dcm", b"Not an image.\n" * 50), r"^x\.dcm is no radiograph"),
    "gzipped text": (lambda f: with_bytes(f / "x.nii.gz", gzip.compress(b"no")), r"^x\.nii\.gz is no radiograph"),
    "GIF": (lambda f: Image.fromarray(GREY).save(f / "x.gif") or f / "x.gif", r"^x\.gif is no radiograph"),
    "PNG as JPEG": (
        lambda f: write_raster(f / "x.png", GREY).rename(f / "x.jpg"),
        r"^x\.jpg is a PNG file by its content",
    ),
    "JPEG as PNG": (
        lambda f: write_raster(f / "x.jpg", GREY).rename(f / "x.png"),
        r"^x\.png is a JPEG file by its content",
    ),
    "PNG without name": (lambda f: write_raster(f / "x.png", GREY).rename(f / "x"), r"^x is a PNG file by its content"),
    "DICOM as PNG": (lambda f: write_dicom(f / "x.png", DEEP), r"^x\.png is a DICOM file by its content"),
    "NIfTI as DICOM": (lambda f: write_itk(f / "x.nii", DEEP).rename(f / "x.dcm"), r"^x\.dcm is a NIfTI file"),
    "1 x 1": (lambda f: write_raster(f / "x.png", GREY[:1, :1]), r"^x\.png is too small: 1 x 1 pixels, at least 16"),
    "15 rows": (lambda f: write_raster(f / "x.jpg", GREY[:15]), r"^x\.jpg is too small: 120 x 15 pixels"),
    "15 columns, DICOM": (lambda f: write_dicom(f / "x.dcm", DEEP[:, :15]), r"^x\.dcm is too small: 15 x 90 pixels"),
    "30,000 x 30,000": (lambda f: png_claiming(f / "x.png", 30_000, 30_000), r"^x\.png is too large: "),
    "10,000 x 10,000": (lambda f: png_claiming(f / "x.png", 10_000, 10_000), r"^x\.png is too large: 10000 x 10000"),
    "16,385 x 16": (lambda f: png_claiming(f / "x.png", 16_385, 16), r"^x\.png is too large: 16385 x 16 pixels"),
    "large DICOM": (
        lambda f: write_dicom(f / "x.dcm", GREY, Rows=60_000, Columns=60_000),
        r"^x\.dcm (is too la|is dam|is cut off)",
    ),
    "large NIfTI": (lambda f: huge_nifti(f / "x.nii.gz"), r"^x\.nii\.gz is too large: 30000 x 30000 pixels"),
    "CT volume": (
        lambda f: write_itk(f / "x.nii.gz", np.stack([DEEP] * 7)),
        r"^x\.nii\.gz is a volume of 7 slices; a radiograph has one",
    ),
    "sagittal slice": (lambda f: write_itk(f / "x.nii", DEEP[..., None]), r"^x\.nii is a volume of 90 slices"),
    "sheared NIfTI": (lambda f: with_affine(f / "x.nii", SHEARED, (90, 80, 1)), r"^x\.nii is damaged, .* of NIfTI: "),
    "coronal 2-D NIfTI": (lambda f: with_affine(f / "x.nii", CORONAL, (90, 80)), r"^x\.nii (is damaged|has an imposs)"),
    "CT slice": (lambda f: write_dicom(f / "x.dcm", DEEP, Modality="CT"), r"^x\.dcm has modality 'CT', which is not"),
    "MR slice": (lambda f: write_dicom(f / "x.dcm", DEEP, Modality="MR"), r"^x\.dcm has modality 'MR', which is not"),
    "multi-frame": (
        lambda f: write_dicom(f / "x.dcm", DEEP, NumberOfFrames=2),
        r"^x\.dcm holds 2 frames; a radiograph is one",
    ),
    "report": (
        lambda f: write_dicom(f / "x.dcm", DEEP, Modality="SR", Rows=None, Columns=None, PixelData=None),
        r"^x\.dcm is a DICOM file without an image \(modality 'SR'\)\.$",
    ),
    "no pixel data": (
        lambda f: write_dicom(f / "x.dcm", DEEP, PixelData=None),
        r"^x\.dcm has no pixels, or is cut off within them\.$",
    ),
    "unknown transfer syntax": (
        lambda f: write_dicom(f / "x.dcm", DEEP, TransferSyntaxUID="1.2.3.4"),
        r"^x\.dcm is damaged, cut off or of an unsupported kind of DICOM: ",
    ),
    "two TIFF pages": (lambda f: pages(f / "x.tif"), r"^x\.tif holds 2 images; a radiograph is one"),
    "animated PNG": (lambda f: pages(f / "x.png"), r"^x\.png holds 2 images; a radiograph is one"),
    "mirrored TIFF": (lambda f: with_orientation(f / "x.tif", 2), r"^x\.tif is stored rotated or mirrored"),
    "turned TIFF": (lambda f: with_orientation(f / "x.tif", 6), r"^x\.tif is stored rotated or mirrored"),
    "grey with alpha": (lambda f: write_raster(f / "x.png", GREY, "LA"), r"^x\.png is grey with transparency"),
}
INFINITE = r"^x\.(nii|tif) .*: some pixels are NaN or infinite\.$"
PIXEL_REFUSALS = {
    "NaN in NIfTI": (
        lambda f: write_itk(f / "x.nii", with_value(np.nan)),
        INFINITE,
    ),
    "NaN in TIFF": (lambda f: write_raster(f / "x.tif", with_value(np.nan)), INFINITE),
    "infinite in TIFF": (
        lambda f: write_raster(f / "x.tif", with_value(np.inf)),
        INFINITE,
    ),
    "beyond float32": (
        lambda f: write_itk(f / "x.nii", picture("float64") * 1e300),
        INFINITE,
    ),
    "complex": (
        lambda f: write_itk(f / "x.nii", picture("complex64")),
        r"^x\.nii .*complex numbers are no grey values",
    ),
    "displacements": (
        lambda f: write_itk(f / "x.nii", COLOUR.astype(np.float32), colour=True),
        r"^x\.nii .*3 values of type float32 a pixel are neither grey nor colour\.$",
    ),
    "two values a pixel": (
        lambda f: write_itk(f / "x.nii", COLOUR[..., :2].copy(), colour=True),
        r"^x\.nii .*its 120 x 90 x 1 x 1 x 2 values are no single slice\.$",
    ),
}


def huge_nifti(path):
    """A header that claims 30,000 x 30,000 pixels, packed."""
    content = bytearray(write_itk(path.with_name("small.nii"), DEEP).read_bytes())
    content[42:46] = struct.pack("<hh", 30_000, 30_000)
    return with_bytes(path, gzip.compress(bytes(content)))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("case", HEADER_REFUSALS)
def test_the_header_is_refused_and_so_is_the_radiograph(case, tmp_path):
    make, message = HEADER_REFUSALS[case]
    path = make(tmp_path)

    with pytest.raises(RadiographError, match=message):
        read_header(path)
    with pytest.raises(RadiographError, match=message):
        read_radiograph(path)


@pytest.mark.parametrize("case", PIXEL_REFUSALS)
def test_the_pixels_are_refused(case, tmp_path):
    make, message = PIXEL_REFUSALS[case]

    with pytest.raises(RadiographError, match=message):
        read_radiograph(make(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(tmp_path):
    path = write_raster(tmp_path / "x.png", GREY)
    path.chmod(0)

    with pytest.raises(RadiographError, match=r"^x\.png cannot be opened: Permission denied\.$"):
        read_header(path)


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "x.png")

    with pytest.raises(RadiographError, match="is not a regular file"):
        read_header(tmp_path / "x.png")


def test_a_path_with_a_null_character():
    with pytest.raises(RadiographError, match="does not exist"):
        read_header("x\0.png")


def test_a_message_does_not_tell_where_the_server_keeps_its_files(tmp_path):
    path = write_itk(tmp_path / "x.nii", DEEP)
    path.write_bytes(gzip.compress(path.read_bytes()))

    with pytest.raises(RadiographError) as refusal:
        read_header(path)

    assert str(tmp_path) not in str(refusal.value)
