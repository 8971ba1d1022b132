"""What the writer and the reader of landmark reports agree on: codes, who writes, which images a viewer mistakes."""

from __future__ import annotations

import hashlib
import math
import re
from datetime import timedelta, timezone

from pydicom import Dataset
from pydicom.sr.coding import Code

from lib.landmarks import LandmarkDefinition, LandmarkSet

SCHEME = "99FARNET"
"""Of codes that no terminology has; "99" marks a private scheme (PS3.16, section 8.2)."""
MANUFACTURER = "FARNet"
MODEL_NAME = "FARNet landmarks for MONAI Label"
UNKNOWN_PERSON = "Unknown"

# The tree of TID 1500, 1501 and 1410 (PS3.16, annex A).
IMAGING_MEASUREMENTS = Code("126010", "DCM", "Imaging Measurements")
MEASUREMENT_GROUP = Code("125007", "DCM", "Measurement Group")
QUALITATIVE_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")
TRACKING_IDENTIFIER = Code("112039", "DCM", "Tracking Identifier")
IMAGE_REGION = Code("111030", "DCM", "Image Region")
FINDING = Code("121071", "DCM", "Finding")
FINDING_SITE = Code("363698007", "SCT", "Finding Site")
COMMENT = Code("121106", "DCM", "Comment")
CERTAINTY = Code("111012", "DCM", "Certainty of Finding")
ALGORITHM_NAME = Code("111001", "DCM", "Algorithm Name")
PERSON_NAME = Code("121008", "DCM", "Person Observer Name")
OBSERVER_TYPE = Code("121005", "DCM", "Observer Type")
DEVICE_NAME = Code("121013", "DCM", "Device Observer Name")
PERSON = Code("121006", "DCM", "Person")
DEVICE = Code("121007", "DCM", "Device")
PROCEDURE = Code("363679005", "SCT", "Imaging procedure")
ABSENT = Code("272519000", "SCT", "Absent")
PERCENT = Code("%", "UCUM", "Percent")
NOTES = Code("landmark-notes", SCHEME, "Provenance of the landmark")
"""Names a text in the grammar of :mod:`lib.formats.notes`."""

CORNERSTONE_PROBE = "Cornerstone3DTools@^0.1.0:Probe"
"""The tracking identifier by which every OHIF makes of a group a point that can be dragged."""
OWN_TRACKING = "FARNet:"

_MAX_CODE, _MAX_MEANING = 16, 64  # characters of a code and of its meaning: DICOM's SH and LO


def landmark_code(landmark_set: LandmarkSet, definition: LandmarkDefinition) -> Code:
    """What a landmark is: the code that its set gives it, otherwise a private one.

    A private code is the abbreviation and six digits that tell the sets apart, since an "A" of one set is not that of
    another; its meaning is the landmark's name.
    """
    if definition.code is not None:
        return Code(definition.code.value, definition.code.scheme, definition.code.meaning)
    own = hashlib.sha256(f"{landmark_set.name}/{definition.abbreviation}".encode()).hexdigest()[:6]
    value = f"{plain_text(definition.abbreviation, _MAX_CODE - 1 - len(own))}-{own}"
    return Code(value, SCHEME, plain_text(definition.name, _MAX_MEANING))


def plain_text(text: str, length: int) -> str:
    """Text as DICOM's short strings hold it: one line, no backslash (it separates values), so many characters."""
    return " ".join(re.sub(r"[\\\x00-\x1f\x7f]", " ", text).split())[:length].rstrip()


def is_cornerstone(tracking_identifier: str) -> bool:
    """Whether a tracking identifier is that of a tool of Cornerstone, which OHIF and dcmjs write."""
    return tracking_identifier.casefold().startswith("cornerstone")


def has_square_pixels(image: Dataset) -> bool:
    """Whether viewers take an image's pixels for squares.

    OHIF goes by ``PixelSpacing``, else ``ImagerPixelSpacing``, else 1 mm. Its ``imageToWorldCoords`` and
    ``worldToImageCoords`` exchange the distances of rows and columns (3.13.2), so that on other pixels it draws the
    points of a report in another place, and writes other places than those that somebody sees.
    """
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        try:
            rows, columns = (float(value) for value in image[keyword].value)
        except (KeyError, TypeError, ValueError):  # absent, empty, or not two numbers
            continue
        return math.isclose(rows, columns, rel_tol=1e-6)
    return True


def time_zone(dataset: Dataset) -> timezone | None:
    """The zone of a dataset's dates and times (PS3.3, C.12.1.1.8); None where it does not say."""
    return zone_of(str(dataset.get("TimezoneOffsetFromUTC") or "").strip())


def zone_of(text: str) -> timezone | None:
    """The zone that ``+0530`` is; None for what is none."""
    told = re.fullmatch(r"([+-])(\d{2})([0-5]\d)", text)
    if told is None or int(told[2]) > 14:
        return None
    offset = timedelta(hours=int(told[2]), minutes=int(told[3]))
    return timezone(-offset if told[1] == "-" else offset)
