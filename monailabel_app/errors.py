"""Errors that a client caused: it gets the status and one sentence, instead of the bare 500 of MONAI Label 0.8.5."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from fastapi import HTTPException

from lib.formats import LabelError
from lib.landmarks import LandmarksError, LandmarkSetError
from lib.radiographs import RadiographError


class ClientError(HTTPException):
    """A request that cannot be served as it is; ``str(error)`` is the sentence that the client reads.

    Args:
        sentence: what is wrong and what to do about it.
    """

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, sentence: str) -> None:
        # Half a surrogate pair, easily sent in JSON, would break the answer that quotes it.
        super().__init__(self.status, sentence.encode("utf-8", "replace").decode("utf-8"))

    def __str__(self) -> str:
        return str(self.detail)


class StudiesError(ClientError):
    """Something that the studies folder does not store, or not like this (422)."""


class NotFoundError(StudiesError):
    """An image or label that is not in the studies folder (404)."""

    status = HTTPStatus.NOT_FOUND


class ConflictError(StudiesError):
    """Something that would destroy what people have made (409)."""

    status = HTTPStatus.CONFLICT


class TooLargeError(StudiesError):
    """More bytes than the studies folder takes (413)."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class BusyError(StudiesError):
    """Another program writes into the studies folder and does not end (503)."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


@contextmanager
def client_errors() -> Iterator[None]:
    """Turn the errors of ``lib`` that people cause with their files into :class:`ClientError`, sentence kept."""
    try:
        yield
    except (LabelError, LandmarksError, LandmarkSetError, RadiographError) as error:
        raise ClientError(str(error)) from error
