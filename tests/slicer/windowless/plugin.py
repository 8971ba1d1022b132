"""The unmodified MONAI Label plugin as its user sees it, without windows."""

from __future__ import annotations

import importlib
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import slicer

from tests.slicer.mrml import Mrml
from tests.slicer.windowless.application import Dialogs, Told, application, modules
from tests.slicer.windowless.environment import importable, stand_ins

PLUGIN = Path(sys.prefix) / "monailabel/plugins/slicer/MONAILabel"


class StockPlugin:
    """The plugin in a Slicer with an empty scene.

    Args:
        mrml: the scene and what is around it.
        dialogs: what the user is told, and answers.
        settings: Slicer's settings.
        plugin: the plugin's Python module ``MONAILabel``.
        sample_data: the Python module ``SampleData``.
    """

    def __init__(
        self, mrml: Mrml, dialogs: Dialogs, settings: dict[str, Any], plugin: ModuleType, sample_data: ModuleType
    ) -> None:
        self.mrml = mrml
        self.dialogs = dialogs
        self.settings = settings
        self.plugin = plugin
        self.sample_data = sample_data

    # --- what a user does ----------------------------------------------------------------------------------------

    @cached_property
    def widget(self) -> Any:
        """The plugin's panel, opened when it is first asked for, as Slicer does."""
        widget = self.plugin.MONAILabelWidget()
        slicer.modules.MONAILabelWidget = widget
        widget.setup()
        widget.enter()
        return widget

    def connect(self, url: str) -> None:
        """Type a server's address and connect."""
        self.widget.ui.serverComboBox.setCurrentText(url)
        self.widget.ui.fetchServerInfoButton.click()

    def next_sample(self, strategy: str = "first") -> None:
        """Press *Next Sample*."""
        self.widget.ui.strategyBox.setCurrentText(strategy)
        self.widget.ui.nextSampleButton.click()

    def run(self, model: str = "farnet_demo") -> None:
        """Choose a model and press *Run*."""
        self.widget.ui.segmentationModelSelector.setCurrentText(model)
        self.widget.ui.segmentationButton.click()

    def submit(self) -> None:
        """Press *Submit Label*."""
        self.widget.ui.saveLabelButton.click()

    def train(self, model: str = "farnet_demo") -> None:
        """Choose a model and press *Train*."""
        self.widget.ui.trainerBox.setCurrentText(model)
        self.widget.ui.trainingButton.click()

    def stop(self) -> None:
        """Press *Stop*."""
        self.widget.ui.stopTrainingButton.click()

    def choose_option(self, section: str, name: str, key: str, value: str) -> None:
        """Change a row in the panel's table of options.

        Args:
            section: ``infer``, ``train``, ``activelearning`` or ``scoring``.
            name: a model, trainer or strategy.
            key: the row's text.
            value: what is chosen or typed.
        """
        ui = self.widget.ui
        ui.optionsSection.setCurrentText(section)
        ui.optionsName.setCurrentText(name)
        cell = ui.configTable.rows()[key]
        getattr(cell, "setCurrentText", getattr(cell, "setText", None))(value)

    # --- what a user sees ----------------------------------------------------------------------------------------

    @property
    def told(self) -> list[Told]:
        """The dialogs so far."""
        return self.dialogs.told

    def told_as(self, kind: str) -> list[str]:
        """The texts of the dialogs of a kind: ``info``, ``warning``, ``error``, ``question``."""
        return [dialog.text for dialog in self.told if dialog.kind == kind]

    @property
    def sample(self) -> dict[str, Any]:
        """What the server said of the image at work; empty without one."""
        return dict(self.widget.current_sample or {})

    @property
    def image_id(self) -> str | None:
        """The id of the image at work."""
        return self.sample.get("id")

    @property
    def volume(self) -> Any:
        """The volume node at work."""
        return self.widget._volumeNode

    def nodes(self, of_class: str) -> list[Any]:
        """All nodes of a class."""
        return self.mrml.nodes(of_class)

    def point_lists(self) -> list[Any]:
        """The point lists without the two that the plugin makes for clicks, ``P`` and ``N``."""
        return [node for node in self.nodes("vtkMRMLMarkupsFiducialNode") if node.GetName() not in ("P", "N")]

    def boxes(self) -> list[Any]:
        """The boxes around landmarks: the plugin's own have no points."""
        return [node for node in self.nodes("vtkMRMLMarkupsROINode") if node.GetNumberOfControlPoints()]

    def cache(self) -> Path:
        """The folder of downloads."""
        return Path(self.mrml.scene.GetCacheManager().GetRemoteCacheDirectory())


@contextmanager
def stock_plugin(folder: Path) -> Iterator[StockPlugin]:
    """The plugin, freshly imported, within the block; afterwards Python knows nothing of it and of its Slicer.

    Args:
        folder: for downloads and temporary files.
    """
    mrml, dialogs = Mrml(), Dialogs()
    # Slicer's settings panel shows "Auto-Run Pre-Trained Model" unticked, while the plugin without settings runs it
    settings: dict[str, Any] = {"MONAILabel/autoRunSegmentationOnNextSample": 0}
    cache = slicer.vtkCacheManager()
    mrml.scene.SetCacheManager(cache)
    (folder / "downloads").mkdir(parents=True)
    cache.SetRemoteCacheDirectory(str(folder / "downloads"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slicer, "mrmlScene", mrml.scene, raising=False)
        patch.setattr(slicer, "app", application(mrml), raising=False)
        patch.setattr(slicer, "modules", modules(mrml), raising=False)
        for name, function in dialogs.functions().items():
            patch.setattr(slicer.util, name, function)
        patch.setattr(slicer.util, "tempDirectory", lambda key="", **_: tempfile.mkdtemp(prefix=key, dir=folder))
        stand_ins(patch, settings)
        with importable(PLUGIN, "MONAILabel", "MONAILabelLib"):
            stock = StockPlugin(
                mrml, dialogs, settings, importlib.import_module("MONAILabel"), importlib.import_module("SampleData")
            )
            try:
                yield stock
            finally:
                close(stock)


def close(stock: StockPlugin) -> None:
    """Close the panel, if it has been opened, and the scene."""
    if "widget" in vars(stock):
        stock.widget.cleanup()
    stock.mrml.scene.Clear(1)
