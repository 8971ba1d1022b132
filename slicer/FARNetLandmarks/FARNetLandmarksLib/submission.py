"""A label leaves: the landmark list in place of the boxes that the MONAI Label extension would send.

:func:`write_label` and :func:`submit` stand around methods of the extension's widget, see the module ``bridge``.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import slicer

from FARNetLandmarksLib import lists
from FARNetLandmarksLib.review import DEFINED

SUBMITTED = "FARNet.Submitted"
"""Attribute of a list that the server has taken, with the server's answer."""


class SubmissionError(Exception):
    """Landmarks that cannot be submitted, and what to do; the extension shows ``msg``."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.msg = sentence


def write_label(original: Any, self: Any) -> Any:
    """The landmark list as the label; the extension's boxes where there is no list."""
    node = lists.list_of(slicer.mrmlScene, self._volumeNode)
    return original(self) if node is None else written_label(node, self.tmpdir)


def written_label(node: Any, folder: str) -> tuple[str, list[dict[str, Any]]]:
    """The file to send, and what is noted about its labels.

    Raises:
        SubmissionError: no landmark has a place.
    """
    rows = lists.rows_of(node)
    if all(row.state != DEFINED for row in rows):
        raise SubmissionError("No landmark is placed: place at least one point before submitting.")
    with tempfile.NamedTemporaryFile(suffix=".mrk.json", dir=folder, delete=False) as file:
        path = file.name
    lists.save(node, path)
    return path, [{"name": row.name, "idx": row.index + 1} for row in rows]


def submit(original: Any, self: Any) -> None:
    """Submit by the extension; where it has no model that finds landmarks, which it needs for that, by ourselves."""
    node = lists.list_of(slicer.mrmlScene, self._volumeNode)
    if node is None:
        original(self)
        return
    if not self.current_sample:
        slicer.util.errorDisplay("Open a radiograph with Next Sample first.", windowTitle="FARNet Landmarks")
        return
    model = self.ui.segmentationModelSelector.currentText
    by_extension = bool(model) and self.models[model]["type"] == "detection"
    with _watched(self.logic) as sent:
        original(self) if by_extension else _submit_directly(self, node)
    for path, answer in sent:
        if not lists.is_point_list(path):
            slicer.util.errorDisplay("The MONAI Label extension sent something else than the landmarks.")
        elif answer:
            node.SetAttribute(SUBMITTED, json.dumps(answer))


def _submit_directly(plugin_widget: Any, node: Any) -> None:
    sample = plugin_widget.current_sample
    try:
        if sample.get("session") and not plugin_widget.onUploadImage(init_sample=False):
            return
        path, label_info = written_label(node, plugin_widget.tmpdir)
        plugin_widget.updateServerSettings()
        params = {"label_info": label_info, "model": plugin_widget.ui.trainerBox.currentText}
        plugin_widget.logic.save_label(sample["id"], path, params)
        plugin_widget.fetchInfo()
    except Exception as error:  # noqa: BLE001  the client raises bare exceptions; the annotator must see the sentence
        slicer.util.errorDisplay(f"The landmarks were not saved: {getattr(error, 'msg', error)}")
    else:
        slicer.util.infoDisplay("Landmarks saved into MONAI Label Server")


@contextmanager
def _watched(logic: Any) -> Iterator[list[tuple[str, Any]]]:
    """What the server takes as labels within the block: the file and the server's answer."""
    sent: list[tuple[str, Any]] = []
    save_label = logic.save_label

    def noted(image_in: Any, label_in: str, params: Any) -> Any:
        answer = save_label(image_in, label_in, params)
        sent.append((label_in, answer))
        return answer

    logic.save_label = noted
    try:
        yield sent
    finally:
        del logic.save_label
