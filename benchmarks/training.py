"""How many radiographs a second train our network, and how many the released pipeline: same network, size and machine.

    python -m benchmarks.training --reference PATH [--device cuda] [--size 800x640] [--seconds 6] [--json FILE]

Phantom cephalograms of 1935 x 2400 pixels are written as files, as the public ones come, and both train on them: the
released pipeline by its own data set, loader (batches of one, four processes) and ``train_model``; ours by the parts of
:class:`~lib.trainers.training.Training`, with all that varies an image and the moving average, which the released one
does not have. Both are run in turns; a figure is the median of the runs. What decodes the files once, before our
training, is told apart. ``--profile`` adds what a GPU's time goes into, ``--compile SECONDS`` the same network by
``torch.compile``, for which so long is waited.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.device_use import Busy, kernels, waits  # noqa: E402 - the project is no package
from benchmarks.pipelines import SET, Ours, Pace, Released  # noqa: E402
from lib.datasets.phantoms import make_phantom  # noqa: E402
from lib.formats import json_text, write_atomic  # noqa: E402
from lib.trainers.compiled import was_compiled  # noqa: E402

FILE_SIZE = (2400, 1935)
RUNS = 3
WARM_STEPS = 4
RELEASED_WARM_STEPS = 12
"""Its four processes have eight radiographs ready before it begins."""
MEMORY_BATCHES = (1, 8)


def main() -> None:
    """Measure part by part, write after each, show."""
    options = arguments()
    if options.alone:
        print(json.dumps(alone(options)))
        return
    with tempfile.TemporaryDirectory(prefix="farnet-training-") as scratch:
        options.files = options.files or Path(scratch)
        begun = time.perf_counter()
        make_files(options.files, options.images)
        results: dict[str, Any] = {
            **machine(options),
            "files": {"count": options.images, "making_s": time.perf_counter() - begun},
        }
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "batch_sizes": lambda: batch_sizes(options),
            "side_by_side": lambda: side_by_side(options, results),
            "inside": lambda: inside(options, results),
            "memory": lambda: memory(options, results),
        }
        if options.compile:
            parts["compiled"] = lambda: in_another_process(options, "compiled", options.compile)
        for name in (progress := tqdm(parts, unit="part")):
            progress.set_description(name)
            begun = time.perf_counter()
            try:
                results[name] = parts[name]()
            except Exception as error:  # noqa: BLE001 - a part that fails shall not take the others with it
                traceback.print_exc()
                results[name] = {"failed": f"{type(error).__name__}: {error}"}
            results[name]["part_s"] = time.perf_counter() - begun
            release()
            if options.json:
                write_atomic(options.json, json_text(results))
                write_atomic(options.json.with_suffix(".md"), document(results))
        print(document(results))


def machine(options: argparse.Namespace) -> dict[str, Any]:
    """Where and with what it is measured."""
    on_gpu = options.device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(options.device) if on_gpu else "CPU",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "size": "x".join(map(str, options.size)),
    }


# --- files -----------------------------------------------------------------------------------------------------------


def make_files(folder: Path, count: int) -> None:
    """Radiographs as bitmaps and their points as text, as the released code reads them, unless they are there."""
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    missing = [number for number in range(count) if not (folder / "labels" / f"{number:03d}.txt").exists()]
    # before anything is on a GPU, so that processes can be forked
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("fork")) as pool:
        list(tqdm(pool.map(_make_file, [folder] * len(missing), missing), total=len(missing), desc="phantoms"))


def _make_file(folder: Path, number: int) -> None:
    phantom = make_phantom(SET.name, number, FILE_SIZE)
    Image.fromarray(phantom.pixels).save(folder / "images" / f"{number:03d}.bmp")
    lines = [f"{x:.2f},{y:.2f}\n" for x, y in phantom.landmarks.points()]
    (folder / "labels" / f"{number:03d}.txt").write_text("".join(lines))


def ours(options: argparse.Namespace, *, compiled: bool = False) -> Ours:
    """Our training on the files."""
    files = sorted((options.files / "images").iterdir())
    points = [
        np.loadtxt(options.files / "labels" / f"{file.stem}.txt", delimiter=",", dtype=np.float32) for file in files
    ]
    return Ours(files, points, options.size, options.device, compiled=compiled)


def warm_up(training: Ours) -> None:
    """The first steps, in which a GPU's fastest algorithms are looked for."""
    training.run(islice(training.batches(), WARM_STEPS))


def released(options: argparse.Namespace) -> Released:
    """The released pipeline on the files."""
    folder = options.files
    return Released(options.reference, folder / "images", folder / "labels", options.size, options.device)


# --- parts -----------------------------------------------------------------------------------------------------------


