"""``train``: the training that the server runs, with a progress bar."""

from __future__ import annotations

import argparse
from pathlib import Path

from lib.trainers import TrainOptions
from lib.trainers.memory import keep_freed_memory
from monailabel_app.cli.common import (
    add_model_arguments,
    add_network_arguments,
    chosen_model,
    existing_studies,
    number_text,
)


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "train",
        help="train a model on the labelled radiographs of a folder",
        description="Train on the labels of a folder of studies, hold some out, and publish the best model.",
    )
    parser.add_argument("--studies", required=True, metavar="DIR", help="folder of labelled radiographs")
    add_model_arguments(parser)
    parser.add_argument("--name", metavar="RUN", help="folder of the run under model/MODEL (default: train_01)")
    parser.add_argument("--from-scratch", action="store_true", help="do not start from the model in use")
    parser.add_argument("--epochs", dest="max_epochs", type=int, metavar="N", help="default: the preset's")
    parser.add_argument("--batch-size", dest="train_batch_size", type=int, metavar="N", help="images a step")
    parser.add_argument("--learning-rate", type=float, metavar="RATE", help="at the start, or after the warm-up")
    parser.add_argument(
        "--schedule", choices=("step", "cosine"), help="a tenth after two thirds, or warm-up and cosine"
    )
    parser.add_argument("--optimizer", choices=("adam", "adamw"), help="adam is the paper's")
    parser.add_argument(
        "--val-split", type=float, metavar="SHARE", help="share of the labels that is held out (default: 0.2)"
    )
    parser.add_argument("--val-interval", type=int, metavar="EPOCHS", help="epochs between validations (default: 1)")
    parser.add_argument(
        "--patience",
        dest="early_stop_patience",
        type=int,
        metavar="N",
        help="stop after N validations without improvement",
    )
    parser.add_argument(
        "--no-augment", dest="augment", action="store_false", default=None, help="do not vary the images"
    )
    parser.add_argument("--seed", type=int, help="of all random numbers (default: 0)")
    add_network_arguments(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train, and say what came of it."""
    keep_freed_memory()
    config = chosen_model(options)
    studies = existing_studies(options, config)
    given = {key: value for key in TrainOptions.model_fields if (value := getattr(options, key, None)) is not None}
    given["pretrained"] = not options.from_scratch
    stats = config.train_task(progress=True)(given, studies)
    figures = stats.get("eval", {}).get("metrics", {})
    print(
        f"best share of landmarks within 2 mm on the held-out radiographs: {number_text(stats.get('best_metric'), 4)}"
    )
    print(
        f"at the end: mean radial error {number_text(figures.get('val_mre_px'))} px, "
        f"{number_text(figures.get('val_mre_mm'))} mm"
    )
    print(f"model in use: {_shown(config.current)}")
    return 0


def _shown(path: Path | None) -> str:
    return "none" if path is None else str(path)
