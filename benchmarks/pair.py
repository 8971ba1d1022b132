"""The released network and ours with the same weights on the same radiographs, and how two things are timed fairly."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from benchmarks.reference import reference_network
from lib.datasets.phantoms import make_phantom
from lib.heatmaps import HeatmapCodec
from lib.networks import FARNet, imagenet_statistics, load_released_weights

LANDMARKS = 19
CODEC = HeatmapCodec(sigma=10.0)


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two networks that compute the same.

    Args:
        reference: the released one in evaluation mode; None without a checkout of it.
        ours: our network with its weights, as it was trained.
        images: (B, 1, H, W) radiographs in 0..1.
    """

    reference: nn.Module | None
    ours: FARNet
    images: Tensor

    def shown_to_reference(self) -> Tensor:
        """(B, 3, H, W): what the released code makes of the images."""
        mean, std = (part.to(self.images) for part in imagenet_statistics())
        return ((self.images * 255).expand(-1, 3, -1, -1) - mean) / std


def make_pair(
    reference: Path | None, size: tuple[int, int], images: int, device: torch.device, weights: Path | None = None
) -> Pair:
    """Both networks with one set of weights, on phantom radiographs.

    Args:
        reference: a checkout of the released implementation.
        size: ``(height, width)`` of the networks' input.
        images: how many radiographs.
        device: where they shall be.
        weights: a state dict of the released network; None: random weights, with the batch statistics of the
            radiographs, since activations that die out are slow to compute on some processors.
    """
    shown = torch.from_numpy(
        np.stack([make_phantom("cephalometric_19", seed, size).pixels for seed in range(images)]).astype(np.float32)
    )
    pair = Pair(
        None if reference is None else reference_network(reference),
        FARNet(num_landmarks=LANDMARKS, image_kernel=1, white=255.0).eval(),
        shown[:, None] / 255.0,
    )
    if weights is None:
        _with_statistics(pair.reference or pair.ours, pair)
    elif pair.reference is not None:
        pair.reference.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    else:
        load_released_weights(pair.ours, torch.load(weights, map_location="cpu", weights_only=True))
    if pair.reference is not None:
        load_released_weights(pair.ours, pair.reference.state_dict())
        pair.reference.to(device)
    return Pair(pair.reference, pair.ours.to(device), pair.images.to(device))


@torch.no_grad()
def _with_statistics(network: nn.Module, pair: Pair) -> None:
    shown = pair.images if network is pair.ours else pair.shown_to_reference()
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    network.train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the mean over all that it sees
            module.reset_running_stats()
    network(shown[:1])
    network.eval()


def alternating(
    runs: Sequence[Callable[[], object]], rounds: int, device: torch.device, seconds: float, title: str
) -> list[list[float]]:
    """Milliseconds of each run, one after the other in each round, so that what slows the machine slows all of them.

    Args:
        runs: what to time; each runs once before.
        rounds: how often.
        device: is waited for before and after.
        seconds: after which no round begins, three are made at least.
        title: of the progress bar.
    """
    for run in runs:
        run()
    times: list[list[float]] = [[] for _ in runs]
    begun = time.perf_counter()
    for done in tqdm(range(rounds), desc=title, unit="round", leave=False):
        if done >= 3 and time.perf_counter() - begun > seconds:
            break
        for run, noted in zip(runs, times, strict=True):
            noted.append(milliseconds(run, device))
    return times


def milliseconds(run: Callable[[], object], device: torch.device) -> float:
    """Of one run, the device waited for."""
    _wait(device)
    begun = time.perf_counter()
    run()
    _wait(device)
    return 1000.0 * (time.perf_counter() - begun)


def paired_ratio(slow: Sequence[float], fast: Sequence[float]) -> float:
    """The median of the ratios within the rounds."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


def machine(device: torch.device) -> dict[str, Any]:
    """What the figures hang on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {"device": name, "threads": torch.get_num_threads(), "torch": torch.__version__}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "CPU")
    return f"{model}, {torch.backends.cpu.get_cpu_capability()}"


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
