"""Outlines of anatomy: smooth curves through given points, in millimetres, (x, y) with y down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

FloatArray = npt.NDArray[np.float64]
Point = Sequence[float] | npt.NDArray[Any]
Points = Sequence[Point] | npt.NDArray[Any]

STEPS = 10


def smooth(points: Points, closed: bool = False) -> FloatArray:
    """A smooth curve that passes through every given point.

    A cubic spline over centripetal chord lengths, which neither loops nor overshoots between unevenly spaced points.

    Args:
        points: (N, 2), N at least 3.
        closed: whether the last point joins the first; the first is not repeated.

    Returns:
        (M, 2); the given points are among them.
    """
    knots = np.asarray(points, dtype=np.float64)
    if closed:
        knots = np.vstack([knots, knots[:1]])
    steps = np.sqrt(np.hypot(*np.diff(knots, axis=0).T))
    at = np.concatenate([[0.0], np.cumsum(steps)])
    spline = CubicSpline(at, knots, bc_type="periodic" if closed else "natural")
    between = np.linspace(0, 1, STEPS, endpoint=False)
    fine = np.append((at[:-1, None] + between * steps[:, None]).ravel(), at[-1])
    curve: FloatArray = spline(fine[:-1] if closed else fine)
    return curve


def band(points: Points, width: float, end_width: float | None = None) -> FloatArray:
    """The outline of a stroke along a polyline, whose width may change evenly from its start to its end, in mm."""
    line = np.asarray(points, dtype=np.float64)
    along = np.gradient(line, axis=0)
    across = np.column_stack([-along[:, 1], along[:, 0]]) / np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    half = np.linspace(width, width if end_width is None else end_width, len(line))[:, None] / 2
    outline: FloatArray = np.vstack([line + across * half, (line - across * half)[::-1]])
    return outline


def arc(centre: Point, radii: Point, start: float, stop: float) -> FloatArray:
    """(49, 2) part of an ellipse between two angles in degrees, counted from x towards y: 90 is the lowest point."""
    angle = np.radians(np.linspace(start, stop, 49))
    curve: FloatArray = np.column_stack([radii[0] * np.cos(angle), radii[1] * np.sin(angle)]) + np.asarray(centre)
    return curve


def ellipse(centre: Point, radii: Point, degrees: float = 0.0) -> FloatArray:
    """(48, 2) outline of an ellipse whose first radius points ``degrees`` from x towards y."""
    outline: FloatArray = rotated(arc((0, 0), radii, 0, 360)[:-1], degrees) + np.asarray(centre)
    return outline


def rotated(points: Points, degrees: float, about: Point = (0.0, 0.0)) -> FloatArray:
    """The points turned about ``about``, from x towards y (clockwise on the screen)."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    centre = np.asarray(about, dtype=np.float64)
    turned: FloatArray = (np.asarray(points, dtype=np.float64) - centre) @ np.array([[cos, sin], [-sin, cos]]) + centre
    return turned


def along(start: Point, end: Point, profile: Points) -> FloatArray:
    """Points given along an axis.

    Args:
        start: where the axis begins.
        end: where it ends.
        profile: rows ``(t, offset)``: ``t`` of the way from start to end, ``offset`` mm to its right for somebody
            who walks along it on the screen.
    """
    first, last = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    axis = last - first
    right = np.array([-axis[1], axis[0]]) / math.hypot(*axis)
    rows = np.asarray(profile, dtype=np.float64)
    return first + rows[:, :1] * axis + rows[:, 1:] * right
