"""What a model says of one radiograph: from the maps' evidence to landmarks with the error that is to be expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lib.checkpoints import ModelCard
from lib.confidence import Judged, Trust
from lib.evaluation.spacing import tolerance_px
from lib.heatmaps import Evidence
from lib.landmarks import Landmark, Landmarks, Predicted
from lib.radiographs import PixelSpacing, RadiographHeader
from lib.transforms import rescale_points


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model says of one radiograph.

    Args:
        landmarks: in pixels of the file as stored.
        header: the radiograph's header.
        pixel_spacing: millimetres on the patient: the user's where given, otherwise the file's.
        card: the model.
        trust: how far the answer can be trusted, for viewers, see :class:`~lib.confidence.Judged`.
        unsureness: of the whole image, grows with the error that is to be expected; comparable for one model only.
        features: (C,) by which images can be told alike or not.
    """

    landmarks: Landmarks
    header: RadiographHeader
    pixel_spacing: PixelSpacing
    card: ModelCard
    trust: Mapping[str, Any]
    unsureness: float
    features: npt.NDArray[np.float32]


def prediction_of(
    evidence: Evidence,
    features: npt.NDArray[np.float32],
    header: RadiographHeader,
    pixel_spacing: PixelSpacing,
    card: ModelCard,
    trust: Trust,
    name: str,
) -> Prediction:
    """Bring together what the network has seen with what its file promises.

    Args:
        evidence: of the heat maps, in pixels of the network's input.
        features: (C,) of the image.
        header: the radiograph's.
        pixel_spacing: on the patient.
        card: the model's.
        trust: the model's.
        name: under which the model is served.
    """
    size = (header.height, header.width)
    points = rescale_points(evidence.points.cpu(), card.input_size, size).numpy()
    judged = trust.judge(evidence, points, card.input_size, size, tolerance_px(*size, pixel_spacing))
    landmarks = Landmarks.from_points(card.landmark_set.names, points).clipped(*size)
    model = f"{name} {card.version}"
    items = tuple(_landmark(item, index, judged, model) for index, item in enumerate(landmarks))
    return Prediction(Landmarks(items), header, pixel_spacing, card, judged.told, judged.unsureness, features)


def _landmark(item: Landmark, index: int, judged: Judged, model: str) -> Landmark:
    predicted = Predicted(item.x, item.y, model, judged.regions[index], bool(judged.check[index]))
    confidence = round(float(judged.confidence[index]), 4)
    return Landmark(item.name, item.x, item.y, item.state, confidence, predicted)
