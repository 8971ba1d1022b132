"""The panel: a table of landmarks and what can be done with them. Draws what the session says, and nothing else.

Written in what PythonQt (Slicer) and PySide6 (our tests) have in common: no property is read, enumerations stand on
their classes, signals are connected as attributes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt
import slicer

from FARNetLandmarksLib.aside import SampleRow
from FARNetLandmarksLib.bridge import TITLE
from FARNetLandmarksLib.lists import TRUST
from FARNetLandmarksLib.regions import show_region
from FARNetLandmarksLib.review import submission_question, summary
from FARNetLandmarksLib.session import ReviewSession
from FARNetLandmarksLib.stock import StockExtension
from FARNetLandmarksLib.table import LandmarkTable

ZOOMS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
JUMP = 3
"""Index of the zoom that a new panel has."""


class LandmarkPanel:
    """The panel's widget and what fills it.

    Args:
        session: the review of the landmarks.
        stock: the MONAI Label extension.
    """

    def __init__(self, session: ReviewSession, stock: StockExtension) -> None:
        self.session = session
        self.stock = stock
        self.widget = qt.QWidget()
        self.shortcuts: list[Any] = []
        self._sets: list[str] = []
        self._dressed: Any = None
        self._glyph_scale, self._names_shown = 2.5, True
        layout = qt.QVBoxLayout(self.widget)
        self._build_server(layout)
        self._build_table(layout)
        self._build_actions(layout)
        self._build_view(layout)
        self.submit_button = self._button(layout, "Accept all and submit", self.submit, "Ctrl+Return", SUBMIT_HELP)
        self.submit_button.setStyleSheet("font-weight: bold; padding: 6px")
        self.session.changed = self.refresh
        self.refresh()

    # --- building ------------------------------------------------------------------------------------------------

    def _build_server(self, layout: Any) -> None:
        self.fault = _words(layout, "color: #d73027; font-weight: bold")
        row = qt.QHBoxLayout()
        layout.addLayout(row)
        self.connect_button = self._button(row, "Connect", self.connect, "", "Ask the server of the MONAI Label module")
        self.server = qt.QLabel()
        row.addWidget(self.server, 1)
        self.samples = SampleRow(layout, self.next_sample, self.set_aside, self.take_back)
        row = qt.QHBoxLayout()
        layout.addLayout(row)
        self.run_button = self._button(row, "Predict", self.run, "", "Let the model chosen in MONAI Label predict")
        self.empty_button = self._button(row, "Empty list", self.empty_list, "", EMPTY_HELP)
        self.sets = qt.QComboBox()
        self.sets.setToolTip("The model whose landmarks an empty list has")
        row.addWidget(self.sets)

    def _build_table(self, layout: Any) -> None:
        self.count = _words(layout, "font-weight: bold")
        self.hint = _words(layout, "color: #7a5c00")
        self.progress = qt.QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setMaximumHeight(8)
        layout.addWidget(self.progress)
        self.by_confidence = qt.QCheckBox("Worst first")
        self.by_confidence.setChecked(True)
        self.by_confidence.setToolTip("Order by confidence; otherwise in the order of the landmark set")
        self.by_confidence.toggled.connect(self._sort)
        layout.addWidget(self.by_confidence)
        self.landmarks = LandmarkTable(self.session.go)
        self.table = self.landmarks.widget
        layout.addWidget(self.table, 1)
        self.definition = _words(layout, "")
        self.definition.setMinimumHeight(34)

    def _build_actions(self, layout: Any) -> None:
        grid = qt.QGridLayout()
        layout.addLayout(grid)
        session = self.session
        for place, (text, call, key, tip) in enumerate(
            (
                ("Previous", lambda: session.step(-1), "B", "Go to the landmark above"),
                ("Next", lambda: session.step(1), "N", "Go to the landmark below"),
                ("Accept", session.accept, "A", "It is right where it is; go to the next that is left"),
                ("Place", session.place, "P", "Click in the image to place it, then others without a place; Esc ends"),
                ("Skip", session.skip, "S", "It is not in this radiograph; once more takes that back"),
                ("Reset", session.reset, "Z", "Back to where the model had put it"),
                ("Occluded", session.toggle_occluded, "O", "It lies behind other anatomy and is inferred"),
                ("Whole image", session.show_all, "W", "Show the whole radiograph"),
            )
        ):
            holder = qt.QHBoxLayout()
            grid.addLayout(holder, place // 4, place % 4)
            self._button(holder, text, call, key, tip)
        self._shortcut("Esc", session.stop_placing)

    def _build_view(self, layout: Any) -> None:
        form = qt.QFormLayout()
        layout.addLayout(form)
        self.session.zoom = ZOOMS[JUMP]
        self.zoom = _slider(form, "Zoom on jump", (0, len(ZOOMS) - 1), JUMP, self._zoom)
        self.glyphs = _slider(form, "Size of points", (5, 60), 25, self._glyphs)
        self.names = qt.QCheckBox("Names in the image")
        self.names.setChecked(True)
        self.names.toggled.connect(self._show_names)
        form.addRow(self.names)

    def _button(self, layout: Any, text: str, call: Callable[[], object], key: str, tip: str) -> Any:
        button = qt.QPushButton(f"{text} ({key})" if len(key) == 1 else text)
        button.setToolTip(f"{tip}\nShortcut: {key}" if key else tip)
        button.clicked.connect(lambda *_: call())
        layout.addWidget(button)
        if key:
            self._shortcut(key, call)
        return button

    def _shortcut(self, key: str, call: Callable[[], object]) -> None:
        shortcut = qt.QShortcut(qt.QKeySequence(key), slicer.util.mainWindow() or self.widget)
        shortcut.setContext(qt.Qt.ApplicationShortcut)
        shortcut.setEnabled(False)  # until the module is entered: other modules have keys of their own
        shortcut.activated.connect(lambda: call())
        self.shortcuts.append(shortcut)

    # --- what the user asks for ----------------------------------------------------------------------------------

    def enter(self) -> None:
        """The module is in front: keys work, and the extension carries landmarks."""
        self.stock.open()
        self.show_fault(self.stock.connect())
        for shortcut in self.shortcuts:
            shortcut.setEnabled(True)
        self.refresh()

    def leave(self) -> None:
        """Another module is in front."""
        self.session.stop_placing()
        for shortcut in self.shortcuts:
            shortcut.setEnabled(False)

    def close(self) -> None:
        """The panel goes: its keys must not stay with Slicer's window."""
        self.leave()
        for shortcut in self.shortcuts:
            shortcut.deleteLater()
        self.shortcuts.clear()

    def show_fault(self, sentence: str) -> None:
        """Say what is wrong with the MONAI Label extension; nothing where nothing is."""
        self.fault.setText(sentence)
        self.fault.setVisible(bool(sentence))

    def connect(self) -> None:
        """Ask the server of the MONAI Label module what it has."""
        self.stock.fetch_info()
        self.refresh()

    def next_sample(self) -> None:
        """Open the next radiograph, as a whole, in its own plane."""
        self.session.current = None
        self.stock.next_sample()
        self.session.show_all()
        self.refresh()

    def set_aside(self, decision: str, reason: str) -> None:
        """Take the radiograph out of what is to be annotated, for now or for good, and open the next."""
        image = self.stock.image
        fault = self.stock.decide(image, decision, reason)
        if fault:
            slicer.util.errorDisplay(fault, windowTitle=TITLE)
        else:
            self.samples.put_aside(image, self.stock.server)
            self.next_sample()

    def take_back(self) -> None:
        """The radiograph that was set aside last is to be annotated after all."""
        fault = self.stock.decide(self.samples.aside, "none", "")
        if fault:
            slicer.util.errorDisplay(fault, windowTitle=TITLE)
        else:
            self.samples.put_aside("", "")
        self.refresh()

    def run(self) -> None:
        """Predict, and go to the landmark that needs it most."""
        self.stock.run()
        self.session.go_on()

    def empty_list(self) -> None:
        """Start without a model, with a landmark set of the server's."""
        model = str(self.sets.property("currentText") or "")
        if model:
            self.stock.empty_list(model)
            self.session.step(1)
            self.session.place()

    def submit(self) -> bool:
        """Accept what is predicted, and submit; whether the server has taken it."""
        node = self.session.node
        if node is None or not self.submit_button.isEnabled():
            return False
        self.session.stop_placing()
        question = submission_question(self.session.rows())
        if question and not slicer.util.confirmYesNoDisplay(question, windowTitle=TITLE):
            return False
        accepted = self.session.accept_all()
        taken = self.stock.submit(node)
        if not taken:
            self.session.take_back(accepted)
        return taken

    def _sort(self, by_confidence: bool) -> None:
        self.session.by_confidence = by_confidence
        self.refresh()

    def _zoom(self, step: int) -> None:
        self.session.zoom = ZOOMS[step]
        self.session.go(self.session.current)

    def _glyphs(self, size: int) -> None:
        self._glyph_scale = size / 10
        self._dress()

    def _show_names(self, shown: bool) -> None:
        self._names_shown = shown
        self._dress()

    def _dress(self) -> None:
        """Give the list's points the size, and the names, that are chosen here."""
        self._dressed = self.session.node
        display = None if self._dressed is None else self._dressed.GetDisplayNode()
        if display is not None:
            display.SetGlyphScale(self._glyph_scale)
            display.SetPointLabelsVisibility(self._names_shown)

    # --- drawing -------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Draw everything anew."""
        rows = self.session.rows()
        if self.session.node is not self._dressed:
            self._dress()
        self.server.setText(self.stock.server or "not connected: the address is set in the MONAI Label module")
        self.count.setText(summary(rows))
        undecided = any(row.is_left for row in rows)
        hint = self.session.node.GetAttribute(TRUST) or "" if undecided else ""
        self.hint.setText(hint)
        self.hint.setVisible(bool(hint))
        self.progress.setMaximum(max(len(rows), 1))
        self.progress.setValue(sum(not row.is_left for row in rows))
        self.landmarks.draw(rows, self.session.current)
        current = next((row for row in rows if row.name == self.session.current), None)
        show_region(self.session.scene, self.session.node, current)
        self.definition.setText("" if current is None else f"<b>{current.name}</b> {current.notes.definition}")
        self.submit_button.setEnabled(bool(rows) and not self.stock.fault)
        self.connect_button.setEnabled(self.stock.widget is not None)
        ready = bool(self.stock.server)
        self.samples.draw(
            server=self.stock.server,
            at_hand=bool(self.stock.image),
            strategy=self.stock.strategy,
            why=self.stock.said_of_sample,
        )
        self.run_button.setEnabled(ready and self.stock.volume is not None and bool(self.stock.model))
        self.empty_button.setEnabled(ready and self.stock.volume is not None and not rows)
        self._fill_sets()

    def _fill_sets(self) -> None:
        names = sorted(self.stock.landmark_sets())
        if names != self._sets:
            self._sets = names
            self.sets.clear()
            self.sets.addItems(names)
        self.sets.setVisible(len(names) > 1)


SUBMIT_HELP = "Accept all that is predicted where it is, and send the landmarks to the server"
EMPTY_HELP = "Place all landmarks by hand: for the first radiographs, while there is no model yet"


def _words(layout: Any, style: str) -> Any:
    label = qt.QLabel()
    label.setWordWrap(True)
    label.setStyleSheet(style)
    layout.addWidget(label)
    return label


def _slider(form: Any, text: str, ends: tuple[int, int], at: int, changed: Callable[[int], None]) -> Any:
    slider = qt.QSlider(qt.Qt.Horizontal)
    slider.setMinimum(ends[0])
    slider.setMaximum(ends[1])
    slider.setValue(at)
    slider.valueChanged.connect(changed)
    form.addRow(text, slider)
    return slider
