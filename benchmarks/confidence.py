"""What confidence is worth: does the 90 % radius cover 90 % of errors on radiographs that nobody has learnt from?

    python benchmarks/confidence.py OUTPUT --isbi2015 FOLDER --aasce FOLDER

For each landmark set a lite model is trained as the app trains, which calibrates it on what it holds out; then it
predicts radiographs that were in neither part. Hands are phantoms, since no public set of them can be had. The output
folder keeps models and predictions; a benchmark that was interrupted goes on where it was. Results:
``confidence.json``, ``.md`` and ``.png``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

mpl.use("Agg")
from matplotlib import pyplot as plt

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from apart import apart  # noqa: E402 - beside this script

from lib.configs import TaskConfig, choose_models  # noqa: E402 - the project is no package
from lib.datasets import read_aasce, read_isbi2015  # noqa: E402
from lib.datasets.phantoms import phantom_studies  # noqa: E402
from lib.datasets.studies import Study  # noqa: E402
from lib.evaluation.intervals import Resampling  # noqa: E402
from lib.evaluation.spacing import tolerance_px  # noqa: E402
from lib.formats import json_text, write_atomic  # noqa: E402
from lib.infers import Prediction  # noqa: E402
from lib.landmarks import Landmarks  # noqa: E402
from lib.trainers.memory import keep_freed_memory  # noqa: E402
from lib.trainers.split import gather_cases  # noqa: E402
from monailabel_app.cli.store import store_studies  # noqa: E402
from monailabel_app.datastores import StudiesFolder  # noqa: E402

FloatArray = npt.NDArray[np.float64]

SETS = {
    "cephalometric_19": ("farnet_ceph", "ISBI 2015, half size", "192x160"),
    "spine_68": ("farnet_spine", "AASCE 2019, half size", "256x128"),
    "hand_37": ("farnet_hand", "phantoms", "192x160"),
}
"""Landmark set: model, what it is measured on, input size."""


def main() -> None:
    """Train what is missing, predict, write figures."""
    options = arguments()
    keep_freed_memory()
    for name in options.sets:
        config, folder = model(name, options.output), options.output / name
        known, unseen = (stored(name, part, config, options) for part in ("known", "unseen"))
        if not config.published.is_file():
            steps = {"image_budget": options.budget, "val_split": 0.3, "val_interval": 5, "device": options.device}
            config.train_task(progress=True)({**steps, "resume": True}, known)
        if not (folder / "predictions.json").is_file():
            images = images_apart(unseen, known)
            write_atomic(folder / "predictions.json", json_text(predicted(config, unseen, images, options.device)))
    if options.sets == list(SETS):
        results = {name: json.loads((options.output / name / "predictions.json").read_text()) for name in SETS}
        write_results(results, options.output)


def images_apart(unseen: StudiesFolder, known: StudiesFolder) -> list[str]:
    """The unseen images that are none of the known ones under another name, as several are in the public sets."""
    others = [case.fingerprint for case in gather_cases(known, known.get_labeled_images(), progress=True)]
    mine = gather_cases(unseen, unseen.get_labeled_images(), progress=True)
    return [mine[index].image for index in apart(others, [case.fingerprint for case in mine])]


def predicted(config: TaskConfig, studies: StudiesFolder, images: list[str], device: str) -> dict[str, Any]:
    """For each landmark of each image: its error, what was promised, and where it lies in the ellipse."""
    task, rows = config.infer_task(), list[dict[str, Any]]()
    for image in tqdm(images, desc="predicting", unit="image"):
        found = task.predict(studies.get_image_uri(image), device)
        rows += case(image, found, studies.landmarks(image).ordered(config.landmark_set.names))
    trust = task.in_use("cpu").trust
    return {"version": task.card().version, "note": trust.note, "metrics": task.card().metrics, "rows": rows}


def case(image: str, found: Prediction, truth: Landmarks) -> Iterator[dict[str, Any]]:
    """The rows of one image."""
    shape = found.trust.get("shape", {})
    tolerance = tolerance_px(found.header.height, found.header.width, found.pixel_spacing)
    for item, wanted in zip(found.landmarks, truth, strict=True):
        region = item.predicted.region if item.predicted is not None else None
        if region is None or not wanted.state.has_position:
            continue
        dx, dy = item.x - wanted.x, item.y - wanted.y
        long, short, angle = region.ellipse
        along = dx * np.cos(np.radians(angle)) + dy * np.sin(np.radians(angle))
        across = -dx * np.sin(np.radians(angle)) + dy * np.cos(np.radians(angle))
        yield {
            "image": image,
            "landmark": item.name,
            "error_px": float(np.hypot(dx, dy)),
            "radius_px": region.radius,
            "ellipse": float(np.hypot(along / long, across / short)),
            "area": long * short / region.radius**2,
            "confidence": item.confidence,
            "within": bool(np.hypot(dx, dy) <= tolerance),
            "plausible": shape.get("plausible", True),
            "check": item.predicted is not None and item.predicted.check,
        }


def summary(result: dict[str, Any]) -> dict[str, Any]:
    """The figures of a landmark set."""
    rows = result["rows"]
    error, radius, ellipse, area = (column(rows, key) for key in ("error_px", "radius_px", "ellipse", "area"))
    check = column(rows, "check") > 0
    worst = error >= np.quantile(error, 0.9)
    by_landmark = [
        np.mean([row["error_px"] <= row["radius_px"] for row in rows if row["landmark"] == name])
        for name in dict.fromkeys(row["landmark"] for row in rows)
    ]
    return {
        "images": len({row["image"] for row in rows}),
        "mean_error_px": error.mean(),
        "circle": (error <= radius).mean(),
        "circle_interval": interval(rows),
        "by_landmark": [min(by_landmark), max(by_landmark)],
        "ellipse": (ellipse <= 1).mean(),
        "ellipse_area": area.mean(),
        "mean_radius_px": radius.mean(),
        "flagged": check.mean(),
        "worst_flagged": check[worst].mean(),
        "calibration_error": calibration_error(rows),
        "plausible": len({row["image"] for row in rows if row["plausible"]}) / len({row["image"] for row in rows}),
        "note": result["note"],
    }


def interval(rows: list[dict[str, Any]]) -> tuple[float, float] | None:
    """95 % interval of the covered share, drawing images anew."""
    images = Resampling([row["image"] for row in rows])
    return images.interval_of_success_rate(column(rows, "error_px") / column(rows, "radius_px"), 1.0)


def bins(rows: list[dict[str, Any]]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Of tenths of the confidence that have landmarks: mean confidence, share within the tolerance, number."""
    confidence, within = column(rows, "confidence"), column(rows, "within")
    tenth = np.minimum((confidence * 10).astype(int), 9)
    used = np.unique(tenth)
    told = [(confidence[tenth == t].mean(), within[tenth == t].mean(), (tenth == t).sum()) for t in used]
    mean, share, number = np.array(told, dtype=np.float64).T
    return mean, share, number


