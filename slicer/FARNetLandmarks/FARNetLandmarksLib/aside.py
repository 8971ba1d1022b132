"""The next radiograph, or setting this one aside: later, or never and why. Written as the panel is, see there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import qt

MOST_LETTERS = 500
NEXT_HELP = "Open the next radiograph"
LATER_HELP = "Set this radiograph aside for another day, and open the next"
BACK_HELP = "The radiograph that was set aside last comes again"
REJECT_HELP = "It is not to be annotated; say why, and open the next"


class SampleRow:
    """Buttons for the next radiograph, a question that a rejection puts, and what the server says of its choice.

    Args:
        layout: gets them.
        forward: called for the next radiograph.
        decided: called with ``"defer"`` or ``"reject"``, and the reason.
        regretted: called to take the last decision back.

    Attributes:
        aside: the radiograph that was set aside last; empty where there is none.
    """

    aside = ""

    def __init__(
        self,
        layout: Any,
        forward: Callable[[], object],
        decided: Callable[[str, str], object],
        regretted: Callable[[], object],
    ) -> None:
        self._decided = decided
        self._server = ""
        self._asking = False
        row = qt.QHBoxLayout()
        layout.addLayout(row)
        self.next = _button(row, "Next sample", NEXT_HELP, forward)
        self.later = _button(row, "Later", LATER_HELP, lambda: decided("defer", ""))
        self.reject = _button(row, "Reject…", REJECT_HELP, lambda: self._ask(not self._asking))
        self.question = qt.QWidget()
        layout.addWidget(self.question)
        inner = qt.QHBoxLayout(self.question)
        inner.setContentsMargins(0, 0, 0, 0)
        self.reason = qt.QLineEdit()
        self.reason.setMaxLength(MOST_LETTERS)
        self.reason.setPlaceholderText("Why: blurred, wrong view, …")
        self.reason.returnPressed.connect(lambda: self._reject())
        inner.addWidget(self.reason, 1)
        self.confirm = _button(inner, "Reject", "Nobody will be asked to annotate it", self._reject)
        self.back = _button(layout, "", BACK_HELP, regretted)
        self.why = qt.QLabel()
        self.why.setWordWrap(True)
        layout.addWidget(self.why)
        self._ask(False)

    def put_aside(self, image: str, server: str) -> None:
        """Note what was set aside last, and where: another server may have a radiograph of the same id."""
        self.aside, self._server = image, server

    def draw(self, *, server: str, at_hand: bool, strategy: str, why: str) -> None:
        """Draw what may be done.

        Args:
            server: the one that has answered; empty where none has.
            at_hand: a radiograph of its is open.
            strategy: the one that chooses, and what it does.
            why: what the server says of its last choice.
        """
        ready = bool(server)
        self.next.setEnabled(ready)
        self.next.setToolTip(f"{NEXT_HELP}\n{strategy}".strip())
        for button in (self.later, self.reject, self.confirm):
            button.setEnabled(ready and at_hand)
        if not at_hand:
            self._ask(False)
        self.back.setText(f"Take back: {self.aside} is to be annotated")
        self.back.setVisible(bool(self.aside) and server == self._server)
        self.why.setText(why)
        self.why.setVisible(bool(why))

    def _ask(self, asking: bool) -> None:
        self._asking = asking
        self.question.setVisible(asking)
        self.reason.clear()
        if asking:
            self.reason.setFocus()

    def _reject(self) -> None:
        reason = str(self.reason.property("text")).strip()
        if reason:
            self._ask(False)
            self._decided("reject", reason)


def _button(layout: Any, text: str, tip: str, call: Callable[[], object]) -> Any:
    button = qt.QPushButton(text)
    button.setToolTip(tip)
    button.clicked.connect(lambda *_: call())
    layout.addWidget(button)
    return button
