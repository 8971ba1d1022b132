"""Labels as viewers other than Slicer want them: ``GET /landmarks``, in pixels of the file as stored.

``GET /landmarks/readings`` tells who has read a radiograph.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from monailabel.config import settings
from monailabel.endpoints.user.auth import RBAC, User

from lib.formats.pixel_labels import pixel_label_document
from lib.landmarks import Landmarks
from monailabel_app.datastores import StudiesFolder
from monailabel_app.datastores.rules import FINAL, ORIGINAL, quoted
from monailabel_app.errors import NotFoundError

router = APIRouter(tags=["Datastore"])


@router.get("/landmarks", summary="The landmarks of a radiograph that are stored")
def stored_landmarks(
    request: Request,
    image: str,
    _: Annotated[User, Depends(RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER))],
    model: str | None = None,
    annotator: str | None = None,
    reading: Annotated[int, Query(ge=1)] = 1,
) -> dict[str, Any]:
    """The submitted label of an image, else the stored prediction, else none: ``tag`` is then null.

    With ``annotator``, that person's own label or none; ``reading`` 2 is their second, independent one. With ``model``,
    only a label of that model's landmark set. The points can be sent back to ``PUT /datastore/label`` as they are. A
    prediction tells its ``pixel_spacing`` and ``trust``, as the answer of ``/infer/`` did.
    """
    app = request.app.state.farnet
    studies = app.datastore()
    wanted = app.configs[app.checked_trainer(model)].landmark_set.name if model else None
    found = studies.get_labels_by_image_id(image)
    if not found and not studies.has_image(image):
        raise NotFoundError(f"There is no image {quoted(image)} in the studies.")
    if annotator is not None:
        own = _own(studies, image, annotator, reading)
        return own if own is not None and wanted in (None, own["landmark_set"]) else _none(image)
    for tag in (FINAL, ORIGINAL):
        if tag in found:
            info = studies.get_label_info(image, tag)
            if wanted in (None, info.get("landmark_set")):
                return _answer(image, tag, info, studies.landmarks(image, tag))
    return _none(image)


@router.get("/landmarks/readings", summary="Who has read a radiograph")
def readings(
    request: Request, image: str, _: Annotated[User, Depends(RBAC(settings.MONAI_LABEL_AUTH_ROLE_USER))]
) -> dict[str, Any]:
    """Annotator and number of each reading, how many landmarks it places, of which set, and when (s since 1970)."""
    told = [
        {
            "annotator": one.annotator,
            "reading": one.number,
            "landmark_set": one.landmark_set,
            "placed": one.landmarks.num_placed(),
            "ts": one.info.get("ts"),
        }
        for one in request.app.state.farnet.datastore().annotations(image)
    ]
    return {"image": image, "readings": told}


def _own(studies: StudiesFolder, image: str, annotator: str, number: int) -> dict[str, Any] | None:
    try:
        own = studies.annotation(image, annotator, number)
    except NotFoundError:
        return None
    return _answer(image, FINAL, {**own.info, "landmark_set": own.landmark_set}, own.landmarks)


def _answer(image: str, tag: str, info: dict[str, Any], landmarks: Landmarks) -> dict[str, Any]:
    told = {key: value for key, value in info.items() if key != "params"}  # of a prediction: itself again
    params = info.get("params") if tag == ORIGINAL else None
    worth = (
        {key: params[key] for key in ("pixel_spacing", "trust") if key in params} if isinstance(params, dict) else {}
    )
    document = pixel_label_document(landmarks)
    return {"image": image, "tag": tag, "landmark_set": info.get("landmark_set"), "info": told, **worth, **document}


def _none(image: str) -> dict[str, Any]:
    return {"image": image, "tag": None, "landmark_set": None, "info": {}, "landmarks": []}
