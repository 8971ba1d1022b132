"""A trained network as a server asks it: one radiograph at a time, always of the same size, as fast as the device can.

On a GPU most of that time goes into telling it what to do, kernel by kernel. So the kernels are recorded once and
replayed; and compiled, in the background, since that takes half a minute, while the recording of what was not compiled
already answers. torch keeps what it has compiled on the disk for the next start. On a CPU weights are packed instead,
see :mod:`lib.networks.packed`.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

import torch
from torch import Tensor, nn

from lib.networks.farnet import FARNet, channels_last
from lib.networks.packed import pack
from lib.networks.rewrite import rewrite

logger = logging.getLogger(__name__)

Maps = tuple[Tensor, Tensor, Tensor]
"""What :meth:`~lib.networks.FARNet.details` gives."""


def for_serving(
    network: FARNet, device: torch.device, size: tuple[int, int], *, half: bool = False, compiled: bool = True
) -> nn.Module:
    """What answers requests by ``details``: the same maps as the network's up to rounding.

    Args:
        network: as it was trained, in evaluation mode; it is used up, so that it is never there twice.
        device: where it shall compute.
        size: ``(height, width)`` of its input.
        half: compute in 16 bits on a GPU, see :attr:`lib.confidence.Trust.half_shift`.
        compiled: compile it in the background; False for what is not asked often.
    """
    rewrite(network.eval(), aligned=device.type == "cuda")
    network.requires_grad_(False).to(device)
    channels_last(network)
    if device.type == "cpu":
        pack(network)
    if device.type != "cuda":
        return network
    network = network.half() if half else network
    try:
        served = Recorded(network, size)
    except Exception:  # a driver or a layer that cannot be recorded: slower, and no reason not to answer
        logger.warning("The network's kernels could not be recorded: it answers as it is", exc_info=True)
        return As32Bit(network)
    if compiled:
        threading.Thread(target=served.use_compiled, name="compile", daemon=True).start()
    return served


class As32Bit(nn.Module):
    """A network that may compute in 16 bits, asked and answering in 32.

    Shape:
        - as those of the network.
    """

    def __init__(self, network: FARNet) -> None:
        super().__init__()
        self.network = network

    @torch.no_grad()
    def details(self, image: Tensor) -> Maps:
        """See :meth:`~lib.networks.FARNet.details`."""
        fine, coarse, features = self.network.details(image.to(next(self.network.parameters()).dtype))
        return fine.float(), coarse.float(), features.float()

    def forward(self, image: Tensor) -> Tensor:
        """The fine heat maps."""
        return self.details(image)[0]


class Recorded(As32Bit):
    """A network on a GPU whose kernels for one image are replayed; may be asked by several threads.

    Args:
        network: fused, on its GPU, of the type that it shall compute in.
        size: ``(height, width)`` of the images.

    Shape:
        - as those of the network; images of another number or size go the usual way.
    """

    def __init__(self, network: FARNet, size: tuple[int, int]) -> None:
        super().__init__(network)
        first = next(network.parameters())
        self._image = torch.zeros(1, 1, *size, device=first.device, dtype=first.dtype)
        self._lock = threading.Lock()
        self._graph, self._maps = self._recorded(_Details(network))

    @torch.no_grad()
    def details(self, image: Tensor) -> Maps:
        """See :meth:`~lib.networks.FARNet.details`; the maps are float32."""
        if image.shape != self._image.shape:
            return super().details(image)
        with self._lock:
            self._image.copy_(image)
            self._graph.replay()
            fine, coarse, features = (part.to(torch.float32, copy=True) for part in self._maps)
        return fine, coarse, features

    def use_compiled(self) -> bool:
        """Replace the recording by one of the compiled network; whether that was possible."""
        try:
            compiled: Any = torch.compile(_Details(self.network), dynamic=False)
            with torch.no_grad():
                compiled(self._image)
            recording = self._recorded(compiled)
        except Exception:  # a server without a compiler, a kernel that cannot be recorded: it is fast enough as it is
            logger.warning("The network could not be compiled and is replayed as it is", exc_info=True)
            return False
        with self._lock:
            self._graph, self._maps = recording
        return True

    @torch.no_grad()
    def _recorded(self, network: nn.Module) -> tuple[torch.cuda.CUDAGraph, Maps]:
        device = self._image.device
        stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            for _ in range(3):  # libraries choose their algorithms
                network(self._image)
        torch.cuda.current_stream(device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other models go on meanwhile
            maps = network(self._image)
        return graph, maps


class _Details(nn.Module):
    def __init__(self, network: FARNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Maps:
        return self.network.details(image)
