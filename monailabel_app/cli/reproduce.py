"""``reproduce``: a public set from its files to a table of results, over seeds and folds, as its protocol says."""

from __future__ import annotations

import argparse
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lib.checkpoints import read_card
from lib.configs import MODELS, VARIANTS, TaskConfig
from lib.datasets import DatasetError, Protocol, protocol_names
from lib.datasets.protocol import Test
from lib.evaluation import REPORT_JSON, write_evaluation
from lib.evaluation.results import Setting, write_results
from lib.evaluation.wording import count
from lib.landmarks import LandmarkSet
from lib.trainers import TrainOptions
from lib.trainers.memory import keep_freed_memory
from lib.trainers.plan import WHERE
from lib.version import code_version
from monailabel_app.cli import train
from monailabel_app.cli.common import UsageError, add_network_arguments, add_shrunk, check_shrunk, chosen_model
from monailabel_app.cli.evaluate import evaluated
from monailabel_app.cli.machine import machine_in_words
from monailabel_app.cli.predictors import folders_predictor, task_predictor
from monailabel_app.cli.store import store_studies
from monailabel_app.cli.truth import Truth, truth_of_protocol
from monailabel_app.datastores import StudiesFolder

DESCRIPTION = """\
Train on the training part of a public set and measure on its test parts, as the protocol says, once for each seed and
fold: OUTPUT/results.md and results.json have a row for each run, OUTPUT/NAME/... everything else. Interrupted, the same
command goes on; with other options and another --name it adds a row.
"""

