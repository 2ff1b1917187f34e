"""Draw figures 1, 4 and 7 to 10 of the ColorUNet paper (Billaut, de Rochemonteix & Thibault 2018) for any training."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinct.color.bins import ColorBins, bin_colors
from tinct.coloring.photo.colorizer import Colorizer
from tinct.data.pictures import find_pictures
from tinct.data.source import Source, pictures
from tinct.errors import DataError, ModelError, SettingError
from tinct.study.measure import count_bins, leave_grey
from tinct.study.method import Pixels, grey_of
from tinct.study.report.charts import chart_style
from tinct.study.report.figures import check_figure, draw_bins, new_figure, save_figure
from tinct.study.report.sheets import Sheet, confidence_maps, sheet_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tinct.learn.run import Run

Progress = Callable[[int, int], None]
LONGEST = 256  # pixels: longer edge of photographs that are shown or counted, as in the paper
# The paper's colours:
BLUE = "#3182ce"  # truth, or training
ORANGE = "#dd7a1f"  # prediction
GREEN = "#2a9d72"  # the whole dataset
RED = "#d1453b"  # validation
_CELL = 2.3  # inches: width of a picture


@dataclass(frozen=True)
class Kind:
    """A figure of the paper.

    Attributes:
        number: in the paper.
        shows: what it shows, in a few words.
        pictures: number of photographs by default.
        temperatures: at which it decodes by default, if it shows several.
    """

    number: int
    shows: str
    pictures: int = 0
    temperatures: tuple[float, ...] = ()


KINDS = {
    "bins": Kind(1, "the colour bins, their frequencies and weights"),
    "temperatures": Kind(4, "photographs at several temperatures", 4, (0.1, 1.0, 3.0)),
    "confidence": Kind(7, "how sure the network is of each pixel", 3),
    "loss": Kind(8, "training and validation loss along the steps"),
    "colors": Kind(9, "how often each bin occurs in truth, prediction and dataset", 500),
    "against": Kind(10, "two trainings beside each other at two temperatures", 3, (0.1, 1.0)),
}


def draw_figure(
    kind: str,
    trained: Sequence[str | Path],
    target: str | Path,
    *,
    data: str | Path | None = None,
    split: str = "val",
    temperatures: Sequence[float] = (),
    limit: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Path:
    """Draw a figure of a training.

    Args:
        kind: one of `KINDS`.
        trained: a training's folder or, except for `loss`, a model's name or file; two of these for `against`.
        target: a .png, .svg or .pdf file.
        data: a dataset or folder of photographs to show; default: the training's own photographs.
        split: `train` or `val`, of the dataset or of the training's photographs.
        temperatures: at which to decode; default: those of `KINDS`, or the model's own if the figure shows one.
        limit: number of photographs, at most, drawn at random; default: that of `KINDS`.
        seed: of the draw.
        progress: called with (done, total) after each photograph.

    Returns:
        The file.

    Raises:
        SettingError: there is no such figure, or it cannot be drawn of these trainings.
        DataError: there are no photographs to show, or a run is damaged.
        ModelError: a model cannot be used, or has no bins.
    """
    path = check_figure(target)
    if kind not in KINDS:
        raise SettingError(f"no figure '{kind}'; there are: {', '.join(KINDS)}")
    wanted = 2 if kind == "against" else 1
    if len(trained) != wanted:
        raise SettingError(f"figure '{kind}' needs {wanted} training{'s' * (wanted > 1)}, not {len(trained)}")
    if kind == "loss":
        return _draw_loss(_run_of(trained[0]).path, path)
    if kind == "bins":
        return draw_bins(bins_of(trained[0]), path)
    shown = _photographs(trained, data, split=split, limit=limit or KINDS[kind].pictures, seed=seed)
    degrees = tuple(temperatures) or KINDS[kind].temperatures
    with ExitStack() as stack:
        colorizers = [stack.enter_context(_opened(place)) for place in trained]
        first = colorizers[0]
        if kind == "colors":
            return _draw_colors(_decoding(first, degrees), shown, path, progress)
        if kind == "confidence":
            return _draw_confidence(_decoding(first, degrees), shown, path, progress)
        names = [Path(place).name for place in trained] if kind == "against" else [""]
        return _draw_temperatures(list(zip(names, colorizers, strict=True)), degrees, shown, path, progress)


def bins_of(place: str | Path) -> ColorBins:
    """Return the bins of a training's folder, or of a model given by its file or name.

    Raises:
        ModelError: it has no bins, or there is no such model.
        DataError: the folder is not a training's.
    """
    from tinct.data.colors import bins_of_model

    if not Path(place).is_dir():
        return bins_of_model(place)
    return _given(_run_of(place).bins, place)


def _given(bins: ColorBins | None, place: str | Path) -> ColorBins:
    if bins is None:
        raise ModelError(f"{place}: predicts chroma itself and has no colour bins; name a training with bins")
    return bins


def _decoding(colorizer: Colorizer, temperatures: tuple[float, ...]) -> Colorizer:
    if len(temperatures) > 1:
        raise SettingError(f"this figure is decoded at one temperature, not at {len(temperatures)}; give one")
    return colorizer.changed(temperature=temperatures[0]) if temperatures else colorizer


def _run_of(place: str | Path) -> Run:
    from tinct.learn.run import Run

    if not Path(place).is_dir():
        raise SettingError(f"{place}: is not a training's folder; name the one that  tinct train --out  was given")
    return Run.open(place)


@contextmanager
def _opened(place: str | Path) -> Iterator[Colorizer]:
    """Open a model with bins, or the last checkpoint of a training as such a model."""
    with tempfile.TemporaryDirectory() as folder:
        model: str | Path = place
        if Path(place).is_dir():
            from tinct.learn.export import Export, export

            model = Path(folder) / "model.onnx"
            export(place, model, Export(working_size=_run_of(place).training.seen_size))
        colorizer = Colorizer(model, runtime="onnxruntime")
        _given(colorizer.session.bins, place)
        yield colorizer


def _photographs(
    trained: Sequence[str | Path], data: str | Path | None, *, split: str, limit: int, seed: int
) -> Sequence[Pixels]:
    """Return photographs (H, W, 3) drawn at random from `data`, or from the trainings' own photographs."""
    if data is not None:
        return [picture.read(longest=LONGEST) for picture in find_pictures(data, split=split, limit=limit, seed=seed)]
    sources = [_own_source(place, split) for place in trained]
    source = sources[0]
    if any(other != source for other in sources):
        raise SettingError("the two trainings have different photographs; name some that neither saw with --data")
    if source.count == 0:
        raise DataError(f"{source.place}: no photographs to show in split '{split}'; name some with --data")
    places = random.Random(seed).sample(range(source.count), min(limit, source.count))
    return list(pictures(replace(source, draws=tuple(float(place in places) for place in range(source.count)))))


