"""Model files over HTTP: ``PUT`` and ``DELETE /model/{model}``."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, File, Request, UploadFile

from lib.checkpoints import ModelFileError, read_card
from monailabel_app.errors import ClientError
from monailabel_app.routes.versions import Admin, check_landmarks, configured, how, version_errors

router = APIRouter(tags=["Model"])


@router.put("/model/{model}", summary="Replace a model by a file")
def upload(
    request: Request,
    model: str,
    file: Annotated[UploadFile, File()],
    user: Admin,
) -> Any:
    """Serve an uploaded model file, after loading it, and keep the one before; upstream copies any file over it."""
    app = request.app.state.farnet
    config = app.configs[app.checked_trainer(model)]
    with tempfile.TemporaryDirectory(prefix="farnet-model-") as folder:
        path = Path(folder) / "uploaded model"
        with path.open("wb") as target:
            shutil.copyfileobj(file.file, target)
        try:
            check_landmarks(config, read_card(path), "The uploaded model")
            with version_errors():
                config.versions.publish(path, how(user), "uploaded")
        except ModelFileError as error:
            raise ClientError(str(error).replace(str(path), "The uploaded file")) from error
    return app.model_info(model)


@router.delete("/model/{model}", summary="Take the model in use out of use")
def withdraw(request: Request, model: str, user: Admin) -> dict[str, Any]:
    """Keep it as a version and serve the one that came with the app, if any.

    Upstream lets annotators do it, and moves away the file that came with the app as well.
    """
    with version_errors():
        return {"model": model, "withdrawn": configured(request, model).versions.withdraw(how(user))}
