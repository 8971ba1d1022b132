"""What is different between two versions of a model, and how each did landmark by landmark, as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import torch

from lib.checkpoints.card import NETWORK, TrainingData
from lib.checkpoints.held_out import HeldOutErrors
from lib.checkpoints.version import Version

Errors = dict[tuple[str, str], tuple[float, float | None]]
"""(image, landmark) -> radial error in pixels of the file, and error divided by what is tolerated."""


def describe_version(version: Version) -> dict[str, Any]:
    """All that is known of a version: its card, its errors on the held-out images landmark by landmark, ``trust``.

    Raises:
        VersionError: its file is damaged.
    """
    card = version.usable_card()
    held_out = version.held_out()
    landmarks = None
    if held_out is not None:
        errors = _errors(held_out)
        landmarks = {name: _summary([errors[key] for key in errors if key[1] == name]) for name in held_out.landmarks}
    told = {"card": card.model_dump(mode="json"), "held_out": landmarks, "trust": version.trust().summary()}
    return {**version.as_dict(), **told}


def compare_versions(first: Version, second: Version) -> dict[str, Any]:
    """The second version against the first; differences are second minus first.

    Returns:
        ``metrics``, each with both figures; ``training``, ``network`` and ``trust``, what differs; ``landmarks``;
        ``data``, None where a card does not say; ``held_out``, both on the same images and landmarks, None where they
        share none or do not say; ``weights``, how far each part moved relative to its size, None for different
        networks.

    Raises:
        VersionError: the file of one is damaged.
    """
    one, two = first.usable_card(), second.usable_card()
    return {
        "first": first.as_dict(),
        "second": second.as_dict(),
        "metrics": _metrics(one.metrics, two.metrics),
        "training": _differing(one.training, two.training),
        "network": _differing(*({name: getattr(card, name) for name in NETWORK} for card in (one, two))),
        "trust": _differing(first.trust().summary(), second.trust().summary()),
        "landmarks": _added_removed(one.landmark_set.names, two.landmark_set.names, names=True),
        "data": _data(one.data, two.data) if one.data and two.data else None,
        "held_out": _held_out(first.held_out(), second.held_out()),
        "weights": _moved(first, second) if one.same_network(two) else None,
    }


def _differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    pairs = {name: {"first": first.get(name), "second": second.get(name)} for name in {**first, **second}}
    return {name: pair for name, pair in pairs.items() if pair["first"] != pair["second"]}


def _metrics(
    first: Mapping[str, float | None], second: Mapping[str, float | None]
) -> dict[str, dict[str, float | None]]:
    told = {}
    for name in {**first, **second}:
        one, two = first.get(name), second.get(name)
        told[name] = {"first": one, "second": two, "difference": None if one is None or two is None else two - one}
    return told


def _added_removed(first: Sequence[str], second: Sequence[str], *, names: bool = False) -> dict[str, Any]:
    """How many there are and which came and went; or how many did, since nobody reads fingerprints."""
    added, removed = [name for name in second if name not in set(first)], [n for n in first if n not in set(second)]
    told = {"first": len(first), "second": len(second)}
    return (
        {**told, "added": added, "removed": removed}
        if names
        else {**told, "added": len(added), "removed": len(removed)}
    )


def _data(first: TrainingData, second: TrainingData) -> dict[str, Any]:
    """The data of both; an image that one is measured on and the other has learnt makes the figures no comparison."""
    return {
        "same": first.hash == second.hash,
        "train": _added_removed(first.train, second.train),
        "held_out": _added_removed(first.held_out, second.held_out),
        "train_patients": {"first": first.train_patients, "second": second.train_patients},
        "held_out_patients": {"first": first.held_out_patients, "second": second.held_out_patients},
        "leaks": {
            "first_learnt_held_out_of_second": sorted(set(first.train) & set(second.held_out)),
            "second_learnt_held_out_of_first": sorted(set(second.train) & set(first.held_out)),
        },
    }


def _errors(held_out: HeldOutErrors) -> Errors:
    return {
        (image, landmark): (px, tolerance)
        for image, pixels, tolerances in zip(held_out.images, held_out.px, held_out.tolerances, strict=True)
        for landmark, px, tolerance in zip(held_out.landmarks, pixels, tolerances, strict=True)
        if px is not None
    }


def _summary(errors: Sequence[tuple[float, float | None]]) -> dict[str, Any]:
    """How many, their mean in pixels, and the share within the tolerance, 0 to 1."""
    tolerances = [tolerance for _, tolerance in errors if tolerance is not None]
    return {
        "count": len(errors),
        "mean_px": fmean(px for px, _ in errors) if errors else None,
        "within": fmean(tolerance <= 1.0 for tolerance in tolerances) if tolerances else None,
    }


def _held_out(first: HeldOutErrors | None, second: HeldOutErrors | None) -> dict[str, Any] | None:
    if first is None or second is None:
        return None
    one, two = _errors(first), _errors(second)
    common = [key for key in one if key in two]
    if not common:
        return None
    means = {}
    for name in second.landmarks:
        keys = [key for key in common if key[1] == name]
        if keys:
            means[name] = _difference([one[key] for key in keys], [two[key] for key in keys])
    moves = [entry["difference_px"] for entry in means.values()]
    return {
        "images": len({image for image, _ in common}),
        "all": _difference([one[key] for key in common], [two[key] for key in common]),
        "nearer": sum(move < 0 for move in moves),
        "farther": sum(move > 0 for move in moves),
        "landmarks": means,
    }


def _difference(
    first: Sequence[tuple[float, float | None]], second: Sequence[tuple[float, float | None]]
) -> dict[str, Any]:
    one, two = _summary(first), _summary(second)
    return {"first": one, "second": two, "difference_px": two["mean_px"] - one["mean_px"]}


def _moved(first: Version, second: Version) -> dict[str, float | None]:
    """L2 norm of the change of each top-level part's parameters, divided by the norm of the first's."""
    one, two = (dict(version.network().named_parameters()) for version in (first, second))
    sums: dict[str, tuple[float, float]] = {}
    with torch.no_grad():
        for name, weights in one.items():
            part = name.partition(".")[0]
            change, size = sums.get(part, (0.0, 0.0))
            moved = float((two[name].double() - weights.double()).square().sum())
            sums[part] = (change + moved, size + float(weights.double().square().sum()))
    return {part: math.sqrt(change / size) if size else None for part, (change, size) in sums.items()}
