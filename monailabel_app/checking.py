"""Checks the labels of the studies: collects them, their images' fingerprints, predictions and other readings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lib.checkpoints import ModelFileError
from lib.configs import TaskConfig
from lib.evaluation import millimetres
from lib.evaluation.label_check import MAX_PICTURES, CheckedLabel, CheckReport, Progress, check_labels, draw_findings
from lib.infers import LandmarkInferTask
from lib.landmarks import Landmarks
from lib.radiographs import Fingerprint, RadiographError, read_radiograph
from lib.trainers.split import gather_cases
from monailabel_app.datastores import StudiesFolder
from monailabel_app.datastores.rules import FINAL
from monailabel_app.errors import ClientError

T = TypeVar("T")
_Key = tuple[str, str, int, int]


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found, and pictures of the worst labels by image id."""

    report: CheckReport
    pictures: dict[str, bytes]


@dataclass(slots=True)
class _Found:
    """A label as it is collected."""

    image: str
    path: Path
    landmarks: Landmarks


class LabelChecker:
    """Checks the labels of one model's landmark set; what takes long to know of an image is kept for the next time.

    Args:
        studies: the datastore.
        config: the model.
        task: what predicts; None compares with no predictions.
        device: for the predictions.
    """

    def __init__(
        self, studies: StudiesFolder, config: TaskConfig, task: LandmarkInferTask | None, device: str = "cuda"
    ) -> None:
        self._studies, self._config, self._task, self._device = studies, config, task, device
        self._fingerprints: dict[_Key, Fingerprint] = {}
        self._predictions: dict[_Key, Landmarks] = {}

    def labelled(self) -> list[str]:
        """Ids of the images with a label of the set."""
        name = self._config.landmark_set.name
        infos = ((image, self._studies.get_label_info(image, FINAL)) for image in self._studies.get_labeled_images())
        return [image for image, info in infos if info.get("landmark_set") == name]

    def state(self) -> str:
        """Changes whenever the labels, their readings or the model in use do."""
        parts: list[object] = [self._version(), sorted(self._studies.unreadable_labels().items())]
        readings = self._studies.annotated()
        for image in self.labelled():
            info = self._studies.get_label_info(image, FINAL)
            parts.append((image, info.get("ts"), info.get("checksum"), info.get("report"), readings.get(image)))
        return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()

    def check(self, progress: Progress) -> Checked:
        """Look at all labels.

        Args:
            progress: told what is being done.

        Raises:
            SplitError: the split, which knows fingerprints, is damaged.
        """
        unreadable = dict(self._studies.unreadable_labels())
        found = self._collect(unreadable, progress)
        fingerprints = self._all_fingerprints(found, unreadable, progress)
        found = [one for one in found if one.image in fingerprints]
        predictions, notes = self._all_predictions(found, progress)
        learnt = self._learnt(fingerprints) if predictions else set()
        readings, labels = self._studies.annotated(), []
        for one in found:
            header = self._studies.header(one.image)
            several = len({person for person, _ in readings.get(one.image, [])}) > 1
            kept = self._studies.annotations(one.image) if several else []
            name = self._config.landmark_set.name
            labels.append(
                CheckedLabel(
                    image=one.image,
                    landmarks=one.landmarks,
                    height=header.height,
                    width=header.width,
                    spacing=millimetres(one.landmarks, self._config.landmark_set, header.pixel_spacing),
                    fingerprint=fingerprints[one.image],
                    prediction=predictions.get(one.image),
                    learnt=one.image in learnt,
                    readings=tuple(reading for reading in kept if reading.landmark_set == name),
                )
            )
        model = f"{self._config.name} {self._version()}" if predictions else ""
        landmark_set = self._config.landmark_set
        report = check_labels(labels, landmark_set, model=model, unreadable=unreadable, notes=notes, progress=progress)
        return Checked(report, self._pictures(report, labels, progress))

    def _collect(self, unreadable: dict[str, str], progress: Progress) -> list[_Found]:
        found = []
        for image in _told(self.labelled(), "reading labels", progress):
            try:
                landmarks = self._studies.landmarks(image).ordered(self._config.landmark_set.names)
            except ClientError as error:
                unreadable[image] = str(error)
                continue
            found.append(_Found(image, Path(self._studies.get_image_uri(image)), landmarks))
        return found

    def _all_fingerprints(
        self, found: Sequence[_Found], unreadable: dict[str, str], progress: Progress
    ) -> dict[str, Fingerprint]:
        fingerprints = {}
        for one in _told(found, "reading images", progress):
            key = _key(one, "")
            if key not in self._fingerprints:
                try:
                    self._fingerprints[key] = gather_cases(self._studies, [one.image])[0].fingerprint
                except RadiographError as error:
                    unreadable[one.image] = str(error)
                    continue
            fingerprints[one.image] = self._fingerprints[key]
        return fingerprints

    def _all_predictions(self, found: Sequence[_Found], progress: Progress) -> tuple[dict[str, Landmarks], list[str]]:
        if self._task is None:
            return {}, []
        try:
            version = self._task.card().version
        except ModelFileError as error:
            return {}, [f"The labels were not compared with predictions. {error}"]
        predictions = {}
        for one in _told(found, "predicting", progress):
            key = _key(one, version)
            if key not in self._predictions:
                spacing = self._studies.pixel_spacing(one.image)
                self._predictions[key] = self._task.predict(one.path, self._device, spacing).landmarks
            predictions[one.image] = self._predictions[key]
        return predictions, []

    def _learnt(self, fingerprints: dict[str, Fingerprint]) -> set[str]:
        """The images whose very pixels the model has learnt from, as far as its file says."""
        data = None if self._task is None else self._task.card().data
        known = set(data.train) if data else set()
        return {image for image, fingerprint in fingerprints.items() if fingerprint.exact in known}

    def _pictures(self, report: CheckReport, labels: Sequence[CheckedLabel], progress: Progress) -> dict[str, bytes]:
        known = {label.image: label for label in labels}
        worst = [(image, findings) for image, findings in report.suspicious().items() if image in known][:MAX_PICTURES]
        pictures = {}
        for image, findings in _told(worst, "drawing", progress):
            pixels = read_radiograph(self._studies.get_image_uri(image)).pixels
            pictures[image] = draw_findings(pixels, known[image], findings, self._config.landmark_set)
        return pictures

    def _version(self) -> str:
        if self._task is None:
            return ""
        try:
            return self._task.card().version
        except ModelFileError:
            return ""


def _told(items: Sequence[T], what: str, progress: Progress) -> Iterator[T]:
    progress(what, 0, len(items))
    for done, item in enumerate(items, start=1):
        yield item
        progress(what, done, len(items))


def _key(one: _Found, version: str) -> _Key:
    stat = one.path.stat()
    return one.image, version, stat.st_size, stat.st_mtime_ns
