"""Draw a report's figures as PNG and SVG files, and as SVG for the page, which follows its light or dark style."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from tinct.color.bins import bin_colors
from tinct.errors import MissingExtraError
from tinct.files import make_folder
from tinct.study.intervals import METRICS, Spread
from tinct.study.measure import GREY, MEAN_COLOR
from tinct.study.report.figures import UNDATED, new_figure, save_figure
from tinct.study.report.tables import SHORT_ACCURACIES, Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Eight colours that are distinct on white and on near-black, also for colour-blind people.
PALETTE = ("#3182ce", "#dd7a1f", "#2a9d72", "#c2569b", "#a8890c", "#159fb5", "#d1453b", "#7a70c9")
INK = "#1f2329"  # of text and lines; the page replaces it by its own
_FAINT = "#d5dae1"  # of grids; the page replaces it by its own
ARROWS = {1: "↑", -1: "↓", 0: "→ 1"}  # `Metric.better` -> arrow
WIDE = 5.0  # the axis is logarithmic if the largest loss is more than this many times the smallest


@dataclass(frozen=True)
class Chart:
    """A figure on the page, and what it shows, in a sentence or two."""

    svg: Markup
    caption: str


def color_of(index: int) -> str:
    """Return an arm's colour by its place."""
    return PALETTE[index % len(PALETTE)]


def draw_charts(results: Results, folder: Path, *, quantisation: list[dict[str, Any]]) -> dict[str, Chart]:
    """Draw all figures that the recipe asks for and the results allow, into files of `folder`; return them by name.

    `quantisation` are the rows of `Results.quantisation_rows`.
    """
    make_folder(folder)
    plots = results.study.record.plots
    charts: dict[str, Chart] = {}

    def add(name: str, caption: str, draw: Callable[[], Figure | None]) -> None:
        with chart_style():
            figure = draw()
            if figure is not None:
                charts[name] = Chart(Markup(_write(figure, folder / name)), caption)

    if "metrics" in plots and results.arms:
        add("metrics", _METRICS_CAPTION, lambda: _metrics(results))
    if "axis" in plots and results.study.record.axis:
        add("axis", "The metrics for each value of the setting, with their intervals.", lambda: _axis(results))
    if "curves" in plots:
        add("loss", _LOSS_CAPTION, lambda: _curves(results, "loss"))
        add("accuracy_bins", _ACCURACY_CAPTION.format(_RIGHT_BINS), lambda: _curves(results, "accuracy_bins"))
        add("accuracy_10", _ACCURACY_CAPTION.format(_ACCURACY_OF_BINS), lambda: _curves(results, "accuracy_10"))
        add("gap", _GAP_CAPTION, lambda: _gaps(results))
    if "histograms" in plots and results.arms:
        add("histograms", _HISTOGRAM_CAPTION, lambda: _histograms(results))
    if quantisation:
        add("quantisation", _QUANTISATION_CAPTION, lambda: _quantisation(quantisation))
    return charts


_METRICS_CAPTION = (
    "Each metric on the validation pictures: mean and 95 % interval. Vertical lines: the grey picture (dotted) and one "
    "mean colour for every pixel (dashed). ↓ less is better, ↑ more is better; colourfulness should be near 1."
)
_LOSS_CAPTION = (
    "Loss during training: training pictures dashed, validation pictures solid, mean of the seeds with their range. "
    "Losses of different tasks, numbers of bins or weights have different units: do not compare them between panels. "
    "The axis is logarithmic if the largest loss is more than five times the smallest."
)
_ACCURACY_CAPTION = (
    "Accuracy during training: training pictures dashed, if it is measured on them; validation pictures solid.{}"
)
_ACCURACY_OF_BINS = " For this, networks with bins are decoded at the temperature 0.5, on validation pictures only."
_RIGHT_BINS = (
    " The more bins there are, the harder it is to find the right one: if their numbers differ, each panel has its own "
    "axis, and panels cannot be compared."
)
_GAP_CAPTION = (
    "Overfitting gap: validation loss minus training loss. A gap that rises from pass to pass shows that pictures are "
    "learned by heart; in the first pass, no photograph has been seen twice. Each panel shows one kind of loss; gaps "
    "of different tasks, numbers of bins or weights have different units and cannot be compared."
)
_HISTOGRAM_CAPTION = (
    "How often each of the dataset's commonest colours occurs in the true validation pictures (bars), in the arm's "
    "pictures (dots), and in the training pictures (lines)."
)
_QUANTISATION_CAPTION = "What bins alone cost: the true colours replaced by those of their bins, without a network."


