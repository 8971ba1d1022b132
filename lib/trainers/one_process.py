"""A run as one of its processes sees it: begin, train, compare with the model in use, publish."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from monai.data import DataLoader
from monai.utils import set_determinism

from lib.checkpoints import HeldOutErrors, ModelCard, ModelVersions, load_trained, read_held_out, with_trust
from lib.formats.files import write_atomic
from lib.networks import FARNet, channels_last
from lib.radiographs import RadiographError
from lib.trainers.calibrate import NOT_KNOWN, calibrated, examined, half_shift, unseen_images
from lib.trainers.distributed import Worker
from lib.trainers.gate import judge
from lib.trainers.lock import TrainingStoppedError
from lib.trainers.metrics import HeldOutTable, measure
from lib.trainers.objective import PAPERS_OBJECTIVE, Objective
from lib.trainers.origin import Origin, read_origin
from lib.trainers.plan import CACHE_FOLDER, NO_MEMORY_FILE, RunPlan, make_room
from lib.trainers.run_evaluation import evaluate_run
from lib.trainers.run_log import RunLog
from lib.trainers.start import model_in_use, start_of_run
from lib.trainers.training import DivergedError, Training
from lib.transforms import MapDecoder
from lib.version import code_version

logger = logging.getLogger(__name__)

Served = tuple[ModelCard, HeldOutTable]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What all runs of a model have in common.

    Args:
        card: the network to train; an untrained model's card.
        versions: the model's versions; publishing goes through them.
        start_paths: where the model in use may lie; the last that exists is what a run with ``pretrained`` starts from.
        imagenet: ImageNet weights for a run that starts from no model: a path, ``"download"``, or None.
        begin_with: a model file that such a run takes its weights from instead.
        objective: what is minimised.
        half: publish convolution weights as float16.
        progress: show a progress bar.
    """

    card: ModelCard
    versions: ModelVersions
    start_paths: Sequence[str]
    imagenet: str | None = None
    begin_with: str | None = None
    objective: Objective = PAPERS_OBJECTIVE
    half: bool = False
    progress: bool = False


