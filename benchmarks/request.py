"""What a request takes beside the network's own work, and how a server does with several clients at once.

    python -m benchmarks.request [--models farnet_demo farnet_ceph] [--film FILE] --json FILE

In one process: the network alone on an image that is ready for it, and the whole request for a file of 1935 x 2400
pixels, from the file's path to the written markups file, by turns; then the same request again, which is remembered.
Over HTTP: a real server, and 1, 2, 4 and 8 clients that each ask for one radiograph after the other, while another one
asks for ``/info/`` every tenth of a second; ``first`` on a server that has only just said that it is there. A model
without weights in ``model/`` is measured with random ones. Times are medians, differences of pairs.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import requests
import torch
from PIL import Image
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.serving import app_folder, running_server  # noqa: E402 - the project is no package
from lib.checkpoints import build_network, load_trained, save_model  # noqa: E402
from lib.configs import TaskConfig, choose_models  # noqa: E402
from lib.datasets.phantoms import Phantom, make_phantom, write_dicom_dx  # noqa: E402
from lib.formats import json_text, write_atomic  # noqa: E402
from lib.infers import LandmarkInferTask  # noqa: E402
from lib.networks import choose_device  # noqa: E402
from lib.radiographs import read_radiograph  # noqa: E402
from lib.trainers.memory import keep_freed_memory  # noqa: E402
from lib.transforms import FitToInputd, LoadRadiographd  # noqa: E402

SIZE = (2400, 1935)
FORMATS = ("bmp", "jpg", "png", "dcm")
CLIENTS = (1, 2, 4, 8)
SHARE, ROOM_MS = 0.15, 60.0
"""A request may take so much longer than the network, whichever is more."""
INFO_MS = 100.0
DEMO = ROOT / "model" / "pretrained_farnet_demo.pt"
ASKED_EVERY_S = 0.1


def main() -> None:
    """Measure, write, show."""
    options = arguments()
    keep_freed_memory()  # as the server does
    logging.disable(logging.INFO)
    results: dict[str, Any] = {"film": options.film.name if options.film else "a phantom"}
    with tempfile.TemporaryDirectory(prefix="farnet-bench-") as name:
        folder = Path(name)
        files = films(folder / "films", options.film)
        results["models"] = {model: measured(model, folder, files, options) for model in options.models}
    results["machine"] = machine()
    if options.json:
        write_atomic(options.json, json_text(results))
        write_atomic(options.json.with_suffix(".md"), document(results))
    print(document(results))


def measured(model: str, folder: Path, files: dict[str, Path], options: argparse.Namespace) -> dict[str, Any]:
    """All that is measured of one model."""
    config = with_weights(model, folder / "weights")
    task = config.infer_task()
    device = choose_device(options.device)
    card = task.card()
    result: dict[str, Any] = {
        "version": card.version,
        "encoder": card.encoder,
        "input": list(card.input_size),
        "device": device,
        "formats": {
            kind: of_format(task, path, device, options.rounds, f"{model} {kind}") for kind, path in files.items()
        },
    }
    task.clear_cache()
    if options.http:
        result["http"] = over_http(model, config.published, folder, files[options.http_format], options)
    return result


@dataclass(frozen=True, slots=True)
class Took:
    """Milliseconds by the clock, and of processor time, which others at work on the machine change less."""

    clock: float
    processor: float


# --- in one process --------------------------------------------------------------------------------------------------


def of_format(task: LandmarkInferTask, path: Path, device: str, rounds: int, told: str) -> dict[str, float]:
    """Medians for a file, the network and the request by turns."""
    trained = task.in_use(device)
    card = trained.card
    sample = FitToInputd(card.input_size, card.grey)(LoadRadiographd()({"image": path}))
    image = sample["image"][None].to(device)
    request = {"image": str(path), "device": device}

    def network() -> None:
        with torch.no_grad():
            trained.network.details(image)
        if image.is_cuda:
            torch.cuda.synchronize()

    def whole() -> None:
        Path(task({**request, "remember": False})[0] or "").unlink()

    def again() -> None:
        Path(task(request)[0] or "").unlink()

    for call in (network, whole):
        call()
    took: dict[str, list[Took]] = {"network": [], "request": [], "read": [], "beyond": []}
    for _ in tqdm(range(rounds), desc=told, unit="round"):
        for name, call in (("network", network), ("request", whole), ("read", lambda: read_radiograph(path))):
            took[name].append(milliseconds(call))
        alone, asked = took["network"][-1], took["request"][-1]
        took["beyond"].append(Took(asked.clock - alone.clock, asked.processor - alone.processor))
    again()
    took["again"] = [milliseconds(again) for _ in range(rounds)]
    result = {f"{name}_ms": median(one.clock for one in values) for name, values in took.items()}
    result |= {f"{name}_processor_ms": median(one.processor for one in values) for name, values in took.items()}
    return {**result, "allowed_ms": max(SHARE * result["network_ms"], ROOM_MS)}


def milliseconds(call: Callable[[], object]) -> Took:
    """How long a call takes."""
    begun, worked = time.perf_counter(), time.process_time()
    call()
    return Took(1e3 * (time.perf_counter() - begun), 1e3 * (time.process_time() - worked))


# --- over HTTP -------------------------------------------------------------------------------------------------------


def over_http(
    model: str, weights: Path, folder: Path, film: Path, options: argparse.Namespace
) -> dict[str, dict[str, float]]:
    """A server with one, two, four and eight clients."""
    app = app_folder(folder / f"app {model}", {model: weights}, options.code)
    studies = folder / f"studies {model}"
    studies.mkdir()
    images = [f"film{number:02}" for number in range(4 * max(CLIENTS))]  # so many that no two ask for the same at once
    for image in images:
        os.link(film, studies / f"{image}{film.suffix}")
    with running_server(app, studies, model) as url:
        found = {"first": crowd(url, model, images, 1, 1, remember=False)}
        found["idle"] = {"info_ms": median(info(url) for _ in range(20))}
        for clients in tqdm(CLIENTS, desc=f"{model} over HTTP", unit="crowd"):
            number = max(options.requests, 2 * clients)
            found[f"{clients}"] = crowd(url, model, images, clients, number, remember=False)
        crowd(url, model, images, 1, len(images), remember=True)
        found["remembered, 1"] = crowd(url, model, images, 1, 5 * options.requests, remember=True)
        found["remembered, 8"] = crowd(url, model, images, 8, 5 * options.requests, remember=True)
    return found


def crowd(url: str, model: str, images: list[str], clients: int, number: int, *, remember: bool) -> dict[str, float]:
    """What some clients see that together ask so many times, and meanwhile somebody who asks for ``/info/``."""
    local = threading.local()
    params = {"params": '{"remember": true}' if remember else '{"remember": false}'}
    answered: list[float] = []
    over = threading.Event()

    def ask(turn: int) -> float:
        if not hasattr(local, "session"):
            local.session = requests.Session()
        query = {"image": images[turn % len(images)], "output": "json"}
        begun = time.perf_counter()
        answer = local.session.post(f"{url}/infer/{model}", params=query, data=params, timeout=600)
        answer.raise_for_status()
        return 1e3 * (time.perf_counter() - begun)

    def watch() -> None:
        while not over.is_set():
            answered.append(info(url))
            over.wait(ASKED_EVERY_S)

    watcher = threading.Thread(target=watch)
    watcher.start()
    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        latencies = list(pool.map(ask, range(number)))
    seconds = time.perf_counter() - begun
    over.set()
    watcher.join()
    return {
        "requests": number,
        "per_second": number / seconds,
        "median_ms": median(latencies),
        "p95_ms": float(np.quantile(latencies, 0.95)),
        "info_ms": median(answered),
        "info_p95_ms": float(np.quantile(answered, 0.95)),
        "info_max_ms": max(answered),
    }


def info(url: str) -> float:
    """Milliseconds of an answer of ``/info/``."""
    return milliseconds(lambda: requests.get(f"{url}/info/", timeout=600).raise_for_status()).clock


# --- what is measured with -------------------------------------------------------------------------------------------


def with_weights(model: str, folder: Path) -> TaskConfig:
    """The model, with the weights that came with it, or random ones and the shape that the demo model has learnt."""
    given = choose_models({"models": model}, ROOT / "model")[model]
    config = choose_models({"models": model}, folder)[model]
    if given.current is not None:
        folder.mkdir(exist_ok=True)
        config.published.write_bytes(given.current.read_bytes())
        return config
    torch.manual_seed(0)
    card = config.card().model_copy(update={"version": "random"})
    trust = load_trained(DEMO).trust
    fits = trust.size == len(card.landmark_set)
    save_model(config.published, build_network(card).state_dict(), card, trust=trust if fits else None)
    return config


def films(folder: Path, film: Path | None) -> dict[str, Path]:
    """The same radiograph in each format, 1935 x 2400 pixels; DICOM with 12 bits."""
    folder.mkdir()
    phantom = make_phantom("cephalometric_19", 1, SIZE)
    if film is not None:
        picture = Image.open(film).convert("L").resize((SIZE[1], SIZE[0]), Image.Resampling.BICUBIC)
        phantom = replace(phantom, pixels=np.asarray(picture))
    picture = Image.fromarray(phantom.pixels)
    for kind in ("bmp", "jpg", "png"):
        picture.save(folder / f"film.{kind}", **({"quality": 95} if kind == "jpg" else {}))
    write_dicom_dx(folder / "film.dcm", _deeper(phantom))
    return {kind: folder / f"film.{kind}" for kind in FORMATS}


def _deeper(phantom: Phantom) -> Phantom:
    noise = np.random.default_rng(0).integers(0, 16, phantom.pixels.shape, dtype=np.uint16)
    return replace(phantom, pixels=phantom.pixels.astype(np.uint16) * 16 + noise, bits=12)


def machine() -> dict[str, Any]:
    """Where this was measured."""
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "processor": platform.processor() or platform.machine(),
        "gpus": gpus,
        "torch": torch.__version__,
        "load": os.getloadavg()[0],
    }


# --- results ---------------------------------------------------------------------------------------------------------


def document(results: dict[str, Any]) -> str:
    """Tables for people."""
    where = results["machine"]
    lines = [
        "# What a request takes beside the network",
        "",
        f"`python -m benchmarks.request`, {where['cores']} cores, torch {where['torch']}, threads {where['threads']}"
        f"{', ' + ', '.join(where['gpus']) if where['gpus'] else ''}; a file of 1935 x 2400 pixels, {results['film']}.",
        f"Times by the clock, in brackets of the processor; load of the machine at the end {where['load']:.1f}.",
        f"Allowed beside the network: {SHARE:.0%} of its time or {ROOM_MS:.0f} ms, whichever is more.",
        "",
    ]
    for model, result in results["models"].items():
        lines += list(_tables(model, result))
    return "\n".join(lines)


def _tables(model: str, result: dict[str, Any]) -> Iterator[str]:
    height, width = result["input"]
    yield f"## {model}: {result['encoder']}, {height} x {width}, on {result['device']}"
    yield ""
    yield "| file | network, ms | request, ms | beside the network, ms | of it reading, ms | again, ms | allowed, ms |"
    yield "|---|---|---|---|---|---|---|"
    for kind, item in result["formats"].items():
        names = ("network", "request", "beyond", "read", "again")
        numbers = (f"{item[f'{name}_ms']:.0f} ({item[f'{name}_processor_ms']:.0f})" for name in names)
        yield f"| {kind} | {' | '.join(numbers)} | {item['allowed_ms']:.0f} |"
    yield ""
    if "http" not in result:
        return
    yield "| clients | requests a second | median, ms | 95th %, ms | `/info/` median, ms | 95th %, ms | worst, ms |"
    yield "|---|---|---|---|---|---|---|"
    for name, item in result["http"].items():
        if name == "idle":
            yield f"| none | | | | {item['info_ms']:.1f} | | |"
            continue
        names = ("per_second", "median_ms", "p95_ms", "info_ms", "info_p95_ms", "info_max_ms")
        numbers = (f"{item[key]:.2f}" if key == "per_second" else f"{item[key]:.1f}" for key in names)
        yield f"| {name} | {' | '.join(numbers)} |"
    yield ""


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["farnet_demo", "farnet_ceph"], metavar="NAME")
    parser.add_argument("--film", type=Path, metavar="FILE", help="a real radiograph instead of a phantom")
    parser.add_argument("--device", default="cuda", help="without a GPU the CPU (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=15, help="pairs a format (default: %(default)s)")
    parser.add_argument("--requests", type=int, default=16, help="over HTTP, a crowd (default: %(default)s)")
    parser.add_argument("--http-format", choices=FORMATS, default="bmp", help="default: %(default)s")
    parser.add_argument("--no-http", dest="http", action="store_false", help="in one process only")
    parser.add_argument("--code", type=Path, default=ROOT, help="the server's, of another version (default: this one)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="results; the tables beside it as .md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
