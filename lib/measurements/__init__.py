"""Angles measured from landmarks, as clinicians and challenges define them."""

from lib.measurements.angles import angle_between_directions, angle_between_lines
from lib.measurements.cobb import CobbAngle, CobbAngles, cobb_angles

__all__ = ["CobbAngle", "CobbAngles", "angle_between_directions", "angle_between_lines", "cobb_angles"]
