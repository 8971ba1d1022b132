"""A label leaves: the landmark list in place of the boxes that the MONAI Label extension would send."""

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
        label_in: the file that it would send: boxes, or segments, which stay what they are. Empty where our panel asks.
        params: what is noted about the label.

    Raises:
        SubmissionError: no landmark has a place, or they are not where they seem to be.
    """
    found = [node for node in lists.landmark_lists(slicer.mrmlScene) if node.GetAttribute(lists.IMAGE) == str(image_in)]
    if not found or (label_in and not str(label_in).endswith(".json")):
        return original(self, image_in, label_in, params)
    node = found[-1]
    path = _written(node, self.tmpdir)
    names = (node.GetNthControlPointLabel(index) for index in range(node.GetNumberOfControlPoints()))
    noted = {**params, "label_info": [{"name": name, "idx": number} for number, name in enumerate(names, 1)]}
    if node.GetAttribute(lists.MODEL):
        noted["model"] = node.GetAttribute(lists.MODEL)
    answer = original(self, image_in, path, noted)
    node.SetAttribute(SUBMITTED, json.dumps(answer))
    return answer


def _written(node: Any, folder: str) -> str:
    fault = lists.transform_fault(node)
    if fault:
        raise SubmissionError(fault)
    if all(row.state != DEFINED for row in lists.rows_of(node)):
        raise SubmissionError("No landmark is placed: place at least one point before submitting.")
    with tempfile.NamedTemporaryFile(suffix=".mrk.json", dir=folder, delete=False) as file:
        path = file.name
    lists.save(node, path)
    return path


def submit(widget: Any, node: Any) -> bool:
    """Submit a landmark list; whether the server has taken it.

    By the extension's own button where it would do the right thing: it needs a model that finds boxes, and the very
    sample that it has fetched. Otherwise by ourselves; for a scene of another day after asking, since another server
    may have another radiograph of the same id.
    """
    node.RemoveAttribute(SUBMITTED)
    model, sample = widget.ui.segmentationModelSelector.currentText, widget.current_sample or {}
    image, came_from_server = node.GetAttribute(lists.IMAGE), bool(node.GetAttribute(lists.ON_SERVER))
    is_sample, is_own = sample.get("id") == image, bool(sample.get("session"))
    of_another_day = bool(image) and came_from_server and not (is_sample and not is_own)
    if of_another_day:
        question = f"Submit these landmarks for the radiograph '{image}' of {widget.serverUrl()}?"
        if not slicer.util.confirmOkCancelDisplay(question):
            return False
    if is_sample and not of_another_day and widget.models.get(model, {}).get("type") == "detection":
        widget.onSaveLabel()
    else:
        _submit_directly(widget, node, upload=is_sample and is_own)
    return bool(node.GetAttribute(SUBMITTED))


def _submit_directly(widget: Any, node: Any, *, upload: bool) -> None:
    try:
        if not node.GetAttribute(lists.IMAGE):
            raise SubmissionError("these landmarks belong to no radiograph of the server; open one with Next sample.")
        if not node.GetAttribute(lists.ON_SERVER):
            if not upload:
                raise SubmissionError("their radiograph is not on the server; open it, and upload it in MONAI Label.")
            if not widget.onUploadImage(init_sample=False):
                return
            node.SetAttribute(lists.ON_SERVER, "1")
        widget.updateServerSettings()
        widget.logic.save_label(node.GetAttribute(lists.IMAGE), "", {})
        widget.fetchInfo()
    except Exception as error:  # noqa: BLE001  the client raises bare exceptions; the annotator must see the sentence
        slicer.util.errorDisplay(f"The landmarks were not saved: {getattr(error, 'msg', error)}")
    else:
        slicer.util.infoDisplay("Landmarks saved into MONAI Label Server")
