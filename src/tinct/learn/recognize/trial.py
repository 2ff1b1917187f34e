"""Measure a candidate on pictures that it was not trained on, and keep the outcome for a run that is continued."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.decoding import softmax
from tinct.color.inputs import COLOR_TESTS, PICTURE
from tinct.color.spaces import FloatArray
from tinct.data.labelled import Loaded
from tinct.errors import SettingError
from tinct.files import make_folder, written_beside
from tinct.learn.recognize.candidates import COLOR_STATISTICS, Candidate, Fitted, features_of, fit_candidate
from tinct.learn.recognize.fit import Fitting
from tinct.learn.recognize.folds import Fold
from tinct.learn.recognize.heads import (
    JOINED,
    LOGISTIC,
    PARTS,
    SHARES,
    STRENGTHS,
    join_logits,
    measure_all,
    seconds_to_measure,
)
from tinct.runtime.scores import Scores, balanced, fit_temperature, score

COLOR_TESTED = 300  # pictures that are also tried in grey and with rotated hues, at most


@dataclass(frozen=True)
class Outcome:
    """How good a candidate is.

    Attributes:
        candidate: that was measured.
        rows: (M,) indices of the pictures it was measured on, each by a fit that had not seen it; empty if it could not
            be tried.
        logits: (M, classes) of these pictures.
        tested: (T,) indices of those also tried in grey and with hues rotated.
        altered: `plain`, `grey`, or `hue 30` and so on (in degrees) -> logits (T, classes) of the latter.
        folds: number of times it was fitted.
        epochs: passes over the pictures in one fit, on average; 0 for statistics.
        seconds: for all fits.
        reason: why it could not be tried; empty if it could.
    """

    candidate: Candidate
    rows: NDArray[np.intp]
    logits: FloatArray
    tested: NDArray[np.intp]
    altered: dict[str, FloatArray]
    folds: int = 0
    epochs: float = 0.0
    seconds: float = 0.0
    reason: str = ""

    def temperature(self, labels: NDArray[np.intp]) -> float:
        """Return the temperature at which the measured logits are calibrated."""
        return fit_temperature(self.logits, labels[self.rows])

    def scores(self, labels: NDArray[np.intp], classes: tuple[str, ...]) -> Scores:
        """Return the scores at that temperature."""
        shares = softmax(self.logits, temperature=self.temperature(labels))
        return score(shares, labels[self.rows], classes)

    def color_tests(self, labels: NDArray[np.intp]) -> dict[str, float]:
        """Return the balanced accuracy on plain and grey pictures and with rotated hues; empty for arrays."""
        truth = labels[self.tested]
        return {name: balanced(logits.argmax(axis=1), truth) for name, logits in self.altered.items()}


@dataclass(frozen=True)
class Judged:
    """A row of the table of candidates."""

    outcome: Outcome
    scores: Scores | None  # None if it could not be tried
    color_tests: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        facts: dict[str, Any] = {"candidate": self.outcome.candidate.name, "seconds": round(self.outcome.seconds, 1)}
        if self.outcome.reason:
            facts["reason"] = self.outcome.reason
        if self.scores is None:
            return facts
        names = ("accuracy", "balanced", "log_loss", "calibration_error")
        return {
            **facts,
            **{name: round(getattr(self.scores, name), 4) for name in names},
            "interval": [round(end, 4) for end in self.scores.interval],
            "epochs": self.outcome.epochs,
            "color_tests": {name: round(value, 4) for name, value in self.color_tests.items()},
        }

    @property
    def rank(self) -> tuple[float, float]:
        """Key that sorts by balanced accuracy, then log loss, the best first; those that were not tried are last."""
        if self.scores is None or self.outcome.reason:
            return (1.0, 0.0)
        return (-round(self.scores.balanced, 4), self.scores.log_loss)


class Bench:
    """Pictures and their folds, on which candidates are measured; what several candidates need is measured once.

    Attributes:
        loaded: the pictures.
        folds: of the pictures.
        labels: (N,) classes of the pictures.
        classes: their names.
    """

    def __init__(self, loaded: Loaded, folds: list[Fold]) -> None:
        self.loaded = loaded
        self.folds = folds
        self.labels, self.classes = loaded.labelled.labels, loaded.labelled.classes
        self._statistics: dict[str, FloatArray] = {}  # colour space -> (N, features)
        self._altered: dict[tuple[str, str, int], FloatArray] = {}  # colour space, change, fold -> (T, features)
        self._outcomes: dict[tuple[str, str], Outcome] = {}  # colour space, head -> outcome

    def statistics(
        self,
        candidate: Candidate,
        progress: Callable[[int, int], None] | None = None,
        *,
        seconds: float | None = None,
    ) -> FloatArray | None:
        """Return (N, features) of all pictures for a candidate on statistics; None for other candidates.

        Raises:
            SettingError: measuring them would take longer than `seconds`.
        """
        if candidate.network != COLOR_STATISTICS:
            return None
        if candidate.color_space not in self._statistics:
            pixels = self.loaded.pixels
            features = features_of(candidate, pixels)
            if seconds is not None and (needed := seconds_to_measure(pixels, features)) > seconds:
                raise SettingError(f"measuring {len(pixels)} pictures would take {needed:.0f} s; give more --time")
            self._statistics[candidate.color_space] = measure_all(pixels, features, progress=progress)
        return self._statistics[candidate.color_space]

    def keep(self, outcome: Outcome) -> None:
        """Keep the outcome of a candidate, if it could be tried, for candidates that join it with others."""
        if not outcome.reason:
            self._outcomes[outcome.candidate.color_space, outcome.candidate.head] = outcome

    def judge(self, outcome: Outcome) -> Judged:
        """Return an outcome with its scores."""
        scores = outcome.scores(self.labels, self.classes) if len(outcome.rows) else None
        return Judged(outcome, scores, outcome.color_tests(self.labels))

    def unfit(self, candidate: Candidate, reason: str, *, seconds: float = 0.0) -> Outcome:
        """Return the outcome of a candidate that could not be tried."""
        none, logits = np.zeros(0, dtype=np.intp), np.zeros((0, len(self.classes)), dtype=np.float32)
        return Outcome(candidate, none, logits, none, {}, seconds=seconds, reason=reason)

    def joined(self, candidate: Candidate) -> Outcome | None:
        """Return the outcome of a candidate that joins others, from their outcomes; None if these are missing.

        Of all `SHARES`, those with the lowest log loss are used.
        """
        if candidate.head != JOINED:
            return None
        began = time.monotonic()
        parts = [self._outcomes.get((candidate.color_space, head)) for head in PARTS]
        tried = []
        for shares in SHARES:
            chosen = [(part, share) for part, share in zip(parts, shares, strict=True) if share]
            outcomes = [part for part, _ in chosen if part is not None]
            if len(outcomes) < len(chosen):
                continue
            first = outcomes[0]
            join = partial(join_logits, shares=[share for _, share in chosen])
            tried.append(
                replace(
                    first,
                    candidate=replace(candidate, options={**first.candidate.options, "shares": list(shares)}),
                    logits=join([part.logits for part in outcomes]),
                    altered={name: join([part.altered[name] for part in outcomes]) for name in first.altered},
                )
            )
        return replace(self.best(tried), seconds=time.monotonic() - began) if tried else None

    def best(self, outcomes: Iterable[Outcome]) -> Outcome:
        """Return the outcome with the lowest log loss."""
        return min(outcomes, key=lambda outcome: outcome.scores(self.labels, self.classes).log_loss)

    def measure(self, fitted: Fitted, number: int) -> _Measured:
        """Measure a candidate that was fitted to the training part of fold `number` on the rest of it.

        Returns:
            The rows measured and their logits; and for pictures, some of the rows and, for each change of colours,
            their logits.
        """
        pixels, held_out = self.loaded.pixels, self.folds[number].val
        values = self.statistics(fitted.candidate)

        def logits(rows: NDArray[np.intp]) -> FloatArray:
            if values is not None and fitted.head is not None:
                return fitted.head.logits(values[rows])
            return fitted.logits(pixels[rows])

        def altered(change: str) -> FloatArray:
            if fitted.head is None:
                return fitted.logits(COLOR_TESTS[change](pixels[tested]))
            key = (fitted.candidate.color_space, change, number)
            if key not in self._altered:
                changed = COLOR_TESTS[change](pixels[tested])
                self._altered[key] = measure_all(changed, features_of(fitted.candidate, changed))
            return fitted.head.logits(self._altered[key])

        if self.loaded.labelled.kind != PICTURE:
            return held_out, logits(held_out), np.zeros(0, dtype=np.intp), {}
        order = np.random.default_rng(number).permutation(held_out)
        tested = np.sort(order[: max(1, COLOR_TESTED // len(self.folds))])
        changes = {"plain": logits(tested), **{change: altered(change) for change in COLOR_TESTS}}
        return held_out, logits(held_out), tested, changes


_Measured = tuple[NDArray[np.intp], FloatArray, NDArray[np.intp], dict[str, FloatArray]]


def run_trial(
    candidate: Candidate,
    bench: Bench,
    *,
    fitting: Fitting,
    minutes: float | None = None,
    fewest: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Fit a candidate to the training part of each fold and measure it on the rest, or say why it could not be tried.

    A logistic regression on statistics is measured with several strengths of its ridge, of which the one with the
    lowest log loss is used. A joined candidate is computed from the outcomes that the bench keeps.

    Args:
        candidate: to be measured.
        bench: the pictures and folds.
        fitting: how networks are trained.
        minutes: for all its fits; of statistics, only boosting is stopped.
        fewest: passes over the pictures that a network must complete in that time.
        progress: called with (done, total).
    """
    if minutes is not None and minutes <= 0:
        return bench.unfit(candidate, "no time was left; give more --time")
    if joined := bench.joined(candidate):
        return joined
    began = time.monotonic()
    if minutes is not None:
        fitting = replace(fitting, minutes=minutes / len(bench.folds))
    tried = [candidate]
    if candidate.head == LOGISTIC and not candidate.options:
        tried = [replace(candidate, options={"strength": strength}) for strength in STRENGTHS]
    try:
        bench.statistics(candidate, progress, seconds=None if minutes is None else 60 * minutes)
        outcomes = [_measure_folds(one, bench, fitting, fewest, progress) for one in tried]
    except SettingError as error:
        return bench.unfit(candidate, str(error), seconds=time.monotonic() - began)
    outcome = bench.best(outcomes) if len(outcomes) > 1 else outcomes[0]
    return replace(outcome, seconds=time.monotonic() - began)


