"""Pixels that are read on a shorter way are those of the longer one, which is taken where the two could differ."""

import struct
import zlib

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import ImplicitVRLittleEndian

from lib.radiographs import RadiographError, dicom, raster, read_radiograph
from lib.radiographs.itk_file import read_itk_pixels
from tests.radiographs.files import DEEP, GREY, write_dicom, write_raster

LONG = {"PNG": raster, "DICOM": dicom}


@pytest.fixture
def by_itk(monkeypatch):
    """The files whose pixels ITK has decoded."""
    decoded = []
    for module in LONG.values():
        monkeypatch.setattr(
            module, "read_itk_pixels", lambda path, io: (decoded.append(path.name), read_itk_pixels(path, io))[1]
        )
    return decoded


def chunks_of(path):
    """Type and content of the chunks of a PNG."""
    content, place, chunks = path.read_bytes(), 8, []
    while place < len(content):
        length, name = struct.unpack(">I4s", content[place : place + 8])
        chunks.append((name, content[place + 8 : place + 8 + length]))
        place += 12 + length
    return chunks


def write_chunks(path, chunks):
    checked = (name + content for name, content in chunks)
    parts = (struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in checked)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


@pytest.mark.parametrize("stored", [GREY, DEEP], ids=["8", "16"])
def test_a_whole_grey_png_is_decoded_by_itk(stored, tmp_path, by_itk):
    path = write_raster(tmp_path / "x.png", stored)

    pixels = read_radiograph(path).pixels

    assert by_itk == ["x.png"]
    assert pixels.dtype == stored.dtype
    np.testing.assert_array_equal(pixels, stored)


def fewer_bits(path):
    first, *others = chunks_of(write_raster(path, GREY))
    write_chunks(path, [first, (b"sBIT", b"\5"), *others])  # by which ITK would shift the values


def no_end(path):
    write_chunks(path, chunks_of(write_raster(path, GREY))[:-1])


@pytest.mark.parametrize("write", [fewer_bits, no_end])
def test_other_pngs_are_decoded_by_pillow(write, tmp_path, by_itk):
    write(tmp_path / "x.png")

    np.testing.assert_array_equal(read_radiograph(tmp_path / "x.png").pixels, GREY)
    assert not by_itk


def test_packed_pixels_are_decoded_by_pillow(tmp_path, by_itk):
    path = tmp_path / "x.png"
    Image.fromarray(GREY // 64 * 85).save(path, bits=2)

    read_radiograph(path)

    assert not by_itk


def test_what_itk_finds_fault_with_is_said_in_the_words_of_pillow(tmp_path, by_itk):
    path = tmp_path / "x.png"
    first, *_ = chunks_of(write_raster(path, GREY))
    write_chunks(path, [first, (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")])

    with pytest.raises(RadiographError, match=r"x\.png is damaged, cut off or of an unsupported kind of PNG"):
        read_radiograph(path)
    assert by_itk == ["x.png"]


STORED = {
    "8": (GREY, {}),
    "12": (DEEP, {}),
    "12, said to be as they are": (DEEP, {"RescaleSlope": "1", "RescaleIntercept": "0", "NumberOfFrames": "1"}),
    "16": (DEEP * 16, {"BitsStored": 16, "HighBit": 15}),
    "16, with a sign": (
        (DEEP.astype("int16") - 900),
        {"BitsStored": 16, "HighBit": 15, "PixelRepresentation": 1},
    ),
    "8, white is 0": (GREY, {"PhotometricInterpretation": "MONOCHROME1"}),
    "12, white is 0": (DEEP, {"PhotometricInterpretation": "MONOCHROME1"}),
    "odd number of bytes": (GREY[:89, :119], {"PixelData": GREY[:89, :119].tobytes() + b"\0"}),
}


@pytest.mark.parametrize("case", STORED)
def test_values_that_a_dicom_file_holds_as_they_are(case, tmp_path, by_itk):
    stored, elements = STORED[case]
    path = write_dicom(tmp_path / "x.dcm", stored, **elements)

    pixels = read_radiograph(path).pixels

    assert not by_itk
    expected = read_itk_pixels(path, dicom.IMAGE_IO)
    assert pixels.dtype == expected.dtype
    np.testing.assert_array_equal(pixels, expected)


def test_values_of_a_file_that_does_not_state_the_types_of_its_elements(tmp_path, by_itk):
    path = write_dicom(tmp_path / "x.dcm", DEEP)
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID, dataset.is_implicit_VR = ImplicitVRLittleEndian, True
    dataset.save_as(path)

    np.testing.assert_array_equal(read_radiograph(path).pixels, DEEP)
    assert not by_itk


LONGER = {
    "scaled": {"RescaleSlope": "2", "RescaleIntercept": "-5"},
    "shifted": {"RescaleIntercept": "-1024"},
    "a slope of 0": {"RescaleSlope": "0"},
    "fewer bits than there are values": {"BitsStored": 10, "HighBit": 9},
    "upper bits": {"HighBit": 15},
    "a sign among 12 bits": {"PixelRepresentation": 1},
    "bytes to spare": {"PixelData": DEEP.tobytes() + bytes(64)},
    "no number of bits": {"BitsStored": None},
    "no sign stated": {"PixelRepresentation": None},
}


@pytest.mark.parametrize("case", LONGER)
def test_everything_else_is_left_to_gdcm(case, tmp_path, by_itk):
    path = write_dicom(tmp_path / "x.dcm", DEEP, **LONGER[case])

    try:
        pixels = read_radiograph(path).pixels
    except RadiographError:
        with pytest.raises(RuntimeError):
            read_itk_pixels(path, dicom.IMAGE_IO)
    else:
        np.testing.assert_array_equal(pixels, read_itk_pixels(path, dicom.IMAGE_IO))
    assert by_itk == ["x.dcm"]


def test_an_element_that_pydicom_cannot_read_is_no_reason_to_refuse(tmp_path, by_itk):
    path = write_dicom(tmp_path / "x.dcm", DEEP, RescaleSlope="1.00", RescaleIntercept="0")
    written = path.read_bytes()
    path.write_bytes(written.replace(b"1.00", b"1,00"))
    assert path.read_bytes() != written

    np.testing.assert_array_equal(read_radiograph(path).pixels, DEEP)
    assert by_itk == ["x.dcm"]


@pytest.mark.parametrize("stored", [GREY, DEEP])
def test_fewer_pixels_than_rows_and_columns_say_are_refused(stored, tmp_path):
    """GDCM would fill the rest with what happens to be in memory."""
    path = write_dicom(tmp_path / "x.dcm", stored)
    dataset = pydicom.dcmread(path)
    dataset.PixelData = dataset.PixelData[:-4]
    dataset.save_as(path)
    with pytest.raises(
        RadiographError, match=r"^x\.dcm is cut off: it has fewer pixels than its rows and columns say\.$"
    ):
        read_radiograph(path)
