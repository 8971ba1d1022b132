"""Two trainings of one network to be timed side by side: the released pipeline as it stands, and ours."""

from __future__ import annotations

import contextlib
import io
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset, default_collate

from benchmarks.reference import load_reference, reference_network
from lib.checkpoints import ModelCard
from lib.landmarks import LandmarkSet
from lib.networks import FARNet, channels_last
from lib.trainers.average import moving_average
from lib.trainers.compiled import compile_if_possible
from lib.trainers.data import VariedDataset, decoded, train_loader
from lib.trainers.objective import CoarseToFineLoss
from lib.trainers.options import TrainOptions
from lib.trainers.placement import OnDevice
from lib.trainers.schedule import schedule
from lib.trainers.step import TrainStep, allow_fast_algorithms, chosen_optimizer, chosen_precision
from lib.transforms import training_variation

SET = LandmarkSet.load("cephalometric_19")
STEPS = 100_000
"""More than are ever made."""


class Pace:
    """Batches that are timed while a training takes them; the first are not, and after a while there are no more.

    Args:
        batches: to hand on.
        device: that computes; it is waited for where the time begins and where it ends.
        warm: batches that are not timed.
        seconds: after which it ends.
        steps: after which it ends at the latest.
    """

    def __init__(
        self, batches: Iterable[Any], device: torch.device, warm: int, seconds: float, steps: int = STEPS
    ) -> None:
        self.batches, self.device, self.warm, self.limit, self.steps = batches, device, warm, seconds, steps
        self.images, self.seconds = 0, math.nan

    def __iter__(self) -> Iterator[Any]:
        begun = time.perf_counter()
        for number, batch in enumerate(self.batches):
            if number == self.warm:
                begun = self._now()
            done = number - self.warm
            if done >= self.steps or (done > 0 and time.perf_counter() - begun > self.limit):
                break
            yield batch
            if done >= 0:
                self.images += len(batch["image"] if isinstance(batch, dict) else batch[0])
        self.seconds = self._now() - begun

    @property
    def rate(self) -> float:
        """Images a second."""
        return self.images / self.seconds

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


class Released:
    """The released pipeline: its data set, its loader's settings, its network and its ``train_model``.

    From outside come the files, the number of the GPU, and the end of its loader; on a CPU its ``.cuda()`` do nothing.

    Args:
        path: a checkout of its repository.
        images: folder of the radiographs.
        labels: folder of their points.
        size: ``(height, width)`` of the network's input.
        device: to train on.
    """

    def __init__(self, path: Path, images: Path, labels: Path, size: tuple[int, int], device: torch.device) -> None:
        self.device = device
        _, data, _, self.train = load_reference(path, "config", "data", "model", "train")
        self.train.Config.GPU = device.index or 0
        self.dataset = data.medical_dataset(str(images), str(labels), *size, len(SET), 10)
        self.network = reference_network(path).to(device)
        self.criterion = nn.MSELoss(reduction="none")
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-4)
        self.scheduler = torch.optim.lr_scheduler.MultiStepLR(self.optimizer, [200], gamma=0.1)

    def batches(self, batch_size: int = 1) -> DataLoader[Any]:
        """An endless epoch of its loader."""
        endless = Subset(self.dataset, range(STEPS * batch_size))  # it takes its index modulo its length
        return DataLoader(endless, batch_size=batch_size, shuffle=True, num_workers=4)

    def same_batch(self, batch_size: int, times: int) -> list[Any]:
        """One batch again and again, for the memory that it takes."""
        return [default_collate([self.dataset[0]] * batch_size)] * times

    def run(self, batches: Iterable[Any]) -> None:
        """Its training on these batches."""
        cuda = torch.Tensor.cuda
        if self.device.type == "cpu":
            torch.Tensor.cuda = lambda tensor, *_, **__: tensor  # type: ignore[assignment, method-assign]
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                self.train.train_model(self.network, self.criterion, self.optimizer, self.scheduler, batches, 1)
        finally:
            torch.Tensor.cuda = cuda  # type: ignore[method-assign]
            self.optimizer.zero_grad()


class Ours:
    """Our training of the same network, as :class:`~lib.trainers.training.Training` puts it together.

    Args:
        files: of the radiographs.
        points: (N, 2) landmarks of each.
        size: ``(height, width)`` of the network's input.
        device: to train on.
        compiled: by ``torch.compile``.
    """

    def __init__(
        self,
        files: Sequence[Path],
        points: Sequence[np.ndarray],
        size: tuple[int, int],
        device: torch.device,
        *,
        compiled: bool = False,
    ) -> None:
        self.device, self.points = device, points
        self.card = ModelCard(
            model="farnet_ceph",
            version="benchmark",
            encoder="densenet121",
            image_kernel=1,
            input_size=size,
            sigma=10.0,
            landmark_set=SET,
        )
        begun = time.perf_counter()
        samples = [
            {"id": file.stem, "image": str(file), "label": label, "file_size": (0, 0), "pixel_mm": (math.nan, math.nan)}
            for file, label in zip(files, points, strict=True)
        ]
        self.kept = OnDevice(decoded(samples, self.card, Path("not needed")), device)
        self.decoding_s = time.perf_counter() - begun
        allow_fast_algorithms()
        torch.manual_seed(0)
        self.network = channels_last(FARNet(num_landmarks=len(SET), image_kernel=1)).to(device)
        self.options = TrainOptions()
        self.average = moving_average(self.network, self.options.ema_decay)
        if compiled:
            compile_if_possible(self.network)
        self.optimizer = chosen_optimizer(self.network, self.options, device)
        self.loss = CoarseToFineLoss(self.card.codec(), [1.0] * len(SET)).to(device)
        self.use(1)

    def use(self, batch_size: int) -> None:
        """Train with batches of this size from now on."""
        self.batch_size = batch_size
        self.step = TrainStep(
            self.network,
            self.optimizer,
            schedule(self.optimizer, "step", STEPS),
            self.loss,
            self.average,
            self.device,
            images=STEPS * batch_size,
            batch_size=batch_size,
            precision=chosen_precision(self.options.amp, self.device),
        )
        self.engine: Any = SimpleNamespace(state=SimpleNamespace(iteration=0))

    def batches(self) -> Iterator[Any]:
        """Batches of varied radiographs without end."""
        dataset = VariedDataset(_Repeated(self.kept, 50 * self.batch_size), training_variation(SET), seed=0)
        loader = train_loader(dataset, self.batch_size)
        for epoch in range(STEPS):
            loader.sampler.set_epoch(epoch)
            yield from loader

    def run(self, batches: Iterable[Any]) -> None:
        """Our training on these batches."""
        for batch in batches:
            self.engine.state.iteration += 1
            self.step(self.engine, batch)


class _Repeated(Dataset[dict[str, Any]]):
    """The same few samples as if they were many."""

    def __init__(self, samples: Dataset[dict[str, Any]], count: int) -> None:
        self.samples, self.count = samples, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.samples[index % len(self.samples)]  # type: ignore[arg-type]
