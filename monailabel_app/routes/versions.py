"""Versions of models over HTTP: which there are, what differs between two, and going back to one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC, User

from lib.checkpoints import (
    ModelCard,
    UnknownVersionError,
    VersionError,
    compare_versions,
    describe_version,
)
from lib.configs import TaskConfig
from monailabel_app.errors import ClientError, NotFoundError

router = APIRouter(tags=["Model"])
Person = Annotated[User, Depends(RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER))]
Admin = Annotated[User, Depends(RBAC(settings.MONAI_LABEL_AUTH_ROLE_ADMIN))]


@router.get("/model/{model}/versions", summary="The versions of a model")
def list_versions(request: Request, model: str, _: Person) -> dict[str, Any]:
    """All versions that are kept, the newest first; which one is in use, which was before it, and every change."""
    versions = configured(request, model).versions
    return {
        "model": model,
        "previous": versions.previous(),
        "keep": versions.keep,
        "versions": [version.as_dict() for version in versions.list()],
        "history": [change.model_dump() for change in versions.history()],
    }


@router.get("/model/{model}/versions/{version}", summary="One version of a model")
def show_version(request: Request, model: str, version: str, _: Person) -> dict[str, Any]:
    """The version's card, and its errors on the held-out images landmark by landmark."""
    with version_errors():
        return {"model": model, **describe_version(configured(request, model).versions.get(version))}


@router.get("/model/{model}/diff", summary="What is different between two versions of a model")
def diff_versions(request: Request, model: str, first: str, _: Person, second: str | None = None) -> dict[str, Any]:
    """The second version against the first; without a second, the one in use."""
    versions = configured(request, model).versions
    with version_errors():
        other = versions.get(second) if second else versions.served()
        if other is None:
            raise NotFoundError(f"Model '{model}' has no weights yet: say which second version is meant.")
        return {"model": model, **compare_versions(versions.get(first), other)}


@router.post("/model/{model}/rollback", summary="Use an earlier version of a model again")
def rollback(
    request: Request, model: str, user: Admin, version: str | None = None, reason: str | None = None
) -> dict[str, Any]:
    """Serve a version byte for byte; without one, that which was served before the one in use."""
    config = configured(request, model)
    with version_errors():
        name = version or config.versions.previous()
        if name is not None:
            check_landmarks(config, config.versions.get(name).usable_card(), f"Version '{name}'")
        return {"model": model, **config.versions.rollback(name, reason or how(user)).as_dict()}


def configured(request: Request, model: str) -> TaskConfig:
    """A model of this server.

    Raises:
        NotFoundError: it has none of that name.
    """
    configs: dict[str, TaskConfig] = request.app.state.farnet.configs
    if model not in configs:
        raise NotFoundError(f"There is no model '{model}': this server has {', '.join(configs)}.")
    return configs[model]


def check_landmarks(config: TaskConfig, card: ModelCard, which: str) -> None:
    """Refuse a model that this server would not offer.

    Raises:
        ClientError: it is for other landmarks.
    """
    if card.landmark_set.names != config.landmark_set.names:
        raise ClientError(
            f"{which} finds the landmarks of '{card.landmark_set.name}', not those of '{config.landmark_set.name}'."
        )


def how(user: User) -> str:
    """Who it was; without a login MONAI Label calls everybody 'admin', which says nothing."""
    named = settings.MONAI_LABEL_AUTH_ENABLE and user.username
    return f"over HTTP by {user.username}" if named else "over HTTP"


@contextmanager
def version_errors() -> Iterator[None]:
    """Turn an unknown version into 404, and others that cannot be used into 422, sentence kept."""
    try:
        yield
    except UnknownVersionError as error:
        raise NotFoundError(str(error)) from error
    except VersionError as error:
        raise ClientError(str(error)) from error
