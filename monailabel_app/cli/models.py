"""``models``: which models there are and which have weights."""

from __future__ import annotations

import argparse
from pathlib import Path

from lib.checkpoints import ModelFileError, read_card
from lib.configs import MODELS, choose_models
from monailabel_app.cli.common import APP_DIR, number_text


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "models",
        help="list the models and their weights",
        description="List the models, what they find, and the weights in use.",
    )
    parser.add_argument(
        "--model-dir",
        type=Path,
        default=APP_DIR / "model",
        metavar="DIR",
        help="where weights lie (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print a table."""
    print(f"{'model':<14}{'landmarks':<20}{'weights':<34}{'version':<18}{'held out: within 2 mm'}")
    for config in choose_models({"models": ",".join(MODELS)}, options.model_dir).values():
        row = f"{config.name:<14}{config.landmark_set.name:<20}"
        if config.current is None:
            print(f"{row}none yet: train it")
            continue
        try:
            card = read_card(config.current)
        except ModelFileError as error:
            print(f"{row}{error}")
            continue
        rate = card.metrics.get("val_sdr_2mm")
        print(f"{row}{config.current.name:<34}{card.version:<18}{number_text(rate and 100 * rate, 1, ' %')}")
    return 0
