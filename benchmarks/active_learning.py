"""Which strategy saves labels: from 10 labelled radiographs, 10 more a round, the error on radiographs never chosen.

    python benchmarks/active_learning.py cephalograms ISBI2015_FOLDER OUTPUT --pixel-spacing 0.2
    python benchmarks/active_learning.py spines AASCE_FOLDER OUTPUT

Every strategy of a seed begins with the same labels and the same first model. A round goes on with the model of the
round before, as the app does, then the strategy of the app chooses the next radiographs. Radiographs that are in the
pool and in the test set under two names are left out of the test set. The output folder keeps every round; a benchmark
that was interrupted goes on where it was. Results: ``active_learning.json``, ``.md`` and ``.png``.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import torch
from monai.transforms import Compose
from torch import Tensor

mpl.use("Agg")
from matplotlib import pyplot as plt

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from apart import apart  # noqa: E402 - beside this script

from lib.activelearning.order import ORDERS, Candidates  # noqa: E402 - the project is no package
from lib.datasets import read_aasce, read_isbi2015  # noqa: E402
from lib.datasets.aasce import VERTEBRAE  # noqa: E402
from lib.datasets.studies import Study  # noqa: E402
from lib.formats import json_text, write_atomic  # noqa: E402
from lib.heatmaps import HeatmapCodec, examine  # noqa: E402
from lib.landmarks import LandmarkSet  # noqa: E402
from lib.networks import FARNet, channels_last  # noqa: E402
from lib.radiographs import Fingerprint, read_radiograph  # noqa: E402
from lib.trainers.average import moving_average  # noqa: E402
from lib.trainers.data import VariedDataset, train_loader  # noqa: E402
from lib.trainers.objective import CoarseToFineLoss  # noqa: E402
from lib.trainers.schedule import schedule  # noqa: E402
from lib.transforms import (  # noqa: E402
    FitToInputd,
    LoadRadiographd,
    points_of_views,
    rescale_points,
    training_variation,
)

FloatArray = npt.NDArray[np.float64]

START, ADDED = 10, 10
BATCH = 4


@dataclass(frozen=True)
class Subject:
    """What is labelled.

    Args:
        landmark_set: which landmarks.
        size: ``(height, width)`` of the network's input.
        sigma: of the heat maps, in pixels of it.
        unit: of errors.
    """

    landmark_set: LandmarkSet
    size: tuple[int, int]
    sigma: float
    unit: str

    @property
    def codec(self) -> HeatmapCodec:
        """Points to maps and back."""
        return HeatmapCodec(self.sigma)


def vertebral_centres() -> LandmarkSet:
    """The middles of the vertebral bodies: a quarter of the heat maps, for so many trainings."""
    landmarks = [{"name": name, "abbreviation": name, "definition": f"Middle of {name}."} for name in VERTEBRAE]
    known = {"name": "vertebral_centres", "title": "Vertebral centres", "input_size": (192, 64), "mirror": True}
    return LandmarkSet.model_validate({**known, "landmarks": landmarks})


SUBJECTS = {
    "cephalograms": Subject(LandmarkSet.load("cephalometric_19"), (160, 128), 3.0, "mm"),
    "spines": Subject(vertebral_centres(), (192, 64), 3.0, "% of the diagonal"),
}


@dataclass
class Learner:
    """A network, and the moving average of its weights, which is what is judged."""

    subject: Subject
    network: FARNet
    average: FARNet

    @classmethod
    def new(cls, subject: Subject, seed: int) -> Learner:
        """Random weights."""
        torch.manual_seed(seed)
        network = channels_last(FARNet("lite", len(subject.landmark_set)))
        assert isinstance(network, FARNet)  # noqa: S101 - for the type checker
        return cls(subject, network, network)

    def learn(self, samples: Sequence[dict[str, Any]], steps: int, seed: int) -> Learner:
        """Go on for so many steps; this one stays as it is."""
        torch.manual_seed(seed)
        network = copy.deepcopy(self.average).train()
        loss = CoarseToFineLoss(self.subject.codec)
        optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.01)
        rate, average = schedule(optimizer, "cosine", steps), moving_average(network, 0.998)
        for batch in batches(samples, self.subject.landmark_set, steps, seed):
            image = batch["image"].contiguous(memory_format=torch.channels_last)
            loss(network(image), batch["label"]).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            rate.step()
            average.update_parameters(network)
        judged = average.module
        assert isinstance(judged, FARNet)  # noqa: S101 - for the type checker
        return Learner(self.subject, network, judged.eval())

    @torch.no_grad()
    def points(self, image: Tensor) -> Tensor:
        """(B, 1, H, W) to (B, N, 2)."""
        return self.subject.codec.decode(self.average(image))[0]

    @torch.no_grad()
    def look(self, sample: dict[str, Any]) -> tuple[float, Tensor, Tensor]:
        """Mean unsureness, features (C,) and points (N, 2) of an image."""
        fine, coarse, features = self.average.details(sample["image"][None])
        seen = examine(fine[0], coarse[0], self.subject.codec)
        return float(seen.unsureness.mean()), features[0], seen.points


def main() -> None:
    """Run what is missing; write figures when everything is there."""
    options = arguments()
    torch.set_num_threads(options.threads)
    pool, test = radiographs(options)
    for seed in options.seeds:
        for strategy in options.strategies:
            simulate(strategy, seed, pool, test, options)
    if options.strategies == list(ORDERS):
        results = [
            json.loads(file(options.output, strategy, seed).read_text())
            for seed in options.seeds
            for strategy in options.strategies
        ]
        write_results(results, SUBJECTS[options.subject].unit, options.output)


def simulate(strategy: str, seed: int, pool: list[dict[str, Any]], test: list[dict[str, Any]], options: Any) -> None:
    """All rounds of a strategy; each is kept when it is done."""
    path = file(options.output, strategy, seed)
    if path.is_file() and len(json.loads(path.read_text())["rounds"]) >= options.rounds + 1:
        return
    images = [sample["id"] for sample in pool]
    labelled = list(np.random.default_rng(seed).permutation(len(pool))[:START])
    before: Learner | None = None
    learner = first_model(pool, labelled, seed, options)
    rounds = [measured(learner, test, labelled, images)]
    for number in range(1, options.rounds + 1):
        chosen = choose(strategy, seed, pool, labelled, learner, before)
        labelled = [*labelled, *chosen]
        before, learner = learner, learner.learn([pool[i] for i in labelled], options.steps, 1000 * seed + number)
        rounds.append(measured(learner, test, labelled, images))
        print(strategy, seed, [round(item["mean_error"], 3) for item in rounds], flush=True)
        write_atomic(path, json_text({"strategy": strategy, "seed": seed, "rounds": rounds}))


def first_model(pool: list[dict[str, Any]], labelled: Sequence[int], seed: int, options: Any) -> Learner:
    """The same for all strategies of a seed; trained once."""
    path = options.output / f"first_{seed}.pt"
    if not path.is_file():
        learner = Learner.new(SUBJECTS[options.subject], seed).learn(
            [pool[i] for i in labelled], options.first_steps, seed
        )
        torch.save(learner.average.state_dict(), path.with_suffix(f".{options.strategies[0]}.tmp"))
        path.with_suffix(f".{options.strategies[0]}.tmp").replace(path)
    learner = Learner.new(SUBJECTS[options.subject], seed)
    learner.average.load_state_dict(torch.load(path, weights_only=True))
    return Learner(learner.subject, learner.network, learner.average.eval())


def choose(
    strategy: str,
    seed: int,
    pool: list[dict[str, Any]],
    labelled: Sequence[int],
    learner: Learner,
    before: Learner | None,
) -> list[int]:
    """The next ones that the app's strategy would hand out."""
    seen = [learner.look(sample) for sample in pool]
    left = [index for index in range(len(pool)) if index not in set(labelled)]
    disputed = None
    if strategy == "disagreement":
        disputed = np.array([disagreement(pool[i], seen[i][2], learner, before) for i in left])
    candidates = Candidates(
        images=[pool[i]["id"] for i in left],
        unsureness=np.array([seen[i][0] for i in left]),
        features=np.array([seen[i][1].numpy() for i in left], dtype=np.float64),
        labelled=np.array([seen[i][1].numpy() for i in labelled], dtype=np.float64),
        disagreement=disputed,
    )
    return [left[int(index)] for index in ORDERS[strategy](candidates, seed, ADDED)]


