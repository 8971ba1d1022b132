"""The stock MONAI Label extension, as far as the panel uses it."""

from __future__ import annotations

import sys
from typing import Any

import slicer

from FARNetLandmarksLib import bridge, lists, submission


class StockExtension:
    """Asks the extension to do what its own buttons do, so that login, settings and training stay in one place."""

    def connect(self) -> str:
        """Make the extension carry landmarks; empty, or a sentence that says why it cannot."""
        plugin = sys.modules.get("MONAILabel")
        try:
            import SampleData
        except ImportError:
            return "Slicer's module Sample Data is switched off: switch it on in Edit, Application Settings, Modules."
        return bridge.install(plugin, SampleData)

    @property
    def widget(self) -> Any:
        """The extension's panel, made when it is first needed; None where the extension is not installed."""
        made = getattr(slicer.modules, "MONAILabelWidget", None)
        if made is None and "MONAILabel" in sys.modules:
            made = slicer.util.getModuleWidget("MONAILabel")
        return made

    @property
    def server(self) -> str:
        """Address and name of the server; empty before it has answered."""
        widget = self.widget
        return f"{widget.serverUrl()} · {widget.info.get('name', '')}" if widget is not None and widget.info else ""

    @property
    def volume(self) -> Any:
        """The radiograph at hand; None where there is none."""
        return None if self.widget is None else self.widget._volumeNode

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

    def run(self) -> None:
        """Let the chosen model predict."""
        self.widget.onClickSegmentation()

    def empty_list(self, model: str) -> Any:
        """An empty list of a model's landmarks on the radiograph at hand."""
        sample = self.widget.current_sample or {}
        node = lists.new_list(slicer.mrmlScene, self.landmark_sets()[model], self.volume, str(sample.get("id", "")))
        node.SetAttribute(lists.MODEL, model)
        return node

    def submit(self, node: Any) -> bool:
        """Submit a landmark list; whether the server has taken it."""
        return submission.submit(self.widget, node)
