"""How the studies folder grows: list, next sample and save at 10 to 100,000 radiographs.

    python -m benchmarks.studies [--sizes 10 100 1000 10000 100000] --json FILE

Each size has a process of its own, with a folder of tiny generated radiographs, a tenth of them labelled, which is
removed at its end. Measured is what a viewer asks for: *list* is the ids of all images, *status* and *json* what
``GET /datastore/`` tells in short and in full, *next* what ``POST /activelearning/STRATEGY`` does, the note that it was
handed out included, *save* what *Submit* does with the radiograph that was handed out; in the server's process, and
over HTTP as well. ``scored`` means that a model's scores of all radiographs are known.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import requests
import uvicorn
from fastapi import FastAPI
from PIL import Image
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lib.activelearning import DESCRIPTIONS, Score, ScoreFile  # noqa: E402 - the project is no package
from lib.checkpoints import build_network  # noqa: E402
from lib.formats import json_text, markups_document, write_atomic  # noqa: E402
from lib.landmarks import Landmark, Landmarks, LandmarkSet  # noqa: E402
from lib.radiographs import read_header  # noqa: E402
from monailabel_app.app import FARNetApp  # noqa: E402
from monailabel_app.routes import activelearning, datastore  # noqa: E402
from monailabel_app.routes.activelearning import next_sample  # noqa: E402

MODEL = "farnet_demo"
SET = LandmarkSet.load("cephalometric_19")
SIZES = (10, 100, 1_000, 10_000, 100_000)
LABELLED = 10
"""One of so many radiographs has a label."""
LINKS = 1000
"""So many radiographs are one file under several names: a file system allows some ten thousand."""
FEW = 1000
"""Of fewer radiographs each label is removed again, lest none is left to label."""
WARM_UP = 3
PATIENCE_S = 120.0
"""A series of measurements ends then, whatever it has."""
MEMORY_GB = 16


def main() -> None:
    """Measure each size in a process of its own, write and show."""
    options = arguments()
    if options.one:
        print(json.dumps(measured(options.one, options.repeats)))
        return
    results: dict[str, Any] = {"cpus": os.cpu_count(), "note": options.note, "sizes": {}}
    for size in tqdm(options.sizes, desc="sizes", unit="size"):
        command = [sys.executable, __file__, "--one", str(size), "--repeats", str(options.repeats)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603 - this script
        results["sizes"][str(size)] = json.loads(output.splitlines()[-1])
        if options.json:
            write_atomic(options.json, json_text(results))
            write_atomic(options.json.with_suffix(".md"), document(results))
    print(document(results))


def measured(size: int, repeats: int) -> dict[str, Any]:
    """All figures of one size, in milliseconds, seconds and MB."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_GB << 30, MEMORY_GB << 30))  # or the machine's memory would end
    with tempfile.TemporaryDirectory(prefix="farnet-studies-") as scratch:
        studies, app_dir = Path(scratch) / "studies", Path(scratch) / "app"
        make_studies(studies, size)
        (app_dir / "model").mkdir(parents=True)
        label = make_label(Path(scratch) / "label.json", next(studies.glob("*.png")))
        before = memory_mb()
        app, opening_s = timed(lambda: FARNetApp(str(app_dir), str(studies), {"models": MODEL}))
        opened_mb = memory_mb() - before
        store = app.datastore()
        operations = {
            "list": series(lambda _: store.list_images(), repeats),
            "status": series(lambda _: store.status(), repeats),
            "json": series(lambda _: store.json(), min(repeats, 20)),
        }
        for strategy in ("random", "first", "hybrid"):
            operations |= worked(app, strategy, label, repeats, strategy)
        shutil.copy(ROOT / "model" / f"pretrained_{MODEL}.pt", app_dir / "model")
        make_scores(studies, app)
        operations |= {"scored list": series(lambda _: store.list_images(), repeats)}
        for strategy in DESCRIPTIONS:
            operations |= worked(app, strategy, label, repeats, f"scored {strategy}")
        operations |= over_http(app, label, repeats)
        return {
            "opening_s": opening_s,
            "opened_mb": opened_mb,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "operations": operations,
        }