def batch_sizes(options: argparse.Namespace) -> dict[str, Any]:
    """Ours by the number of radiographs in a batch: images a second, and a GPU's memory at its highest."""
    training = ours(options)
    found: dict[str, Any] = {"decoding_s": training.decoding_s, "by_batch": {}}
    for size in options.batches:
        training.use(size)
        try:
            begun = time.perf_counter()
            warm_up(training)
            pace = Pace(training.batches(), options.device, 1, options.seconds / 2)
            warming_s = time.perf_counter() - begun
            forget_peak(options.device)
            training.run(pace)
        except torch.OutOfMemoryError:
            break
        found["by_batch"][str(size)] = {
            "images_per_second": pace.rate,
            "peak_gb": peak_gb(options.device),
            "warming_s": warming_s,
        }
    return found


def side_by_side(options: argparse.Namespace, results: dict[str, Any]) -> dict[str, Any]:
    """The released pipeline and ours in turns, ours with its fastest batch."""
    by_batch = results["batch_sizes"]["by_batch"]
    batch = max(by_batch, key=lambda size: by_batch[size]["images_per_second"])
    one, other = released(options), ours(options)
    other.use(int(batch))
    warm_up(other)
    busy = Busy(options.device), Busy(options.device)
    rates: tuple[list[float], list[float]] = ([], [])
    for _ in range(options.runs):
        pace = Pace(one.batches(), options.device, RELEASED_WARM_STEPS, options.seconds)
        with busy[0].watched():
            one.run(pace)
        rates[0].append(pace.rate)
        pace = Pace(other.batches(), options.device, 1, options.seconds)
        with busy[1].watched():
            other.run(pace)
        rates[1].append(pace.rate)
    medians = [statistics.median(runs) for runs in rates]
    return {
        "batch": int(batch),
        "reference_images_per_second": medians[0],
        "ours_images_per_second": medians[1],
        "ratio": statistics.median(ours_ / theirs for theirs, ours_ in zip(*rates, strict=True)),
        "runs": {"reference": rates[0], "ours": rates[1]},
        "gpu_busy": {"reference": busy[0].share, "ours": busy[1].share},
    }


def inside(options: argparse.Namespace, results: dict[str, Any]) -> dict[str, Any]:
    """Our step from inside: its parts with a wait after each, waits of its own, and what a GPU does."""
    training = ours(options)
    training.use(results["side_by_side"].get("batch", 1))
    warm_up(training)
    batches = training.batches()

    def step() -> None:
        training.run([next(batches)])

    found: dict[str, Any] = {"batch": training.batch_size, "ms": split(training, batches, options)}
    if options.device.type == "cuda":
        step()
        found["waits"] = waits(step, 4)
        if options.profile:
            found["kernels"] = kernels(step, 4)
    return found


def split(training: Ours, batches: Any, options: argparse.Namespace) -> dict[str, float]:
    """Milliseconds a step: making the batch, forward and backward, optimiser and moving average; and without waits."""
    spent: dict[str, list[float]] = {"data": [], "forward_backward": [], "optimizer": []}
    stepped = training.step._step

    def now() -> float:
        if options.device.type == "cuda":
            torch.cuda.synchronize(options.device)
        return time.perf_counter()

    def optimizer_step() -> None:
        spent["forward_backward"].append(now() - begun)
        before = now()
        stepped()
        spent["optimizer"].append(now() - before)

    training.step._step = optimizer_step  # type: ignore[method-assign]
    until = time.perf_counter() + options.seconds / 2
    while time.perf_counter() < until or not spent["optimizer"]:
        begun = now()
        batch = next(batches)
        spent["data"].append(now() - begun)
        begun = now()
        training.run([batch])
    training.step._step = stepped  # type: ignore[method-assign]
    return {name: 1000 * statistics.median(times) for name, times in spent.items()}


def memory(options: argparse.Namespace, results: dict[str, Any]) -> dict[str, Any]:
    """Memory at its highest, of both, in batches of one and of eight: of the GPU, or of a process each."""
    found: dict[str, Any] = {"ours": {}, "reference": {}}
    by_batch = results["batch_sizes"].get("by_batch", {})
    for batch in options.memory_batches:
        if options.device.type == "cpu":
            for name in found:
                found[name][str(batch)] = in_another_process(options, f"{name}:{batch}", 3600)["peak_gb"]
            continue
        found["ours"][str(batch)] = by_batch.get(str(batch), {}).get("peak_gb")
        pipeline = released(options)
        pipeline.run(pipeline.same_batch(batch, 2))
        forget_peak(options.device)
        pipeline.run(pipeline.same_batch(batch, 2))
        found["reference"][str(batch)] = peak_gb(options.device)
        del pipeline
        release()
    return found


def alone(options: argparse.Namespace) -> dict[str, Any]:
    """What is measured in a process of its own."""
    name, _, batch = options.alone.partition(":")
    if name == "compiled":
        return compiled(options)
    if name == "ours":
        training = ours(options)
        training.use(int(batch))
        training.run(Pace(training.batches(), options.device, 0, 0.0, 2))
    else:
        pipeline = released(options)
        pipeline.run(pipeline.same_batch(int(batch), 2))
    return {"peak_gb": process_peak_gb()}


