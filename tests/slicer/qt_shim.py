"""Slicer's ``qt``, made of PySide6: one flat namespace of Qt's own classes, as PythonQt has it."""

from __future__ import annotations

import os
import types
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
QtCore, QtGui, QtWidgets = (
    pytest.importorskip(f"PySide6.{part}", reason="Qt cannot be loaded, see scripts/test.sh", exc_type=ImportError)
    for part in ("QtCore", "QtGui", "QtWidgets")
)

qt = types.ModuleType("qt")
for part in (QtCore, QtGui, QtWidgets):
    vars(qt).update({name: getattr(part, name) for name in dir(part) if not name.startswith("_")})


def application() -> Any:
    """The one application that Qt wants before any widget."""
    running = QtWidgets.QApplication.instance()
    return running if isinstance(running, QtWidgets.QApplication) else QtWidgets.QApplication([])