def disagreement(sample: dict[str, Any], points: Tensor, learner: Learner, before: Learner | None) -> float:
    """Mean distance between two predictions: of the model before and this one, else of this one's views."""
    if before is not None:
        others = before.points(sample["image"][None]).double()
    else:
        others = points_of_views(learner.points, sample["image"]).double()
    return float((others - points).norm(dim=-1).mean())


def measured(
    learner: Learner, test: list[dict[str, Any]], labelled: Sequence[int], images: list[str]
) -> dict[str, Any]:
    """Mean error of each test image in the subject's unit."""
    errors = {}
    for sample in test:
        found = rescale_points(learner.points(sample["image"][None])[0], learner.subject.size, sample["file_size"])
        errors[sample["id"]] = float(((found - sample["truth"]).norm(dim=-1) * sample["unit"]).mean())
    return {
        "labels": len(labelled),
        "mean_error": float(np.mean(list(errors.values()))),
        "by_image": errors,
        "labelled": [images[i] for i in labelled],
    }


def batches(
    samples: Sequence[dict[str, Any]], landmark_set: LandmarkSet, steps: int, seed: int
) -> Iterator[dict[str, Any]]:
    """So many batches, varied as in every training."""
    dataset = VariedDataset(samples, training_variation(landmark_set), seed)  # type: ignore[arg-type]
    loader, epoch, done = train_loader(dataset, BATCH), 0, 0
    while True:
        loader.sampler.set_epoch(epoch)
        for batch in loader:
            yield batch
            done += 1
            if done == steps:
                return
        epoch += 1


