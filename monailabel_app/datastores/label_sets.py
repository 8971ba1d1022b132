"""Which landmark set a label is from, and its landmarks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from lib.formats import MAX_BYTES, LabelError, NameTable, parse_markups, point_labels, predicting_models
from lib.formats.pixel_labels import PixelLabel, is_pixel_label
from lib.landmarks import Landmarks, LandmarkSet
from lib.radiographs import RadiographHeader


class LabelSets:
    """The landmark sets that a server works with.

    Args:
        landmark_sets: the set of each model, by the model's name; models may share a set.
    """

    def __init__(self, landmark_sets: Mapping[str, LandmarkSet]) -> None:
        self._of_model = dict(landmark_sets)
        self._by_name = {landmark_set.name: landmark_set for landmark_set in landmark_sets.values()}

    def read(
        self, content: bytes | dict[str, Any], header: RadiographHeader, info: Mapping[str, Any]
    ) -> tuple[LandmarkSet, Landmarks]:
        """Read a label with the set that ``info`` names, else with the one that knows all its points.

        Where several know them all, that of the model that predicted the points: a viewer need not name it.

        Args:
            content: a markups file, or a label in pixels (:class:`~lib.formats.pixel_labels.PixelLabel`).
            header: the radiograph it was made on.
            info: what is noted about the label; ``landmark_set`` or ``model`` tell the set.

        Raises:
            LabelError: the content is no label, or not of one of these sets; one sentence.
        """
        document = _document(content)
        if is_pixel_label(document):
            label = PixelLabel(document)
            landmark_set = self.choose(label.names(), label.models(), info)
            return landmark_set, label.landmarks(landmark_set, header.height, header.width)
        landmark_set = self._noted(info) or self._fitting(point_labels(content), predicting_models(content))
        return landmark_set, parse_markups(content, landmark_set, header)

    def all(self) -> list[LandmarkSet]:
        """The sets."""
        return list(self._by_name.values())

    def digest(self) -> str:
        """Changes whenever other labels could be read."""
        known = sorted((item.name, item.title, item.names) for item in self._by_name.values())
        return hashlib.sha256(repr(known).encode()).hexdigest()[:12]

    def choose(self, names: list[str], models: set[str], info: Mapping[str, Any]) -> LandmarkSet:
        """The set that ``info`` names, else the one that knows all the names; errors as :meth:`read`."""
        return self._noted(info) or self._fitting(names, models)

    def _noted(self, info: Mapping[str, Any]) -> LandmarkSet | None:
        name, model = info.get("landmark_set"), info.get("model")
        found = self._by_name.get(name) if isinstance(name, str) else None
        return found or (self._of_model.get(model) if isinstance(model, str) else None)

    def _fitting(self, labels: list[str], models: set[str]) -> LandmarkSet:
        unknown = {name: NameTable(landmark_set).unknown(labels) for name, landmark_set in self._by_name.items()}
        fitting = [name for name, labels_left in unknown.items() if not labels_left]
        if len(fitting) > 1:
            predicted = {self._of_model[model].name for model in models if model in self._of_model}
            fitting = [name for name in fitting if name in predicted] or fitting
        if len(fitting) > 1:
            raise LabelError(f"The label fits the landmark sets {', '.join(fitting)}: send the 'model' it is for.")
        if not fitting:
            nearest = min(unknown, key=lambda name: len(unknown[name]), default=None)
            if nearest is None:
                raise LabelError("This server has no landmark set to read a label with.")
            left = ", ".join(f"'{label[:80]}'" for label in unknown[nearest][:20])
            raise LabelError(f"Unknown landmark {left}: not in any set of this server; the nearest is '{nearest}'.")
        return self._by_name[fitting[0]]


def _document(content: bytes | dict[str, Any]) -> Any:
    """The label's JSON; what is none is left to the reader of markups files, which says so."""
    if isinstance(content, dict) or len(content) > MAX_BYTES:
        return content
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
