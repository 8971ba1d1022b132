"""Scoring beside the server's requests: one thread, never a queue of duplicates, and predictions go first."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import Any

from fastapi import HTTPException

from lib.activelearning import DESCRIPTIONS, NEED_SCORES, Known, NextSample, Progress, Scoring
from lib.checkpoints import ModelFileError

logger = logging.getLogger(__name__)

PATIENCE = 20.0
"""A look that has found nothing to score is not repeated for so many times as long as it took."""
POLITE_S = 1.0
"""After a person's request the next image waits so long: mostly another request follows."""


class BackgroundScoring:
    """Scores what is missing whenever somebody has asked for it.

    Upstream starts a process with each *Next sample* and queues them: three clicks are three more of them. Here asking
    again while it runs changes nothing.

    Args:
        scoring: by model.
        studies: gives the datastore.
        device: where to predict.
    """

    def __init__(self, scoring: Mapping[str, Scoring], studies: Callable[[], Any], device: str = "cuda") -> None:
        self.scoring, self.studies, self.device = scoring, studies, device
        self._wanted: dict[str, bool] = {}
        self._complete_until: dict[tuple[str, bool], float] = {}
        self._running: str | None = None
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self._people = 0
        self._last_person = 0.0

    def want(self, model: str, *, disagreement: bool = False) -> None:
        """Let the scores of a model be completed, some time soon."""
        with self._change:
            if time.monotonic() < self._complete_until.get((model, disagreement), 0.0):
                return
            self._wanted[model] = self._wanted.get(model, False) or disagreement
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="scoring", daemon=True)
                self._thread.start()

    def get_ready(self) -> None:
        """Bring radiographs and scores into order beside the requests, lest the first who asks for one waits for it."""
        threading.Thread(target=self._get_ready, name="getting ready", daemon=True).start()

    def renew(self) -> None:
        """Begin with the scores of versions that have taken the place of one with scores."""
        for model, scoring in self.scoring.items():
            if scoring.is_outdated():
                self.want(model)

    def progress(self, model: str) -> dict[str, Any]:
        """How far a model's scores are; what :class:`~lib.activelearning.Progress` has.

        Raises:
            ModelFileError: it has no usable weights.
        """
        found: Progress = self.scoring[model].progress(self.studies(), running=self._running == model)
        return asdict(found)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Within it a person waits for a prediction, and scoring looks at no other image."""
        with self._change:
            self._people += 1
        try:
            yield
        finally:
            with self._change:
                self._people -= 1
                self._last_person = time.monotonic()
                self._change.notify_all()

    def idle(self, timeout: float) -> bool:
        """Wait until nothing is wanted; False where that takes too long."""
        with self._change:
            return self._change.wait_for(lambda: not self._wanted and self._running is None, timeout)

    def _get_ready(self) -> None:
        try:
            studies = self.studies()
            known = [scoring.known(studies) for scoring in self.scoring.values() if scoring.task.is_valid()]
            for name in DESCRIPTIONS:
                for one in known if name in NEED_SCORES else [Known({})]:
                    NextSample(name, partial(_given, one))({}, studies)
        except Exception:  # who asks then will be told
            logger.exception("The radiographs were not brought into order")

    def _work(self) -> None:
        while (job := self._next()) is not None:
            model, disagreement = job
            begun, found = time.monotonic(), False
            try:
                for _ in self.scoring[model].run(self.studies(), self.device, disagreement=disagreement):
                    found = True
                    self._let_people_pass()
                if not found:
                    now = time.monotonic()
                    self._complete_until[model, disagreement] = now + PATIENCE * (now - begun)
            except (ModelFileError, HTTPException) as error:
                logger.warning("No more scores of %s for now: %s", model, getattr(error, "detail", error))
            except Exception:  # the thread must go on, whatever one model or disk does
                logger.exception("Scoring of %s ended", model)

    def _next(self) -> tuple[str, bool] | None:
        with self._change:
            if not self._wanted:
                self._running, self._thread = None, None
                self._change.notify_all()
                return None
            model = next(iter(self._wanted))
            self._running = model
            return model, self._wanted.pop(model)

    def _let_people_pass(self) -> None:
        with self._change:
            self._change.wait_for(lambda: self._people == 0)
            quiet = time.monotonic() - self._last_person
        if quiet < POLITE_S:
            time.sleep(POLITE_S - quiet)


def _given(known: Known, _: Mapping[str, Any]) -> Known:
    return known
