"""Training options, validated once for viewers, the REST API and the command line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_origin

import torch
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from lib.networks import DeviceError, choose_device

AUTO_EPOCHS = (40, 400)
"""The fewest and most epochs of a run that chooses their number itself."""


class OptionsError(ValueError):
    """A training option that cannot be used; one sentence that names it."""


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class TrainOptions(BaseModel):
    """Options of one training run; names as MONAI Label has them where it has them.

    Attributes:
        pretrained: go on from the model in use where there is one; otherwise, and where it is another network, from
            ImageNet weights, if given, or from scratch.
        resume: go on with the last run if it was stopped or killed, with its own options, as if nothing had happened;
            if there is none, begin a new one.
        max_epochs: epochs to train; 0: as many as ``image_budget`` allows.
        image_budget: radiographs to show in all if ``max_epochs`` is 0, so that 20 labels are shown often enough and
            500 do not take a week.
        train_batch_size: radiographs that are computed together; 0: found by trial on a GPU, where a step may then be
            of more radiographs than the recipe has, up to 8, with a learning rate and a moving average to match, see
            :mod:`lib.trainers.batch`; on a CPU as many as the recipe has.
        accumulate: batches whose gradients make one step; the effective batch is the product. With a batch that is
            found by trial: the radiographs of the recipe's step.
        val_batch_size: radiographs a validation step.
        val_split: share of the labelled radiographs that is held out, never trained on; it decides about newly
            labelled ones only.
        target: what to learn where several people have read a radiograph: the ``last`` submitted label, or the ``mean``
            or ``median`` of their readings, see :func:`~lib.landmarks.consensus.consensus`.
        val_interval: epochs between validations.
        early_stop_patience: validations without improvement after which training ends; 0 never.
        optimizer: Adam as in the paper, or AdamW.
        learning_rate: at the start, or after the warm-up.
        weight_decay: of the optimiser.
        schedule: ``step``: a tenth after two thirds of the epochs, as in the paper; ``cosine``: warm-up, then down to
            0.
        ema_decay: the weights that are judged and published are a moving average of the trained ones with this decay
            a step; 0: the trained ones themselves.
        augment: vary images and points.
        gate_confidence: how sure it must be that a model is better than the one in use before it takes its place, see
            :mod:`lib.trainers.gate`.
        amp: mixed precision: ``auto`` is bfloat16 on GPUs that have it, float16 on others, off on the CPU.
        compile: compile the network with ``torch.compile``; pays off in long runs on a GPU.
        tracking: where figures go besides TensorBoard and the run's report: ``mlflow`` is a local database beside the
            models.
        seed: of all random numbers.
        device: see :func:`~lib.networks.choose_device`.
        multi_gpu: train on all of ``gpus`` at once; each takes ``train_batch_size`` radiographs.
        gpus: the GPUs that the training may see, ``all`` or their numbers with commas between.
    """

    # viewers send back more than they were given (client_id, model, ...): what is not listed is left alone
    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)

    pretrained: bool = True
    resume: bool = False
    max_epochs: Annotated[int, Field(ge=0, le=100_000)] = 0
    image_budget: Annotated[int, Field(ge=1)] = 45_000
    train_batch_size: Annotated[int, Field(ge=0, le=1024)] = 1
    accumulate: Annotated[int, Field(ge=1, le=1024)] = 1
    val_batch_size: Annotated[int, Field(ge=1, le=1024)] = 1
    val_split: Annotated[float, Field(gt=0.0, le=0.9)] = 0.2
    target: Literal["last", "mean", "median"] = "last"
    val_interval: Annotated[int, Field(ge=1)] = 1
    early_stop_patience: Annotated[int, Field(ge=0)] = 0
    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: Annotated[float, Field(gt=0.0, le=1.0)] = 1e-4
    weight_decay: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    schedule: Literal["step", "cosine"] = "step"
    ema_decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.99
    augment: bool = True
    gate_confidence: Annotated[float, Field(ge=0.5, lt=1.0)] = 0.8
    amp: Literal["auto", "bf16", "fp16", "off"] = "auto"
    compile: bool = False
    tracking: Literal["none", "mlflow"] = "none"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    device: str = "cuda"
    multi_gpu: bool = True
    gpus: Annotated[str, BeforeValidator(_text), Field(pattern=r"^(all|\d+(,\d+)*)$")] = "all"

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
            options = options.model_copy(update={"device": choose_device(options.device)})
        except DeviceError as error:
            raise OptionsError(str(error)) from error
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(str(part) for part in fault["loc"])
            raise OptionsError(f"Training option '{where}' cannot be {fault['input']!r}: {fault['msg']}.") from error
        options._check_gpus()
        return options if options.train_batch_size else options._automatic(defaults)

    def _automatic(self, defaults: TrainOptions) -> TrainOptions:
        """With the recipe's step where the batch is to be found: in ``accumulate``, or as the batch on a CPU."""
        together = self.accumulate
        if together == defaults.accumulate:  # viewers send the whole table
            together *= max(1, defaults.train_batch_size)
        parts = (together, 1) if self.device == "cpu" else (0, together)
        return self.model_copy(update={"train_batch_size": parts[0], "accumulate": parts[1]})

    def _check_gpus(self) -> None:
        """Refuse GPUs that are not here; on a CPU the numbers only say how many processes train."""
        if self.device == "cpu" or self.gpus == "all":
            return
        numbers, count = [int(number) for number in self.gpus.split(",")], torch.cuda.device_count()
        if max(numbers) >= count or len(set(numbers)) < len(numbers):
            raise OptionsError(
                f"Training option 'gpus' cannot be '{self.gpus}': there are {count} GPUs here, numbered from 0, "
                "and each can be named once."
            )

    def choices(self) -> dict[str, Any]:
        """What a viewer's table shows: the value, or the values to choose from, the default first."""
        shown: dict[str, Any] = self.model_dump()
        for name, field in type(self).model_fields.items():
            if get_origin(field.annotation) is Literal:
                others = [choice for choice in get_args(field.annotation) if choice != shown[name]]
                shown[name] = [shown[name], *others]
        return shown

    def epochs(self, images: int) -> int:
        """Epochs of a run with so many radiographs to learn from."""
        if self.max_epochs:
            return self.max_epochs
        fewest, most = AUTO_EPOCHS
        return min(most, max(fewest, math.ceil(self.image_budget / images)))

    def smaller_batch(self) -> TrainOptions | None:
        """The same effective batch in smaller parts, for less memory; None where a part is one radiograph."""
        if self.train_batch_size == 1 and self.val_batch_size == 1:
            return None
        together = self.train_batch_size * self.accumulate
        half = max(1, self.train_batch_size // 2)
        batch = next(size for size in range(half, 0, -1) if together % size == 0)
        parts = {"train_batch_size": batch, "accumulate": together // batch}
        return self.model_copy(update={**parts, "val_batch_size": max(1, self.val_batch_size // 2)})
