"""``evaluate``: how far predictions lie from labels, on a folder of studies or on a public set as its protocol says."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from lib.checkpoints import read_card
from lib.configs import MODELS
from lib.datasets import Protocol, protocol_names
from lib.evaluation import TOLERANCE_MM, Case, Evaluation, learnt_facts, write_evaluation
from lib.evaluation.wording import count, distance, percent
from lib.landmarks import Landmark, Landmarks, LandmarkSet, State
from lib.trainers.memory import keep_freed_memory
from monailabel_app.cli.common import (
    UsageError,
    add_model_arguments,
    add_shrunk,
    check_shrunk,
    chosen_model,
    number_text,
    opened_studies,
)
from monailabel_app.cli.groups import in_groups
from monailabel_app.cli.predictors import Predictor, chosen_predictor, compared, named_apart
from monailabel_app.cli.truth import Truth, split_summary, truth_of_protocol, truth_of_studies
from monailabel_app.datastores.opening import is_address

DESCRIPTION = """\
Compare predictions with labels: report.html (tables, curves, the worst images), report.json, errors.csv. Every figure
comes with its 95 % interval, by drawing patients anew.
"""

EPILOG = """\
on your own radiographs:
  python main.py evaluate --studies studies --model farnet_ceph --output output
on a public set, as its protocol says (readers, duplicates, faulty labels; beside what others have published):
  python main.py evaluate --protocol isbi2015 --data ISBI2015 --model farnet_ceph --output output
  python main.py evaluate --protocol isbi2015 --data ISBI2015 --part test2 --model farnet_ceph --output output2
predictions of another program (landmarks.csv with the columns image, landmark, x_px, y_px):
  python main.py evaluate --protocol isbi2015 --data ISBI2015 --predictions theirs --output output3
two models, or a model and an earlier evaluation, on the same images:
  python main.py evaluate --studies studies --model farnet_ceph --compare output --output output4
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "evaluate",
        help="measure a model, or predictions, on labelled radiographs",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_truth(parser.add_argument_group("what is true"))
    group = parser.add_argument_group("what is measured")
    add_model_arguments(group, required=False)
    group.add_argument("--weights", type=Path, metavar="FILE", help="a model file instead of a model's name")
    group.add_argument(
        "--predictions",
        nargs="+",
        metavar="DIR",
        help="predictions instead of a model: a folder that 'predict' or 'evaluate' wrote, or with a landmarks.csv of "
        "another program; several folders, such as those of the folds, count as one",
    )
    group.add_argument("--compare", metavar="WHAT", help="set beside it a model, a model file, or such a folder")
    parser.add_argument(
        "--output", required=True, type=Path, metavar="DIR", help="folder for the report, made if needed"
    )
    parser.set_defaults(run=run)


def _add_truth(group: argparse._ArgumentGroup) -> None:
    where = group.add_mutually_exclusive_group(required=True)
    where.add_argument("--studies", metavar="DIR", help="folder of labelled radiographs, or a DICOMweb server")
    where.add_argument("--protocol", metavar="NAME", help=f"a public set: {', '.join(protocol_names())}")
    group.add_argument("--data", metavar="DIR", help="with --protocol: the folder of the set, as it is published")
    group.add_argument("--part", metavar="NAME", help="with --protocol: its part, such as test2 (default: the first)")
    group.add_argument("--fold", type=int, metavar="N", help="with --protocol: this fold only, counted from 1")
    add_shrunk(group, "with --protocol: ")
    group.add_argument(
        "--images",
        type=Path,
        metavar="FILE",
        help="with --studies: text file with the ids to evaluate, one a line (default: all that have labels)",
    )
    group.add_argument(
        "--groups",
        type=Path,
        metavar="FILE",
        help="CSV with the columns image and group, by device or age, say: figures of each group apart",
    )


def run(options: argparse.Namespace) -> int:
    """Predict, compare, write the report, and say the main figures."""
    keep_freed_memory()
    _check(options)
    landmark_set = _landmark_set(options)
    predictor = chosen_predictor(options, landmark_set)  # first: where there are no weights, that is said at once
    truth = _truth(options, landmark_set)
    if options.groups is not None:
        truth = in_groups(truth, options.groups)
    other = None
    if options.compare is not None:
        predictor, other = named_apart(predictor, compared(options.compare, landmark_set, options))
    evaluation = evaluated(truth, predictor, other)
    write_evaluation(options.output, evaluation)
    _tell(evaluation, options.output)
    return 0


def evaluated(truth: Truth, predictor: Predictor, other: Predictor | None = None) -> Evaluation:
    """Predict all images.

    Raises:
        UsageError: there is no prediction of any image.
    """
    cases, absent = [], []
    for item in tqdm(truth.images, desc="evaluating", unit="image"):
        found = predictor.predict(item)
        if found is None:
            absent.append(item.image)
        beside = None if other is None else other.predict(item)
        cases.append(
            Case(
                item.image,
                _nothing(truth.looking.landmark_set) if found is None else found,
                item.truths,
                item.pixel_spacing,
                item.size,
                item.path,
                item.group,
                item.left_out_by,
                beside,
            )
        )
    if len(absent) == len(cases):
        raise UsageError(f"{predictor.name} has no prediction of any of the {len(cases)} radiographs.")
    if other is not None and all(case.other is None for case in cases):
        raise UsageError(f"{other.name} has no prediction of any of the {len(cases)} radiographs.")
    warnings = (*truth.warnings, *_absence(absent), *(() if other is None else _apart(cases)))
    return Evaluation(
        truth.title,
        predictor.name,
        predictor.version,
        truth.looking,
        tuple(cases),
        measures=truth.measures,
        shrunk=truth.shrunk,
        yardsticks=truth.yardsticks,
        published=truth.published,
        notes=truth.notes,
        against=None if other is None else _distinct(predictor, other),
        facts={**_facts(truth, predictor, cases), "not_predicted": absent, "warnings": list(warnings)},
    )


