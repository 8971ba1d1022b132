"""Where the landmarks of a set lie to one another, learned from labels of which some may be wrong."""

from lib.shapes.model import ShapeError, ShapeJudgement, ShapeModel, judge_by_others
from lib.shapes.relations import Relations

__all__ = ["Relations", "ShapeError", "ShapeJudgement", "ShapeModel", "judge_by_others"]
