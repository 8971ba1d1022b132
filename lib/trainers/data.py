"""From samples to batches: decoded once, varied anew in each epoch, the same whoever asks and whenever.

What an image looks like in an epoch depends on the seed, the epoch and the image alone, not on what was drawn before
it. So a training that was killed goes on as if nothing had happened, and two processes see what one would have seen.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from monai.data import CacheDataset, DataLoader, PersistentDataset
from monai.transforms import Compose, Randomizable, SelectItemsd
from monai.utils import MAX_SEED
from torch.utils.data import Dataset, DistributedSampler

from lib.checkpoints import ModelCard
from lib.transforms import FitToInputd, LoadRadiographd

logger = logging.getLogger(__name__)

SAMPLE_KEYS = ["id", "image", "label", "file_size", "pixel_mm"]
MEMORY_SHARE = 0.5
"""Of the memory that is free when a training begins; what does not fit goes to the disk."""
LOADING_THREADS = 4
CGROUP = Path("/sys/fs/cgroup")


class VariedDataset(Dataset[dict[str, Any]]):
    """Samples, each varied at random in its own way in each epoch.

    Args:
        samples: decoded samples, see :func:`decoded` and :class:`~lib.trainers.placement.OnDevice`.
        variation: random transforms; empty for none.
        seed: of the run.

    The key of a sample is ``epoch * len(samples) + index``.
    """

    def __init__(self, samples: Dataset[dict[str, Any]], variation: Sequence[Any], seed: int) -> None:
        self.samples, self.variation, self.seed = samples, list(variation), seed
        self._together = Compose(self.variation)
        self._together.set_random_state(seed=seed)  # gives each transform a generator of its own

    def __len__(self) -> int:
        return len(self.samples)  # type: ignore[arg-type]

    def __getitem__(self, key: int) -> dict[str, Any]:
        epoch, index = divmod(key, len(self))
        sample = dict(self.samples[index])
        if not self.variation:
            return sample
        state = np.random.SeedSequence([self.seed, epoch, index]).generate_state(1)
        self._reseed(int(state[0]))
        for transform in self.variation:
            sample = transform(sample)
        return sample

    def _reseed(self, seed: int) -> None:
        """What ``set_random_state`` of MONAI's ``Compose`` does, in a fraction of the time.

        That makes new generators, and each looks for entropy first; here those that are there begin anew, with the
        numbers that new ones would give.
        """
        self._together.R.seed(seed)
        for transform in self.variation:
            if isinstance(transform, Randomizable):
                its_own = int(self._together.R.randint(MAX_SEED, dtype="uint32"))
                if type(transform).set_random_state is Randomizable.set_random_state:
                    transform.R.seed(its_own)
                else:
                    transform.set_random_state(seed=its_own)


class EpochSampler(DistributedSampler[Any]):
    """The keys of this process's share of an epoch, in an order that depends on seed and epoch only.

    MONAI's trainer tells it the epoch.
    """

    def __init__(self, dataset: VariedDataset, rank: int, world_size: int) -> None:
        super().__init__(dataset, num_replicas=world_size, rank=rank, shuffle=True, seed=dataset.seed)

    def __iter__(self) -> Iterator[int]:
        offset = self.epoch * len(self.dataset)  # type: ignore[arg-type]
        for index in super().__iter__():
            yield offset + index


def file_to_input(card: ModelCard) -> Compose:
    """What is done once to each image: read, fit to the network's input, keep what training needs."""
    return Compose([LoadRadiographd(), FitToInputd(card.input_size, card.grey), SelectItemsd(SAMPLE_KEYS)])


def decoded(
    samples: Sequence[Mapping[str, Any]],
    card: ModelCard,
    folder: Path,
    *,
    processes: int = 1,
    progress: bool = False,
    tell: Callable[[str], None] = logger.info,
) -> Any:
    """Samples as the network takes them, each decoded once: kept in memory, or on the disk if there are too many.

    Args:
        samples: see :func:`~lib.trainers.samples.labelled_samples`.
        card: of the network that takes them.
        folder: where to keep what does not fit into memory; the caller removes it.
        processes: how many processes of this machine will each hold their own.
        progress: show a progress bar.
        tell: is told if the disk is needed.
    """
    needed = len(samples) * math.prod(card.input_size) * torch.float32.itemsize
    if needed <= _free_memory() * MEMORY_SHARE / processes:
        threads = min(LOADING_THREADS, len(samples))
        return CacheDataset(
            list(samples), file_to_input(card), num_workers=threads, progress=progress, copy_cache=False
        )
    tell(f"{len(samples)} decoded radiographs need {needed / 1e9:.1f} GB, more than memory has: they are kept on disk.")
    return PersistentDataset(list(samples), file_to_input(card), cache_dir=folder)


def train_loader(dataset: VariedDataset, batch_size: int, rank: int = 0, world_size: int = 1) -> DataLoader:
    """Batches of this process's share of each epoch."""
    return DataLoader(dataset, batch_size=batch_size, sampler=EpochSampler(dataset, rank, world_size), num_workers=0)


def _free_memory() -> int:
    """Bytes, of the machine or of the container that has less."""
    free = int(psutil.virtual_memory().available)
    try:
        limit, used = ((CGROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return free
    return free if limit == "max" else min(free, max(0, int(limit) - int(used)))
