"""Where a run begins: the model in use, a model of other landmarks, ImageNet weights, or nothing at all."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lib.checkpoints import ModelCard, ModelFileError, build_network, carry_over, load_model
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


def model_in_use(paths: Sequence[str]) -> tuple[FARNet, ModelCard] | None:
    """What is served now, whatever its network and landmarks; None, with a line in the log, where it is unusable.

    Args:
        paths: where it may lie; the last that exists counts.
    """
    for path in reversed(paths):
        if Path(path).is_file():
            try:
                return load_model(path)
            except ModelFileError as error:
                logger.warning("A model cannot be used: %s", error)
    return None


def start_of_run(card: ModelCard, in_use: tuple[FARNet, ModelCard] | None, imagenet: str | None) -> Start:
    """The network that a run begins with.

    Args:
        card: of the network to train.
        in_use: the model to go on from; None begins anew.
        imagenet: ImageNet weights of the encoder for a run that begins anew, a path or ``download``; None for none.
    """
    network = build_network(card)
    if in_use is not None:
        trained, parent = in_use
        stayed = [name for name in card.landmark_set.names if name in parent.landmark_set.names]
        if card.same_trunk(parent) and stayed:
            carry_over(network, trained.state_dict(), parent, card)
            told = f"the model in use, version {parent.version}"
            if parent.landmark_set.names != card.landmark_set.names:
                told += f", for the {len(stayed)} of {len(card.landmark_set)} landmarks that it knows"
            return Start(network, told, parent)
        reason = "its landmarks are others" if card.same_trunk(parent) else "it is another network"
        logger.warning("Not starting from the model in use, version %s: %s", parent.version, reason)
    if imagenet:
        load_imagenet_weights(network.encoder, imagenet)
        return Start(network, "ImageNet weights")
    return Start(network, "random weights")
