"""Variants: the rows of the paper's ablations (its Tables 5 and 6), and the recipe of its released code, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from lib.heatmaps import Decoder
from lib.trainers.objective import Objective


@dataclass(frozen=True, slots=True)
class Variant:
    """What of FARNet is another than in the paper's full network; combines with presets, encoders and sizes.

    Args:
        row: the paper's name for it, and where it stands there.
        objective: what training minimises.
        aggregation, refinement, image_kernel: see :class:`~lib.networks.FARNet`.
        batch_statistics, grey: see :class:`~lib.checkpoints.ModelCard`.
        decoder: see :class:`~lib.heatmaps.HeatmapCodec`.
        training: training options instead of the preset's; what a user asks for goes before both.
    """

    row: str
    objective: Objective = field(default_factory=Objective)
    aggregation: str = "msfa"
    refinement: bool = True
    image_kernel: Literal[1, 3] = 3
    batch_statistics: Literal["stored", "image"] = "stored"
    grey: Literal["window", "eight_bit"] = "window"
    decoder: Decoder = "subpixel"
    training: Mapping[str, Any] = field(default_factory=dict)


def _aggregation_alone(row: str, aggregation: str) -> Variant:
    """Trained on its only maps, at full resolution, because a coarse target of as many cells would be another one."""
    return Variant(f"{row}, Table 5", Objective("mse", 0.0), aggregation, refinement=False)


def _another_loss(row: str, loss: str) -> Variant:
    return Variant(f"{row}, Table 6", Objective(loss))


VARIANTS: dict[str, Variant] = {
    "farnet": Variant("MSFA+FR+EWC, Tables 5 and 6"),
    "unet": _aggregation_alone("U-Net", "unet"),
    "fpn": _aggregation_alone("FPN", "fpn"),
    "msfa_add": _aggregation_alone("MSFA(+)", "msfa_add"),
    "msfa": _aggregation_alone("MSFA", "msfa"),
    # we read the paper's asterisk as "without coarse supervision"
    "msfa_fr_no_coarse": Variant("MSFA+FR*, Table 5", Objective("mse", 0.0)),
    "msfa_fr": Variant("MSFA+FR, Table 5; MSE, Table 6", Objective("mse")),
    "l1": _another_loss("L1", "l1"),
    "smooth_l1": _another_loss("Smooth L1", "smooth_l1"),
    "adaptive_wing": _another_loss("AW", "adaptive_wing"),
    # the code as it was released: 1x1 stem, grey values not divided by 255, arg-max off by one cell, batch statistics
    # of the image at test time; batches of one radiograph as it is, no moving average
    "released": Variant(
        "none: the released code",
        image_kernel=1,
        batch_statistics="image",
        grey="eight_bit",
        decoder="released",
        training={
            "train_batch_size": 1,
            "accumulate": 1,
            "optimizer": "adam",
            "learning_rate": 1e-4,
            "weight_decay": 0.0,
            "schedule": "step",
            "ema_decay": 0.0,
            "augment": False,
            "amp": "off",
            "multi_gpu": False,  # several would each take one image a step
        },
    ),
}
"""By the name that ``--variant`` takes."""
