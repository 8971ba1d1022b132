"""How the time of a prediction grows with the size of the input, the number of landmarks, and images at once.

    python -m benchmarks.growth [--reference PATH] [--device cuda] [--json FILE]

The released network finds 19 landmarks only. Growth with the number of studies is in ``benchmarks.studies``, with
clients at once in ``benchmarks.request``.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.pair import alternating, machine, make_pair, paired_ratio
from benchmarks.reference import NoReferenceError
from benchmarks.released import released
from benchmarks.written import write
from lib.heatmaps import HeatmapCodec
from lib.networks import FARNet, Recorded, channels_last, for_serving

SIZES = ((384, 320), (800, 640), (1216, 960), (1600, 1280))
"""Both networks take multiples of 32 alone."""
LANDMARKS = (19, 37, 68, 200)
BATCHES = (1, 2, 4, 8, 16)
"""On a GPU; a processor computes an image after the other as fast as together, so there the first three."""
USUAL = (800, 640)


def main() -> int:
    """Measure, print, write."""
    options = arguments()
    device = torch.device(options.device)
    result: dict[str, Any] = {**machine(device), "seconds_a_point": options.seconds}
    with torch.inference_mode():
        try:
            if "size" in options.only:
                result["size"] = [_at_size(size, options, device) for size in SIZES]
            if "batch" in options.only:
                result["batch"] = _in_batches(options, device)
        except NoReferenceError as error:
            sys.stderr.write(f"{error}\n")
            return 2
        if "landmarks" in options.only:
            result["landmarks"] = [_with_landmarks(count, options, device) for count in LANDMARKS]
    write(options.json, "How a prediction grows", result)
    return 0


def _at_size(size: tuple[int, int], options: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    pair = make_pair(options.reference, size, 1, device)
    served = _served(pair.ours, size, options, device)
    runs: list[Callable[[], object]] = [lambda: served.details(pair.images)]
    with contextlib.ExitStack() as stack:
        if options.reference is not None:
            runs.append(stack.enter_context(released(options.reference, pair)).run)
        ours, *theirs = alternating(runs, options.rounds, device, options.seconds, f"{size[0]} x {size[1]}")
    point: dict[str, Any] = {"size": list(size), "ours_ms": statistics.median(ours)}
    if theirs:
        point |= {"reference_ms": statistics.median(theirs[0]), "ratio": paired_ratio(theirs[0], ours)}
    return _told(point)


def _with_landmarks(count: int, options: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """The network, and the decoding of its maps, each landmark by itself."""
    served = _served(FARNet(num_landmarks=count).eval(), USUAL, options, device)
    image, codec = torch.rand(1, 1, *USUAL, device=device), HeatmapCodec(sigma=10.0)
    maps = codec.encode(torch.rand(1, count, 2, device=device) * 600, USUAL)
    network, decoding = alternating(
        [lambda: served.details(image), lambda: codec.decode(maps)],
        options.rounds,
        device,
        options.seconds,
        f"{count} landmarks",
    )
    point = {"landmarks": count, "network_ms": statistics.median(network), "decoding_ms": statistics.median(decoding)}
    return _told(point)


def _in_batches(options: argparse.Namespace, device: torch.device) -> list[dict[str, Any]]:
    """Images a second, the batch computed as one."""
    pair = make_pair(options.reference, USUAL, 1, device)
    network = _for_batches(pair.ours, options, device)
    points = []
    with contextlib.ExitStack() as stack:
        theirs = None if options.reference is None else stack.enter_context(released(options.reference, pair))
        for batch in options.batches or (BATCHES if device.type == "cuda" else BATCHES[:3]):
            images = pair.images.expand(batch, -1, -1, -1).contiguous()
            images = images.half() if options.half else images
            runs: list[Callable[[], object]] = [partial(network, images)]
            if theirs is not None:
                runs.append(partial(theirs.run, batch))
            ours, *slow = alternating(runs, options.rounds, device, options.seconds, f"batch {batch}")
            point: dict[str, Any] = {"batch": batch, "ours_images_s": 1000 * batch / statistics.median(ours)}
            if slow:
                point["reference_images_s"] = 1000 * batch / statistics.median(slow[0])
                point["ratio"] = paired_ratio(slow[0], ours)
            points.append(_told(point))
    return points


def _for_batches(network: FARNet, options: argparse.Namespace, device: torch.device) -> Any:
    if device.type == "cpu":
        return for_serving(network, device, USUAL)
    fused: Any = channels_last(network.fused())
    fused = fused.half() if options.half else fused
    return torch.compile(fused, dynamic=False) if options.compile else fused


def _served(network: FARNet, size: tuple[int, int], options: argparse.Namespace, device: torch.device) -> Any:
    served = for_serving(network.to(device), device, size, half=options.half, compiled=False)
    if isinstance(served, Recorded) and options.compile:
        served.use_compiled()
    return served


def _told(point: dict[str, Any]) -> dict[str, Any]:
    shown = (f"{name} {value:.2f}" if isinstance(value, float) else f"{name} {value}" for name, value in point.items())
    print("   ".join(shown))
    return point


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__.split("\n")[0])
    parser.add_argument("--reference", type=Path, help="a checkout of the released implementation")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--half", action="store_true", help="ours in 16 bits, on a GPU")
    parser.add_argument("--compile", action="store_true", help="ours compiled, on a GPU: half a minute a point")
    parser.add_argument("--only", default="size,landmarks,batch", help="which of them, commas between")
    parser.add_argument("--batches", type=_numbers, help="images computed together, commas between")
    parser.add_argument("--rounds", type=int, default=9, help="of each point, at most")
    parser.add_argument("--seconds", type=float, default=30.0, help="no round of a point begins later")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
