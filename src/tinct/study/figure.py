"""The ColorUNet paper's figures 1, 4 and 7 to 10, drawn of any training (Billaut, de Rochemonteix & Thibault 2018)."""

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
# Of a photograph that is shown or counted, in pixels; the paper's are as large.
LONGEST = 256


@dataclass(frozen=True)
class Kind:
    """A figure of the paper.

    Attributes:
        number: in the paper.
        shows: in a few words.
        pictures: how many photographs it takes.
        temperatures: at which it decodes, where it shows several.
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
        trained: a training's folder, or (but for `loss`) a model's name or file; two of them for `against`.
        target: a .png, .svg or .pdf file.
        data: a dataset or folder of photographs to show; without it, those that the training validates on.
        split: `train` or `val`, of photographs of a dataset or of the training.
        temperatures: at which to decode; the paper's without it, or the model's own where one is shown.
        limit: photographs to take at most, drawn at random; as `KINDS` says without it.
        seed: of the draw.
        progress: called with (done, total) after each photograph.

    Returns:
        The file.

    Raises:
        SettingError: there is no such figure, or it cannot be drawn of these.
        DataError: there are no photographs to show, or a run is damaged.
        ModelError: a model cannot be used, or has no bins.
    """
    path = check_figure(target)
    if kind not in KINDS:
        raise SettingError(f"no figure '{kind}'; there are: {', '.join(KINDS)}")
    wanted = 2 if kind == "against" else 1
    if len(trained) != wanted:
        raise SettingError(f"figure '{kind}' is of {wanted} training{'s' * (wanted > 1)}, not of {len(trained)}")
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
    """Return the bins of a training's folder, of a model's file, or of a model by its name.

    Raises:
        ModelError: it has none, or there is no such model.
        DataError: the folder is no run.
    """
    from tinct.data.colors import bins_of_model

    if not Path(place).is_dir():
        return bins_of_model(place)
    bins = _run_of(place).bins
    if bins is None:
        raise ModelError(f"{place}: predicts chroma itself and has no colour bins; name a training that has")
    return bins


def _decoding(colorizer: Colorizer, temperatures: tuple[float, ...]) -> Colorizer:
    if len(temperatures) > 1:
        raise SettingError(f"this figure is decoded at one temperature, not at {len(temperatures)}")
    return colorizer.changed(temperature=temperatures[0]) if temperatures else colorizer


def _run_of(place: str | Path) -> Run:
    from tinct.learn.run import Run

    if not Path(place).is_dir():
        raise SettingError(f"{place}: no training's folder; name the one that  tinct train --out  was given")
    return Run.open(place)


@contextmanager
def _opened(place: str | Path) -> Iterator[Colorizer]:
    """Open a model, or a run's last checkpoint as one."""
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
        raise ModelError(f"{place}: predicts chroma itself and has no colour bins; name a training that has")
    return colorizer


def _photographs(
    trained: Sequence[str | Path], data: str | Path | None, *, split: str, limit: int, seed: int
) -> Sequence[Pixels]:
    """Return photographs (H, W, 3) drawn at random from what was named, or from what the trainings validate on."""
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
        raise SettingError(f"{place}: a model does not say where its photographs are; name some with --data")
    training = _run_of(place).training
    return open_source(training.data, split=split, val=training.val, seed=training.seed)
