"""Measure how reliable a network's probabilities are, and fit the temperature that makes them reliable.

A network is calibrated if, among all pixels whose likeliest colour has a probability of 0.6, that colour is right in 60
of 100. Networks trained for colour are not calibrated: rare colours had more weight, targets were softened, and large
networks tend to be too sure. One number corrects most of it: the logits are divided by a fitted temperature (Guo et al.
2017, "On Calibration of Modern Neural Networks").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from tinct.color.bins import ColorBins
from tinct.color.decoding import softmax
from tinct.color.resize import resized
from tinct.color.spaces import FloatArray, chroma_space, rgb_to_yuv
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.settings import Decoding
from tinct.data.pictures import Picture, find_pictures, read_pictures
from tinct.errors import DataError, ModelError
from tinct.runtime import scores
from tinct.runtime.modelfile import find_model, rewrite_card
from tinct.study.report.figures import check_figure, new_figure, save_figure
from tinct.study.values import plain_json

_PIXELS = 500  # drawn from each photograph; more would add little, since neighbours are alike
INTERVALS = 15  # of confidence, in which accuracy is measured
LEAST = 0.1  # lowest temperature that is tried
MOST = 10.0  # highest temperature that is tried


@dataclass(frozen=True)
class Reliability:
    """How often the likeliest colour is right, by how sure the network is.

    Attributes:
        confidence: mean probability of the likeliest bin in each interval; NaN for an interval without pixels.
        accuracy: share of the pixels of each interval whose likeliest bin is the true one; NaN likewise.
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
    """A model's calibration, as `calibrate` measured it.

    Attributes:
        model: the model's name.
        data: the folder or dataset.
        pictures: number of photographs used.
        temperature: what the logits must be divided by; above 1, the network was too sure.
        before: without dividing, on the half of the photographs on which the temperature was not fitted.
        after: with the logits divided by the temperature, on the same half.
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
        return plain_json(self)


def calibrate(
    model: str | Path | Decoding,
    data: str | Path,
    *,
    split: str = "val",
    limit: int | None = None,
    seed: int = 0,
    figure: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Measure a model's calibration on colour photographs, and fit the temperature that corrects it.

    The temperature is fitted on every second photograph; both results are measured on the others.

    Args:
        model: a model with bins: the name of one that comes with tinct, or a file; or all settings at once.
        data: a folder of colour photographs that the model was not trained on, or a dataset made by `tinct prepare`.
        split: `train` or `val`, for a dataset.
        limit: number of pictures, chosen at random; default: all.
        seed: of the choice of pictures and pixels.
        figure: .png, .svg or .pdf file for the reliability diagram.
        out: file for the model with the temperature in its card.
        overwrite: replace `out` if it exists.
        progress: called with (done, total) after each picture.

    Raises:
        ModelError: there is no such model, or it has no bins.
        DataError: fewer than two pictures could be read.
        SettingError: an option is out of range.
        OutputError: a file cannot be written.
        MissingExtraError: a figure, or a model file, needs the extra `learn`.
    """
    if figure is not None:
        check_figure(figure)
    colorizer = Colorizer(model, denoise="off", tones="off")
    answers = _ask(colorizer, find_pictures(data, split=split, limit=limit, seed=seed), seed=seed, progress=progress)
    if len(answers.logits) < 2:
        count = len(answers.logits)
        raise DataError(f"{data}: at least two photographs are needed to fit and to measure, not {count}")
    result = _fitted(answers, model=colorizer.session.card.name, data=data)
    if figure is not None:
        curves = [("as trained", result.before), (f"divided by {result.temperature:.2f}", result.after)]
        draw_reliability(curves, figure)
    if out is not None:
        card = replace(colorizer.session.card, calibration=round(result.temperature, 3))
        rewrite_card(find_model(colorizer.decoding.model), card, out, overwrite=overwrite)
    return result


def _fitted(answers: _Answers, *, model: str, data: str | Path) -> Calibration:
    """Fit the temperature on every second photograph, and measure on the others."""
    logits, labels = answers.logits, answers.labels
    temperature = fit_temperature(np.concatenate(logits[::2]), np.concatenate(labels[::2]))
    others = np.concatenate(logits[1::2]), np.concatenate(labels[1::2])
    return Calibration(
        model=model,
        data=str(data),
        pictures=len(logits),
        temperature=temperature,
        before=reliability(*others),
        after=reliability(*others, temperature=temperature),
        left_out=answers.left_out,
    )


