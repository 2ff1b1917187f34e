"""Compare colorizers on pictures whose colours are known: each is greyed, colorized and measured against the truth."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.coloring.photo.colorizer import Colorizer
from tinct.data.pictures import Picture, find_pictures, has_split, is_dataset
from tinct.errors import DataError, InputError, SettingError
from tinct.parallel import ahead
from tinct.runtime.session import core_count
from tinct.study.backbone import METRICS, WHY_ABSENT, Judge
from tinct.study.baselines import grey_of, leave_grey, mean_chroma, one_color
from tinct.study.metrics import Comparison, Truth, compare
from tinct.study.summary import Bootstrap, Estimate, estimate

Pixels = NDArray[np.uint8]
GREY, MEAN_COLOR = "grey", "mean colour"
GROUPINGS = ("category", "source")
_PICTURES_FOR_MEAN = 500


@dataclass(frozen=True)
class Method:
    """A way to colorize.

    Attributes:
        name: how it is called in the results.
        colorize: luma (H, W) uint8 -> sRGB (H, W, 3) uint8.
        kind: `model` or `baseline`.
    """

    name: str
    colorize: Callable[[Pixels], Pixels]
    kind: str = "model"


@dataclass(frozen=True)
class Score:
    """One method's figures on one set of pictures.

    Attributes:
        method: its name.
        kind: `model` or `baseline`.
        group: the group of pictures; empty for all of them.
        pictures: how many.
        metrics: metric -> figure and interval; see `tinct.study.metrics`.
        over_grey: metric -> this method's figure minus the grey baseline's on the same pictures, with its interval.
    """

    method: str
    kind: str
    group: str
    pictures: int
    metrics: dict[str, Estimate]
    over_grey: dict[str, Estimate]


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    Attributes:
        data: the folder or dataset.
        split: of the dataset; empty for a plain folder.
        pictures: how many were measured.
        near_grey: how many of them have next to no colour in truth (they are measured like the others).
        left_out: (picture, reason) of those that could not be.
        true_colorfulness: the mean of the truths.
        scores: of all pictures, one for each method, baselines first.
        groups: of each group of pictures, where asked for.
        settings: what was asked for.
        absent: metric -> why there are no figures of it.
        seconds: how long it took.
    """

    data: str
    split: str
    pictures: int
    near_grey: int
    left_out: list[tuple[str, str]]
    true_colorfulness: float
    scores: list[Score]
    groups: list[Score] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def score(self, method: str, *, group: str = "") -> Score:
        """Look up a method's figures by its name, and by the group where not those of all pictures are wanted.

        Raises:
            SettingError: there are none of that name.
        """
        for score in self.scores + self.groups:
            if (score.method, score.group) == (method, group):
                return score
        raise SettingError(f"no figures of '{method}' {group}; there are: {', '.join(s.method for s in self.scores)}")

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain JSON values; figures that do not exist (a ratio to grey) are null."""
        plain: dict[str, Any] = _without_nan(asdict(self))
        return plain


def evaluate(
    models: Sequence[str | Path | Method],
    data: str | Path,
    *,
    split: str = "val",
    by: str | None = None,
    temperature: float | None = None,
    size: int | None = None,
    runtime: str = "auto",
    limit: int | None = None,
    longest: int = 1024,
    resamples: int = 1000,
    seed: int = 0,
    backbone: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Compare models with the truth, beside the grey and mean-colour baselines.

    Each picture is turned into its 8-bit luma, colorized at its own size the way `Colorizer` does for anybody, and
    compared with the truth. The mean colour is that of the dataset's training split; of a plain folder, or a dataset
    without that split, it is that of the pictures measured.

    Args:
        models: names of models that come with tinct, model files, or methods of one's own; may be empty.
        data: a folder of photographs, searched to any depth, or a dataset that `tinct prepare` made.
        split: `train` or `val`, for a dataset.
        by: `category` or `source`: figures for each of these too.
        temperature: of decoding; each model's own default without it.
        size: working size; each model's own without it.
        runtime: `auto`, `onnxruntime` or `openvino`.
        limit: so many pictures, chosen at random; all without it.
        longest: larger pictures are fitted into so many pixels first.
        resamples: for the intervals, at least 2.
        seed: decides the choice of pictures and the intervals.
        backbone: weights of VGG-16 or SqueezeNet 1.1, for the metrics of `tinct.study.backbone`; absent without it.
        progress: called with (done, total) after each picture.

    Returns:
        The figures.

    Raises:
        SettingError: an option is out of range, or two models have the same name.
        DataError: there is nothing to evaluate on.
        ModelError: there is no such model or backbone, or it is damaged.
        MissingExtraError: scikit-image, or for the backbone PyTorch, is not installed.
    """
    started = time.perf_counter()
    if by is not None and by not in GROUPINGS:
        raise SettingError(f"no grouping by '{by}'; there are: {', '.join(GROUPINGS)}")
    if longest < 16:
        raise SettingError(f"the longest edge must be at least 16 pixels, not {longest}")
    Bootstrap(1, resamples=resamples)
    pictures = find_pictures(data, split=split, limit=limit, seed=seed)
    judge = Judge(backbone) if backbone is not None else None
    ours = _methods(models, temperature=temperature, size=size, runtime=runtime)
    chroma = _mean_chroma(data, pictures, seed=seed)
    grey, mean = Method(GREY, leave_grey, "baseline"), Method(MEAN_COLOR, partial(one_color, chroma=chroma), "baseline")
    methods = [grey, mean, *ours]
    rows = measure(pictures, methods, longest=longest, judge=judge, progress=progress)
    good = [row for row in rows if not row.reason]
    if not good:
        raise DataError(f"{data}: none of the {len(rows)} pictures could be measured ({rows[0].reason})")
    summary = partial(_scores, methods=methods, resamples=resamples, seed=seed)
    names = sorted({row.picture.group(by) for row in good}) if by else []
    return Evaluation(
        data=str(data),
        split=split if is_dataset(data) else "",
        pictures=len(good),
        near_grey=sum(row.near_grey for row in good),
        left_out=[(row.picture.name, row.reason) for row in rows if row.reason],
        true_colorfulness=float(np.mean([row.comparisons[0].true_colorfulness for row in good])),
        scores=summary(good, group=""),
        groups=[
            score for name in names for score in summary([r for r in good if r.picture.group(by) == name], group=name)
        ],
        settings={
            "temperature": temperature,
            "size": size,
            "runtime": runtime,
            "limit": limit,
            "longest": longest,
            "by": by,
            "seed": seed,
            "resamples": resamples,
            "mean_chroma_uv": [float(value) for value in chroma],
            "backbone": judge.describe() if judge else None,
        },
        absent=judge.absent if judge else dict.fromkeys(METRICS, WHY_ABSENT),
        seconds=time.perf_counter() - started,
    )


