"""``split``: which labelled radiographs train and which are held out, and a user's own say in it."""

from __future__ import annotations

import argparse
import csv
import io
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from lib.configs import MODELS, TaskConfig, choose_models
from lib.formats import write_atomic
from lib.trainers.split import Split, SplitFile, gather_cases, read_given
from monailabel_app.cli.common import APP_DIR, UsageError, chosen_model, opened_studies
from monailabel_app.datastores import StudiesFolder
from monailabel_app.datastores.rules import FINAL

EPILOG = """\
a split of your own, such as the one of a paper, and the present one into a file:
  python main.py split --studies studies --use split.csv
  python main.py split --studies studies --csv split.csv
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "split",
        help="show which radiographs are held out, or say it yourself",
        description="Show which labelled radiographs train and which are held out. It is decided when a training meets "
        "them, once a patient, and kept in the folder of studies; a file of yours wins.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--studies", required=True, metavar="DIR|URL", help="folder, or DICOMweb server")
    parser.add_argument("--model", metavar="NAME", help="only radiographs with landmarks of this model")
    parser.add_argument("--landmarks", metavar="SET", help="landmark set instead of the model's")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write it into a file, which --use understands")
    parser.add_argument(
        "--use",
        type=Path,
        metavar="FILE",
        help='take the sides of a file: CSV with columns image and split, or JSON {"train": [...], "held_out": [...]}',
    )
    parser.add_argument("--force", action="store_true", help="with --use: also where a patient comes on both sides")
    parser.set_defaults(run=run, model_dir=APP_DIR / "model")


def run(options: argparse.Namespace) -> int:
    """Take a file if there is one; then show the split."""
    if options.landmarks and not options.model:
        raise UsageError("--landmarks needs --model.")
    if options.force and not options.use:
        raise UsageError("--force needs --use.")
    configs = [chosen_model(options)] if options.model else _all_models()
    studies = opened_studies(options, {config.name: config.landmark_set for config in configs})
    if options.use:
        _use(options.use, studies, force=options.force)
    split = SplitFile(studies.folder).read()
    images = _images(studies, {config.landmark_set.name for config in configs}, split, everything=not options.model)
    if options.csv:
        write_atomic(options.csv, _csv(split, images))
    if not options.use:
        _print_table(split, images)
    _print_summary(split, images)
    return 0


def _all_models() -> list[TaskConfig]:
    return list(choose_models({"models": ",".join(MODELS)}, APP_DIR / "model").values())


def _use(file: Path, studies: StudiesFolder, *, force: bool) -> None:
    sides = read_given(file)
    known = set(studies.list_images())
    unknown = next((image for image in sides if image not in known), None)
    if unknown is not None:
        raise UsageError(f"{file} names '{unknown}', which is not among the studies.")
    stored = SplitFile(studies.folder)
    before = stored.read()
    after = stored.use(sides, file.name, gather_cases(studies, sorted(sides), progress=True), force=force)
    moves = Counter(
        (entry.side, after.side(image)) for image, entry in before.entries.items() if after.side(image) != entry.side
    )
    print(f"{len(sides)} radiographs as {file} says; {moves.total()} of those decided before have moved")
    if seen := moves["train", "held_out"]:
        print(
            f"models trained before have learnt from {seen} of the radiographs that are held out now: their figures on "
            "these are too good, train anew"
        )


def _images(studies: StudiesFolder, landmark_sets: set[str], split: Split, *, everything: bool) -> list[str]:
    """The labelled radiographs, and without a choice of model all that the split knows."""
    labelled = {
        image
        for image in studies.get_labeled_images()
        if everything or studies.get_label_info(image, FINAL).get("landmark_set") in landmark_sets
    }
    return sorted(labelled | split.entries.keys() if everything else labelled)


def _print_table(split: Split, images: Iterable[str]) -> None:
    sizes = _sizes(split)
    rows = [_row(split, image, sizes) for image in images]
    width = max([len("image"), *(len(row[0]) for row in rows)])
    for image, side, together, why in [("image", "side", "together", "why"), *rows]:
        print(f"{image:<{width}}  {side:<9}  {together:<8}  {why}".rstrip())


def _sizes(split: Split) -> Counter[str]:
    return Counter(entry.group for entry in split.entries.values())


def _row(split: Split, image: str, sizes: Counter[str]) -> tuple[str, str, str, str]:
    """Image, side, how many radiographs belong together, why it is where it is."""
    entry = split.entries.get(image)
    if entry is None:
        return image, "undecided", "", "a training decides it"
    kind = entry.group.partition(":")[0]
    whole = {"patient": "by its patient", "study": "by its study"}.get(kind, "by its picture")
    chosen = f"given by {split.given}" if entry.by == "file" else "chosen here"
    return image, entry.side.replace("_", " "), str(sizes[entry.group]), entry.reason or f"{whole}, {chosen}"


def _print_summary(split: Split, images: list[str]) -> None:
    told = split.summary(images)
    for side in ("train", "held_out"):
        counts = told[side]
        print(f"{side.replace('_', ' ')}: {counts['images']} radiographs of {counts['patients']} patients")
    if told["left_out"]:
        print(f"left out: {len(told['left_out'])} radiographs")
    if told["undecided"]:
        print(f"undecided: {len(told['undecided'])} radiographs")
    print(f"decided by: {told['source']}")


def _csv(split: Split, images: Iterable[str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("image", "split", "together", "why"))
    sizes = _sizes(split)
    for image in images:
        if image in split.entries:
            _, _, together, why = _row(split, image, sizes)
            writer.writerow((image, split.side(image), together, why))
    return text.getvalue()