def _own_source(place: str | Path, split: str) -> Source:
    if not Path(place).is_dir():
        raise SettingError(f"{place}: a model does not record where its photographs are; name some with --data")
    return _run_of(place).training.source(split)


def _one_by_one(photographs: Sequence[Pixels], progress: Progress | None) -> Iterator[Pixels]:
    for done, photograph in enumerate(photographs, start=1):
        yield photograph
        if progress:
            progress(done, len(photographs))


def _draw_temperatures(
    named: Sequence[tuple[str, Colorizer]],
    temperatures: Sequence[float],
    photographs: Sequence[Pixels],
    path: Path,
    progress: Progress | None,
) -> Path:
    """Draw photographs in grey, colorized by each network at each temperature, and in truth.

    Source: figure 4; with two networks, figure 10.
    """
    headings = [f"{name}{', ' if name else ''}T {degree:g}" for name, _ in named for degree in temperatures]
    ways = [colorizer.changed(temperature=degree) for _, colorizer in named for degree in temperatures]
    rows = []
    for photograph in _one_by_one(photographs, progress):
        luma = grey_of(photograph)
        rows.append([leave_grey(luma), *(way(luma) for way in ways), photograph])
    sheet = Sheet("temperatures", "", ["grey", *headings, "truth"], rows)
    save_figure(sheet_figure(sheet, cell=_CELL, tight=True), path)
    return path


def _draw_confidence(
    colorizer: Colorizer, photographs: Sequence[Pixels], path: Path, progress: Progress | None
) -> Path:
    """Draw photographs, a network's pictures of them, and how sure it is.

    Source: figure 7.
    """
    rows = []
    for photograph in _one_by_one(photographs, progress):
        luma = grey_of(photograph)
        rows.append([photograph, colorizer(luma), *confidence_maps(colorizer, luma)])
    maps = ["top bin's probability, 0 to 1", "ratio to the second, 1 to 10"]
    sheet = Sheet("confidence", "", ["truth", f"T {colorizer.temperature:g}", *maps], rows)
    save_figure(sheet_figure(sheet, cell=_CELL, tight=True), path)
    return path


def _draw_loss(run: Path, path: Path) -> Path:
    """Draw the losses of a training over its steps.

    Source: figure 8.
    """
    from tinct.learn.records import METRICS, plot_curves, read_curves

    curves = read_curves(run / METRICS)
    if not curves:
        raise DataError(f"{run / METRICS}: no epoch is finished yet; continue the training")
    style = {"marker": "o", "markersize": 3, "linewidth": 1.5}
    lines = {"train_loss": {"color": BLUE, "label": "training"}, "val_loss": {"color": RED, "label": "validation"}}
    with chart_style():
        figure = new_figure(7, 4)
        axes = figure.subplots()
        plot_curves(axes, curves, {name: {**style, **own} for name, own in lines.items()})
        axes.set(xlabel="steps", ylabel="loss")
        save_figure(figure, path)
    return path


def _draw_colors(colorizer: Colorizer, photographs: Sequence[Pixels], path: Path, progress: Progress | None) -> Path:
    """Draw how often each bin occurs in photographs, in a network's pictures of them, and in its dataset.

    Source: figure 9.
    """
    bins = colorizer.session.bins
    assert bins is not None
    true, predicted = np.zeros(bins.count), np.zeros(bins.count)
    for photograph in _one_by_one(photographs, progress):
        true += count_bins(bins, photograph)
        predicted += count_bins(bins, colorizer(grey_of(photograph)))
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
    from matplotlib.patches import Rectangle

    axes.set_xticks(range(bins.count), [str(place) for place in range(bins.count)], fontsize=7)
    axes.tick_params(axis="x", length=0, pad=14)
    below = axes.get_xaxis_transform()
    for place, color in enumerate(bin_colors(bins)):
        swatch = Rectangle((place - 0.45, -0.06), 0.9, 0.05, color=tuple(color), transform=below, clip_on=False)
        axes.add_patch(swatch)
