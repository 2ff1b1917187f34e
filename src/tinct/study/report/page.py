"""A report as one page of HTML that needs nothing else: no script, no network, light or dark as the reader's system."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

from tinct.study.compare import JUDGED, METRICS, Spread
from tinct.study.evaluate import GREY
from tinct.study.folder import BASELINES
from tinct.study.report.charts import Chart, color_of
from tinct.study.report.sheets import Sheet, data_address
from tinct.study.report.tables import ACCURACIES, Results, Table
from tinct.study.report.words import conditions, findings, paper_note

_PAGE = Path(__file__).parent / "report.html"
_NARROWEST = 92  # of a sheet's columns, in pixels


def make_page(results: Results, charts: dict[str, Chart], sheets: dict[str, Sheet], tables: dict[str, Table]) -> str:
    """Put a report together.

    Args:
        results: what the study found.
        charts: its figures.
        sheets: its pictures.
        tables: its tables, as they were written.
    """
    record = results.study.record
    sections = [
        ("In words", _list(findings(results)) + paper_note(results)),
        ("How it was done", _list(conditions(results)) + _settings(results)),
        ("Metrics", _metrics(results) + _chart(charts, "metrics") + _chart(charts, "axis")),
        ("Differences", _differences(results)),
        ("By group", _groups(results, tables.get("groups", []))),
        (
            "Learning and overfitting",
            "".join(_chart(charts, name) for name in ("loss", "gap", "accuracy_bins", "accuracy_10"))
            + _overfitting(results, tables.get("overfitting", [])),
        ),
        (
            "Pictures",
            "".join(_sheet(sheets[name]) for name in ("predictions-val", "predictions-train") if name in sheets),
        ),
        ("Temperature", _folded(sheets, "temperature-")),
        ("Confidence", _folded(sheets, "confidence-")),
        ("Colours", _chart(charts, "histograms")),
        ("What bins cost", _chart(charts, "quantisation") + _quantisation(tables.get("quantisation", []))),
        ("Cost", _cost(results, tables.get("cost", []))),
        ("Recipe and versions", _recipe(results)),
    ]
    shown = [(title, body) for title, body in sections if body]
    return Template(_PAGE.read_text(encoding="utf-8")).substitute(
        title=html.escape(record["title"]),
        question=html.escape(record["question"]),
        contents="".join(f'<a href="#{_anchor(title)}">{title}</a>' for title, _ in shown),
        body="".join(f'<section id="{_anchor(title)}"><h2>{title}</h2>{body}</section>' for title, body in shown),
    )


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _list(sentences: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{sentence}</li>" for sentence in sentences) + "</ul>" if sentences else ""


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str = "", kind: str = "") -> str:
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    body = "".join(
        "<tr>"
        + "".join(f"<{'th' if not i else 'td'}>{cell}</{'th' if not i else 'td'}>" for i, cell in enumerate(row))
        + "</tr>"
        for row in rows
    )
    note = f"<p class='caption'>{caption}</p>" if caption else ""
    table = f"<table class='{kind}'><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div class='wide'>{table}</div>{note}"


def _name(results: Results, arm: str) -> str:
    if arm not in [each.name for each in results.finished]:
        return f"<i>{html.escape(arm)}</i>"
    dot = f'<span class="dot" style="background:{color_of(results.place(arm))}"></span>'
    return f'<span class="arm">{dot}{html.escape(arm)}</span>'


def _figure(found: Spread, style: str) -> str:
    if not math.isfinite(found.mean):
        return "–"
    if not math.isfinite(found.low):
        return f"{found.mean:{style}}"
    return f"{found.mean:{style}}<small>{found.low:{style}} to {found.high:{style}}</small>"


def _metrics(results: Results) -> str:
    rows = [
        [
            _name(results, name),
            *(_figure(results.val.spread(name, metric.name), metric.style) for metric in results.metrics),
        ]
        for name in results.val.arms
    ]
    rows += [[_name(results, name), *("diverged" for _ in results.metrics)] for name in results.diverged]
    headings = ["", *(metric.heading + {1: " ↑", -1: " ↓", 0: " → 1"}[metric.better] for metric in results.metrics)]
    count = len(results.measured[GREY][0].comparisons["val"])
    return _table(
        headings,
        rows,
        caption=f"On {count} validation pictures, mean of {_seeds(results)}; below, the 95 % interval. ↑ more is "
        "better, ↓ less is. CIEDE2000 is the visible difference from the truth; AuC is the area under the "
        "curve of ab errors "
        "(Zhang, Isola &amp; Efros 2016). A dull picture may score well: look at the pictures too." + _judged(results),
    )


def _judged(results: Results) -> str:
    """Say what the backbone's metrics are, and why those are absent that are."""
    parts = []
    if results.backbone is not None:
        parts.append(
            f" Perceptual distance is of LPIPS's kind, uncalibrated (all weights 1), by {results.backbone['name']}: "
            "compare it with no other backbone's."
        )
        if "recognition_top1" not in results.absent:
            parts.append(" Still recognised: named by it as the true picture is; grey pictures are recognised too.")
    for why in dict.fromkeys(results.absent.values()):
        named = [metric.heading for metric in JUDGED if results.absent.get(metric.name) == why]
        parts.append(f"<br><b>Absent:</b> {', '.join(named)}: {html.escape(why)}.")
    return "".join(parts)