@dataclass(frozen=True)
class Row:
    """What was measured on one picture.

    Attributes:
        picture: which.
        comparisons: one for each method; none where it could not be measured.
        near_grey: whether it has next to no colour in truth.
        reason: why it could not be measured; empty where it could.
    """

    picture: Picture
    comparisons: list[Comparison]
    near_grey: bool
    reason: str


def _methods(
    models: Sequence[str | Path | Method], *, temperature: float | None, size: int | None, runtime: str
) -> list[Method]:
    """Open the models."""
    methods: list[Method] = []
    for model in models:
        if isinstance(model, Method):
            methods.append(model)
            continue
        colorizer = Colorizer(model, runtime=runtime, temperature=temperature, size=size)
        methods.append(Method(str(model), colorizer))
    names = [GREY, MEAN_COLOR, *(method.name for method in methods)]
    for name in names:
        if names.count(name) > 1:
            raise SettingError(f"two methods are called '{name}'; give each model once, under a name of its own")
    return methods


def _mean_chroma(data: str | Path, pictures: list[Picture], *, seed: int) -> NDArray[Any]:
    """Give the mean U and V that the mean-colour baseline uses."""
    if is_dataset(data) and has_split(data, "train"):
        return mean_chroma(find_pictures(data, split="train", limit=_PICTURES_FOR_MEAN, seed=seed))
    return mean_chroma(pictures[:: math.ceil(len(pictures) / _PICTURES_FOR_MEAN)])


def measure(
    pictures: Sequence[Picture],
    methods: Sequence[Method],
    *,
    longest: int = 1024,
    judge: Judge | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """Read, colorize and measure; the models run one picture at a time while others are read and measured.

    Args:
        pictures: what to measure on.
        methods: what to measure.
        longest: larger pictures are fitted into so many pixels first.
        judge: measures further metrics, those of `tinct.study.backbone`.
        progress: called with (done, total) after each picture.

    Returns:
        A row for each picture, in their order.
    """
    workers = core_count()

    def load(picture: Picture) -> tuple[Picture, Truth | None, Pixels, str]:
        try:
            rgb = picture.read(longest=longest)
            return picture, Truth.of(rgb), grey_of(rgb), ""
        except InputError as error:
            return picture, None, np.empty((0, 0), np.uint8), str(error)

    def colorized() -> Iterator[tuple[Picture, Truth | None, list[Pixels], str]]:
        for picture, truth, luma, reason in ahead(reading, load, pictures, depth=2 * workers):
            try:
                yield picture, truth, [method.colorize(luma) for method in methods if truth], reason
            except InputError as error:
                yield picture, None, [], str(error)

    def measure(item: tuple[Picture, Truth | None, list[Pixels], str]) -> Row:
        picture, truth, results, reason = item
        if truth is None:
            return Row(picture, [], False, reason)
        comparisons = [compare(truth, result) for result in results]
        if judge is not None:
            judged = judge.compare(truth.rgb, results)
            comparisons = [
                replace(comparison, values={**comparison.values, **more})
                for comparison, more in zip(comparisons, judged, strict=True)
            ]
        return Row(picture, comparisons, truth.near_grey, "")

    rows = []
    with ThreadPoolExecutor(1) as reading, ThreadPoolExecutor(workers) as measuring:
        for row in ahead(measuring, measure, colorized(), depth=2 * workers):
            rows.append(row)
            if progress:
                progress(len(rows), len(pictures))
    return rows


def _scores(rows: list[Row], *, methods: list[Method], resamples: int, seed: int, group: str) -> list[Score]:
    bootstrap = Bootstrap(len(rows), resamples=resamples, seed=seed)
    figures = [bootstrap.figures([row.comparisons[index] for row in rows]) for index in range(len(methods))]
    return [
        Score(
            method=method.name,
            kind=method.kind,
            group=group,
            pictures=len(rows),
            metrics={name: estimate(values, pictures=len(rows)) for name, values in own.items()},
            over_grey={name: estimate(values - figures[0][name], pictures=len(rows)) for name, values in own.items()},
        )
        for method, own in zip(methods, figures, strict=True)
    ]


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return value
