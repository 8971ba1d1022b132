"""From a trained model to one of a changed landmark set: the landmarks that stayed keep what they have learnt."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lib.checkpoints.card import ModelCard
from lib.networks import ENCODERS, FARNet

LANDMARK_AXES: dict[str, tuple[int, ...]] = {
    "coarse_head.1.weight": (0,),
    "coarse_head.1.bias": (0,),
    "refinement.head.0.weight": (0, 1),
    "refinement.head.0.bias": (0,),
    "refinement.head.1.weight": (0, 1),
    "refinement.head.1.bias": (0,),
}
"""Axes whose last N channels belong to the landmarks, one each; channels before them, if any, belong to all. Hidden
channels of the refinement's head are counted so too: as many stand behind the shared ones as there are landmarks. A
network without refinement has the coarse head alone."""


def carry_over(network: FARNet, state: dict[str, Tensor], old: ModelCard, new: ModelCard) -> tuple[str, ...]:
    """Load a trained model into the untrained network of another landmark set, landmark by landmark, by name.

    - Added landmarks keep the fresh initialisation of their own weights. What they could do to the others starts at
      zero, so that the heat maps of the landmarks that stayed, coarse and fine, are those of the old model up to
      rounding, in whatever order. The zeros still get gradients, because what they multiply is not zero.
    - Where landmarks were removed, the coarse maps of the others stay the same and the fine ones come close: they lack
      what the removed coarse maps told them, and training has to make up for it.
    - Where no name stayed, encoder, aggregation and the heads' shared channels are carried.

    Args:
        network: as built for ``new``, changed in place.
        state: state dict of the trained network, of any floating type.
        old: the card that belongs to ``state``.
        new: the card of ``network``.

    Returns:
        The names that stayed, in the order of ``new``.

    Raises:
        ValueError: encoder, width, image stem, aggregation or refinement is another one; one sentence.
        RuntimeError: from torch, ``state`` does not fit ``old`` or ``network`` does not fit ``new``.
    """
    _check_same_trunk(old, new)
    names, old_names = new.landmark_set.names, old.landmark_set.names
    stayed = tuple(name for name in names if name in old_names)
    heads = LANDMARK_AXES.keys() & network.state_dict().keys()
    if names == old_names or not heads <= state.keys():  # torch says which keys are missing
        network.load_state_dict(state)
        return stayed
    places = [names.index(name) for name in stayed]
    old_places = [old_names.index(name) for name in stayed]
    removed = [place for place, name in enumerate(old_names) if name not in names]
    hidden = new.refinement and stayed and removed
    trained = _without_hidden(state, len(old_names), old_places, removed) if hidden else dict(state)
    for key, fresh in network.state_dict().items():
        if key in heads:
            axes = LANDMARK_AXES[key]
            to = [_channels(fresh, axis, len(names), places) for axis in axes]
            source = [_channels(trained[key], axis, len(old_names), old_places) for axis in axes]
            trained[key] = _merged(fresh, to, trained[key], source, keep_outputs=bool(stayed))
    network.load_state_dict(trained)
    return stayed


def _check_same_trunk(old: ModelCard, new: ModelCard) -> None:
    traits = (
        ("encoder", old.encoder, new.encoder),
        ("width", _width(old), _width(new)),
        ("image kernel", old.image_kernel, new.image_kernel),
        ("aggregation", old.aggregation, new.aggregation),
        ("refinement", *("there" if card.refinement else "left out" for card in (old, new))),
    )
    for what, before, after in traits:
        if before != after:
            raise ValueError(
                f"The weights of model '{old.model}' {old.version} cannot be carried over: "
                f"its {what} is {before}, that of the new model is {after}."
            )


def _width(card: ModelCard) -> float:
    return ENCODERS[card.encoder].decoder_width if card.width is None else card.width


def _without_hidden(
    state: dict[str, Tensor], num_landmarks: int, stayed: list[int], removed: list[int]
) -> dict[str, Tensor]:
    """A state whose fine maps of the landmarks that stayed do without the hidden channels of those removed.

    The head is linear, so the other hidden channels can take over: with ``A`` the 1x1 weights from those that stay and
    ``B`` from those removed to the maps, ``A h + B r = A (h + pinv(A) B r)``, the smallest such change. Left out
    instead, they can leave a narrow network useless: in three draws of 6 of 19 landmarks to remove, the demo model's
    mean error rose from 1.2 to between 1.1 and 25 pixels, with this to between 1.1 and 2.7.
    """
    mix = state["refinement.head.1.weight"][:, :, 0, 0].double()
    shared = mix.shape[1] - num_landmarks
    staying = [*range(shared), *(shared + place for place in stayed)]
    leaving = [shared + place for place in removed]
    share = torch.linalg.pinv(mix[stayed][:, staying]) @ mix[stayed][:, leaving]
    changed = dict(state)
    for key in ("refinement.head.0.weight", "refinement.head.0.bias"):
        hidden = state[key].to(torch.float64, copy=True)
        hidden[staying] += torch.tensordot(share, hidden[leaving], 1)
        changed[key] = hidden
    return changed


def _channels(weights: Tensor, axis: int, num_landmarks: int, places: Sequence[int]) -> Tensor:
    """Indices along an axis: the shared channels, then those of the landmarks at ``places``."""
    shared = weights.shape[axis] - num_landmarks
    return torch.tensor([*range(shared), *(shared + place for place in places)], dtype=torch.long)


def _merged(fresh: Tensor, to: list[Tensor], trained: Tensor, source: list[Tensor], *, keep_outputs: bool) -> Tensor:
    """``fresh`` with the entries of ``trained`` where both have them.

    Args:
        fresh: weights (out, ...) or (out, in, ...) of the untrained network.
        to: indices of the carried channels along each axis.
        trained: weights of the trained network, on any device.
        source: indices of the same channels there.
        keep_outputs: carried outputs start without what comes from new inputs.
    """
    merged = fresh.clone()
    if keep_outputs and len(to) > 1:
        merged[to[0]] = 0
    for axis, indices in enumerate(source):
        trained = trained.index_select(axis, indices.to(trained.device))
    if len(to) > 1:
        merged[to[0][:, None], to[1]] = trained.to(merged)
    else:
        merged[to[0]] = trained.to(merged)
    return merged
