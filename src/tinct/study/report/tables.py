"""The figures of a study's report: as tables for programs, and the same as rows for people."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tinct.data.pictures import find_pictures
from tinct.errors import DataError
from tinct.files import written_beside
from tinct.study.arms import bins_of_run
from tinct.study.backbone import WHY_ABSENT, WHY_NO_CLASSES
from tinct.study.compare import JUDGED, METRICS, Comparer, Difference, Metric, spread
from tinct.study.evaluate import GREY
from tinct.study.folder import BASELINES, COST_FILE, TRAINED_FILE, Study, read_json
from tinct.study.measured import Measured, Yardstick
from tinct.study.recipe import Arm
from tinct.study.summary import Bootstrap

Table = list[dict[str, Any]]
# The metrics that arms are compared by in words and figures; the tables have all.
COMPARED = ("ciede2000", "auc_rebalanced", "auc_within", "colorfulness_ratio")
COMPARED_DRAWN = ("ciede2000", "ssim", "luma_change", "auc_rebalanced", "colorfulness_ratio")
COMPARED_JUDGED = ("perceptual", "recognition_top1")
ACCURACIES = {
    "accuracy_bins": "share of valid pixels whose likeliest bin is right",
    "accuracy_10": "share of valid pixels within 10 Lab units of the truth (CIE 1976)",
}


@dataclass(frozen=True, eq=False)
class Results:
    """All that a finished, or partly finished, study found.

    Attributes:
        study: its folder.
    """

    study: Study

    @cached_property
    def finished(self) -> list[Arm]:
        """The arms that are finished with at least one seed."""
        found = [arm for arm in self.study.arms if self.study.finished(arm)]
        if not found:
            raise DataError(f"{self.study.path}: no arm is finished yet; run the study on")
        return found

    @cached_property
    def diverged(self) -> dict[str, list[int]]:
        """Arm -> the seeds with which its losses or figures are not finite; such an arm is compared with nothing."""
        found = {arm.name: [s for s in self.study.finished(arm) if self._lost(arm, s)] for arm in self.finished}
        return {name: seeds for name, seeds in found.items() if seeds}

    def _lost(self, arm: Arm, seed: int) -> bool:
        curve = self.study.curve(arm, seed)
        losses = [value for name in ("train_loss", "val_loss") for value in curve.get(name, [])]
        rows = [row for found in self.study.measured(arm, seed).comparisons.values() for row in found]
        return not all(map(math.isfinite, [*losses, *(value for row in rows for value in row.values.values())]))

    @cached_property
    def arms(self) -> list[Arm]:
        """The arms that are compared: those that are finished and did not diverge."""
        return [arm for arm in self.finished if arm.name not in self.diverged]

    def place(self, name: str) -> int:
        """Give an arm's place among the finished ones, which decides its colour."""
        return [arm.name for arm in self.finished].index(name)

    @cached_property
    def reference(self) -> Arm:
        """The arm that the others are compared with."""
        named = [arm for arm in self.arms if arm.name == self.study.record["reference"]]
        return (named or self.arms or self.finished)[0]

    @cached_property
    def measured(self) -> dict[str, list[Measured]]:
        """Baselines and arms, with one entry for each seed that every arm has."""
        found = {name: [Measured.load(self.study.baseline(name))] for name in BASELINES}
        for arm in self.arms:
            found[arm.name] = [self.study.measured(arm, s) for s in self.common or self.study.finished(arm)[:1]]
        return found

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
        """Figures on training pictures; None where none were measured."""
        if not self.measured[GREY][0].comparisons.get("train"):
            return None
        return Comparer(self.measured, split="train", trained=self._seeded)

    @cached_property
    def seeds(self) -> int:
        """How many seeds the figures are means of."""
        return len(self.common) or 1

    @cached_property
    def compared(self) -> tuple[Metric, ...]:
        """The metrics that arms are compared by; with clarity among them where an arm draws its luma itself."""
        drawn = any(arm.evaluation.get("drawn") for arm in self.arms)
        named = {metric.name: metric for metric in self.metrics}
        wanted = (*(COMPARED_DRAWN if drawn else COMPARED), *COMPARED_JUDGED)
        return tuple(named[name] for name in wanted if name in named)

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """All metrics that there are figures of; those of a backbone where it measured everything."""
        return (*METRICS, *(metric for metric in JUDGED if metric.name not in self.absent))

    @cached_property
    def backbone(self) -> dict[str, str] | None:
        """What measured the metrics of `tinct.study.backbone`: `name`, `file` and `sha256`; None without one."""
        by: dict[str, str] | None = self.study.record.get("backbone")
        return by if all(self._judged) else None

    @cached_property
    def _judged(self) -> list[bool]:
        """Of each method and seed, whether a backbone measured it."""
        runs = [each for found in self.measured.values() for each in found]
        return [JUDGED[0].name in run.comparisons["val"][0].values for run in runs]

    @cached_property
    def absent(self) -> dict[str, str]:
        """Metric -> why there are no figures of it."""
        if self.backbone is None:
            why = f"not all arms were measured by the same backbone; {WHY_ABSENT}" if any(self._judged) else WHY_ABSENT
            return {metric.name: why for metric in JUDGED}
        values = self.measured[GREY][0].comparisons["val"][0].values
        return {metric.name: WHY_NO_CLASSES for metric in JUDGED if metric.name not in values}

    @cached_property
    def trained(self) -> list[Arm]:
        """The arms that have a training of their own, diverged ones too."""
        return [arm for arm in self.finished if arm.of is None]

    @property
    def _seeded(self) -> list[str]:
        return [arm.name for arm in self.arms if arm.of is None]

    @cached_property
    def curves(self) -> dict[str, list[dict[str, list[float]]]]:
        """Arm -> what its training noted, one for each finished seed."""
        return {arm.name: [self.study.curve(arm, s) for s in self.study.finished(arm)] for arm in self.trained}

    def differences(self, reference: str, metric: Metric) -> list[Difference]:
        """Compare every arm with another, or with a baseline."""
        others = [arm.name for arm in self.arms if arm.name != reference]
        if reference in self.diverged:
            return []
        return [self.val.difference(name, reference, metric, of=len(others)) for name in others]

    def metric_rows(self) -> Table:
        """One row for each method, split and metric."""
        rows = []
        for split, comparer in (("val", self.val), ("train", self.train)):
            for name in comparer.arms if comparer else ():
                assert comparer is not None
                for metric in self.metrics:
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
            for metric in self.metrics
            for found in self.differences(reference, metric)
        ]

    def absent_rows(self) -> Table:
        """One row for each metric without figures: why."""
        return [{"metric": name, "why": why} for name, why in self.absent.items()]

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
            row: dict[str, Any] = {"arm": arm.name, "bins": self._bins_of(arm)}
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

    def _bins_of(self, arm: Arm) -> int | None:
        bins = bins_of_run(self.study.run(arm, self.study.finished(arm)[0]))
        return bins.count if bins is not None else None

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
                for metric in (*METRICS[:4], *self.metrics[len(METRICS) :]):
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
        if not rows:  # an earlier report may have had some
            for suffix in (".json", ".csv"):
                (folder / f"{name}{suffix}").unlink(missing_ok=True)
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
    """Give the mean over all seeds; nan where one of them has no figure, never the mean of the others."""
    return sum(values) / len(values) if all(map(math.isfinite, values)) else math.nan


def _last(value: float) -> float:
    return value if math.isfinite(value) else math.inf