def _differences(results: Results) -> str:
    reference = results.reference.name
    parts = []
    for compared in (reference, BASELINES[0]):
        found = {metric.name: results.differences(compared, metric) for metric in results.compared}
        names = [each.arm for each in found[results.compared[0].name]]
        if not names:
            continue
        rows = []
        for index, name in enumerate(names):
            cells = []
            for metric in results.compared:
                one = found[metric.name][index]
                style = "+" + metric.style
                word = f"<b class='{one.verdict.replace(' ', '-')}'>{one.verdict}</b>"
                cells.append(f"{_figure(one.spread, style)}{word}")
            rows.append([_name(results, name), *cells])
        parts.append(
            _table(
                [f"minus <i>{html.escape(compared)}</i>", *(metric.heading for metric in results.compared)],
                rows,
                caption=f"Paired over pictures{' and seeds' if results.seeds > 1 else ''}; the intervals of a column "
                "hold together with 95 % confidence (Bonferroni).",
            )
        )
    return "".join(parts)


def _groups(results: Results, rows: Table) -> str:
    groups = list(dict.fromkeys(row["group"] for row in rows))
    if len(groups) < 2:
        return ""
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    metric = next(each for each in METRICS if each.name == "ciede2000")
    found = {(row["group"], row["arm"]): row for row in rows if row["metric"] == metric.name}
    return _table(
        ["", *(f"{html.escape(group)} ({found[group, arms[0]]['pictures']})" for group in groups)],
        [
            [
                _name(results, arm),
                *(
                    _figure(Spread(one["mean"], one["low"], one["high"], ()), metric.style)
                    for one in (found[group, arm] for group in groups)
                ),
            ]
            for arm in arms
        ],
        caption="CIEDE2000 (less is better) on the validation pictures of each group; how many in brackets. "
        "tables/groups.csv has more metrics.",
    )


def _overfitting(results: Results, rows: Table) -> str:
    shown = [name for name in ACCURACIES if any(math.isfinite(row.get(f"val_{name}", math.nan)) for row in rows)]
    headings = ["at the end", "loss, training", "validation", "gap", "lowest at step"]
    for name in shown:
        short = {"accuracy_bins": "right bin", "accuracy_10": "within 10 Lab units"}[name]
        headings += [f"{short}, training", "validation"]
    headings += ["CIEDE2000, training", "validation"]
    table = []
    for row in rows:
        cells = [_name(results, row["arm"])]
        cells += [_number(row[key], ".4g") for key in ("train_loss", "val_loss", "loss_gap")]
        cells.append(f"{row['best_step']:.0f} of {row['last_step']:.0f}")
        for name in shown:
            of = f"<small>of {row['bins']} bins</small>" if name == "accuracy_bins" and row["bins"] else ""
            cells += [_number(row[f"{split}_{name}"], ".1%") + of for split in ("train", "val")]
        cells += [_number(row[f"{split}_ciede2000"], ".2f") for split in ("train", "val")]
        table.append(cells)
    for name in BASELINES:
        both = [
            math.nan if comparer is None or name not in comparer.arms else comparer.spread(name, "ciede2000").mean
            for comparer in (results.train, results.val)
        ]
        table.append([name, *["–"] * (len(headings) - 3), *(_number(each, ".2f") for each in both)])
    return _table(
        headings,
        table,
        caption="Accuracies: "
        + "; ".join(
            f"“{'right bin' if name == 'accuracy_bins' else 'within 10'}”: {ACCURACIES[name]}" for name in shown
        )
        + ". Valid are pixels of photographs, not of the margin around them."
        + _accuracy_notes(results, rows)
        + " Figures of training pictures are taken while learning, with augmentation and dropout at work, those "
        "of validation of the averaged weights, which lag behind in short trainings; in the first pass no photograph "
        "has been seen twice. CIEDE2000 is of the finished network on both; what is nearer on training pictures by "
        "more than the baselines are was learned by heart." + _unseen(results),
    )


def _accuracy_notes(results: Results, rows: Table) -> str:
    """Say which accuracies cannot be compared, and what counts in that of whole pictures."""
    notes = ""
    if len({row["bins"] for row in rows if row["bins"]}) > 1:
        notes += " Of more bins it is harder to find the right one: compare “right bin” of equal numbers of bins only."
    if any(results.study.training(arm, results.study.seeds[0]).task == "rgb" for arm in results.trained):
        notes += " Networks that give the whole picture draw its luma too: the error of that counts as well."
    return notes


