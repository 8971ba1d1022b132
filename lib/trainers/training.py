"""The training itself, in one process: network, engines, and what happens after each epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from ignite.engine import Engine, Events
from monai.data import DataLoader
from monai.engines import SupervisedTrainer
from torch import nn

from lib.checkpoints import ModelCard
from lib.trainers.average import moving_average
from lib.trainers.best import BEST_FILE, Best
from lib.trainers.calibrate import shape_of
from lib.trainers.compiled import compile_if_possible, was_compiled
from lib.trainers.data import VariedDataset, decoded, train_loader
from lib.trainers.distributed import Worker
from lib.trainers.lock import TrainingStoppedError, asked_to_stop
from lib.trainers.metrics import HeldOutTable, measure
from lib.trainers.objective import PAPERS_OBJECTIVE, CoarseToFineLoss, Objective, landmark_weights
from lib.trainers.placement import OnDevice
from lib.trainers.plan import CACHE_FOLDER, RunPlan
from lib.trainers.progress import ProgressBar
from lib.trainers.run_log import RunLog
from lib.trainers.schedule import schedule
from lib.trainers.state import STATE_FILE, RunState
from lib.trainers.step import TrainStep, allow_fast_algorithms, chosen_optimizer, chosen_precision
from lib.trainers.usage import Usage
from lib.transforms import MapDecoder, training_variation


class DivergedError(RuntimeError):
    """The loss is no number any more; one sentence."""


class Training:
    """A run in one process.

    Args:
        plan: what to train on, with which options.
        card: of the network, as it will be published.
        network: where the run starts; on the CPU.
        worker: this process.
        log: what is written down; every process has one, and the leading one's writes.
        objective: what it minimises.
        half: store convolution weights as float16.
        progress: show a progress bar.
    """

    def __init__(
        self,
        plan: RunPlan,
        card: ModelCard,
        network: nn.Module,
        worker: Worker,
        log: RunLog,
        *,
        objective: Objective = PAPERS_OBJECTIVE,
        half: bool = False,
        progress: bool = False,
    ) -> None:
        self.plan, self.card, self.worker, self.log, self.options = plan, card, worker, log, plan.options
        self.progress = progress and worker.leads
        allow_fast_algorithms()
        self.network = network.to(worker.device)
        parallel = worker.parallel(self.network)
        decay = self.options.ema_decay
        average = moving_average(self.network, decay) if decay else None
        self.judged: nn.Module = average.module if average is not None else self.network
        if self.options.compile:
            compile_if_possible(self.network)
        share = math.ceil(len(plan.train) / worker.world_size)
        optimizer = chosen_optimizer(self.network, self.options, worker.device)
        steps = math.ceil(share / (self.options.train_batch_size * self.options.accumulate)) * plan.epochs
        weights = landmark_weights([sample["label"] for sample in plan.train])
        self.step = TrainStep(
            parallel,
            optimizer,
            schedule(optimizer, self.options.schedule, steps),
            CoarseToFineLoss(card.codec(), weights, objective).to(worker.device),
            average,
            worker.device,
            images=share,
            batch_size=self.options.train_batch_size,
            accumulate=self.options.accumulate,
            precision=chosen_precision(self.options.amp, worker.device),
        )
        self.state = RunState(plan.folder / STATE_FILE, self.network, self.step)
        if worker.leads and not plan.resumed:
            self.state.save(0)  # from now on the run can be gone on with
        named = plan.groups, plan.fingerprints
        self.best = Best(plan.folder / BEST_FILE, card, self.judged.state_dict, *named, half=half)
        self.trust = shape_of([sample["label"] for sample in plan.train])
        self.decoder = MapDecoder(card.codec(), self.trust.shape_model)
        self.figures: dict[str, float] = {}
        self.usage = Usage(worker.device)
        self.scores: list[Mapping[str, float]] = []
        self._decoded: dict[tuple[tuple[int, int], str], Any] = {}
        self.stopped = False
        self._last_gain = self.best.epoch

    # --- from the outside ----------------------------------------------------------------------------------------

    def run(self) -> None:
        """Train, from where the run's state says or from the beginning, until the end or until somebody stops it.

        Raises:
            DivergedError: the loss is no number any more.
            TrainingStoppedError: it was stopped while the radiographs were read.
            RadiographError: one of them cannot be read.
        """
        done = self.state.load() if self.plan.resumed else 0
        self.log.resumed_after(done)
        if self.state.other_steps:
            self.log.note(
                "It goes on in another number of processes: its steps are of another number of radiographs than before."
            )
        self.scores = list(self.log.scores())
        if done >= self.plan.epochs or self._gains_nothing(done):  # killed between its last epoch and the comparison
            return
        if self.worker.agreed(asked_to_stop(self.plan.runs)):
            if self.worker.agreed(self.best.found is not None):  # of the run that goes on
                self.stopped = True
                return
            raise TrainingStoppedError("The training was stopped before its first epoch.")
        held_out = self.held_out(self.card)
        train = OnDevice(self._samples(self.plan.train, "train", self.card), self.worker.device)
        self._held_out = self._validation_loader(held_out)
        self.trainer = self._trainer(train)
        self.trainer.state.epoch = done
        self.trainer.state.iteration = done * self.trainer.state.epoch_length
        self._begun = time.monotonic()
        self.trainer.run()

    def held_out(self, card: ModelCard) -> Any:
        """The samples to measure on, as some network takes them; decoded once for each size and kind of grey values."""
        (height, width), grey = key = card.input_size, card.grey
        if key not in self._decoded:
            self._decoded[key] = self._samples(self.plan.held_out, f"held_out_{height}x{width}_{grey}", card)
        return self._decoded[key]

    def _samples(self, part: tuple[dict[str, Any], ...], name: str, card: ModelCard) -> Any:
        return decoded(
            part,
            card,
            self.plan.folder / CACHE_FOLDER / name,
            processes=self.worker.world_size,
            progress=self.progress,
            tell=self.log.note,
        )

    # --- engines -------------------------------------------------------------------------------------------------

    def _trainer(self, samples: Any) -> SupervisedTrainer:
        variation = training_variation(self.card.landmark_set) if self.options.augment else []
        dataset = VariedDataset(samples, variation, self.options.seed)
        loader = train_loader(dataset, self.options.train_batch_size, self.worker.rank, self.worker.world_size)
        trainer = SupervisedTrainer(
            device=self.worker.device,
            max_epochs=self.plan.epochs,
            train_data_loader=loader,
            network=self.step.network,
            optimizer=self.step.optimizer,
            loss_function=self.step.loss,
            iteration_update=self.step,
            decollate=False,
        )
        self.usage.attach(trainer)
        if self.progress:
            ProgressBar(lambda: self.figures, self.usage.figures).attach(trainer)
        trainer.add_event_handler(Events.EPOCH_STARTED, self._epoch_started)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._look_for_a_wish_to_stop)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, self._epoch_completed)
        return trainer

    def _validation_loader(self, samples: Any) -> DataLoader:
        part = list(range(self.worker.rank, len(samples), self.worker.world_size)) or [0]  # nobody sits idle
        return DataLoader(torch.utils.data.Subset(samples, part), batch_size=self.options.val_batch_size)

    # --- after a step, after an epoch ----------------------------------------------------------------------------

    def _epoch_started(self, engine: Engine) -> None:
        """What layers draw at random depends on seed, epoch and process alone, so that a resumed run draws the same."""
        mixed = np.random.SeedSequence([self.options.seed, engine.state.epoch, self.worker.rank]).generate_state(1)
        torch.manual_seed(int(mixed[0]))

    def _look_for_a_wish_to_stop(self, engine: Engine) -> None:
        if self.worker.agreed(asked_to_stop(self.plan.runs)):
            self.stopped = True
            engine.terminate()

    def _epoch_completed(self, engine: Engine) -> None:
        epoch = engine.state.epoch
        loss = float(np.mean(self.worker.gather(self.step.epoch_loss())))
        usage = self.usage.figures()  # before the validation, and after the GPU has come to the end of the epoch
        if not math.isfinite(loss):
            raise DivergedError(
                f"The loss of epoch {epoch} is not a number: try a smaller learning rate than "
                f"{self.options.learning_rate:g}, or amp off if it is on."
            )
        validated = epoch % self.options.val_interval == 0 or epoch == self.plan.epochs
        try:
            table = self._validate(epoch) if validated else None
        except TrainingStoppedError:
            self.stopped = True
            engine.terminate()
            return
        if self.worker.leads:
            seconds, self._begun = time.monotonic() - self._begun, time.monotonic()
            rate = float(self.step.optimizer.param_groups[0]["lr"])
            figures = {"loss": loss, "learning_rate": rate}
            self.log.epoch(epoch, figures, usage, seconds, table, self.best)
            if self.options.compile and not was_compiled():
                self.log.note("The network could not be compiled here and trains as it is; the log says why.")
            self.state.save_if_due(epoch)
        if validated and epoch < self.plan.epochs and self._gains_nothing(epoch):
            patience = self.options.early_stop_patience
            self.log.note(f"Nothing was gained in {patience} validations: the training ended after epoch {epoch}.")
            engine.terminate()

    def _validate(self, epoch: int) -> HeldOutTable:
        # in several processes a validation is seen through: all must come to the same end
        stop = None if self.worker.world_size > 1 else lambda: asked_to_stop(self.plan.runs)
        table = measure(self.judged, self._held_out, self.decoder, self.worker, stop=stop)
        self.figures = table.figures()
        self.scores.append(table.scores())
        if self.worker.leads:
            self.best.offer(epoch, table)
        self._last_gain = self.worker.gather(self.best.epoch)[0]
        return table

    def _gains_nothing(self, epoch: int) -> bool:
        """Whether so many validations have passed since the best one that it is time to end."""
        patience = self.options.early_stop_patience
        return patience > 0 and (epoch - self._last_gain) // self.options.val_interval >= patience
