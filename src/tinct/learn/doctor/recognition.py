"""The examination of a labelled folder and of a training on it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinct.color.inputs import PICTURE, input_space
from tinct.data.duplicates import near_duplicates
from tinct.data.file_losses import grey_pictures, look_at_files, twins
from tinct.data.labelled import Labelled, Loaded, common_size, find_labelled, load
from tinct.data.pictures import TEST, TRAIN, VAL
from tinct.errors import DataError, SettingError
from tinct.learn.doctor.about_data import data_findings
from tinct.learn.doctor.about_training import training_findings
from tinct.learn.doctor.changes import ChangeFacts, Split, try_changes
from tinct.learn.doctor.evidence import range_line
from tinct.learn.doctor.examination import Examination, experiment
from tinct.learn.doctor.findings import Diagnosis, Finding, in_order, percent
from tinct.learn.doctor.plain import (
    check_labels,
    feature_sets,
    how_it_fails,
    learning_curve,
    named_by_statistics,
    side_by_side,
    space_sets,
    with_interval,
)
from tinct.learn.doctor.trials import STEPS, Setup
from tinct.learn.recognize.candidates import COLOR_STATISTICS

EXPERIMENTS = 14  # about as many as there are; shown as the whole of the progress
READ = 3000  # pictures read, at most: faults show in a part of the pictures too
TRAINED = 200  # pictures of a class that a short training learns from, at most
MOST_TRAINED = 800  # in all
MEASURED = 100  # pictures of a class that it is measured on, at most
MOST_MEASURED = 300  # in all


def examine(
    source: str | Path,
    *,
    setup: Setup | None = None,
    steps: int = STEPS,
    progress: Callable[[int, int], None] | None = None,
) -> Diagnosis:
    """Find out whether a training on labelled pictures learns and, if it does not, why.

    Args:
        source: the pictures, as for `tinct.data.labelled.find_labelled`.
        setup: the training in question.
        steps: of each short training, at most; costly networks get fewer.
        progress: called with (done, total) experiments.

    Returns:
        The diagnosis. The same seed gives the same diagnosis.

    Raises:
        DataError: there are no pictures, one class only, or a class with one picture only.
        SettingError: settings that make no sense.
        ModelError: pretrained weights cannot be read.
    """
    began = time.perf_counter()
    setup = setup or Setup()
    if steps < 1:
        raise SettingError(f"experiments need at least 1 step, not {steps}")
    done = count(1)

    def tick() -> None:
        if progress:
            progress(min(next(done), EXPERIMENTS), EXPERIMENTS)

    examined = look_at_data(source, setup, tick=tick)
    if examined.setup.network != COLOR_STATISTICS:
        experiment(examined, steps=steps, tick=tick)
    findings = list(data_findings(examined))
    if examined.asked is not None and examined.setup.learns_by_steps:
        findings += training_findings(examined)
    findings = in_order(findings)
    return Diagnosis(
        subject=str(source),
        setup={**examined.setup.to_json(), "size": list(examined.loaded.size)},
        verdict=_verdict(examined, findings),
        facts=_facts(examined),
        findings=findings,
        measurements=examined.to_json(),
        seconds=time.perf_counter() - began,
    )


def look_at_data(source: str | Path, setup: Setup, *, tick: Callable[[], None]) -> Examination:
    """Measure everything that needs no network; arguments as for `examine`."""
    loaded, counts = _read(source, setup)
    labelled, classes = loaded.labelled, len(counts)
    if labelled.kind != PICTURE:
        setup = replace(setup, color_space="")
    tick()
    groups = near_duplicates(loaded.compared)
    split = choose_split(loaded, groups, np.random.default_rng(setup.fitting.seed))
    tick()
    some = np.concatenate([split.train, split.val])
    labels = labelled.labels
    sets = feature_sets(loaded.pixels[some])
    tick()
    test = check_labels(sets, labels[some], classes=classes, seed=setup.fitting.seed)
    spaces = None
    if labelled.kind == PICTURE:
        spaces = check_labels(space_sets(loaded.pixels[some]), labels[some], classes=classes)
    best = sets[int(np.argmax(test.accuracies))]
    tick()
    train, val = np.split(side_by_side(sets), [len(split.train)])
    reference = named_by_statistics(train, labels[split.train], val, classes=classes) == labels[split.val]
    changes: list[ChangeFacts] = []
    if setup.network != COLOR_STATISTICS:
        change = setup.fitting.augmentation
        changes = try_changes(loaded.pixels, labels, split, change, classes=classes, plain=reference)
    tick()
    return Examination(
        truth=labels[split.val],
        test=test,
        reference=reference,
        loaded=loaded,
        setup=setup,
        counts=counts,
        groups=groups,
        twins=twins(loaded.pixels, labels, groups),
        grey=grey_pictures(loaded.pixels) if labelled.kind == PICTURE else np.zeros(len(labels), dtype=bool),
        files=look_at_files(labelled) if labelled.kind == PICTURE else None,
        split=split,
        spaces=spaces,
        curve=learning_curve(best.values, labels[some], classes=classes),
        changes=changes,
    )


def _read(source: str | Path, setup: Setup) -> tuple[Loaded, dict[str, int]]:
    """Read the pictures, at most `READ`; return them, and how many there are of each class."""
    labelled = find_labelled(source)
    counts = labelled.counts()
    if labelled.kind == PICTURE:
        input_space(setup.color_space)
    if len(labelled.paths) > READ:
        labelled = labelled.part(_some(labelled, READ, np.random.default_rng(setup.fitting.seed)))
    return load(labelled, size=setup.size or common_size(labelled)), counts


def _some(labelled: Labelled, count: int, random: np.random.Generator) -> NDArray[np.bool_]:
    """Return which pictures to read: equally many of each class, all of a rare class."""
    chosen = np.zeros(len(labelled.paths), dtype=bool)
    share = math.ceil(count / len(labelled.classes))
    for label in range(len(labelled.classes)):
        chosen[random.permutation(np.flatnonzero(labelled.labels == label))[:share]] = True
    return chosen


def choose_split(loaded: Loaded, groups: NDArray[np.intp], random: np.random.Generator) -> Split:
    """Choose pictures to train on and to measure on: by the given splits, or a third to measure on; without copies.

    Raises:
        DataError: a class has too few pictures that are not copies.
    """
    labelled = loaded.labelled
    classes = len(labelled.classes)
    alone = groups == np.arange(len(groups))
    many, few = max(2, min(TRAINED, MOST_TRAINED // classes)), max(1, min(MEASURED, MOST_MEASURED // classes))
    kept = [split for split in (VAL, TEST) if (np.array(labelled.splits) == split).any()]
    train: list[int] = []
    val: list[int] = []
    for label, name in enumerate(labelled.classes):
        inside = random.permutation(np.flatnonzero(alone & (labelled.labels == label)))
        if kept:
            to_train = [index for index in inside if labelled.splits[index] in ("", TRAIN)]
            to_measure = [index for index in inside if labelled.splits[index] == kept[0]]
        else:
            third = max(1, len(inside) // 3)
            to_train, to_measure = list(inside[third:]), list(inside[:third])
        if not to_train or (not kept and len(inside) < 2):
            raise DataError(
                f"{labelled.place}: class '{name}' has {len(inside)} picture{'s' * (len(inside) != 1)} to train on, "
                "not counting copies; give it at least two, or leave it out"
            )
        train += to_train[:many]
        val += to_measure[:few]
    if not val:
        raise DataError(f"{labelled.place}: no pictures to measure on; put some into val/")
    # Shuffled, so that the first of them show all classes.
    return Split(random.permutation(np.array(train, dtype=np.intp)), random.permutation(np.array(val, dtype=np.intp)))


def _verdict(examined: Examination, findings: list[Finding]) -> str:
    if examined.asked is None:
        word = "colour statistics are fitted directly, without a training that could go wrong"
        return f"{word}; {findings[0].title}" if findings else f"{word}; the data are fine"
    steps = f"in a training of {examined.steps} steps" if examined.steps else "in a short training"
    reached = f"{with_interval(examined.asked.right)} right {steps}"
    if not examined.failing:
        plain = f"plain statistics reach {percent(float(examined.reference.mean()))}"
        return f"it learns: {reached}; {plain}"
    start = how_it_fails(examined.asked.right, examined.chance, measured_on="pictures")
    why = findings[0].title if findings else "no experiment shows why"
    return f"{start}: {reached}; {why}"


def _facts(examined: Examination) -> list[str]:
    test = examined.test
    lines = [
        f"{sum(examined.counts.values()):,} pictures, {examined.classes} classes; short trainings used "
        f"{len(examined.split.train)} pictures and were measured on {len(examined.split.val)} others, "
        f"at {examined.loaded.size[0]}x{examined.loaded.size[1]} pixels",
        f"chance is {percent(examined.chance)}; plain statistics, fitted to the same pictures, reach "
        f"{percent(float(examined.reference.mean()))}",
    ]
    best = sorted(zip(test.accuracies, test.names, strict=True), reverse=True)
    lines.append(
        "leave-one-out: " + ", ".join(f"{name} {percent(value)}" for value, name in best) + f" (p = {test.p:.3f})"
    )
    if examined.probed.range is not None:
        lines.append(f"rates: {range_line(examined.probed.range)}")
    if examined.asked is not None and examined.setup.learns_by_steps:
        known = next((heart for heart in examined.probed.hearts if heart.known), None)
        if known:
            lines.append(f"one batch was learned by heart in {len(known.losses)} steps ({known.name})")
        elif examined.failing:
            lines.append("no attempt learned one batch by heart")
        else:
            lines.append("one batch was not learned by heart in so few steps, but the training learns")
        place = "the whole picture" if examined.seen.joined else f"{examined.seen.pixels} pixels at once, then pools"
        lines.append(f"the network sees {place}")
    return lines
