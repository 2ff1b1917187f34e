"""Train a recogniser on labelled pictures: try candidates, pick the best, fit it to all pictures, and write it."""

from __future__ import annotations

import hashlib
import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tinct.color.inputs import PICTURE
from tinct.data.labelled import Labelled, Loaded, common_size, find_labelled, load
from tinct.data.pictures import TRAIN
from tinct.errors import DataError, SettingError
from tinct.learn.recognize.candidates import COLOR_STATISTICS, Candidate, Choices, choose_candidates
from tinct.learn.recognize.export import finish
from tinct.learn.recognize.fit import Fitting
from tinct.learn.recognize.folds import Fold, choose_folds
from tinct.learn.recognize.heads import BOOSTING, JOINED
from tinct.learn.recognize.trial import Bench, Judged, Notebook, Outcome, run_trial
from tinct.learn.recognize.yardstick import check_augmentation, learned_in_grey, statistics_ahead
from tinct.runtime.classifier import ClassifierCard
from tinct.runtime.modelfile import check_model_target
from tinct.runtime.scores import Scores

FEW = 5  # a class with fewer pictures gives a warning
BESIDE_SECONDS = 5.0  # time for statistics in grey, or beside networks, even if no other time is left
FEWEST_EPOCHS = 3  # a network that completes fewer in its share of the time is not judged


@dataclass(frozen=True)
class TrainedClassifier:
    """The result of a training.

    Attributes:
        path: the model file.
        card: its card.
        table: all candidates, the best first.
        test: scores on the test split, if there is one.
        left_out: path and reason of each picture that could not be read.
        warnings: for the user.
    """

    path: Path
    card: ClassifierCard
    table: list[Judged]
    test: Scores | None
    left_out: list[tuple[str, str]]
    warnings: list[str]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "model": str(self.path),
            "picked": self.card.name,
            "candidates": [judged.to_json() for judged in self.table],
            "temperature": self.card.temperature,
            "reliability": self.card.metrics["reliability"],
            "color_tests": self.card.color_tests,
            "learned_grey": self.card.metrics.get("learned_grey"),
            "test": self.test.to_json() if self.test else None,
            "left_out": [{"path": path, "reason": reason} for path, reason in self.left_out],
            "warnings": self.warnings,
        }


Progress = Callable[[str, int, int], None]  # called with (what is being done, done, total)


def train_classifier(
    source: str | Path,
    target: str | Path,
    *,
    choices: Choices | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    report: Callable[[Judged], None] | None = None,
) -> TrainedClassifier:
    """Train a classifier of pictures or arrays, and write its model file.

    After an interruption, the same settings continue with the next candidate; a folder beside the target keeps outcomes
    until the end. `source` is as for `find_labelled`; `report` is called with each candidate's row.

    Raises:
        DataError: there are no classes, one class only, a class with one picture only, or no readable picture.
        SettingError: settings make no sense, or augmentation destroys the label.
        ModelError: pretrained weights cannot be read.
        OutputError: the file exists already, or cannot be written.
    """
    began = time.monotonic()
    choices, path = choices or Choices(), Path(target)
    show = progress or (lambda what, done, total: None)
    check_model_target(path, overwrite=overwrite)
    labelled = find_labelled(source)
    size = choices.size or common_size(labelled)
    candidates = choose_candidates(labelled.kind, choices, size=size)
    loaded, warnings = _read(labelled, size, show)
    folds = choose_folds(loaded, choices.folds, warnings)
    if any(candidate.network != COLOR_STATISTICS for candidate in candidates):  # statistics see no changed pictures
        change = choices.fitting.augmentation
        warnings += check_augmentation(change, loaded, folds[0], force=choices.force, seed=choices.seed)
    notebook = Notebook(path.with_name(f"{path.name}.progress"), of=f"{_digest(loaded, folds)} {choices.minutes}")
    search = _Search(candidates, Bench(loaded, folds), choices, notebook, began=began, show=show, report=report)
    table, learned_grey = search.run()
    warnings += statistics_ahead(table, loaded, folds, seed=choices.seed, seconds=search.seconds_left())
    picked = table[0].outcome.candidate
    card, test = finish(
        table,
        search.bench,
        path,
        learned_grey=learned_grey,
        fitting=choices.fitting_for(picked, pictures=len(folds[0].train)),
        overwrite=overwrite,
        progress=partial(show, f"Fitting {picked.name} to all"),
    )
    shutil.rmtree(notebook.folder, ignore_errors=True)
    return TrainedClassifier(path, card, table, test, loaded.left_out, warnings)


