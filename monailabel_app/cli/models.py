"""``models``: which models there are, their versions, and going back to one."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lib.checkpoints import ModelFileError, ModelVersions, compare_versions, describe_version, read_card
from lib.configs import MODELS
from lib.formats import json_text
from lib.trainers.memory import keep_freed_memory
from monailabel_app.cli.common import UsageError, add_model_dir, number_text
from monailabel_app.cli.model_words import comparison_words, description_words, when
from monailabel_app.cli.tables import table

EPILOG = """\
going back:
  python main.py models list farnet_ceph
  python main.py models diff farnet_ceph 20260102_030405
  python main.py models rollback farnet_ceph 20260102_030405
"""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "models",
        help="list the models and their versions, compare versions, go back to one",
        description="List the models, what they find, and the weights in use; or their versions.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_model_dir(parser)
    parser.set_defaults(run=run_overview, json=False)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    listing = actions.add_parser("list", help="the models, or the versions of one")
    listing.add_argument("name", nargs="?", metavar="NAME", help="the model (default: a list of the models)")
    showing = actions.add_parser("show", help="what a version is, how it was trained, and how far off it is")
    showing.add_argument("name", metavar="NAME", help="the model")
    showing.add_argument("version", nargs="?", metavar="VERSION", help="default: the one in use")
    going = actions.add_parser("rollback", help="use an earlier version again; a running server takes it at once")
    going.add_argument("name", metavar="NAME", help="the model")
    going.add_argument("version", nargs="?", metavar="VERSION", help="default: the one used before the present one")
    going.add_argument("--reason", default="", metavar="TEXT", help="why, for the history")
    comparing = actions.add_parser("diff", help="what is different between two versions")
    comparing.add_argument("name", metavar="NAME", help="the model")
    comparing.add_argument("first", metavar="FIRST", help="a version")
    comparing.add_argument("second", nargs="?", metavar="SECOND", help="another (default: the one in use)")
    for action, run in ((listing, run_list), (showing, run_show), (going, run_rollback), (comparing, run_diff)):
        add_model_dir(action, default=argparse.SUPPRESS)  # one that was given before the action stays
        action.set_defaults(run=run)
        if action is not going:
            action.add_argument("--json", action="store_true", help="as JSON, for other programs")


def run_overview(options: argparse.Namespace) -> int:
    """Print a table of the models."""
    known = [_overview(name, options.model_dir) for name in dict.fromkeys([*MODELS, *_named(options.model_dir)])]
    if options.json:
        print(json_text(known))
        return 0
    rows = []
    for model in known:
        rate = (model["metrics"] or {}).get("val_sdr_2mm")
        weights = model["file"] or "none yet: train it"
        told = model["fault"] or number_text(rate and 100 * rate, 1, " %") * bool(model["file"])
        rows.append((model["model"], model["landmark_set"] or "–", weights, model["version"] or "", told))
    print(table(("model", "landmarks", "weights", "version", "held out: within 2 mm"), rows))
    return 0


def _overview(name: str, model_dir: Path) -> dict[str, Any]:
    """The model and the file in use; like ``read_card`` at its cheapest, however many versions there are."""
    told = {"model": name, "landmark_set": MODELS.get(name, (None,))[0], "file": None, "version": None}
    told |= {"metrics": None, "fault": None}
    versions = _of(name, model_dir)
    path = next((path for path in (versions.published, versions.shipped) if path and path.is_file()), None)
    if path is None:
        return told
    try:
        card = read_card(path)
    except ModelFileError as error:
        return {**told, "file": path.name, "fault": str(error).replace(str(path), path.name)}
    known = {"file": path.name, "version": card.version, "metrics": card.metrics}
    return {**told, **known, "landmark_set": card.landmark_set.name}


def run_list(options: argparse.Namespace) -> int:
    """Print a table of a model's versions."""
    if options.name is None:
        return run_overview(options)
    known = _versions(options)
    found = [version.as_dict() for version in known.list()]
    if options.json:
        print(json_text({"model": options.name, "previous": known.previous(), "versions": found}))
        return 0
    if not found:
        print(f"{options.name} has no weights yet: train it")
        return 0
    print(table(("", "version", "when", "2 mm", "error", "", "images", "from", "how"), [_row(each) for each in found]))
    return 0


def _row(version: Mapping[str, Any]) -> tuple[str, ...]:
    metrics, images = version.get("metrics", {}), version.get("images", {})
    rate = metrics.get("val_sdr_2mm")
    action, reason = version["action"] or "", version["reason"]
    how = reason if reason.lower().startswith(action) else f"{action}: {reason}"
    return (
        "in use" if version["served"] else "",
        version["version"],
        when(version["time"] or version.get("created")),
        number_text(rate and 100 * rate, 1, " %"),
        number_text(metrics.get("val_mre_px"), 2, " px"),
        number_text(metrics.get("val_mre_mm"), 2, " mm"),
        f"{images.get('trained') or '–'}/{images.get('held_out') or '–'}",
        version.get("parent") or "–",
        version["fault"] or how,
    )


def run_show(options: argparse.Namespace) -> int:
    """Print what is known of a version."""
    known = _versions(options)
    version = known.get(options.version) if options.version else known.served()
    if version is None:
        raise UsageError(f"{options.name} has no weights yet: train it.")
    description = {"model": options.name, **describe_version(version)}
    changes = [change.model_dump() for change in known.history() if change.version == version.version]
    if options.json:
        print(json_text({**description, "history": changes}))
    else:
        print(description_words(description, changes))
    return 0


def run_rollback(options: argparse.Namespace) -> int:
    """Go back to a version, and say so."""
    keep_freed_memory()
    known = _versions(options)
    before = known.served()
    after = known.rollback(options.version, options.reason or "on the command line")
    if before is not None and before.version == after.version:
        print(f"{options.name}: version {after.version} is in use already")
        return 0
    print(f"{options.name}: version {after.version} is in use, instead of {before.version if before else 'none'}")
    if before and before.card and before.card.landmark_set.names != after.usable_card().landmark_set.names:
        print("Its landmarks are others: a server that was started for those of before will not offer it.")
    return 0


def run_diff(options: argparse.Namespace) -> int:
    """Print what is different between two versions."""
    known = _versions(options)
    second = known.get(options.second) if options.second else known.served()
    if second is None:
        raise UsageError(f"{options.name} has no weights yet: train it.")
    comparison = compare_versions(known.get(options.first), second)
    print(json_text(comparison) if options.json else comparison_words(comparison))
    return 0


def _versions(options: argparse.Namespace) -> ModelVersions:
    """The versions of the model that is named; models of a user's own landmark sets are known by their files.

    Raises:
        UsageError: there is no such model.
    """
    there = dict.fromkeys([*MODELS, *_named(options.model_dir)])
    if options.name not in there:
        raise UsageError(f"there is no model '{options.name}' in {options.model_dir}: choose of {', '.join(there)}.")
    return _of(options.name, options.model_dir)


def _of(name: str, model_dir: Path) -> ModelVersions:
    return ModelVersions(model_dir / f"{name}.pt", model_dir / f"pretrained_{name}.pt")


def _named(model_dir: Path) -> list[str]:
    """The models that have files in a folder."""
    files = [path.stem.removeprefix("pretrained_") for path in model_dir.glob("*.pt")]
    folders = [path.parent.name for path in model_dir.glob("*/versions") if any(path.glob("*.pt"))]
    return sorted({*files, *folders})
