"""Makes the stock MONAI Label extension carry landmarks, by wrapping a few functions; no file of it is changed.

What the extension (0.8.5) does with point lists: it shows them, stacks those of another run on top, and loses every
point when a label is submitted. It also lets Slicer glue numbered files into a stack.

Wrapped is what the extension looks up at each call, and no slot of a button: those are bound when its panel is made,
which may have been before.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import slicer

from FARNetLandmarksLib import decisions, lists, submission
from FARNetLandmarksLib.review import listed
from FARNetLandmarksLib.trust import whole_text

TITLE = "FARNet Landmarks"
_ORIGINAL = "farnet_original"

_WRAPPED = {
    "MONAILabelWidget.updateSegmentationMask": ("self", "in_file", "labels"),
    "MONAILabelLogic.infer": ("self", "model", "image_in", "params"),
    "MONAILabelLogic.next_sample": ("self", "strategy", "params"),
    "MONAILabelLogic.save_label": ("self", "image_in", "label_in", "params"),
}
"""Functions of the extension and the arguments they must begin with."""
_CALLS = {
    "onClickSegmentation": "updateSegmentationMask",
    "onNextSampleButton": "next_sample",
    "onSaveLabel": "save_label",
}
"""What a method of the extension's panel has to call for our wrapping to have an effect."""


def faults(plugin: Any, sample_data: Any) -> list[str]:
    """How the MONAI Label extension differs from the one this module knows; empty where it does not.

    Args:
        plugin: its Python module ``MONAILabel``.
        sample_data: Slicer's Python module ``SampleData``.
    """
    found = []
    for name, expected in _WRAPPED.items():
        function = _original(*_owner_of(plugin, name))
        if function is None:
            found.append(f"{name} is gone")
        elif tuple(inspect.signature(function).parameters)[: len(expected)] != expected:
            found.append(f"{name} takes other arguments")
    for name, called in _CALLS.items():
        method = getattr(getattr(plugin, "MONAILabelWidget", None), name, None)
        if called not in getattr(getattr(method, "__code__", None), "co_names", ()):
            found.append(f"MONAILabelWidget.{name} no longer calls {called}")
    loader = _original(getattr(sample_data, "SampleDataLogic", None), "loadNode")
    if loader is None or "fileProperties" not in inspect.signature(loader).parameters:
        found.append("SampleData.loadNode takes other arguments")
    return found


def install(plugin: Any, sample_data: Any) -> str:
    """Wrap the extension's functions; once more changes nothing.

    Returns:
        Empty, or a sentence that says why nothing was wrapped.
    """
    if plugin is None:
        return "Install the MONAI Label extension (Extensions Manager) and restart Slicer: landmarks go through it."
    found = faults(plugin, sample_data)
    if found:
        uninstall(plugin, sample_data)
        return (
            f"The MONAI Label extension has changed ({'; '.join(found)}): landmarks can be looked at, but this "
            f"version of {TITLE} cannot submit them. Install a newer {TITLE}."
        )
    around: tuple[Callable[..., Any], ...] = (_show_result, _note_trust, _note_sample, submission.save_label)
    for name, function in zip(_WRAPPED, around):
        _wrap(*_owner_of(plugin, name), function)
    _wrap(sample_data.SampleDataLogic, "loadNode", _load_node)
    _wrap(slicer.util, "loadVolume", _load_volume)
    _watch(slicer.mrmlScene)
    return ""


def uninstall(plugin: Any, sample_data: Any) -> None:
    """Give the extension, and Slicer, their own functions back."""
    wrapped = [_owner_of(plugin, name) for name in _WRAPPED]
    wrapped += [(getattr(sample_data, "SampleDataLogic", None), "loadNode"), (slicer.util, "loadVolume")]
    for owner, name in wrapped:
        if hasattr(getattr(owner, name, None), _ORIGINAL):
            setattr(owner, name, _original(owner, name))
    _watch(None)


def _owner_of(plugin: Any, name: str) -> tuple[Any, str]:
    owner, _, function = name.partition(".")
    return getattr(plugin, owner, None), function


def _original(owner: Any, name: str) -> Any:
    function = getattr(owner, name, None)
    return getattr(function, _ORIGINAL, function)


def _wrap(owner: Any, name: str, around: Callable[..., Any]) -> None:
    original = _original(owner, name)

    @functools.wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return around(original, *args, **kwargs)

    setattr(wrapped, _ORIGINAL, original)
    setattr(owner, name, wrapped)


# --- the scene is closed -------------------------------------------------------------------------------------------

_watched: list[tuple[Any, int]] = []


