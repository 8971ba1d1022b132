"""A check of labels in the background: one at a time, once for each state of labels and model."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Any

from lib.trainers.split import SplitError
from monailabel_app.checking import Checked, LabelChecker
from monailabel_app.errors import ClientError

logger = logging.getLogger(__name__)

_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a check stands.

    Args:
        checked: the last result; None where there is none yet.
        doing: what a check that runs is doing, for people; empty where none runs.
        fault: why the last check failed, a sentence; empty where it did not.
    """

    checked: Checked | None
    doing: str
    fault: str


class BackgroundCheck:
    """The check of the labels of one model's landmark set.

    Args:
        checker: what does it.
    """

    def __init__(self, checker: LabelChecker) -> None:
        self._checker = checker
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._checked: Checked | None = None
        self._state, self._doing, self._fault = "", "", ""

    @classmethod
    def of(cls, app: Any, model: str) -> BackgroundCheck:
        """That of a model of the app."""
        return cls(LabelChecker(app.datastore(), app.configs[model], app._infers[model]))

    def ask(self) -> Standing:
        """Where the check stands; begins one if labels or model are not those of the last one."""
        state = self._checker.state()
        with self._lock:
            if self._thread is not None and not self._thread.is_alive():
                self._thread = None
            fault, self._fault = self._fault, ""  # told once: whoever asks again lets it be tried again
            if self._thread is None and state != self._state and not fault:
                self._doing = "waiting for another check"
                self._thread = threading.Thread(target=self._run, args=(state,), name="label check", daemon=True)
                self._thread.start()
            return Standing(self._checked, self._doing if self._thread is not None else "", fault)

    def _run(self, state: str) -> None:
        with _ONE_AT_A_TIME:
            try:
                self._checked = self._checker.check(self._progress)
                self._state = state
            except (ClientError, SplitError) as error:
                self._fault = str(error)
            except Exception:
                logger.exception("The check of the labels failed")
                self._fault = "The check failed; the server's log says why."

    def _progress(self, what: str, done: int, total: int) -> None:
        self._doing = f"{what}, {done} of {total}"
