"""The train task: from submitted labels to a published model."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events
from ignite.handlers import EarlyStopping
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedTrainer
from monai.handlers import (
    LrScheduleHandler,
    StatsHandler,
    TensorBoardStatsHandler,
    stopping_fn_from_metric,
)
from monai.inferers import Inferer, SimpleInferer
from monai.transforms import Compose, SelectItemsd
from monai.utils import set_determinism
from monailabel.tasks.train.basic_train import BasicTrainTask, Context
from monailabel.utils.others.generic import device_list
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, SequentialLR, StepLR

from lib.checkpoints import ModelCard, ModelFileError, build_network, load_model
from lib.networks import channels_last, load_imagenet_weights
from lib.radiographs import RadiographError
from lib.trainers.metrics import LandmarkMetric, mre_mm, mre_px, score_network, sdr_2mm
from lib.trainers.objective import CoarseToFineLoss
from lib.trainers.options import TrainOptions
from lib.trainers.progress import ProgressBar
from lib.trainers.publisher import Publisher, Rank
from lib.trainers.samples import check_labels, labelled_samples
from lib.trainers.split import held_out
from lib.transforms import DecodeLandmarksd, FitToInputd, LoadRadiographd, RandAffineLandmarksd, RandIntensityd

logger = logging.getLogger(__name__)

SAMPLE_KEYS = ["image", "label", "file_size", "pixel_mm"]
WARM_UP = 0.05
"""Share of a cosine schedule in which the learning rate rises."""


class LandmarkTrainTask(BasicTrainTask):
    """Trains FARNet on the submitted labels of a landmark set.

    Args:
        card: the network to train; an untrained model's card.
        published: the model file that is served.
        start_paths: where the model in use may lie; the last that exists is what a run with ``pretrained`` starts from.
        runs: folder of this model's runs.
        defaults: training options where a request says nothing.
        imagenet: ImageNet weights for a run that starts from no model: a path, ``"download"``, or None.
        half: publish convolution weights as float16.
        progress: show a progress bar.
    """

    def __init__(
        self,
        card: ModelCard,
        published: Path,
        start_paths: Sequence[str],
        runs: Path,
        defaults: TrainOptions,
        imagenet: str | None = None,
        *,
        half: bool = False,
        progress: bool = False,
    ) -> None:
        super().__init__(
            model_dir=str(runs),
            description=f"Train FARNet on {card.landmark_set.title}",
            amp=torch.cuda.is_available(),
            labels={name: index for index, name in enumerate(card.landmark_set.names)},
            n_saved=1,
            tracking=None,
        )
        self.card = card
        self.published = published
        self.start_paths = start_paths
        self.defaults = defaults
        self.imagenet = imagenet
        self.half = half
        self.progress = progress
        # what viewers show and send back; upstream's list of dataset classes and trackers is not ours to offer
        self._config = {**defaults.model_dump(), "device": device_list()}

    def info(self) -> dict[str, Any]:
        """What `/info/` tells: upstream's fields, and the landmarks, so that a viewer can start without a model."""
        chosen = self.card.landmark_set
        info: dict[str, Any] = super().info()
        return {**info, "landmark_set": chosen.model_dump(mode="json", include={"name", "title", "landmarks", "lines"})}

    def stats(self) -> dict[str, Any]:
        """How the last training went; before the first has an epoch, none of its epochs, so that no bar is full."""
        done: dict[str, Any] = super().stats()
        return done or {"epoch": 0, "total_epochs": self.defaults.max_epochs}

    # --- the request ---------------------------------------------------------------------------------------------

    def __call__(self, request: Mapping[str, Any], datastore: Any) -> dict[str, Any]:
        """Run a training; returns its statistics.

        Raises:
            OptionsError: an option that cannot be used.
            NotEnoughLabelsError: fewer labels than are needed.
            RadiographError: the pixels of a labelled radiograph cannot be read.
        """
        options = TrainOptions.from_request(request, self.defaults)
        taken = {
            **options.model_dump(),
            "dataset": "CacheDataset",
            "dataloader": "DataLoader",
            "multi_gpu": False,
            "model": self.card.model,
        }
        try:
            result: dict[str, Any] = super().__call__(taken, datastore)
        except RuntimeError as error:
            if isinstance(error.__cause__, RadiographError):  # MONAI wraps what its transforms raise
                raise error.__cause__ from error
            raise
        return result

    def check(self, request: Mapping[str, Any], datastore: Any) -> TrainOptions:
        """The options of a request that can be trained; raises before anything runs what :meth:`__call__` would say."""
        options = TrainOptions.from_request(request, self.defaults)
        check_labels(datastore, self.card.landmark_set)
        return options

    def pre_process(self, request: Mapping[str, Any], datastore: Any) -> list[dict[str, Any]]:
        """The labelled samples of this landmark set."""
        return labelled_samples(datastore, self.card.landmark_set)

    def partition_datalist(self, context: Context, shuffle: bool = False) -> tuple[list[Any], list[Any]]:
        """Training and held-out samples; an image's id alone decides, see :mod:`lib.trainers.split`."""
        validation = held_out((sample["id"] for sample in context.datalist), context.request["val_split"])
        parts: tuple[list[Any], list[Any]] = ([], [])
        for sample in context.datalist:
            parts[sample["id"] in validation].append(sample)
        logger.info("Training on %d radiographs, holding out %d", len(parts[0]), len(parts[1]))
        return parts

    # --- the network ---------------------------------------------------------------------------------------------

    def network(self, context: Context) -> nn.Module:
        """The model in use, or a new network, with ImageNet weights where they are given."""
        set_determinism(seed=context.request["seed"])
        in_use = self._model_in_use() if context.pretrained else None
        if in_use is not None:
            start, card = in_use
            if card.same_network(self.card):
                logger.info("Starting from the model in use, version %s", card.version)
                return channels_last(start.train())
            logger.warning("Not starting from the model in use: it is another network")
        network = build_network(self.card)
        if self.imagenet:
            load_imagenet_weights(network.encoder, self.imagenet)
        logger.info("Starting with %s", "ImageNet weights" if self.imagenet else "random weights")
        return channels_last(network)

    def load_path(self, output_dir: str, pretrained: bool = True) -> None:
        """Weights are loaded in :meth:`network`.

        Upstream would go on from the last run's file even when told not to.
        """
        return

    def _model_in_use(self) -> tuple[nn.Module, ModelCard] | None:
        """What is served now for these landmarks, whatever its network."""
        path = next((path for path in reversed(self.start_paths) if Path(path).is_file()), None)
        if path is None:
            return None
        try:
            network, card = load_model(path)
        except ModelFileError as error:
            logger.warning("There is no usable model in use: %s", error)
            return None
        if card.landmark_set.names != self.card.landmark_set.names:
            logger.warning("%s is for other landmarks: a model of this run will take its place", path)
            return None
        return network, card

    # --- what the engine needs -----------------------------------------------------------------------------------

    def optimizer(self, context: Context) -> torch.optim.Optimizer:
        """Adam as in the paper, or AdamW."""
        chosen: Callable[..., torch.optim.Optimizer]
        chosen = torch.optim.Adam if context.request["optimizer"] == "adam" else torch.optim.AdamW
        return chosen(context.network.parameters(), lr=context.request["learning_rate"])

    def loss_function(self, context: Context) -> nn.Module:
        """EWC, coarse to fine."""
        return CoarseToFineLoss(self.card.codec())

    def lr_scheduler_handler(self, context: Context) -> LrScheduleHandler:
        """A tenth after two thirds of the epochs (paper: 200 of 300), or warm-up and cosine; counted in steps."""
        steps = math.ceil(len(context.train_datalist) / context.train_batch_size) * context.max_epochs
        return LrScheduleHandler(
            _schedule(context.optimizer, context.request["schedule"], steps), print_lr=False, epoch_level=False
        )

    def train_pre_transforms(self, context: Context) -> list[Any]:
        """File to input, then random variation; what stands before the variation is cached."""
        varied = [RandAffineLandmarksd(), RandIntensityd()] if context.request["augment"] else []
        return [LoadRadiographd(), FitToInputd(self.card.input_size), *varied, SelectItemsd(SAMPLE_KEYS)]

    def val_pre_transforms(self, context: Context) -> list[Any]:
        """File to input."""
        return _file_to_input(self.card)

    def train_post_transforms(self, context: Context) -> None:
        """None: the loss takes the heat maps as they are."""
        return

    def val_post_transforms(self, context: Context) -> list[Any]:
        """Decode the heat maps as inference does."""
        return [DecodeLandmarksd(self.card.codec())]

    def val_inferer(self, context: Context) -> Inferer:
        """The whole image at once."""
        return SimpleInferer()

    def val_key_metric(self, context: Context) -> dict[str, LandmarkMetric]:
        """The share of landmarks within 2 mm, 0 to 1, as viewers' accuracy bars expect."""
        return {"val_sdr_2mm": sdr_2mm()}

    def val_additional_metrics(self, context: Context) -> dict[str, LandmarkMetric]:
        """Mean radial errors."""
        return {"val_mre_px": mre_px(), "val_mre_mm": mre_mm()}

    def val_handlers(self, context: Context) -> list[Any]:
        """Log and TensorBoard."""
        no_output = {"output_transform": lambda _: None, "iteration_log": False}
        return [StatsHandler(**no_output), TensorBoardStatsHandler(log_dir=context.events_dir, **no_output)]

    def train_handlers(self, context: Context) -> list[Any]:
        """Schedule, TensorBoard, progress bar."""

        def loss(output: Mapping[str, Any]) -> Any:
            return output["loss"]

        handlers: list[Any] = [
            self.lr_scheduler_handler(context),
            TensorBoardStatsHandler(log_dir=context.events_dir, tag_name="train_loss", output_transform=loss),
        ]
        if self.progress:
            handlers.append(ProgressBar(context.evaluator))
        return handlers

    def _create_trainer(self, context: Context) -> SupervisedTrainer:
        """Upstream's without its checkpoint savers: several copies of a large network each run, never cleaned up."""
        return SupervisedTrainer(
            device=context.device,
            max_epochs=context.max_epochs,
            train_data_loader=self.train_data_loader(context),
            network=context.network,
            optimizer=context.optimizer,
            loss_function=self.loss_function(context),
            inferer=self.train_inferer(context),
            amp=self._amp,
            train_handlers=self.train_handlers(context),
            decollate=False,
        )

    def finalize(self, context: Context) -> None:
        """Attach validation, the publisher, and early stopping if it is wanted."""
        options = {key: context.request[key] for key in TrainOptions.model_fields if key in context.request}
        card = self.card.model_copy(
            update={
                "version": context.run_id,
                "training": {**options, "images": len(context.train_datalist), "held_out": len(context.val_datalist)},
            }
        )
        publisher = Publisher(
            self.published,
            Path(self._stats_path),
            lambda: dict(context.network.state_dict()),
            card,
            context.trainer,
            context.evaluator,
            context.start_ts,
            half=self.half,
        )
        in_use = self._model_in_use()
        if in_use is not None:
            publisher.set_incumbent(_score(*in_use, context))
        interval = context.request["val_interval"]

        def due(engine: Engine, epoch: int) -> bool:
            return bool(epoch % interval == 0 or epoch == engine.state.max_epochs)

        context.trainer.add_event_handler(Events.STARTED, lambda _: publisher.write_stats())
        context.trainer.add_event_handler(
            Events.EPOCH_COMPLETED(event_filter=due), lambda engine: context.evaluator.run(engine.state.epoch)
        )
        context.evaluator.add_event_handler(Events.EPOCH_COMPLETED, publisher.validated)
        context.trainer.add_event_handler(Events.COMPLETED, publisher.finished)
        if patience := context.request["early_stop_patience"]:
            score = stopping_fn_from_metric("val_sdr_2mm")
            stopper = EarlyStopping(patience, score_function=score, trainer=context.trainer)
            context.evaluator.add_event_handler(Events.EPOCH_COMPLETED, stopper)


def _file_to_input(card: ModelCard) -> list[Any]:
    return [LoadRadiographd(), FitToInputd(card.input_size), SelectItemsd(SAMPLE_KEYS)]


def _score(network: nn.Module, card: ModelCard, context: Context) -> Rank:
    """The rank of the model in use, at its own input size, on the images that this run holds out."""
    dataset = Dataset(context.val_datalist, Compose(_file_to_input(card)))
    batches = DataLoader(dataset, batch_size=context.val_batch_size)
    return score_network(network.to(context.device), batches, card.codec(), context.device)


def _schedule(optimizer: torch.optim.Optimizer, name: str, steps: int) -> LRScheduler:
    if name == "step":
        return StepLR(optimizer, step_size=max(1, math.ceil(steps * 2 / 3)), gamma=0.1)
    rising = max(1, round(WARM_UP * steps))
    return SequentialLR(
        optimizer,
        [LinearLR(optimizer, 0.05, total_iters=rising), CosineAnnealingLR(optimizer, max(1, steps - rising))],
        milestones=[rising],
    )
