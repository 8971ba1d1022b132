"""The held-out split: decided once a patient, kept beside the labels, never reshuffled, the same whoever trains."""

from lib.trainers.split.assign import MIN_LABELS, extended
from lib.trainers.split.cases import gather_cases
from lib.trainers.split.entries import Entry, Side, Split, SplitError
from lib.trainers.split.file import SPLIT_FILE, SplitFile
from lib.trainers.split.given import read_given, with_given
from lib.trainers.split.links import Case

__all__ = [
    "MIN_LABELS",
    "SPLIT_FILE",
    "Case",
    "Entry",
    "Side",
    "Split",
    "SplitError",
    "SplitFile",
    "extended",
    "gather_cases",
    "read_given",
    "with_given",
]
