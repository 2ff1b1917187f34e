"""Make, check and write figures that are separate files, and draw the figure of colour bins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.bins import MIDDLE_LUMA, ColorBins, bin_colors
from tinct.errors import MissingExtraError, SettingError
from tinct.files import written_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIGURE_SUFFIXES = (".png", ".svg", ".pdf")
# Without a date, the same figure gives the same file.
UNDATED = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
_MAP_COLORS = "viridis"
_AXES = {"yuv": ("U", "V"), "lab": ("a", "b")}


def check_figure(target: str | Path) -> Path:
    """Check that a figure can be written to a file, and return its path.

    Raises:
        SettingError: the suffix is not one of `FIGURE_SUFFIXES`.
        MissingExtraError: matplotlib is not installed.
    """
    path = Path(target)
    if path.suffix.lower() not in FIGURE_SUFFIXES:
        raise SettingError(f"{path}: figures are written as {', '.join(FIGURE_SUFFIXES)}; give the file such a name")
    new_figure(1, 1)
    return path


def draw_bins(bins: ColorBins, target: str | Path) -> Path:
    """Draw colour bins: their colours, frequencies, inverse frequencies and weights, the last three on log scales.

    In each bin, the cell nearest to its mean colour, usually the one it was made from, stands out; the others are
    faint. A dot marks each bin's mean colour. The file is a .png, .svg or .pdf, written beside it first and renamed
    into place.

    Raises:
        SettingError: another kind of file.
        OutputError: the file cannot be written.
        MissingExtraError: matplotlib is not installed.

    Source: Billaut et al. 2018, figure 1.
    """
    path = check_figure(target)
    figure = new_figure(11, 9.6)
    axes = figure.subplots(2, 2)
    colors = bin_colors(bins)
    _map(axes[0, 0], bins, colors[bins.lookup], f"(a) colour of the {bins.count} bins at luma {MIDDLE_LUMA}")
    frequencies = np.maximum(bins.frequencies, np.finfo(np.float64).tiny)
    apart = f"1 to {bins.frequencies.max() / frequencies.min():,.0f}"
    _log_map(axes[0, 1], bins, frequencies, f"(b) frequency, {apart}")
    _log_map(axes[1, 0], bins, 1 / frequencies, "(c) inverse frequency")
    _log_map(axes[1, 1], bins, bins.weights, f"(d) weight, 1 to {bins.amplitude:,.3g}, lambda {bins.rebalance:.3g}")
    save_figure(figure, path)
    return path


def _map(axes: Axes, bins: ColorBins, values: NDArray[Any], title: str, *, norm: Any = None) -> None:
    """Draw values (grid, grid) or colours (grid, grid, 3) over the chroma plane, with the first axis to the right."""
    (left, bottom), (right, top) = bins.low, bins.high
    axes.imshow(
        np.swapaxes(values, 0, 1),
        origin="lower",
        extent=(left, right, bottom, top),
        aspect="auto",
        alpha=np.where(_nearest_cells(bins), 1.0, 0.3).T,
        norm=norm,
        cmap=_MAP_COLORS,
    )
    axes.plot(bins.centers[:, 0], bins.centers[:, 1], ".", color="white", markeredgecolor="black", markersize=7)
    across, up = _AXES[bins.space]
    axes.set(title=title, xlabel=across, ylabel=up)


def _nearest_cells(bins: ColorBins) -> NDArray[np.bool_]:
    """Return (grid, grid) whether each cell is the one of its bin nearest to the bin's mean colour."""
    grid = bins.lookup.shape[0]
    low, high = np.array(bins.low), np.array(bins.high)
    steps = (np.stack(np.meshgrid(np.arange(grid), np.arange(grid), indexing="ij"), axis=-1) + 0.5) / grid
    distances = ((low + steps * (high - low) - bins.centers[bins.lookup]) ** 2).sum(axis=-1)
    nearest = np.zeros((grid, grid), dtype=np.bool_)
    for index in range(bins.count):
        mine = np.where(bins.lookup == index, distances, np.inf)
        nearest.flat[mine.argmin()] = True
    return nearest


def _log_map(axes: Axes, bins: ColorBins, values: NDArray[np.float64], title: str) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm

    low, high = float(values.min()), float(values.max())
    norm = LogNorm(low, high if high > low else low * 1.01)
    _map(axes, bins, values[bins.lookup], title, norm=norm)
    axes.figure.colorbar(ScalarMappable(norm, _MAP_COLORS), ax=axes)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, width and height in inches, without changing matplotlib's global state."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("learn", "drawing figures") from error
    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Figure, path: Path, *, dpi: int = 110) -> None:
    """Write a figure on white in the format of the file's suffix, without a date.

    The layout is then fixed, since computing it again for another file would take half of that file's time.
    """
    kind = path.suffix.lower()[1:]
    with written_beside(path) as beside:
        figure.savefig(beside, format=kind, dpi=dpi, facecolor="white", metadata=UNDATED.get(kind))
    figure.set_layout_engine("none")
