"""How much memory one prediction takes at most, beside the released implementation.

    python -m benchmarks.memory [--reference PATH] [--device cuda] [--json FILE]

Each network runs in a process of its own, which counts from before the network is built: its weights, and all that is
there at once while it computes. Training at batch 8 is in ``benchmarks.training``.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.latency import size_of
from benchmarks.reference import NoReferenceError, reference_network
from benchmarks.released import UNTOUCHED
from benchmarks.written import write
from lib.networks import FARNet, for_serving

CHILD = "--child"


def main() -> int:
    """Measure, print, write."""
    options = arguments()
    if options.child:
        print(json.dumps(of_this_process(options)))
        return 0
    kinds = ["ours"] if options.reference is None else ["reference", "ours"]
    result: dict[str, Any] = {"device": options.device, "size": list(options.size)}
    for kind in kinds:
        answer = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "benchmarks.memory", CHILD, kind, *sys.argv[1:]],
            env=os.environ | (UNTOUCHED if kind == "reference" else {}),
            capture_output=True,
            text=True,
        )
        if answer.returncode:
            sys.stderr.write(answer.stderr.strip().splitlines()[-1] + "\n")
            return 2
        result[kind] = json.loads(answer.stdout.splitlines()[-1])
        print(f"{kind:>10}: {result[kind]['peak_mb']:7.0f} MB, of that weights {result[kind]['weights_mb']:.0f} MB")
    if options.reference is not None:
        result["share"] = result["ours"]["peak_mb"] / result["reference"]["peak_mb"]
        print(f"{'share':>10}: {result['share']:.3f}")
    write(options.json, "Memory of one prediction at its highest", result)
    return 0


def of_this_process(options: argparse.Namespace) -> dict[str, float]:
    """Peak and weights in MB of the network that the options name."""
    device = torch.device(options.device)
    counter = GraphicsMemory(device) if device.type == "cuda" else ProcessMemory()
    torch.rand(8, device=device) @ torch.rand(8, 8, device=device)  # what torch itself takes at its first call
    before = counter.now()
    details: Callable[[torch.Tensor], object]
    if options.child == "reference":
        network = reference_network(options.reference).to(device)
        image = torch.rand(1, 3, *options.size, device=device)
        details = network
    else:
        served = for_serving(
            FARNet(image_kernel=1, white=255.0).eval(), device, options.size, half=options.half, compiled=False
        )
        image = torch.rand(1, 1, *options.size, device=device)
        details = served.details  # type: ignore[assignment]
    gc.collect()
    weights = counter.now() - before
    counter.forget_peak()
    with torch.inference_mode():
        for _ in range(2):
            details(image)
    return {"peak_mb": (counter.peak() - before) / 1e6, "weights_mb": weights / 1e6}


class ProcessMemory:
    """Bytes of this process that are in memory; Linux."""

    def now(self) -> int:
        """At this moment."""
        return self._line("VmRSS")

    def peak(self) -> int:
        """The most since it was told to forget."""
        return self._line("VmHWM")

    def forget_peak(self) -> None:
        """Begin to watch for the peak."""
        Path("/proc/self/clear_refs").write_text("5")

    def _line(self, name: str) -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))


class GraphicsMemory:
    """Bytes that torch holds on a GPU."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def now(self) -> int:
        """At this moment."""
        torch.cuda.synchronize(self.device)
        return torch.cuda.memory_allocated(self.device)

    def peak(self) -> int:
        """The most since it was told to forget."""
        torch.cuda.synchronize(self.device)
        return torch.cuda.max_memory_allocated(self.device)

    def forget_peak(self) -> None:
        """Begin to watch for the peak."""
        torch.cuda.reset_peak_memory_stats(self.device)


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__.split("\n")[0])
    parser.add_argument("--reference", type=Path, help="a checkout of the released implementation")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--size", type=size_of, default=(800, 640), help="input, HEIGHTxWIDTH (default 800x640)")
    parser.add_argument("--half", action="store_true", help="ours in 16 bits, on a GPU")
    parser.add_argument(CHILD, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NoReferenceError as error:
        sys.exit(f"{error}")
