"""Which strategy saves labels: from 10 labelled cephalograms, 10 more a round, the error on radiographs never chosen.

    python benchmarks/active_learning.py ISBI2015_FOLDER OUTPUT --pixel-spacing 0.2

Every strategy of a seed begins with the same labels and the same first model. A round goes on with the model of the
round before, as the app does, then the strategy of the app chooses the next radiographs. Radiographs that are in the
pool and in the test set under two numbers are left out of the test set. The output folder keeps every round; a
benchmark that was interrupted goes on where it was. Results: ``active_learning.json``, ``.md`` and ``.png``.
"""

from __future__ import annotations

import argparse
import copy
import csv
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

from lib.activelearning.order import ORDERS, Candidates  # noqa: E402 - the project is no package
from lib.datasets import read_isbi2015  # noqa: E402
from lib.formats import json_text, write_atomic  # noqa: E402
from lib.heatmaps import HeatmapCodec, examine  # noqa: E402
from lib.landmarks import LandmarkSet  # noqa: E402
from lib.networks import FARNet, channels_last  # noqa: E402
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

SET = LandmarkSet.load("cephalometric_19")
SIZE, SIGMA = (160, 128), 3.0
START, ADDED = 10, 10
BATCH = 4


@dataclass
class Learner:
    """A network, and the moving average of its weights, which is what is judged."""

    network: FARNet
    average: FARNet

    @classmethod
    def new(cls, seed: int) -> Learner:
        """Random weights."""
        torch.manual_seed(seed)
        network = channels_last(FARNet("lite", len(SET)))
        assert isinstance(network, FARNet)  # noqa: S101 - for the type checker
        return cls(network, network)

    def learn(self, samples: Sequence[dict[str, Any]], steps: int, seed: int) -> Learner:
        """Go on for so many steps; this one stays as it is."""
        torch.manual_seed(seed)
        network = copy.deepcopy(self.average).train()
        loss = CoarseToFineLoss(HeatmapCodec(SIGMA))
        optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.01)
        rate, average = schedule(optimizer, "cosine", steps), moving_average(network, 0.998)
        for batch in batches(samples, steps, seed):
            image = batch["image"].contiguous(memory_format=torch.channels_last)
            loss(network(image), batch["label"]).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            rate.step()
            average.update_parameters(network)
        judged = average.module
        assert isinstance(judged, FARNet)  # noqa: S101 - for the type checker
        return Learner(network, judged.eval())

    @torch.no_grad()
    def points(self, image: Tensor) -> Tensor:
        """(B, 1, H, W) to (B, N, 2)."""
        return HeatmapCodec(SIGMA).decode(self.average(image))[0]

    @torch.no_grad()
    def look(self, sample: dict[str, Any]) -> tuple[float, Tensor, Tensor]:
        """Mean unsureness, features (C,) and points (N, 2) of an image."""
        fine, coarse, features = self.average.details(sample["image"][None])
        seen = examine(fine[0], coarse[0], HeatmapCodec(SIGMA))
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
        write_results(results, options.output)


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
        print(strategy, seed, [round(item["mre_mm"], 3) for item in rounds], flush=True)
        write_atomic(path, json_text({"strategy": strategy, "seed": seed, "rounds": rounds}))


def first_model(pool: list[dict[str, Any]], labelled: Sequence[int], seed: int, options: Any) -> Learner:
    """The same for all strategies of a seed; trained once."""
    path = options.output / f"first_{seed}.pt"
    if not path.is_file():
        learner = Learner.new(seed).learn([pool[i] for i in labelled], options.first_steps, seed)
        torch.save(learner.average.state_dict(), path.with_suffix(f".{options.strategies[0]}.tmp"))
        path.with_suffix(f".{options.strategies[0]}.tmp").replace(path)
    learner = Learner.new(seed)
    learner.average.load_state_dict(torch.load(path, weights_only=True))
    return Learner(learner.network, learner.average.eval())


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
    """Errors in mm of each test image."""
    errors = {}
    for sample in test:
        found = rescale_points(learner.points(sample["image"][None])[0], SIZE, sample["file_size"])
        errors[sample["id"]] = ((found - sample["truth"]).norm(dim=-1) * sample["mm"]).tolist()
    table = np.array(list(errors.values()))
    return {
        "labels": len(labelled),
        "mre_mm": float(table.mean()),
        "sdr_2mm": float((table <= 2).mean()),
        "image_mm": {image: float(np.mean(row)) for image, row in errors.items()},
        "labelled": [images[i] for i in labelled],
    }


