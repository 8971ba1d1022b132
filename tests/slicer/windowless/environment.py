"""The modules that Slicer's Python has and others have not."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
import slicer

from tests.slicer.windowless import scripted, widgets

_HERE = Path(__file__).parent


def stand_ins(patch: pytest.MonkeyPatch, settings: dict[str, Any]) -> None:
    """Put the modules where ``import`` finds them.

    Args:
        patch: takes them away again.
        settings: what ``QSettings`` reads and writes.
    """
    translation = ModuleType("slicer.i18n")
    translation.tr = lambda text: text  # type: ignore[attr-defined]
    translation.translate = lambda context, text: text  # type: ignore[attr-defined]
    found = {
        "qt": _qt(settings),
        "ctk": MagicMock(name="ctk", ctkSettingsPanel=type("ctkSettingsPanel", (), {})),
        "sitkUtils": MagicMock(name="sitkUtils"),
        "vtkSegmentationCore": MagicMock(name="vtkSegmentationCore"),
        "slicer.i18n": translation,
        "slicer.ScriptedLoadableModule": scripted,
        "SampleData": _fresh("SampleData", _HERE / "sample_data.py"),
    }
    for name, module in found.items():
        patch.setitem(sys.modules, name, module)
    patch.setattr(slicer, "i18n", translation, raising=False)
    patch.setattr(slicer, "ScriptedLoadableModule", scripted, raising=False)
    patch.setattr(slicer.util, "createProgressDialog", lambda **_: widgets.Widget())
    patch.setattr(slicer.util, "mainWindow", lambda: None)
    patch.setattr(slicer.util, "loadUI", lambda path: MagicMock(path=Path(path)))
    patch.setattr(slicer.util, "childWidgetVariables", lambda form: widgets.widgets_of(form.path))


@contextmanager
def importable(folder: Path, *names: str) -> Iterator[None]:
    """Modules of a folder can be imported within the block, and are imported anew in the next."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for module in list(sys.modules):
            if module.split(".")[0] in names:
                del sys.modules[module]


def _fresh(name: str, file: Path) -> ModuleType:
    """A module whose classes nobody else has."""
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _qt(settings: dict[str, Any]) -> MagicMock:
    class QSettings:
        def value(self, key: str, default: Any = None) -> Any:
            return settings.get(key, default)

        def contains(self, key: str) -> bool:
            return key in settings

        def setValue(self, key: str, value: Any) -> None:
            settings[key] = value

    return MagicMock(
        name="qt",
        QSettings=QSettings,
        QDialog=type("QDialog", (), {}),
        QWidget=type("QWidget", (), {}),
        QComboBox=widgets.ComboBox,
        QCheckBox=widgets.Button,
        QTableWidgetItem=widgets.TableItem,
        QTimer=widgets.Timer,
        Qt=SimpleNamespace(ToolTipRole=3, ItemIsEditable=2, WaitCursor=3),
    )
