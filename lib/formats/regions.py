"""The region of a prediction as JSON: ``radius_px``, and ``ellipse`` with ``a_px``, ``b_px`` and ``angle_deg``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib.landmarks import Region
from lib.radiographs import PixelSpacing


def region_fields(region: Region | None) -> dict[str, Any]:
    """``radius_px`` and ``ellipse``, in pixels of the file as stored and degrees; None where they are not known."""
    if region is None:
        return {"radius_px": None, "ellipse": None}
    a, b, angle = region.ellipse
    return {"radius_px": region.radius, "ellipse": {"a_px": a, "b_px": b, "angle_deg": angle}}


def parse_region(fields: Mapping[str, Any]) -> Region | None:
    """What :func:`region_fields` wrote, among other keys; a radius without an ellipse is a circle, and neither is None.

    Raises:
        LandmarksError: lengths that no region has.
        KeyError, TypeError, ValueError: the fields are others.
    """
    radius, ellipse = fields.get("radius_px"), fields.get("ellipse")
    if radius is None:
        return None
    if ellipse is None:
        return Region(float(radius), (float(radius), float(radius), 0.0))
    return Region(float(radius), (float(ellipse["a_px"]), float(ellipse["b_px"]), float(ellipse["angle_deg"])))


def radius_mm(region: Region | None, spacing: PixelSpacing) -> float | None:
    """The radius in millimetres, along the axis on which a pixel is larger; None where either is not known."""
    if region is None or spacing.x is None or spacing.y is None:
        return None
    return region.radius * max(spacing.x, spacing.y)
