"""Metrics, reports and pictures of predictions."""
