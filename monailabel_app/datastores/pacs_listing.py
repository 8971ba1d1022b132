"""Which radiographs a DICOMweb server has, and which of its structured reports may hold landmarks of them."""

from __future__ import annotations

import hashlib
import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pydicom import Dataset
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalIntraOralXRayImageStorageForPresentation,
    DigitalIntraOralXRayImageStorageForProcessing,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
)

from monailabel_app.datastores.pacs import Pacs, PacsRefusedError, Place
from monailabel_app.errors import NotFoundError

logger = logging.getLogger(__name__)

MODALITIES = ("CR", "DX", "RG", "PX", "IO", "OT", "SC")
"""Of radiographs; digitised films and secondary captures say OT or, against the standard, SC."""
RADIOGRAPHS = frozenset(
    {
        ComputedRadiographyImageStorage,
        DigitalXRayImageStorageForPresentation,
        DigitalXRayImageStorageForProcessing,
        DigitalIntraOralXRayImageStorageForPresentation,
        DigitalIntraOralXRayImageStorageForProcessing,
        SecondaryCaptureImageStorage,
        MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
        MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
        MultiFrameTrueColorSecondaryCaptureImageStorage,
    }
)
REPORTS = frozenset(UID(f"1.2.840.10008.5.1.4.1.1.88.{number}") for number in (11, 22, 33, 34))
"""Basic text, enhanced, comprehensive and comprehensive 3D SR; the others, of dose for one, hold no landmarks."""

_UID = re.compile(r"[0-9]+(\.[0-9]+)*")


@dataclass(frozen=True, slots=True)
class Image:
    """One radiograph: where it is, how many instances its series has, and what the viewers call it."""

    place: Place
    modality: str
    number: int
    siblings: int


@dataclass(frozen=True, slots=True)
class Listing:
    """What a DICOMweb server has.

    Args:
        images: the radiographs by SOP instance UID.
        reports: the series of structured reports of each study that has radiographs, with their number of instances.
    """

    images: dict[str, Image] = field(default_factory=dict)
    reports: dict[str, dict[str, int]] = field(default_factory=dict)

    def stamp(self, study: str, readers: str) -> str:
        """Changes whenever a study gets or loses reports, or others read them; empty for one without."""
        reports = sorted(self.reports.get(study, {}).items())
        return hashlib.sha256(repr((reports, readers)).encode()).hexdigest()[:16] if reports else ""


class Lister:
    """Lists a server; asks for the instances of a series only when it is new or has grown.

    Args:
        pacs: the server.
        filters: attributes that a series must have, such as ``{"StudyDate": "20240101-"}``; ``Modality`` among
            them replaces :data:`MODALITIES`.
    """

    def __init__(self, pacs: Pacs, filters: Mapping[str, str]) -> None:
        self._pacs = pacs
        self._filters = {key: value for key, value in filters.items() if key != "Modality"}
        self._modalities = (filters["Modality"],) if filters.get("Modality") else MODALITIES
        self._series: dict[str, tuple[int, tuple[Image, ...]]] = {}
        self.faults: list[str] = []

    def lists(self, dataset: Dataset) -> bool:
        """Whether an instance is one that a look would find."""
        single = _number(dataset, "NumberOfFrames") <= 1
        return single and dataset.get("SOPClassUID") in RADIOGRAPHS and dataset.get("Modality") in self._modalities

    def remember(self, images: Iterable[Image]) -> None:
        """Take what an earlier process has seen as known."""
        of_series: dict[str, list[Image]] = defaultdict(list)
        for image in images:
            of_series[image.place.series].append(image)
        # Where notes of one series disagree, one of its images has gone since it was noted.
        agreed = {series: found for series, found in of_series.items() if len({image.siblings for image in found}) == 1}
        self._series = {series: (found[0].siblings, tuple(found)) for series, found in agreed.items()}

    def forget(self, series: str) -> None:
        """Ask for the instances of a series anew at the next look: one of them was not there any more."""
        self._series.pop(series, None)

    def look(self) -> Listing:
        """What there is now; errors as :meth:`Pacs.series`, those of a single series in ``faults``."""
        self.faults = []
        known: dict[str, tuple[int, tuple[Image, ...]]] = {}
        # One query a modality: the standard has no list of values for it, and what servers take for one differs.
        for modality in self._modalities:
            for series in self._pacs.series(modality, self._filters):
                uid, count = _uid(series, "SeriesInstanceUID"), _number(series, "NumberOfSeriesRelatedInstances")
                if uid is None:
                    continue
                seen = self._series.get(uid)
                if not (seen and count and seen[0] == count):
                    seen = self._seen(series, count, seen)
                    self._series[uid] = seen  # kept, should the server go away during the look
                known[uid] = seen
        self._series = known
        images = {image.place.instance: image for _, found in known.values() for image in found}
        return Listing(images, self._reports({image.place.study for image in images.values()}))

    def reports(self, study: str, series: str) -> Iterator[Place]:
        """The reports of a series that may hold landmarks; errors as :meth:`Pacs.series`."""
        for instance in self._pacs.instances(study, series):
            uid = _uid(instance, "SOPInstanceUID")
            if uid is not None and instance.get("SOPClassUID") in REPORTS:
                yield Place(study, series, uid)

    def _seen(
        self, series: Dataset, count: int, earlier: tuple[int, tuple[Image, ...]] | None
    ) -> tuple[int, tuple[Image, ...]]:
        """A series as it is now; as it was, and to be asked for again, where the server refuses this one."""
        try:
            return count, tuple(self._images(series, count))
        except (PacsRefusedError, NotFoundError) as error:
            self.faults.append(str(error))
            return -1, earlier[1] if earlier else ()

    def _images(self, series: Dataset, count: int) -> Iterator[Image]:
        study, uid = _uid(series, "StudyInstanceUID"), _uid(series, "SeriesInstanceUID")
        if study is None or uid is None:
            return
        for instance in self._pacs.instances(study, uid):
            sop = _uid(instance, "SOPInstanceUID")
            single = _number(instance, "NumberOfFrames") <= 1
            if sop is not None and single and instance.get("SOPClassUID") in RADIOGRAPHS:
                number = _number(instance, "InstanceNumber")
                yield Image(Place(study, uid, sop), str(series.get("Modality") or ""), number, count)

    def _reports(self, studies: set[str]) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = defaultdict(dict)
        for series in self._pacs.series("SR"):
            study, uid = _uid(series, "StudyInstanceUID"), _uid(series, "SeriesInstanceUID")
            if study in studies and uid is not None:
                found[study][uid] = _number(series, "NumberOfSeriesRelatedInstances")
        return dict(found)


def is_uid(text: str) -> bool:
    """Whether a text can be a UID."""
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def _uid(dataset: Dataset, keyword: str) -> str | None:
    """A UID that can be part of a path and an address; None where there is none."""
    value = str(dataset.get(keyword) or "")
    return value if is_uid(value) else None


def _number(dataset: Dataset, keyword: str) -> int:
    try:
        return int(dataset.get(keyword) or 0)
    except (TypeError, ValueError):
        return 0
