"""The table of landmarks: name, confidence and radius, and where each stands on its way to a label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import qt

from FARNetLandmarksLib.review import Row, Status
from FARNetLandmarksLib.trust import radius_text, trust_text

COLUMNS = ("Landmark", "Confidence", "State")
STATE = 2
COLOURS = {
    Status.TO_PLACE: "#d73027",
    Status.UNSURE: "#e08214",
    Status.PREDICTED: "#808080",
    Status.ACCEPTED: "#1a9850",
    Status.MOVED: "#1a9850",
    Status.PLACED: "#1a9850",
    Status.SKIPPED: "#4575b4",
}


class LandmarkTable:
    """A table widget that shows rows.

    Args:
        chosen: called with a landmark's name when somebody chooses its row.
    """

    def __init__(self, chosen: Callable[[str], object]) -> None:
        self.widget = table = qt.QTableWidget()
        self._chosen = chosen
        self._names: list[str] = []
        self._drawn: dict[tuple[int, int], tuple[str, str, str]] = {}
        table.setColumnCount(len(COLUMNS))
        table.setHorizontalHeaderLabels(list(COLUMNS))
        table.setSelectionBehavior(qt.QAbstractItemView.SelectRows)
        table.setSelectionMode(qt.QAbstractItemView.SingleSelection)
        table.setEditTriggers(qt.QAbstractItemView.NoEditTriggers)
        table.verticalHeader().setVisible(False)
        table.verticalHeader().setDefaultSectionSize(22)
        table.horizontalHeader().setSectionResizeMode(0, qt.QHeaderView.Stretch)
        table.currentCellChanged.connect(lambda row, _column, _row, _before: self._choose(row))
        table.cellClicked.connect(lambda row, _column: self._choose(row))

    def draw(self, rows: Sequence[Row], current: str | None) -> None:
        """Draw what differs from what is drawn already: during a drag that is one cell, many times a second."""
        table = self.widget
        table.blockSignals(True)
        names = [row.name for row in rows]
        if names != self._names:
            self._names, self._drawn = names, {}
            table.setRowCount(len(rows))
        for place, row in enumerate(rows):
            for column, (text, tip) in enumerate(_texts(row)):
                look = (text, tip, COLOURS[row.status] if column == STATE else "")
                if self._drawn.get((place, column)) != look:
                    self._drawn[place, column] = look
                    table.setItem(place, column, _cell(*look))
            if row.name == current and table.currentRow() != place:
                table.setCurrentCell(place, 0)
        if current is None:
            table.setCurrentCell(-1, -1)
        table.blockSignals(False)

    def _choose(self, row: int) -> None:
        if 0 <= row < len(self._names):
            self._chosen(self._names[row])


def _texts(row: Row) -> tuple[tuple[str, str], ...]:
    """Text and tip of each cell."""
    notes = row.notes
    confidence = "" if notes.confidence is None else f"{notes.confidence:.2f}"
    sure = " ".join(part for part in (confidence, radius_text(notes)) if part)
    return (row.name, notes.definition), (sure, trust_text(notes)), (row.status_text(), notes.definition)


def _cell(text: str, tip: str, colour: str) -> Any:
    item = qt.QTableWidgetItem(text)
    item.setToolTip(tip)
    if colour:
        item.setForeground(qt.QBrush(qt.QColor(colour)))
    return item
