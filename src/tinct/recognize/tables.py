"""Predictions as a table."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from tinct.errors import OutputError
from tinct.files import written_beside
from tinct.recognize.classifier import Row


def check_table(path: Path, *, overwrite: bool) -> None:
    """Refuse a target before any work.

    Raises:
        OutputError: it is there already, or its folder is not.
    """
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: is there already; use --overwrite or another name")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder does not exist; make it first")


def write_table(rows: Sequence[Row], classes: Sequence[str], path: Path, *, overwrite: bool = False) -> None:
    """Write a CSV table in UTF-8: path, class, probability, that of every class, and an error where there is one.

    Raises:
        OutputError: it is there already, or cannot be written.
    """
    check_table(path, overwrite=overwrite)
    with written_beside(path) as beside, beside.open("w", encoding="utf-8", errors="surrogateescape", newline="") as to:
        writer = csv.writer(to)
        writer.writerow(["path", "class", "probability", *(f"p({name})" for name in classes), "error"])
        for row in rows:
            found = row.prediction
            if found is None:
                writer.writerow([row.path, "", "", *[""] * len(classes), row.message])
                continue
            shares = [f"{found.probabilities[name]:.6f}" for name in classes]
            writer.writerow([row.path, found.label, f"{found.probability:.6f}", *shares, ""])
