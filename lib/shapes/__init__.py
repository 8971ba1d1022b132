"""Where the landmarks of a set lie to one another, learned from labels of which some may be wrong."""

from lib.shapes.model import ShapeError, ShapeJudgement, ShapeModel, judge_by_others

__all__ = ["ShapeError", "ShapeJudgement", "ShapeModel", "judge_by_others"]
