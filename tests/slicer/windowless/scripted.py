"""The base classes of Slicer's module ``ScriptedLoadableModule``, as far as a module needs them without windows."""

from __future__ import annotations

import sys
import unittest
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import MagicMock

import slicer


class ScriptedLoadableModule:
    """What Slicer makes of a module at start-up."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent


class ScriptedLoadableModuleWidget:
    """A module's panel; its module is the one that is open."""

    def __init__(self, parent: Any = None) -> None:
        self.parent = parent or MagicMock(name="parent", isEntered=True)
        self.layout = self.parent.layout()
        self.moduleName = type(self).__name__.removesuffix("Widget")

    def setup(self) -> None:
        pass

    def resourcePath(self, filename: str) -> str:
        return str(Path(sys.modules[type(self).__module__].__file__).parent / "Resources" / filename)


class ScriptedLoadableModuleLogic:
    """A module's logic with its parameter node, which outlives the clearing of the scene."""

    def __init__(self, parent: Any = None) -> None:
        self.moduleName = type(self).__name__.removesuffix("Logic")

    def getParameterNode(self) -> Any:
        node = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
        if node is None:
            made = slicer.vtkMRMLScriptedModuleNode()
            made.SetSingletonTag(self.moduleName)
            node = slicer.mrmlScene.AddNode(made)
        node.SetAttribute("ModuleName", self.moduleName)
        return node


class ScriptedLoadableModuleTest(unittest.TestCase):
    """A module's self test; what it tells stands in ``told``."""

    told: ClassVar[list[str]] = []

    def runTest(self) -> None:
        pass

    def delayDisplay(self, text: str, *_: Any) -> None:
        self.told.append(text)


__all__ = [
    "ScriptedLoadableModule",
    "ScriptedLoadableModuleLogic",
    "ScriptedLoadableModuleTest",
    "ScriptedLoadableModuleWidget",
]
