"""The infer task: a radiograph in, a Slicer markups file and JSON out."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.inferers import Inferer, SimpleInferer
from monailabel.interfaces.tasks.infer_v2 import InferType
from monailabel.tasks.infer.basic_infer import BasicInferTask
from torch import Tensor, nn

from lib.checkpoints import ModelCard, ModelFileError, Trained, load_trained, read_card
from lib.formats import SHAPES, json_text, markups_document, result_document
from lib.infers.prediction import Prediction, prediction_of
from lib.landmarks import LandmarkSet
from lib.networks import DeviceError, FARNet, channels_last, choose_device
from lib.radiographs import PixelSpacing
from lib.transforms import ExamineMapsd, FitToInputd, LoadRadiographd, MapDecoder

logger = logging.getLogger(__name__)

TAKEN = ("image", "device", "pixel_spacing", "skip_writer", "result_type")
"""What a request may say. Others would reach the transforms as data, or change the server for all, as ``logging``."""

FileKey = tuple[str, int, int, int]
"""Path, inode, time in nanoseconds, size: changes whenever the file is replaced, be it by one of its size."""


class InferError(ValueError):
    """A request that cannot be answered; one sentence."""


class AllMaps(nn.Module):
    """A network whose answer is everything that a prediction is judged by: ``pred``, ``coarse`` and ``features``."""

    def __init__(self, network: FARNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """See :meth:`~lib.networks.FARNet.details`."""
        fine, coarse, features = self.network.details(image)
        return {"pred": fine, "coarse": coarse, "features": features}


class LandmarkInferTask(BasicInferTask):
    """Places the landmarks of a set on a radiograph.

    Registered with type ``detection``, the one that lets Slicer's stock plugin load a markups file as a result.

    Args:
        name: name of the model.
        paths: where weights are looked for; the last that exists is used.
        landmark_set: the landmarks it must find; weights of another set are refused.
    """

    def __init__(self, name: str, paths: Sequence[str], landmark_set: LandmarkSet) -> None:
        super().__init__(
            path=list(paths),
            network=None,
            type=InferType.DETECTION,
            labels={landmark: index for index, landmark in enumerate(landmark_set.names)},
            dimension=2,
            description=f"FARNet: {landmark_set.title}",
            config={"result_type": list(SHAPES)},
        )
        self.name = name
        self.landmark_set = landmark_set
        self._lock = threading.Lock()
        self._loaded: dict[str, tuple[FileKey, Trained]] = {}
        self._cards: dict[FileKey, ModelCard | ModelFileError] = {}

    def is_valid(self) -> bool:
        """Whether there are weights to predict with; upstream offers random ones once a network is given."""
        try:
            self.card()
        except ModelFileError as error:
            if self.get_path():
                logger.warning("Model '%s' is not offered: %s", self.name, error)
            return False
        return True

    def info(self) -> dict[str, Any]:
        """What `/info/` tells of the model: upstream's fields and the version."""
        info: dict[str, Any] = super().info()
        card = self.card()
        return {**info, "version": card.version, "landmark_set": self.landmark_set.name, "metrics": card.metrics}

    def card(self) -> ModelCard:
        """The card of the weights in use.

        Raises:
            ModelFileError: no weights, or weights that cannot be used for this landmark set.
        """
        key = self._file_key()
        found = self._cards.get(key)
        if found is None:
            found = self._checked_card(key[0])
            self._cards = {key: found}
        if isinstance(found, ModelFileError):
            raise found
        return found

    def predict(self, image: str | Path, device: str = "cuda", pixel_spacing: PixelSpacing | None = None) -> Prediction:
        """Predict one file, without a server.

        Raises:
            RadiographError: the file is no radiograph.
            ModelFileError: there are no usable weights.
        """
        request = {"image": str(image), "device": device, "skip_writer": True}
        if pixel_spacing is not None:
            request["pixel_spacing"] = pixel_spacing.as_dict()
        _, data = self._answer(request, "WARNING")
        return self.prediction(data)

    def __call__(self, request: Mapping[str, Any], callbacks: Any = None) -> tuple[str | None, dict[str, Any]]:
        """Answer a request; what is not listed in :data:`TAKEN` is left aside."""
        return self._answer(request, "INFO", callbacks)

    def _answer(
        self, request: Mapping[str, Any], log_level: str, callbacks: Any = None
    ) -> tuple[str | None, dict[str, Any]]:
        self.card()
        taken = {key: request[key] for key in TAKEN if key in request}
        taken["logging"] = log_level
        if taken.setdefault("result_type", SHAPES[0]) not in SHAPES:
            raise InferError(f"There is no result_type '{taken['result_type']}': choose of {', '.join(SHAPES)}.")
        try:
            taken["device"] = choose_device(taken.get("device", "cuda"))
        except DeviceError as error:
            raise InferError(str(error)) from error
        result: tuple[str | None, dict[str, Any]] = super().__call__(taken, callbacks)
        return result

    def pre_transforms(self, data: Any = None) -> list[Callable[..., Any]]:
        """Read the file, stretch it to the network's input.

        The model is chosen here for the whole request: whatever is published meanwhile may have another input size, and
        the points would be scaled by the wrong one.
        """
        card = self.card()
        if data is not None:
            data["trained"] = self.in_use(data["device"])
            card = data["trained"].card
        return [LoadRadiographd(), FitToInputd(card.input_size, card.grey)]

    def inferer(self, data: Any = None) -> Inferer:
        """The whole image at once."""
        return SimpleInferer()

    def run_detector(self, data: dict[str, Any], convert_to_batch: bool = True, device: str = "cuda") -> dict[str, Any]:
        """Upstream's detectors find boxes; heat maps come from the plain inferer."""
        result: dict[str, Any] = self.run_inferer(data, convert_to_batch, device)
        result.update(result.pop(self.output_label_key))  # of AllMaps
        return result

    def post_transforms(self, data: Any = None) -> list[Callable[..., Any]]:
        """Decode the heat maps, and see what they tell of how sure they are."""
        if data is None:
            return [ExamineMapsd(MapDecoder(self.card().codec()))]
        trained: Trained = data["trained"]
        return [ExamineMapsd(MapDecoder(trained.card.codec(), trained.trust.shape_model))]

    def writer(self, data: dict[str, Any], extension: Any = None, dtype: Any = None) -> tuple[str, dict[str, Any]]:
        """Write the markups file and the JSON.

        Slicer sends ``result_extension`` and ``result_dtype``; they are for masks and have no meaning here. Its stock
        plugin shows ``result_type`` in its table of options: ``boxes`` come back on its *Submit* without our module.
        """
        found = self.prediction(data)
        document = markups_document(
            found.landmarks,
            found.header.geometry,
            title=f"{self.name} landmarks",
            landmark_set=self.landmark_set,
            shape=data["result_type"],
        )
        handle, path = tempfile.mkstemp(suffix=".mrk.json")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json_text(document))
        version = found.card.version
        return path, result_document(
            found.landmarks, found.header, found.pixel_spacing, self.name, version, found.trust
        )

    def prediction(self, data: Mapping[str, Any]) -> Prediction:
        """Landmarks in pixels of the file from the examined heat maps in ``data``."""
        header, trained, stated = data["header"], data["trained"], data.get("pixel_spacing")
        try:
            spacing = PixelSpacing.from_dict(stated) if stated else header.pixel_spacing
        except ValueError as error:
            raise InferError(str(error)) from error
        features = data["features"].float().cpu().numpy().astype(np.float32)
        return prediction_of(data["evidence"], features, header, spacing, trained.card, trained.trust, self.name)

    def _get_network(self, device: str, data: Any) -> nn.Module:
        """The network that this request began with."""
        trained: Trained = data["trained"] if data is not None else self.in_use(device)
        return AllMaps(trained.network)

    def in_use(self, device: str) -> Trained:
        """The model of the file in use, loaded once for a device and version, while other requests wait."""
        with self._lock:
            key = self._file_key()
            cached = self._loaded.get(device)
            if cached is None or cached[0] != key:
                trained = load_trained(key[0])
                self._check_set(trained.card, key[0])
                network = trained.network.fused().to(torch.device(device))
                channels_last(network)
                logger.info("Model '%s' version %s loaded on %s", self.name, trained.card.version, device)
                self._loaded[device] = cached = (key, replace(trained, network=network))
            return cached[1]

    def clear_cache(self) -> None:
        """Forget loaded networks."""
        with self._lock:
            self._loaded.clear()

    def _file_key(self) -> FileKey:
        for path in reversed(self.path):
            with suppress(FileNotFoundError):  # one that is there may be deleted before the next line
                status = Path(path).stat()
                return path, status.st_ino, status.st_mtime_ns, status.st_size
        raise ModelFileError(
            f"Model '{self.name}' has no weights yet: train it first, or put a model file into model/."
        )

    def _checked_card(self, path: str) -> ModelCard | ModelFileError:
        try:
            card = read_card(path)
            self._check_set(card, path)
        except ModelFileError as error:
            return error
        return card

    def _check_set(self, card: ModelCard, path: str) -> None:
        if card.landmark_set.names != self.landmark_set.names:
            raise ModelFileError(
                f"{path} was trained for the {len(card.landmark_set)} landmarks of '{card.landmark_set.name}', "
                f"not for '{self.landmark_set.name}' as it stands now."
            )
