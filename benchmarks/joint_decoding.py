"""What decoding the landmarks of an image together gains over decoding each by itself, from the very same heat maps.

    python benchmarks/joint_decoding.py MODEL_DIR STUDIES OUTPUT [--model farnet_spine] [--half odd]

Both decodings see the images of patients that are in no part of the model's data. Intervals draw
patients anew, differences are of the same images. Results: ``joint_decoding.json``, ``.md`` and ``.png``, in which each
model has its own; ``--picture`` draws the radiograph where most is gained, which belongs to nobody's results.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import torch
from monai.transforms import Compose
from tqdm import tqdm

mpl.use("Agg")
from matplotlib import pyplot as plt

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from apart import apart  # noqa: E402 - beside this script

from lib.checkpoints import Trained, load_trained  # noqa: E402 - the project is no package
from lib.evaluation.intervals import Resampling, interval_of  # noqa: E402
from lib.evaluation.metrics import radial_errors  # noqa: E402
from lib.evaluation.spine import smape_of_images, squared_fractions  # noqa: E402
from lib.formats import json_text, write_atomic  # noqa: E402
from lib.measurements import cobb_angles  # noqa: E402
from lib.networks import FARNet, channels_last  # noqa: E402
from lib.trainers.split import SplitFile, extended, gather_cases  # noqa: E402
from lib.transforms import FitToInputd, LoadRadiographd, MapDecoder, rescale_points  # noqa: E402
from monailabel_app.datastores import StudiesFolder  # noqa: E402

FloatArray = npt.NDArray[np.float64]
SIDES = ("plain", "joint")
SPINE = "spine_68"
CHOSEN = (
    "The numbers in `lib/heatmaps/joint.py` were chosen on made maps and on the even half of the spines, with a look "
    "at some of the other spines, cephalograms and hands; they were found to matter little. Networks of the preset "
    "`lite`, trained on a CPU: the weaker the maps, the more there is to gain. Spines without those of faulty labels."
)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One image.

    Args:
        image: its id.
        patient: whose it is.
        size: ``(height, width)`` of the file.
        truth: (N, 2) in its pixels, NaN where not annotated.
        found: (N, 2) for each of :data:`SIDES`.
        seconds: that the network took, and each side.
    """

    image: str
    patient: str
    size: tuple[int, int]
    truth: FloatArray
    found: dict[str, FloatArray]
    seconds: dict[str, float]


def main() -> None:
    """Decode, measure, write."""
    options = arguments()
    torch.set_num_threads(1)
    trained = load_trained(options.models / f"{options.model}.pt")
    studies = StudiesFolder(options.studies, {options.model: trained.card.landmark_set})
    known = StudiesFolder(options.known, {options.model: trained.card.landmark_set}) if options.known else None
    chosen = unknown_images(trained, studies, known)
    cases = list(decoded(trained, studies, {"all": chosen, "even": chosen[::2], "odd": chosen[1::2]}[options.half]))
    result = measured(cases, trained, options)
    path = options.output / "joint_decoding.json"
    results = json.loads(path.read_text()) if path.is_file() else {}
    results[options.name or trained.card.landmark_set.name] = result
    write_atomic(path, json_text(results))
    write_atomic(path.with_suffix(".md"), document(results))
    draw(results, path.with_suffix(".png"))
    if options.picture:
        gain = [np.nanmean(error_of(case, "plain")) - np.nanmean(error_of(case, "joint")) for case in cases]
        draw_case(cases[int(np.argmax(gain))], studies, options.picture)
    print(document(results))


def decoded(trained: Trained, studies: StudiesFolder, images: list[tuple[str, str]]) -> Iterator[Case]:
    """Images and their patients, decoded both ways from the same maps."""
    card, network = trained.card, trained.network.fused()
    channels_last(network)
    deciders = {"plain": MapDecoder(card.codec()), "joint": MapDecoder(card.codec(), trained.trust.shape_model)}
    read = Compose([LoadRadiographd(), FitToInputd(card.input_size, card.grey)])
    for image, patient in tqdm(images, desc="decoding", unit="image"):
        sample = read({"image": studies.get_image_uri(image)})
        size = (sample["header"].height, sample["header"].width)
        maps, seconds = timed(lambda sample=sample: run(network, sample["image"]))
        found, took = {}, {"network": seconds}
        for side, decoder in deciders.items():
            points, took[side] = timed(lambda decoder=decoder, maps=maps, size=size: decoder.decode(maps, size))
            found[side] = rescale_points(points.double(), card.input_size, size).numpy()
        truth = studies.landmarks(image).ordered(card.landmark_set.names).points()
        yield Case(image, patient, size, truth, found, took)


@torch.no_grad()
def run(network: FARNet, image: torch.Tensor) -> torch.Tensor:
    """(N, h, w) fine heat maps."""
    return network(image[None])[0].float()


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """What a call returns, and how many seconds of the processor it took."""
    begun = time.process_time()
    result = call()
    return result, time.process_time() - begun


