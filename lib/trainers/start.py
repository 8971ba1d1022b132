"""Where a run begins: the model in use, a model of other landmarks, ImageNet weights, or nothing at all."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lib.checkpoints import ModelCard, ModelFileError, Trained, build_network, carry_over, load_trained
from lib.networks import FARNet, load_imagenet_weights

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Start:
    """Where a run begins.

    Args:
        network: with these weights, on the CPU.
        told: in words.
        parent: the card of the model that it goes on from; None where there is none.
    """

    network: FARNet
    told: str
    parent: ModelCard | None = None


def model_in_use(paths: Sequence[str]) -> Trained | None:
    """What is served now, whatever its network and landmarks; None, with a line in the log, where it is unusable.

    Args:
        paths: where it may lie; the last that exists counts.
    """
    for path in reversed(paths):
        if Path(path).is_file():
            try:
                return load_trained(path)
            except ModelFileError as error:
                logger.warning("A model cannot be used: %s", error)
    return None


def start_of_run(card: ModelCard, in_use: Trained | None, imagenet: str | None, begin_with: str | None = None) -> Start:
    """The network that a run begins with.

    Args:
        card: of the network to train.
        in_use: the model to go on from; None begins anew.
        imagenet: ImageNet weights of the encoder for a run that begins anew, a path or ``download``; None for none.
        begin_with: a model file, of whatever landmarks, that such a run takes its weights from instead: what one
            anatomy teaches of edges and bones serves the next.

    Raises:
        ModelFileError: the file of ``begin_with`` cannot be used, or is of another network.
    """
    network = build_network(card)
    if in_use is not None:
        parent = in_use.card
        stayed = [name for name in card.landmark_set.names if name in parent.landmark_set.names]
        if card.same_trunk(parent) and card.variant == parent.variant and stayed:
            carry_over(network, in_use.network.state_dict(), parent, card)
            told = f"the model in use, version {parent.version}"
            if parent.landmark_set.names != card.landmark_set.names:
                told += f", for the {len(stayed)} of {len(card.landmark_set)} landmarks that it knows"
            return Start(network, told, parent)
        reason = "its landmarks are others" if card.same_trunk(parent) else "it is another network"
        if card.variant != parent.variant:
            reason = f"it is the variant '{parent.variant}', not '{card.variant}'"
        logger.warning("Not starting from the model in use, version %s: %s", parent.version, reason)
    if begin_with:
        return _taught_by_others(network, card, Path(begin_with))
    if imagenet:
        load_imagenet_weights(network.encoder, imagenet)
        return Start(network, "ImageNet weights")
    return Start(network, "random weights")


def _taught_by_others(network: FARNet, card: ModelCard, path: Path) -> Start:
    teacher = load_trained(path)
    try:
        carry_over(network, teacher.network.state_dict(), teacher.card, card)
    except ValueError as error:
        raise ModelFileError(f"Training cannot begin with {path}: {error}") from error
    told = f"the weights of '{teacher.card.model}' {teacher.card.version} for '{teacher.card.landmark_set.name}'"
    return Start(network, told, teacher.card)
