"""What a decoder gives becomes what the project works on: one finite grey value a pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[Any]

KEPT = tuple(np.dtype(name) for name in ("uint8", "uint16", "int16", "int32", "float32"))
# ITU-R BT.601 in 16-bit fixed point: Pillow's numbers, whose sum is 1, so that grey stored as colour keeps its value.
RED, GREEN, BLUE, HALF = 19595, 38470, 7471, 1 << 15


def luminance(colours: Pixels) -> Pixels:
    """(H, W, 3 or 4) uint8 or uint16 colours to (H, W) luminance of the same type; a fourth channel, alpha, is dropped.

    Raises:
        ValueError: another number of channels or another type: these are no colours.
    """
    if colours.shape[-1] not in (3, 4) or colours.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"{colours.shape[-1]} values of type {colours.dtype} a pixel are neither grey nor colour")
    wide = colours.astype(np.uint32)
    grey: Pixels = (wide[..., 0] * RED + wide[..., 1] * GREEN + wide[..., 2] * BLUE + HALF) >> 16
    return grey.astype(colours.dtype)


def as_kept_type(pixels: Pixels) -> Pixels:
    """The same values in one of the types that :class:`~lib.radiographs.radiograph.Radiograph` promises.

    Other integers become int32 where they fit; everything else becomes float32.

    Raises:
        ValueError: values that are no real numbers, or not finite.
    """
    if np.iscomplexobj(pixels):
        raise ValueError("complex numbers are no grey values")
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    if pixels.dtype not in KEPT:
        whole = np.issubdtype(pixels.dtype, np.integer)
        limits = np.iinfo(np.int32)
        fits = whole and limits.min <= pixels.min() and pixels.max() <= limits.max
        with np.errstate(over="ignore"):  # becomes infinite, refused below
            pixels = pixels.astype(np.int32 if fits else np.float32)
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise ValueError("some pixels are NaN or infinite")
    return pixels
