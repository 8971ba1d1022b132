"""The orders in which the radiographs of a worklist would be handed out, kept up to date image by image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lib.activelearning.order import MOST, ORDERS, Candidates, descending, drawn
from lib.activelearning.ranking import Ranking
from lib.activelearning.scores import Score, Scores
from lib.activelearning.worklist import Part, Worklist
from lib.changes import ChangeLog

AHEAD = 64
"""So many picks of a covering are planned at once."""
MANY = 8
"""So many standings of a worklist are kept, those that were asked for last."""
SEEN = (Part.LABELLED, Part.BUSY, Part.DEFERRED)
"""Parts of radiographs that need not be shown for what they have in common with others."""


class Standing:
    """What the strategies would hand out, by one seed and the scores of one model.

    Each order is the one of :data:`~lib.activelearning.order.ORDERS`, of the free radiographs that have a score where
    scores are given. Use it while the worklist's lock is held.

    A covering counts as seen what is labelled, in work or put off; of more than
    :data:`~lib.activelearning.order.MOST` radiographs that are, so many drawn at random by the seed.

    Args:
        worklist: the radiographs.
        seed: of the order at random.
        scores: by image; None for the strategies that need none.
    """

    def __init__(self, worklist: Worklist, seed: int, scores: Mapping[str, Score] | None) -> None:
        self._worklist, self._seed, self._scores = worklist, seed, scores
        self._marks: list[int | None] = [None, None]
        self._rankings: dict[str, Ranking] = {}
        self._plans: dict[str, _Plan] = {}
        self._drawn: dict[str, bytes] = {}

    @classmethod
    def of(cls, worklist: Worklist, seed: int, scores: Mapping[str, Score] | None = None) -> Standing:
        """That of a worklist, a seed and scores, brought up to date."""
        key = (cls, seed, id(scores))
        standing = worklist.kept.pop(key, None) or cls(worklist, seed, scores)
        worklist.kept[key] = standing  # the last one, and so the last to go; it keeps the scores, so the id is theirs
        while len(worklist.kept) > MANY:
            del worklist.kept[next(iter(worklist.kept))]
        standing.update()
        return standing

    def update(self) -> None:
        """Take over what has changed in the worklist and in the scores."""
        moved = self._changed(0, self._worklist.log)
        rescored = self._changed(1, self._scores.log) if isinstance(self._scores, Scores) else set()
        for image in moved | rescored:
            before = self._side(image)
            for name, ranking in self._rankings.items():
                ranking.put(image, self._key(name, image))
            for plan in self._plans.values():
                plan.note(image, before, self._side(image), rescored=image in rescored)

    def scored(self) -> int:
        """How many free radiographs have a score."""
        return len(self._ranking("candidates"))

    def first(self, strategy: str, count: int) -> list[str]:
        """At most ``count`` radiographs in the order of a strategy."""
        if strategy in ("hybrid", "diversity"):
            return self._covering(strategy, count)
        ranking = self._ranking(strategy)
        if strategy == "disagreement" and not any(np.isfinite(key[0]) for key in ranking.keys(1)):
            ranking = self._ranking("uncertainty")  # nobody has asked for a second opinion
        return ranking.first(count)

    def _covering(self, strategy: str, count: int) -> list[str]:
        plan = self._plans.get(strategy)
        rest = None if plan is None else plan.rest(count)
        if rest is None:
            # Of more candidates these are the part that stands for all, see order.MOST.
            images, seen = (self._ranking(side).first(MOST) for side in ("candidates", "seen"))
            candidates = _candidates(images, sorted(seen), self._scores or {})
            picks = [images[index] for index in ORDERS[strategy](candidates, self._seed, max(count, AHEAD))]
            self._plans[strategy] = _Plan(picks, is_all=len(picks) == self.scored())
            rest = picks[:count]
        if len(rest) < count:
            known = set(rest)
            rest += [image for image in self._ranking("candidates").first(count) if image not in known]
        return rest[:count]

    def _changed(self, number: int, log: ChangeLog) -> set[str]:
        self._marks[number], changed = log.since(self._marks[number])
        if changed is None:  # they are made anew when they are asked for
            self._rankings.clear()
            self._plans.clear()
            return set()
        return changed

    def _ranking(self, name: str) -> Ranking:
        if name not in self._rankings:
            keys = ((image, self._key(name, image)) for image in self._worklist.images())
            self._rankings[name] = Ranking()
            self._rankings[name].fill({image: key for image, key in keys if key is not None})
        return self._rankings[name]

    def _key(self, name: str, image: str) -> Any:
        """The place of an image in an order; None where it is not in it."""
        part = self._worklist.part(image)
        score = None if self._scores is None else self._scores.get(image)
        if name == "seen":
            return self._place(image) if part in SEEN and score is not None else None
        if part is not Part.FREE:
            return None
        if name == "first":
            return image
        if name == "random":
            return self._place(image)
        if score is None:
            return None
        if name == "candidates":
            return self._place(image)
        return descending(score.unsureness if name == "uncertainty" else score.disagreement), self._place(image)

    def _place(self, image: str) -> bytes:
        if image not in self._drawn:
            self._drawn[image] = drawn(self._seed, image)
        return self._drawn[image]

    def _side(self, image: str) -> str:
        return next((side for side in ("candidates", "seen") if image in self._rankings.get(side, ())), "")


class _Plan:
    """The picks of a covering one after the other, which hold as long as nothing else has happened.

    When the first pick is handed out, it counts as seen: what is best then is the second pick, since nothing that the
    gains are made of is different.

    Args:
        picks: the images.
        is_all: they are all that there are.
    """

    def __init__(self, picks: Sequence[str], *, is_all: bool) -> None:
        self._picks, self._is_all = list(picks), is_all
        self._handed: set[str] = set()
        self._holds = True

    def note(self, image: str, before: str, after: str, *, rescored: bool) -> None:
        """Something about an image is different."""
        if before == "candidates" and after == "seen" and image in self._picks and not rescored:
            self._handed.add(image)
        elif before != after or (rescored and after):
            self._holds = False

    def rest(self, count: int) -> list[str] | None:
        """The next ``count`` picks; None where they have to be made anew."""
        done = len(self._handed)
        picks = self._picks[done : done + count]
        holds = self._holds and self._handed == set(self._picks[:done])
        return picks if holds and (len(picks) == count or self._is_all) else None


def _candidates(images: Sequence[str], seen: Sequence[str], scores: Mapping[str, Score]) -> Candidates:
    return Candidates(
        images,
        unsureness=np.array([scores[image].unsureness for image in images]),
        features=np.array([scores[image].features for image in images], dtype=np.float64),
        labelled=np.array([scores[image].features for image in seen], dtype=np.float64),
    )
