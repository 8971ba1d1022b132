"""The card of a model: everything that is needed to use its weights, and where they came from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from lib.heatmaps import Decoder, HeatmapCodec
from lib.landmarks import LandmarkSet
from lib.networks import AGGREGATIONS, ENCODERS, check_input_size

NETWORK = (
    "variant",
    "encoder",
    "width",
    "image_kernel",
    "aggregation",
    "refinement",
    "batch_statistics",
    "grey",
    "input_size",
    "sigma",
    "decoder",
)
"""Fields of a card that say what the network is, what it is shown and how its heat maps are read."""


class TrainingData(BaseModel):
    """Which images a model learnt from, and which it never saw.

    Attributes:
        hash: of the images and labels, training and held out: another number is other data.
        train: fingerprint of each image that it learnt from, see :mod:`lib.radiographs.fingerprint`.
        held_out: fingerprint of each image that it was measured on.
        train_patients, held_out_patients: how many groups of images these are.
        complete: ``train`` names all; False where the model goes on from one whose file does not say.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    hash: str
    train: tuple[str, ...]
    held_out: tuple[str, ...]
    train_patients: int
    held_out_patients: int
    complete: bool = True


class ModelCard(BaseModel):
    """What a model file says of itself.

    Attributes:
        model: name under which it is served, ``farnet_ceph``.
        version: the run that made it.
        variant: what it was trained as, a key of :data:`lib.configs.VARIANTS`; what it takes to use the weights stands
            in the other fields.
        encoder, width, image_kernel, aggregation, refinement: arguments of :class:`~lib.networks.FARNet`.
        batch_statistics: what batch normalisation uses in evaluation, what training has ``stored`` or those of the
            ``image``, see :class:`~lib.networks.ImageBatchNorm2d`.
        grey: what of an image becomes 0 and 1, see :class:`~lib.transforms.FitToInputd`; a network for ``eight_bit``
            applies ImageNet's statistics to 0..255, as the released code does.
        input_size: ``(height, width)`` of the network's input.
        sigma, decoder: arguments of :class:`~lib.heatmaps.HeatmapCodec`.
        landmark_set: the landmarks, in the order of the heat maps.
        metrics: figures on the held-out images when it was published.
        training: what it was trained with: images, epochs, options, seed.
        data: what it was trained on; None in files older than this field, and where nobody knows.
        parent: version of the model that its training went on from; None from scratch.
        code: version of this software that trained it.
        created: when, ISO 8601 with time zone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    model: str
    version: str
    variant: str = "farnet"
    encoder: str
    width: Annotated[float, Field(gt=0)] | None = None
    image_kernel: Literal[1, 3] = 3
    aggregation: str = "msfa"
    refinement: bool = True
    batch_statistics: Literal["stored", "image"] = "stored"
    grey: Literal["window", "eight_bit"] = "window"
    input_size: tuple[int, int]
    sigma: Annotated[float, Field(gt=0)]
    decoder: Decoder = "subpixel"
    landmark_set: LandmarkSet
    metrics: dict[str, float | None] = {}
    training: dict[str, str | int | float | bool | None] = {}
    data: TrainingData | None = None
    parent: str | None = None
    code: str | None = None
    created: str | None = None

    @field_validator("encoder")
    @classmethod
    def _known_encoder(cls, encoder: str) -> str:
        if encoder not in ENCODERS:
            raise ValueError(f"there is no encoder '{encoder}' here")
        return encoder

    @field_validator("aggregation")
    @classmethod
    def _known_aggregation(cls, aggregation: str) -> str:
        if aggregation not in AGGREGATIONS:
            raise ValueError(f"there is no aggregation '{aggregation}' here")
        return aggregation

    @field_validator("input_size")
    @classmethod
    def _usable_size(cls, input_size: tuple[int, int]) -> tuple[int, int]:
        check_input_size(*input_size)
        return input_size

    @property
    def names_all_learnt(self) -> bool:
        """Whether ``data`` tells every image that the weights have learnt from."""
        return self.data is not None and self.data.complete

    def codec(self) -> HeatmapCodec:
        """The codec of the fine heat maps."""
        return HeatmapCodec(sigma=self.sigma, decoder=self.decoder)

    def same_network(self, other: ModelCard) -> bool:
        """Whether the weights of one fit the network of the other, landmark by landmark."""
        return self.same_trunk(other) and self.landmark_set.names == other.landmark_set.names

    def same_trunk(self, other: ModelCard) -> bool:
        """Whether the weights of one fit the network of the other, but for the maps of landmarks that only one has."""
        parts = ("encoder", "width", "image_kernel", "aggregation", "refinement")
        return all(getattr(self, part) == getattr(other, part) for part in parts)
