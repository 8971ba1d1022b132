"""``train``: the training that the server runs, with a progress bar."""

from __future__ import annotations

import argparse

from lib.evaluation.run_report import REPORT_FILE
from lib.trainers import TrainOptions
from lib.trainers.memory import keep_freed_memory
from monailabel_app.cli.common import (
    add_model_arguments,
    add_network_arguments,
    chosen_model,
    existing_studies,
    number_text,
)

DESCRIPTION = """\
Train on the labels of a folder of studies. Some patients are held out, always the same ones; the run's best model is
published if it is better on them than the model in use. Ctrl-C stops the training and keeps its best so far.
"""

EPILOG = """\
on several GPUs of this machine nothing need be said; on two machines with a shared folder, on each of them:
  torchrun --nnodes 2 --nproc-per-node 4 --rdzv-backend c10d --rdzv-endpoint HOST:29500 main.py train ...
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "train",
        help="train a model on the labelled radiographs of a folder",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--studies", required=True, metavar="DIR", help="folder of labelled radiographs")
    add_model_arguments(parser)
    begin = parser.add_argument_group("where to begin")
    begin.add_argument("--from-scratch", action="store_true", help="do not go on from the model in use")
    begin.add_argument(
        "--resume",
        action="store_true",
        help="go on with the last run if it was stopped or killed, with its own options; otherwise begin a new one",
    )
    add_options(parser)
    parser.add_argument("--seed", type=int, help="of all random numbers (default: 0)")
    add_network_arguments(parser)
    parser.set_defaults(run=run)


def add_options(parser: argparse.ArgumentParser) -> None:
    """How to train, but for the seed."""
    _add_course(parser.add_argument_group("course of the training"))
    _add_data(parser.add_argument_group("data"))
    _add_machine(parser.add_argument_group("machine"))


def _add_course(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--epochs",
        dest="max_epochs",
        type=int,
        metavar="N",
        help="default: as many as show --image-budget radiographs, from 40 to 400",
    )
    group.add_argument("--image-budget", type=int, metavar="N", help="radiographs to show in all, without --epochs")
    group.add_argument(
        "--batch-size",
        dest="train_batch_size",
        type=int,
        metavar="N",
        help="images computed together; 0: as many as suit the GPU, found by trial",
    )
    group.add_argument("--accumulate", type=int, metavar="N", help="batches whose gradients make one step (default: 1)")
    group.add_argument("--learning-rate", type=float, metavar="RATE", help="at the start, or after the warm-up")
    group.add_argument("--weight-decay", type=float, metavar="RATE", help="of the optimiser")
    group.add_argument("--schedule", choices=("step", "cosine"), help="a tenth after two thirds, or warm-up and cosine")
    group.add_argument("--optimizer", choices=("adam", "adamw"), help="adam is the paper's")
    group.add_argument(
        "--ema-decay", type=float, metavar="D", help="moving average of the weights, 0 for none (default: 0.99)"
    )
    group.add_argument("--val-interval", type=int, metavar="EPOCHS", help="epochs between validations (default: 1)")
    group.add_argument(
        "--patience",
        dest="early_stop_patience",
        type=int,
        metavar="N",
        help="stop after N validations without improvement",
    )
    group.add_argument("--val-batch-size", type=int, metavar="N", help="images computed together in a validation")


def _add_data(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--val-split",
        type=float,
        metavar="SHARE",
        help="share of newly labelled radiographs that is held out (default: 0.2)",
    )
    group.add_argument(
        "--target",
        choices=("last", "mean", "median"),
        help="of several annotators: the last submitted label (default), or the mean or median of their readings",
    )
    group.add_argument(
        "--no-augment", dest="augment", action="store_false", default=None, help="do not vary the images"
    )
    group.add_argument(
        "--gate-confidence",
        type=float,
        metavar="P",
        help="how sure it must be that a model is better before it is published (default: 0.8)",
    )


def _add_machine(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--gpus", metavar="LIST", help="numbers of the GPUs to use, such as 0,1 (default: all)")
    group.add_argument(
        "--one-gpu", dest="multi_gpu", action="store_false", default=None, help="train on the first of them alone"
    )
    group.add_argument("--amp", choices=("auto", "bf16", "fp16", "off"), help="mixed precision (default: auto)")
    group.add_argument("--compile", action="store_true", default=None, help="compile the network first")
    group.add_argument("--tracking", choices=("none", "mlflow"), help="mlflow: also write figures to model/mlflow.db")


def run(options: argparse.Namespace) -> int:
    """Train, and say what came of it."""
    keep_freed_memory()
    config = chosen_model(options)
    studies = existing_studies(options, config)
    given = {key: value for key in TrainOptions.model_fields if (value := getattr(options, key, None)) is not None}
    given["pretrained"] = not options.from_scratch
    stats = config.train_task(progress=True)(given, studies)
    if not stats:  # a process beside the leading one
        return 0
    figures = stats["eval"]["metrics"]
    print(
        f"best share of landmarks within 2 mm on the held-out radiographs: {number_text(stats['best_metric'], 4)}\n"
        f"at the end: mean radial error {number_text(figures.get('val_mre_px'))} px, "
        f"{number_text(figures.get('val_mre_mm'))} mm"
    )
    for sentence in (*stats["notes"], stats["message"], stats["verdict"]):
        if sentence:
            print(sentence)
    print(f"report: {config.runs / stats['run'] / REPORT_FILE}")
    print(f"model in use: {'none' if config.current is None else config.current}")
    return 0