def _watch(scene: Any) -> None:
    while _watched:
        owner, tag = _watched.pop()
        owner.RemoveObserver(tag)
    if scene is not None:
        _watched.append((scene, scene.AddObserver(slicer.vtkMRMLScene.EndCloseEvent, _scene_closed)))


def _scene_closed(*_: Any) -> None:
    """The extension's panel forgets the scene's settings, and finds them again only while it is in front itself."""
    _sample.clear()
    _trusts.clear()
    widget = getattr(slicer.modules, "MONAILabelWidget", None)
    if widget is not None and getattr(widget, "_parameterNode", True) is None:
        widget.initializeParameterNode()


# --- a prediction arrives ------------------------------------------------------------------------------------------

_trusts: dict[str, str] = {}
"""What the server says of the last prediction as a whole, by the file that it has come in."""


def _note_trust(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    answer = original(self, *args, **kwargs)
    file, params = answer
    _trusts.clear()
    _trusts[str(file)] = whole_text(params.get("trust") if isinstance(params, dict) else None)
    return answer


def _show_result(original: Any, self: Any, in_file: Any, labels: Any, *args: Any, **kwargs: Any) -> Any:
    """A point list or boxes replace the landmark list of the radiograph; all else is the extension's own business."""
    if not (isinstance(in_file, str) and in_file.endswith(".json")):
        return original(self, in_file, labels, *args, **kwargs)
    old = lists.list_of(slicer.mrmlScene, self._volumeNode)
    edited = [row.name for row in ([] if old is None else lists.rows_of(old)) if row.edited]
    if not lists.is_point_list(in_file):
        if not edited or _asked(edited, "Give that up for the boxes?"):
            _remove(old)
            return original(self, in_file, labels, *args, **kwargs)
        return True
    _replace(self, old, in_file, keep=bool(edited) and _asked(edited, "Keep that, and take only the others?"))
    return True


def _replace(self: Any, old: Any, in_file: str, *, keep: bool) -> None:
    decided = lists.rows_of(old) if keep else []
    node = slicer.util.loadMarkups(in_file)
    image = (self.current_sample or {}).get("id") or _sample.get("id", "")
    fetched = image == _sample.get("id") or not (self.current_sample or {}).get("session")
    node.SetAttribute(lists.TRUST, _trusts.pop(in_file, "") or None)
    lists.adopt(node, self._volumeNode, str(image), on_server=fetched)
    fault = lists.geometry_fault(node)
    decisions.take_over_edits(decided, node)
    _remove(old)
    if fault:
        slicer.util.warningDisplay(fault, windowTitle=TITLE)


def _remove(node: Any) -> None:
    if node is not None:
        slicer.mrmlScene.RemoveNode(node)


def _asked(edited: list[str], question: str) -> bool:
    done = f"You have decided about {listed(edited)}."
    return bool(slicer.util.confirmYesNoDisplay(f"{done}\n\n{question}", windowTitle=TITLE))


# --- a radiograph arrives ------------------------------------------------------------------------------------------

_sample: dict[str, str] = {}
"""Id of the last sample, file name of its download, its path where the server has told one, why it was chosen, or that
there is none; of this scene.
"""


def said_of_sample() -> str:
    """Why the server has chosen the last sample, or that there is none; empty where it does not say."""
    return _sample.get("why") or _sample.get("message", "")


def _note_sample(original: Any, self: Any, strategy: Any, params: Any) -> Any:
    answer = original(self, strategy, params)
    told = answer if isinstance(answer, dict) else {}
    _sample.clear()
    _sample.update({key: str(told[key]) for key in ("id", "name", "path", "why", "message") if told.get(key)})
    return answer


def _load_node(original: Any, self: Any, uri: str, name: str, *args: Any, **kwargs: Any) -> Any:
    """The download of a sample is one file: Slicer would take ``002.png`` beside ``001.png`` for the next slice."""
    if Path(uri).name != _sample.get("name"):
        return original(self, uri, name, *args, **kwargs)
    asked = inspect.signature(original).bind(self, uri, name, *args, **kwargs)
    asked.arguments["fileProperties"] = {"singleFile": True, **(asked.arguments.get("fileProperties") or {})}
    return original(*asked.args, **asked.kwargs)


def _load_volume(original: Any, filename: Any, *args: Any, **kwargs: Any) -> Any:
    """The same where the file lies in a folder that server and Slicer share."""
    if str(filename) != _sample.get("path"):
        return original(filename, *args, **kwargs)
    properties, rest = (args[0] if args else kwargs.pop("properties", None)), args[1:]
    return original(filename, {"singleFile": True, **(properties or {})}, *rest, **kwargs)
