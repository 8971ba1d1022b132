"""MONAI Label's strategies: the next radiograph to annotate, and why that one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from monailabel.interfaces.tasks.strategy import Strategy

from lib.activelearning.order import ORDERS, Candidates
from lib.activelearning.scores import Score
from lib.activelearning.worklist import Worklist

DESCRIPTIONS = {
    "random": "At random, the same order each time",
    "hybrid": "Unsure and typical: the one that stands for most of what is unsure and has no label like it",
    "uncertainty": "Unsure: the one with the largest error to be expected",
    "diversity": "Typical: the one that stands for most of what has no label like it, as the network sees them",
    "disagreement": "Disputed: where the model and the version before it, or another view, disagree most",
    "first": "In the order of their names",
}
"""By name; the first is the default, since no other saved labels where it was measured, see
``benchmarks/active_learning.md``. Those that :data:`NEED_SCORES` are random while there are none."""
NEED_SCORES = ("hybrid", "uncertainty", "diversity", "disagreement")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the radiographs when one is asked for.

    Args:
        scores: by image.
        model: name and version that made them; empty where no model has weights.
        unreadable: the images that have none because their files cannot be read.
    """

    scores: Mapping[str, Score]
    model: str = ""
    unreadable: Collection[str] = ()


class NextSample(Strategy):
    """One strategy of :data:`DESCRIPTIONS`.

    What others are working on, what was put off and what was rejected is left out; what was put off, and then what
    was handed out longest ago, comes when nothing else is left.

    Args:
        name: of the strategy.
        known: gives the scores of the model that a request asks about.
    """

    def __init__(self, name: str, known: Callable[[Mapping[str, Any]], Known]) -> None:
        super().__init__(DESCRIPTIONS[name])
        self.name, self.known = name, known

    def __call__(self, request: Mapping[str, Any], datastore: Any) -> dict[str, Any] | None:
        """``{"id": image, "why": sentence}``, or None when nothing is left."""
        worklist = Worklist.of(datastore)
        queue = self.queue(request, datastore, worklist, 1)
        if queue:
            return queue[0]
        if worklist.deferred:
            return {"id": worklist.deferred[0], "why": "It was put off, and nothing else is left."}
        if worklist.busy:
            return {"id": worklist.busy[0], "why": "It was handed out a while ago, and nothing else is left."}
        return None

    def queue(self, request: Mapping[str, Any], datastore: Any, worklist: Worklist, count: int) -> list[dict[str, Any]]:
        """At most ``count`` free radiographs in the order in which they would be handed out, each with ``why``."""
        seed = request.get("seed", 0)
        seed = seed if isinstance(seed, int) else 0
        known = self.known(request)
        free = list(worklist.free)
        scored = [image for image in free if image in known.scores]
        if self.name not in NEED_SCORES:
            return self._told(free, ORDERS[self.name](_unscored(free), seed, count), DESCRIPTIONS[self.name])
        if not scored:
            why = _why_random(known, free)
            return self._told(free, ORDERS["random"](_unscored(free), seed, count), why)
        seen = (set(datastore.list_images()) - set(free) - worklist.rejected.keys()) & known.scores.keys()
        candidates = _candidates(scored, sorted(seen), known.scores)
        part = "" if len(scored) == len(free) else f", of the {len(scored)} of {len(free)} that have a score so far"
        why = f"{DESCRIPTIONS[self.name]} ({known.model}{part})"
        return self._told(scored, ORDERS[self.name](candidates, seed, count), why)

    def _told(self, images: Sequence[str], order: Any, why: str) -> list[dict[str, Any]]:
        return [{"id": images[int(index)], "why": f"{why}."} for index in order]


def _unscored(images: Sequence[str]) -> Candidates:
    nothing = np.zeros((len(images), 0))
    return Candidates(images, np.zeros(len(images)), nothing, nothing[:0])


def _candidates(images: Sequence[str], seen: Sequence[str], scores: Mapping[str, Score]) -> Candidates:
    disputed = [scores[image].disagreement for image in images]
    some = any(value is not None for value in disputed)
    return Candidates(
        images,
        unsureness=np.array([scores[image].unsureness for image in images]),
        features=np.array([scores[image].features for image in images], dtype=np.float64),
        labelled=np.array([scores[image].features for image in seen], dtype=np.float64),
        disagreement=np.array([np.nan if value is None else value for value in disputed]) if some else None,
    )


def _why_random(known: Known, free: Sequence[str]) -> str:
    if not known.model:
        return "At random: there is no model yet that could say more"
    if free and set(free) <= set(known.unreadable):
        return f"At random: {known.model} cannot read those that are left; the server's log says why"
    return f"At random: {known.model} is still looking at the radiographs"
