"""A random choice among the radiographs without a label, those that were shown longest ago first."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any

from monailabel.interfaces.tasks.strategy import Strategy


class LeastShown(Strategy):
    """Random, weighted by the time since an image was last handed out.

    Upstream's ``Random`` does the same but fails with "Total of weights must be greater than zero" when every image
    left was handed out within this second, as happens with the last one.
    """

    def __init__(self) -> None:
        super().__init__("Random, not shown lately")

    def __call__(self, request: Mapping[str, Any], datastore: Any) -> dict[str, Any] | None:
        """``{"id": image}``, or None when every image has a label."""
        images = sorted(datastore.get_unlabeled_images())
        if not images:
            return None
        now, name = int(time.time()), request.get("strategy", "random")
        shown = (datastore.notes(image).get("strategy", {}).get(name, {}).get("ts", 0) for image in images)
        return {"id": random.choices(images, weights=[max(1, now - last) for last in shown])[0]}