def _read(labelled: Labelled, size: tuple[int, int], show: Progress) -> tuple[Loaded, list[str]]:
    """Read the pictures; return them with warnings about classes that have few."""
    loaded = load(labelled, size=size, progress=partial(show, "Reading"))
    counts = loaded.labelled.part(np.isin(loaded.labelled.splits, (TRAIN, ""))).counts()
    for name, count in counts.items():
        if count < 2:
            few = "only one readable picture" if count else "no readable picture"
            raise DataError(
                f"{labelled.place}: the class '{name}' has {few} to train on; add others, or move its folder away"
            )
    warnings = [f"'{name}' holds no pictures, so it is not a class" for name in labelled.empty]
    if labelled.films:
        what = "a film lies" if len(labelled.films) == 1 else f"{len(labelled.films)} films lie"
        warnings.append(
            f"{what} beside the pictures and {'is' if len(labelled.films) == 1 else 'are'} not read, such as "
            f"{labelled.films[0]}; to use them, save single frames as pictures"
        )
    if small := [repr(name) for name, count in counts.items() if count < FEW]:
        warnings.append(f"{', '.join(small)}: fewer than {FEW} pictures to train on, which is too few to learn a class")
    warnings += _in_two_classes(loaded)
    if min(counts.values()) * 10 < max(counts.values()):
        least, most = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
        warnings.append(
            f"'{least}' has {counts[least]} pictures and '{most}' {counts[most]}: classes are weighted equally, but "
            "few pictures show little of a class"
        )
    return loaded, warnings


def _in_two_classes(loaded: Loaded) -> list[str]:
    first: dict[bytes, int] = {}
    pairs = []
    labels, paths = loaded.labelled.labels, loaded.labelled.paths
    for row, pixels in enumerate(loaded.compared):
        digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).digest()
        earlier = first.setdefault(digest, row)
        if labels[earlier] != labels[row] and paths[earlier].read_bytes() == paths[row].read_bytes():
            pairs.append((paths[earlier], paths[row]))
    if not pairs:
        return []
    are = "file is" if len(pairs) == 1 else "files are"
    return [f"{len(pairs)} {are} in two classes at once, such as {pairs[0][0]} and {pairs[0][1]}: one label is wrong"]


