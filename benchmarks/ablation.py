"""What augmentation, the moving average and sub-pixel targets are worth: each without, several seeds, real radiographs.

    python benchmarks/ablation.py ISBI2015_FOLDER OUTPUT --pixel-spacing 0.2 --train 1-50 --test 151-220 --epochs 100

All variants train on the same radiographs with the same split and are measured on the same unseen ones. The output
folder keeps every run; a benchmark that was interrupted goes on where it was. Results: ``ablation.json`` and, for
people, ``ablation.md``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lib.configs import TaskConfig, choose_models  # noqa: E402 - the project is no package
from lib.datasets.isbi2015 import read_isbi2015  # noqa: E402
from lib.evaluation import Report, millimetres  # noqa: E402
from lib.evaluation.intervals import Resampling  # noqa: E402
from lib.formats import json_text, write_atomic  # noqa: E402
from lib.heatmaps import HeatmapCodec  # noqa: E402
from lib.trainers.memory import keep_freed_memory  # noqa: E402
from monailabel_app.cli.store import store_studies  # noqa: E402
from monailabel_app.datastores import StudiesFolder  # noqa: E402

VARIANTS: dict[str, dict[str, Any]] = {
    "all": {},
    "no augmentation": {"augment": False},
    "no moving average": {"ema_decay": 0.0},
    "whole-pixel targets": {},
}


@contextmanager
def whole_pixel_targets() -> Iterator[None]:
    """Targets are drawn at the nearest pixel, as the released code of the paper does."""
    original = HeatmapCodec.encode

    def encode(codec: HeatmapCodec, points: Tensor, size: tuple[int, int]) -> Tensor:
        return original(codec, points.round(), size)

    HeatmapCodec.encode = encode  # type: ignore[method-assign]
    try:
        yield
    finally:
        HeatmapCodec.encode = original  # type: ignore[method-assign]


def main() -> None:
    """Train what is missing, measure, write the table."""
    options = arguments()
    keep_freed_memory()
    train, test = (stored(options, part) for part in ("train", "test"))
    results: dict[str, Any] = {}
    for seed, variant in itertools.product(options.seeds, options.variants):
        folder = options.output / f"{variant.replace(' ', '_')}_{seed}"
        result = folder / "result.json"
        if not result.is_file():
            config = model(options, folder)
            with whole_pixel_targets() if variant == "whole-pixel targets" else nullcontext():
                request = {"max_epochs": options.epochs, "seed": seed, "val_interval": 5, "device": options.device}
                task = config.train_task(progress=True)
                task({**request, **VARIANTS[variant], "resume": True}, train)
            if task.stats()["status"] == "stopped":
                sys.exit(f"{variant} {seed} was stopped; the same command goes on with it.")
            write_atomic(result, json_text(measured(config, test, options.device)))
        results[f"{variant} {seed}"] = json.loads(result.read_text())
        print(variant, seed, {key: results[f"{variant} {seed}"][key] for key in ("mre_mm", "sdr_2mm")})
    if options.variants == list(VARIANTS):
        write_atomic(options.output / "ablation.json", json_text(results))
        write_atomic(options.output / "ablation.md", table(results, options.seeds))
        print(table(results, options.seeds))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--pixel-spacing", type=float, default=0.1)
    parser.add_argument("--train", type=numbers, default=numbers("1-50"))
    parser.add_argument("--test", type=numbers, default=numbers("151-220"))
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seeds", type=numbers, default=numbers("0-2"))
    parser.add_argument(
        "--variants",
        type=lambda text: text.split(","),
        default=list(VARIANTS),
        help="train these only, for several processes at once; the table is written by a call without this option",
    )
    parser.add_argument("--input-size", default="192x160")
    parser.add_argument("--sigma", default="3")
    parser.add_argument("--device", default="cuda")
    return parser.parse_args()


def numbers(text: str) -> list[int]:
    """``1-3,7`` as a list."""
    parts = (part.partition("-") for part in text.split(","))
    return [number for first, _, last in parts for number in range(int(first), int(last or first) + 1)]


def model(options: argparse.Namespace, folder: Path) -> TaskConfig:
    """The network that all variants train."""
    conf = {"models": "farnet_demo", "input_size": options.input_size, "sigma": options.sigma}
    return choose_models(conf, folder)["farnet_demo"]


def stored(options: argparse.Namespace, part: str) -> StudiesFolder:
    """The radiographs of one side as a folder of studies."""
    config = model(options, options.output)
    folder = options.output / "studies" / part
    wanted = set(getattr(options, part))
    if not (folder / "datastore_v2.json").is_file():
        studies = read_isbi2015(options.data, "mean", options.pixel_spacing)
        store_studies((study for study in studies if int(study.name[-3:]) in wanted), folder, config.landmark_set)
    return StudiesFolder(folder, {config.name: config.landmark_set})


def measured(config: TaskConfig, studies: StudiesFolder, device: str) -> dict[str, Any]:
    """The model in use on unseen radiographs."""
    task, cases = config.infer_task(), []
    for image in studies.get_labeled_images():
        truth = studies.landmarks(image)
        found = task.predict(studies.get_image_uri(image), device).landmarks
        cases.append((image, found, truth, millimetres(truth, config.landmark_set, studies.pixel_spacing(image))))
    report = Report.build(cases)
    content = report.as_dict()
    return {
        "images": content["images"],
        "mre_mm": content["mre_mm"],
        "median_mm": content["median_mm"],
        "sdr_2mm": content["sdr"]["2.0"],
        "epoch": task.card().training["epoch"],
        "image_mm": {image.image: float(np.nanmean(image.mm)) for image in report.images},
    }


def table(results: dict[str, Any], seeds: Sequence[int]) -> str:
    """The figures of each variant, and its difference from the whole: seed by seed, and with its 95 % interval."""
    lines = [
        "| variant | mean radial error, mm | within 2 mm | error minus that of *all*, mm, by seed | mean (95 %) |",
        "|---|---|---|---|---|",
    ]
    for variant in VARIANTS:
        mine, whole = ([results[f"{name} {seed}"] for seed in seeds] for name in (variant, "all"))
        differences = ", ".join(f"{a['mre_mm'] - b['mre_mm']:+.3f}" for a, b in zip(mine, whole, strict=True))
        lines.append(
            f"| {variant} | {spread(mine, lambda r: r['mre_mm'], '.3f')} | "
            f"{spread(mine, lambda r: 100 * r['sdr_2mm'], '.1f')} % | {'' if variant == 'all' else differences} | "
            f"{'' if variant == 'all' else interval(mine, whole)} |"
        )
    return "\n".join(lines) + "\n"


def interval(mine: Sequence[dict[str, Any]], whole: Sequence[dict[str, Any]]) -> str:
    """Mean over seeds and images of the difference, and where it lies by drawing the images anew; in mm."""
    images = sorted(whole[0]["image_mm"])
    table = np.array([[[result["image_mm"][image] for image in images] for result in side] for side in (mine, whole)])
    differences = (table[0] - table[1]).mean(axis=0)
    low, high = Resampling(images).interval_of_mean(differences) or (np.nan, np.nan)
    return f"{differences.mean():+.3f} ({low:+.3f} to {high:+.3f})"


def spread(results: Sequence[dict[str, Any]], figure: Callable[[dict[str, Any]], float], form: str) -> str:
    """Mean of the seeds, lowest to highest behind it."""
    values = [figure(result) for result in results]
    return f"{np.mean(values):{form}} ({min(values):{form}} to {max(values):{form}})"


if __name__ == "__main__":
    main()
