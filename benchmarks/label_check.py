"""Which wrong labels ``check`` finds, and how many good ones it suspects: known faults, and faults planted into others.

    python benchmarks/label_check.py AASCE_FOLDER ISBI2015_FOLDER OUTPUT --pixel-spacing 0.2

Labels alone are used: no model, no pixels. The known faults are those that :func:`lib.datasets.aasce.find_fault` names.
Faults are planted into a tenth of the labels at a time, or a fiftieth: wrong labels are also what the check learns
from. Results: ``label_check.json``; ``label_check.md`` has them for people.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lib.datasets import Study, read_aasce, read_isbi2015  # noqa: E402 - the project is no package
from lib.evaluation.label_check import CheckedLabel, CheckReport, Finding, Kind, check_labels, relations  # noqa: E402
from lib.formats import json_text, write_atomic  # noqa: E402
from lib.landmarks import Landmarks, LandmarkSet  # noqa: E402
from lib.radiographs import PixelSpacing, read_header  # noqa: E402
from lib.shapes import ShapeModel  # noqa: E402

FloatArray = npt.NDArray[np.float64]
Planted = tuple[FloatArray, list[int]]
Plant = Callable[[FloatArray, np.random.Generator], Planted]
PLACEMENT = (Kind.MIRRORED, Kind.EXCHANGED, Kind.ORDER, Kind.SHAPE)
MANY, FEW = (10, 2), (50, 4)
"""Of so many labels one gets a fault, and so many times others."""


def main() -> None:
    """Measure, write."""
    options = arguments()
    spine, ceph = LandmarkSet.load("spine_68"), LandmarkSet.load("cephalometric_19")
    studies = list(read_aasce(options.aasce, skip_suspect=False))
    faults = {study.name: str(study.provenance["suspect"]) for study in studies if study.provenance["suspect"]}
    spines = [label_of(study) for study in studies]
    good = [label for label in spines if label.image not in faults]
    readers = {
        reader: [label_of(study) for study in read_isbi2015(options.isbi, reader, options.pixel_spacing)]
        for reader in ("senior", "junior", "mean")
    }
    films, spacing = readers["mean"], options.pixel_spacing
    results: dict[str, Any] = {
        "aasce": known_faults(check_labels(spines, spine), faults),
        "aasce_order_alone_by_firmness": firmness(spines, faults),
        "isbi2015": {name: false_alarms(check_labels(labels, ceph)) for name, labels in readers.items()},
        "planted_isbi2015": {
            name: planted(films, ceph, plant)
            for name, plant in {
                "two landmarks exchanged": exchange_two,
                "mirrored": mirror,
                **{f"one moved by {mm} mm": mover(mm / spacing) for mm in (5, 10, 15, 20)},
            }.items()
        },
        "planted_aasce": {
            name: planted(good, spine, plant)
            for name, plant in {
                "neighbouring vertebrae exchanged": exchange_vertebrae,
                "left and right of a vertebra exchanged": exchange_sides,
                "one vertebra skipped, all below one too low": skip_vertebra,
                "mirrored": mirror,
                "one corner moved by half a vertebra": move_corner,
            }.items()
        },
        "planted_one_in_fifty": {
            "two landmarks exchanged": planted(films, ceph, exchange_two, FEW),
            "one moved by 10 mm": planted(films, ceph, mover(10 / spacing), FEW),
            "one moved by 15 mm": planted(films, ceph, mover(15 / spacing), FEW),
            "one vertebra skipped, all below one too low": planted(good, spine, skip_vertebra, FEW),
            "one corner moved by half a vertebra": planted(good, spine, move_corner, FEW),
        },
        "shape_model_on_unseen": {"isbi2015": unseen(films), "aasce": unseen(good)},
    }
    write_atomic(options.output / "label_check.json", json_text(results))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("aasce", type=Path)
    parser.add_argument("isbi", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--pixel-spacing", type=float, default=0.1)
    return parser.parse_args()


def label_of(study: Study) -> CheckedLabel:
    """A study's label as the check takes it."""
    assert isinstance(study.image, Path)  # noqa: S101 - real data sets are files
    assert study.landmarks is not None  # noqa: S101 - and all labelled
    header = read_header(study.image)
    spacing = study.pixel_spacing or PixelSpacing.unknown()
    return CheckedLabel(study.name, study.landmarks, header.height, header.width, spacing)


def suspects(report: CheckReport) -> list[str]:
    """Images whose landmarks lie wrongly to one another, the worst first."""
    return [image for image, found in report.images().items() if any(one.kind in PLACEMENT for one in found)]


def known_faults(report: CheckReport, faults: dict[str, str]) -> dict[str, Any]:
    """Precision and recall of the list, and of as many at its head as there are faults."""
    listed = suspects(report)
    head = listed[: len(faults)]
    return {
        "labels": report.labels,
        "faults": len(faults),
        "listed": len(listed),
        "found": sum(image in faults for image in listed),
        "found_at_the_head": sum(image in faults for image in head),
        "first_false_alarm": next((rank for rank, image in enumerate(listed, 1) if image not in faults), None),
        "missed": {image: fault for image, fault in faults.items() if image not in listed},
        "false_alarms": [brief(one) for one in report.findings if one.image in listed and one.image not in faults],
    }


