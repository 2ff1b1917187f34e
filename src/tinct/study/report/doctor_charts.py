"""The figures of a doctor's page, drawn from what was measured."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tinct.study.report.charts import INK, PALETTE, Chart, chart_style, for_page, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Numbers = dict[str, Any]


def draw(measured: Numbers) -> list[Chart]:
    """Draw every figure for which there are numbers.

    Args:
        measured: `measurements` of a `tinct.learn.doctor.findings.Diagnosis`.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    wanted: tuple[tuple[str, str, Callable[[Numbers], Figure | None]], ...] = (
        ("trials", "Short trainings: as asked for, and with one thing changed at a time; pictures not trained on, with "
         "95 % intervals. Dashed: plain statistics on the same pictures; dotted: chance.", _trials),
        ("losses", "Loss of the short trainings, mean of each pass. Dotted: guessing.", _losses),
        ("range", "Range test: the loss on one batch as the rate rises with each step. Solid line: the rate asked for; "
         "dashed: the one suggested.", _range),
        ("by-heart", "One batch learned by heart. A network that cannot do that cannot learn anything.", _by_heart),
        ("channels", "What the network gets: how far the classes' means are apart, next to the size of each channel, "
         "offset included. Below: each channel of every space as it is, unscaled.", _channels),
        ("shuffled", "Permutation test: accuracy of the best plain classifier on shuffled labels (bars) and on the "
         "true ones (line).", _shuffled),
        ("plain", "What plain classifiers see, by what they look at, each picture left out in turn.", _plain),
        ("curve", "Accuracy of the best plain classifier by the number of pictures.", _curve),
        ("layers", "Gradient of each layer before the first step, next to its weights; and the share of dead ReLUs "
         "before (light) and after (dark) the training.", _layers),
        ("changes", "What changes to training pictures cost plain statistics.", _changes),
    )  # fmt: skip
    charts = []
    with chart_style():
        for name, caption, make in wanted:
            figure = make(measured)
            if figure is not None:
                stream = io.StringIO()
                figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
                charts.append(Chart(name, caption, for_page(stream.getvalue())))
    return charts


def _finite(values: list[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


def _trials(measured: Numbers) -> Figure | None:
    trials = measured.get("trials") or []
    if not trials:
        return None
    figure = new_figure(7, 1.0 + 0.38 * len(trials))
    axes = figure.subplots()
    for index, each in enumerate(trials):
        low, high = each["interval"]
        color = PALETTE[index % len(PALETTE)]
        axes.plot([low, high], [index, index], color=color, linewidth=2)
        axes.plot(each["accuracy"], index, "o", color=color)
    axes.axvline(measured["reference"], color=INK, linestyle="--", linewidth=1)
    axes.axvline(measured["chance"], color=INK, linestyle=":", linewidth=1)
    axes.set_yticks(range(len(trials)), [each["name"] for each in trials])
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.02), xlabel="share that is right")
    return figure


def _losses(measured: Numbers) -> Figure | None:
    trials = [each for each in measured.get("trials") or [] if any(value is not None for value in each["losses"])]
    if not trials:
        return None
    figure = new_figure(7, 3.2)
    axes = figure.subplots()
    for index, each in enumerate(trials):
        losses = _finite(each["losses"])
        axes.plot(range(1, len(losses) + 1), losses, ".-", color=PALETTE[index % len(PALETTE)], label=each["name"])
    guess = measured.get("guess") or math.log(max(2, len(measured.get("classes") or [0, 0])))
    axes.axhline(guess, color=INK, linestyle=":", linewidth=1)
    # One first pass on huge numbers would hide all the others.
    tops = sorted(value for each in trials for value in _finite(each["losses"]) if math.isfinite(value))
    axes.set(xlabel="passes", ylabel="loss", ylim=(0, max(1.5 * guess, min(tops[-1] * 1.05, 4 * guess))))
    figure.legend(loc="outside right upper", fontsize=9)
    return figure


def _range(measured: Numbers) -> Figure | None:
    found = measured.get("range")
    if not found or len(found["rates"]) < 2:
        return None
    figure = new_figure(7, 3.0)
    axes = figure.subplots()
    axes.plot(found["rates"], found["losses"], color=PALETTE[0])
    axes.set_xscale("log")
    if min(found["losses"]) > 0 and max(found["losses"]) > 20 * min(found["losses"]):
        axes.set_yscale("log")
    if measured.get("rate"):
        axes.axvline(measured["rate"], color=PALETTE[6], linewidth=1.2)
    if found["suggested"]:
        axes.axvline(found["suggested"], color=PALETTE[2], linestyle="--", linewidth=1.2)
    axes.set(xlabel="learning rate", ylabel="loss on one batch")
    return figure


def _by_heart(measured: Numbers) -> Figure | None:
    hearts = [each for each in measured.get("by_heart") or [] if any(value is not None for value in each["losses"])]
    if not hearts:
        return None
    figure = new_figure(7, 3.0)
    axes = figure.subplots()
    values = [value for each in hearts for value in _finite(each["losses"]) if math.isfinite(value)]
    for index, each in enumerate(hearts):
        axes.plot(
            _finite(each["losses"]), color=PALETTE[index % len(PALETTE)], label=f"{each['name']} ({each['rate']:.1g})"
        )
    if max(values) > 20:
        axes.set_yscale("symlog", linthresh=1)
    axes.set(xlabel="steps", ylabel="loss")
    figure.legend(loc="outside right upper", fontsize=9)
    return figure


