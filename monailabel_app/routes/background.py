"""Processes in the background never take code from where a client says."""

from __future__ import annotations

from typing import Any

from monailabel.utils.async_tasks import task


def refuse_bundles() -> None:
    """Leave ``bundle_path`` out of every request: MONAI Label 0.8.5 lets Python import from there.

    Any client that may ask for a scoring, a batch inference or a training could run code that lies on the server.
    """
    original = task.run_background_task

    def run(request: dict[str, Any], *arguments: Any, **named: Any) -> Any:
        kept = {key: value for key, value in request.items() if key != "bundle_path"}
        return original(kept, *arguments, **named)

    task.run_background_task = run
