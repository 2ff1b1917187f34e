"""Compute the results of a study, and write them as tables."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tinct.color.bins import ColorBins
from tinct.data.pictures import find_pictures
from tinct.errors import DataError
from tinct.files import make_folder, written_beside
from tinct.learn.run import Run
from tinct.study.backbone import WHY_ABSENT, WHY_NO_CLASSES
from tinct.study.folder import BASELINES, BINS_FILE, COST_FILE, Study
from tinct.study.intervals import JUDGED, METRICS, VERDICTS, Bootstrap, Comparer, Difference, Metric, Spread, spread
from tinct.study.measure import GREY, Measured, Yardstick
from tinct.study.recipe import Arm
from tinct.study.values import read_json, write_json

Table = list[dict[str, Any]]
# The metrics by which arms are compared in texts and figures; tables have all metrics.
COMPARED = ("ciede2000", "auc_rebalanced", "auc_within", "colorfulness_ratio")
COMPARED_DRAWN = ("ciede2000", "ssim", "luma_change", "auc_rebalanced", "colorfulness_ratio")  # if luma is drawn too
COMPARED_JUDGED = ("perceptual", "recognition_top1")  # in addition, with a backbone
ACCURACIES = {
    "accuracy_bins": "share of valid pixels whose likeliest bin is right",
    "accuracy_10": "share of valid pixels within 10 Lab units of the truth (CIE 1976)",
}
SHORT_ACCURACIES = {"accuracy_bins": "right bin", "accuracy_10": "within 10 Lab units"}


@dataclass(frozen=True, eq=False)
class Results:
    """The results of a study, finished or partly finished.

    Attributes:
        study: its folder.
    """

    study: Study

    @cached_property
    def finished(self) -> list[Arm]:
        """The arms that are finished with at least one seed."""
        finished = [arm for arm in self.study.arms if self.study.finished(arm)]
        if not finished:
            raise DataError(f"{self.study.path}: no arm is finished yet; run the study again to continue")
        return finished

    @cached_property
    def diverged(self) -> dict[str, list[int]]:
        """Arm -> the seeds with which its losses or figures are not finite; such an arm is not compared."""
        lost = {arm.name: [s for s in self.study.finished(arm) if self._lost(arm, s)] for arm in self.finished}
        return {name: seeds for name, seeds in lost.items() if seeds}

    def _lost(self, arm: Arm, seed: int) -> bool:
        curve = self.study.curve(arm, seed)
        losses = [value for name in ("train_loss", "val_loss") for value in curve.get(name, [])]
        splits = self.study.measured(arm, seed).comparisons.values()
        figures = [value for split in splits for comparison in split for value in comparison.values.values()]
        return not all(map(math.isfinite, [*losses, *figures]))

    @cached_property
    def arms(self) -> list[Arm]:
        """The arms that are compared: those that are finished and did not diverge."""
        return [arm for arm in self.finished if arm.name not in self.diverged]

    def place(self, name: str) -> int:
        """Return an arm's place among the finished ones, which decides its colour."""
        return [arm.name for arm in self.finished].index(name)

    @cached_property
    def reference(self) -> Arm:
        """The arm that the others are compared with."""
        named = [arm for arm in self.arms if arm.name == self.study.record.reference]
        return (named or self.arms or self.finished)[0]

    @cached_property
    def measured(self) -> dict[str, list[Measured]]:
        """Baselines and arms, with one entry for each seed that every arm has."""
        measured = {name: [Measured.load(self.study.baseline(name))] for name in BASELINES}
        for arm in self.arms:
            measured[arm.name] = [self.study.measured(arm, s) for s in self.common or self.study.finished(arm)[:1]]
        return measured

    @cached_property
    def common(self) -> list[int]:
        """The seeds with which every arm is finished."""
        return [seed for seed in self.study.seeds if all(seed in self.study.finished(arm) for arm in self.finished)]

    @cached_property
    def val(self) -> Comparer:
        """Figures on the validation pictures."""
        return Comparer(self.measured, trained=self._seeded)

    @cached_property
    def train(self) -> Comparer | None:
        """Figures on training pictures; None if none were measured."""
        if not self.measured[GREY][0].comparisons.get("train"):
            return None
        return Comparer(self.measured, split="train", trained=self._seeded)

    @cached_property
    def seeds(self) -> int:
        """Number of seeds over which figures are averaged."""
        return len(self.common) or 1

    @cached_property
    def compared(self) -> tuple[Metric, ...]:
        """The metrics by which arms are compared; with those of luma if an arm draws its luma itself."""
        drawn = any(arm.evaluation.given().get("drawn") for arm in self.arms)
        named = {metric.name: metric for metric in self.metrics}
        wanted = (*(COMPARED_DRAWN if drawn else COMPARED), *COMPARED_JUDGED)
        return tuple(named[name] for name in wanted if name in named)

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """All metrics that have figures; those of a backbone only if it measured everything."""
        return (*METRICS, *(metric for metric in JUDGED if metric.name not in self.absent))

    @cached_property
    def backbone(self) -> dict[str, str] | None:
        """`name`, `file` and `sha256` of the backbone that measured everything; None without one."""
        return self.study.record.backbone if all(self._judged) else None

    @cached_property
    def _judged(self) -> list[bool]:
        """For each method and seed, whether a backbone measured it."""
        methods = [measured for of_arm in self.measured.values() for measured in of_arm]
        return [JUDGED[0].name in measured.comparisons["val"][0].values for measured in methods]

    @cached_property
    def absent(self) -> dict[str, str]:
        """Metric -> why it has no figures."""
        if self.backbone is None:
            why = f"not all arms were measured by the same backbone; {WHY_ABSENT}" if any(self._judged) else WHY_ABSENT
            return {metric.name: why for metric in JUDGED}
        values = self.measured[GREY][0].comparisons["val"][0].values
        return {metric.name: WHY_NO_CLASSES for metric in JUDGED if metric.name not in values}

    @cached_property
    def trained(self) -> list[Arm]:
        """The finished arms with a training of their own, including diverged ones."""
        return [arm for arm in self.finished if arm.of is None]

    @property
    def _seeded(self) -> list[str]:
        return [arm.name for arm in self.arms if arm.of is None]

    @cached_property
    def curves(self) -> dict[str, list[dict[str, list[float]]]]:
        """Arm -> the figures of its metrics.csv, one for each finished seed."""
        return {arm.name: [self.study.curve(arm, s) for s in self.study.finished(arm)] for arm in self.trained}

    def differences(self, reference: str, metric: Metric) -> list[Difference]:
        """Compare every arm with the arm or baseline `reference`."""
        others = [arm.name for arm in self.arms if arm.name != reference]
        if reference in self.diverged:
            return []
        return [self.val.difference(name, reference, metric, of=len(others)) for name in others]

    def verdicts(self, reference: str, metric: Metric) -> dict[str, list[Difference]]:
        """Return the differences from the arm or baseline `reference`, by their verdict."""
        differences = self.differences(reference, metric)
        by_verdict = {verdict: [row for row in differences if row.verdict == verdict] for verdict in VERDICTS}
        return {verdict: rows for verdict, rows in by_verdict.items() if rows}

    def metric_rows(self) -> Table:
        """Return a row for each method, split and metric."""
        return [
            {"arm": name, "split": split, "metric": metric.name, **_interval(figure), "seeds": list(figure.seeds)}
            for split, comparer in (("val", self.val), ("train", self.train))
            if comparer is not None
            for name in comparer.arms
            for metric in self.metrics
            for figure in (comparer.spread(name, metric.name),)
        ]

    def difference_rows(self) -> Table:
        """Return a row for each arm and metric, compared with the reference and with the baselines."""
        return [
            {
                "arm": difference.arm,
                "compared_with": difference.reference,
                "metric": difference.metric,
                "difference": difference.spread.mean,
                "low": difference.spread.low,
                "high": difference.spread.high,
                "seeds": list(difference.spread.seeds),
                "verdict": difference.verdict,
            }
            for reference in (self.reference.name, *BASELINES)
            for metric in self.metrics
            for difference in self.differences(reference, metric)
        ]

    def curve_rows(self) -> Table:
        """Return a row for each arm, seed and epoch."""
        rows = []
        for arm in self.trained:
            for seed, curve in zip(self.study.finished(arm), self.curves[arm.name], strict=True):
                rows += [
                    {"arm": arm.name, "seed": seed, **{name: values[index] for name, values in curve.items()}}
                    for index in range(len(curve.get("epoch", [])))
                ]
        return rows

    def overfitting_rows(self) -> Table:
        """Return a row for each arm with its final figures on training and on validation pictures."""
        rows = []
        for arm in self.trained:
            bins = self.bins_of(arm)
            row: dict[str, Any] = {"arm": arm.name, "bins": bins.count if bins is not None else None}
            curves = self.curves[arm.name]
            for name in ("loss", *ACCURACIES):
                for split in ("train", "val"):
                    row[f"{split}_{name}"] = _mean([curve.get(f"{split}_{name}", [math.nan])[-1] for curve in curves])
            row["loss_gap"] = row["val_loss"] - row["train_loss"]
            best = [min(range(len(c["val_loss"])), key=lambda i: _last(c["val_loss"][i]), default=0) for c in curves]
            row["best_step"] = _mean([curve["step"][index] for curve, index in zip(curves, best, strict=True)])
            row["last_step"] = _mean([curve["step"][-1] for curve in curves])
            for split, comparer in (("train", self.train), ("val", self.val)):
                row[f"{split}_ciede2000"] = math.nan
                if comparer is not None and arm.name in comparer.arms:
                    row[f"{split}_ciede2000"] = comparer.spread(arm.name, "ciede2000").mean
            rows.append(row)
        return rows

    def bins_of(self, arm: Arm) -> ColorBins | None:
        """Return the bins that an arm's training learned; None if it has none."""
        return Run.open(self.study.run(arm, self.study.finished(arm)[0])).bins

    def cost_rows(self) -> Table:
        """Return a row for each arm with a training of its own."""
        rows = []
        for arm in self.trained:
            seeds = self.study.finished(arm)
            trained = [self.study.trained(arm, seed) for seed in seeds]
            steps = _mean([float(run.steps) for run in trained])
            training = self.study.training(arm, seeds[0])
            cost = self.study.run(arm, self.study.seeds[0]) / COST_FILE
            rows.append(
                {
                    "arm": arm.name,
                    **(read_json(cost, dict[str, Any]) if cost.is_file() else {}),
                    "minutes": _mean([run.minutes for run in trained]),
                    "steps": steps,
                    "planned": training.epochs * training.epoch_steps if training.epoch_steps else None,
                    "photographs_seen": steps * training.batch_size,
                }
            )
        return rows

    def histogram_rows(self) -> Table:
        """Return a row for each bin with its share in the dataset, in the true pictures and in each arm's."""
        truth = read_json(self.study.path / BINS_FILE, dict[str, Any])["truth"]
        bins = self.study.bins()
        rows = []
        for index in range(bins.count):
            row = {"bin": index, "dataset": float(bins.frequencies[index]), "truth": truth[index]}
            for arm in self.arms:
                shares = [one.summary.histograms["predicted"][index] for one in self.measured[arm.name]]
                row[arm.name] = _mean(shares)
            rows.append(row)
        return rows

    def group_rows(self) -> Table:
        """Return a row for each group of validation pictures, method and metric."""
        groups = self.measured[GREY][0].summary.groups
        rows = []
        for group in sorted(set(groups)):
            comparer = Comparer(self.measured, group=group, trained=self._seeded, resamples=300)
            for name in comparer.arms:
                for metric in (*METRICS[:4], *self.metrics[len(METRICS) :]):
                    interval = _interval(comparer.spread(name, metric.name))
                    row = {"group": group, "pictures": groups.count(group), "arm": name, "metric": metric.name}
                    rows.append({**row, **interval})
        return rows

    def quantisation_rows(self) -> Table:
        """Return rows of what bins alone cost: the true colours replaced by each arm's bins, without a network."""
        rows: dict[tuple[str, int, int], Table] = {}
        record = self.study.record
        pictures = find_pictures(record.data.place, split="val", limit=record.pictures)
        yardstick = Yardstick({"val": pictures, "train": []}, self.study.bins())
        for arm in self.trained:
            bins = self.bins_of(arm)
            if bins is None or (key := (bins.space, bins.lookup.shape[0], bins.count)) in rows:
                continue
            compared = yardstick.quantised(bins)
            figures = Bootstrap(len(compared)).figures(compared)
            row = {"bins": bins.count, "space": bins.space, "grid": bins.lookup.shape[0]}
            rows[key] = [
                {**row, "metric": metric.name, **_interval(spread([figures[metric.name]], pictures=len(compared)))}
                for metric in METRICS
            ]
        return [row for of_bins in rows.values() for row in of_bins]


def _interval(figure: Spread) -> dict[str, float]:
    return {"mean": figure.mean, "low": figure.low, "high": figure.high}


def write_tables(tables: dict[str, Table], folder: Path) -> None:
    """Write each table as CSV and as JSON; figures that do not exist are empty in CSV and null in JSON."""
    make_folder(folder)
    for name, rows in tables.items():
        files = folder / f"{name}.json", folder / f"{name}.csv"
        if not rows:  # an earlier report may have had some
            for file in files:
                file.unlink(missing_ok=True)
            continue
        write_json(files[0], rows)
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)))
        writer.writeheader()
        writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
        with written_beside(files[1]) as partial:
            partial.write_text(text.getvalue(), encoding="utf-8", newline="")


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return " ".join(str(_cell(item)) for item in value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _mean(values: list[float]) -> float:
    """Return the mean over all seeds; NaN if any of them has no figure."""
    return sum(values) / len(values) if all(map(math.isfinite, values)) else math.nan


def _last(value: float) -> float:
    return value if math.isfinite(value) else math.inf
