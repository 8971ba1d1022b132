"""What ``evaluate`` measures against: labels of a folder of studies, or a public set by its protocol."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from tqdm import tqdm

from lib.checkpoints import ModelCard
from lib.datasets import MissingReaderError, Protocol, Study
from lib.datasets.protocol import Test
from lib.evaluation import LeftOut, Looking, Published, Yardstick
from lib.landmarks import Landmarks, LandmarkSet
from lib.landmarks.consensus import Reading, consensus, first_readings
from lib.radiographs import Fingerprint, PixelSpacing, read_header, read_radiograph
from lib.trainers.split import SplitFile, gather_cases
from monailabel_app.cli.common import UsageError
from monailabel_app.datastores import StudiesFolder

LABELS = "labels"
"""Name of the reader where there is only one: what was submitted."""
_MOST_ANNOTATORS = 12
_MORE = "Of {} annotators who have read some of these radiographs beside others, the first {} by name are shown."
_OTHER_SIZE = (
    "{} of {} files have not the size of published ones{}, {:g} x {:g} pixels: {} has {} x {}. Millimetres are wrong "
    "unless '--shrunk' says how many times smaller the files are."
)
_NOT_AT_HAND = "The labels of reader '{}' are not at hand, so there are no figures against them."


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """A labelled image; see :class:`~lib.evaluation.Case` for the fields.

    Args:
        names: what predictions and tables may call it: its id, and its file's name with or without extension where no
            other image could be meant.
    """

    image: str
    path: str
    size: tuple[int, int]
    pixel_spacing: PixelSpacing
    truths: Mapping[str, Landmarks]
    group: str | None = None
    left_out_by: frozenset[str] = frozenset()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Truth:
    """Labelled images, and how results on them are to be looked at.

    Args:
        title: what they are, for people.
        looking: readers, exclusions and radii.
        images: the labelled images.
        studies: the folder they are of; None for a public set.
        measures, shrunk, yardsticks, published, notes: of :class:`~lib.evaluation.Evaluation`.
        protocol: name of the protocol and its part, for ``report.json``.
        warnings: what makes figures doubtful, sentences.
    """

    title: str
    looking: Looking
    images: tuple[Labelled, ...]
    studies: StudiesFolder | None = None
    measures: tuple[str, ...] = ()
    shrunk: float = 1.0
    yardsticks: tuple[Yardstick, ...] = ()
    published: tuple[Published, ...] = ()
    notes: tuple[str, ...] = ()
    protocol: Mapping[str, object] | None = None
    warnings: tuple[str, ...] = ()

    @cached_property
    def _fingerprints(self) -> Mapping[str, str]:
        if self.studies is not None:
            cases = gather_cases(self.studies, [item.image for item in self.images], progress=True)
            return {case.image: case.fingerprint.exact for case in cases}
        shown = tqdm(self.images, desc="comparing with what was learnt from", unit="image", leave=False)
        return {item.image: Fingerprint.of(read_radiograph(item.path).pixels).exact for item in shown}

    def learnt_from(self, card: ModelCard) -> set[str] | None:
        """The images whose very pixels a model has learnt from; None where its file does not say from which."""
        if card.data is None:
            return None
        known = set(card.data.train)
        return {image for image, fingerprint in self._fingerprints.items() if fingerprint in known}


def truth_of_studies(studies: StudiesFolder, landmark_set: LandmarkSet, ids: Path | None, title: str) -> Truth:
    """The labels of a folder; where several have read an image, they stand beside the model.

    Args:
        studies: the folder, or a DICOMweb server.
        landmark_set: whose labels count.
        ids: text file with the ids to evaluate, one a line; None: all that have labels.
        title: what the folder is called, for people.

    Raises:
        UsageError: there is no label, or an id has none.
    """
    chosen = _chosen(ids, studies, landmark_set)
    images: list[Labelled] = []
    people: set[str] = set()
    for image in tqdm(chosen, desc="reading labels", unit="image", leave=False):
        header = studies.header(image)
        readings = [item for item in studies.annotations(image) if item.landmark_set == landmark_set.name]
        beside = _annotators(first_readings(readings), landmark_set)
        people |= beside.keys()
        truths = {LABELS: studies.landmarks(image).ordered(landmark_set.names), **beside}
        identity = studies.identity(image)
        group, size = identity.patient or identity.study, (header.height, header.width)
        path = str(studies.get_image_uri(image))
        images.append(Labelled(image, path, size, studies.pixel_spacing(image), truths, group))
    names = sorted(name for name in people if not name.startswith(_OTHERS))
    yardsticks = tuple(Yardstick(name, f"{_OTHERS}{name}") for name in names[:_MOST_ANNOTATORS])
    notes = (_MORE.format(len(names), _MOST_ANNOTATORS),) if len(names) > _MOST_ANNOTATORS else ()
    looking, extra = Looking.usual(landmark_set, (LABELS,)), Looking.usual_measures(landmark_set)
    return Truth(title, looking, _named(images), studies, extra, yardsticks=yardsticks, notes=notes)


def truth_of_protocol(protocol: Protocol, test: Test, options: argparse.Namespace) -> Truth:
    """A public set as its protocol says.

    Args:
        protocol: the protocol.
        test: one of its parts.
        options: ``data``, the folder of the set; ``shrunk``; ``fold``.

    Raises:
        DatasetError: the folder is not as it is published.
    """
    landmark_set = LandmarkSet.load(protocol.landmark_set)
    source, shrunk = Path(options.data), options.shrunk
    read: dict[str, list[Study]] = {}
    notes = list(protocol.notes)
    readers = test.readers or protocol.readers
    for number, reader in enumerate(readers):
        try:
            read[reader] = list(protocol.test_studies(source, test, reader, shrunk, options.fold))
        except MissingReaderError:
            if number == 0:
                raise
            notes.append(_NOT_AT_HAND.format(reader))
    if not (studies := read[readers[0]]):
        raise UsageError(f"there is no radiograph of {test.title} in {source}.")
    if options.fold is None and len(studies) < test.size:
        notes.append(f"{len(studies)} of the {test.size} radiographs of this part are at hand: compare with care.")
    truths = {
        reader: {study.name: study.landmarks for study in studies if study.landmarks is not None}
        for reader, studies in read.items()
    }
    left_out = tuple(LeftOut(item.name, item.reason, item.landmarks) for item in test.exclusions)
    images = _named(
        [_labelled(study, {reader: labels[study.name] for reader, labels in truths.items()}, test) for study in studies]
    )
    return Truth(
        f"{protocol.title}: {test.title}",
        Looking(landmark_set, tuple(read), left_out, protocol.thresholds_mm),
        images,
        measures=tuple(name for name in protocol.measures if name != "radial"),
        shrunk=shrunk,
        yardsticks=_readers_as_people(tuple(read)),
        published=tuple(Published(row.method, row.source, row.figures) for row in test.published),
        notes=tuple(notes),
        protocol={"name": protocol.name, "part": test.name, "fold": options.fold, "shrunk": shrunk},
        warnings=_other_size(images, protocol.file_size, shrunk),
    )


def _labelled(study: Study, truths: Mapping[str, Landmarks], test: Test) -> Labelled:
    path = str(study.image)  # public sets have files
    header = read_header(path)
    dropped = frozenset(item.name for item in test.exclusions if item.drops(study))
    # a resolution in the file is that of a scanner or program, and would go before the wrist of 50 mm
    spacing = study.pixel_spacing or PixelSpacing.unknown()
    size = (header.height, header.width)
    return Labelled(study.name, path, size, spacing, truths, test.patient(study), dropped)


def _named(images: Sequence[Labelled]) -> tuple[Labelled, ...]:
    """The same with their names: files in several folders may be called alike, and then only ids tell them apart."""
    files = [dict.fromkeys((Path(item.path).stem, Path(item.path).name)) for item in images]
    taken = Counter(name for item, also in zip(images, files, strict=True) for name in {item.image, *also})
    return tuple(
        replace(item, names=(item.image, *(name for name in also if name != item.image and taken[name] == 1)))
        for item, also in zip(images, files, strict=True)
    )


def _other_size(images: Sequence[Labelled], published: tuple[int, int] | None, shrunk: float) -> tuple[str, ...]:
    """A sentence where files have not the size that they should have, which makes their millimetres wrong."""
    if published is None:
        return ()
    width, height = (side / shrunk for side in published)
    others = [item for item in images if abs(item.size[1] - width) > 1 or abs(item.size[0] - height) > 1]
    if not others:
        return ()
    first, smaller = others[0], "" if shrunk == 1 else f" made {shrunk:g} times smaller"
    size = (first.image, first.size[1], first.size[0])
    return (_OTHER_SIZE.format(len(others), len(images), smaller, width, height, *size),)


def _readers_as_people(readers: tuple[str, ...]) -> tuple[Yardstick, ...]:
    """The two readers of ISBI 2015: against each other, and against the mean that each of them is half of."""
    if not {"junior", "senior"} <= set(readers):
        return ()
    flattering = "is half of what it is compared with, which flatters"
    own = (Yardstick(reader, "mean", flattering) for reader in ("senior", "junior") if "mean" in readers)
    return (Yardstick("junior", "senior"), *own)


_OTHERS = "all but "


def _annotators(readings: Iterable[Reading], landmark_set: LandmarkSet) -> dict[str, Landmarks]:
    """Each annotator's landmarks, and what the others of the same image say together; empty with fewer than two.

    Names are in quotation marks: somebody may be called ``labels``.
    """
    own = {f"“{reading.annotator}”": reading.landmarks.ordered(landmark_set.names) for reading in readings}
    if len(own) < 2:
        return {}
    others = {
        f"{_OTHERS}{name}": consensus([label for whose, label in own.items() if whose != name], "mean") for name in own
    }
    return {**own, **others}


def _chosen(file: Path | None, studies: StudiesFolder, landmark_set: LandmarkSet) -> list[str]:
    labelled = sorted(
        image
        for image in studies.get_labeled_images()
        if studies.get_label_info(image, "final").get("landmark_set", landmark_set.name) == landmark_set.name
    )
    if file is not None:
        wanted = list(dict.fromkeys(_lines(file)))
        unknown = [image for image in wanted if image not in set(labelled)]
        if unknown:
            raise UsageError(f"{file} names '{unknown[0]}', which has no '{landmark_set.name}' label in the studies.")
        labelled = wanted
    if not labelled:
        raise UsageError(f"no radiograph in {studies.name()} has a '{landmark_set.name}' label: import or submit some.")
    return labelled


def _lines(file: Path) -> list[str]:
    """Ids may have blanks in them."""
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not a text file in UTF-8.") from error
    if not any(lines):
        raise UsageError(f"{file} names no radiograph.")
    return [line for line in lines if line]


def split_summary(truth: Truth) -> Mapping[str, object]:
    """What the folder's own split says of the images; empty for a public set."""
    if truth.studies is None:
        return {}
    split = SplitFile(truth.studies.folder).read()
    return dict(split.summary(item.image for item in truth.images))