def _digest(loaded: Loaded, folds: list[Fold]) -> str:
    """Return a hash of what outcomes depend on: the pictures as read, their labels, the folds."""
    digest = hashlib.sha256(np.ascontiguousarray(loaded.pixels).tobytes())
    digest.update(repr((loaded.pixels.shape, loaded.labelled.classes, loaded.labelled.labels.tolist())).encode())
    for fold in folds:
        digest.update(fold.train.tobytes() + b"|" + fold.val.tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class _Task:
    """A candidate to be tried."""

    candidate: Candidate
    fitting: Fitting
    kept: Outcome | None  # its outcome in an earlier run


class _Search:
    """Tries candidates within the time, the quick ones first, unless an earlier run has kept their outcomes."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        bench: Bench,
        choices: Choices,
        notebook: Notebook,
        *,
        began: float,
        show: Progress,
        report: Callable[[Judged], None] | None,
    ) -> None:
        """Set what is tried; `began` is the time of `time.monotonic` from which the time counts."""
        self.bench, self._choices, self._notebook = bench, choices, notebook
        self._tasks = []
        for candidate in candidates:
            fitting = choices.fitting_for(candidate, pictures=len(bench.folds[0].train))
            self._tasks.append(_Task(candidate, fitting, notebook.find(candidate, fitting)))
        self._show, self._report = show, report
        seconds = 60 * choices.time_for(len(bench.loaded.pixels))
        self._deadline = began + seconds - sum(task.kept.seconds for task in self._tasks if task.kept)
        self._assured = seconds / 2  # for quick statistics, however long reading took

    def run(self) -> tuple[list[Judged], float | None]:
        """Try plain statistics, grey pictures and, if needed, slow candidates.

        Returns:
            The table, with the candidate to be picked first, and the accuracy in grey.

        Raises:
            SettingError: no candidate could be measured.
        """
        bench, choices = self.bench, self._choices
        quick = sum(self._is_plain(task.candidate) for task in self._tasks)
        table = self._try_all(self._tasks[:quick])
        learned_grey = None
        if bench.loaded.labelled.kind == PICTURE:
            seconds = self.seconds_left()
            learned_grey = learned_in_grey(bench.loaded, bench.folds, seed=choices.seed, seconds=seconds)
        all_right = any(judged.scores is not None and judged.scores.accuracy == 1 for judged in table)
        if all_right and choices.networks is None and choices.minutes is None:
            reason = "not needed, since statistics are right on every picture; to try it, use --network or --time"
            table += [self._judged(bench.unfit(task.candidate, reason)) for task in self._tasks[quick:]]
        else:
            table += self._try_all(self._tasks[quick:])
        table.sort(key=lambda judged: judged.rank)
        if table[0].scores is None or table[0].outcome.reason:
            raise SettingError(f"no candidate could be tried: {table[0].outcome.reason}")
        return _steady_first(table), learned_grey

    def seconds_left(self) -> float:
        """Return the seconds for statistics in addition to the candidates."""
        return max(self._deadline - time.monotonic(), BESIDE_SECONDS)

    def _try_all(self, tasks: list[_Task]) -> list[Judged]:
        """Measure candidates; the first is always completed."""
        table: list[Judged] = []
        slow = sum(_is_slow(task.candidate) for task in tasks)
        for task in tasks:
            candidate, outcome = task.candidate, task.kept
            if outcome is None:
                # The last share is for fitting the picked candidate to all pictures.
                left = max(0.0, self._deadline - time.monotonic()) / 60
                if self._is_plain(candidate):
                    left = math.inf if task is tasks[0] else max(left, self._assured / 60)
                outcome = run_trial(
                    candidate,
                    self.bench,
                    fitting=task.fitting,
                    minutes=left / (slow + 1) if _is_slow(candidate) else left,
                    fewest=FEWEST_EPOCHS,
                    progress=partial(self._show, candidate.name),
                )
                if not outcome.reason:
                    self._notebook.keep(outcome, candidate, task.fitting)
            self.bench.keep(outcome)
            slow -= _is_slow(candidate)
            table.append(self._judged(outcome))
        return table

    def _judged(self, outcome: Outcome) -> Judged:
        judged = self.bench.judge(outcome)
        if self._report:
            self._report(judged)
        return judged

    def _is_plain(self, candidate: Candidate) -> bool:
        """Return whether a candidate is quick, and uses the statistics that are measured first."""
        return not _is_slow(candidate) and candidate.color_space == self._tasks[0].candidate.color_space


def _is_slow(candidate: Candidate) -> bool:
    """Return whether a candidate needs a share of the time, not only a moment."""
    return candidate.network != COLOR_STATISTICS or candidate.head == BOOSTING


def _steady_first(table: list[Judged]) -> list[Judged]:
    """Return the table with joined statistics first, if the best candidate is ahead of them by no more than chance.

    With few pictures, the best of many candidates is often only lucky; an average of several depends less on luck.
    """
    best = table[0].scores
    assert best is not None
    count = int(best.confusion.sum())
    share = min(max(best.balanced, 1 / count), 1 - 1 / count)
    lead = math.sqrt(share * (1 - share) / count)
    for place, judged in enumerate(table):
        if judged.scores is None or judged.outcome.candidate.head != JOINED:
            continue
        if best.balanced - judged.scores.balanced <= lead:
            return [judged, *table[:place], *table[place + 1 :]]
    return table