def unknown_images(trained: Trained, studies: StudiesFolder, known: StudiesFolder | None) -> list[tuple[str, str]]:
    """Labelled images and their patients, of whom nothing is in the model's data.

    Copies of the known studies, which may have other pixels, are left out as well.
    """
    cases = gather_cases(studies, sorted(studies.get_labeled_images()), progress=True)
    split = extended(SplitFile(studies.folder).read(), cases, share=0.2)  # for its groups of patients; it is not kept
    groups = {case.image: split.group(case.image) for case in cases}
    data = trained.card.data
    used = set() if data is None else {*data.train, *data.held_out}
    others = [] if known is None else gather_cases(known, known.get_labeled_images(), progress=True)
    new = set(apart([case.fingerprint for case in others], [case.fingerprint for case in cases]))
    of_model = {
        groups[case.image] for index, case in enumerate(cases) if case.fingerprint.exact in used or index not in new
    }
    return [(case.image, groups[case.image]) for case in cases if groups[case.image] not in of_model]


# --- figures ---------------------------------------------------------------------------------------------------------


def measured(cases: list[Case], trained: Trained, options: argparse.Namespace) -> dict[str, Any]:
    """Each figure of both decodings, and their difference."""
    resampling = Resampling([case.patient for case in cases])
    spine = trained.card.landmark_set.name == SPINE
    figures = {}
    for name, (numerators, denominators) in parts(cases, spine, options.file_scale).items():
        one, other = (numerators[side].sum() / denominators.sum() for side in SIDES)
        drawn = resampling.ratios(numerators["joint"] - numerators["plain"], denominators)
        figures[name] = {"plain": one, "joint": other, "difference": other - one, "interval": interval_of(drawn)}
    moved = np.concatenate([(case.found["plain"] != case.found["joint"]).any(axis=1) for case in cases])
    means = {side: [float(np.nanmean(error_of(case, side))) for case in cases] for side in SIDES}
    return {
        "model": f"{trained.card.model} {trained.card.version}",
        "input": list(trained.card.input_size),
        "images": len(cases),
        "patients": resampling.num_groups,
        "file_scale": options.file_scale,
        "figures": figures,
        "landmarks_moved": float(moved.mean()),
        "seconds": {key: float(np.median([case.seconds[key] for case in cases])) for key in ("network", *SIDES)},
        "mean_error_px": means,
    }


def parts(cases: list[Case], spine: bool, scale: float) -> dict[str, tuple[dict[str, FloatArray], FloatArray]]:
    """For each figure, by image: what is summed, of each side, and by how many it is divided."""
    errors = {side: [error_of(case, side) for case in cases] for side in SIDES}
    annotated = np.array([np.isfinite(row).sum() for row in errors["plain"]], dtype=np.float64)
    images = np.ones(len(cases))

    def of_each(figure: Callable[[int, str], float]) -> dict[str, FloatArray]:
        return {side: np.array([figure(row, side) for row in range(len(cases))]) for side in SIDES}

    def squares(row: int, side: str) -> float:
        case = cases[row]
        return float(np.nansum(squared_fractions(case.found[side], case.truth, case.size)))

    def beyond(radius: float) -> dict[str, FloatArray]:
        return of_each(lambda row, side: float((errors[side][row] > radius * scale).sum()))

    found = {
        "mean radial error, px": (of_each(lambda row, side: float(np.nansum(errors[side][row]))), annotated),
        "NMSE, 1e-4": ({side: 1e4 * value for side, value in of_each(squares).items()}, annotated),
        "OR20, %": ({side: 100 * value for side, value in beyond(20.0).items()}, annotated),
        "OR40, %": ({side: 100 * value for side, value in beyond(40.0).items()}, annotated),
    }
    if spine:  # landmarks of other sets may lie nearer to one another than anybody can tell apart
        found["images with a vertebra in another's place, %"] = (
            of_each(lambda row, side: 100.0 * in_anothers_place(cases[row], side)),
            images,
        )
        angles = {side: np.array([angles_of(case.found[side], case.size) for case in cases]) for side in SIDES}
        truth = np.array([angles_of(case.truth, case.size) for case in cases])
        shares = {side: smape_of_images(angles[side], truth) for side in SIDES}
        known = ~np.isnan(shares["plain"] + shares["joint"])
        kept = {side: np.where(known, value, 0.0) for side, value in shares.items()}
        found["Cobb SMAPE, %"] = (kept, known.astype(np.float64))
    return found


def error_of(case: Case, side: str) -> FloatArray:
    """(N,) radial errors in pixels of the file."""
    return radial_errors(case.found[side], case.truth)


