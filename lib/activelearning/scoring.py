"""Scoring: the model in use looks at every radiograph once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from heapq import nsmallest
from http import HTTPStatus
from itertools import chain, filterfalse, islice
from typing import Protocol

from fastapi import HTTPException
from filelock import FileLock, Timeout

from lib.activelearning.next_sample import Known
from lib.activelearning.scores import Score, ScoreFile, Scores
from lib.activelearning.second_opinion import SecondOpinion
from lib.checkpoints import ModelCard, ModelVersions
from lib.infers import LandmarkInferTask
from lib.pace import Pace, at_once, politely
from lib.radiographs import RadiographError

logger = logging.getLogger(__name__)

MOST = 2000
LOOKED_UP = 200
"""Of so many images a request looks up whether their files are still the same."""


class Studies(Protocol):
    """What scoring asks of a datastore."""

    def list_images(self) -> list[str]:
        """Ids of all images."""

    def get_unlabeled_images(self) -> list[str]:
        """Ids of those without a submitted label."""

    def get_image_uri(self, image_id: str) -> str:
        """Path of an image's file."""

    def stamps(self, images: Iterable[str]) -> dict[str, str]:
        """What tells whether an image's file has been replaced, of those that are there; nothing is fetched."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far scoring has come.

    Args:
        version: of the model.
        done: images that have a score.
        total: images that are to have one.
        unreadable: images that have none because their file cannot be read.
        running: somebody is at it now.
    """

    version: str
    done: int
    total: int
    unreadable: int = 0
    running: bool = False


class Scoring:
    """Scores for one model, as far as they are missing.

    Args:
        task: predicts.
        versions: of the model, for a second opinion.
        file: where scores are kept.
        most: of more unlabelled images so many are looked at, drawn at random, and of more labelled ones as many: an
            archive is not fetched whole to choose one radiograph.
    """

    def __init__(self, task: LandmarkInferTask, versions: ModelVersions, file: ScoreFile, most: int = MOST) -> None:
        self.task, self.file, self.most = task, file, most
        self.opinion = SecondOpinion(task, versions)
        self.unreadable: dict[tuple[str, str], str] = {}
        self._to_look_up: Iterator[str] = iter(())

    def scores(self, studies: Studies) -> dict[str, Score]:
        """Of the model in use, as far as an image is still the one that was looked at; errors as :meth:`missing`."""
        known = self.file.scores(self.task.card())
        stamps = studies.stamps(known)
        return {image: score for image, score in known.items() if stamps.get(image) == score.stamp}

    def known(self, studies: Studies) -> Known:
        """What a strategy may know; errors as :meth:`missing`.

        Whether images have been replaced is looked up for :data:`LOOKED_UP` of them at a time.
        """
        card = self.task.card()
        scores, unreadable = self.file.live(card), [image for of, image in list(self.unreadable) if of == card.version]
        self._drop_stale(studies, scores, self._next_to_look_up(scores))
        drop_stale = partial(self._drop_stale, studies, scores)
        return Known(scores, f"{self.file.model} {card.version}", unreadable, drop_stale)

    def missing(self, studies: Studies, *, disagreement: bool = False, pace: Pace[str] = at_once) -> list[str]:
        """Images without a score of the model in use, as far as they are to be looked at; unlabelled ones first.

        The order is random and always the same, so that a part of them is a fair choice.

        Args:
            studies: the radiographs.
            disagreement: those without a second opinion as well.
            pace: how to go through them.

        Raises:
            ModelFileError: there are no usable weights.
        """
        card = self.task.card()
        known, images, unlabelled = self.file.live(card), studies.list_images(), set(studies.get_unlabeled_images())
        sides = (filter(unlabelled.__contains__, images), filterfalse(unlabelled.__contains__, images))
        # Each at its own place, whatever others there are.
        looked_at = list(chain(*(nsmallest(self.most, pace(side), key=_drawn) for side in sides)))
        self._drop_stale(studies, known, looked_at)

        def lacks(image: str) -> bool:
            if (card.version, image) in self.unreadable:
                return False
            score = known.get(image)
            return score is None or (disagreement and image in unlabelled and score.disagreement is None)

        return [image for image in looked_at if lacks(image)]

    def progress(self, studies: Studies, *, running: bool = False) -> Progress:
        """How far it has come; errors as :meth:`missing`."""
        card = self.task.card()
        missing, known = len(self.missing(studies)), self.file.live(card)
        images = studies.list_images()
        unreadable = sum((card.version, image) in self.unreadable for image in images)
        done = sum(image in known for image in images)
        return Progress(card.version, done, done + unreadable + missing, unreadable, running)

    def _drop_stale(self, studies: Studies, scores: Scores, images: Iterable[str]) -> bool:
        """Drop the scores of those of these images that have been replaced; whether there were any."""
        stamps = studies.stamps([image for image in images if image in scores])
        stale = [image for image, stamp in stamps.items() if (score := scores.get(image)) and score.stamp != stamp]
        for image in stale:
            scores.put(image, None)
        return bool(stale)

    def _next_to_look_up(self, scores: Scores) -> list[str]:
        if len(scores) <= LOOKED_UP:
            return list(scores)
        images = list(islice(self._to_look_up, LOOKED_UP))
        if len(images) < LOOKED_UP:
            self._to_look_up = iter(list(scores))
        return images

    def is_outdated(self) -> bool:
        """Whether there are scores of another version than the one in use: somebody wants them, and they died."""
        if not self.task.is_valid():
            return False
        card = self.task.card()
        return self.file.has_others(card) and not self.file.live(card)

    def run(
        self,
        studies: Studies,
        device: str,
        *,
        disagreement: bool = False,
        go_on: Callable[[], bool] = lambda: True,
    ) -> Iterator[str]:
        """Score what is missing, one image each time the caller goes on; ends when another process is at it.

        Args:
            studies: the radiographs.
            device: ``cuda`` or ``cpu``.
            disagreement: ask for a second opinion as well.
            go_on: asked before each image; False ends it.

        Yields:
            The image that has been looked at.

        Raises:
            ModelFileError: there are no usable weights.
            HTTPException: a server of images is away.
        """
        card = self.task.card()
        with self._alone(card) as alone:
            self.unreadable.clear()  # somebody may have mended them
            for image in self.missing(studies, disagreement=disagreement, pace=politely) if alone else ():
                if not go_on() or self.task.card() != card:
                    return
                self._score(studies, image, card, device, disagreement=disagreement)
                yield image

    def _score(self, studies: Studies, image: str, card: ModelCard, device: str, *, disagreement: bool) -> None:
        try:
            path = studies.get_image_uri(image)
            if not path:
                return  # it has been removed
            stamp = studies.stamps([image]).get(image, "")
            found = self.task.predict(path, device)
            apart = self.opinion.distance(path, device, found) if disagreement else None
        except (RadiographError, HTTPException, OSError) as error:
            if isinstance(error, HTTPException) and error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise  # a server of images is away: no fault of the image
            reason = error.detail if isinstance(error, HTTPException) else error
            logger.warning("'%s' has no score: %s", image, reason)
            self.unreadable[card.version, image] = str(reason)
            return
        if found.card == card:  # otherwise another version was published in this moment
            self.file.add(card, image, Score(found.unsureness, found.features, apart, stamp))

    @contextmanager
    def _alone(self, card: ModelCard) -> Iterator[bool]:
        """Whether nobody else scores for this version."""
        self.file.folder.mkdir(exist_ok=True)
        lock = FileLock(self.file.path(card).with_suffix(".lock"), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()


def _drawn(image: str) -> bytes:
    return sha256(image.encode()).digest()
