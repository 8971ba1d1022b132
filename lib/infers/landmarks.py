"""The infer task: a radiograph in, a Slicer markups file and JSON out."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monailabel.interfaces.tasks.infer_v2 import InferType
from monailabel.tasks.infer.basic_infer import BasicInferTask
from torch import Tensor, nn

from lib.checkpoints import ModelCard, ModelFileError, Trained, load_trained, read_card
from lib.formats import SHAPES, json_text, markups_document, result_document
from lib.infers.prediction import Prediction, prediction_of
from lib.infers.remembered import Remembered
from lib.infers.seen import FileKey, Seen, file_key
from lib.infers.turns import on_one_core, turn
from lib.landmarks import LandmarkSet
from lib.networks import DeviceError, FARNet, choose_device, for_serving
from lib.radiographs import Geometry, PixelSpacing, Radiograph, RadiographHeader
from lib.transforms import ExamineMapsd, FitToInputd, LoadRadiographd, MapDecoder

logger = logging.getLogger(__name__)

TAKEN = ("image", "device", "pixel_spacing", "skip_writer", "result_type", "remember")
"""What a request may say. Others would reach the transforms as data, or change the server for all, as ``logging``."""


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
        self._seen = Remembered[Seen]()

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
        """Predict one file, without a server; it is not remembered, as whoever asks goes through many.

        Raises:
            RadiographError: the file is no radiograph.
            ModelFileError: there are no usable weights.
        """
        request = {"image": str(image), "device": device, "remember": False}
        if pixel_spacing is not None:
            request["pixel_spacing"] = pixel_spacing.as_dict()
        return self.prediction(self._looked_at(request))

    def __call__(self, request: Mapping[str, Any], callbacks: Any = None) -> tuple[str | None, dict[str, Any]]:
        """Answer a request; what is not listed in :data:`TAKEN` is left aside.

        Upstream's way copies the request twice, writes a dozen lines into the log, and empties the GPU's memory for
        each image; what it calls between the steps, ``callbacks``, has no place here.
        """
        begun = time.perf_counter()
        data = self._looked_at(request)
        if data.get("skip_writer") is True:
            return None, data
        to_write = time.perf_counter()
        path, result = self.writer(data)
        seconds = {**data["seconds"], "write": time.perf_counter() - to_write, "total": time.perf_counter() - begun}
        told = ", ".join(f"{step} {1000 * value:.0f} ms" for step, value in seconds.items())
        logger.info("%s %s on %s: %s", self.name, result["version"], data["device"], told)
        result["label_names"] = self.labels
        result["latencies"] = {step: round(value, 4) for step, value in seconds.items()}
        return path, result

    def _looked_at(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What is taken of a request, what a model sees in its image, and how long each step of that took.

        The model is chosen here for the whole request: whatever is published meanwhile may have another input size, and
        the points would be scaled by the wrong one.
        """
        self.card()
        taken = {key: request[key] for key in TAKEN if key in request}
        if taken.setdefault("result_type", SHAPES[0]) not in SHAPES:
            raise InferError(f"There is no result_type '{taken['result_type']}': choose of {', '.join(SHAPES)}.")
        try:
            device = taken["device"] = _one_name(choose_device(taken.get("device", "cuda")))
        except DeviceError as error:
            raise InferError(str(error)) from error
        model, trained = self._current(device)
        image, seconds = Path(str(taken["image"])), dict[str, float]()
        seen = self._seen.get(
            (file_key(image), model, device),
            lambda: self._look(image, trained, device, seconds),
            keep=taken.get("remember") is not False,
        )
        return {**taken, "seen": seen, "seconds": seconds}

    def _look(self, image: Path | Radiograph, trained: Trained, device: str, seconds: dict[str, float]) -> Seen:
        data: dict[str, Any] = {"image": image, "trained": trained}
        moments = [time.perf_counter()]
        with on_one_core():
            for transform in self.pre_transforms(data):  # MONAI's Compose hides what went wrong in an error of its own
                data = transform(data)
        moments.append(time.perf_counter())
        data = self.run_inferer(data, device=device)
        moments.append(time.perf_counter())
        with on_one_core():
            for transform in self.post_transforms(data):
                data = transform(data)
        moments.append(time.perf_counter())
        seconds |= dict(zip(("pre", "infer", "post"), np.diff(moments).tolist(), strict=True))
        return Seen.of(data)

    def pre_transforms(self, data: Any = None) -> list[Callable[..., Any]]:
        """Read the file, stretch it to the network's input."""
        card = self.card() if data is None else data["trained"].card
        return [LoadRadiographd(), FitToInputd(card.input_size, card.grey)]

    def run_inferer(self, data: dict[str, Any], convert_to_batch: bool = True, device: str = "cuda") -> dict[str, Any]:
        """The heat maps of the whole image at once, as :class:`AllMaps` names them."""
        network = AllMaps(data["trained"].network)
        with turn(device), torch.no_grad():
            maps = network(data["image"][None].to(torch.device(device)))
        return {**data, **{name: values[0] for name, values in maps.items()}}

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
        """Landmarks in pixels of the file from what a model has seen, and the pixel spacing that the request states."""
        seen, stated = data["seen"], data.get("pixel_spacing")
        try:
            spacing = PixelSpacing.from_dict(stated) if stated else seen.header.pixel_spacing
        except ValueError as error:
            raise InferError(str(error)) from error
        return prediction_of(seen.evidence, seen.features, seen.header, spacing, seen.card, seen.trust, self.name)

    def in_use(self, device: str) -> Trained:
        """The model of the file in use, loaded once for a device and version, while other requests wait."""
        return self._current(_one_name(device))[1]

    def warm(self, device: str = "cuda") -> None:
        """Load the weights, and look at noise of the input's size, so that the first request need not wait for that.

        Raises:
            ModelFileError: there are no usable weights.
        """
        device = _one_name(choose_device(device))
        trained = self.in_use(device)
        height, width = trained.card.input_size
        noise = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
        header = RadiographHeader(Path("noise"), height, width, Geometry.identity(), PixelSpacing.unknown(), "PNG")
        self._look(Radiograph(noise, header), trained, device, {})

    def _current(self, device: str) -> tuple[FileKey, Trained]:
        """See :meth:`in_use`; with what tells its file from any other."""
        with self._lock:
            key = self._file_key()
            cached = self._loaded.get(device)
            if cached is None or cached[0] != key:
                trained = load_trained(key[0])
                self._check_set(trained.card, key[0])
                half = trained.trust.allows_half
                network = for_serving(trained.network, torch.device(device), trained.card.input_size, half=half)
                logger.info("Model '%s' version %s loaded on %s", self.name, trained.card.version, device)
                self._loaded[device] = cached = (key, replace(trained, network=network))  # type: ignore[arg-type]
                self._seen.clear()  # of a model that nobody will ask again
            return cached

    def clear_cache(self) -> None:
        """Forget loaded networks, and what they have seen."""
        with self._lock:
            self._loaded.clear()
            self._seen.clear()

    def _file_key(self) -> FileKey:
        for path in reversed(self.path):
            if (key := file_key(path)) is not None:
                return key
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


def _one_name(device: str) -> str:
    """A GPU goes by its number too, and what was loaded on it for one name is there for the other."""
    return f"cuda:{torch.cuda.current_device()}" if device == "cuda" else device
