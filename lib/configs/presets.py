"""Presets: how large a network, and how it is trained unless somebody says otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from lib.trainers.options import TrainOptions


@dataclass(frozen=True, slots=True)
class Preset:
    """A network's size and its training.

    Args:
        encoder: a key of :data:`~lib.networks.ENCODERS`.
        scale: size of the network's input relative to the landmark set's.
        sigma: width of the heat maps' Gaussians in cells.
        training: default training options, shown in the viewers' tables.
        half: publish convolution weights as float16.
    """

    encoder: str
    scale: float
    sigma: float
    training: TrainOptions
    half: bool = False


PRESETS: dict[str, Preset] = {
    # the paper: DenseNet-121, sigma 10, Adam 1e-4, a tenth of it after two thirds of 300 epochs of 150 radiographs
    "full": Preset("densenet121", 1.0, 10.0, TrainOptions(image_budget=45_000, train_batch_size=2)),
    # for laptops, demos and tests: narrow, half the resolution, trained fast
    "lite": Preset(
        "lite",
        0.5,
        5.0,
        TrainOptions(
            image_budget=10_000,
            train_batch_size=4,
            optimizer="adamw",
            learning_rate=2e-3,
            weight_decay=0.01,
            schedule="cosine",
        ),
        half=True,
    ),
}
