"""A label leaves: the landmark list in place of the boxes or segments that the MONAI Label extension would send."""

from __future__ import annotations

import json
import tempfile
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


def save_label(original: Any, self: Any, image_in: Any, label_in: Any, params: Any) -> Any:
    """Around the extension's ``MONAILabelLogic.save_label``, through which every label goes to the server.

    Args:
        original: the extension's method.
        self: its logic.
        image_in: id of the image.
        label_in: the file that it would send; empty where our panel asks.
        params: what is noted about the label.

    Raises:
        SubmissionError: no landmark has a place.
    """
    node = None if label_in and _segments() else list_for(str(image_in))
    if node is None:
        return original(self, image_in, label_in, params)
    rows = lists.rows_of(node)
    if all(row.state != DEFINED for row in rows):
        raise SubmissionError("No landmark is placed: place at least one point before submitting.")
    with tempfile.NamedTemporaryFile(suffix=".mrk.json", dir=self.tmpdir, delete=False) as file:
        path = file.name
    lists.save(node, path)
    noted = {**params, "label_info": [{"name": row.name, "idx": row.index + 1} for row in rows]}
    if node.GetAttribute(lists.MODEL):
        noted["model"] = node.GetAttribute(lists.MODEL)
    answer = original(self, image_in, path, noted)
    node.SetAttribute(SUBMITTED, json.dumps(answer))
    return answer


def _segments() -> bool:
    """Whether the chosen model segments: then a label is its segments, whatever points there are."""
    widget = getattr(slicer.modules, "MONAILabelWidget", None)
    return widget is not None and _type_of_model(widget) not in ("", "detection")


def _type_of_model(widget: Any) -> str:
    model = widget.ui.segmentationModelSelector.currentText
    return str(widget.models[model]["type"]) if model else ""


def list_for(image_id: str) -> Any:
    """The newest landmark list of an image; None where there is none."""
    found = [node for node in lists.landmark_lists(slicer.mrmlScene) if node.GetAttribute(lists.IMAGE) == image_id]
    return found[-1] if found else None


def submit(widget: Any, node: Any) -> bool:
    """Submit a landmark list with the extension's panel; whether the server has taken it."""
    node.RemoveAttribute(SUBMITTED)
    if not widget.current_sample:
        slicer.util.errorDisplay("Connect, and open a radiograph with Next sample: these landmarks belong to none.")
        return False
    if _type_of_model(widget) == "detection":
        widget.onSaveLabel()
    else:  # without a model that finds landmarks, the extension would first make segments
        _submit_without_model(widget)
    return bool(node.GetAttribute(SUBMITTED))


def _submit_without_model(widget: Any) -> None:
    try:
        if widget.current_sample.get("session") and not widget.onUploadImage(init_sample=False):
            return
        widget.updateServerSettings()
        widget.logic.save_label(widget.current_sample["id"], "", {})
        widget.fetchInfo()
    except Exception as error:  # noqa: BLE001  the client raises bare exceptions; the annotator must see the sentence
        slicer.util.errorDisplay(f"The landmarks were not saved: {getattr(error, 'msg', error)}")
    else:
        slicer.util.infoDisplay("Landmarks saved into MONAI Label Server")
