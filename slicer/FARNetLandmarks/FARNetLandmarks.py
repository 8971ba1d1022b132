"""FARNet Landmarks: check, correct and submit what a MONAI Label server has placed on a radiograph."""

from __future__ import annotations

import logging
import sys
from typing import Any

import numpy as np
import qt
import slicer
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)

from FARNetLandmarksLib import bridge, decisions, lists
from FARNetLandmarksLib.panel import LandmarkPanel
from FARNetLandmarksLib.session import ReviewSession
from FARNetLandmarksLib.stock import StockExtension

HELP = """
Landmarks on radiographs with a MONAI Label server that runs FARNet: <b>Connect</b>, <b>Next sample</b>, <b>Predict</b>,
look at the worst first, drag what is wrong, skip what is not there, <b>Accept all and submit</b>.<br>
Keys: N next, B back, A accept, P place, S skip, Z back to the prediction, O occluded, W whole image, Ctrl+Enter submit.
"""


class FARNetLandmarks(ScriptedLoadableModule):
    """What Slicer reads of the module; makes the MONAI Label extension carry landmarks as soon as both are loaded."""

    def __init__(self, parent: Any) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = "FARNet Landmarks"
        self.parent.categories = ["Active Learning"]
        self.parent.dependencies = []  # without MONAI Label the panel says so, instead of not being there
        self.parent.contributors = ["FARNet for MONAI Label"]
        self.parent.helpText = HELP
        self.parent.acknowledgementText = "For research use; not a medical device."
        slicer.app.connect("startupCompleted()", connect_extension)
        # dragged onto a Slicer that is already up; while it starts, MONAI Label may not be there yet
        qt.QTimer.singleShot(0, lambda: StockExtension().connect())


def connect_extension() -> None:
    """Make the MONAI Label extension carry landmarks, whether this module's panel is ever opened or not."""
    fault = StockExtension().connect()
    if fault:
        logging.warning(f"FARNet Landmarks: {fault}")


class FARNetLandmarksWidget(ScriptedLoadableModuleWidget):
    """The module's place in Slicer's window; everything in it is :class:`LandmarkPanel`."""

    def __init__(self, parent: Any = None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        self.session: ReviewSession | None = None
        self.panel: LandmarkPanel | None = None

    def setup(self) -> None:
        """Called when the module is opened for the first time."""
        ScriptedLoadableModuleWidget.setup(self)
        self.session = ReviewSession(slicer.mrmlScene, slicer.app.applicationLogic())
        self.panel = LandmarkPanel(self.session, StockExtension())
        self.layout.addWidget(self.panel.widget)

    def enter(self) -> None:
        """Called when the module comes to the front."""
        layouts = slicer.app.layoutManager()
        if layouts is not None:
            layouts.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
        if self.panel is not None:
            self.panel.enter()

    def exit(self) -> None:
        """Called when another module comes to the front."""
        if self.panel is not None:
            self.panel.leave()

    def cleanup(self) -> None:
        """Called when Slicer closes, or the module is reloaded."""
        if self.panel is not None:
            self.panel.close()
        if self.session is not None:
            self.session.close()

    def onReload(self) -> None:
        """Called by developers' *Reload*: Slicer reads this file anew, and shall read those beside it too."""
        bridge.uninstall(sys.modules.get("MONAILabel"), sys.modules.get("SampleData"))
        for name in [name for name in sys.modules if name.split(".")[0] == "FARNetLandmarksLib"]:
            del sys.modules[name]
        ScriptedLoadableModuleWidget.onReload(self)


class FARNetLandmarksLogic(ScriptedLoadableModuleLogic):
    """Slicer looks for it; what there is to know stands in FARNetLandmarksLib."""


class FARNetLandmarksTest(ScriptedLoadableModuleTest):
    """A check in a full Slicer, without a server: ``Reload and Test``, or ``Slicer --testing``."""

    def setUp(self) -> None:
        """Start with an empty scene."""
        slicer.mrmlScene.Clear()

    def runTest(self) -> None:
        """Run everything."""
        self.setUp()
        self.test_a_review()

    def test_a_review(self) -> None:
        """An empty list on a volume: place one landmark, skip the other, and the panel counts."""
        volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "radiograph")
        slicer.util.updateVolumeFromArray(volume, np.zeros((1, 200, 100), dtype=np.uint8))
        landmarks = [{"name": name, "definition": f"{name} of the test"} for name in ("A", "B")]
        node = lists.new_list(slicer.mrmlScene, {"title": "Test", "landmarks": landmarks}, volume, "radiograph")
        session = ReviewSession(slicer.mrmlScene, slicer.app.applicationLogic())
        panel = LandmarkPanel(session, StockExtension())
        decisions.put(node, 0, (12.5, 34.25))
        session.go("B")
        session.skip()
        self.assertEqual([row.status_text() for row in lists.rows_of(node)], ["placed", "skipped"])
        self.assertEqual(lists.rows_of(node)[0].pixel, (12.5, 34.25))
        panel.refresh()
        session.close()
        self.delayDisplay("Test passed")
