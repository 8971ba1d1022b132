"""What can be seen without other labels: points on the edge, labels that cannot be read, the same picture twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from lib.evaluation.label_check.finding import CheckedLabel, Finding, Kind, listed
from lib.radiographs import same_pictures
from lib.shapes.align import as_complex, as_pairs, robust_similarity

FloatArray = npt.NDArray[np.float64]

_UNREADABLE = 100.0
"""Nothing is more certain: the label counts for nothing."""
_EDGE = 1.0
_COPY = 0.5
"""Two labels of one picture that agree are no fault; they only count twice."""
_APART = 2.0
"""Times what is tolerated, on average: labels of one picture that are farther apart are of two minds."""


def unreadable_findings(unreadable: Mapping[str, str]) -> list[Finding]:
    """Of labels that are ignored, by image id, the reason."""
    return [Finding(image, Kind.UNREADABLE, _UNREADABLE, sentence) for image, sentence in unreadable.items()]


def edge_findings(labels: Sequence[CheckedLabel]) -> list[Finding]:
    """Points off the image, or on its outermost pixels, where what was meant may lie outside."""
    findings = []
    for label in labels:
        points = label.landmarks.points()
        inside = (points > 0) & (points < np.array([label.width - 1, label.height - 1]))
        on_edge = ~np.isnan(points).any(axis=1) & ~inside.all(axis=1)
        names = tuple(name for name, is_there in zip(label.landmarks.names, on_edge, strict=True) if is_there)
        if names:
            are = "lies" if len(names) == 1 else "lie"
            sentence = f"{listed(names)} {are} on the edge of the image or beyond."
            findings.append(Finding(label.image, Kind.EDGE, _EDGE, sentence, names, (None,) * len(names)))
    return findings


def copy_findings(labels: Sequence[CheckedLabel]) -> list[Finding]:
    """Images that are one picture, and how far apart their labels are; named with the later of the two."""
    known = [(label, label.fingerprint) for label in labels if label.fingerprint is not None]
    pairs = same_pictures([fingerprint for _, fingerprint in known])
    return [_copy(known[later][0], known[earlier][0]) for earlier, later in pairs]


def _copy(label: CheckedLabel, other: CheckedLabel) -> Finding:
    start = f"The same picture as {other.image}"
    apart = _apart(label, other)
    if apart is None:
        return Finding(label.image, Kind.COPIES, _COPY, f"{start}; the labels have too little in common to compare.")
    mean, worst, place = apart
    severity = max(_COPY, mean / label.tolerance_px / _APART)
    sentence = (
        f"{start}; the labels differ by {label.length(mean)} on average, most in '{label.landmarks.names[worst]}'."
    )
    named = (label.landmarks.names[worst],) if severity > 1 else ()
    return Finding(label.image, Kind.COPIES, severity, sentence, named, (place,) if named else ())


def _apart(label: CheckedLabel, other: CheckedLabel) -> tuple[float, int, tuple[float, float]] | None:
    """Mean distance in pixels of the first, the landmark that is farthest, and where the other label has it.

    Pictures that are not equal to the pixel may be cropped or scaled: their labels are laid over each other first.
    """
    one, two = label.landmarks.points(), other.landmarks.ordered(label.landmarks.names).points()
    both = ~np.isnan(one).any(axis=1) & ~np.isnan(two).any(axis=1)
    prints = label.fingerprint, other.fingerprint
    exact = prints[0] is not None and prints[1] is not None and prints[0].exact == prints[1].exact
    if both.sum() < (1 if exact else 3):
        return None
    if not exact:
        even = np.full(int(both.sum()), label.tolerance_px)
        pose = robust_similarity(as_complex(two[both]), as_complex(one[both]), even)
        if pose is None:
            return None
        two[both] = as_pairs(pose.apply(as_complex(two[both])))
    distances = np.linalg.norm(one - two, axis=1)
    worst = int(np.nanargmax(np.where(both, distances, np.nan)))
    return float(distances[both].mean()), worst, (float(two[worst][0]), float(two[worst][1]))
