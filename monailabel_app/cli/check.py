"""``check``: which labels of the studies are probably wrong."""

from __future__ import annotations

import argparse
import textwrap
from pathlib import Path

from tqdm import tqdm

from lib.configs import TaskConfig, choose_models
from lib.evaluation.label_check import CheckReport, check_page
from lib.evaluation.wording import count
from lib.formats import json_text, write_atomic
from lib.trainers.memory import keep_freed_memory
from monailabel_app.checking import LabelChecker
from monailabel_app.cli.common import UsageError, add_model_dir, chosen_model, existing_studies
from monailabel_app.cli.tables import WIDTH

MOST = 60

DESCRIPTION = """\
List labels that are probably wrong, the worst first: landmarks out of order or exchanged, mirrored labels, shapes that
no other label has, landmarks far from the model's, points on the edge, labels that cannot be read, copies of images,
readers who disagree. A finding is a reason to look, not a verdict. Nothing is changed.
"""

EPILOG = """\
with pictures:
  python main.py check studies --model farnet_ceph --output check
a folder whose model has not been trained yet:
  python main.py check studies --landmarks spine_68
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "check",
        help="list labels that are probably wrong",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("studies", metavar="STUDIES", help="folder of labelled radiographs, or DICOMweb server")
    parser.add_argument("--model", metavar="NAME", help="check the labels of this model, also against its predictions")
    parser.add_argument("--landmarks", metavar="SET", help="landmark set: a name or your own YAML file")
    parser.add_argument("--no-predictions", action="store_true", help="do not compare with the model's predictions")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="write check.html with pictures, check.json, check.csv"
    )
    parser.add_argument("--device", default="cuda", help="for the predictions (default: %(default)s)")
    add_model_dir(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check, and say what was found; findings are no fault of the command."""
    keep_freed_memory()
    config = _chosen(options)
    studies = existing_studies(options, config)
    with_model = bool(options.model) and not options.no_predictions
    checker = LabelChecker(studies, config, config.infer_task() if with_model else None, options.device)
    if not checker.labelled() and not studies.unreadable_labels():
        raise UsageError(f"no radiograph in {studies.name()} has a '{config.landmark_set.name}' label.")
    with _Bars() as bars:
        checked = checker.check(bars.progress)
    _print(checked.report)
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        write_atomic(options.output / "check.html", check_page(checked.report, checked.pictures))
        write_atomic(options.output / "check.json", json_text(checked.report.as_dict()))
        write_atomic(options.output / "check.csv", checked.report.as_csv())
        print(f"report: {options.output / 'check.html'}")
    return 0


def _chosen(options: argparse.Namespace) -> TaskConfig:
    if options.model:
        return chosen_model(options)
    if not options.landmarks:
        raise UsageError("say which labels: --model NAME or --landmarks SET.")
    models = choose_models({"landmarks": options.landmarks}, options.model_dir)
    return next(iter(models.values()))


def _print(report: CheckReport) -> None:
    for one in report.findings[:MOST]:
        print(f"{one.severity:5.1f}  {one.image}: {one.kind.words}")
        print(textwrap.fill(one.sentence, WIDTH, initial_indent=" " * 7, subsequent_indent=" " * 7))
    if len(report.findings) > MOST:
        print(f"and {len(report.findings) - MOST} more")
    for note in report.notes:
        print(note)
    print(f"{count(report.labels, 'label')} checked, {count(len(report.suspicious()), 'radiograph')} to look at")


class _Bars:
    """A progress bar for each thing that is done."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def progress(self, what: str, done: int, total: int) -> None:
        """See :data:`~lib.evaluation.label_check.Progress`."""
        if done == 0 or self._bar is None:
            self._close()
            self._bar = tqdm(total=total, desc=what, leave=False)
        self._bar.update(done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None
