"""A second opinion: where the version before, or the same model on another view, would put the landmarks."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import torch
from monai.transforms import Compose
from torch import Tensor

from lib.checkpoints import ModelFileError, ModelVersions, Trained, VersionError, load_trained
from lib.infers import LandmarkInferTask, Prediction
from lib.networks import FARNet, choose_device, for_serving
from lib.transforms import FitToInputd, LoadRadiographd, MapDecoder, points_of_views, rescale_points

logger = logging.getLogger(__name__)


class SecondOpinion:
    """Predictions to compare with: of the version that was in use before, else of the model in use on other views.

    Args:
        task: the model in use.
        versions: of the model.
    """

    def __init__(self, task: LandmarkInferTask, versions: ModelVersions) -> None:
        self.task, self.versions = task, versions
        self._loaded: tuple[str, str, Trained | None] = ("", "", None)

    def distance(self, path: str, device: str, found: Prediction) -> float:
        """Mean distance from a prediction, as a share of the file's diagonal.

        Args:
            path: of the image.
            device: ``cuda`` or ``cpu``.
            found: what the model in use says.
        """
        device = choose_device(device)
        before = self._before(found.card.version, device)
        trained = before or self.task.in_use(device)
        card = trained.card
        sample = Compose([LoadRadiographd(), FitToInputd(card.input_size, card.grey)])({"image": path})
        size = (found.header.height, found.header.width)
        decoder = MapDecoder(card.codec(), trained.trust.shape_model)

        @torch.no_grad()
        def predict(image: Tensor) -> Tensor:
            return decoder.decode(trained.network(image.to(device))[0], size)[None].cpu()

        image = sample["image"]
        others = predict(image[None]) if before is not None else points_of_views(predict, image)
        points = rescale_points(others.double(), card.input_size, size).numpy()
        mine = found.landmarks.ordered(card.landmark_set.names).points()
        return float(np.linalg.norm(points - mine, axis=-1).mean() / np.hypot(*size))

    def _before(self, version: str, device: str) -> Trained | None:
        """The version that was in use before, on the device; None where there is none for the same landmarks."""
        if self._loaded[:2] != (version, device):
            self._loaded = (version, device, self._load(device))
        return self._loaded[2]

    def _load(self, device: str) -> Trained | None:
        name = self.versions.previous()
        if name is None:
            return None
        try:
            trained = self.versions.get(name).trained()
        except (VersionError, ModelFileError) as error:
            logger.warning("No second opinion of version %s: %s", name, error)
            return None
        if trained.card.landmark_set.names != self.task.landmark_set.names or self._is_in_use(trained.network):
            return None
        network = for_serving(trained.network, torch.device(device), trained.card.input_size, compiled=False)
        return replace(trained, network=network)  # type: ignore[arg-type]

    def _is_in_use(self, network: FARNet) -> bool:
        """Whether these are the very weights in use: a calibration has made another version of them."""
        mine, others = network.state_dict(), load_trained(self.task.get_path()).network.state_dict()
        return mine.keys() == others.keys() and all(torch.equal(mine[key], others[key]) for key in mine)