def radiographs(options: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Pool and test set, decoded; the test set has no radiograph of the pool under another name."""
    subject = SUBJECTS[options.subject]
    fit = Compose([LoadRadiographd(), FitToInputd(subject.size)])
    sides: tuple[list[Study], list[Study]] = ([], [])
    for visit, study in studies(options):
        for side, numbers_of_it in zip(sides, (options.pool, options.test), strict=True):
            if visit in numbers_of_it:
                side.append(study)
    pool, test = ([Fingerprint.of(read_radiograph(study.image).pixels) for study in side] for side in sides)
    others = [sides[1][index] for index in apart(pool, test)]
    return [decoded(study, fit, options) for study in sides[0]], [decoded(study, fit, options) for study in others]


def studies(options: Any) -> Iterator[tuple[int, Study]]:
    """The radiographs with their numbers from 1 on; spines that may be of one patient share one, drawn at random."""
    if options.subject == "cephalograms":
        yield from (
            (int(study.name[-3:]), study) for study in read_isbi2015(options.data, "mean", options.pixel_spacing)
        )
        return
    grouped = itertools.groupby(read_aasce(options.data), lambda study: study.name.rsplit("_", 2)[0])
    visits = [list(group) for _, group in grouped]
    drawn = np.random.default_rng(0).permutation(len(visits))
    yield from ((number, study) for number, visit in enumerate(drawn, start=1) for study in visits[visit])


def decoded(study: Study, fit: Compose, options: Any) -> dict[str, Any]:
    """A sample as the network takes it, and what judges a prediction of it."""
    assert study.landmarks is not None  # noqa: S101 - for the type checker
    truth = torch.from_numpy(study.landmarks.points()).float()
    if options.subject == "spines":
        truth = truth.reshape(-1, 4, 2).mean(dim=1)
    sample = fit({"id": study.name, "image": str(study.image), "label": truth.numpy()})
    size = (sample["header"].height, sample["header"].width)
    unit = options.pixel_spacing if options.subject == "cephalograms" else 100.0 / float(np.hypot(*size))
    return {**{key: sample[key] for key in ("id", "image", "label")}, "truth": truth, "unit": unit, "file_size": size}


def file(output: Path, strategy: str, seed: int) -> Path:
    """Where a strategy's rounds are kept."""
    return output / f"{strategy}_{seed}.json"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("subject", choices=SUBJECTS)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--pixel-spacing", type=float, default=0.1)
    parser.add_argument("--pool", type=numbers, default=numbers("1-150"))
    parser.add_argument("--test", type=numbers, default=numbers("151-250"))
    parser.add_argument("--seeds", type=numbers, default=numbers("0-2"))
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--first-steps", type=int, default=800)
    parser.add_argument("--steps", type=int, default=300, help="of each later round")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--strategies",
        type=lambda text: text.split(","),
        default=list(ORDERS),
        help="run these only, for several processes at once; results are written by a call without this option",
    )
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    return options


