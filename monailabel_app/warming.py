"""The first click should not wait for weights: they are loaded when the server has started, and after a training."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

from lib.infers import LandmarkInferTask

logger = logging.getLogger(__name__)


class Warming:
    """Loads the models that are served, one after the other, beside the server's requests.

    A request that comes meanwhile waits for the model it asks for, and does not load it a second time.

    Args:
        tasks: by model.
        device: where people's requests go that do not say it.
    """

    def __init__(self, tasks: Mapping[str, LandmarkInferTask], device: str = "cuda") -> None:
        self.tasks, self.device = tasks, device
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._versions: dict[str, str] = {}

    def begin(self) -> None:
        """Load what has not been loaded; does nothing where all is, or where it is being done."""
        with self._lock:
            if (self._thread is None or not self._thread.is_alive()) and self._cold():
                self._thread = threading.Thread(target=self._work, name="warming", daemon=True)
                self._thread.start()

    def wait(self, timeout: float) -> bool:
        """Wait until it is done; False where that takes too long."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def _cold(self) -> dict[str, str]:
        """Versions by model, of those that have not been loaded, nor failed to be."""
        versions = {name: str(task.card().version) for name, task in self.tasks.items() if task.is_valid()}
        return {name: version for name, version in versions.items() if self._versions.get(name) != version}

    def _work(self) -> None:
        while cold := self._cold():
            name, version = next(iter(cold.items()))
            self._versions[name] = version
            try:
                self.tasks[name].warm(self.device)
            except Exception:  # whatever it is, whoever asks for this model will be told
                logger.exception("Model '%s' cannot be loaded", name)
