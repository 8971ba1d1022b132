"""Whether a new model may take the place of the one in use.

Both are measured on the same held-out images, and the difference is taken image by image: a hard radiograph is hard
for both, so a real gain shows with far fewer images than two averages would need. How sure the gain is, is estimated
by drawing patients anew from those that there are (paired bootstrap; Efron and Tibshirani, 1993): images of one
patient are not independent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lib.checkpoints import HeldOutErrors
from lib.evaluation.comparison import FEW_PATIENTS
from lib.evaluation.intervals import LEVELS, Resampling, share_below_zero
from lib.evaluation.metrics import RELATIVE_TOLERANCE, TOLERANCE_MM
from lib.trainers.metrics import CAP, image_score

FOLDS = 10


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a comparison.

    Args:
        publish: whether the candidate takes the place of the served model.
        sentence: why, for people.
        images: ids of the images that both were compared on.
        groups: the patient of each.
        candidate: mean capped error of the candidate on each, in tolerances.
        served: the same of the served model; None where there is none to compare with.
        difference: mean of candidate minus served; negative is better.
        interval: where the difference lies with 95 % probability.
        chance: probability that the candidate is better.
    """

    publish: bool
    sentence: str
    images: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    candidate: tuple[float, ...] = ()
    served: tuple[float, ...] | None = None
    difference: float | None = None
    interval: tuple[float, float] | None = None
    chance: float | None = None


def rule(confidence: float) -> str:
    """The rule in words."""
    return (
        f"A model takes the place of the one in use if, on the same held-out radiographs, its landmarks are nearer on "
        f"average (errors in units of {TOLERANCE_MM:g} mm, or of {100 * RELATIVE_TOLERANCE:g} % of the diagonal where "
        f"millimetres are not known, each counted up to {CAP:g}) and the chance that this is no accident, by paired "
        f"bootstrap over patients, is at least {confidence:.0%}. "
        "Each radiograph is judged in the epoch that the other patients would have chosen, since the best epoch is "
        "also the luckiest. One patient alone decides nothing. In a run that was stopped and goes on, a better epoch "
        "takes the place of an earlier one."
    )


def judge(
    candidate: HeldOutErrors,
    served: HeldOutErrors | None,
    confidence: float,
    learnt_from: Collection[str] = (),
    validations: Sequence[Mapping[str, float]] = (),
) -> Verdict:
    """Compare a run's best model with the one in use.

    Args:
        candidate: errors of the run's best model.
        served: errors of the model in use on the same images; None if there is none for any of these landmarks.
        confidence: see :func:`rule`.
        learnt_from: ids of held-out images that one of the two has learnt from, in a training that knew another split;
            they are left out unless there are no others.
        validations: scores of each image in each validation of the run, see
            :func:`~lib.trainers.metrics.image_score`. The run's best epoch is the luckiest on these very images; so
            each image is judged in the epoch that the other patients' images would have chosen (cross-fitting), where
            there are several patients.
    """
    images, groups = candidate.images, candidate.patients
    if served is None:
        own = _scores(candidate, candidate.landmarks)
        return Verdict(True, "Published: there was no model in use to compare with.", images, groups, _plain(own))
    common = [name for name in candidate.landmarks if name in served.landmarks]
    if served.images != images or not common:
        raise ValueError("Two models can only be compared on the same images, and on landmarks that both find.")
    ours, theirs = _scores(candidate, common), _scores(served, common)
    if len(common) == len(candidate.landmarks) and validations:
        ours = _without_luck(ours, candidate, validations)
    kept = ~(np.isnan(ours) | np.isnan(theirs))
    unseen = kept & ~np.isin(images, list(learnt_from))
    kept = unseen if unseen.any() else kept
    if not kept.any():
        return Verdict(False, "Not published: no held-out radiograph has a landmark that both models find.")
    images, groups = (tuple(np.array(names)[kept].tolist()) for names in (images, groups))
    ours, theirs = ours[kept], theirs[kept]
    difference = float((ours - theirs).mean())
    if len(set(groups)) == 1:
        return Verdict(False, _too_few(difference), images, groups, _plain(ours), _plain(theirs), round(difference, 4))
    low, high, chance = _bootstrap(ours - theirs, groups)
    publish = difference < 0 and chance >= confidence
    sentence = _sentence(publish, difference, chance, confidence, len(set(groups)), images=len(images))
    return Verdict(
        publish, sentence, images, groups, _plain(ours), _plain(theirs), round(difference, 4), (low, high), chance
    )


def _scores(errors: HeldOutErrors, names: Collection[str]) -> npt.NDArray[np.float64]:
    columns = [errors.landmarks.index(name) for name in names]
    table = np.array(errors.tolerances, dtype=np.float64).reshape(len(errors.images), -1)[:, columns]
    return np.array([image_score(row) for row in table])


def _without_luck(
    ours: npt.NDArray[np.float64], candidate: HeldOutErrors, validations: Sequence[Mapping[str, float]]
) -> npt.NDArray[np.float64]:
    """Each image's score in the epoch that the images of other patients choose."""
    table = np.array([[scores.get(image, np.nan) for image in candidate.images] for scores in validations])
    folds = np.unique(candidate.patients, return_inverse=True)[1] % FOLDS
    chosen = ours.copy()
    for fold in np.unique(folds):
        others = table[:, folds != fold]
        if others.size and np.isfinite(others).all(axis=0).any():
            best = int(np.argmin(np.nanmean(others, axis=1)))
            chosen[folds == fold] = table[best, folds == fold]
    return chosen


def _bootstrap(differences: npt.NDArray[np.float64], groups: tuple[str, ...]) -> tuple[float, float, float]:
    """95 % interval of the mean difference, and the share of draws in which it is negative; a tie counts half."""
    means = Resampling(groups).ratios(differences, np.ones(len(groups)))
    low, high = np.percentile(means, LEVELS)
    return round(float(low), 4), round(float(high), 4), round(share_below_zero(means), 4)


def _too_few(difference: float) -> str:
    """Of one patient, any difference would be certain by bootstrap, that of the luckiest epoch first of all."""
    seen = f"its landmarks are {_direction(difference)}, but only one held-out patient says so"
    return f"Not published: {seen}: label radiographs of more patients, until two are held out."


def _direction(difference: float) -> str:
    direction = "nearer" if difference < 0 else "farther off" if difference > 0 else "neither nearer nor farther off"
    return f"{direction} on average" + (f" by {abs(difference):.3f} tolerances" if difference else "")


def _sentence(publish: bool, difference: float, chance: float, confidence: float, patients: int, images: int) -> str:
    seen = f"{_counted(images, 'held-out radiograph')} of {_counted(patients, 'patient')}"
    text = f"on {seen} its landmarks are {_direction(difference)}, and the chance that it is better is {chance:.0%}"
    if not publish and difference < 0:
        text += f", less than the {confidence:.0%} that are asked for"
    few = f" With {_counted(patients, 'held-out patient')} this is weak evidence." if patients < FEW_PATIENTS else ""
    return f"{'Published' if publish else 'Not published'}: {text}.{few}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _plain(values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)
