"""What a trained model's evidence is worth: its errors on images it has not learnt from, put into a calibration."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from lib.checkpoints import ModelCard
from lib.confidence import Calibration, HeldOutCase, NoPromiseError, Trust
from lib.networks import FARNet
from lib.shapes import ShapeError, ShapeModel
from lib.transforms import MapDecoder, rescale_points

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]

FEWEST_SHAPES = 5
"""Predictions that must be there to say what is usual of their shapes."""
NOT_KNOWN = (
    "Not calibrated, confidence is the height of the heat map's peak: it goes on from a model whose file does not say "
    "which radiographs it has learnt from, so nobody knows which of these are new to it."
)


def shape_of(labels: Sequence[npt.NDArray[Any]]) -> Trust:
    """The shape of labels, not yet a calibration.

    Args:
        labels: (N, 2) points each, in pixels of their files, NaN where not annotated.
    """
    if not labels:
        return Trust()
    try:
        return Trust(shape=ShapeModel.fit(np.stack(labels).astype(np.float64)).as_dict())
    except ShapeError:  # too few
        return Trust()
    except (ValueError, np.linalg.LinAlgError):
        logger.exception("The labels have no shape that can be learned")
        return Trust()


def unseen_images(card: ModelCard, fingerprints: Mapping[str, str], groups: Mapping[str, str]) -> set[str]:
    """The images of patients of whom a model has learnt nothing.

    Args:
        card: the model's, which says what it has learnt from.
        fingerprints: of each image.
        groups: the patient of each.
    """
    learnt = set() if card.data is None else set(card.data.train)
    known = {groups[image] for image, fingerprint in fingerprints.items() if fingerprint in learnt}
    return {image for image in fingerprints if groups[image] not in known}


def calibrated(trust: Trust, cases: Sequence[HeldOutCase]) -> Trust:
    """The same with a calibration, or with the reason why there is none."""
    distances = [case.distance for case in cases if not np.isnan(case.distance)]
    if len(distances) >= FEWEST_SHAPES:
        trust = trust.model_copy(update={"usual_distance": max(1.0, float(np.quantile(distances, 0.95)))})
    try:
        found = Calibration.fit(cases)
    except NoPromiseError as error:
        note = f"Not calibrated, confidence is the height of the heat map's peak: {error}"
        return trust.model_copy(update={"calibration": None, "note": note})
    except (ValueError, np.linalg.LinAlgError) as error:  # a training must not be lost for it
        logger.warning("No calibration: %s", error)
        note = "Not calibrated, confidence is the height of the heat map's peak: its errors follow no rule."
        return trust.model_copy(update={"calibration": None, "note": note})
    note = f"Calibrated on {found.images} radiographs of {found.patients} patients that the model has not learnt from."
    return trust.model_copy(update={"calibration": found, "note": note})


@torch.no_grad()
def half_shift(network: FARNet, card: ModelCard, trust: Trust, samples: Iterable[Mapping[str, Any]]) -> float:
    """How far landmarks move at most, in pixels of the input, when the network computes in 16 bits instead of 32.

    Args:
        network: in evaluation mode, on its device, in float32.
        card: the network's.
        trust: its shape.
        samples: see :func:`examined`.
    """
    device = next(network.parameters()).device
    fused = network.fused()
    half, decoder, most = network.fused().half(), MapDecoder(card.codec(), trust.shape_model), 0.0
    for sample in samples:
        image = sample["image"][None].to(device)
        file_size = (int(sample["file_size"][0]), int(sample["file_size"][1]))
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            there = decoder.decode(fused(image)[0], file_size)
        moved = (decoder.decode(half(image.half())[0].float(), file_size) - there).norm(dim=-1).max().item()
        most = max(most, moved if math.isfinite(moved) else math.hypot(*card.input_size))
    return most


@torch.no_grad()
def examined(
    network: FARNet,
    card: ModelCard,
    trust: Trust,
    samples: Iterable[Mapping[str, Any]],
    groups: Mapping[str, str],
) -> list[HeldOutCase]:
    """What a model's evidence and its errors are on labelled images.

    Args:
        network: in evaluation mode, on its device.
        card: the network's.
        trust: its shape.
        samples: decoded for the card's input size: ``id``, ``image`` (1, H, W), ``label`` (N, 2) points in its pixels
            and ``file_size`` (height, width), in the order of the card's landmarks.
        groups: the patient of each image.
    """
    device = next(network.parameters()).device
    decoder, cases = MapDecoder(card.codec(), trust.shape_model), []
    for sample in samples:
        fine, coarse, _ = network.details(sample["image"][None].to(device))
        file_size = (int(sample["file_size"][0]), int(sample["file_size"][1]))
        evidence = decoder.examine(fine[0].float(), coarse[0].float(), file_size)
        points, truth = (
            rescale_points(torch.as_tensor(given).double().cpu(), card.input_size, file_size).numpy()
            for given in (evidence.points, sample["label"])
        )
        sizes = (card.input_size, file_size)
        cases.append(trust.held_out_case(evidence, points, truth, sizes, groups[str(sample["id"])]))
    return cases