def process_peak_gb() -> float:
    """Of this process's memory; what ``resource`` tells begins with that of the process which started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e9


def compiled(options: argparse.Namespace) -> dict[str, Any]:
    """Ours by ``torch.compile``, with the batch that is usual on a GPU."""
    training = ours(options, compiled=True)
    training.use(options.compiled_batch)
    begun = time.perf_counter()
    warm_up(training)
    compiling_s = time.perf_counter() - begun
    forget_peak(options.device)
    pace = Pace(training.batches(), options.device, 1, options.seconds)
    training.run(pace)
    return {
        "batch": options.compiled_batch,
        "images_per_second": pace.rate,
        "all_of_it": was_compiled(),
        "compiling_s": compiling_s,
        "peak_gb": peak_gb(options.device),
    }


def in_another_process(options: argparse.Namespace, part: str, patience_s: float) -> dict[str, Any]:
    """A part in a process of its own, which is ended if it takes too long."""
    command = [sys.executable, __file__, "--alone", part, "--files", str(options.files)]
    command += ["--device", str(options.device), "--size", "x".join(map(str, options.size))]
    command += ["--reference", str(options.reference), "--seconds", str(options.seconds)]
    command += ["--compiled-batch", str(options.compiled_batch)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=patience_s)  # noqa: S603
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def release() -> None:
    """Give the GPU's memory back."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def forget_peak(device: torch.device) -> None:
    """From now on."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)


def peak_gb(device: torch.device) -> float | None:
    """Of the GPU, since then."""
    return torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else None


# --- what is shown ---------------------------------------------------------------------------------------------------


def document(results: dict[str, Any]) -> str:
    """The tables."""
    lines = [f"Training at {results['size']} on {results['device']}, torch {results['torch']}.", ""]
    both = results.get("side_by_side", {})
    if "ratio" in both:
        lines += [
            "| | images/s | GPU busy |",
            "|---|---|---|",
            f"| released pipeline | {both['reference_images_per_second']:.2f} | {_of(both['gpu_busy']['reference'])} |",
            f"| ours, batch {both['batch']} | {both['ours_images_per_second']:.2f} | {_of(both['gpu_busy']['ours'])} |",
            f"| ratio | {both['ratio']:.2f} | |",
            "",
        ]
    sizes = results.get("batch_sizes", {}).get("by_batch", {})
    theirs = results.get("memory", {}).get("reference", {})
    mine = results.get("memory", {}).get("ours", {})
    lines += ["| batch | ours, images/s | ours, GB | released, GB |", "|---|---|---|---|"]
    for size in sorted({*sizes, *theirs}, key=int):
        found = sizes.get(size, {})
        memory_ = found.get("peak_gb") or mine.get(size)
        lines.append(f"| {size} | {_of(found.get('images_per_second'))} | {_of(memory_)} | {_of(theirs.get(size))} |")
    step = results.get("inside", {})
    if "ms" in step:
        parts = ", ".join(f"{name.replace('_', ' and ')} {ms:.1f} ms" for name, ms in step["ms"].items())
        lines += ["", f"A step of {step['batch']}, with a wait after each part: {parts}."]
    if "waits" in step:
        lines += [f"It waits for the GPU {step['waits']['a_step']:g} times a step: {step['waits']['where']}"]
    if "kernels" in step:
        inner = step["kernels"]
        lines += [f"The GPU computes {inner['busy']:.0%} of the time, {inner['gpu_ms']:.1f} ms a step.", ""]
        lines += [f"    {ms:8.3f} ms {count:5d} x {name}" for name, (ms, count) in inner["longest_ms"].items()]
    if "compiled" in results:
        lines += ["", f"Compiled: {results['compiled']}"]
    failed = {name: part["failed"] for name, part in results.items() if isinstance(part, dict) and "failed" in part}
    lines += [f"\n{name} failed: {why}" for name, why in failed.items()]
    return "\n".join(lines) + "\n"


def _of(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.2f}"


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--reference", type=Path, required=True, help="checkout of the released implementation")
    parser.add_argument("--device", type=torch.device, default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--size", type=_size, default="800x640", metavar="HxW", help="of the network's input")
    parser.add_argument("--images", type=int, default=16, help="radiographs to write (default: 16)")
    parser.add_argument("--seconds", type=float, default=6.0, help="a run's time (default: 6)")
    parser.add_argument("--runs", type=int, default=RUNS, help="of each pipeline (default: 3)")
    parser.add_argument("--batches", type=_numbers, default="1,2,4,8,16", help="batch sizes of ours")
    parser.add_argument("--memory-batches", type=_numbers, default="1,8", help="batch sizes whose memory is compared")
    parser.add_argument("--profile", action="store_true", help="list what a GPU's time goes into")
    parser.add_argument("--compile", type=float, default=0.0, metavar="SECONDS", help="try torch.compile for so long")
    parser.add_argument("--compiled-batch", type=int, default=8, help="batch size of ours by torch.compile")
    parser.add_argument("--files", type=Path, help="folder that keeps the files for the next time")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    return parser.parse_args()


def _size(text: str) -> tuple[int, int]:
    height, width = map(int, text.lower().split("x"))
    return height, width


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    main()
