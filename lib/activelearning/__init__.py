"""Active learning: which radiograph next, and what the model in use makes of each."""

from lib.activelearning.decision import Decision, DecisionError, Verdict
from lib.activelearning.next_sample import DESCRIPTIONS, NEED_SCORES, Known, NextSample
from lib.activelearning.scores import FOLDER, Score, ScoreFile
from lib.activelearning.scoring import Progress, Scoring
from lib.activelearning.worklist import Worklist

__all__ = [
    "DESCRIPTIONS",
    "FOLDER",
    "NEED_SCORES",
    "Decision",
    "DecisionError",
    "Known",
    "NextSample",
    "Progress",
    "Score",
    "ScoreFile",
    "Scoring",
    "Verdict",
    "Worklist",
]
