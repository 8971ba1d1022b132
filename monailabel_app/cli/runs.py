"""``runs``: the training runs of a model, and the report of each."""

from __future__ import annotations

import argparse
from pathlib import Path

from lib.evaluation import RunRecord, RunRecordError, read_history, read_run, write_run_report
from lib.evaluation.run_record import run_folders
from lib.evaluation.run_summary import epochs_planned, outcome
from lib.trainers.lock import is_training
from monailabel_app.cli.common import UsageError, add_model_dir, number_text


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "runs",
        help="list the training runs of a model, write the report of one",
        description="The training runs of a model: a table of all, or the report of one.",
    )
    actions = parser.add_subparsers(title="actions", dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser(
        "list",
        help="table of the runs, the newest first",
        description="Each run with its state, its best share of held-out landmarks within 2 mm, and what came of it.",
    )
    listing.set_defaults(run=run_list)
    report = actions.add_parser(
        "report",
        help="write the report of a run again and print its path",
        description="Write report.html of a run, also while it goes on, and print its path. It opens in any browser.",
    )
    report.set_defaults(run=run_report)
    for action in (listing, report):
        action.add_argument("model", metavar="NAME", help="model, such as farnet_ceph")
        add_model_dir(action)
    report.add_argument("training", nargs="?", metavar="RUN", help="run, as 'list' names it (default: the newest)")


def run_list(options: argparse.Namespace) -> int:
    """Print a table; a damaged record costs a line, not the table."""
    home = _home(options)
    records, damaged = _records(home)
    if not records and not damaged:
        print(f"no runs of {options.model} in {options.model_dir}")
        return 0
    print(f"{'run':<22}{'status':<13}{'started':<18}{'epochs':<10}{'best':<9}outcome")
    training = is_training(home)
    for folder, record in records:
        print(_row(folder, record, training))
    for folder, fault in damaged:
        print(f"{folder.name:<22}{'damaged':<13}{fault}")
    return 0


def run_report(options: argparse.Namespace) -> int:
    """Write the report, and print where it lies and nothing else."""
    folders = {folder.name: folder for folder in run_folders(_home(options))}
    if options.training is None:
        records, _ = _records(_home(options))
        if not records:
            raise UsageError(f"{options.model} has no runs in {options.model_dir}: train it first.")
        folder = records[0][0]
    elif options.training in folders:
        folder = folders[options.training]
    else:
        known = f"there are {', '.join(folders)}" if folders else "there is none"
        raise UsageError(f"{options.model} has no run '{options.training}': {known}.")
    print(write_run_report(folder))
    return 0


def _records(home: Path) -> tuple[list[tuple[Path, RunRecord]], list[tuple[Path, RunRecordError]]]:
    """The runs with their folders, which people rename, the newest first; and those that cannot be read."""
    records, damaged = [], []
    for folder in run_folders(home):
        try:
            records.append((folder, read_run(folder)))
        except RunRecordError as error:
            damaged.append((folder, error))
    return sorted(records, key=lambda pair: pair[1].started, reverse=True), damaged


def _home(options: argparse.Namespace) -> Path:
    """The folder of a model's runs."""
    if options.model in ("", ".", "..") or Path(options.model).name != options.model:
        raise UsageError(f"'{options.model}' is not the name of a model.")
    return Path(options.model_dir / options.model)


def _row(folder: Path, record: RunRecord, training: bool) -> str:
    history = read_history(folder)
    # the record of a process that was killed still says that it runs; the lock knows better
    status = "interrupted" if record.status == "running" and not training else record.status
    done, planned = history[-1].epoch if history else 0, epochs_planned(record)
    epochs = f"{done}/{planned}" if planned else str(done)
    best = next((item.validation for item in history if item.epoch == record.best_epoch), None)
    share = None if best is None else best.sdr_2mm
    return (
        f"{folder.name:<22}{status:<13}{record.started:%Y-%m-%d %H:%M}  {epochs:<10}"
        f"{number_text(share and 100 * share, 1, ' %'):<9}{outcome(record)}"
    )
