"""The stock MONAI Label extension, as far as the panel uses it."""

from __future__ import annotations

import sys
from typing import Any

import slicer

from FARNetLandmarksLib import bridge, lists, submission
from FARNetLandmarksLib.asking import set_aside


class StockExtension:
    """Asks the extension to do what its own buttons do, so that login, settings and training stay in one place."""

    def __init__(self) -> None:
        self.fault = ""

    def connect(self) -> str:
        """Make the extension carry landmarks; empty, or a sentence that says why it cannot, kept as ``fault``."""
        plugin = sys.modules.get("MONAILabel")
        try:
            import SampleData
        except ImportError:
            self.fault = "Slicer's module Sample Data is off: see Edit, Application Settings, Modules, Modules to skip."
        else:
            self.fault = bridge.install(plugin, SampleData)
        return self.fault

    def open(self) -> None:
        """Have the extension's panel made, as Slicer does when its module is opened for the first time."""
        if self.widget is None and "MONAILabel" in sys.modules:
            slicer.util.getModuleWidget("MONAILabel")

    @property
    def widget(self) -> Any:
        """The extension's panel; None where it has not been opened, or the extension is not installed."""
        return getattr(slicer.modules, "MONAILabelWidget", None)

    @property
    def server(self) -> str:
        """Address and name of the server; empty before it has answered."""
        widget = self.widget
        return f"{widget.serverUrl()} · {widget.info.get('name', '')}" if widget is not None and widget.info else ""

    @property
    def model(self) -> str:
        """The model that predicts, as chosen in the extension; empty where the server has none with weights yet."""
        return "" if self.widget is None else str(self.widget.ui.segmentationModelSelector.currentText)

    @property
    def volume(self) -> Any:
        """The radiograph at hand; None where there is none."""
        return None if self.widget is None else self.widget._volumeNode

    @property
    def image(self) -> str:
        """Id of the radiograph at hand; empty where there is none, or it is not the server's."""
        sample = getattr(self.widget, "current_sample", None) or {}
        return "" if sample.get("session") else str(sample.get("id", ""))

    @property
    def strategy(self) -> str:
        """The strategy that is chosen in the extension, and what it does; empty before the server has answered."""
        widget = self.widget
        name = "" if widget is None else str(widget.ui.strategyBox.currentText)
        told = widget.info.get("strategies", {}).get(name, {}) if name else {}
        return f"{name}: {told['description']}" if told.get("description") else name

    @property
    def said_of_sample(self) -> str:
        """Why the server has chosen the last sample, or that there is none; empty where it does not say."""
        return bridge.said_of_sample()

    def landmark_sets(self) -> dict[str, dict[str, Any]]:
        """The landmark set of each model that the server can train."""
        trainers = self.widget.info.get("trainers", {}) if self.widget is not None else {}
        return {name: trainer["landmark_set"] for name, trainer in trainers.items() if trainer.get("landmark_set")}

    def fetch_info(self) -> None:
        """Ask the server what it has; its address is that of the MONAI Label module."""
        self.widget.onClickFetchInfo()

    def next_sample(self) -> None:
        """Open the next radiograph."""
        self.widget.onNextSampleButton()

    def decide(self, image: str, decision: str, reason: str) -> str:
        """Set a radiograph aside, or take that back; empty, or a sentence that says why that could not be done.

        Args:
            image: the radiograph's id.
            decision: ``defer``, ``reject`` or ``none``.
            reason: why.
        """
        return set_aside(self.widget, image, decision, reason)

    def run(self) -> None:
        """Let the chosen model predict."""
        self.widget.onClickSegmentation()

    def empty_list(self, model: str) -> Any:
        """An empty list of a model's landmarks on the radiograph at hand."""
        sample = self.widget.current_sample or {}
        image, own = str(sample.get("id", "")), bool(sample.get("session"))
        node = lists.new_list(slicer.mrmlScene, self.landmark_sets()[model], self.volume, image, on_server=not own)
        node.SetAttribute(lists.MODEL, model)
        return node

    def submit(self, node: Any) -> bool:
        """Submit a landmark list; whether the server has taken it."""
        return submission.submit(self.widget, node)