def _check(options: argparse.Namespace) -> None:
    given = [name for name in ("model", "weights", "predictions") if getattr(options, name)]
    if len(given) != 1:
        raise UsageError("say what is measured: one of --model, --weights and --predictions.")
    if options.protocol is not None and options.data is None:
        raise UsageError("--protocol needs --data, the folder of the public set.")
    if options.studies is not None:
        for name in ("data", "part", "fold"):
            if getattr(options, name) is not None:
                raise UsageError(f"--{name} goes with --protocol.")
    for name in ("images", "landmarks") if options.protocol is not None else ():
        if getattr(options, name) is not None:
            raise UsageError(f"--{name} goes with --studies.")
    check_shrunk(options.shrunk)
    read = [Path(folder) for folder in (*(options.predictions or ()), options.compare or options.output / "-")]
    if any(folder.resolve() == options.output.resolve() for folder in read):
        raise UsageError(f"--output {options.output} is where predictions are read from: give another folder.")


def _landmark_set(options: argparse.Namespace) -> LandmarkSet:
    if options.protocol is not None:
        return LandmarkSet.load(Protocol.load(options.protocol).landmark_set)
    if options.model is not None:
        return chosen_model(options).landmark_set
    if options.landmarks is not None:
        return LandmarkSet.load(options.landmarks)
    if options.weights is not None:
        return read_card(options.weights).landmark_set
    raise UsageError("--studies with --predictions needs --landmarks, the landmark set.")


def _truth(options: argparse.Namespace, landmark_set: LandmarkSet) -> Truth:
    if options.protocol is None:
        name = options.model or next(
            (name for name, (known, _) in MODELS.items() if known == landmark_set.name), landmark_set.name
        )
        studies = opened_studies(options, {name: landmark_set})
        title = options.studies if is_address(options.studies) else Path(options.studies).resolve().name
        return truth_of_studies(studies, landmark_set, options.images, title)
    protocol = Protocol.load(options.protocol)
    if options.fold is not None and not 1 <= options.fold <= protocol.folds:
        raise UsageError(f"--fold {options.fold}: protocol '{protocol.name}' has {protocol.folds} of them.")
    return truth_of_protocol(protocol, protocol.test(options.part), options)


def _nothing(landmark_set: LandmarkSet) -> Landmarks:
    return Landmarks(tuple(Landmark(name, state=State.UNDEFINED) for name in landmark_set.names))


def _absence(absent: Sequence[str]) -> tuple[str, ...]:
    if not absent:
        return ()
    return (f"There are no predictions of {len(absent)} of the images, {absent[0]} first: their landmarks are misses.",)


def _apart(cases: Sequence[Case]) -> tuple[str, ...]:
    """A sentence where the comparison is not on all images."""
    alone = sum(
        (item.other is not None and item.other.num_placed() > 0) != (item.predicted.num_placed() > 0) for item in cases
    )
    return (
        (f"The comparison is without {count(alone, 'image')} that only one of the two has predicted.",) if alone else ()
    )


def _distinct(predictor: Predictor, other: Predictor) -> str:
    if other.name != predictor.name:
        return other.name
    return f"{other.name} {other.version}" if other.version else f"{other.name} (compared)"


def _facts(truth: Truth, predictor: Predictor, cases: Sequence[Case]) -> dict[str, Any]:
    """Protocol, split, and which images the model has learnt from, with the figures on the others."""
    learnt = None if predictor.card is None else truth.learnt_from(predictor.card)
    split = {**split_summary(truth), **learnt_facts(truth.looking, cases, learnt)}
    return {"protocol": truth.protocol, "split": split}


def _tell(evaluation: Evaluation, output: Path) -> None:
    content = evaluation.content
    print(f"{content['images']} radiographs, {content['landmarks']} landmarks, against {content['reader']}")
    if content["not_detected"]:
        print(f"{content['not_detected']} of the landmarks were not predicted: misses in the rates, no part of means")
    print(f"mean radial error {_figure(content, 'px')}")
    if content["images_with_mm"]:
        rate = percent(content["sdr"].get(str(TOLERANCE_MM)))
        print(f"mean radial error {_figure(content, 'mm')}; within {TOLERANCE_MM:g} mm: {rate}")
    if (spine := content.get("spine")) is not None:
        print(
            f"NMSE {number_text(spine['nmse_e4'])} e-4, outliers at 20 px {percent(spine['or20'])}, "
            f"Cobb SMAPE {number_text(spine['cobb']['smape'])} %"
        )
    if evaluation.versus is not None:
        print(evaluation.versus.sentence)
    print(_learnt(content["split"]))
    for sentence in content["warnings"]:
        print(sentence)
    print(f"report: {output / 'report.html'}")


def _figure(content: dict[str, Any], unit: str) -> str:
    interval = content["intervals"][f"mre_{unit}"]
    text = number_text(content[f"mre_{unit}"], 2, f" {unit}")
    return text if interval is None else f"{text} (95 %: {interval[0]:.2f} to {interval[1]:.2f})"


def _learnt(split: dict[str, Any]) -> str:
    learnt, others = split["learnt_from"], split["not_learnt_from"]
    if learnt is None or others is None:
        return "nothing says which radiographs were learnt from"
    if not learnt:
        return "the model has learnt from none of these radiographs"
    return (
        f"the model has learnt from {len(learnt)} of these radiographs; on the {others['images']} others: "
        f"mean radial error {distance(others['mre_mm'], others['mre_px'])}"
    )
