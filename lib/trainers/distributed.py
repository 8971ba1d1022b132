"""Several processes that train one network: who does what, and the few things that they tell each other."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from lib.networks import ImageBatchNorm2d

Anything = TypeVar("Anything")


@dataclass(frozen=True, slots=True)
class Worker:
    """One process of a training.

    Args:
        device: what it computes on.
        rank: its number; 0 writes the files.
        world_size: how many there are, on all machines.
    """

    device: torch.device
    rank: int = 0
    world_size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes the files and decides."""
        return self.rank == 0

    def gather(self, content: Anything) -> list[Anything]:
        """What each process has, in the order of their numbers; plain data."""
        if self.world_size == 1:
            return [content]
        gathered: list[Any] = [None] * self.world_size
        dist.all_gather_object(gathered, content)
        return gathered

    def agreed(self, flag: bool) -> bool:
        """What the leading process says, to all."""
        if self.world_size == 1:
            return flag
        said = torch.tensor([flag], dtype=torch.uint8, device=self.device)
        dist.broadcast(said, src=0)
        return bool(said.item())

    def parallel(self, network: nn.Module) -> nn.Module:
        """The network, so that its gradients and batch statistics are those of all processes' images."""
        if self.world_size == 1:
            return network
        network = with_global_statistics(network, self.device)
        on_gpu = self.device.type == "cuda"
        return DistributedDataParallel(network, device_ids=[self.device.index] if on_gpu else None)


@contextmanager
def joined(device: torch.device, rank: int, world_size: int, meeting_point: str) -> Iterator[Worker]:
    """Join the other processes, if there are any; leave them at the end.

    Args:
        device: what this process computes on.
        rank: its number.
        world_size: how many there are.
        meeting_point: ``env://`` (torchrun) or ``tcp://HOST:PORT``, the same for all.
    """
    if world_size == 1:
        yield Worker(device)
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = "nccl" if device.type == "cuda" else "gloo"
    # the leading process reads studies and measures the model in use while the others wait
    patience = timedelta(hours=2)
    dist.init_process_group(backend, init_method=meeting_point, rank=rank, world_size=world_size, timeout=patience)
    try:
        yield Worker(device, rank, world_size)
        gc.collect()  # parallel networks go before the group that they belong to
        dist.barrier()  # who leaves first takes the connections of the others along
    finally:
        dist.destroy_process_group()


def launched() -> tuple[int, int, int] | None:
    """Number, number on this machine, and how many, where ``torchrun`` has started this process as one of several."""
    if "TORCHELASTIC_RUN_ID" not in os.environ or int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return None
    return int(os.environ["RANK"]), int(os.environ["LOCAL_RANK"]), int(os.environ["WORLD_SIZE"])


def chosen_devices(device: str, gpus: str, *, several: bool) -> list[torch.device]:
    """What the processes of a training on this machine compute on.

    Args:
        device: ``cuda`` for any GPU, ``cuda:1`` for one, ``cpu``.
        gpus: ``all`` or numbers with commas between; with ``cpu``, as many processes as there are numbers.
        several: whether more than one may be used.
    """
    chosen = torch.device(device)
    numbers = [] if gpus == "all" else [int(number) for number in gpus.split(",")]
    if chosen.type == "cuda":
        numbers = [chosen.index] if chosen.index is not None else numbers or list(range(torch.cuda.device_count()))
        devices = [torch.device("cuda", number) for number in numbers]
    else:
        devices = [chosen] * max(1, len(numbers))
    return devices if several else devices[:1]


def with_global_statistics(network: nn.Module, device: torch.device) -> nn.Module:
    """The network with batch normalisation over the images of all processes, or over each image as it has it."""
    if any(isinstance(module, ImageBatchNorm2d) for module in network.modules()):
        return network
    if device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return converted
    for name, module in list(network.named_modules()):
        if type(module) is nn.BatchNorm2d:
            parent, _, child = name.rpartition(".")
            setattr(network.get_submodule(parent), child, GlobalBatchNorm2d.like(module))
    return network


class GlobalBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation over the images of all processes, on a CPU, where torch has none.

    Shape:
        - input, output: (B, C, H, W), the same B, H and W in every process.
    """

    @classmethod
    def like(cls, module: nn.BatchNorm2d) -> GlobalBatchNorm2d:
        """The same layer with the same parameters."""
        made = cls(module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats)
        made.weight, made.bias = module.weight, module.bias
        for name, statistic in module.named_buffers():
            setattr(made, name, statistic)
        return made.train(module.training)

    def forward(self, features: Tensor) -> Tensor:
        """Normalise; in evaluation by the running statistics, as its base does."""
        if not self.training:
            return super().forward(features)
        world_size = dist.get_world_size()
        mean: Tensor = _sum(features.mean((0, 2, 3))) / world_size
        centred = features - mean[:, None, None]
        variance: Tensor = _sum(centred.square().mean((0, 2, 3))) / world_size
        self._follow(mean.detach(), variance.detach(), features.numel() // features.shape[1] * world_size)
        scale = torch.rsqrt(variance + self.eps) * self.weight
        return centred * scale[:, None, None] + self.bias[:, None, None]

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, count: int) -> None:
        assert self.running_mean is not None  # noqa: S101 - for the type checker: our networks track statistics
        assert self.running_var is not None  # noqa: S101
        assert self.num_batches_tracked is not None  # noqa: S101
        momentum = 0.1 if self.momentum is None else self.momentum
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * count / max(1, count - 1), momentum)


class _Sum(torch.autograd.Function):
    """The sum over all processes; so is its gradient."""

    @staticmethod
    def forward(_: Any, part: Tensor) -> Tensor:
        total = part.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


def _sum(part: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(part)  # type: ignore[no-untyped-call]
    return total