def numbers(text: str) -> list[int]:
    """``1-3,7`` as a list."""
    parts = (part.partition("-") for part in text.split(","))
    return [number for first, _, last in parts for number in range(int(first), int(last or first) + 1)]


def write_results(results: list[dict[str, Any]], unit: str, output: Path) -> None:
    """Table and figure."""
    by_strategy = {name: [item for item in results if item["strategy"] == name] for name in ORDERS}
    labels = [item["labels"] for item in results[0]["rounds"]]
    lines = [
        f"| strategy | {' | '.join(f'{count} labels' for count in labels)} | later rounds | minus *random* (95 %) |",
        "|---" * (len(labels) + 3) + "|",
    ]
    ranked = sorted(by_strategy, key=lambda name: of_rounds(by_strategy[name]).mean())
    for name in ranked:
        figures = curves(by_strategy[name]).mean(axis=0)
        low, mean, high = difference(by_strategy[name], by_strategy["random"])
        against = "" if name == "random" else f"{mean:+.3f} ({low:+.3f} to {high:+.3f})"
        lines.append(
            f"| {name} | {' | '.join(f'{value:.2f}' for value in figures)} | "
            f"{of_rounds(by_strategy[name]).mean():.3f} | {against} |"
        )
    print("\n".join(lines))
    write_atomic(output / "active_learning.md", "\n".join(lines) + "\n")
    kept = [
        {**item, "rounds": [{key: part[key] for key in ("labels", "mean_error")} for part in item["rounds"]]}
        for item in results
    ]
    write_atomic(output / "active_learning.json", json_text(kept))
    draw(by_strategy, labels, unit, output / "active_learning.png")


def curves(runs: Sequence[dict[str, Any]]) -> FloatArray:
    """(seeds, rounds) mean radial errors."""
    return np.array([[part["mean_error"] for part in run["rounds"]] for run in runs])


def of_rounds(runs: Sequence[dict[str, Any]]) -> FloatArray:
    """(seeds, images) mean error of each test image over the rounds in which a strategy had chosen something."""
    tables = [[list(part["by_image"].values()) for part in run["rounds"][1:]] for run in runs]
    mean: FloatArray = np.array(tables, dtype=np.float64).mean(axis=1)
    return mean


def difference(mine: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]]) -> tuple[float, float, float]:
    """Mean difference, and its 95 % interval by drawing seeds and test images anew; low, mean, high."""
    table = of_rounds(mine) - of_rounds(others)
    rng = np.random.default_rng(0)
    seeds = rng.integers(len(table), size=(4000, len(table)))
    images = rng.integers(table.shape[1], size=(4000, table.shape[1]))
    drawn = [table[np.ix_(rows, columns)].mean() for rows, columns in zip(seeds, images, strict=True)]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(table.mean()), float(high)


def draw(by_strategy: dict[str, list[dict[str, Any]]], labels: Sequence[int], unit: str, path: Path) -> None:
    """Error against number of labels; the bands reach from the best to the worst seed."""
    figure, axes = plt.subplots(figsize=(7.2, 4.8), dpi=110)
    for name, runs in by_strategy.items():
        table = curves(runs)
        wide = 2.4 if name in ("hybrid", "random") else 1.2
        (line,) = axes.plot(labels, table.mean(axis=0), marker="o", markersize=3, linewidth=wide, label=name)
        axes.fill_between(labels, table.min(axis=0), table.max(axis=0), color=line.get_color(), alpha=0.09)
    axes.set(xlabel="labelled radiographs", ylabel=f"mean radial error on the test set, {unit}", xticks=labels)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


if __name__ == "__main__":
    main()