def worked(app: FARNetApp, strategy: str, label: Path, repeats: int, name: str) -> dict[str, Any]:
    """Ask for a radiograph and submit its label, again and again, as an annotator does."""
    request = SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace(farnet=app)))
    user = SimpleNamespace(username="")
    handed: list[str] = []
    few = app.datastore().status()["total"] < FEW

    def ask(_: int) -> None:
        found = next_sample(request, strategy, user, {"client_id": "ann"})
        handed.append(found.get("id", ""))

    def submit(_: int) -> None:
        if handed[-1]:
            app.datastore().save_label(handed[-1], label, "final", {"client_id": "ann", "model": MODEL})

    try:
        asked, saved = [], []
        begun = time.perf_counter()
        for number in range(WARM_UP + repeats):
            asked.append(timed(lambda number=number: ask(number))[1])
            saved.append(timed(lambda number=number: submit(number))[1])
            if few and handed[-1]:
                app.datastore().remove_label(handed[-1], "final")
            if not handed[-1] or time.perf_counter() - begun > PATIENCE_S:
                break
    except MemoryError:
        return {f"next {name}": None}
    told = {f"next {name}": figures(asked)}
    return told | ({f"save {name}": figures(saved)} if handed[0] else {})


def over_http(app: FARNetApp, label: Path, repeats: int) -> dict[str, Any]:
    """The same over HTTP, from a client on this machine, by the default strategy."""
    server = FastAPI()
    server.state.farnet = app
    for part in (activelearning, datastore):
        server.include_router(part.router)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = uvicorn.Server(uvicorn.Config(server, port=port, log_level="error"))
    thread = threading.Thread(target=running.run)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    address, content = f"http://127.0.0.1:{port}", label.read_bytes()
    asked, saved = [], []
    with requests.Session() as client:
        for _ in range(WARM_UP + repeats):
            found, took = timed(lambda: client.post(f"{address}/activelearning/random", json={"client_id": "ann"}))
            asked.append(took)
            image = found.json().get("id")
            if image is None:
                break
            put = partial(client.put, f"{address}/datastore/label", params={"image": image})
            answer, took = timed(lambda put=put: put(files={"label": ("label.json", content)}))
            answer.raise_for_status()
            saved.append(took)
    running.should_exit = True
    thread.join()
    told = {"next random over HTTP": figures(asked)}
    return told | ({"save over HTTP": figures(saved)} if saved else {})


def series(operation: Callable[[int], Any], repeats: int) -> dict[str, float]:
    """The figures of one operation."""
    begun, took = time.perf_counter(), []
    for number in range(WARM_UP + repeats):
        took.append(timed(lambda number=number: operation(number))[1])
        if time.perf_counter() - begun > PATIENCE_S:
            break
    return figures(took)


def figures(seconds: list[float]) -> dict[str, float]:
    """Milliseconds; the first is told apart, and the next ones are a warm-up."""
    rest = np.array(seconds[min(WARM_UP, len(seconds) - 1) :]) * 1e3
    return {
        "first_ms": seconds[0] * 1e3,
        "median_ms": float(np.median(rest)),
        "p90_ms": float(np.quantile(rest, 0.9)),
        "max_ms": float(rest.max()),
        "count": len(rest),
    }


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """What a call returns, and how many seconds it took."""
    begun = time.perf_counter()
    result = call()
    return result, time.perf_counter() - begun