EPILOG = """\
the paper's network with its ImageNet weights, on a GPU:
  python main.py reproduce isbi2015 ISBI2015 results --preset full --imagenet download --seeds 0-2
a row of its ablations:
  python main.py reproduce isbi2015 ISBI2015 results --preset full --imagenet download --variant fpn
files of half the size, on a laptop:
  python main.py reproduce isbi2015 ISBI2015_HALF results --shrunk 2 --preset lite --epochs 45 --device cpu
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "reproduce",
        help="train and measure on a public set, as the paper does",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("protocol", metavar="PROTOCOL", help=f"one of {', '.join(protocol_names())}")
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of the set, as it is published")
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="folder for studies, models and results")
    parser.add_argument("--name", help="of the row (default: the variant and the encoder)")
    parser.add_argument("--seeds", type=_seeds, default=[0], metavar="LIST", help="such as 0,1,2 or 0-2 (default: 0)")
    add_shrunk(parser)
    parser.add_argument(
        "--device", default="cuda", help="cuda, cuda:1, cpu; without a GPU it is the CPU (default: %(default)s)"
    )
    add_network_arguments(parser)
    train.add_options(parser)
    parser.set_defaults(run=run)


@dataclass(frozen=True, slots=True)
class Run:
    """One training.

    Args:
        seed: of all random numbers.
        fold: the one that is not learnt from; None without folds.
        folder: of model and evaluations.
    """

    seed: int
    fold: int | None
    folder: Path


def run(options: argparse.Namespace) -> int:
    """Train and measure what is missing, write the table."""
    keep_freed_memory()
    check_shrunk(options.shrunk)
    protocol = Protocol.load(options.protocol)
    landmark_set = LandmarkSet.load(protocol.landmark_set)
    options.model = next(name for name, (known, _) in MODELS.items() if known == landmark_set.name)
    options.model_dir, options.landmarks = options.output, None
    config = chosen_model(options)
    name = options.name or "_".join((config.variant, config.card().encoder))
    if not re.fullmatch(r"\w[\w .+-]*", name) or name == "studies":
        raise UsageError(
            f"'{name}' cannot be the name of a row: it becomes the name of a folder beside 'studies', of letters, "
            "digits, blanks and any of . + - _"
        )
    setting = _setting(config, options)
    tests, missing = _tests_at_hand(protocol, options)
    setting.write(options.output / name, WHERE)
    for sentence in missing:
        print(f"not at hand: {sentence}")
    for test in tests:  # before hours of training
        for sentence in _truth(protocol, test, options).warnings:
            print(sentence)
    for seed in options.seeds:
        runs = list(_runs(protocol, options.output / name, seed))
        for one in runs:
            if _train(one, protocol, options):
                setting.note_training(options.output / name)
            for test in tests:
                _measure(one, protocol, test, options)
        for test in tests if protocol.folds > 1 else ():
            _pool(runs, protocol, test, options)
        write_results(options.output, protocol.title, [test.name for test in protocol.tests])
    print((options.output / "results.md").read_text(encoding="utf-8"))
    return 0


def _tests_at_hand(protocol: Protocol, options: argparse.Namespace) -> tuple[list[Test], list[str]]:
    """Those of whose radiographs there are any; of the others a sentence that says why not.

    Raises:
        UsageError: there is none.
    """
    found, missing = [], []
    for test in protocol.tests:
        readers = test.readers or protocol.readers
        try:
            first = next(protocol.test_studies(options.data, test, readers[0], options.shrunk), None)
        except DatasetError as error:
            missing.append(f"{test.title}: {error}")
            continue
        if first is None:
            missing.append(f"{test.title}: there is no such radiograph in {options.data}.")
        else:
            found.append(test)
    if not found:
        raise UsageError(f"there is nothing to measure on. {missing[0]}")
    return found, missing


def _runs(protocol: Protocol, folder: Path, seed: int) -> Iterator[Run]:
    if protocol.folds == 1:
        yield Run(seed, None, folder / f"seed_{seed}")
    for fold in range(1, protocol.folds + 1) if protocol.folds > 1 else ():
        yield Run(seed, fold, folder / f"seed_{seed}" / f"fold_{fold}")


def _train(one: Run, protocol: Protocol, options: argparse.Namespace) -> bool:
    """Train, unless that is done; whether there was something to do."""
    config = _config(one, options)
    if (one.folder / "trained").is_file():
        return False
    studies = _studies(one, protocol, options, config)
    stats = config.train_task(progress=True)(
        {**_given(options), "seed": one.seed, "pretrained": False, "resume": True}, studies
    )
    if stats.get("status") == "stopped":
        raise KeyboardInterrupt  # the same command goes on
    (one.folder / "trained").touch()
    return True


def _config(one: Run, options: argparse.Namespace) -> TaskConfig:
    return chosen_model(argparse.Namespace(**{**vars(options), "model_dir": one.folder / "model"}))


def _studies(one: Run, protocol: Protocol, options: argparse.Namespace, config: TaskConfig) -> StudiesFolder:
    """The training part as a folder of studies, made once for all rows."""
    folder = options.output / "studies" / ("all" if one.fold is None else f"without_fold_{one.fold}")
    if not (folder / "complete").is_file():
        studies = protocol.training_studies(options.data, options.shrunk, one.fold or 1)
        _, refused = store_studies(studies, folder, config.landmark_set)
        if refused:
            shutil.rmtree(folder)
            raise UsageError(refused[0])
        (folder / "complete").touch()
    return StudiesFolder(folder, {config.name: config.landmark_set})


def _measure(one: Run, protocol: Protocol, test: Test, options: argparse.Namespace) -> None:
    folder = one.folder / test.name
    if (folder / REPORT_JSON).is_file():
        return
    predictor = task_predictor(_config(one, options).infer_task(), options.device)
    write_evaluation(folder, evaluated(_truth(protocol, test, options, one.fold), predictor))


def _truth(protocol: Protocol, test: Test, options: argparse.Namespace, fold: int | None = None) -> Truth:
    chosen = argparse.Namespace(data=options.data, shrunk=options.shrunk, fold=fold)
    return truth_of_protocol(protocol, test, chosen)


def _pool(runs: list[Run], protocol: Protocol, test: Test, options: argparse.Namespace) -> None:
    """The folds together: each radiograph by the network that has not learnt from it."""
    folder = runs[0].folder.parent / test.name
    truth = _truth(protocol, test, options)
    predictor = folders_predictor([one.folder / test.name for one in runs], truth.looking.landmark_set)
    whose = f"{options.model}, {count(len(runs), 'fold')}"
    write_evaluation(folder, evaluated(truth, replace(predictor, name=whose)))


def _setting(config: TaskConfig, options: argparse.Namespace) -> Setting:
    card = config.card()
    chosen = TrainOptions.from_request(_given(options), config.train_task().defaults)
    return Setting(
        protocol=options.protocol,
        shrunk=options.shrunk,
        variant=VARIANTS[config.variant].row,
        encoder=card.encoder,
        input_size=card.input_size,
        begun_with=_beginning(options),
        options=chosen.model_dump(mode="json", exclude={"seed", "pretrained", "resume"}),
        machine=machine_in_words(options.device),
        code=code_version(),
    )


def _beginning(options: argparse.Namespace) -> str:
    if options.imagenet:
        return "ImageNet weights"
    if options.begin_with is None:
        return "random weights"
    card = read_card(options.begin_with)
    return f"the weights of a network for '{card.landmark_set.name}'"


def _given(options: argparse.Namespace) -> dict[str, Any]:
    return {key: value for key in TrainOptions.model_fields if (value := getattr(options, key, None)) is not None}


def _seeds(text: str) -> list[int]:
    """``0-2,7`` as a list."""
    try:
        parts = [part.partition("-") for part in text.split(",")]
        seeds = [seed for first, _, last in parts for seed in range(int(first), int(last or first) + 1)]
    except ValueError:
        seeds = []
    if not seeds:
        raise argparse.ArgumentTypeError(f"'{text}' is no list of seeds such as 0,1,2 or 0-2")
    return list(dict.fromkeys(seeds))
