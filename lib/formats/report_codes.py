# NOTE for the SR helper: the lead wrote this while you seemed stuck; datastores/pacs_reports.py calls it. Review,
# improve, test and keep these signatures; delete this note.
"""The codes that landmark reports use, and what of a radiograph decides how they are written and read."""

from __future__ import annotations

import math
from typing import Any

from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import UID, generate_uid

from lib.landmarks import LandmarkSet

SCHEME = "99FARNET"
"""Of codes that no terminology has; private by the standard's rule (PS3.16 8.2), since it begins with 99."""
PROVENANCE = Code("provenance", SCHEME, "Provenance of the landmark")
CONFIDENCE = Code("confidence", SCHEME, "Confidence of the prediction")

IMAGING_MEASUREMENTS = Code("126010", "DCM", "Imaging Measurements")
MEASUREMENT_GROUP = Code("125007", "DCM", "Measurement Group")
TRACKING_IDENTIFIER = Code("112039", "DCM", "Tracking Identifier")
FINDING = Code("121071", "DCM", "Finding")
COMMENT = Code("121106", "DCM", "Comment")
QUALITATIVE_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")
PERSON_NAME = Code("121008", "DCM", "Person Observer Name")
OBSERVER_TYPE = Code("121005", "DCM", "Observer Type")
DEVICE = Code("121007", "DCM", "Device")
IMAGING_PROCEDURE = Code("363679005", "SCT", "Imaging procedure")
ABSENT = Code("272519000", "SCT", "Absent")

MANUFACTURER = "FARNet for MONAI Label"
DEVICE_UID = UID(generate_uid(entropy_srcs=[MANUFACTURER]))
MEANING_LENGTH = 64  # of a code's meaning, by the standard
CORNERSTONE = "Cornerstone3DTools@"
OF_CORNERSTONE = f"{CORNERSTONE}^0.1.0:Probe"
"""The tracking identifier by which OHIF makes a point that can be dragged."""


def landmark_code(landmark_set: LandmarkSet, name: str) -> Code:
    """The code of a landmark: of a terminology where the set names one, otherwise a private one."""
    code = landmark_set.landmarks[landmark_set.index(name)].code
    return private_code(landmark_set, name) if code is None else Code(code.value, code.scheme, code.meaning)


def private_code(landmark_set: LandmarkSet, name: str) -> Code:
    """A landmark's abbreviation and name as a code; what does not fit into one becomes its number."""
    index = landmark_set.index(name)
    abbreviation = landmark_set.landmarks[index].abbreviation
    return Code(abbreviation if len(abbreviation) <= 16 else f"landmark-{index + 1}", SCHEME, name[:MEANING_LENGTH])


def has_square_pixels(image: Dataset) -> bool:
    """Whether viewers take the pixels of an image for squares: ``PixelSpacing``, else ``ImagerPixelSpacing``, or none."""
    spacing: Any = image.get("PixelSpacing") or image.get("ImagerPixelSpacing")
    try:
        rows, columns = (float(value) for value in spacing)
    except (TypeError, ValueError):
        return True
    return math.isclose(rows, columns, rel_tol=1e-4)
