"""The one reader of radiographs: what a file is, is told by its content; whatever is wrong with it, by one sentence."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lib.radiographs.dicom import read_dicom_header, read_dicom_identity, read_dicom_pixels
from lib.radiographs.identity import Identity
from lib.radiographs.nifti import read_nifti_header, read_nifti_pixels
from lib.radiographs.radiograph import Radiograph, RadiographError, RadiographHeader
from lib.radiographs.raster import read_raster_header, read_raster_pixels
from lib.radiographs.values import as_kept_type

_FORMAT_OF = {
    ".nii.gz": "NIfTI",
    ".nii": "NIfTI",
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".dcm": "DICOM",
}
EXTENSIONS: tuple[str, ...] = tuple(_FORMAT_OF)

_GZIP_MAGIC = b"\x1f\x8b"
_RASTER_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}
_HEAD = 352  # bytes that are enough to tell a format; the header of NIfTI-1

MIN_SIDE = 16
MAX_SIDE = 16_384
MAX_PIXELS = (
    1 << 26
)  # twice a stitched whole-leg radiograph; 2 GiB at most while it is read, whatever the header claims


def read_header(path: str | Path) -> RadiographHeader:
    """Read size, geometry and pixel spacing without decoding a pixel.

    Raises:
        RadiographError: no such file, not a radiograph, damaged, or of a kind that is refused; one sentence.
    """
    path = Path(path)
    with _one_sentence(path):
        format_name = _recognise(path)
    with _one_sentence(path, format_name):
        if format_name == "DICOM":
            header = read_dicom_header(path)
        elif format_name == "NIfTI":
            header = read_nifti_header(path)
        else:
            header = read_raster_header(path, format_name)
        _check_size(header)
    return header


def read_radiograph(path: str | Path) -> Radiograph:
    """Read a radiograph: (H, W) grey values, bright = dense, ``[y, x]`` as stored.

    Raises:
        RadiographError: as :func:`read_header`, and where the pixels are cut off, damaged or not finite.
    """
    header = read_header(path)
    path = header.path
    with _one_sentence(path, header.format):
        if header.format == "DICOM":
            pixels = read_dicom_pixels(path)
        elif header.format == "NIfTI":
            pixels = read_nifti_pixels(path, header)
        else:
            pixels = read_raster_pixels(path, header.format)
        pixels = as_kept_type(pixels)
    if pixels.shape != (header.height, header.width):
        raise RadiographError(f"{path.name} is damaged: its pixels are not those that its header announces.")
    return Radiograph(pixels, header)


def read_identity(path: str | Path) -> Identity:
    """Read whose radiograph it is; only DICOM says.

    Raises:
        RadiographError: no such file, or damaged; one sentence.
    """
    path = Path(path)
    with _one_sentence(path):
        return read_dicom_identity(path) if _recognise(path) == "DICOM" else Identity()


def _recognise(path: Path) -> str:
    """The format by content; a name that promises another one is refused, because viewers go by the name."""
    if path.is_dir():
        raise RadiographError(f"{path.name} is a folder, not a radiograph.")
    if not path.exists():
        raise RadiographError(f"{path.name} does not exist.")
    if not path.is_file():
        raise RadiographError(f"{path.name} is not a regular file.")
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    if not head:
        raise RadiographError(f"{path.name} is empty.")
    found = _format_of(head, path)
    name = path.name.lower()
    promised = next((format_name for suffix, format_name in _FORMAT_OF.items() if name.endswith(suffix)), "DICOM")
    if found is None:
        raise RadiographError(f"{path.name} is no radiograph: neither DICOM, NIfTI, PNG, JPEG, BMP nor TIFF.")
    if found != promised:
        raise RadiographError(f"{path.name} is a {found} file by its content; give it the extension of one.")
    return found


def _format_of(head: bytes, path: Path) -> str | None:
    if head[128:132] == b"DICM":  # first, because the 128 bytes before may be anything, a TIFF header too
        return "DICOM"
    if head.startswith(_GZIP_MAGIC):
        with gzip.open(path) as stream:
            head = stream.read(_HEAD)
    if head[4:8] == b"n+2\0":
        raise RadiographError(f"{path.name} is a NIfTI-2 file, which 3D Slicer cannot read: save it as NIfTI-1.")
    if head[344:348] == b"n+1\0":
        return "NIfTI"
    return next((name for magic, name in _RASTER_MAGIC.items() if head.startswith(magic)), None)


def _check_size(header: RadiographHeader) -> None:
    name, width, height = header.path.name, header.width, header.height
    if min(width, height) < MIN_SIDE:
        raise RadiographError(f"{name} is too small: {width} x {height} pixels, at least {MIN_SIDE} a side are needed.")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise RadiographError(
            f"{name} is too large: {width} x {height} pixels; read are at most {MAX_SIDE} a side, {MAX_PIXELS} in all."
        )


@contextmanager
def _one_sentence(path: Path, format_name: str = "radiograph") -> Iterator[None]:
    """Give everything that goes wrong inside as a :class:`RadiographError` that names the file."""
    try:
        yield
    except RadiographError:
        raise
    except OSError as error:
        if error.filename is None:  # not from opening it: Pillow on bad content, or a seek to nowhere
            raise _undecodable(path, format_name, error) from error
        raise RadiographError(f"{path.name} cannot be opened: {error.strerror}.") from error
    except Exception as error:  # damaged files make Pillow, pydicom, ITK and zlib raise exceptions of every type
        raise _undecodable(path, format_name, error) from error


def _undecodable(path: Path, format_name: str, error: Exception) -> RadiographError:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    reason = re.sub(r"^.*\(0x[0-9a-f]+\): |^.*::ERROR: ", "", lines[-1])  # ITK puts class and address before it
    reason = reason.replace(str(path), "it").strip(" .")[:120]
    return RadiographError(f"{path.name} is damaged, cut off or of an unsupported kind of {format_name}: {reason}.")
