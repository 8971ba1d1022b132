"""The same predictions seen in several ways: against each reader, with and without what is known to mislead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from lib.evaluation.metrics import SDR_THRESHOLDS_MM
from lib.evaluation.report import ImageErrors, Report
from lib.evaluation.spacing import millimetres
from lib.landmarks import Landmark, Landmarks, LandmarkSet, State
from lib.radiographs import PixelSpacing


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """An image with what was found and what is true.

    Args:
        image: its id.
        predicted: the landmarks found, in pixels of the file as stored.
        truths: the landmarks of each reader, in these pixels.
        pixel_spacing: of the file, or as the user states it; unknown where nobody knows.
        size: ``(height, width)`` of the file.
        path: of the file, for pictures.
        group: the patient; the image itself where nobody knows.
        left_out_by: names of the exclusions that leave the image out.
        other: what the model found that this one is compared with.
    """

    image: str
    predicted: Landmarks
    truths: Mapping[str, Landmarks]
    pixel_spacing: PixelSpacing
    size: tuple[int, int]
    path: str | None = None
    group: str | None = None
    left_out_by: frozenset[str] = frozenset()
    other: Landmarks | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What a view leaves out, and why.

    Args:
        name: ``without duplicates``.
        reason: a sentence.
        landmarks: that do not count; images are left out by their own :attr:`Case.left_out_by`.
    """

    name: str
    reason: str
    landmarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Predictions against one reader.

    Args:
        landmark_set: the landmarks.
        reader: whose landmarks are true.
        report: the errors.
        left_out: what does not count; None: everything does.
        cases: the images that count, in the order of ``report.images``.
    """

    landmark_set: LandmarkSet
    reader: str
    report: Report
    cases: tuple[Case, ...]
    left_out: LeftOut | None = None

    @property
    def name(self) -> str:
        """``mean, without duplicates``."""
        return self.reader if self.left_out is None else f"{self.reader}, {self.left_out.name}"


@dataclass(frozen=True, slots=True)
class Looking:
    """How predictions are looked at.

    Args:
        landmark_set: the landmarks.
        readers: whose labels are true, the one that counts first.
        left_out: what is left out for second figures.
        thresholds_mm: radii of the success detection rates.
    """

    landmark_set: LandmarkSet
    readers: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()
    thresholds_mm: tuple[float, ...] = SDR_THRESHOLDS_MM

    @classmethod
    def usual(cls, landmark_set: LandmarkSet, readers: tuple[str, ...]) -> Self:
        """With everything, at the radii that are usual: hands are judged at wider ones."""
        hands = landmark_set.millimetres.rule == "reference_length"
        return cls(landmark_set, readers, thresholds_mm=(2.0, 4.0, 10.0) if hands else SDR_THRESHOLDS_MM)

    @staticmethod
    def usual_measures(landmark_set: LandmarkSet) -> tuple[str, ...]:
        """What is measured of a set beside radial errors, see :data:`~lib.evaluation.measures.MEASURES`."""
        return {"spine_68": ("spine",), "hand_37": ("wrists",)}.get(landmark_set.name, ())

    def views(self, cases: Sequence[Case]) -> tuple[View, ...]:
        """Each reader with everything, then without what is left out.

        Ways that leave nothing out, or nothing over, are no views.
        """
        found = []
        for reader in self.readers:
            for left_out in (None, *self.left_out):
                kept = tuple(case for case in cases if left_out is None or left_out.name not in case.left_out_by)
                if left_out is None or (kept and (left_out.landmarks or len(kept) < len(cases))):
                    found.append(View(self.landmark_set, reader, self.report(kept, reader, left_out), kept, left_out))
        return tuple(found)

    def report(self, cases: Iterable[Case], reader: str, left_out: LeftOut | None = None) -> Report:
        """Errors against a reader."""
        gone = () if left_out is None else left_out.landmarks
        errors = (self.errors(case, case.predicted, reader, gone) for case in cases)
        return Report(tuple(errors), self.thresholds_mm, landmark_groups(self.landmark_set))

    def errors(self, case: Case, predicted: Landmarks, reader: str, gone: Sequence[str] = ()) -> ImageErrors:
        """Errors of one image.

        Args:
            case: the image.
            predicted: whose errors.
            reader: who is right.
            gone: landmarks that do not count.
        """
        truth = case.truths[reader].ordered(self.landmark_set.names)
        spacing = millimetres(truth, self.landmark_set, case.pixel_spacing)
        counted = Landmarks(
            tuple(Landmark(item.name, state=State.UNDEFINED) if item.name in gone else item for item in truth)
        )
        return ImageErrors.compare(case.image, predicted, counted, spacing, case.group)


def landmark_groups(landmark_set: LandmarkSet) -> dict[str, tuple[str, ...]]:
    """The landmarks of each bone or region that the set says to have several of them, if there are several such."""
    groups: dict[str, list[str]] = {}
    for landmark in landmark_set.landmarks:
        if landmark.site is not None:
            groups.setdefault(landmark.site.meaning, []).append(landmark.name)
    several = {name: tuple(members) for name, members in groups.items() if len(members) > 1}
    return several if len(several) > 1 else {}