def _measure_folds(
    candidate: Candidate,
    bench: Bench,
    fitting: Fitting,
    fewest: int,
    progress: Callable[[int, int], None] | None,
) -> Outcome:
    """Return the outcome of a candidate in all folds, or raise a SettingError if it cannot be fitted (in its time)."""
    values, count = bench.statistics(candidate), len(bench.folds)
    parts, epochs = [], []
    for number, fold in enumerate(bench.folds):
        fitted = fit_candidate(
            candidate,
            bench.loaded.pixels[fold.train],
            bench.labels[fold.train],
            classes=len(bench.classes),
            fitting=fitting,
            measured=None if values is None else values[fold.train],
            fewest=fewest,
            progress=_part(progress, number, count),
        )
        epochs.append(fitted.epochs)
        parts.append(bench.measure(fitted, number))
    rows, logits, tested, altered = zip(*parts, strict=True)
    return Outcome(
        candidate,
        np.concatenate(rows),
        np.concatenate(logits),
        np.concatenate(tested),
        {name: np.concatenate([changed[name] for changed in altered]) for name in altered[0]},
        count,
        float(np.mean(epochs)),
    )


def _part(progress: Callable[[int, int], None] | None, number: int, folds: int) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, folds * total)


class Notebook:
    """Outcomes on disk, so that an interrupted training continues with the next candidate."""

    def __init__(self, folder: Path, *, of: str) -> None:
        """Open a notebook in a folder, which is made when the first outcome is kept.

        Only outcomes that were kept with the same `of` are found: what they depend on (data, folds, settings).
        """
        self.folder = folder
        self._of = of

    def find(self, candidate: Candidate, fitting: Fitting) -> Outcome | None:
        """Read a candidate's outcome; None if it was not kept, or is damaged."""
        path = self._path(candidate, fitting)
        try:
            with np.load(path, allow_pickle=False) as stored:
                facts = json.loads(str(stored["facts"]))
                altered = {name: stored[f"altered {name}"] for name in facts.pop("altered")}
                candidate = replace(candidate, options=facts.pop("options"))
                return Outcome(candidate, stored["rows"], stored["logits"], stored["tested"], altered, **facts)
        except (OSError, ValueError, KeyError, EOFError):
            return None

    def keep(self, outcome: Outcome, candidate: Candidate, fitting: Fitting) -> None:
        """Write an outcome, under the candidate that was asked for; the outcome's candidate may have more options.

        Raises:
            OutputError: it cannot be written.
        """
        make_folder(self.folder)
        facts = {name: getattr(outcome, name) for name in ("folds", "epochs", "seconds", "reason")}
        facts |= {"altered": list(outcome.altered), "options": outcome.candidate.options}
        with written_beside(self._path(candidate, fitting)) as beside, beside.open("wb") as stream:
            np.savez(
                stream,
                facts=np.array(json.dumps(facts)),
                rows=outcome.rows,
                logits=outcome.logits,
                tested=outcome.tested,
                **{f"altered {name}": values for name, values in outcome.altered.items()},  # type: ignore[arg-type]
            )

    def _path(self, candidate: Candidate, fitting: Fitting) -> Path:
        facts = json.dumps([self._of, asdict(candidate), asdict(fitting)], sort_keys=True)
        return self.folder / f"{hashlib.sha256(facts.encode()).hexdigest()[:24]}.npz"
