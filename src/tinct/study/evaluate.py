"""Compare models with the truth on pictures whose colours are known, beside the baselines."""

from __future__ import annotations

import math
import time
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.coloring.photo.colorizer import Colorizer
from tinct.data.pictures import Picture, find_pictures, has_split, is_dataset
from tinct.errors import DataError, SettingError
from tinct.study.backbone import METRICS, WHY_ABSENT, Judge
from tinct.study.compare import Bootstrap, Estimate, estimate
from tinct.study.measure import (
    GREY,
    LONGEST,
    MEAN_COLOR,
    PICTURES_FOR_MEAN,
    Grouping,
    MeasuredPicture,
    Method,
    baselines,
    mean_chroma,
    measure,
)
from tinct.study.values import plain_json


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
        """Return everything as plain JSON values; figures that do not exist (a ratio to grey) are null."""
        plain: dict[str, Any] = plain_json(self)
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
    longest: int = LONGEST,
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
        limit: take this many pictures, chosen at random; all without it.
        longest: larger pictures are fitted into this many pixels first.
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
    if by is not None and by not in (groupings := typing.get_args(Grouping)):
        raise SettingError(f"no grouping by '{by}'; there are: {', '.join(groupings)}")
    if longest < 16:
        raise SettingError(f"the longest edge must be at least 16 pixels, not {longest}")
    Bootstrap(1, resamples=resamples)
    pictures = find_pictures(data, split=split, limit=limit, seed=seed)
    judge = Judge(backbone) if backbone is not None else None
    chroma = _mean_chroma(data, pictures, seed=seed)
    methods = [*baselines(chroma), *_methods(models, temperature=temperature, size=size, runtime=runtime)]
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
    """Return the mean U and V that the mean-colour baseline uses."""
    if is_dataset(data) and has_split(data, "train"):
        return mean_chroma(find_pictures(data, split="train", limit=PICTURES_FOR_MEAN, seed=seed))
    return mean_chroma(pictures[:: math.ceil(len(pictures) / PICTURES_FOR_MEAN)])


def _scores(
    rows: list[MeasuredPicture], *, methods: list[Method], resamples: int, seed: int, group: str
) -> list[Score]:
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
