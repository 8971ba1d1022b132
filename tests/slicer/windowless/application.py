"""``slicer.app`` and what Slicer's dialogs say, around a real scene."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import MagicMock

import slicer

from tests.slicer.mrml import Mrml
from tests.slicer.windowless.images import SUFFIXES, load_picture

# vtkSlicerVolumesLogic::LoadingOptions
_OPTIONS = {"labelmap": 1, "center": 2, "singleFile": 4, "autoWindowLevel": 8, "discardOrientation": 16}


class IOManager:
    """``qSlicerCoreIOManager`` for volumes and markups, by Slicer's own logics."""

    def __init__(self, mrml: Mrml) -> None:
        self._mrml = mrml

    def fileType(self, filename: str) -> str:
        return "MarkupsFile" if str(filename).endswith((".mrk.json", ".fcsv")) else "VolumeFile"

    def fileWriterFileType(self, node: Any) -> str:
        return "MarkupsFile" if node.IsA("vtkMRMLMarkupsNode") else "VolumeFile"

    def loadNodes(self, file_type: str, properties: dict[str, Any], loaded: Any = None, messages: Any = None) -> bool:
        readers = {"VolumeFile": self._load_volume, "MarkupsFile": self._load_markups}
        nodes = readers[file_type](properties)
        for node in nodes if loaded is not None else []:
            loaded.AddItem(node)
        return bool(nodes)

    def saveNodes(self, file_type: str, properties: dict[str, Any], messages: Any = None) -> bool:
        node = self._mrml.scene.GetNodeByID(properties["nodeID"])
        if node.GetStorageNode() is None:
            node.AddDefaultStorageNode()
        storage = node.GetStorageNode()
        storage.SetFileName(str(properties["fileName"]))
        return bool(storage.WriteData(node))

    def _load_volume(self, properties: dict[str, Any]) -> list[Any]:
        path = Path(properties["fileName"])
        name = properties.get("name", path.name.split(".")[0])
        if path.suffix.lower() in SUFFIXES:
            single = bool(properties.get("singleFile"))
            node = load_picture(self._mrml.scene, path, name, single_file=single)
        else:
            options = sum(flag for key, flag in _OPTIONS.items() if properties.get(key))
            node = self._mrml.volumes.AddArchetypeVolume(str(path), name, options)
        if node is None:
            return []
        if properties.get("show", True):
            self._mrml.app.GetSelectionNode().SetActiveVolumeID(node.GetID())
            self._mrml.app.PropagateVolumeSelection()
        return [node]

    def _load_markups(self, properties: dict[str, Any]) -> list[Any]:
        ids = self._mrml.markups.LoadMarkups(str(properties["fileName"]), properties.get("name"))
        return [self._mrml.scene.GetNodeByID(node_id) for node_id in (ids or "").split(",") if node_id]


class Told(NamedTuple):
    """A dialog that a user has seen: ``kind`` is ``info``, ``warning``, ``error`` or ``question``."""

    kind: str
    text: str
    detail: str


class Dialogs:
    """Slicer's dialogs with a user who answers as told before."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.ok = True
        self.yes = True

    def functions(self) -> dict[str, Any]:
        """By their names in ``slicer.util``."""
        return {
            "infoDisplay": lambda text, *_, **more: self._tell("info", text, more),
            "warningDisplay": lambda text, *_, **more: self._tell("warning", text, more),
            "errorDisplay": lambda text, *_, **more: self._tell("error", text, more),
            "confirmOkCancelDisplay": lambda text, *_, **more: self._tell("question", text, more, self.ok),
            "confirmYesNoDisplay": lambda text, *_, **more: self._tell("question", text, more, self.yes),
        }

    def _tell(self, kind: str, text: str, more: dict[str, Any], answer: bool | None = None) -> bool | None:
        self.told.append(Told(kind, text, more.get("detailedText") or ""))
        return answer


def application(mrml: Mrml) -> Any:
    """``slicer.app``: loads, saves, knows the application logic; anything else does nothing."""
    app = MagicMock(name="slicer.app")
    app.coreIOManager.return_value = IOManager(mrml)
    app.applicationLogic.return_value = mrml.app
    app.mrmlScene.return_value = mrml.scene
    app.commandOptions.return_value.noMainWindow = True
    return app


def modules(mrml: Mrml) -> SimpleNamespace:
    """``slicer.modules`` with the logics that are used."""
    segmentations = mrml.logic(slicer.vtkSlicerSegmentationsModuleLogic())
    logics = {"segmentations": segmentations, "markups": mrml.markups, "volumes": mrml.volumes}
    return SimpleNamespace(**{name: SimpleNamespace(logic=lambda it=logic: it) for name, logic in logics.items()})