class RunInProcess:
    """A run in this process, alone or beside others.

    Args:
        recipe: of the model.
        plan: of the run.
        worker: this process.
    """

    def __init__(self, recipe: Recipe, plan: RunPlan, worker: Worker) -> None:
        self.recipe, self.plan, self.worker = recipe, plan, worker
        set_determinism(seed=plan.options.seed)
        self.in_use = model_in_use(recipe.start_paths)
        go_on = self.in_use if plan.options.pretrained and not plan.resumed else None
        taught = (None, None) if plan.resumed else (recipe.imagenet, recipe.begin_with)
        start = start_of_run(recipe.card, go_on, *taught)
        if plan.resumed:
            origin = read_origin(plan.folder)
        else:
            origin = Origin.of(start.told, start.parent, recipe.card)
            if worker.leads:
                origin.write(plan.folder)
        self.origin = origin
        card = self._card(origin)
        self.log = RunLog(plan, card, _words(worker), origin.told, leads=worker.leads)
        self._start = card, channels_last(start.network)

    def run(self) -> dict[str, Any]:
        """Train and conclude; the statistics that viewers see, from the leading process.

        Raises:
            DivergedError: the loss is no number any more; what was best before has been judged.
            TrainingStoppedError: it was stopped before its first epoch.
            RadiographError: an image cannot be read.
            torch.OutOfMemoryError: of the GPU; :data:`~lib.trainers.plan.NO_MEMORY_FILE` says so to other processes.
        """
        diverged: DivergedError | None = None
        try:
            self._prepare()
            served = self._measured() if self.worker.leads else None
            if served is not None:
                self.log.to_beat(*served)
            try:
                self.training.run()
            except DivergedError as error:
                diverged = error
            stats = self._concluded(served, diverged) if self.worker.leads else {}
        except (KeyboardInterrupt, Exception) as error:
            if isinstance(error, torch.OutOfMemoryError):
                (self.plan.folder / NO_MEMORY_FILE).touch()
            if self.worker.leads:
                self._failed(error)
            elif isinstance(error, TrainingStoppedError):
                return {}  # so does the leading process, and it is left to say so
            if isinstance(error.__cause__, RadiographError):  # MONAI wraps what its transforms raise
                raise error.__cause__ from error
            raise
        if diverged is not None and self.worker.leads:
            raise diverged
        return stats

    def _prepare(self) -> None:
        """Move the network to its device, where there may be no room, and everything that trains it."""
        recipe, plan = self.recipe, self.plan
        self.training = Training(
            plan,
            *self._start,
            self.worker,
            self.log,
            objective=recipe.objective,
            half=recipe.half,
            progress=recipe.progress,
        )
        if self.worker.leads and not plan.resumed:
            make_room(plan.runs, plan.run)

    def _card(self, origin: Origin) -> ModelCard:
        """Of the model that the run may publish."""
        plan = self.plan
        told = {"images": len(plan.train), "held_out": len(plan.held_out), "epochs": plan.epochs}
        told |= asdict(self.recipe.objective)
        return self.recipe.card.model_copy(
            update={
                "version": plan.run,
                "training": {**plan.options.model_dump(mode="json", exclude={"resume"}), **told},
                "data": plan.data(origin.learnt_before, complete=origin.all_known),
                "parent": origin.parent,
                "code": code_version(),
            }
        )

    def _measured(self) -> Served | None:
        """The model in use on the images that this run holds out, at its own input size."""
        if self.in_use is None:
            return None
        card = self.in_use.card
        names, known = self.recipe.card.landmark_set.names, card.landmark_set.names
        places = [known.index(name) if name in known else None for name in names]
        if all(place is None for place in places):
            return None
        samples = self.training.held_out(card)
        batches = DataLoader(samples, batch_size=self.plan.options.val_batch_size)
        alone = Worker(self.worker.device)
        decoder = MapDecoder(card.codec(), self.in_use.trust.shape_model)
        network = channels_last(self.in_use.network).to(alone.device)
        table = measure(network, batches, decoder, alone, places)
        network.cpu()
        return card, table

    # --- the end -------------------------------------------------------------------------------------------------

    def _concluded(self, served: Served | None, diverged: DivergedError | None) -> dict[str, Any]:
        """Compare, publish, tidy up."""
        training, best = self.training, self.training.best
        now = model_in_use(self.recipe.start_paths)
        if now is not None and (served is None or now.card != served[0]):
            self.in_use, served = now, None  # somebody has published or rolled back meanwhile
            served = self._measured()
        if best.found is not None:
            self._calibrate(best.found)
            self._judge(best.found, served)
            with self.log.tolerated("The evaluation could not be written"):
                evaluate_run(self.plan, best.found, self._of_best(best.found), served)
        if diverged is not None:
            return self.log.ended("failed", str(diverged), best)
        if training.stopped:
            message = "Stopped before its first validation: nothing to publish." if best.found is None else None
            return self.log.ended("stopped", message, best)
        training.state.path.unlink(missing_ok=True)
        shutil.rmtree(self.plan.folder / CACHE_FOLDER, ignore_errors=True)
        return self.log.ended("finished", None, best)

    def _calibrate(self, candidate: ModelCard) -> None:
        """Put into the candidate's file what its confidence is worth."""
        trained = load_trained(self.training.best.path).network.to(self.worker.device)
        network: FARNet = channels_last(trained.fused())  # type: ignore[assignment]
        trust = self.training.trust
        if self.origin.all_known:
            held_out = self.training.held_out(candidate)
            samples = [held_out[index] for index in range(len(held_out))]
            unseen = unseen_images(candidate, self.plan.fingerprints, self.plan.groups)
            those = (sample for sample in samples if str(sample["id"]) in unseen)
            trust = calibrated(trust, examined(network, candidate, trust, those, self.plan.groups))
            if self.worker.device.type == "cuda":
                with self.log.tolerated("What 16 bits would change could not be measured"):
                    trust = trust.model_copy(update={"half_shift": half_shift(trained, candidate, trust, samples)})
        else:
            trust = trust.model_copy(update={"note": NOT_KNOWN})
        write_atomic(self.training.best.path, with_trust(self.training.best.path, trust))
        self.log.note(trust.note)

    def _of_best(self, candidate: ModelCard) -> HeldOutTable:
        """What the run's best model finds on the held-out images."""
        trained = load_trained(self.training.best.path)
        network = channels_last(trained.network).to(self.worker.device)
        batches = DataLoader(self.training.held_out(candidate), batch_size=self.plan.options.val_batch_size)
        decoder = MapDecoder(candidate.codec(), trained.trust.shape_model)
        return measure(network, batches, decoder, Worker(self.worker.device))

    def _judge(self, candidate: ModelCard, served: Served | None) -> None:
        best, confidence = self.training.best, self.plan.options.gate_confidence
        errors = self._errors_of_best()
        if served is not None and self._is_of_this_run(served[0]):  # it was stopped, or killed, after publishing
            alone = judge(errors, None, confidence)
            if _is_same(served[0], candidate):
                sentence = "Published: it is in use since before the run was interrupted."
            else:
                sentence = "Published: it is better than the one that the run had published when it was stopped."
                self.recipe.versions.publish(best.path, sentence)
            self.log.judged(replace(alone, sentence=sentence), candidate, None)
            return
        theirs = None if served is None else self._common(served)
        learnt = self._learnt_from(candidate, served)
        verdict = judge(errors, theirs, confidence, learnt, self.training.scores)
        if served is not None and served[0].landmark_set.names != candidate.landmark_set.names:
            sentence = (
                f"Published: the model in use is for other landmarks. For those that both find: {verdict.sentence}"
            )
            verdict = replace(verdict, publish=True, sentence=sentence)
        if verdict.publish:
            self.recipe.versions.publish(best.path, verdict.sentence)
        self.log.judged(verdict, candidate, served)

    def _errors_of_best(self) -> HeldOutErrors:
        """By the names that this run knows; the file has none, in the same order."""
        errors = read_held_out(self.training.best.path)
        assert errors is not None  # noqa: S101 - for the type checker: Best writes them
        images = sorted(sample["id"] for sample in self.plan.held_out)
        return errors.renamed(images, [self.plan.groups[image] for image in images])

    def _is_of_this_run(self, card: ModelCard) -> bool:
        same_run = re.fullmatch(re.escape(self.plan.run) + r"(-\d+)?", card.version) is not None
        return same_run and card.data is not None and card.data.hash == self.plan.data_hash

    def _common(self, served: Served) -> HeldOutErrors:
        card, table = served
        names = self.recipe.card.landmark_set.names
        known = [name for name in names if name in card.landmark_set.names]
        return table.errors(names, self.plan.groups).only(known)

    def _learnt_from(self, candidate: ModelCard, served: Served | None) -> list[str]:
        """Held-out images that the candidate, before this run, or the served model has been trained on."""
        cards = [candidate] if served is None else [candidate, served[0]]
        seen = {fingerprint for card in cards if card.data is not None for fingerprint in card.data.train}
        for card in cards:
            if card.data is None:
                self.log.note(f"The file of version {card.version} does not say which radiographs it has learnt from.")
        images = [sample["id"] for sample in self.plan.held_out]
        learnt = [image for image in images if self.plan.fingerprints[image] in seen]
        if learnt:
            self.log.note(
                f"{len(learnt)} of the {len(images)} held-out radiographs were learnt from in an earlier training with "
                "another split: they do not count in the comparison, unless there are no others."
            )
        return learnt

    def _failed(self, error: BaseException) -> None:
        """Write down how it ended, whatever it was."""
        if isinstance(error, TrainingStoppedError):
            self.log.ended("stopped", str(error), None)
        elif isinstance(error, KeyboardInterrupt):
            self.log.ended("interrupted", "The process was interrupted.", None)
        else:
            self.log.ended("failed", f"{error.__cause__ or error}" or type(error).__name__, None)


def _is_same(served: ModelCard, candidate: ModelCard) -> bool:
    same = served.data == candidate.data and served.created == candidate.created
    return same and served.training == candidate.training and served.version.startswith(candidate.version)


def _words(worker: Worker) -> str:
    device = torch.cuda.get_device_name(worker.device) if worker.device.type == "cuda" else "CPU"
    return device if worker.world_size == 1 else f"{worker.world_size} processes, {device}"
