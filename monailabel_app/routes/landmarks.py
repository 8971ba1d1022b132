"""Labels as viewers other than Slicer want them: ``GET /landmarks``, in pixels of the file as stored."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC, User

from lib.formats.pixel_labels import pixel_label_document
from monailabel_app.datastores.rules import FINAL, ORIGINAL, quoted
from monailabel_app.errors import NotFoundError

router = APIRouter(tags=["Datastore"])


@router.get("/landmarks", summary="The landmarks of a radiograph that are stored")
def stored_landmarks(
    request: Request,
    image: str,
    _: Annotated[User, Depends(RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER))],
    model: str | None = None,
) -> dict[str, Any]:
    """The submitted label of an image, else the stored prediction, else none: ``tag`` is then null.

    With ``model``, only a label of that model's landmark set. The points can be sent back to ``PUT /datastore/label``
    as they are.
    """
    app = request.app.state.farnet
    studies = app.datastore()
    wanted = app.configs[app.checked_trainer(model)].landmark_set.name if model else None
    found = studies.get_labels_by_image_id(image)
    if not found and not studies.has_image(image):
        raise NotFoundError(f"There is no image {quoted(image)} in the studies.")
    for tag in (FINAL, ORIGINAL):
        if tag in found:
            info = studies.get_label_info(image, tag)
            if wanted in (None, info.get("landmark_set")):
                document = pixel_label_document(studies.landmarks(image, tag))
                told = {key: value for key, value in info.items() if key != "params"}  # of a prediction: itself again
                return {"image": image, "tag": tag, "landmark_set": info.get("landmark_set"), "info": told, **document}
    return {"image": image, "tag": None, "landmark_set": None, "info": {}, "landmarks": []}
