"""Model files over HTTP: ``PUT /model/{model}``."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Request, UploadFile
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC, User

from lib.checkpoints import ModelFileError, load_model
from lib.formats import copy_atomic
from monailabel_app.errors import ClientError

router = APIRouter(tags=["Model"])


@router.put("/model/{model}", summary="Replace a model by a file")
def upload(
    request: Request,
    model: str,
    file: Annotated[UploadFile, File()],
    _: Annotated[User, Depends(RBAC(settings.MONAI_LABEL_AUTH_ROLE_ADMIN))],
) -> Any:
    """Publish an uploaded model file, after loading it; upstream copies any file over the served model."""
    app = request.app.state.farnet
    config = app.configs[app.checked_trainer(model)]
    with tempfile.TemporaryDirectory(prefix="farnet-model-") as folder:
        path = Path(folder) / "uploaded model"
        with path.open("wb") as target:
            shutil.copyfileobj(file.file, target)
        try:
            _, card = load_model(path)
        except ModelFileError as error:
            raise ClientError(str(error).replace(str(path), "The uploaded file")) from error
        if card.landmark_set.names != config.landmark_set.names:
            raise ClientError(
                f"The uploaded model finds the landmarks of '{card.landmark_set.name}', "
                f"not those of '{config.landmark_set.name}'."
            )
        copy_atomic(path, config.published)
    return app.model_info(model)
