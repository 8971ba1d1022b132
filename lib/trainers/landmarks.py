"""The train task: from submitted labels to a published model."""

from __future__ import annotations

import gc
import logging
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from monailabel.interfaces.tasks.train import TrainTask
from monailabel.tasks.train.basic_train import main_worker
from monailabel.utils.others.generic import device_list
from torch.multiprocessing.spawn import ProcessExitedException, ProcessRaisedException, spawn

from lib.trainers.batch import found_batch, gpu_trial
from lib.trainers.distributed import chosen_devices, joined, launched
from lib.trainers.lock import (
    TrainingStoppedError,
    check_free,
    interrupts_left_to_parent,
    is_training,
    stopped_by_signals,
    stopped_with,
    training_lock,
)
from lib.trainers.one_process import Recipe, RunInProcess
from lib.trainers.options import OptionsError, TrainOptions
from lib.trainers.plan import NO_MEMORY_FILE, WHERE, RunPlan, new_run, resumed_run, unfinished_run
from lib.trainers.run_log import read_stats, tell_failure
from lib.trainers.samples import check_labels

logger = logging.getLogger(__name__)


class TrainingFailedError(RuntimeError):
    """A training in several processes has failed; one sentence that says why."""


class LandmarkTrainTask(TrainTask):
    """Trains FARNet on the submitted labels of a landmark set.

    MONAI Label's own train task splits anew in each run, publishes what is worse, writes the served file in place and
    leaves its processes behind; so this one shares with it what a viewer sees and how processes are spawned.

    Args:
        recipe: what all its runs have in common.
        runs: folder of this model's runs.
        defaults: training options where a request says nothing.
    """

    def __init__(self, recipe: Recipe, runs: Path, defaults: TrainOptions) -> None:
        super().__init__(f"Train FARNet on {recipe.card.landmark_set.title}")
        self.recipe = recipe
        self.runs = runs
        self.defaults = defaults

    # --- what viewers see ----------------------------------------------------------------------------------------

    def info(self) -> dict[str, Any]:
        """What `/info/` tells: upstream's fields, and the landmarks, so that a viewer can start without a model."""
        chosen = self.recipe.card.landmark_set
        return {
            **super().info(),
            "labels": {name: index for index, name in enumerate(chosen.names)},
            "landmark_set": chosen.model_dump(mode="json", include={"name", "title", "landmarks", "lines"}),
        }

    def config(self) -> dict[str, Any]:
        """What a viewer's table shows; the first of a list is the default."""
        return {**self.defaults.choices(), "device": device_list()}

    def stats(self) -> dict[str, Any]:
        """How the last training went; before the first has an epoch, none of its epochs, so that no bar is full."""
        stats = read_stats(self.runs) or {"epoch": 0, "total_epochs": self.defaults.max_epochs or 1}
        if stats.get("status") == "running" and not is_training(self.runs):
            how = "" if unfinished_run(self.runs) is None else "; with the option 'resume' it goes on"
            stats.update(status="interrupted", message=f"Its process was ended{how}.")
        return stats

    def check(self, request: Mapping[str, Any], datastore: Any, *, queued: bool = False) -> TrainOptions:
        """The options of a request that can be trained; raises before anything runs what :meth:`__call__` would say.

        Args:
            request: as there.
            datastore: as there.
            queued: it may wait for the end of another training.
        """
        options = TrainOptions.from_request(request, self.defaults)
        check_labels(datastore, self.recipe.card.landmark_set)
        if not queued:
            check_free(self.runs)
        return options

    # --- the request ---------------------------------------------------------------------------------------------

    def __call__(self, request: Mapping[str, Any], datastore: Any) -> dict[str, Any]:
        """Run a training; returns its statistics.

        Args:
            request: options, see :class:`~lib.trainers.options.TrainOptions`; ``server``, the id of the process that
                the training shall not outlive.
            datastore: the labelled studies.

        Raises:
            OptionsError: an option that cannot be used.
            NotEnoughLabelsError: fewer labels than are needed.
            RadiographError: the pixels of a labelled radiograph cannot be read.
            TrainingRunningError: a training of this model is running already.
            TrainingStoppedError: it was stopped before it had anything to keep.
            DivergedError: the loss is no number any more.
            TrainingFailedError: one of several processes has failed.
        """
        options = TrainOptions.from_request(request, self.defaults)
        check_labels(datastore, self.recipe.card.landmark_set)
        place = launched()
        if place is not None:
            return self._in_one_of_many(options, datastore, *place)
        server = request.get("server")
        with ExitStack() as stack:
            stack.enter_context(training_lock(self.runs))
            stack.enter_context(stopped_by_signals(self.runs))
            stack.enter_context(stopped_with(server if isinstance(server, int) else None, self.runs))
            before = read_stats(self.runs)
            try:
                return self._train(self._plan(options, datastore))
            except Exception as error:
                tell_failure(self.runs, error, before)
                raise

    def _plan(self, options: TrainOptions, datastore: Any) -> RunPlan:
        unfinished = unfinished_run(self.runs) if options.resume else None
        if unfinished is not None:
            plan = resumed_run(self.runs, self.recipe.card, options, datastore, unfinished)
            return replace(plan, note=self._not_taken(options, plan.options))
        if options.resume:
            logger.warning("There is no unfinished run of %s to go on with: a new one begins", self.recipe.card.model)
        landmark_set = self.recipe.card.landmark_set
        plan = new_run(self.runs, landmark_set, options, datastore, progress=self.recipe.progress)
        if options.resume:
            plan = replace(plan, note="There was no unfinished run to go on with: this is a new one.")
        return plan if options.train_batch_size else self._with_batch(plan)

    def _with_batch(self, plan: RunPlan) -> RunPlan:
        """The run with the batch that suits the GPU; its note says which."""
        options = plan.options
        devices = chosen_devices(options.device, options.gpus, several=options.multi_gpu)
        place = launched()
        trial = gpu_trial(self.recipe.card, self.recipe.objective, options, devices[0])
        processes = len(devices) if place is None else place[2]
        options, sentence = found_batch(options, len(plan.train), trial, processes=processes)
        return replace(plan, options=options, note=" ".join(part for part in (plan.note, sentence) if part))

    def _not_taken(self, given: TrainOptions, own: TrainOptions) -> str | None:
        """What to say of options that differ from the defaults and from those of the run that goes on."""
        names = [
            name
            for name, default in self.defaults
            if name not in (*WHERE, "resume") and getattr(given, name) not in (default, getattr(own, name))
        ]
        return f"It goes on with its own options; not taken: {', '.join(names)}." if names else None

    def _in_one_of_many(
        self, options: TrainOptions, datastore: Any, rank: int, local: int, world: int
    ) -> dict[str, Any]:
        """A process that torchrun has started: the leading one settles what is done, and tells the others."""
        device = torch.device("cuda", local) if options.device.startswith("cuda") else torch.device("cpu")
        with joined(device, rank, world, "env://") as worker, ExitStack() as stack:
            stack.enter_context(stopped_by_signals(self.runs, patient=True))
            plan: RunPlan | None = None
            fault: Exception | None = None
            if worker.leads:
                try:
                    stack.enter_context(training_lock(self.runs))
                    plan = self._plan(options, datastore)
                except Exception as error:  # noqa: BLE001 - the others wait to be told
                    fault = error
            plan = worker.gather(plan)[0]
            if fault is not None:
                raise fault
            if plan is None:
                raise TrainingStoppedError("The leading process could not begin.")
            try:
                return RunInProcess(self.recipe, plan, worker).run()
            except torch.OutOfMemoryError as error:
                raise OptionsError(_too_little_memory(plan)) from error

    # --- processes -----------------------------------------------------------------------------------------------

    def _train(self, plan: RunPlan) -> dict[str, Any]:
        """Train in this process, or in one a GPU; with a smaller batch where memory does not last."""
        while True:
            lacking = plan.folder / NO_MEMORY_FILE
            lacking.unlink(missing_ok=True)
            try:
                return self._in_processes(plan)
            except (torch.OutOfMemoryError, TrainingFailedError):
                if not lacking.exists():
                    raise
            # after the block, since its error holds on to the networks of the attempt
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            plan = _with_less_memory(plan)

    def _in_processes(self, plan: RunPlan) -> dict[str, Any]:
        options = plan.options
        devices = chosen_devices(options.device, options.gpus, several=options.multi_gpu)
        if len(devices) == 1:
            with joined(devices[0], 0, 1, "") as worker:
                return RunInProcess(self.recipe, plan, worker).run()
        return self._in_several(plan, devices)

    def _in_several(self, plan: RunPlan, devices: Sequence[torch.device]) -> dict[str, Any]:
        """MONAI Label's own way: each process calls :meth:`train`."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            meeting_point = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        request = {"plan": plan, "devices": devices, "meeting_point": meeting_point}
        failed: str | None = None
        try:
            spawn(main_worker, args=(len(devices), request, [], self), nprocs=len(devices))  # type: ignore[no-untyped-call]
        except (ProcessRaisedException, ProcessExitedException) as error:
            failed = str(error).strip().splitlines()[-1]
        stats = self.stats()
        if failed is not None or stats.get("status") not in ("finished", "stopped"):
            raise TrainingFailedError(stats.get("message") or failed or "The training's processes have ended.")
        return stats

    def train(self, rank: int, world_size: int, request: Mapping[str, Any], datalist: Sequence[Any]) -> dict[str, Any]:
        """One of several processes of this machine, as MONAI Label spawns them."""
        with (
            interrupts_left_to_parent(),
            joined(request["devices"][rank], rank, world_size, request["meeting_point"]) as worker,
        ):
            return RunInProcess(self.recipe, request["plan"], worker).run()


def _with_less_memory(plan: RunPlan) -> RunPlan:
    """The same run, its steps in smaller parts.

    Raises:
        OptionsError: a part is one radiograph already.
    """
    smaller = plan.options.smaller_batch()
    if smaller is None:
        raise OptionsError(_too_little_memory(plan))
    sentence = (
        f"Too little GPU memory for batches of {plan.options.train_batch_size}: they became "
        f"{smaller.train_batch_size}, and the gradients of {smaller.accumulate} are added up."
    )
    return plan.again(smaller, sentence)


def _too_little_memory(plan: RunPlan) -> str:
    options = plan.options
    if options.train_batch_size == 1 and options.val_batch_size == 1:
        return (
            "There is too little GPU memory even for one radiograph at a time: "
            "choose a smaller input_size, another encoder, or device cpu."
        )
    return (
        f"There is too little GPU memory for batches of {options.train_batch_size}: choose a smaller "
        "train_batch_size, with a larger accumulate for the same steps."
    )
