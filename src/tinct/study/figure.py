"""Draw figures 1, 4 and 7 to 10 of the ColorUNet paper (Billaut, de Rochemonteix & Thibault 2018) for any training."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tinct.color.bins import ColorBins
from tinct.coloring.photo.colorizer import Colorizer
from tinct.data.pictures import find_pictures
from tinct.data.source import Source, open_source, pictures
from tinct.errors import DataError, ModelError, SettingError
from tinct.study.method import Pixels
from tinct.study.report.figures import check_figure, draw_bins
from tinct.study.report.paper import draw_colors, draw_confidence, draw_loss, draw_temperatures

if TYPE_CHECKING:
    from tinct.learn.run import Run

Progress = Callable[[int, int], None]
LONGEST = 256  # pixels: longer edge of photographs that are shown or counted, as in the paper


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
        return draw_loss(_run_of(trained[0]).path / "metrics.csv", path)
    if kind == "bins":
        return draw_bins(bins_of(trained[0]), path)
    shown = _photographs(trained, data, split=split, limit=limit or KINDS[kind].pictures, seed=seed)
    degrees = tuple(temperatures) or KINDS[kind].temperatures
    with ExitStack() as stack:
        colorizers = [stack.enter_context(_opened(place)) for place in trained]
        first = colorizers[0]
        if kind == "colors":
            return draw_colors(_decoding(first, degrees), shown, path, progress=progress)
        if kind == "confidence":
            return draw_confidence(_decoding(first, degrees), list(shown), path, progress=progress)
        names = [Path(place).name for place in trained] if kind == "against" else [""]
        return draw_temperatures(dict(zip(names, colorizers, strict=True)), degrees, list(shown), path, progress)


def bins_of(place: str | Path) -> ColorBins:
    """Return the bins of a training's folder, or of a model given by its file or name.

    Raises:
        ModelError: it has no bins, or there is no such model.
        DataError: the folder is not a training's.
    """
    from tinct.data.colors import bins_of_model

    if not Path(place).is_dir():
        return bins_of_model(place)
    bins = _run_of(place).bins
    if bins is None:
        raise _without_bins(place)
    return bins


def _without_bins(place: str | Path) -> ModelError:
    return ModelError(f"{place}: predicts chroma itself and has no colour bins; name a training with bins")


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
    """Open a model, or the last checkpoint of a training as a model."""
    if not Path(place).is_dir():
        colorizer = Colorizer(place, runtime="onnxruntime")
        yield _with_bins(colorizer, place)
        return
    from tinct.learn.export import Export, export

    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.onnx"
        export(place, model, Export(working_size=_run_of(place).training.seen_size))
        yield _with_bins(Colorizer(model, runtime="onnxruntime"), place)


def _with_bins(colorizer: Colorizer, place: str | Path) -> Colorizer:
    if colorizer.session.bins is None:
        raise _without_bins(place)
    return colorizer


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
    training = _run_of(place).training
    return open_source(training.data, split=split, val=training.val, seed=training.seed)
