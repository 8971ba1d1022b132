"""How long the network takes for one radiograph, beside the released implementation, and whether landmarks agree.

    python -m benchmarks.latency --reference PATH --json FILE [--device cuda] [--weights STATE_DICT] [--as-released]

Both networks have the same weights and see the same radiographs (phantoms), in turn, so that a busy machine slows both.
On a processor each has a process of its own: what ours arranges for memory would make the released one faster, too.
The released network runs as it was written, eager and in float32, in evaluation mode and without gradients; its own
test script has it in training mode and keeps what gradients need: ``--as-released`` does that, too, and is slower.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from benchmarks.pair import CODEC, Pair, alternating, machine, make_pair, paired_ratio
from benchmarks.reference import NoReferenceError
from benchmarks.released import Alone, Here, released
from benchmarks.written import write
from lib.networks import Recorded, for_serving


def main() -> int:
    """Measure, print, write."""
    options = arguments()
    device = torch.device(options.device)
    try:
        pair = make_pair(options.reference, options.size, options.images, device, options.weights)
        result = measured(pair, options, device)
    except NoReferenceError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for name, value in result.items():
        print(f"{name:>28}  {value:.3f}" if isinstance(value, float) else f"{name:>28}  {value}")
    write(options.json, "One radiograph", result)
    return 0


def measured(pair: Pair, options: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """All figures by name."""
    size = (int(pair.images.shape[-2]), int(pair.images.shape[-1]))
    served = for_serving(pair.ours, device, size, half=options.half, compiled=False)
    if isinstance(served, Recorded) and options.compile:
        served.use_compiled()
    image = pair.images[:1]

    @torch.inference_mode()
    def ask() -> None:
        served.details(image)

    result: dict[str, Any] = {**machine(device), "size": list(size), "weights": str(options.weights or "random")}
    if options.reference is None:
        with strict() if options.strict else contextlib.nullcontext():
            (ours,) = alternating([ask], options.rounds, device, options.seconds, "one radiograph")
        return result | {"ours_ms": statistics.median(ours)}
    with released(options.reference, pair) as theirs:
        with strict() if options.strict else contextlib.nullcontext():
            ours, slow = alternating([ask, theirs.run], options.rounds, device, options.seconds, "one radiograph")
        result |= {"ours_ms": statistics.median(ours), "reference_ms": statistics.median(slow)}
        result |= {"ratio": paired_ratio(slow, ours), "rounds": len(ours), **_shifts(pair.images, served, theirs)}
        if options.as_released:
            ours, slow = alternating([ask, theirs.run_as_released], options.rounds, device, options.seconds, "training")
            result["reference_as_released_ms"] = statistics.median(slow)
            result["ratio_as_released"] = paired_ratio(slow, ours)
    return result


def _shifts(images: Tensor, served: Any, theirs: Here | Alone) -> dict[str, float]:
    """How far landmarks lie apart, decoded below a pixel and as the released code does, in pixels of the input."""
    subpixel, cells = [], []
    for index in tqdm(range(len(images)), desc="landmarks", leave=False):
        with strict() if images.is_cuda else contextlib.nullcontext():
            expected = theirs.maps(index)
        with torch.inference_mode():
            ours = served.details(images[index][None])[0]
        subpixel.append((CODEC.decode(ours)[0] - CODEC.decode(expected)[0]).norm(dim=-1))
        cells.append(ours.flatten(2).argmax(dim=-1) != expected.flatten(2).argmax(dim=-1))
    moved = torch.cat(subpixel).flatten()
    return {
        "max_landmark_shift_px": float(moved.max()),
        "median_landmark_shift_px": float(moved.median()),
        "landmarks_compared": int(moved.numel()),
        "highest_cells_that_differ": int(torch.cat(cells).sum()),
    }


@contextlib.contextmanager
def strict() -> Any:
    """float32 with all its digits, where torch's default on recent GPUs multiplies with ten of the 23 bits."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield


def size_of(text: str) -> tuple[int, int]:
    """``800x640`` as ``(height, width)``."""
    height, width = text.lower().split("x")
    return int(height), int(width)


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__.split("\n")[0])
    parser.add_argument("--reference", type=Path, help="a checkout of the released implementation")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--size", type=size_of, default=(800, 640), help="input, HEIGHTxWIDTH (default 800x640)")
    parser.add_argument("--images", type=int, default=3, help="radiographs whose landmarks are compared")
    parser.add_argument("--rounds", type=int, default=15, help="pairs of runs, at most")
    parser.add_argument("--seconds", type=float, default=120.0, help="no round begins later")
    parser.add_argument("--weights", type=Path, help="state dict of the released network (default: random)")
    parser.add_argument("--half", action="store_true", help="ours in 16 bits, on a GPU")
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="replay what is not compiled")
    parser.add_argument("--strict", action="store_true", help="no TF32 in the timed runs, on a GPU")
    parser.add_argument("--as-released", action="store_true", help="time the released test script's mode, too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
