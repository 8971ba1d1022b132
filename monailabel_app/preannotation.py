"""Predictions of many radiographs as ``original`` labels, which every viewer shows; what is there already stays."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lib.infers import LandmarkInferTask
from monailabel_app.datastores.rules import ORIGINAL
from monailabel_app.errors import client_errors


def without_prediction(studies: Any, images: Iterable[str], model: str, version: str) -> list[str]:
    """Those of the images that have no stored prediction of this version, so that a batch goes on where it was ended.

    Args:
        studies: the datastore.
        images: ids.
        model: name of the model.
        version: of its weights.
    """
    told = {image: studies.get_label_info(image, ORIGINAL) for image in images}
    return [image for image, info in told.items() if (info.get("model"), info.get("version")) != (model, version)]


def store_prediction(studies: Any, task: LandmarkInferTask, image: str, device: str) -> None:
    """Predict an image of the studies and store that.

    Raises:
        ClientError: the image cannot be read, or its prediction not be stored.
        ModelFileError: there are no usable weights.
    """
    with client_errors():
        spacing = studies.pixel_spacing(image).as_dict()
        request = {"image": studies.get_image_uri(image), "device": device, "pixel_spacing": spacing, "remember": False}
        path, params = task(request)
        assert path is not None  # noqa: S101 - for the type checker: it has a writer
        try:
            info = {"model": task.name, "version": params["version"], "params": params}
            studies.save_label(image, path, ORIGINAL, info)
        finally:
            Path(path).unlink(missing_ok=True)
