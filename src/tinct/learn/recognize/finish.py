"""The candidate that was picked, fitted to everything there is to train on, measured and written as a model file."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tinct.color.decoding import softmax
from tinct.data.labelled import Loaded
from tinct.data.pictures import TEST, TRAIN, VAL
from tinct.errors import SettingError
from tinct.learn.recognize.candidates import Fitted, fit_candidate
from tinct.learn.recognize.export import write_classifier
from tinct.learn.recognize.fit import Fitting
from tinct.learn.recognize.trial import Judged, StatisticsCache
from tinct.runtime.classifier import ClassifierCard
from tinct.runtime.scores import Scores, score

TRIAL = 8  # pictures on which the file is compared with what was trained


def finish(
    best: Judged,
    table: list[Judged],
    loaded: Loaded,
    path: Path,
    *,
    fitting: Fitting,
    measured: StatisticsCache,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[ClassifierCard, Scores | None]:
    """Fit the best to everything but the test split, measure it there, and write it.

    Args:
        best: what was picked.
        table: all candidates, for the card.
        path: the .onnx file.
        fitting: how the candidate was trained when it was measured.

    Returns:
        The card, and the scores on the test split if there is one.

    Raises:
        OutputError: the file is there already, or cannot be written.
        ModelError: the file does not say what was trained; it is not kept.
    """
    labelled, outcome = loaded.labelled, best.outcome
    rows = loaded.of(TRAIN, VAL, "")
    if outcome.epochs:
        # As many passes as it had when it was measured, however long they take.
        fitting = replace(fitting, epochs=max(1, round(outcome.epochs)), minutes=None)
    began = time.monotonic()
    values = measured.of(outcome.candidate, loaded.pixels, progress)
    fitted = fit_candidate(
        outcome.candidate,
        loaded.pixels[rows],
        labelled.labels[rows],
        classes=len(labelled.classes),
        fitting=fitting,
        measured=None if values is None else values[rows],
        progress=progress,
    )
    temperature = outcome.temperature(labelled.labels)
    test = loaded.of(TEST)
    scores = None
    if len(test):
        shares = softmax(fitted.logits(loaded.pixels[test]), temperature=temperature)
        scores = score(shares, labelled.labels[test], labelled.classes)
    card = _card(fitted, best, table, loaded, temperature=temperature, test=scores)
    card.training.update(
        seconds=round(time.monotonic() - began, 1),
        seed=fitting.seed,
        epochs=fitting.epochs,
        **_network_settings(fitted, fitting),
    )
    trial = loaded.pixels[rows[:TRIAL]]
    trained: Any = fitted.head if fitted.head is not None else fitted.trained and fitted.trained.network
    write_classifier(trained, card, path, trial=trial, expected=fitted.logits(trial), overwrite=overwrite)
    return card, scores


def _network_settings(fitted: Fitted, fitting: Fitting) -> dict[str, Any]:
    """Return what the card says about a network's training."""
    if fitted.trained is None:
        return {}
    changes = fitting.augmentation
    return {
        "learning_rate": fitting.learning_rate,
        "batch_size": fitting.batch_size,
        "standardize": fitting.standardize,
        "scale": fitting.scale,
        "augmentation": {name: value for name, value in vars(changes).items() if value},
    }


def _card(
    fitted: Fitted,
    best: Judged,
    table: list[Judged],
    loaded: Loaded,
    *,
    temperature: float,
    test: Scores | None,
) -> ClassifierCard:
    from tinct import __version__

    candidate, labelled, scores = fitted.candidate, loaded.labelled, best.scores
    if scores is None:
        raise SettingError(f"{candidate.name} was not measured: {best.outcome.reason}")
    options = dict(candidate.options)
    by = "cross-validation" if best.outcome.folds > 1 else "a fifth kept apart"
    metrics: dict[str, Any] = {
        "measured_on": "the validation split" if VAL in labelled.splits and best.outcome.folds == 1 else by,
        "folds": best.outcome.folds,
        **scores.to_json(),
        "candidates": [each.to_json() for each in table],
    }
    if test is not None:
        metrics["test"] = test.to_json()
    return ClassifierCard(
        name=candidate.name,
        network=candidate.network + (f"/{candidate.head}" if candidate.head else ""),
        classes=list(labelled.classes),
        kind=labelled.kind,
        size=list(loaded.size),
        color_space=candidate.color_space,
        mean=fitted.trained.mean if fitted.trained else [],
        std=fitted.trained.std if fitted.trained else [],
        features=fitted.features.to_card() if fitted.features else None,
        temperature=temperature,
        options={key: Path(value).name if key == "weights" else value for key, value in options.items()},
        metrics=metrics,
        color_tests=best.color_tests,
        data={"place": Path(labelled.place).name, "counts": labelled.counts(), "left_out": len(loaded.left_out)},
        licence="the weights given with --weights are part of this file; their licence holds"
        if candidate.network == "pretrained"
        else "",
        description=f"tells {len(labelled.classes)} classes apart by {candidate.name}",
        tinct=__version__,
        created=datetime.now(UTC).date().isoformat(),
    )
