"""The module as Slicer loads it: opened, left, closed; its self test; nothing forgotten in the build files."""

import importlib
import re
import sys
from pathlib import Path

import pytest
import slicer

from tests.slicer.qt_shim import application, qt

MODULE = Path(__file__).parents[2] / "slicer" / "FARNetLandmarks"


class Parent:
    """Slicer's place for a module's panel."""

    def __init__(self):
        self.widget = qt.QWidget()
        self._layout = qt.QVBoxLayout(self.widget)

    def layout(self):
        return self._layout


@pytest.fixture
def module(stock, monkeypatch):
    """``FARNetLandmarks.py``, imported in a Slicer that has the MONAI Label extension, with real Qt."""
    application()
    monkeypatch.setitem(sys.modules, "qt", qt)
    monkeypatch.setattr(slicer.util, "loadVolume", slicer.util.loadVolume)
    monkeypatch.setattr(slicer.util, "getModuleWidget", lambda name: stock.widget)
    for name in ("FARNetLandmarks", "FARNetLandmarksLib.panel"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("FARNetLandmarks")


def test_the_extension_carries_landmarks_as_soon_as_the_module_is_loaded(module, stock):
    parent = Parent()
    module.FARNetLandmarks(parent)
    assert (parent.title, parent.categories) == ("FARNet Landmarks", ["Active Learning"])
    assert not hasattr(stock.plugin.MONAILabelLogic.save_label, "farnet_original")
    qt.QApplication.processEvents()  # Slicer is up already: dragged onto it
    assert hasattr(stock.plugin.MONAILabelLogic.save_label, "farnet_original")
    startup = slicer.app.connect.call_args_list[-1].args
    assert startup == ("startupCompleted()", module.connect_extension)  # loaded with Slicer


def test_opening_leaving_and_closing_the_module(module, stock):
    widget = module.FARNetLandmarksWidget(Parent())
    widget.setup()
    widget.enter()
    slicer.app.layoutManager().setLayout.assert_called_with(slicer.vtkMRMLLayoutNode.SlicerLayoutOneUpRedSliceView)
    assert all(shortcut.isEnabled() for shortcut in widget.panel.shortcuts)
    assert widget.panel.fault.text() == ""
    assert widget.layout.count() == 1
    widget.exit()
    assert not any(shortcut.isEnabled() for shortcut in widget.panel.shortcuts)
    widget.cleanup()
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode")  # nobody listens any more, nothing fails


def test_the_self_test_for_a_full_slicer_passes_here(module, stock):
    check = module.FARNetLandmarksTest()
    check.runTest()
    assert check.told[-1] == "Test passed"


def test_without_the_extension_the_panel_says_what_to_install(module, monkeypatch):
    monkeypatch.delitem(sys.modules, "MONAILabel")
    widget = module.FARNetLandmarksWidget(Parent())
    widget.setup()
    widget.enter()
    assert widget.panel.fault.text().startswith("Install the MONAI Label extension")
    assert not widget.panel.connect_button.isEnabled()
    widget.cleanup()


def test_the_build_files_name_every_file_of_the_module():
    listed = set(re.findall(r"[$]{MODULE_NAME}[^\s)]*|Resources/[^\s)]+", (MODULE / "CMakeLists.txt").read_text()))
    listed = {name.replace("${MODULE_NAME}", "FARNetLandmarks") for name in listed}
    there = {str(path.relative_to(MODULE)) for path in MODULE.rglob("*.py")}
    there |= {str(path.relative_to(MODULE)) for path in MODULE.rglob("*.png")}
    assert {name for name in listed if "." in name} == there