def in_anothers_place(case: Case, side: str) -> bool:
    """Whether the middle of a vertebra's four corners lies nearer to another's place than to its own."""
    found, truth = (points.reshape(-1, 4, 2).mean(axis=1) for points in (case.found[side], case.truth))
    known = ~np.isnan(truth[:, 0])
    distances = np.linalg.norm(found[known][:, None] - truth[known], axis=2)
    return bool((distances.argmin(axis=1) != np.arange(known.sum())).any())


def angles_of(points: FloatArray, size: tuple[int, int]) -> tuple[float, float, float]:
    """The three Cobb angles, NaN where they cannot be measured."""
    angles = cobb_angles(points, float(size[0]))
    return (np.nan, np.nan, np.nan) if angles is None else angles.degrees


# --- results ---------------------------------------------------------------------------------------------------------


def document(results: dict[str, Any]) -> str:
    """Tables for people."""
    lines = ["# What decoding the landmarks together gains", "", CHOSEN, ""]
    for name, result in results.items():
        seconds = result["seconds"]
        extra = seconds["joint"] - seconds["plain"]
        lines += [
            f"## {name}",
            "",
            f"{result['model']}, input {result['input'][0]} x {result['input'][1]}; {result['images']} images of "
            f"{result['patients']} patients that it knows nothing of. Files at {result['file_scale']:g} of the "
            f"published size: OR20 counts landmarks off by more than {20 * result['file_scale']:g} px here. "
            f"{result['landmarks_moved']:.1%} of the landmarks lie elsewhere than each decoded by itself. An image "
            f"takes {1000 * seconds['network']:.0f} ms of one core for the network, "
            f"{1000 * seconds['plain']:.0f} ms for decoding, and {1000 * extra:.0f} ms more for doing it together, "
            f"{extra / seconds['network']:.0%} of the network.",
            "",
            "| | each by itself | together | difference (95 % interval) |",
            "|---|---|---|---|",
        ]
        for figure, item in result["figures"].items():
            low, high = item["interval"] or (np.nan, np.nan)
            values = (
                f"{item['plain']:.2f} | {item['joint']:.2f} | {item['difference']:+.2f} ({low:+.2f} to {high:+.2f})"
            )
            lines.append(f"| {figure} | {values} |")
        lines.append("")
    return "\n".join(lines)


def draw(results: dict[str, Any], path: Path) -> None:
    """The mean error of each image, both ways."""
    figure, axes = plt.subplots(1, len(results), figsize=(4.2 * len(results), 4.2), dpi=110, squeeze=False)
    for axis, (name, result) in zip(axes[0], results.items(), strict=True):
        plain, joint = (np.array(result["mean_error_px"][side]) for side in SIDES)
        ends = [0.8 * min(plain.min(), joint.min()), 1.25 * max(plain.max(), joint.max())]
        axis.plot(ends, ends, color="0.6", linewidth=1, linestyle="--")
        axis.scatter(plain, joint, s=14, alpha=0.6, linewidths=0)
        axis.set(xscale="log", yscale="log", xlim=ends, ylim=ends, title=f"{name}, {len(plain)} images")
        axis.set_xlabel("mean error of an image, each by itself, px")
        axis.set_ylabel("together, px")
        axis.set_aspect("equal")
        axis.grid(alpha=0.25)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def draw_case(case: Case, studies: StudiesFolder, path: Path) -> None:
    """One radiograph with the places of both decodings, and lines to where the landmarks are."""
    pixels = LoadRadiographd()({"image": studies.get_image_uri(case.image)})["image"]
    pixels = np.asarray(pixels, dtype=np.float32).squeeze()
    figure, axes = plt.subplots(1, 2, figsize=(12, 6.2 * case.size[0] / case.size[1]), dpi=80)
    for axis, side in zip(axes, SIDES, strict=True):
        axis.imshow(pixels, cmap="gray")
        for found, wanted in zip(case.found[side], case.truth, strict=True):
            axis.plot(*np.stack([found, wanted]).T, color="tab:orange", linewidth=1)
        axis.scatter(*case.truth.T, s=14, color="white", label="label")
        axis.scatter(*case.found[side].T, s=14, c=np.arange(len(case.truth)), cmap="hsv", label="found")
        axis.set_title(f"{side}: {np.nanmean(error_of(case, side)):.1f} px")
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, metavar="MODEL_DIR")
    parser.add_argument("studies", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--model", default="farnet_spine")
    parser.add_argument("--name", help="under which the results stand; the landmark set's unless given")
    parser.add_argument("--known", type=Path, help="studies that the model was trained on: no copies of these count")
    parser.add_argument("--half", choices=("all", "even", "odd"), default="all", help="of the images, in order")
    parser.add_argument("--file-scale", type=float, default=0.5, help="pixels of a file to one of the published image")
    parser.add_argument("--picture", type=Path, help="draw the radiograph where most is gained")
    return parser.parse_args()


if __name__ == "__main__":
    main()
