"""The released network, asked one radiograph at a time; on a processor in a process of its own.

What our network arranges for memory (large pages, when it goes back to the system) holds for all of its process: in
there the released network is a fifth faster than where it runs as it was released, by itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.pair import Pair
from benchmarks.reference import NoReferenceError, reference_network

UNTOUCHED = {"THP_MEM_ALLOC_ENABLE": "0"}
"""Of the environment of a process in which the released network shall be alone."""


@contextmanager
def released(path: Path, pair: Pair) -> Iterator[Here | Alone]:
    """The pair's released network, to be asked for the pair's radiographs.

    Args:
        path: a checkout of its implementation.
        pair: both networks.

    Raises:
        NoReferenceError: it could not be started, or ended; one sentence.
    """
    network, shown = pair.reference, pair.shown_to_reference()
    if network is None:
        raise NoReferenceError("The pair was made without the released network.")
    if shown.is_cuda:
        yield Here(network, shown)
        return
    alone = Alone(path, network.state_dict(), shown)
    try:
        yield alone
    finally:
        alone.close()


class Here:
    """In this process.

    Args:
        network: the released one.
        shown: (B, 3, H, W) radiographs as it takes them.
    """

    def __init__(self, network: nn.Module, shown: Tensor) -> None:
        self._network = network
        self._shown = shown

    def run(self, batch: int = 1) -> None:
        """Draw the maps of the first radiograph, so many times at once."""
        self._mode(training=False)
        with torch.inference_mode():
            self._network(self._shown[:1].expand(batch, -1, -1, -1).contiguous())

    def run_as_released(self) -> None:
        """The same as its own test script does: never put into evaluation mode, what gradients need is kept."""
        self._mode(training=True)
        with torch.inference_mode(mode=False), torch.enable_grad():
            self._network(self._shown[:1].clone())

    def maps(self, index: int) -> Tensor:
        """(1, N, H, W): the finer maps of a radiograph."""
        self._mode(training=False)
        with torch.inference_mode():
            drawn: Tensor = self._network(self._shown[index][None])[0]
        return drawn

    def _mode(self, *, training: bool) -> None:
        if self._network.training != training:  # to tell every module takes milliseconds, which are not the network's
            self._network.train(training)


class Alone:
    """In a process of its own.

    Args:
        path: a checkout of its implementation.
        weights: its state dict.
        shown: (B, 3, H, W) radiographs as it takes them.

    Raises:
        NoReferenceError: it could not be started, or ended; one sentence.
    """

    def __init__(self, path: Path, weights: dict[str, Tensor], shown: Tensor) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="farnet-released-")
        self._place = Path(self._folder.name)
        torch.save((weights, shown), self._place / "given.pt")
        with (self._place / "errors.txt").open("w") as errors:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "benchmarks.released", str(path), self._folder.name],
                env=os.environ | UNTOUCHED,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._done()

    def run(self, batch: int = 1) -> None:
        """See :meth:`Here.run`."""
        self._ask(f"run {batch}")

    def run_as_released(self) -> None:
        """See :meth:`Here.run_as_released`."""
        self._ask("run_as_released")

    def maps(self, index: int) -> Tensor:
        """See :meth:`Here.maps`."""
        self._ask(f"maps {index}")
        drawn: Tensor = torch.load(self._place / "maps.pt", weights_only=True)
        return drawn

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
        self._folder.cleanup()

    def _ask(self, what: str) -> None:
        pipe: Any = self._process.stdin
        with suppress(BrokenPipeError):  # it has ended: see below
            pipe.write(what + "\n")
            pipe.flush()
        self._done()

    def _done(self) -> None:
        answers: Any = self._process.stdout
        if not answers.readline():
            told = (self._place / "errors.txt").read_text().strip().splitlines()
            self.close()
            raise NoReferenceError(f"The released network ended: {told[-1] if told else 'nothing was told why'}")


def main() -> None:
    """The other process: a line in is a command, a line out says that it is done."""
    path, place = map(Path, sys.argv[1:3])
    network = reference_network(path)
    weights, shown = torch.load(place / "given.pt", weights_only=True)
    network.load_state_dict(weights)
    here = Here(network, shown)
    _tell()
    for line in sys.stdin:
        command, _, number = line.strip().partition(" ")
        if command == "maps":
            torch.save(here.maps(int(number)), place / "maps.pt")
        elif command == "run":
            here.run(int(number))
        else:
            here.run_as_released()
        _tell()


def _tell() -> None:
    print("done", flush=True)


if __name__ == "__main__":
    main()
