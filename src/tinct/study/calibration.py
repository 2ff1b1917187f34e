"""How far a network's probabilities hold: reliability, expected calibration error, and the temperature that mends them.

A network is calibrated when, of the pixels whose likeliest colour it gives a probability of 0.6, that colour is right
in 60 of 100. Networks trained for colour are not: rare colours weighed more, targets were softened, and large networks
are too sure anyway. One number mends most of it: the logits are divided by a temperature that is fitted. Guo et al.
2017, "On Calibration of Modern Neural Networks".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from tinct.color.bins import ColorBins
from tinct.color.decoding import softmax
from tinct.color.spaces import FloatArray, chroma_space, rgb_to_yuv
from tinct.coloring.photo.colorizer import Colorizer
from tinct.data.pictures import Picture, find_pictures
from tinct.errors import DataError, InputError, ModelError
from tinct.parallel import ordered_map
from tinct.runtime.modelfile import find_model, rewrite_card
from tinct.study.report.figures import check_figure, new_figure, save_figure
from tinct.study.values import plain_json

# Pixels of one photograph that count; neighbours say the same thing again.
_PIXELS = 500
# Intervals of confidence in which right and wrong are counted.
INTERVALS = 15
# Temperatures that are tried.
LEAST, MOST = 0.1, 10.0


@dataclass(frozen=True)
class Reliability:
    """How often the likeliest colour is right, by how sure the network was.

    Attributes:
        confidence: of each interval, the mean probability of the likeliest bin; NaN where no pixel fell.
        accuracy: the share of pixels whose true bin it is.
        share: of all pixels, in each interval.
        error: expected calibration error: the mean over pixels of |confidence - accuracy| of their interval.
        log_loss: mean negative logarithm of the true bin's probability; lower is better.
        top: mean confidence of all pixels.
        right: accuracy of all pixels.
    """

    confidence: list[float]
    accuracy: list[float]
    share: list[float]
    error: float
    log_loss: float
    top: float
    right: float


@dataclass(frozen=True)
class Calibration:
    """What `calibrate` found.

    Attributes:
        model: the model's name.
        data: the folder or dataset.
        pictures: how many photographs were looked at.
        temperature: what the logits must be divided by; above 1 the network was too sure.
        before: with the logits as they are, on the half of the photographs that the temperature was not fitted on.
        after: on the same half, with the logits divided by it.
        left_out: (picture, reason) of those that could not be read.
    """

    model: str
    data: str
    pictures: int
    temperature: float
    before: Reliability
    after: Reliability
    left_out: list[tuple[str, str]]

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values; intervals without pixels are null."""
        values: dict[str, Any] = plain_json(self)
        return values


