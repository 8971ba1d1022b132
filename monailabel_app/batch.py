"""Predicting many radiographs in one request."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import HTTPException
from monailabel.interfaces.datastore import Datastore, DefaultLabelTag
from monailabel.interfaces.tasks.batch_infer import BatchInferTask, run_infer_task
from tqdm import tqdm

from monailabel_app.preannotation import without_prediction

logger = logging.getLogger(__name__)


class BatchPrediction(BatchInferTask):
    """One image after the other; a bad one costs a sentence, not the batch, and what is there already stays.

    Upstream divides by the number of GPUs and so fails on every server without one, and a single unreadable image
    ends it.

    Args:
        version: gives the version of a model's weights.
    """

    def __init__(self, version: Callable[[str], str]) -> None:
        self.version = version

    def __call__(
        self, request: Mapping[str, Any], datastore: Datastore, infer: Callable[..., dict[str, Any]]
    ) -> dict[str, Any]:
        """Predict and store as ``original`` labels; with ``redo`` also where this version's prediction is stored.

        Returns:
            For each image id the answer, or ``{"error": sentence}``.
        """
        images = sorted(self.get_images(request, datastore))
        if request.get("redo") is not True:
            model = str(request["model"])
            images = without_prediction(datastore, images, model, self.version(model))
        limit = int(request.get("max_batch_size", 0))
        images = images[:limit] if limit > 0 else images
        tag = request.get("label_tag", DefaultLabelTag.ORIGINAL.value)
        results: dict[str, Any] = {}
        for image in tqdm(images, desc="predicting", unit="image"):
            single = {"model": request.get("model"), "image": image, "save_label": True, "label_tag": tag}
            single["remember"] = False  # the answers that people have asked for last are kept instead
            if "device" in request:
                single["device"] = request["device"]
            try:
                results[image] = run_infer_task(single, datastore, infer)
            except HTTPException as error:
                logger.warning("%s: %s", image, error.detail)
                results[image] = {"error": str(error.detail)}
        return results
