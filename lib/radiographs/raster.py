"""PNG, JPEG, BMP and TIFF: pixels by Pillow, which notices a file that is cut off, and the header by ITK.

Those of a whole grey PNG are ITK's too, which takes half the time: most of it goes into undoing PNG's prediction of
each byte from its neighbours, and ITK's decoder is the faster one at that.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

from lib.radiographs.itk_file import read_itk_header, read_itk_pixels
from lib.radiographs.radiograph import RadiographError, RadiographHeader
from lib.radiographs.spacing import PixelSpacing, SpacingSource
from lib.radiographs.values import Pixels, luminance

FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
ORIENTATION_TAG = 274
PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
ABSOLUTE_JFIF_UNITS = (1, 2)  # dots per inch, per centimetre; 0 is an aspect ratio


def read_raster_header(path: Path, format_name: str) -> RadiographHeader:
    """Size, place and resolution; see :func:`read_header <lib.radiographs.reader.read_header>` for the errors."""
    with _open(path, format_name) as image:
        _check_layout(path, image)
        width, height = image.size
        pixel_spacing = _resolution(image)
    itk = read_itk_header(path, f"{format_name}ImageIO")
    if itk.size[:2] != (width, height):
        raise RadiographError(f"{path.name} has a damaged header: its size is read in two ways.")
    return RadiographHeader(path, height, width, itk.geometry, pixel_spacing, format_name)


def read_raster_pixels(path: Path, format_name: str) -> Pixels:
    """(H, W) grey values, of 8, 16 or 32 bits as in the file; colour and palette become luminance, alpha is dropped.

    EXIF orientation is ignored, as ITK and so Slicer do: ``[0, 0]`` is the first pixel that is stored.
    """
    with _open(path, format_name) as image:
        if image.mode in ("RGB", "RGBA") and _is_deep(image):
            # Pillow would keep the upper 8 of 16 bits, which leaves 16 grey values of a 12-bit radiograph.
            return luminance(read_itk_pixels(path, f"{format_name}ImageIO"))
        if format_name == "PNG" and _is_plain(path, image) and (pixels := _by_itk(path, image)) is not None:
            return pixels
        if format_name == "JPEG":
            image.draft("L", image.size)  # take the luminance that the file holds instead of colours made from it
        if image.mode in ("L", "I", "F") or image.mode.startswith("I;16"):
            return np.asarray(image)
        return np.asarray(image.convert("L" if image.mode in ("1", "RGB") else "RGB").convert("L"))


def _open(path: Path, format_name: str) -> Image.Image:
    try:
        return Image.open(path, formats=(format_name,))
    except Image.DecompressionBombError as error:
        raise RadiographError(f"{path.name} is too large: {Image.MAX_IMAGE_PIXELS} pixels and more.") from error


def _check_layout(path: Path, image: Image.Image) -> None:
    """Refuse what ITK and Pillow, and so the viewers, would show in different ways."""
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise RadiographError(f"{path.name} holds {frames} images; a radiograph is one: save it as a file of its own.")
    if image.format == "TIFF" and image.getexif().get(ORIENTATION_TAG, 1) != 1:
        # Unlike for PNG and JPEG, ITK mirrors some of the eight orientations of a TIFF and leaves others.
        raise RadiographError(f"{path.name} is stored rotated or mirrored (TIFF orientation); save it upright.")
    if image.mode in ("LA", "La"):
        raise RadiographError(f"{path.name} is grey with transparency, which ITK cannot open; save it without.")


def _is_plain(path: Path, image: Image.Image) -> bool:
    """Whether a PNG is whole, and has one grey value a pixel, of all bits of its bytes, row by row.

    What is packed, interlaced or has fewer significant bits than it is stored with is Pillow's.
    """
    layouts = {str(tile[3]) for tile in image.tile}
    if len(image.tile) != 1 or not layouts <= {"L", "I;16B"} or "interlace" in image.info:
        return False
    with path.open("rb") as file:
        before = file.read(image.tile[0][2])
        file.seek(-len(PNG_END), os.SEEK_END)
        return b"sBIT" not in before and file.read() == PNG_END


def _by_itk(path: Path, image: Image.Image) -> Pixels | None:
    """The pixels; None where ITK finds fault with the file: Pillow knows the words for it."""
    try:
        pixels = read_itk_pixels(path, "PNGImageIO")
    except RuntimeError:
        return None
    return pixels if pixels.shape == (image.height, image.width) else None


def _is_deep(image: Image.Image) -> bool:
    """Whether the file has 16 bits a channel, which only Pillow's name for the raw layout tells, as in ``RGB;16B``."""
    return any(";16" in str(tile[3]) for tile in image.tile)


def _resolution(image: Image.Image) -> PixelSpacing:
    """The file's dots per inch, if they are a statement about the radiograph; see ``PixelSpacing.if_plausible``.

    An aspect ratio (PNG unit 0, JFIF unit 0, TIFF unit 1) is none. Of a JPEG only the JFIF header counts, by which ITK
    goes too: resolution in EXIF is that of a camera.
    """
    dpi = image.info.get("dpi")
    if image.format == "JPEG" and image.info.get("jfif_unit") not in ABSOLUTE_JFIF_UNITS:
        dpi = None
    if dpi is None or not min(dpi) > 0:
        return PixelSpacing.unknown()
    x, y = (25.4 / float(value) for value in dpi)
    return PixelSpacing.if_plausible(x, y, SpacingSource.FILE_RESOLUTION)
