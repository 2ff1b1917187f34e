"""A training to colorize, examined together with its photographs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tinct.data.pictures import find_splits
from tinct.data.survey import inspect_data
from tinct.learn.doctor.colorization import examine_training
from tinct.learn.doctor.findings import Diagnosis, in_order
from tinct.learn.settings import Training

# Of more photographs in a split so many are looked at: what spoils a training shows in them.
LOOKED_AT = 400


def examine_with_data(training: Training, *, progress: Callable[[int, int], None] | None = None) -> Diagnosis:
    """Find out why a training to colorize does not learn: its photographs first, then experiments.

    Args:
        training: the training in question.
        progress: called with (done, total).

    Returns:
        The diagnosis; warnings of `tinct.data.survey` are findings among the others. A dataset at an address is not
        looked at, only trained on.

    Raises:
        SettingError: settings that make no sense.
        DataError: no photographs.
        ModelError: weights to start from cannot be read.
    """
    found = examine_training(training, progress=progress)
    if not Path(training.data).is_dir():
        return found
    many = any(len(pictures) > LOOKED_AT for pictures in find_splits(training.data).values())
    report = inspect_data(training.data, limit=LOOKED_AT if many else None, seed=training.seed)
    warnings = [
        each
        for each in report.warnings
        # What says nothing of a training is left to `tinct data`.
        if each.kind not in ("squeezed", "rare-bins", "foreign-bins")
    ]
    return replace(found, findings=in_order([*found.findings, *warnings]))
