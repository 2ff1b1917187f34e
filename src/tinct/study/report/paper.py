"""Draw figures as in Billaut et al. 2018: temperatures, confidence, losses, and frequencies of colours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinct.color.bins import ColorBins, bin_colors
from tinct.coloring.photo.colorizer import Colorizer
from tinct.errors import DataError
from tinct.study.measure import count_bins, leave_grey
from tinct.study.method import Pixels, grey_of
from tinct.study.report.charts import chart_style
from tinct.study.report.figures import new_figure, save_figure
from tinct.study.report.sheets import Sheet, confidence_maps, sheet_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Rectangle

Progress = Callable[[int, int], None]
# The paper's colours:
BLUE = "#3182ce"  # truth, or training
ORANGE = "#dd7a1f"  # prediction
GREEN = "#2a9d72"  # the whole dataset
RED = "#d1453b"  # validation
_CELL = 2.3  # inches: width of a picture


def draw_temperatures(
    colorizers: Mapping[str, Colorizer],
    temperatures: Sequence[float],
    photographs: Sequence[Pixels],
    path: Path,
    progress: Progress | None = None,
) -> Path:
    """Draw photographs (H, W, 3) in grey, colorized by each network (name -> it) at each temperature, and in truth.

    Source: figure 4; with two networks, figure 10.
    """
    rows = []
    for done, photograph in enumerate(photographs, start=1):
        luma = grey_of(photograph)
        made = [
            colorizer.changed(temperature=degree)(luma) for colorizer in colorizers.values() for degree in temperatures
        ]
        rows.append([leave_grey(luma), *made, photograph])
        if progress:
            progress(done, len(photographs))
    headings = [f"{name}{', ' if name else ''}T {degree:g}" for name in colorizers for degree in temperatures]
    sheet = Sheet("temperatures", "", ["grey", *headings, "truth"], rows)
    save_figure(sheet_figure(sheet, cell=_CELL, tight=True), path)
    return path


def draw_confidence(
    colorizer: Colorizer, photographs: Sequence[Pixels], path: Path, *, progress: Progress | None = None
) -> Path:
    """Draw photographs (H, W, 3), a network's pictures of them, and how sure it is.

    Source: figure 7.
    """
    rows = []
    for done, photograph in enumerate(photographs, start=1):
        luma = grey_of(photograph)
        rows.append([photograph, colorizer(luma), *confidence_maps(colorizer, luma)])
        if progress:
            progress(done, len(photographs))
    headings = [
        "truth",
        f"T {colorizer.temperature:g}",
        "top bin's probability, 0 to 1",
        "ratio to the second, 1 to 10",
    ]
    save_figure(sheet_figure(Sheet("confidence", "", headings, rows), cell=_CELL, tight=True), path)
    return path


def draw_loss(table: Path, path: Path) -> Path:
    """Draw the losses of a training's metrics.csv over its steps, training in blue, validation in red.

    Raises:
        DataError: no epoch is finished.

    Source: figure 8.
    """
    from tinct.learn.records import plot_curves, read_curves

    curves = read_curves(table)
    if not curves:
        raise DataError(f"{table}: no epoch is finished yet; continue the training")
    style = {"marker": "o", "markersize": 3, "linewidth": 1.5}
    lines = {"train_loss": {"color": BLUE, "label": "training"}, "val_loss": {"color": RED, "label": "validation"}}
    with chart_style():
        figure = new_figure(7, 4)
        axes = figure.subplots()
        plot_curves(axes, curves, {name: {**style, **own} for name, own in lines.items()})
        axes.set(xlabel="steps", ylabel="loss")
        save_figure(figure, path)
    return path


def draw_colors(
    colorizer: Colorizer, photographs: Sequence[Pixels], path: Path, *, progress: Progress | None = None
) -> Path:
    """Draw how often each bin occurs in photographs (H, W, 3), in a network's pictures of them, and in its dataset.

    Source: figure 9.
    """
    bins = colorizer.session.bins
    assert bins is not None
    true, predicted = np.zeros(bins.count), np.zeros(bins.count)
    for done, photograph in enumerate(photographs, start=1):
        true += count_bins(bins, photograph)
        predicted += count_bins(bins, colorizer(grey_of(photograph)))
        if progress:
            progress(done, len(photographs))
    with chart_style():
        figure = new_figure(11, 6)
        top, bottom = figure.subplots(2, 1, sharex=True)
        _bars(top, {"true": true / true.sum(), "predicted": predicted / predicted.sum()}, (BLUE, ORANGE))
        top.set(title=f"pixels of {len(photographs)} photographs, T {colorizer.temperature:g}")
        _bars(bottom, {"training set": bins.frequencies}, (GREEN,))
        bottom.set(title="pixels that the bins were learned from", xlabel="colour bin, the commonest first")
        _swatches(bottom, bins)
        save_figure(figure, path)
    return path


def _bars(axes: Axes, shares: Mapping[str, NDArray[np.float64]], colors: tuple[str, ...]) -> None:
    width = 0.8 / len(shares)
    for place, ((name, values), color) in enumerate(zip(shares.items(), colors, strict=True)):
        axes.bar(np.arange(len(values)) - 0.4 + (place + 0.5) * width, values, width, color=color, label=name)
    axes.set(ylabel="share of the pixels", yscale="log", ylim=(1e-5, 1))
    axes.grid(visible=False, axis="x")
    axes.legend()


def _swatches(axes: Axes, bins: ColorBins) -> None:
    axes.set_xticks(range(bins.count), [str(place) for place in range(bins.count)], fontsize=7)
    axes.tick_params(axis="x", length=0, pad=14)
    for place, color in enumerate(bin_colors(bins)):
        axes.add_patch(_patch(place, color, axes))


def _patch(place: int, color: NDArray[np.float32], axes: Axes) -> Rectangle:
    from matplotlib import patches

    transform = axes.get_xaxis_transform()
    return patches.Rectangle((place - 0.45, -0.06), 0.9, 0.05, color=tuple(color), transform=transform, clip_on=False)
