"""Write a study's report as a single page of HTML; `templates/study.html` has its order and texts."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tinct.files import written_beside
from tinct.learn.run import Run
from tinct.learn.settings import Training
from tinct.study.folder import BASELINES, Study
from tinct.study.intervals import JUDGED, METRICS, Spread
from tinct.study.measure import GREY, MEAN_COLOR
from tinct.study.report.charts import ARROWS, Chart, color_of, draw_charts
from tinct.study.report.render import render
from tinct.study.report.sheets import Sheet, make_sheets, write_sheet
from tinct.study.report.tables import ACCURACIES, SHORT_ACCURACIES, Results, Table, write_tables

REPORT_FILE = "report.html"
Cells = list[list[str]]


def write_report(study: str | Path, *, progress: Callable[[int, int], None] | None = None) -> Path:
    """Write a study's report from the arms that are finished; return the page, beside which are `figures` and `tables`.

    Raises:
        DataError: the folder is not a study's, or no arm is finished.
    """
    results = Results(Study.open(study))
    plots = results.study.record.plots
    path = results.study.path
    tables: dict[str, Table] = {
        "metrics": results.metric_rows(),
        "absent": [{"metric": name, "why": why} for name, why in results.absent.items()],
        "differences": results.difference_rows(),
        "curves": results.curve_rows(),
        "overfitting": results.overfitting_rows() if "curves" in plots else [],
        "cost": results.cost_rows() if "cost" in plots else [],
        "histograms": results.histogram_rows(),
        "groups": results.group_rows() if "groups" in plots else [],
        "quantisation": results.quantisation_rows() if _wants_quantisation(results) else [],
    }
    write_tables(tables, path / "tables")
    charts = draw_charts(results, path / "figures", quantisation=tables["quantisation"])
    sheets = make_sheets(results, progress=progress)
    for sheet in sheets:
        write_sheet(sheet, path / "figures")
    page = _make_page(results, charts, sheets, tables)
    with written_beside(path / REPORT_FILE) as partial:
        partial.write_text(page, encoding="utf-8")
    return path / REPORT_FILE


def _wants_quantisation(results: Results) -> bool:
    """Return whether the arms differ in their bins, so that the report shows what bins cost."""
    if "quantisation" not in results.study.record.plots:
        return False
    return any({"bins", "grid", "space"} & set(arm.own) for arm in results.trained)


def _make_page(results: Results, charts: dict[str, Chart], sheets: list[Sheet], tables: dict[str, Table]) -> str:
    record = results.study.record
    return render(
        "study.html",
        title=record.title,
        record=record,
        results=results,
        charts=charts,
        sheets=sheets,
        baselines={GREY: "the grey picture", MEAN_COLOR: "one mean colour"},
        unfinished=[arm.name for arm in results.study.arms if arm not in results.finished],
        waiting=[seed for seed in results.study.seeds if seed not in results.common],
        conditions=_conditions(results),
        settings=_settings(results),
        difference_tables=_differences(results),
        cost_rows=_cost(results, tables["cost"]),
        cost_sizes=sorted({row["size"] for row in tables["cost"]}),
        **_metrics(results),
        **_groups(results, tables["groups"]),
        **_overfitting(results, tables["overfitting"]),
        **_quantisation(tables["quantisation"]),
    )


def _conditions(results: Results) -> dict[str, Any]:
    study, rows = results.study, results.cost_rows()
    return {
        "count": sum(len(study.finished(arm)) for arm in results.trained),
        "measured": {split: len(rows) for split, rows in results.measured[GREY][0].comparisons.items()},
        "steps": {row["steps"] for row in rows},
        "seen": {row["photographs_seen"] for row in rows},
        "one_order": len({_order(study.training(arm, study.seeds[0])) for arm in results.trained}) == 1,
        "starts": _starts(results),
        "stopped": [row for row in rows if row["planned"] and row["steps"] < row["planned"]],
    }


def _starts(results: Results) -> dict[str, list[str]]:
    """Return, for weights that are not drawn by the seed, where they come from, and which arms start from them."""
    arms: dict[str, list[str]] = {}
    for arm in results.trained:
        run = Run.open(results.study.run(arm, results.study.finished(arm)[0]))
        words = []
        if run.training.initial is not None:
            words.append(f"the model {run.training.initial}")
        if run.encoder is not None:
            frozen = "frozen" if run.training.options.get("frozen", True) else "trained further"
            words.append(f"encoder from {run.encoder['name']} (SHA-256 {run.encoder['sha256']}), {frozen}")
        elif run.training.from_scratch:
            words.append("encoder trained from scratch")
        if words:
            arms.setdefault(", ".join(words), []).append(arm.name)
    return arms


def _order(training: Training) -> tuple[object, ...]:
    """Return the settings that decide which photographs are seen, in which order, and how they are cropped."""
    return (
        training.batch_size,
        training.crop,
        training.zoom,
        training.epoch_steps,
        training.limit,
        training.subset,
        training.categories,
        training.resample,
        training.workers,
        training.letterbox,
        training.scaling,
        training.augmentation.random_crop,
        training.augmentation.sevenfold,
    )


def _arm(results: Results, arm: str) -> str:
    """Return an arm's name after a dot of its colour; the name of a baseline, or of an unfinished arm, in italics."""
    if arm not in [finished.name for finished in results.finished]:
        return Markup("<i>{}</i>").format(arm)
    dot = Markup('<span class="dot" style="background:{}"></span>').format(color_of(results.place(arm)))
    return Markup('<span class="arm">{}{}</span>').format(dot, arm)