def _channels(measured: Numbers) -> Figure | None:
    rows, others = measured.get("channels") or [], measured.get("other_channels") or []
    if not rows:
        return None
    figure = new_figure(7, 1.4 + 0.22 * (len(rows) + len(others)))
    top, bottom = figure.subplots(2, 1, height_ratios=[len(rows) + 1, max(1, len(others)) + 1])
    for axes, each, color in ((top, rows, PALETTE[0]), (bottom, others, PALETTE[3])):
        axes.barh([row["name"] for row in each], [row["ratio"] for row in each], color=color, height=0.6)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", labelsize=8)
    top.set(title="as the network gets it")
    bottom.set(title="as it is", xlabel="distance of the classes' means, next to the channel's size")
    return figure


def _shuffled(measured: Numbers) -> Figure | None:
    test = measured.get("labels")
    if not test:
        return None
    figure = new_figure(7, 2.6)
    axes = figure.subplots()
    axes.hist(test["shuffled"], bins=24, color=PALETTE[0], alpha=0.8)
    axes.axvline(test["best"], color=PALETTE[6], linewidth=1.6)
    axes.set(xlabel=f"balanced accuracy, pictures left out in turn (p = {test['p']:.3f})", ylabel="shuffles")
    return figure


def _plain(measured: Numbers) -> Figure | None:
    tests = [test for test in (measured.get("labels"), measured.get("spaces")) if test]
    rows = [row for test in tests for row in zip(test["names"], test["accuracies"], test["values"], strict=True)]
    if not rows:
        return None
    figure = new_figure(7, 0.8 + 0.26 * len(rows))
    axes = figure.subplots()
    count = len(tests[0]["names"])
    for index, (_, accuracy, value) in enumerate(rows):
        axes.barh(index, accuracy, color=PALETTE[0 if index < count else 2], height=0.65)
        axes.text(accuracy + 0.01, index, f"{accuracy:.0%}, p = {value:.2g}", va="center", fontsize=8)
    axes.set_yticks(
        range(len(rows)), [name if index < count else f"only {name}" for index, (name, *_) in enumerate(rows)]
    )
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.axvline(1 / len(measured["classes"]), color=INK, linestyle=":", linewidth=1)
    axes.set(xlim=(0, 1.25), xlabel="balanced accuracy")
    return figure


def _curve(measured: Numbers) -> Figure | None:
    points = measured.get("curve") or []
    if not points:
        return None
    figure = new_figure(5, 2.6)
    axes = figure.subplots()
    counts = [each["count"] for each in points]
    axes.errorbar(
        counts,
        [each["accuracy"] for each in points],
        [2 * each["error"] for each in points],
        fmt="o-",
        color=PALETTE[0],
    )
    axes.set(xlabel="pictures", ylabel="balanced accuracy", ylim=(0, 1.05))
    return figure


def _layers(measured: Numbers) -> Figure | None:
    layers, before = measured.get("layers") or [], measured.get("units_before") or []
    if not layers:
        return None
    after = {each["name"]: each["dead"] for each in measured.get("units_after") or []}
    figure = new_figure(7, 1.6 + 0.3 * (len(layers) + len(before)))
    parts = figure.subplots(
        2 if before else 1, 1, squeeze=False, height_ratios=[len(layers), len(before)][: 1 + bool(before)]
    )
    top = parts[0, 0]
    top.barh([each["name"] for each in layers], [max(each["ratio"], 1e-12) for each in layers], color=PALETTE[0])
    top.set_xscale("log")
    top.set(xlabel="gradient / weights")
    top.invert_yaxis()
    if before:
        below = parts[1, 0]
        names = [each["name"] for each in before]
        places = range(len(names))
        below.barh(
            [place - 0.2 for place in places], [each["dead"] for each in before], 0.38, color=PALETTE[1], alpha=0.5
        )
        below.barh([place + 0.2 for place in places], [after.get(name, 0) for name in names], 0.38, color=PALETTE[1])
        below.set_yticks(list(places), names)
        below.set(xlim=(0, 1), xlabel="share of dead units")
        below.invert_yaxis()
    return figure


def _changes(measured: Numbers) -> Figure | None:
    rows = measured.get("changes") or []
    if not rows:
        return None
    figure = new_figure(7, 1.0 + 0.35 * len(rows))
    axes = figure.subplots()
    for index, each in enumerate(rows):
        axes.plot([each["before"], each["after"]], [index, index], color=PALETTE[0], linewidth=2)
        axes.plot(each["before"], index, "|", color=PALETTE[0], markersize=12)
        axes.plot(each["after"], index, "o", color=PALETTE[0])
    axes.set_yticks(range(len(rows)), [each["name"] for each in rows])
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.02), xlabel="accuracy of plain statistics, before (line) and after (dot)")
    return figure