def memory_mb() -> float:
    """Memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


# --- generated studies -----------------------------------------------------------------------------------------------


def make_studies(folder: Path, size: int) -> None:
    """``size`` radiographs with an index, as this app leaves them; every tenth has a label."""
    labels = folder / "labels" / "final"
    labels.mkdir(parents=True)
    source, objects, now = folder, {}, int(time.time()) - 86_400
    for number in range(size):
        image = f"patient {number:06d}"
        path = folder / f"{image}.png"
        if number % LINKS == 0:
            pixels = np.random.default_rng(number).integers(0, 255, (32, 24), dtype=np.uint8)
            Image.fromarray(pixels).save(path)
            source = path
        else:
            os.link(source, path)
        study: dict[str, Any] = {"image": entry(".png", path, now), "labels": {}}
        if number % LABELLED == 0:
            label = make_label(labels / f"{image}.mrk.json", path)
            study["labels"]["final"] = entry(".mrk.json", label, now, **label_info(label))
        objects[image] = study
    index = {"name": "generated", "description": "", "images_dir": ".", "labels_dir": "labels", "objects": objects}
    (folder / "datastore_v2.json").write_text(json.dumps(index, indent=1))


def entry(extension: str, path: Path, moment: int, **info: Any) -> dict[str, Any]:
    """What is noted about a file."""
    file = {"file": path.name} if extension == ".png" else {}
    return {"ext": extension, "info": {"ts": moment, "name": path.name, **file, **info}}


def label_info(label: Path) -> dict[str, Any]:
    """What is noted about a label more."""
    return {
        "model": MODEL,
        "client_id": "bob",
        "landmark_set": SET.name,
        "checksum": f"SHA256:{hashlib.sha256(label.read_bytes()).hexdigest()}",
        "provenance": {name: {"origin": "accepted", "model": f"{MODEL} 1"} for name in SET.names},
    }


def make_label(path: Path, image: Path) -> Path:
    """All landmarks of a radiograph, as a viewer submits them."""
    if not _TEXT:
        landmarks = Landmarks(tuple(Landmark(name, 1.0 + number, 2.0) for number, name in enumerate(SET.names)))
        document = markups_document(landmarks, read_header(image).geometry, title="submitted", landmark_set=SET)
        _TEXT.append(json_text(document))
    path.write_text(_TEXT[0])
    return path


_TEXT: list[str] = []
"""The label's file, which is the same for all."""


def make_scores(studies: Path, app: FARNetApp) -> None:
    """Scores of all radiographs by the model in use, as background scoring would leave them."""
    task = app._infers[MODEL]
    card, channels = task.card(), build_network(task.card()).aggregation.out_channels
    file = ScoreFile(studies, MODEL)
    images, random = app.datastore().list_images(), np.random.default_rng(0)
    stamps = app.datastore().stamps(images)
    file.add(card, images[0], made_score(random, channels, stamps[images[0]]))
    with file.path(card).open("a") as lines:
        lines.writelines(made_score(random, channels, stamps[image]).as_line(image) for image in images[1:])


def made_score(random: np.random.Generator, channels: int, stamp: str) -> Score:
    """What a model could make of a radiograph."""
    features = random.normal(size=channels).astype(np.float32)
    return Score(random.uniform(), features, random.uniform(), stamp)


# --- results ---------------------------------------------------------------------------------------------------------


WHAT = (
    "Median milliseconds of one operation, with the slowest tenth's begin in brackets, by the number of radiographs; "
    "the first three of a kind are left out. *next* and *save* are the two that an annotator waits for."
)


def document(results: dict[str, Any]) -> str:
    """A table for people."""
    sizes = results["sizes"]
    lines = ["# How the studies folder grows", "", f"{WHAT} {results['note']}".strip(), ""]
    lines += [f"| | {' | '.join(f'{int(size):,}' for size in sizes)} |", f"|---|{'---|' * len(sizes)}"]
    for name in dict.fromkeys(name for found in sizes.values() for name in found["operations"]):
        lines.append(row(name, [cell(found["operations"].get(name)) for found in sizes.values()]))
    for name in ("next random", "next scored hybrid"):
        firsts = [(found["operations"].get(name) or {}).get("first_ms", np.nan) for found in sizes.values()]
        lines.append(row(f"the first *{name}* of all", [f"{first:.3g}" for first in firsts]))
    for key, name in (("opening_s", "opening, s"), ("opened_mb", "memory of that, MB"), ("peak_mb", "peak, MB")):
        lines.append(row(name, [f"{found[key]:.3g}" for found in sizes.values()]))
    return "\n".join(lines) + "\n"


def row(name: str, cells: list[str]) -> str:
    """A row of the table."""
    return f"| {name} | {' | '.join(cells)} |"


def cell(found: dict[str, float] | None) -> str:
    """Median and 90th percentile."""
    return "-" if found is None else f"{found['median_ms']:.3g} ({found['p90_ms']:.3g})"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N")
    parser.add_argument("--repeats", type=int, default=30, help="operations of a kind after a warm-up")
    parser.add_argument("--note", default="", help="a sentence for the results: which machine, which version")
    parser.add_argument("--json", type=Path, help="where the results go; the table beside it, .md")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