def _interval(spread: Spread, style: str) -> str:
    if not math.isfinite(spread.mean):
        return "–"
    if not math.isfinite(spread.low):
        return f"{spread.mean:{style}}"
    return Markup(f"{spread.mean:{style}}<small>{spread.low:{style}} to {spread.high:{style}}</small>")


def _of_row(row: dict[str, Any], style: str) -> str:
    return _interval(Spread(row["mean"], row["low"], row["high"], ()), style)


def _settings(results: Results) -> Cells:
    rows = []
    for arm in results.study.arms:
        own = ", ".join(f"{key} = {_value(value)}" for key, value in {**arm.own, **arm.evaluation.given()}.items())
        rows.append([_arm(results, arm.name), own or "nothing", arm.of or ""])
    return rows


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _metrics(results: Results) -> dict[str, Any]:
    def row(name: str) -> list[str]:
        return [_interval(results.val.spread(name, metric.name), metric.style) for metric in results.metrics]

    return {
        "metric_headings": ["", *(f"{metric.heading} {ARROWS[metric.better]}" for metric in results.metrics)],
        "metric_rows": [
            *([_arm(results, name), *row(name)] for name in results.val.arms),
            *([_arm(results, name), *["diverged"] * len(results.metrics)] for name in results.diverged),
        ],
        "absent": [
            (why, [metric.heading for metric in JUDGED if results.absent.get(metric.name) == why])
            for why in dict.fromkeys(results.absent.values())
        ],
    }


def _differences(results: Results) -> list[tuple[list[str], Cells]]:
    tables = []
    for compared in (results.reference.name, BASELINES[0]):
        rows: dict[str, list[str]] = {}
        for metric in results.compared:
            for difference in results.differences(compared, metric):
                verdict = difference.verdict
                word = Markup("<b class='{}'>{}</b>").format(verdict.replace(" ", "-"), verdict)
                figure = _interval(difference.spread, "+" + metric.style)
                cells = rows.setdefault(difference.arm, [_arm(results, difference.arm)])
                cells.append(Markup("{}{}").format(figure, word))
        if rows:
            headings = [Markup("minus <i>{}</i>").format(compared), *(metric.heading for metric in results.compared)]
            tables.append((headings, list(rows.values())))
    return tables