def firmness(labels: Sequence[CheckedLabel], faults: dict[str, str]) -> dict[str, Any]:
    """Faults found and good labels suspected by broken relations alone, whatever makes a relation firm."""
    shapes = np.stack([label.landmarks.points() for label in labels])
    chosen, told = relations.FIRM, {}
    for firm in (5.0, 5.5, 6.0, 7.0, 8.0):
        relations.FIRM = firm
        learned = relations.Relations.learn(shapes)
        broken = [label.image for label, shape in zip(labels, shapes, strict=True) if learned.broken(shape)]
        found = sum(image in faults for image in broken)
        told[str(firm)] = {"found": found, "false_alarms": len(broken) - found}
    relations.FIRM = chosen
    return told


def false_alarms(report: CheckReport) -> dict[str, Any]:
    """What is suspected where nothing is known to be wrong."""
    listed = suspects(report)
    found = [brief(one) for one in report.findings if one.image in listed]
    return {"labels": report.labels, "listed": len(listed), "findings": found}


def brief(finding: Finding) -> dict[str, Any]:
    """A finding without places: labels are not ours to publish."""
    return {key: value for key, value in finding.as_dict().items() if key in ("image", "kind", "severity", "sentence")}


def planted(
    labels: Sequence[CheckedLabel], landmark_set: LandmarkSet, plant: Plant, share: tuple[int, int] = MANY
) -> dict[str, Any]:
    """Faults in a share of the labels, then in others: which are found and named, and what else is suspected."""
    random = np.random.default_rng(0)
    found = named = total = others = clean = 0
    for turn in tqdm(range(share[1]), desc=plant.__name__, leave=False):
        rows = range(turn, len(labels), share[0])
        changed, culprits = list(labels), {}
        for row in rows:
            points, indices = plant(labels[row].landmarks.points(), random)
            changed[row] = moved(labels[row], points)
            culprits[labels[row].image] = {landmark_set.names[index] for index in indices}
        report = check_labels(changed, landmark_set)
        listed = set(suspects(report))
        total, clean = total + len(culprits), clean + len(labels) - len(culprits)
        found += len(listed & culprits.keys())
        others += len(listed - culprits.keys())
        for image, names in culprits.items():
            told = {name for one in report.images().get(image, []) for name in one.landmarks}
            mirrored = any(one.kind is Kind.MIRRORED for one in report.images().get(image, []))
            named += bool(told & names) if names else mirrored
    return {
        "planted": total,
        "found": found / total,
        "named": named / total,
        "other_labels_suspected": others / clean,
    }


def moved(label: CheckedLabel, points: FloatArray) -> CheckedLabel:
    """The label with other points."""
    landmarks = Landmarks.from_points(label.landmarks.names, points)
    return CheckedLabel(label.image, landmarks, label.height, label.width, label.spacing)


def exchange_two(points: FloatArray, random: np.random.Generator) -> Planted:
    """Any two landmarks."""
    pair = random.choice(len(points), 2, replace=False)
    points[pair] = points[pair[::-1]]
    return points, pair.tolist()


def mirror(points: FloatArray, _: np.random.Generator) -> Planted:
    """Left to right, names as they were."""
    middle = points[:, 0].mean()
    points[:, 0] = 2 * middle - points[:, 0]
    return points, []


def mover(distance: float) -> Plant:
    """One landmark by some pixels in any direction."""

    def move(points: FloatArray, random: np.random.Generator) -> Planted:
        index, angle = int(random.integers(len(points))), random.uniform(0, 2 * np.pi)
        points[index] += distance * np.array([np.cos(angle), np.sin(angle)])
        return points, [index]

    return move


def exchange_vertebrae(points: FloatArray, random: np.random.Generator) -> Planted:
    """Two neighbours, all four corners."""
    start = 4 * int(random.integers(16))
    corners = np.arange(start, start + 8)
    points[corners] = points[np.roll(corners, 4)]
    return points, corners.tolist()


def exchange_sides(points: FloatArray, random: np.random.Generator) -> Planted:
    """The left and right corners of a vertebra."""
    start = 4 * int(random.integers(17))
    points[[start, start + 1, start + 2, start + 3]] = points[[start + 1, start, start + 3, start + 2]]
    return points, [start, start + 1, start + 2, start + 3]


def skip_vertebra(points: FloatArray, random: np.random.Generator) -> Planted:
    """One is left out; the last is where the next one would be."""
    vertebrae, skipped = points.reshape(17, 4, 2), int(random.integers(3, 14))
    below = np.concatenate([vertebrae[skipped + 1 :], 2 * vertebrae[-1:] - vertebrae[-2:-1]])
    return np.concatenate([vertebrae[:skipped], below]).reshape(68, 2), list(range(4 * skipped - 4, 4 * skipped + 4))


def move_corner(points: FloatArray, random: np.random.Generator) -> Planted:
    """One corner, by half the mean height of a vertebra, in any direction."""
    height = np.ptp(points[:, 1]) / 17
    return mover(height / 2)(points, random)


def unseen(labels: Sequence[CheckedLabel]) -> dict[str, float]:
    """Shapes that the model was not fitted to: how many good ones exceed 1, of five folds."""
    shapes = np.stack([label.landmarks.points() for label in labels])
    fold, distances = np.arange(len(shapes)) % 5, np.empty(len(shapes))
    worst = np.empty(len(shapes))
    for part in tqdm(range(5), desc="unseen shapes", leave=False):
        model = ShapeModel.fit(shapes[fold != part])
        for row in np.flatnonzero(fold == part):
            judged = model.judge(shapes[row])
            distances[row], worst[row] = judged.distance, np.nanmax(judged.landmarks)
    return {"shape_above_1": float((distances > 1).mean()), "any_landmark_above_1": float((worst > 1).mean())}


if __name__ == "__main__":
    main()
