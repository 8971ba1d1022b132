"""MONAI Label's strategies: the next radiograph to annotate, and why that one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from monailabel.interfaces.tasks.strategy import Strategy

from lib.activelearning.scores import Score
from lib.activelearning.standing import Standing
from lib.activelearning.worklist import Part, Worklist

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
        drop_stale: takes images out of ``scores`` whose files have been replaced; whether there were any among these.
    """

    scores: Mapping[str, Score]
    model: str = ""
    unreadable: Collection[str] = ()
    drop_stale: Callable[[Iterable[str]], bool] = lambda _: False


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
        with worklist.lock:
            queue = self.queue(request, worklist, 1)
            if queue:
                return queue[0]
            if worklist.deferred:
                return {"id": worklist.deferred[0], "why": "It was put off, and nothing else is left."}
            if worklist.busy:
                return {"id": worklist.busy[0], "why": "It was handed out a while ago, and nothing else is left."}
            return None

    def queue(self, request: Mapping[str, Any], worklist: Worklist, count: int) -> list[dict[str, Any]]:
        """At most ``count`` free radiographs in the order in which they would be handed out, each with ``why``."""
        seed = request.get("seed", 0)
        seed = seed if isinstance(seed, int) else 0
        known = self.known(request)
        with worklist.lock:
            if self.name not in NEED_SCORES:
                return _told(Standing.of(worklist, seed).first(self.name, count), DESCRIPTIONS[self.name])
            images, scored = self._scored(worklist, seed, known, count)
            if not images:
                return _told(Standing.of(worklist, seed).first("random", count), _why_random(known, worklist))
            free = worklist.count(Part.FREE)
            part = "" if scored == free else f", of the {scored} of {free} that have a score so far"
            return _told(images, f"{DESCRIPTIONS[self.name]} ({known.model}{part})")

    def _scored(self, worklist: Worklist, seed: int, known: Known, count: int) -> tuple[list[str], int]:
        """The first of those with a score, and how many have one."""
        if not known.scores:
            return [], 0
        while True:
            standing = Standing.of(worklist, seed, known.scores)
            images = standing.first(self.name, count)
            if not known.drop_stale(images):
                return images, standing.scored()


def _told(images: Iterable[str], why: str) -> list[dict[str, Any]]:
    return [{"id": image, "why": f"{why}."} for image in images]


def _why_random(known: Known, worklist: Worklist) -> str:
    if not known.model:
        return "At random: there is no model yet that could say more"
    free = worklist.count(Part.FREE)
    if free and sum(worklist.part(image) is Part.FREE for image in set(known.unreadable)) == free:
        return f"At random: {known.model} cannot read those that are left; the server's log says why"
    return f"At random: {known.model} is still looking at the radiographs"