def calibration_error(rows: list[dict[str, Any]]) -> float:
    """Expected calibration error: the mean distance of share and confidence over the tenths, by their numbers."""
    mean, share, number = bins(rows)
    return float(np.sum(np.abs(mean - share) * number) / number.sum())


def column(rows: list[dict[str, Any]], key: str) -> FloatArray:
    """A column as numbers."""
    return np.array([float(row[key]) for row in rows])


def write_results(results: dict[str, Any], output: Path) -> None:
    """Table and figure."""
    summaries = {name: summary(result) for name, result in results.items()}
    write_atomic(output / "confidence.json", json_text(summaries))
    lines = [
        "| landmarks | unseen images | mean error | in the circle (95 %) | by landmark | in the ellipse | its area | "
        "mean radius | flagged | of the worst tenth flagged | calibration error | shape judged plausible |",
        "|---" * 12 + "|",
    ]
    for name, item in summaries.items():
        low, high = item["circle_interval"]
        least, most = item["by_landmark"]
        lines.append(
            f"| {name}, {SETS[name][1]} | {item['images']} | {item['mean_error_px']:.1f} px | "
            f"{item['circle']:.1%} ({low:.1%} to {high:.1%}) | {least:.0%} to {most:.0%} | {item['ellipse']:.1%} | "
            f"{item['ellipse_area']:.2f} of the circle's | {item['mean_radius_px']:.1f} px | {item['flagged']:.0%} | "
            f"{item['worst_flagged']:.0%} | {item['calibration_error']:.3f} | "
            f"{item['plausible']:.1%} |"
        )
    write_atomic(output / "confidence.md", "\n".join(lines) + "\n")
    print("\n".join(lines))
    draw(results, output / "confidence.png")


def draw(results: dict[str, Any], path: Path) -> None:
    """The reliability diagram: how often landmarks of a confidence lie within the tolerance."""
    figure, axes = plt.subplots(figsize=(6.4, 5.2), dpi=110)
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--", label="as promised")
    for name, result in results.items():
        mean, share, number = bins(result["rows"])
        axes.plot(mean, share, marker="o", markersize=0, label=f"{name} ({SETS[name][1]})")
        axes.scatter(mean, share, s=12 + 160 * number / number.sum(), color=axes.lines[-1].get_color(), zorder=3)
    axes.set(
        xlabel="confidence: chance to lie within the tolerance",
        ylabel="share that does, on unseen radiographs",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    axes.grid(alpha=0.25)
    axes.legend(loc="upper left", frameon=False)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def stored(name: str, part: str, config: TaskConfig, options: argparse.Namespace) -> StudiesFolder:
    """The radiographs of one side as a folder of studies."""
    folder = options.output / name / part
    if not (folder / "datastore_v2.json").is_file():
        store_studies(radiographs(name, part, options), folder, config.landmark_set)
    return StudiesFolder(folder, {config.name: config.landmark_set})


def radiographs(name: str, part: str, options: argparse.Namespace) -> Iterator[Study]:
    """Those to train and calibrate on, or others."""
    if name == "hand_37":
        yield from phantom_studies(name, options.count, 10_000 if part == "known" else 20_000, (400, 320))
        return
    if name == "cephalometric_19":
        for index, study in enumerate(read_isbi2015(options.isbi2015, "mean", options.pixel_spacing)):
            if (index < 150) == (part == "known"):
                yield study
        return
    visit = itertools.count()
    for _, studies in itertools.groupby(read_aasce(options.aasce), lambda study: study.name.rsplit("_", 2)[0]):
        if (next(visit) % 3 == 0) == (part == "known"):
            yield from studies


def model(name: str, output: Path) -> TaskConfig:
    """A lite network of the set."""
    chosen, _, size = SETS[name]
    conf = {"models": chosen, "preset": "lite", "input_size": size, "sigma": "3"}
    return choose_models(conf, output / name / "model")[chosen]


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--isbi2015", type=Path, required=True)
    parser.add_argument("--pixel-spacing", type=float, default=0.1)
    parser.add_argument("--aasce", type=Path, required=True)
    parser.add_argument("--count", type=int, default=150, help="phantoms of each part")
    parser.add_argument("--budget", type=int, default=6_000, help="radiographs that a training looks at")
    parser.add_argument("--device", default="cuda")
    parser.add_argument(
        "--sets",
        type=lambda text: text.split(","),
        default=list(SETS),
        help="these only, for several processes at once; results are written by a call without this option",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