def draw_reliability(curves: Sequence[tuple[str, Reliability]], target: str | Path) -> Path:
    """Draw reliability diagrams beside each other: how often the likeliest colour is right, by how sure the network is.

    `curves` are (title, figures) of each; the file is a .png, .svg or .pdf.

    Raises:
        SettingError: another kind of file.
        OutputError: the file cannot be written.
        MissingExtraError: matplotlib is not installed.

    Source: Guo et al. 2017, figure 1.
    """
    path = check_figure(target)
    figure = new_figure(4.6 * len(curves), 4.8)
    panels = figure.subplots(1, len(curves), squeeze=False)[0]
    for axes, (title, table) in zip(panels, curves, strict=True):
        count = len(table.share)
        places = (np.arange(count) + 0.5) / count
        accuracy, share = np.array(table.accuracy), np.array(table.share)
        axes.bar(places, accuracy, width=0.92 / count, color="tab:blue", label="how often right")
        axes.bar(places, share, width=0.4 / count, color="0.25", label="share of pixels")
        axes.plot([0, 1], [0, 1], color="tab:red", linestyle="--", label="calibrated")
        axes.set(title=f"{title}: error {100 * table.error:.1f} %", xlabel="probability of the likeliest colour")
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    panels[0].legend(loc="upper left", frameon=False)
    save_figure(figure, path)
    return path


def fit_temperature(logits: NDArray[Any], labels: NDArray[Any]) -> float:
    """Find the temperature that, dividing the logits, makes the likeliest bin right as often as its probability says.

    It minimises the log loss of "the likeliest bin is right". The log loss over all bins would also depend on how
    probability is distributed among unlikely bins; for small networks it makes the likeliest bin's probability worse.

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
    """Compare confidence and accuracy, by intervals of confidence, which all have the same width.

    Args:
        logits: (m, n).
        labels: (m,) the true bins.
        temperature: what the logits are divided by.

    Source: Naeini et al. 2015; Guo et al. 2017, equations 1 to 3.
    """
    probabilities = softmax(logits, temperature=temperature)
    bins = scores.reliability(probabilities, labels, bins=INTERVALS)
    # A row for each interval: mean confidence, accuracy, and share of the pixels.
    table = np.tile([np.nan, np.nan, 0.0], (INTERVALS, 1))
    for row in bins:
        table[round(row.low * INTERVALS)] = row.confidence, row.accuracy, row.count / len(labels)
    of_truth = probabilities[np.arange(len(labels)), labels]
    return Reliability(
        confidence=table[:, 0].tolist(),
        accuracy=table[:, 1].tolist(),
        share=table[:, 2].tolist(),
        error=scores.calibration_error(bins),
        log_loss=float(-np.log(np.maximum(of_truth, 1e-12)).mean()),
        top=float(probabilities.max(axis=1).mean(dtype=np.float64)),
        right=float((probabilities.argmax(axis=1) == labels).mean()),
    )


@dataclass
class _Answers:
    """Logits (m, n) and true bins (m,) of some pixels, for each photograph that could be read."""

    logits: list[FloatArray] = field(default_factory=list)
    labels: list[NDArray[np.int64]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def _ask(
    colorizer: Colorizer, pictures: Sequence[Picture], *, seed: int, progress: Callable[[int, int], None] | None
) -> _Answers:
    bins = colorizer.session.bins
    if bins is None or bins.count < 2:
        model = colorizer.decoding.model
        raise ModelError(f"{model}: gives chroma itself, so it has no probabilities to calibrate; give one with bins")
    rng = np.random.default_rng(seed)
    answers = _Answers()
    for done, (picture, rgb) in enumerate(read_pictures(pictures, longest=1024, threads=1), start=1):
        if isinstance(rgb, str):
            answers.left_out.append((picture.label, rgb))
        else:
            logits, truth = _compare(colorizer, bins, rgb)
            chosen = rng.permutation(len(truth))[:_PIXELS]
            answers.logits.append(logits[chosen])
            answers.labels.append(truth[chosen])
        if progress:
            progress(done, len(pictures))
    return answers


def _compare(colorizer: Colorizer, bins: ColorBins, pixels: NDArray[np.uint8]) -> tuple[FloatArray, NDArray[np.int64]]:
    """Return the logits (m, n) of all pixels of the network's output, and the bins of their true mean colours."""
    rgb = pixels.astype(np.float32) / np.float32(255)
    output = colorizer.predict(np.clip(rgb_to_yuv(rgb)[..., 0], 0, 1), rgb=rgb).output
    truth = bins.encode(chroma_space(bins.space).split(resized(rgb, output.shape[:2]))[1])
    return output.reshape(-1, bins.count), truth.ravel()
