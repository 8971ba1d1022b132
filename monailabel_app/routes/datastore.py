"""Images and labels over HTTP: ``PUT /datastore/image`` and ``PUT /datastore/label``.

Upstream leaves the uploaded file in the temporary folder when a request is refused, and answers 500 to parameters that
are no JSON object.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC, User

from lib.radiographs import EXTENSIONS
from monailabel_app.datastores.rules import FINAL, MAX_IMAGE_BYTES, MAX_LABEL_BYTES
from monailabel_app.routes.received import json_object, store_upload

router = APIRouter(prefix="/datastore", tags=["Datastore"])
Annotator = Annotated[User, Depends(RBAC(settings.MONAI_LABEL_AUTH_ROLE_ANNOTATOR))]


@router.put("/image", summary="Upload a radiograph")
def put_image(
    request: Request,
    user: Annotator,
    file: Annotated[UploadFile, File()],
    image: str | None = None,
    params: Annotated[str, Form()] = "{}",
) -> dict[str, str]:
    """Store a radiograph under the id ``image``, or under its file's name."""
    info = _with_user(json_object(params), user)
    name = Path(file.filename or "").name
    extension = next((name[-len(known) :] for known in EXTENSIONS if name.lower().endswith(known)), Path(name).suffix)
    with tempfile.TemporaryDirectory(prefix="farnet-upload-") as folder:
        path = store_upload(file, Path(folder) / f"upload{extension}", MAX_IMAGE_BYTES)
        image_id = image or name.removesuffix(extension)
        return {"image": request.app.state.farnet.datastore().add_image(image_id, path, info)}


@router.put("/label", summary="Submit a label")
def put_label(
    request: Request,
    user: Annotator,
    image: str,
    label: Annotated[UploadFile, File()],
    params: Annotated[str, Form()] = "{}",
    tag: str = FINAL,
) -> dict[str, str]:
    """Store the landmarks of an image: a Slicer markups file, whatever its name."""
    info = _with_user(json_object(params), user)
    app = request.app.state.farnet
    with tempfile.TemporaryDirectory(prefix="farnet-upload-") as folder:
        path = store_upload(label, Path(folder) / "label.json", MAX_LABEL_BYTES)
        label_id = app.datastore().save_label(image, path, tag or FINAL, info)
    app.on_save_label(image, label_id)
    return {"image": image, "label": label_id}


def _with_user(info: dict[str, Any], user: User) -> dict[str, Any]:
    """Who is logged in, in whose name alone labels are kept then; without a login everybody is called 'admin'."""
    if not (settings.MONAI_LABEL_AUTH_ENABLE and user.username):
        return info
    return {**{key: value for key, value in info.items() if key != "annotator"}, "user": user.username}
