"""Stand-ins for the Qt widgets that the MONAI Label plugin reads from; they hold what is put into them."""

from __future__ import annotations

import inspect
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock


class Widget:
    """Signals and slots; anything else is accepted and does nothing."""

    def __init__(self) -> None:
        self.enabled = True
        self.toolTip = ""
        self._slots: list[tuple[str, Callable[..., Any]]] = []
        self._blocked = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return MagicMock(name=name)

    def connect(self, signal: str, slot: Callable[..., Any]) -> None:
        self._slots.append((signal, slot))

    def emit(self, signal: str, *values: Any) -> None:
        """Call the slots; errors come out here, while PythonQt prints them where hardly anybody looks."""
        for connected, slot in list(self._slots):
            if connected == signal and not self._blocked:
                slot(*values[: _taken(slot)])

    def blockSignals(self, block: bool) -> bool:
        before, self._blocked = self._blocked, block
        return before

    def setEnabled(self, enabled: Any) -> None:
        self.enabled = bool(enabled)

    def setToolTip(self, text: str) -> None:
        self.toolTip = text


def _taken(slot: Callable[..., Any]) -> int | None:
    """How many values of a signal PythonQt passes on: all to a function with ``*args``, whatever it wraps."""
    function = getattr(slot, "__func__", slot)
    code = function.__code__
    return None if code.co_flags & inspect.CO_VARARGS else code.co_argcount - (function is not slot)


class Button(Widget):
    """A push button or a check box."""

    def __init__(self) -> None:
        super().__init__()
        self.checked = False

    def setChecked(self, checked: bool) -> None:
        self.checked = bool(checked)

    def click(self) -> None:
        """What the mouse does; it cannot press what is greyed."""
        assert self.enabled, "the button is greyed"
        self.emit("clicked(bool)", self.checked)


class ComboBox(Widget):
    """Texts to choose from; an editable one also takes other texts."""

    def __init__(self, *, editable: bool = False) -> None:
        super().__init__()
        self.items: list[str] = []
        self._index = -1
        self._editable = editable
        self._typed: str | None = None

    @property
    def count(self) -> int:
        return len(self.items)

    @property
    def currentIndex(self) -> int:
        return self._index

    @property
    def currentText(self) -> str:
        return self.itemText(self._index) if self._typed is None else self._typed

    @currentText.setter
    def currentText(self, text: str) -> None:
        self.setCurrentText(text)

    def itemText(self, index: int) -> str:
        return self.items[index] if 0 <= index < self.count else ""

    def findText(self, text: str) -> int:
        return self.items.index(text) if text in self.items else -1

    def setCurrentIndex(self, index: int) -> None:
        index = index if 0 <= index < self.count else -1
        changed, self._index, self._typed = index != self._index, index, None
        if changed:
            self.emit("currentIndexChanged(int)", index)

    def setCurrentText(self, text: str | None) -> None:
        if self._editable:
            self._typed = text or ""
        elif text in self.items:
            self.setCurrentIndex(self.findText(text))

    def addItem(self, *icon_text_data: Any) -> None:
        texts = [value for value in icon_text_data[:2] if isinstance(value, str)]
        if not texts:
            raise TypeError(f"a combo box holds texts, not {icon_text_data}")
        self.items.append(texts[0])
        if self._index < 0:
            self.setCurrentIndex(0)

    def addItems(self, texts: list[str]) -> None:
        for text in texts:
            self.addItem(text)

    def clear(self) -> None:
        self.items.clear()
        self.setCurrentIndex(-1)


class ProgressBar(Widget):
    """A whole number from 0 to 100."""

    def __init__(self) -> None:
        super().__init__()
        self.value = 0

    def setValue(self, value: float) -> None:
        if 0 <= int(value) <= 100:
            self.value = int(value)


class TableItem:
    """A cell with a text."""

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"a cell holds a text, not {text!r}")
        self._text = text

    def text(self) -> str:
        return self._text

    def setText(self, text: str) -> None:
        self._text = text

    def flags(self) -> int:
        return 63

    def setFlags(self, flags: int) -> None:
        pass


class Table(Widget):
    """Cells with texts or widgets."""

    def __init__(self) -> None:
        super().__init__()
        self.rowCount = 0
        self._cells: dict[tuple[int, int], Any] = {}

    def clear(self) -> None:
        self._cells.clear()

    def setRowCount(self, count: int) -> None:
        self.rowCount = count

    def setItem(self, row: int, column: int, item: TableItem) -> None:
        self._cells[row, column] = item

    def setCellWidget(self, row: int, column: int, widget: Widget) -> None:
        self._cells[row, column] = widget

    def item(self, row: int, column: int) -> TableItem | None:
        cell = self._cells.get((row, column))
        return cell if isinstance(cell, TableItem) else None

    def cellWidget(self, row: int, column: int) -> Widget | None:
        cell = self._cells.get((row, column))
        return cell if isinstance(cell, Widget) else None

    def rows(self) -> dict[str, Any]:
        """The cell or widget of each row by the text before it."""
        return {self._cells[row, 0].text(): self._cells[row, 1] for row in range(self.rowCount)}


class Timer(Widget):
    """A timer that fires when told."""

    def __init__(self) -> None:
        super().__init__()
        self.running = False

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False

    def fire(self) -> None:
        assert self.running, "the timer does not run"
        self.emit("timeout()")


_KINDS = {
    "QPushButton": Button,
    "QCheckBox": Button,
    "QComboBox": ComboBox,
    "ctkComboBox": ComboBox,
    "QProgressBar": ProgressBar,
    "QTableWidget": Table,
}


def widgets_of(form: Path) -> SimpleNamespace:
    """A stand-in for each widget of a form drawn with Qt Designer, by its name."""
    return SimpleNamespace(
        **{element.attrib["name"]: _widget(element) for element in ET.parse(form).getroot().iter("widget")}
    )


def _widget(element: ET.Element) -> Widget:
    kind = _KINDS.get(element.attrib["class"], Widget)
    if kind is ComboBox:
        return ComboBox(editable=element.findtext("property[@name='editable']/bool") == "true")
    return kind()
