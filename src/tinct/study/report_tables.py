"""The figures of a study's report: as tables for programs, and the same as rows for people."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tinct.errors import DataError
from tinct.media.files import written_beside
from tinct.study.arms import bins_of_run
from tinct.study.compare import METRICS, Comparer, Difference, Metric, spread
from tinct.study.evaluate import GREY
from tinct.study.folder import BASELINES, COST_FILE, TRAINED_FILE, Study, read_json
from tinct.study.measured import Measured, Yardstick
from tinct.study.pictures import find_pictures
from tinct.study.recipe import Arm
from tinct.study.summary import Bootstrap

Table = list[dict[str, Any]]
# The metrics that arms are compared by in words and figures; the tables have all.
COMPARED = ("ciede2000", "auc_rebalanced", "auc_within", "colorfulness_ratio")
COMPARED_DRAWN = ("ciede2000", "ssim", "luma_change", "auc_rebalanced", "colorfulness_ratio")
ACCURACIES = {
    "accuracy_bins": "share of pixels whose likeliest bin is right",
    "accuracy_10": "share of pixels within 10 Lab units",
}


@dataclass(frozen=True, eq=False)
class Results:
    """All that a finished, or partly finished, study found.

    Attributes:
        study: its folder.
    """

    study: Study

    @cached_property
    def arms(self) -> list[Arm]:
        """The arms that are finished with at least one seed."""
        found = [arm for arm in self.study.arms if self.study.finished(arm)]
        if not found:
            raise DataError(f"{self.study.path}: no arm is finished yet; run the study on")
        return found

    @cached_property
    def reference(self) -> Arm:
        """The arm that the others are compared with."""
        named = [arm for arm in self.arms if arm.name == self.study.record["reference"]]
        return (named or self.arms)[0]

    @cached_property
    def measured(self) -> dict[str, list[Measured]]:
        """Baselines and arms, with one entry for each seed that every arm has."""
        common = [seed for seed in self.study.seeds if all(seed in self.study.finished(arm) for arm in self.arms)]
        found = {name: [Measured.load(self.study.baseline(name))] for name in BASELINES}
        for arm in self.arms:
            found[arm.name] = [self.study.measured(arm, s) for s in common or self.study.finished(arm)[:1]]
        return found

    @cached_property
    def val(self) -> Comparer:
        """Figures on the validation pictures."""
        return Comparer(self.measured, trained=self._seeded)

    @cached_property
    def train(self) -> Comparer | None:
        """Figures on training pictures; None where none were measured."""
        if not self.measured[GREY][0].comparisons.get("train"):
            return None
        return Comparer(self.measured, split="train", trained=self._seeded)

    @cached_property
    def seeds(self) -> int:
        """How many seeds the figures are means of."""
        return len(self.measured[self.reference.name])

    @cached_property
    def compared(self) -> tuple[Metric, ...]:
        """The metrics that arms are compared by; with clarity among them where an arm draws its luma itself."""
        drawn = any(arm.evaluation.get("drawn") for arm in self.arms)
        named = {metric.name: metric for metric in METRICS}
        return tuple(named[name] for name in (COMPARED_DRAWN if drawn else COMPARED))

    @cached_property
    def trained(self) -> list[Arm]:
        """The arms that have a training of their own."""
        return [arm for arm in self.arms if arm.of is None]

    @property
    def _seeded(self) -> list[str]:
        return [arm.name for arm in self.trained]

    @cached_property
    def curves(self) -> dict[str, list[dict[str, list[float]]]]:
        """Arm -> what its training noted, one for each finished seed."""
        return {arm.name: [self.study.curve(arm, s) for s in self.study.finished(arm)] for arm in self.trained}

    def differences(self, reference: str, metric: Metric) -> list[Difference]:
        """Compare every arm with another, or with a baseline."""
        others = [arm.name for arm in self.arms if arm.name != reference]
        return [self.val.difference(name, reference, metric, of=len(others)) for name in others]

    def metric_rows(self) -> Table:
        """One row for each method, split and metric."""
        rows = []
        for split, comparer in (("val", self.val), ("train", self.train)):
            for name in comparer.arms if comparer else ():
                assert comparer is not None
                for metric in METRICS:
                    found = comparer.spread(name, metric.name)
                    rows.append(
                        {
                            "arm": name,
                            "split": split,
                            "metric": metric.name,
                            "mean": found.mean,
                            "low": found.low,
                            "high": found.high,
                            "seeds": list(found.seeds),
                        }
                    )
        return rows

    def difference_rows(self) -> Table:
        """One row for each arm, metric and what it is compared with: the reference, and the baselines."""
        return [
            {
                "arm": found.arm,
                "compared_with": found.reference,
                "metric": found.metric,
                "difference": found.spread.mean,
                "low": found.spread.low,
                "high": found.spread.high,
                "seeds": list(found.spread.seeds),
                "verdict": found.verdict,
            }
            for reference in (self.reference.name, *BASELINES)
            for metric in METRICS
            for found in self.differences(reference, metric)
        ]

    def curve_rows(self) -> Table:
        """One row for each arm, seed and epoch."""
        rows = []
        for arm in self.trained:
            for seed, curve in zip(self.study.finished(arm), self.curves[arm.name], strict=True):
                rows += [
                    {"arm": arm.name, "seed": seed, **{name: values[index] for name, values in curve.items()}}
                    for index in range(len(curve.get("epoch", [])))
                ]
        return rows

    def overfitting_rows(self) -> Table:
        """One row for each arm: where its training ended, on training and on validation pictures."""
        rows = []
        for arm in self.trained:
            row: dict[str, Any] = {"arm": arm.name}
            curves = self.curves[arm.name]
            for name in ("loss", *ACCURACIES):
                for split in ("train", "val"):
                    row[f"{split}_{name}"] = _mean([curve.get(f"{split}_{name}", [math.nan])[-1] for curve in curves])
            row["loss_gap"] = row["val_loss"] - row["train_loss"]
            best = [min(range(len(c["val_loss"])), key=lambda i: _last(c["val_loss"][i]), default=0) for c in curves]
            row["best_step"] = _mean([curve["step"][index] for curve, index in zip(curves, best, strict=True)])
            row["last_step"] = _mean([curve["step"][-1] for curve in curves])
            for split, comparer in (("train", self.train), ("val", self.val)):
                row[f"{split}_ciede2000"] = comparer.spread(arm.name, "ciede2000").mean if comparer else math.nan
            rows.append(row)
        return rows

    def cost_rows(self) -> Table:
        """One row for each arm with a training of its own."""
        rows = []
        for arm in self.trained:
            seeds = self.study.finished(arm)
            trained = [read_json(self.study.run(arm, seed) / TRAINED_FILE) for seed in seeds]
            training = self.study.training(arm, seeds[0])
            cost = self.study.run(arm, self.study.seeds[0]) / COST_FILE
            rows.append(
                {
                    "arm": arm.name,
                    **(read_json(cost) if cost.is_file() else {}),
                    "minutes": _mean([each["minutes"] for each in trained]),
                    "steps": _mean([each["steps"] for each in trained]),
                    "planned": training.epochs * training.epoch_steps if training.epoch_steps else None,
                    "photographs_seen": _mean([each["steps"] for each in trained]) * training.batch_size,
                }
            )
        return rows

    def histogram_rows(self) -> Table:
        """One row for each bin: its share in the dataset, in the true pictures and in each arm's."""
        card = read_json(self.study.path / "bins.json")
        bins = self.study.bins()
        rows = []
        for index in range(bins.count):
            row = {"bin": index, "dataset": float(bins.frequencies[index]), "truth": card["truth"][index]}
            for arm in self.arms:
                shares = [found.histograms["predicted"][index] for found in self.measured[arm.name]]
                row[arm.name] = _mean(shares)
            rows.append(row)
        return rows

    def group_rows(self) -> Table:
        """One row for each group of validation pictures, method and metric; none without groups."""
        groups = self.measured[GREY][0].groups
        rows = []
        for group in sorted(set(groups)):
            comparer = Comparer(self.measured, group=group, trained=self._seeded, resamples=300)
            for name in comparer.arms:
                for metric in METRICS[:4]:
                    found = comparer.spread(name, metric.name)
                    rows.append(
                        {
                            "group": group,
                            "pictures": groups.count(group),
                            "arm": name,
                            "metric": metric.name,
                            "mean": found.mean,
                            "low": found.low,
                            "high": found.high,
                        }
                    )
        return rows

    def quantisation_rows(self) -> Table:
        """What bins alone cost: the true pictures' colours put through each arm's bins, without a network."""
        seen: set[tuple[str, int, int]] = set()
        rows: Table = []
        record = self.study.record
        pictures = find_pictures(record["data"]["place"], split="val", limit=record["pictures"])
        yardstick = Yardstick({"val": pictures, "train": []}, self.study.bins())
        for arm in self.trained:
            seed = self.study.finished(arm)[0]
            bins = bins_of_run(self.study.run(arm, seed))
            if bins is None or (bins.space, bins.lookup.shape[0], bins.count) in seen:
                continue
            seen.add((bins.space, bins.lookup.shape[0], bins.count))
            compared = yardstick.quantised(bins)
            figures = Bootstrap(len(compared)).figures(compared)
            for metric in METRICS:
                found = spread([figures[metric.name]], pictures=len(compared))
                rows.append(
                    {
                        "bins": bins.count,
                        "space": bins.space,
                        "grid": bins.lookup.shape[0],
                        "metric": metric.name,
                        "mean": found.mean,
                        "low": found.low,
                        "high": found.high,
                    }
                )
        return rows


def write_tables(tables: dict[str, Table], folder: Path) -> None:
    """Write each table as CSV and as JSON; figures that do not exist are empty there and null here."""
    folder.mkdir(exist_ok=True)
    for name, rows in tables.items():
        if not rows:
            continue
        plain = [{key: _plain(value) for key, value in row.items()} for row in rows]
        with written_beside(folder / f"{name}.json") as partial:
            partial.write_text(json.dumps(plain, indent=1, ensure_ascii=False), encoding="utf-8")
        columns = list(dict.fromkeys(key for row in plain for key in row))
        with written_beside(folder / f"{name}.csv") as partial, partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            for row in plain:
                writer.writerow({key: _cell(value) for key, value in row.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _cell(value: Any) -> Any:
    return " ".join(str(each) for each in value) if isinstance(value, list) else value


def _mean(values: list[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan


def _last(value: float) -> float:
    return value if math.isfinite(value) else math.inf
