"""Numbers and times as people read them."""

from __future__ import annotations

import math
from datetime import datetime

DASH = "–"


def number(value: float | None, digits: int = 2) -> str:
    """A figure, with a minus sign as long as a plus; a dash for None and NaN."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{value:.{digits}f}"
    # what rounds to nothing has no sign
    return text.lstrip("-") if float(text) == 0.0 else text.replace("-", "−")


def p_value(value: float | None) -> str:
    """A p-value to four digits; what is smaller is never 0."""
    return "< 0.0001" if value is not None and value < 0.00005 else number(value, 4)


def percent(share: float | None, digits: int = 1) -> str:
    """A share of 0 to 1 in per cent."""
    return DASH if share is None or not math.isfinite(share) else f"{number(100.0 * share, digits)} %"


def distance(mm: float | None, px: float | None) -> str:
    """A distance in mm, or in pixels where it is not known in mm."""
    if mm is not None:
        return f"{number(mm)} mm"
    return DASH if px is None else f"{number(px, 1)} px"


def count(quantity: int, noun: str) -> str:
    """``1 patient``, ``2 patients``."""
    return f"{quantity} {noun}" if quantity == 1 else f"{quantity} {noun}s"


def duration(seconds: float) -> str:
    """A time as exactly as it matters: ``40 s``, ``3 min 20 s``, ``18 min``, ``2 h 5 min``, ``1 d 4 h``."""
    whole = max(0, round(seconds))
    for large, small, larger, smaller in ((86400, 3600, "d", "h"), (3600, 60, "h", "min"), (60, 1, "min", "s")):
        if whole >= large:
            units, rest = whole // large, whole % large // small
            return f"{units} {larger}" + (f" {rest} {smaller}" if rest and units < 10 else "")
    return f"{whole} s"


def moment(when: datetime) -> str:
    """A date and time as they were where they were written, with the distance from UTC."""
    return f"{when:%Y-%m-%d %H:%M %z}"
