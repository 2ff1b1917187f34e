"""Metrics, evaluation, studies that compare several trainings, and their reports."""
