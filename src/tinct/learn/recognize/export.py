"""Fit the candidate that was picked to all training pictures, measure it, and write it as a model file."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn

from tinct.color.decoding import softmax
from tinct.color.spaces import FloatArray
from tinct.data.labelled import Loaded
from tinct.data.pictures import TEST, TRAIN, VAL
from tinct.learn.graph import network_graph, write_model
from tinct.learn.networks.recognizers import PRETRAINED
from tinct.learn.recognize.candidates import Fitted, fit_candidate
from tinct.learn.recognize.fit import Fitting
from tinct.learn.recognize.graphs import head_graph
from tinct.learn.recognize.heads import Head
from tinct.learn.recognize.trial import Bench, Judged
from tinct.runtime.classifier import ClassifierCard, ClassifierSession
from tinct.runtime.modelfile import check_model_target
from tinct.runtime.scores import Scores, score

TRIAL = 8  # pictures on which the file's logits are compared with those of the trained classifier
AGREEMENT = 1e-5  # largest difference for a head on statistics
NETWORK_AGREEMENT = 1e-3  # largest difference for a network


def finish(
    table: list[Judged],
    bench: Bench,
    path: Path,
    *,
    fitting: Fitting,
    learned_grey: float | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[ClassifierCard, Scores | None]:
    """Fit the first of a table, the best, to everything but the test split, measure it there, and write it.

    `fitting` is how it was trained when it was measured; `learned_grey` is the balanced accuracy of statistics fitted
    to grey pictures, for the card.

    Returns:
        The card, and the scores on the test split if there is one.

    Raises:
        OutputError: the file exists already, or cannot be written.
        ModelError: the file's logits differ from those of the trained classifier; it is not kept.
    """
    loaded, labels, classes, outcome = bench.loaded, bench.labels, bench.classes, table[0].outcome
    rows = loaded.of(TRAIN, VAL, "")
    if outcome.epochs:
        # As many passes as when it was measured, however long they take.
        fitting = replace(fitting, epochs=max(1, round(outcome.epochs)), minutes=None)
    began = time.monotonic()
    values = bench.statistics(outcome.candidate, progress)
    fitted = fit_candidate(
        outcome.candidate,
        loaded.pixels[rows],
        labels[rows],
        classes=len(classes),
        fitting=fitting,
        measured=None if values is None else values[rows],
        progress=progress,
    )
    temperature = outcome.temperature(labels)
    test = loaded.of(TEST)
    scores = None
    if len(test):
        shares = softmax(fitted.logits(loaded.pixels[test]), temperature=temperature)
        scores = score(shares, labels[test], classes)
    card = _card(fitted, table, loaded, temperature=temperature, test=scores, learned_grey=learned_grey)
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
    if fitted.trained is None:
        return dict(fitted.candidate.options)
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
    table: list[Judged],
    loaded: Loaded,
    *,
    temperature: float,
    test: Scores | None,
    learned_grey: float | None,
) -> ClassifierCard:
    from tinct import __version__

    candidate, labelled, best = fitted.candidate, loaded.labelled, table[0]
    assert best.scores is not None  # a candidate that could not be measured is never picked
    measured_on = "cross-validation" if best.outcome.folds > 1 else "a held-out fifth"
    if VAL in labelled.splits and best.outcome.folds == 1:
        measured_on = "the validation split"
    metrics: dict[str, Any] = {
        "measured_on": measured_on,
        "folds": best.outcome.folds,
        **best.scores.to_json(),
        "candidates": [judged.to_json() for judged in table],
    }
    if learned_grey is not None:
        metrics["learned_grey"] = round(learned_grey, 4)
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
        options={key: Path(value).name if key == "weights" else value for key, value in candidate.options.items()},
        metrics=metrics,
        color_tests=best.color_tests,
        data={"place": Path(labelled.place).name, "counts": labelled.counts(), "left_out": len(loaded.left_out)},
        licence="the weights given with --weights are part of this file; their licence applies"
        if candidate.network == PRETRAINED
        else "",
        description=f"tells {len(labelled.classes)} classes apart by {candidate.name}",
        tinct=__version__,
        created=datetime.now(UTC).date().isoformat(),
    )


def write_classifier(
    trained: Head | nn.Module,
    card: ClassifierCard,
    path: str | Path,
    *,
    trial: NDArray[Any],
    expected: FloatArray,
    overwrite: bool = False,
) -> None:
    """Write a model file, if its logits for some pictures are those of the trained classifier.

    Args:
        trained: a head on statistics, or a network that takes standardised channels (N, C, H, W).
        card: the card.
        path: the .onnx file.
        trial: pictures to compare on, as for `tinct.runtime.classifier.graph_input`.
        expected: (N, classes) logits of `trained` on them.
        overwrite: replace an existing file.

    Raises:
        SettingError: the path does not end in .onnx.
        OutputError: the file exists already, or cannot be written.
        ModelError: the logits differ; the file is not kept.
    """
    check_model_target(Path(path), overwrite=overwrite)
    tolerance = AGREEMENT
    if not isinstance(trained, nn.Module):
        model = head_graph(trained)
    else:
        example = torch.zeros(2, len(card.mean), *card.size)
        shapes = {0: torch.export.Dim("batch", min=1)}
        model = network_graph(
            trained.eval(), (example,), input_names=["pixels"], output_names=["logits"], dynamic_shapes=(shapes,)
        )
        tolerance = NETWORK_AGREEMENT
    write_model(
        model,
        card,
        Path(path),
        trials=lambda file: [(expected, ClassifierSession(file).logits(trial))],
        tolerance=tolerance,
    )