def _unseen(results: Results) -> str:
    """Say which arms have never seen most of what is shown as training pictures, or that all have seen all of it."""
    if results.study.record.get("train_keys"):
        return " The training pictures measured and shown are of those that every arm learned from, with every seed."
    trainings = {arm.name: results.study.training(arm, results.study.seeds[0]) for arm in results.trained}
    parts = [html.escape(name) for name, each in trainings.items() if each.subset < 1 or each.categories]
    if not parts:
        return ""
    return (
        f" <b>The training pictures here are drawn from the whole training split</b>, of which {', '.join(parts)} "
        "learned from a part only: their figures on training pictures are those of pictures that they mostly never saw."
    )


def _quantisation(rows: Table) -> str:
    if not rows:
        return ""
    shown = [metric for metric in METRICS if metric.name in ("ciede2000", "psnr", "auc", "auc_rebalanced")]
    keys = sorted({(row["space"], row["grid"], row["bins"]) for row in rows})
    found = {((row["space"], row["grid"], row["bins"]), row["metric"]): row for row in rows}
    return _table(
        ["bins", *(metric.heading for metric in shown)],
        [
            [
                f"{bins} of a {grid}x{grid} grid in {space}",
                *(
                    _figure(Spread(one["mean"], one["low"], one["high"], ()), metric.style)
                    for metric in shown
                    for one in (found[(space, grid, bins), metric.name],)
                ),
            ]
            for space, grid, bins in keys
        ],
        caption="The true validation pictures, each pixel's colour replaced by its bin's. No network with these bins "
        "can do better at temperature 0.",
    )


def _cost(results: Results, rows: Table) -> str:
    return _table(
        ["", "parameters", "learned", "GFLOP a picture", "milliseconds a picture", "peak memory MB", "file MB",
         "training minutes", "steps", "photographs seen"],
        [
            [
                _name(results, row["arm"]),
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
        ],
        caption=f"A picture is a square of {_sizes(rows)} pixels in ONNX Runtime on this machine; memory is the most "
        "that a process of its own held, Python and all. Other work on the machine makes times longer. A "
        "multiplication and "
        "an addition count as two operations.",
    ) if rows else ""  # fmt: skip


def _sizes(rows: Table) -> str:
    return " or ".join(str(size) for size in sorted({row["size"] for row in rows}))


def _settings(results: Results) -> str:
    """Show what each arm has of its own."""
    rows = []
    for arm in results.study.arms:
        own = {**arm.own, **arm.evaluation}
        words = ", ".join(f"{key} = {_value(value)}" for key, value in own.items()) or "nothing"
        rows.append([_name(results, arm.name), html.escape(words), html.escape(arm.of or "")])
    return _table(["arm", "of its own", "takes the training of"], rows, kind="words")


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_value(each)}" for key, each in value.items()) + "}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _recipe(results: Results) -> str:
    record = results.study.record
    machine = record["machine"]
    facts = [
        *(f"{name} {version}" for name, version in record["versions"].items()),
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}",
        f"dataset {record['data']['name']}, dataset.json {record['data']['digest'][:16]}",
        f"begun {record['begun']}, finished {record['finished'] or 'not yet'}",
    ]
    return f"<pre>{html.escape(record['text'])}</pre><p class='caption'>{'; '.join(map(html.escape, facts))}.</p>"


def _seeds(results: Results) -> str:
    return f"{results.seeds} seeds" if results.seeds > 1 else "one seed"


def _number(value: float, style: str) -> str:
    return f"{value:{style}}" if math.isfinite(value) else "–"


def _short(value: float) -> str:
    """Give a number from 0 on with two or three figures that say something, however small it is."""
    if 0 < value < 0.1:
        return f"{value:.2g}"
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def _chart(charts: dict[str, Chart], name: str) -> str:
    if name not in charts:
        return ""
    chart = charts[name]
    return f"<figure><div class='wide'>{chart.svg}</div><figcaption>{html.escape(chart.caption)}</figcaption></figure>"


def _sheet(sheet: Sheet) -> str:
    head = "".join(f"<th>{html.escape(heading)}</th>" for heading in sheet.headings)
    rows = "".join(
        "<tr>"
        + "".join(
            f'<td><img src="{data_address(picture)}" width="{picture.shape[1]}" height="{picture.shape[0]}" '
            f'alt="{html.escape(heading)}"></td>'
            for picture, heading in zip(row, sheet.headings, strict=True)
        )
        + "</tr>"
        for row in sheet.rows
    )
    return (
        f"<figure><div class='wide'><table class='sheet' style='min-width: {_NARROWEST * len(sheet.headings)}px'>"
        f"<thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
        f"<figcaption>{html.escape(sheet.caption)}</figcaption></figure>"
    )


def _folded(sheets: dict[str, Sheet], prefix: str) -> str:
    """Show the first of several sheets, and fold the others away."""
    found = [sheet for name, sheet in sheets.items() if name.startswith(prefix) and sheet.rows]
    parts = [_sheet(found[0])] if found else []
    parts += [
        f"<details><summary>{html.escape(sheet.caption.partition(':')[0])}</summary>{_sheet(sheet)}</details>"
        for sheet in found[1:]
    ]
    return "".join(parts)
