"""Landmark files in and out: Slicer markups, JSON results, CSV."""
