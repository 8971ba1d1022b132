"""Inference over HTTP: ``POST /infer/{model}`` and ``POST /batch/infer/{model}``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Depends, File, Form, Request, UploadFile
from monailabel.config import settings
from monailabel.endpoints.batch_infer import run as run_batch
from monailabel.endpoints.infer import ResultType, send_response
from monailabel.endpoints.user.auth import RBAC, User
from monailabel.interfaces.tasks.batch_infer import BatchInferImageType

from lib.radiographs import EXTENSIONS
from monailabel_app.datastores.rules import MAX_IMAGE_BYTES
from monailabel_app.errors import ClientError, NotFoundError
from monailabel_app.preannotation import without_prediction
from monailabel_app.routes.received import json_object, store_upload

router = APIRouter(tags=["Infer"])
Person = Annotated[User, Depends(RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER))]
BATCH_PARAMETERS = ("device", "images", "label_tag", "max_batch_size", "redo")


@router.post("/infer/{model}", summary="Find the landmarks of a radiograph")
def infer(
    request: Request,
    background: BackgroundTasks,
    model: str,
    _: Person,
    image: str = "",
    session_id: str = "",
    params: Annotated[str, Form()] = "{}",
    file: Annotated[UploadFile | None, File()] = None,
    output: ResultType | None = None,
) -> Any:
    """Landmarks of an image of the studies, of an uploaded file, or of a session.

    Answers the JSON result (``output=json``), the Slicer markups file (``output=image``), or both as multipart. Not
    ``async``, so that it runs beside the event loop: upstream answers nothing else during an inference. An upload is
    gone afterwards, also if it is refused; upstream's background tasks do not run then.
    """
    app = request.app.state.farnet
    app.checked_model(model)
    asked: dict[str, Any] = {**checked_params(params), "model": model, "image": image}
    if output == ResultType.dicom_seg:
        raise ClientError("Landmarks are no segmentation: ask for output=json or output=image.")
    with tempfile.TemporaryDirectory(prefix="farnet-upload-") as folder:
        if file is not None:
            # its place is its own: nobody will ask for that file again
            asked |= {"upload": _received(file, Path(folder)), "remember": False}
        elif session_id:
            asked["upload"] = _session_image(app, session_id)
        elif not image:
            raise ClientError("Say which radiograph: image=ID of the studies, or upload a file.")
        result = app.infer(asked)
    return send_response(app.datastore(), result, output, background)


@router.post("/batch/infer/{model}", summary="Find the landmarks of many radiographs")
def batch(
    request: Request,
    model: str,
    _: Annotated[User, Depends(RBAC(settings.MONAI_LABEL_AUTH_ROLE_ADMIN))],
    images: BatchInferImageType = BatchInferImageType.IMAGES_ALL,
    params: dict[str, Any] | None = None,
    run_sync: bool = False,
) -> Any:
    """Predict all, labelled or unlabelled images and store the results as ``original`` labels.

    Those that have a prediction of this version are left out unless ``redo`` is true: a batch that was interrupted goes
    on where it was. How far it has come tells ``GET /batch/infer/{model}``.
    """
    request.app.state.farnet.checked_model(model)
    # upstream would let the parameters overrule the model, and change what Python imports
    chosen = {key: value for key, value in (params or {}).items() if key in BATCH_PARAMETERS}
    limit, listed = chosen.get("max_batch_size", 0), chosen.get("images", [])
    if type(limit) is not int:
        raise ClientError("'max_batch_size' is a whole number.")
    if not isinstance(listed, str) and not (isinstance(listed, list) and all(isinstance(one, str) for one in listed)):
        raise ClientError("'images' is a list of ids.")
    return run_batch(model, images, chosen, run_sync)


@router.get("/batch/infer/{model}", summary="How many radiographs have a prediction")
def batch_progress(request: Request, model: str, _: Person) -> dict[str, Any]:
    """Of all and of the unlabelled radiographs, how many have a stored prediction of the version in use."""
    app = request.app.state.farnet
    version = app._infers[app.checked_model(model)].card().version
    studies = app.datastore()
    images, unlabelled = studies.list_images(), set(studies.get_unlabeled_images())
    left = without_prediction(studies, images, model, version)
    return {
        "model": model,
        "version": version,
        "images": {"total": len(images), "predicted": len(images) - len(left)},
        "unlabeled": {"total": len(unlabelled), "predicted": len(unlabelled) - len(unlabelled.intersection(left))},
    }


def checked_params(text: str) -> dict[str, Any]:
    """The parameters of a request; those that upstream would let overrule the request's own image or model are refused.

    Raises:
        ClientError: not a JSON object, or such a parameter.
    """
    params = json_object(text)
    for name in ("image", "model", "upload"):
        if name in params:
            raise ClientError(f"'{name}' belongs into the request itself, not into its parameters.")
    return params


def _received(file: UploadFile, folder: Path) -> Path:
    name = (file.filename or "").lower()
    extension = next((known for known in EXTENSIONS if name.endswith(known)), "")
    return store_upload(file, folder / f"upload{extension}", MAX_IMAGE_BYTES)


def _session_image(app: Any, session_id: str) -> Path:
    sessions = app.sessions()
    session = sessions.get_session(session_id) if sessions is not None else None
    if session is None:
        raise NotFoundError(f"There is no session '{session_id}': it has expired or never was.")
    return Path(session.image)
