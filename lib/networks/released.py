"""Weights of the released implementation's network, by the names that they have here."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from lib.networks.farnet import FARNet
from lib.networks.imagenet import WeightsError, translate

MODULES = {
    "w1_conv11_0": "refinement.image_stem",
    "w1_conv33_01": "aggregation.top.0",
    "w1_conv11_1": "aggregation.top.1",
    "w1_conv11_2": "aggregation.up1_level4.mix",
    "w1_conv11_3": "aggregation.up1_level3.mix",
    "mid_conv11_1": "aggregation.up1_level2.mix",
    "conv33_stride1": "aggregation.down_level3.halve",
    "wblock1.conv11": "aggregation.down_level3.mix",
    "conv33_stride2": "aggregation.down_level4.halve",
    "wblock2.conv11": "aggregation.down_level4.mix",
    "conv33_stride3": "aggregation.down_level5.halve",
    "wblock3.conv33": "aggregation.down_level5.mix.0",
    "w2_conv11_1": "aggregation.down_level5.mix.1",
    "w2_conv11_2": "aggregation.up2_level4.mix",
    "w2_conv11_3": "aggregation.up2_level3.mix",
    "w2_conv11_4": "aggregation.up2_level2.mix",
    "w2_conv11_5": "aggregation.up2_level1.mix",
    "conv_33_refine1": "coarse_head.0",
    "conv_11_refine": "coarse_head.1",
    "conv_33_last1": "refinement.head.0",
    "conv_11_last": "refinement.head.1",
}
"""A module of the released network -> ours; of its blocks ``conv...`` is the first layer here, ``norm...`` the second.

What it builds and never calls has no place here: one branch of each ``wblock``, and two convolutions of the heads.
"""


def load_released_weights(network: FARNet, state: Mapping[str, Tensor]) -> None:
    """Fill a network with the state dict of the released one; layer by layer the same numbers.

    Args:
        network: of DenseNet-121 at the paper's width with ``image_kernel=1``, for as many landmarks.
        state: what ``Farnet().state_dict()`` of the released code gives.

    Raises:
        WeightsError: the state dict of another network; says what is missing or of another shape.
    """
    names = released_names(network, state)
    wanted = network.state_dict()
    misfits = [key for key, value in wanted.items() if key not in names or state[names[key]].shape != value.shape]
    if misfits:
        raise WeightsError(
            f"This is no state dict of the released network: {len(misfits)} of {len(wanted)} weights are missing or "
            f"of another shape, the first is '{misfits[0]}'."
        )
    network.load_state_dict({key: state[names[key]] for key in wanted})


def released_names(network: FARNet, state: Mapping[str, Tensor]) -> dict[str, str]:
    """The released name of each weight that both have, by its name here."""
    numbered = {name: torch.tensor(number) for number, name in enumerate(state)}
    known = list(state)
    encoder = translate(network.encoder, numbered)
    names = {f"encoder.{key}": known[int(number)] for key, number in encoder.items()}
    for name in known:
        module = next((module for module in MODULES if name.startswith(f"{module}.")), None)
        if module is not None:
            rest = re.sub(r"^conv\w+\.", "0.", name.removeprefix(f"{module}."))
            names[f"{MODULES[module]}.{re.sub(r'^norm[0-9_]+[.]', '1.', rest)}"] = name
    return names