def _groups(results: Results, rows: Table) -> dict[str, Any]:
    metric = next(metric for metric in METRICS if metric.name == "ciede2000")
    cells: dict[str, list[str]] = {}
    groups: dict[str, int] = {}
    for row in rows:
        if row["metric"] == metric.name:
            groups[row["group"]] = row["pictures"]
            cells.setdefault(row["arm"], [_arm(results, row["arm"])]).append(_of_row(row, metric.style))
    headings = ["", *(f"{group} ({count})" for group, count in groups.items())]
    return {"group_headings": headings, "group_rows": list(cells.values())}


def _overfitting(results: Results, rows: Table) -> dict[str, Any]:
    shown = [name for name in ACCURACIES if any(math.isfinite(row[f"val_{name}"]) for row in rows)]
    headings = ["at the end", "loss, training", "validation", "gap", "lowest at step"]
    for name in shown:
        headings += [f"{SHORT_ACCURACIES[name]}, training", "validation"]
    headings += ["CIEDE2000, training", "validation"]
    table = []
    for row in rows:
        cells = [_arm(results, row["arm"])]
        cells += [_number(row[key], ".4g") for key in ("train_loss", "val_loss", "loss_gap")]
        cells.append(f"{row['best_step']:.0f} of {row['last_step']:.0f}")
        for name in shown:
            of = Markup(f"<small>of {row['bins']} bins</small>") if name == "accuracy_bins" and row["bins"] else ""
            cells += [_number(row[f"{split}_{name}"], ".1%") + of for split in ("train", "val")]
        cells += [_number(row[f"{split}_ciede2000"], ".2f") for split in ("train", "val")]
        table.append(cells)
    for name in BASELINES:
        both = [
            math.nan if comparer is None or name not in comparer.arms else comparer.spread(name, "ciede2000").mean
            for comparer in (results.train, results.val)
        ]
        table.append([name, *["–"] * (len(headings) - 3), *(_number(mean, ".2f") for mean in both)])
    trainings = {arm.name: results.study.training(arm, results.study.seeds[0]) for arm in results.trained}
    return {
        "overfitting_headings": headings,
        "overfitting_rows": table,
        "accuracies": [f"“{SHORT_ACCURACIES[name].removesuffix(' Lab units')}”: {ACCURACIES[name]}" for name in shown],
        "unequal_bins": len({row["bins"] for row in rows if row["bins"]}) > 1,
        "draws": any(training.task == "rgb" for training in trainings.values()),
        "partial": [name for name, training in trainings.items() if training.subset < 1 or training.categories],
    }


def _quantisation(rows: Table) -> dict[str, Any]:
    shown = [metric for metric in METRICS if metric.name in ("ciede2000", "psnr", "auc", "auc_rebalanced")]
    cells: dict[tuple[str, int, int], dict[str, str]] = {}
    for row in rows:
        for metric in shown:
            if metric.name == row["metric"]:
                cells.setdefault((row["space"], row["grid"], row["bins"]), {})[metric.name] = _of_row(row, metric.style)
    return {
        "quantisation_headings": ["bins", *(metric.heading for metric in shown)],
        "quantisation_rows": [
            [f"{bins} of a {grid}x{grid} grid in {space}", *(figures[metric.name] for metric in shown)]
            for (space, grid, bins), figures in sorted(cells.items())
        ],
    }


def _cost(results: Results, rows: Table) -> Cells:
    return [
        [
            _arm(results, row["arm"]),
            f"{row['parameters']:,}",
            f"{row['trained']:,}",
            _short(row["gflop"]),
            _short(1000 * row["seconds"]),
            f"{row['memory_mb']:.0f}",
            _short(row["megabytes"]),
            _short(row["minutes"]),
            f"{row['steps']:,.0f}",
            f"{row['photographs_seen']:,.0f}",
        ]
        for row in rows
    ]


def _number(value: float, style: str) -> str:
    return f"{value:{style}}" if math.isfinite(value) else "–"


def _short(value: float) -> str:
    """Format a number from 0 on with two or three significant digits."""
    if 0 < value < 0.1:
        return f"{value:.2g}"
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"
