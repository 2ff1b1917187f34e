"""Metrics, comparison and reports."""
