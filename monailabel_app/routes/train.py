"""Training over HTTP: ``POST /train/{model}``."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from monailabel.config import settings
from monailabel.endpoints.train import run_model
from monailabel.endpoints.user.auth import RBAC, User

from lib.trainers import OptionsError
from lib.trainers.samples import NotEnoughLabelsError
from monailabel_app.errors import ClientError

router = APIRouter(tags=["Train"])


@router.post("/train/{model}", summary="Train a model on the submitted labels")
def train(
    request: Request,
    model: str,
    _: Annotated[User, Depends(RBAC(settings.MONAI_LABEL_AUTH_ROLE_ADMIN))],
    params: dict[str, Any] | None = None,
    run_sync: bool = False,
    enqueue: bool = False,
) -> Any:
    """Start a training; what cannot work is refused now, with a sentence, instead of failing in the background.

    Only the options themselves go on: upstream would let ``model`` overrule the address, and ``bundle_path``
    change what Python imports.
    """
    app = request.app.state.farnet
    task = app._trainers[app.checked_trainer(model)]
    try:
        options = task.check(params or {}, app.datastore())
    except (OptionsError, NotEnoughLabelsError) as error:
        raise ClientError(str(error)) from error
    return run_model(model, options.model_dump(), run_sync, enqueue)
