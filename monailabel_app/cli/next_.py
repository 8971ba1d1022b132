"""``next``: which radiographs to label next, without a server."""

from __future__ import annotations

import argparse

from tqdm import tqdm

from lib.activelearning import DESCRIPTIONS, NEED_SCORES, Known, NextSample, Worklist
from lib.checkpoints import ModelFileError
from lib.trainers.memory import keep_freed_memory
from monailabel_app.cli.common import UsageError, add_model_arguments, chosen_model, existing_studies


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    listed = "".join(f"  {name:<13} {text}\n" for name, text in DESCRIPTIONS.items())
    parser = commands.add_parser(
        "next",
        help="list the radiographs to label next",
        description="List the radiographs that are most worth labelling, the first one first. The model looks at each "
        "once, which the server uses too; interrupted, the same command goes on where it was.",
        epilog=f"strategies:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("studies", metavar="STUDIES", help="folder, or address of a DICOMweb server")
    add_model_arguments(parser)
    default = next(iter(DESCRIPTIONS))
    parser.add_argument("--strategy", choices=DESCRIPTIONS, default=default, help="default: %(default)s")
    parser.add_argument("--count", type=int, default=20, metavar="N", help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="for the order of equals (default: %(default)s)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Score what is missing, and list."""
    if options.count < 1:
        raise UsageError(f"--count {options.count} is not a number from 1 on.")
    keep_freed_memory()
    config = chosen_model(options)
    studies = existing_studies(options, config)
    task = config.infer_task()
    scoring = config.scoring(task, studies.folder)
    known = Known({})
    if options.strategy in NEED_SCORES:
        try:
            disputed = options.strategy == "disagreement"
            missing = len(scoring.missing(studies, disagreement=disputed))
            work = scoring.run(studies, options.device, disagreement=disputed)
            for _ in tqdm(work, total=missing, desc="looking", unit="image"):
                pass
            known = scoring.known(studies)
        except ModelFileError as error:
            print(f"{error} Until then the order is random.")
    worklist = Worklist.of(studies)
    asked = {"strategy": options.strategy, "seed": options.seed}
    found = NextSample(options.strategy, lambda _: known).queue(asked, worklist, options.count)
    for item in found:
        print(item["id"])
    print(found[0]["why"] if found else worklist.end())
    return 0
