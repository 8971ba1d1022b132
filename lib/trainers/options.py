"""Training options, validated once for viewers, the REST API and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lib.networks import DeviceError, choose_device


class OptionsError(ValueError):
    """A training option that cannot be used; one sentence that names it."""


class TrainOptions(BaseModel):
    """Options of one training run; names as MONAI Label has them where it has them.

    Attributes:
        name: folder of the run under the model's folder.
        pretrained: start from the model in use where there is one; otherwise from ImageNet weights, if given, or from
            scratch.
        max_epochs: epochs to train.
        train_batch_size: images a step.
        val_batch_size: images a validation step.
        val_split: share of the labelled images that is held out, never trained on.
        val_interval: epochs between validations.
        early_stop_patience: validations without improvement after which training ends; 0 never.
        optimizer: Adam as in the paper, or AdamW.
        learning_rate: at the start, or after the warm-up.
        schedule: ``step``: a tenth after two thirds of the epochs, as in the paper; ``cosine``: warm-up, then down to
            0.
        augment: vary images and points.
        seed: of all random numbers.
        device: see :func:`~lib.networks.choose_device`.
        gpus: the GPUs that the training may see, ``all`` or a number; it uses one.
    """

    # viewers send back more than they were given (client_id, model, ...): what is not listed is left alone
    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")] = "train_01"
    pretrained: bool = True
    max_epochs: Annotated[int, Field(ge=1, le=100_000)] = 300
    train_batch_size: Annotated[int, Field(ge=1, le=1024)] = 1
    val_batch_size: Annotated[int, Field(ge=1, le=1024)] = 1
    val_split: Annotated[float, Field(gt=0.0, le=0.9)] = 0.2
    val_interval: Annotated[int, Field(ge=1)] = 1
    early_stop_patience: Annotated[int, Field(ge=0)] = 0
    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)] = 1e-4
    schedule: Literal["step", "cosine"] = "step"
    augment: bool = True
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    device: str = "cuda"
    gpus: Annotated[str, Field(pattern=r"^(all|\d+(,\d+)*)$")] = "all"

    @classmethod
    def from_request(cls, request: Mapping[str, Any], defaults: TrainOptions) -> TrainOptions:
        """Options of a request on top of a model's defaults; a viewer's list of choices means its first.

        Raises:
            OptionsError: names the option and what it may be.
        """
        given = {}
        for key, value in request.items():
            chosen = value[0] if isinstance(value, list) and value else value
            if key in cls.model_fields and chosen not in (None, ""):
                given[key] = chosen
        try:
            options = cls.model_validate({**defaults.model_dump(), **given})
            return options.model_copy(update={"device": choose_device(options.device)})
        except DeviceError as error:
            raise OptionsError(str(error)) from error
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(str(part) for part in fault["loc"])
            raise OptionsError(f"Training option '{where}' cannot be {fault['input']!r}: {fault['msg']}.") from error
