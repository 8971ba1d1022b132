"""Makes the stock MONAI Label extension carry landmarks, by wrapping a few of its methods; no file of it is changed.

What the extension (0.8.5) does with point lists: it shows them, stacks those of another run on top, and loses every
point when a label is submitted. It also lets Slicer glue numbered files into a stack.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import slicer

from FARNetLandmarksLib import lists, submission
from FARNetLandmarksLib.review import listed

_ORIGINAL = "farnet_original"

_PARAMETERS = {
    "updateSegmentationMask": ("self", "in_file", "labels"),
    "onGenerateJSONFromMulipltROIs": ("self",),
    "onNextSampleButton": ("self",),
    "onSaveLabel": ("self",),
}
_CALLS = {
    "onSaveLabel": "onGenerateJSONFromMulipltROIs",
    "onClickSegmentation": "updateSegmentationMask",
}
"""What a method of the extension has to call for our wrapping of the other to have an effect."""


def faults(plugin: Any, sample_data: Any) -> list[str]:
    """How the MONAI Label extension differs from the one this module knows; empty where it does not.

    Args:
        plugin: its Python module ``MONAILabel``; None where it is not installed.
        sample_data: Slicer's Python module ``SampleData``.
    """
    if plugin is None:
        return ["the MONAI Label extension is not installed"]
    widget = getattr(plugin, "MONAILabelWidget", None)
    found = []
    for name, expected in _PARAMETERS.items():
        method = _original(widget, name)
        if method is None:
            found.append(f"MONAILabelWidget.{name} is gone")
        elif tuple(inspect.signature(method).parameters)[: len(expected)] != expected:
            found.append(f"MONAILabelWidget.{name} takes other arguments")
    for name, called in _CALLS.items():
        method = _original(widget, name)
        if method is None or called not in method.__code__.co_names:
            found.append(f"MONAILabelWidget.{name} no longer calls {called}")
    loader = _original(getattr(sample_data, "SampleDataLogic", None), "loadNode")
    if loader is None or "fileProperties" not in inspect.signature(loader).parameters:
        found.append("SampleData.loadNode takes other arguments")
    return found


def install(plugin: Any, sample_data: Any) -> str:
    """Wrap the extension's methods; once more changes nothing.

    Returns:
        Empty, or a sentence that says why nothing was wrapped.
    """
    found = faults(plugin, sample_data)
    if plugin is None:
        return "Install the MONAI Label extension (Extensions Manager) and restart Slicer: landmarks go through it."
    if found:
        uninstall(plugin, sample_data)
        return (
            f"The MONAI Label extension has changed ({'; '.join(found)}): landmarks can be looked at, but this "
            "version of FARNet Landmarks cannot submit them. Install a newer FARNet Landmarks."
        )
    widget = plugin.MONAILabelWidget
    _wrap(widget, "updateSegmentationMask", _show_result)
    _wrap(widget, "onGenerateJSONFromMulipltROIs", submission.write_label)
    _wrap(widget, "onNextSampleButton", _next_sample)
    _wrap(widget, "onSaveLabel", submission.submit)
    _wrap(sample_data.SampleDataLogic, "loadNode", _load_node)
    return ""


def uninstall(plugin: Any, sample_data: Any) -> None:
    """Give the extension its own methods back."""
    widget, logic = getattr(plugin, "MONAILabelWidget", None), getattr(sample_data, "SampleDataLogic", None)
    for owner, names in ((widget, _PARAMETERS), (logic, ("loadNode",))):
        for name in names:
            if owner is not None and hasattr(getattr(owner, name, None), _ORIGINAL):
                setattr(owner, name, _original(owner, name))


def _original(owner: Any, name: str) -> Any:
    method = getattr(owner, name, None)
    return getattr(method, _ORIGINAL, method)


def _wrap(owner: Any, name: str, around: Callable[..., Any]) -> None:
    original = _original(owner, name)

    @functools.wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return around(original, *args, **kwargs)

    setattr(wrapped, _ORIGINAL, original)
    setattr(owner, name, wrapped)


# --- a prediction arrives ------------------------------------------------------------------------------------------


def _show_result(original: Any, self: Any, in_file: Any, labels: Any, *args: Any, **kwargs: Any) -> Any:
    """A point list replaces the landmark list of the radiograph; everything else is the extension's own business."""
    if not (isinstance(in_file, str) and lists.is_point_list(in_file)):
        return original(self, in_file, labels, *args, **kwargs)
    scene, volume = slicer.mrmlScene, self._volumeNode
    old = lists.list_of(scene, volume)
    old_rows = [] if old is None else lists.rows_of(old)
    keep = _wants_to_keep([row.name for row in old_rows if row.edited])
    node = slicer.util.loadMarkups(in_file)
    lists.adopt(node, volume, _image_id(self))
    fault = lists.geometry_fault(node)
    if keep:
        lists.take_over_edits(old_rows, node)
    if old is not None:
        scene.RemoveNode(old)
    if fault:
        slicer.util.warningDisplay(fault, windowTitle="FARNet Landmarks")
    return True


def _wants_to_keep(edited: list[str]) -> bool:
    if not edited:
        return False
    done = f"You have placed, moved or skipped {listed(edited)}."
    question = f"{done}\n\nKeep that, and take only the others from the model?"
    return bool(slicer.util.confirmYesNoDisplay(question, windowTitle="FARNet Landmarks"))


def _image_id(plugin_widget: Any) -> str:
    return str((plugin_widget.current_sample or {}).get("id", ""))


# --- a radiograph arrives ------------------------------------------------------------------------------------------

_single_files = [False]


def _next_sample(original: Any, self: Any) -> Any:
    """The next radiograph, its file alone: Slicer would take ``002.png`` beside ``001.png`` for the next slice."""
    load_volume = slicer.util.loadVolume

    def load_one(filename: str, properties: Any = None, *args: Any, **kwargs: Any) -> Any:
        return load_volume(filename, {"singleFile": True, **(properties or {})}, *args, **kwargs)

    _single_files[0], slicer.util.loadVolume = True, load_one
    try:
        return original(self)
    finally:
        _single_files[0], slicer.util.loadVolume = False, load_volume


def _load_node(
    original: Any,
    self: Any,
    uri: str,
    name: str,
    fileType: Any = "VolumeFile",  # noqa: N803  Slicer's name
    fileProperties: Any = None,  # noqa: N803
) -> Any:
    properties = dict(fileProperties or {})
    if _single_files[0] and fileType in (None, "VolumeFile"):
        properties.setdefault("singleFile", True)
    return original(self, uri, name, fileType, properties)