def batches(samples: Sequence[dict[str, Any]], steps: int, seed: int) -> Iterator[dict[str, Any]]:
    """So many batches, varied as in every training."""
    dataset = VariedDataset(samples, training_variation(SET), seed)  # type: ignore[arg-type]
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
    """Pool and test set, decoded."""
    twice = duplicates(options.duplicates)
    fit = Compose([LoadRadiographd(), FitToInputd(SIZE)])
    pool: list[dict[str, Any]] = []
    test: list[dict[str, Any]] = []
    for study in read_isbi2015(options.data, "mean", options.pixel_spacing):
        number = int(study.name[-3:])
        side = pool if number in options.pool else test if number in options.test else None
        if side is None or (side is test and twice.get(number, set()) & set(options.pool)):
            continue
        assert study.landmarks is not None  # noqa: S101 - for the type checker
        truth = torch.from_numpy(study.landmarks.points()).float()
        sample = fit({"id": study.name, "image": str(study.image), "label": truth.numpy()})
        kept = {key: sample[key] for key in ("id", "image", "label")}
        size = (sample["header"].height, sample["header"].width)
        side.append({**kept, "truth": truth, "mm": options.pixel_spacing, "file_size": size})
    return [{key: sample[key] for key in ("id", "image", "label")} for sample in pool], test


def duplicates(path: Path | None) -> dict[int, set[int]]:
    """Pairs of numbers that are the same radiograph, both ways."""
    found: dict[int, set[int]] = {}
    if path is not None:
        for row in csv.DictReader(path.read_text().splitlines()):
            first, second = int(row["first"]), int(row["second"])
            found.setdefault(first, set()).add(second)
            found.setdefault(second, set()).add(first)
    return found


def file(output: Path, strategy: str, seed: int) -> Path:
    """Where a strategy's rounds are kept."""
    return output / f"{strategy}_{seed}.json"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--pixel-spacing", type=float, default=0.1)
    parser.add_argument("--duplicates", type=Path, metavar="CSV", help="pairs of the same radiograph: first,second")
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


def write_results(results: list[dict[str, Any]], output: Path) -> None:
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
        {**item, "rounds": [{key: part[key] for key in ("labels", "mre_mm", "sdr_2mm")} for part in item["rounds"]]}
        for item in results
    ]
    write_atomic(output / "active_learning.json", json_text(kept))
    draw(by_strategy, labels, output / "active_learning.png")


def curves(runs: Sequence[dict[str, Any]]) -> FloatArray:
    """(seeds, rounds) mean radial errors in mm."""
    return np.array([[part["mre_mm"] for part in run["rounds"]] for run in runs])


def of_rounds(runs: Sequence[dict[str, Any]]) -> FloatArray:
    """(seeds, images) mean error of each test image over the rounds in which a strategy had chosen something."""
    tables = [[list(part["image_mm"].values()) for part in run["rounds"][1:]] for run in runs]
    mean: FloatArray = np.array(tables, dtype=np.float64).mean(axis=1)
    return mean


def difference(mine: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]]) -> tuple[float, float, float]:
    """Mean difference in mm, and its 95 % interval by drawing seeds and test images anew; low, mean, high."""
    table = of_rounds(mine) - of_rounds(others)
    rng = np.random.default_rng(0)
    seeds = rng.integers(len(table), size=(4000, len(table)))
    images = rng.integers(table.shape[1], size=(4000, table.shape[1]))
    drawn = [table[np.ix_(rows, columns)].mean() for rows, columns in zip(seeds, images, strict=True)]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(table.mean()), float(high)


def draw(by_strategy: dict[str, list[dict[str, Any]]], labels: Sequence[int], path: Path) -> None:
    """Error against number of labels; the bands reach from the best to the worst seed."""
    figure, axes = plt.subplots(figsize=(7.2, 4.8), dpi=110)
    for name, runs in by_strategy.items():
        table = curves(runs)
        wide = 2.4 if name in ("hybrid", "random") else 1.2
        (line,) = axes.plot(labels, table.mean(axis=0), marker="o", markersize=3, linewidth=wide, label=name)
        axes.fill_between(labels, table.min(axis=0), table.max(axis=0), color=line.get_color(), alpha=0.09)
    axes.set(xlabel="labelled radiographs", ylabel="mean radial error on the test set, mm", xticks=labels)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)


if __name__ == "__main__":
    main()
