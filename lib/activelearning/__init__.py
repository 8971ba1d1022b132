"""Strategies that choose the next radiograph to annotate."""

from monailabel.tasks.activelearning.first import First

from lib.activelearning.least_shown import LeastShown

__all__ = ["First", "LeastShown"]
