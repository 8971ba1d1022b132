"""Reading and writing model files: ``{"model": state dict, "card", "held_out", "trust": plain data}``.

torch loads them as weights only; ``held_out`` and ``trust`` may be absent.
"""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from lib.checkpoints.card import ModelCard
from lib.checkpoints.held_out import HeldOutErrors
from lib.confidence import Trust
from lib.formats.files import write_atomic
from lib.networks import FARNet

logger = logging.getLogger(__name__)

UNUSABLE_CALIBRATION = (
    "Not calibrated, confidence is the height of the heat map's peak: the calibration in the model's file is of "
    "another version of this software, or damaged; 'main.py calibrate' makes a new one."
)


class ModelFileError(ValueError):
    """A model file that cannot be used; one sentence that names it and the reason."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A model file, read at once.

    Args:
        network: on the CPU, in float32 and evaluation mode.
        card: what it is.
        trust: how far it can be trusted; of a file that does not say, not calibrated.
    """

    network: FARNet
    card: ModelCard
    trust: Trust


def build_network(card: ModelCard) -> FARNet:
    """The untrained network that a card describes."""
    return FARNet(
        card.encoder,
        len(card.landmark_set),
        width=card.width,
        image_kernel=card.image_kernel,
        aggregation=card.aggregation,
        refinement=card.refinement,
        white=255.0 if card.grey == "eight_bit" else 1.0,
        image_statistics=card.batch_statistics == "image",
    )


def save_model(
    path: str | Path,
    state: dict[str, Tensor],
    card: ModelCard,
    *,
    half: bool = False,
    held_out: HeldOutErrors | None = None,
    trust: Trust | None = None,
) -> None:
    """Write a model file; who reads it meanwhile sees the old one or the new one, never a part.

    Args:
        path: the file.
        state: the network's state dict.
        card: what it is.
        half: store convolution weights as float16, for half the size; the rest stays float32.
        held_out: its errors on the held-out images.
        trust: its calibration and the shape of its training labels.
    """
    stored = {key: _stored(value, half) for key, value in state.items()}
    buffer = io.BytesIO()
    content = {"model": stored, "card": card.model_dump(mode="json")}
    if held_out is not None:
        content["held_out"] = held_out.model_dump(mode="json")
    if trust is not None:
        content["trust"] = trust.model_dump(mode="json")
    torch.save(content, buffer)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, buffer.getvalue())


def with_trust(path: str | Path, trust: Trust, version: str | None = None) -> bytes:
    """The content of a model file with another calibration, and another version where one is given.

    Raises:
        ModelFileError: no such file, not a model file of this project.
    """
    content = _read(Path(path), weights=True)
    card = content["card"] if version is None else {**content["card"], "version": version}
    buffer = io.BytesIO()
    torch.save({**content, "card": card, "trust": trust.model_dump(mode="json")}, buffer)
    return buffer.getvalue()


def _stored(value: Tensor, half: bool) -> Tensor:
    value = value.detach().cpu().contiguous()
    return value.half() if half and value.ndim > 1 else value


def with_version(path: str | Path, version: str) -> bytes:
    """The content of a model file whose card has another version, all else as it is.

    The same file and version always give the same bytes.

    Raises:
        ModelFileError: no such file, not a model file of this project.
    """
    content = _read(Path(path), weights=True)
    buffer = io.BytesIO()
    torch.save({**content, "card": {**content["card"], "version": version}}, buffer)
    return buffer.getvalue()


def read_card(path: str | Path) -> ModelCard:
    """The card of a model file.

    Raises:
        ModelFileError: no such file, not a model file of this project.
    """
    return _parse_card(_read(Path(path)), Path(path))


def read_held_out(path: str | Path) -> HeldOutErrors | None:
    """The errors of a model on its held-out images; None where the file does not have them.

    Raises:
        ModelFileError: no such file, not a model file of this project.
    """
    stored = _read(Path(path)).get("held_out")
    try:
        return None if stored is None else HeldOutErrors.model_validate(stored)
    except ValidationError as error:
        raise ModelFileError(f"{path}: its errors on the held-out images are not valid.") from error


def read_trust(path: str | Path) -> Trust:
    """How far a model can be trusted, without its weights.

    Raises:
        ModelFileError: no such file, not a model file of this project.
    """
    content = _read(Path(path))
    return _parse_trust(content, _parse_card(content, Path(path)), Path(path))


def load_model(path: str | Path) -> tuple[FARNet, ModelCard]:
    """The network of a model file, on the CPU, in float32 and evaluation mode, and its card.

    Raises:
        ModelFileError: as :func:`load_trained`.
    """
    trained = load_trained(path)
    return trained.network, trained.card


def load_trained(path: str | Path) -> Trained:
    """A model file.

    Raises:
        ModelFileError: no such file, not a model file of this project, weights that do not fit its card.
    """
    content = _read(Path(path), weights=True)
    card = _parse_card(content, Path(path))
    network = build_network(card)
    try:
        network.load_state_dict(content["model"])
    except (RuntimeError, KeyError, AttributeError, TypeError) as error:
        raise ModelFileError(f"{path}: the weights do not fit the network that the card describes.") from error
    return Trained(network.eval(), card, _parse_trust(content, card, Path(path)))


def _read(path: Path, *, weights: bool = False) -> dict[str, Any]:
    """The content of a file; without its weights, the shapes alone, which takes as long for a large model as for none.

    The file is opened once. By its path and with ``mmap``, torch 2.13 opens it twice: replaced in between, it gives the
    card of one model and the weights of the other.
    """
    if not path.is_file():
        raise ModelFileError(f"No model file at {path}.")
    try:
        with path.open("rb") as file:
            content = torch.load(file, map_location="cpu" if weights else "meta", weights_only=True)
    except Exception as error:
        raise ModelFileError(f"{path} is not a model file that torch can read: {type(error).__name__}.") from error
    if not isinstance(content, dict) or "model" not in content or "card" not in content:
        raise ModelFileError(f"{path} is not a model file of this project: it has no card.")
    return content


def _parse_trust(content: dict[str, Any], card: ModelCard, path: Path) -> Trust:
    """A calibration that cannot be used costs the promise, not the weights."""
    try:
        trust = Trust.model_validate(content.get("trust") or {})
        if trust.size in (None, len(card.landmark_set)):
            return trust
        fault = "it is for another number of landmarks"
    except ValueError as error:  # pydantic's is one
        fault = str(error)
    logger.warning("%s: its calibration is left out: %s", path, fault)
    return Trust(note=UNUSABLE_CALIBRATION)


def _parse_card(content: dict[str, Any], path: Path) -> ModelCard:
    try:
        return ModelCard.model_validate(content["card"])
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise ModelFileError(f"{path}: its card is not valid ({where}: {fault['msg']}).") from error