def chart_style() -> Any:
    """Return a context with the matplotlib settings of all figures.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise MissingExtraError("learn", "drawing figures") from error
    return mpl.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "tinct",
            "font.size": 10,
            "text.color": INK,
            "axes.labelcolor": INK,
            "axes.edgecolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "grid.color": _FAINT,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
            "axes.titlesize": 10,
        }
    )


def _write(figure: Figure, stem: Path) -> str:
    """Write PNG and SVG on white, and return the SVG for the page, without background and in the page's ink."""
    for suffix in (".png", ".svg"):
        save_figure(figure, stem.with_suffix(suffix), dpi=150)
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata=UNDATED["svg"])
    return for_page(stream.getvalue())


def for_page(svg: str) -> str:
    """Turn the SVG of a file into one that is part of a page."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    opening, rest = svg.split(">", 1)
    width = re.search(r'width="([\d.]+)pt"', opening)
    opening = re.sub(r' (width|height)="[\d.]+pt"', "", opening)
    rest = rest.replace(INK, "currentColor").replace(_FAINT, "var(--line)")
    rest = re.sub(r"font: ([^;\"]*?)(\d[\d.]*px) [^;\"]*", r"font: \1\2 system-ui, sans-serif", rest)
    natural = float(width.group(1)) * 4 / 3 if width else 640
    return f'{opening} style="width: 100%; min-width: {min(natural, 560):.0f}px; max-width: {natural:.0f}px">{rest}'


def _grid(count: int, *, width: float = 3.3, height: float = 2.5, share: bool = False) -> tuple[Figure, list[Axes]]:
    columns = 2 if count == 4 else min(3, count)
    rows = math.ceil(count / columns)
    figure = new_figure(max(4.5, width * columns), height * rows + 0.3)
    axes = figure.subplots(rows, columns, squeeze=False, sharey=share).reshape(-1)
    for spare in axes[count:]:
        spare.set_visible(False)
    return figure, list(axes[:count])


def _metrics(results: Results) -> Figure:
    shown = results.compared
    arms = [arm.name for arm in results.arms]
    figure = new_figure(max(11, 2.2 * len(shown)), 1.2 + 0.32 * len(arms))
    for axes, metric in zip(figure.subplots(1, len(shown), sharey=True), shown, strict=True):
        for place, name in enumerate(arms):
            _bar(axes, results.val.spread(name, metric.name), place, color_of(results.place(name)))
        for name, line in ((GREY, ":"), (MEAN_COLOR, "--")):
            axes.axvline(results.val.spread(name, metric.name).mean, color=INK, linestyle=line, linewidth=1)
        axes.set(title=f"{metric.heading} {ARROWS[metric.better]}")
        axes.set_yticks(range(len(arms)), arms)
        axes.set_ylim(len(arms) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
    return figure


def _bar(axes: Axes, spread: Spread, place: float, color: str) -> None:
    axes.plot([spread.low, spread.high], [place, place], color=color, linewidth=2.2, solid_capstyle="round")
    axes.plot(spread.seeds, [place + 0.22] * len(spread.seeds), "|", color=color, markersize=5, alpha=0.8)
    axes.plot([spread.mean], [place], "o", color=color, markersize=6)


def axis_values(results: Results) -> dict[str, float]:
    """Return each arm's value of the recipe's axis; arms without a number are left out."""
    axis = results.study.record.axis
    values: dict[str, float] = {}
    for arm in results.arms:
        if set(arm.own) - {axis}:
            continue  # it differs in something else
        value = arm.evaluation.given().get(axis)
        if value is None:
            training = results.study.training(arm, results.study.seeds[0])
            own = axis in arm.own or not any(axis in other.own for other in results.arms)
            value = getattr(training, axis, None) if own or arm.settings.get(axis) is not None else None
            value = len(value) if isinstance(value, tuple) and value else value
        if isinstance(value, int | float) and not isinstance(value, bool):
            values[arm.name] = float(value)
    return values


def _axis(results: Results) -> Figure | None:
    places = sorted(axis_values(results).items(), key=lambda item: item[1])
    if len({value for _, value in places}) < 2:
        return None
    shown = results.compared
    figure, grid = _grid(len(shown), width=5)
    values = [value for _, value in places]
    for axes, metric in zip(grid, shown, strict=True):
        spreads = [results.val.spread(name, metric.name) for name, _ in places]
        _line(axes, values, [(spread.mean, spread.low, spread.high) for spread in spreads])
        for name, line in ((GREY, ":"), (MEAN_COLOR, "--")):
            axes.axhline(results.val.spread(name, metric.name).mean, color=INK, linestyle=line, linewidth=1)
        for name in (arm.name for arm in results.arms if arm.name not in dict(places)):
            color = color_of(results.place(name))
            axes.axhline(results.val.spread(name, metric.name).mean, color=color, label=name)
        if min(values) > 0 and max(values) / min(values) >= 8:
            _logarithmic(axes, values)
        axes.set(title=metric.heading, xlabel=results.study.record.axis)
    if any(arm.name not in dict(places) for arm in results.arms):
        grid[0].legend(fontsize=8)
    return figure


def _curves(results: Results, name: str) -> Figure | None:
    arms = [arm for arm in results.trained if _has(results, arm.name, f"val_{name}")]
    if not arms:
        return None
    units = {_units(results, arm.name, name) for arm in arms}
    figure, grid = _grid(len(arms), share=len(units) == 1)
    for axes, arm in zip(grid, arms, strict=True):
        color = color_of(results.place(arm.name))
        middles = {}
        for split, line in (("train", "--"), ("val", "-")):
            steps, middle, low, high = _band(results, arm.name, f"{split}_{name}")
            if not len(steps):
                continue
            middles[split] = (steps, middle)
            axes.plot(steps, middle, line, color=color, linewidth=1.6)
            axes.fill_between(steps, low, high, color=color, alpha=0.15, linewidth=0)
        if name == "loss" and len(middles) == 2:
            (steps, training), (_, validation) = middles["train"], middles["val"]
            axes.fill_between(steps, training, validation, where=validation > training, color=INK, alpha=0.08, lw=0)
        words = f"{arm.name}\n{_unit_words(_units(results, arm.name, name))}" if len(units) > 1 else arm.name
        axes.set(title=words, xlabel="steps")
        values = np.concatenate([middle for _, middle in middles.values()] or [np.ones(1)])
        if name == "loss" and 0 < WIDE * np.nanmin(values) < np.nanmax(values):
            axes.set(yscale="log")  # otherwise the first steps would flatten the rest to a line
        if axes is grid[0]:
            axes.set(ylabel=SHORT_ACCURACIES.get(name, name))
    return figure


def _gaps(results: Results) -> Figure | None:
    arms = [arm for arm in results.trained if _has(results, arm.name, "train_loss")]
    if not arms or not _has(results, arms[0].name, "val_loss"):
        return None
    kinds: dict[tuple[Any, ...], list[str]] = {}
    for arm in arms:
        kinds.setdefault(_units(results, arm.name, "loss"), []).append(arm.name)
    figure, grid = _grid(len(kinds), width=7 if len(kinds) == 1 else 4.2, height=3.2)
    for axes, (units, names) in zip(grid, kinds.items(), strict=True):
        for name in names:
            steps, training, _, _ = _band(results, name, "train_loss")
            validated, validation, _, _ = _band(results, name, "val_loss")
            both, these, those = np.intersect1d(steps, validated, return_indices=True)  # a diverged arm may lack some
            gap = validation[those] - training[these]
            axes.plot(both, gap, color=color_of(results.place(name)), label=name, linewidth=1.6)
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set(xlabel="steps", title=_unit_words(units))
        axes.legend(fontsize=8)
    grid[0].set(ylabel="validation - training loss")
    return figure


def _histograms(results: Results) -> Figure:
    rows = results.histogram_rows()
    bins = results.study.bins()
    colors = bin_colors(bins)
    count = min(len(rows), 32)
    figure = new_figure(11, 2.1 * len(results.arms) + 0.6)
    places = np.arange(count)
    all_axes = figure.subplots(len(results.arms), 1, squeeze=False, sharex=True)[:, 0]
    for axes, arm in zip(all_axes, results.arms, strict=True):
        color = color_of(results.place(arm.name))
        axes.bar(places, [max(row["truth"], 1e-6) for row in rows[:count]], color=colors[:count], width=0.8)
        axes.plot(places, [max(row[arm.name], 1e-6) for row in rows[:count]], "o", color=color, markersize=5)
        axes.plot(places, [max(row["dataset"], 1e-6) for row in rows[:count]], "_", color=INK, markersize=9)
        axes.set(yscale="log", ylabel="share", title=arm.name, ylim=(1e-5, 1))
        axes.grid(visible=False, axis="x")
    all_axes[-1].set(xlabel="colour bin, the commonest first")
    return figure


def _quantisation(rows: list[dict[str, Any]]) -> Figure:
    shown = [metric for metric in METRICS if metric.name in ("ciede2000", "psnr", "auc_rebalanced")]
    figure, grid = _grid(len(shown))
    for axes, metric in zip(grid, shown, strict=True):
        own = sorted((row for row in rows if row["metric"] == metric.name), key=lambda row: row["bins"])
        values = [row["bins"] for row in own]
        _line(axes, values, [(row["mean"], row["low"], row["high"]) for row in own])
        _logarithmic(axes, values)
        axes.set(title=metric.heading, xlabel="bins")
    return figure


def _line(axes: Axes, values: list[float], figures: list[tuple[float, float, float]]) -> None:
    """Draw means with their intervals: (mean, low, high) at each value."""
    means, lows, highs = zip(*figures, strict=True)
    axes.plot(values, means, "o-", color=PALETTE[0])
    axes.fill_between(values, lows, highs, color=PALETTE[0], alpha=0.2, linewidth=0)


def _logarithmic(axes: Axes, values: list[float]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:g}" for value in values], minor=False)
    axes.minorticks_off()


def _units(results: Results, arm: str, name: str) -> tuple[Any, ...]:
    """Return the settings that must be equal for losses, or accuracies, of two arms to be comparable."""
    training = results.study.training(results.study.record.arm(arm), results.study.seeds[0])
    if name == "accuracy_10":
        return ()
    if training.task != "bins":
        return (training.task, training.space)
    told = f"lambda {training.rebalance:g}" if training.amplitude is None else f"amplitude {training.amplitude:g}"
    weights = (told,) if name == "loss" else ()
    return (training.task, training.space, training.grid, training.bins, *weights)


def _unit_words(units: tuple[Any, ...]) -> str:
    """Say what `_units` returned in a few words."""
    if units[0] != "bins":
        return "whole picture" if units[0] == "rgb" else f"chroma in {units[1]}"
    weights = f", {units[4]}" if len(units) > 4 else ""
    return f"{units[3]} bins of {units[2]}x{units[2]}, {units[1]}{weights}"


def _has(results: Results, arm: str, column: str) -> bool:
    return any(np.isfinite(curve.get(column, [math.nan])).any() for curve in results.curves[arm])


def _band(results: Results, arm: str, column: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return steps, mean, lowest and highest of a column over the seeds."""
    curves: Sequence[dict[str, list[float]]] = [c for c in results.curves[arm] if column in c]
    if not curves or not np.isfinite(curves[0][column]).any():
        empty = np.empty(0)
        return empty, empty, empty, empty
    length = min(len(curve["step"]) for curve in curves)
    table = np.array([curve[column][:length] for curve in curves])
    return np.array(curves[0]["step"][:length]), table.mean(axis=0), table.min(axis=0), table.max(axis=0)
