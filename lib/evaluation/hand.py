"""The two ways in which hand radiographs, whose files have no pixel size, get their millimetres.

All who use the 37 landmarks of Payer et al. say that the wrist is 50 mm wide, but they measure it between different
landmarks. On the 895 hands that makes the same prediction 8 % better or worse, as much as separates publications: so
results on hands are reported both ways.
"""

from __future__ import annotations

from lib.evaluation.spacing import millimetres
from lib.landmarks import Landmarks, LandmarkSet
from lib.landmarks.landmark_set import MillimetreRule
from lib.radiographs.spacing import PixelSpacing

WRIST_MM = 50.0

#: By what it is called in reports: the two landmarks of ``hand_37`` between which the wrist is measured.
WRIST_PAIRS: dict[str, tuple[str, str]] = {
    # landmarks 1 and 5, counted from 0: Payer et al. (Medical Image Analysis 54, 2019; their scorer is in
    # github.com/christianpayer/MedicalDataAugmentationTool), and NFDP (github.com/jacksonhzx95/NFDP)
    "1-5": ("Ulnar styloid tip", "Radial styloid tip"),
    # landmarks 0 and 4: GU2Net (Zhu et al., MICCAI 2021;
    # github.com/MIRACLE-Center/YOLO_Universal_Anatomical_Landmark_Detection); it makes errors smaller
    "0-4": ("Ulna ulnar edge", "Radius radial edge"),
}


def wrist_spacings(truth: Landmarks, landmark_set: LandmarkSet) -> dict[str, PixelSpacing]:
    """The pixel spacing by each of :data:`WRIST_PAIRS`, from the annotation, whatever the file says.

    Args:
        truth: annotated landmarks in pixels of the file as stored.
        landmark_set: a set that has the landmarks of both pairs: ``hand_37``.

    Returns:
        By name of the pair; unknown where one of its landmarks is not annotated, see
        :func:`~lib.evaluation.spacing.millimetres`.
    """
    spacings = {}
    for name, pair in WRIST_PAIRS.items():
        rule = MillimetreRule(rule="reference_length", between=pair, length_mm=WRIST_MM)
        measured_so = landmark_set.model_copy(update={"millimetres": rule})
        spacings[name] = millimetres(truth, measured_so, PixelSpacing.unknown())
    return spacings