def calibrate(
    model: str | Path,
    data: str | Path,
    *,
    split: str = "val",
    size: int | None = None,
    runtime: str = "auto",
    limit: int | None = None,
    seed: int = 0,
    figure: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Measure a model's calibration on colour photographs and fit the temperature that mends it.

    The temperature is fitted on every second photograph, and both figures are those of the others.

    Args:
        model: the name of a model that comes with tinct, or a model file; with bins.
        data: a folder of colour photographs, or a dataset that `tinct prepare` made, none of them trained on.
        split: `train` or `val`, for a dataset.
        size: the network's working size; the model's own without it.
        runtime: `auto`, `onnxruntime` or `openvino`.
        limit: take this many pictures, chosen at random; all without it.
        seed: decides the choice of pictures and pixels.
        figure: draw the reliability diagram into this .png, .svg or .pdf file.
        out: write the model with the temperature in its card to this file.
        overwrite: replace `out` where it is there already.
        progress: called with (done, total) after each picture.

    Returns:
        What was found.

    Raises:
        ModelError: there is no such model, or it has no bins.
        DataError: fewer than two pictures could be read.
        SettingError: an option is out of range.
        OutputError: a file cannot be written.
        MissingExtraError: a figure, or a model file, needs the extra `learn`.
    """
    if figure is not None:
        check_figure(figure)
    colorizer = Colorizer(model, runtime=runtime, size=size, denoise="off")
    bins = colorizer.session.bins
    if bins is None or bins.count < 2:
        raise ModelError(f"{model}: gives chroma itself, and no probabilities to calibrate; give one that has bins")
    pictures = find_pictures(data, split=split, limit=limit, seed=seed)
    logits, labels, left_out = _answers(colorizer, bins, pictures, seed=seed, progress=progress)
    if len(logits) < 2:
        raise DataError(f"{data}: at least two photographs are needed to fit and to measure, not {len(logits)}")
    temperature = fit_temperature(np.concatenate(logits[::2]), np.concatenate(labels[::2]))
    others = np.concatenate(logits[1::2]), np.concatenate(labels[1::2])
    result = Calibration(
        model=colorizer.session.card.name,
        data=str(data),
        pictures=len(logits),
        temperature=temperature,
        before=reliability(*others),
        after=reliability(*others, temperature=temperature),
        left_out=left_out,
    )
    if figure is not None:
        draw_reliability([("as trained", result.before), (f"divided by {temperature:.2f}", result.after)], figure)
    if out is not None:
        card = replace(colorizer.session.card, calibration=round(temperature, 3))
        rewrite_card(find_model(model), card, out, overwrite=overwrite)
    return result


def draw_reliability(curves: Sequence[tuple[str, Reliability]], target: str | Path) -> Path:
    """Draw reliability diagrams beside each other: how often the likeliest colour is right, by how sure the network is.

    Args:
        curves: a title and the figures of each.
        target: a .png, .svg or .pdf file.

    Returns:
        The file.

    Raises:
        SettingError: another kind of file.
        OutputError: the file cannot be written.
        MissingExtraError: matplotlib is not installed.

    Source: Guo et al. 2017, figure 1.
    """
    path = check_figure(target)
    figure = new_figure(4.6 * len(curves), 4.8)
    panels = figure.subplots(1, len(curves), squeeze=False)[0]
    for axes, (title, found) in zip(panels, curves, strict=True):
        count = len(found.share)
        places = (np.arange(count) + 0.5) / count
        accuracy, share = np.array(found.accuracy), np.array(found.share)
        axes.bar(places, accuracy, width=0.92 / count, color="tab:blue", label="how often right")
        axes.bar(places, share, width=0.4 / count, color="0.25", label="share of pixels")
        axes.plot([0, 1], [0, 1], color="tab:red", linestyle="--", label="calibrated")
        axes.set(title=f"{title}: error {100 * found.error:.1f} %", xlabel="probability of the likeliest colour")
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    panels[0].legend(loc="upper left", frameon=False)
    save_figure(figure, path)
    return path


def fit_temperature(logits: NDArray[Any], labels: NDArray[Any]) -> float:
    """Find what logits must be divided by, so that the likeliest bin is right as often as its probability says.

    What is made least is the log loss of "the likeliest bin is right". That of all bins would weigh how probability is
    shared among the unlikely ones, and for small networks leaves the likeliest further from the truth than it was.

    Args:
        logits: (m, n).
        labels: (m,) the true bins.

    Returns:
        The temperature, between `LEAST` and `MOST`.
    """
    right = logits.argmax(axis=1) == labels

    def loss(power: float) -> float:
        sure = np.clip(softmax(logits, temperature=float(np.exp(power))).max(axis=1).astype(np.float64), 1e-6, 1 - 1e-6)
        return float(-np.log(np.where(right, sure, 1 - sure)).mean())

    bounds = (np.log(LEAST), np.log(MOST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-3}).x))


def reliability(logits: NDArray[Any], labels: NDArray[Any], *, temperature: float = 1.0) -> Reliability:
    """Compare confidence and accuracy.

    Args:
        logits: (m, n).
        labels: (m,) the true bins.
        temperature: what the logits are divided by.

    Returns:
        By intervals of confidence, all of one width.

    Source: Naeini et al. 2015; Guo et al. 2017, equations 1 to 3.
    """
    shares = softmax(logits, temperature=temperature)
    sure = shares.max(axis=1).astype(np.float64)
    right = (shares.argmax(axis=1) == labels).astype(np.float64)
    of_truth = shares[np.arange(len(labels)), labels]
    interval = np.minimum((sure * INTERVALS).astype(int), INTERVALS - 1)
    counts = np.bincount(interval, minlength=INTERVALS)
    with np.errstate(invalid="ignore"):
        confidence = np.bincount(interval, weights=sure, minlength=INTERVALS) / counts
        accuracy = np.bincount(interval, weights=right, minlength=INTERVALS) / counts
    share = counts / counts.sum()
    return Reliability(
        confidence=confidence.tolist(),
        accuracy=accuracy.tolist(),
        share=share.tolist(),
        error=float(np.nansum(share * np.abs(confidence - accuracy))),
        log_loss=float(-np.log(np.maximum(of_truth, 1e-12)).mean()),
        top=float(sure.mean()),
        right=float(right.mean()),
    )


def _answers(
    colorizer: Colorizer,
    bins: ColorBins,
    pictures: Sequence[Picture],
    *,
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> tuple[list[FloatArray], list[NDArray[np.int64]], list[tuple[str, str]]]:
    """Return logits (m, n) and true bins (m,) of some pixels of each photograph, and what could not be read."""
    rng = np.random.default_rng(seed)
    logits, labels, left_out = [], [], []
    for done, (picture, rgb) in enumerate(_read(pictures), start=1):
        if isinstance(rgb, str):
            left_out.append((picture.label, rgb))
        else:
            output, truth = _compare(colorizer, bins, rgb)
            chosen = rng.permutation(len(truth))[:_PIXELS]
            logits.append(output[chosen])
            labels.append(truth[chosen])
        if progress:
            progress(done, len(pictures))
    return logits, labels, left_out


def _read(pictures: Sequence[Picture]) -> Iterator[tuple[Picture, NDArray[np.uint8] | str]]:
    def read(picture: Picture) -> tuple[Picture, NDArray[np.uint8] | str]:
        try:
            return picture, picture.read(longest=1024)
        except InputError as error:
            return picture, str(error)

    yield from ordered_map(read, pictures, threads=1)


def _compare(colorizer: Colorizer, bins: ColorBins, pixels: NDArray[np.uint8]) -> tuple[FloatArray, NDArray[np.int64]]:
    """Return the logits (m, n) of all of the network's pixels, and the bins of their true mean colours."""
    rgb = pixels.astype(np.float32) / np.float32(255)
    output = colorizer.predict(np.clip(rgb_to_yuv(rgb)[..., 0], 0, 1), rgb=rgb).output
    height, width = output.shape[:2]
    small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA).reshape(height, width, 3)
    truth = bins.encode(chroma_space(bins.space).split(small)[1])
    return output.reshape(-1, bins.count), truth.ravel()
