"""Compare models and baselines with the truth, on pictures whose colours are known."""

from __future__ import annotations

import math
import time
import typing
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tinct.actors import Engine, chosen_processes
from tinct.color.spaces import FloatArray
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.settings import Decoding
from tinct.data.pictures import Picture, find_pictures, has_split, is_dataset
from tinct.errors import DataError, SettingError
from tinct.parallel import core_count
from tinct.study.backbone import METRICS, WHY_ABSENT, Judge
from tinct.study.intervals import Bootstrap, Estimate, estimate
from tinct.study.measure import (
    GREY,
    MEAN_COLOR,
    PICTURES_FOR_MEAN,
    Grouping,
    baselines,
    mean_chroma,
)
from tinct.study.method import LONGEST, MeasuredPicture, Measurer, Method, measure
from tinct.study.values import plain_json


@dataclass(frozen=True)
class Score:
    """One method's figures on one set of pictures.

    Attributes:
        method: its name.
        kind: `model` or `baseline`.
        group: the group of pictures; empty for all of them.
        pictures: number of pictures.
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
    """How good models are on a folder or dataset.

    Attributes:
        data: the folder or dataset.
        split: of the dataset; empty for a plain folder.
        pictures: number of pictures measured.
        near_grey: number of these that have almost no colour in truth; they are measured like the others.
        left_out: (picture, reason) of those that could not be measured.
        true_colorfulness: mean colourfulness of the true pictures.
        scores: for all pictures, one for each method, baselines first.
        groups: the same for each group of pictures, if asked for.
        settings: of decoding and measuring.
        absent: metric -> why it was not measured.
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
        """Return a method's figures on all pictures, or on a group of them.

        Raises:
            SettingError: there is no such method or group.
        """
        for score in self.scores + self.groups:
            if (score.method, score.group) == (method, group):
                return score
        raise SettingError(f"no figures of '{method}' {group}; there are: {', '.join(s.method for s in self.scores)}")

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values; figures that do not exist (a ratio to 0) are null."""
        return plain_json(self)


def evaluate(
    models: Sequence[str | Path | Method],
    data: str | Path,
    *,
    decoding: Decoding | None = None,
    split: str = "val",
    by: str | None = None,
    limit: int | None = None,
    longest: int = LONGEST,
    resamples: int = 1000,
    seed: int = 0,
    backbone: str | Path | None = None,
    workers: int | None = None,
    engine: Engine | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Compare models with the truth, beside the grey and mean-colour baselines.

    Each picture is turned into its 8-bit luma, colorized at its own size by a `Colorizer`, and compared with the truth.
    The mean colour is that of the dataset's training split, or else that of the pictures measured.

    Args:
        models: names of models that come with tinct, model files, or your own methods; may be empty.
        data: a folder of photographs, searched to any depth, or a dataset made by `tinct prepare`.
        decoding: how the models' outputs become colours; its model is ignored; default: each model's own settings.
        split: `train` or `val`, for a dataset.
        by: `category` or `source`: figures for each of these too.
        limit: number of pictures, chosen at random; default: all.
        longest: pixels; the longer edge of larger pictures is reduced to this first.
        resamples: of the bootstrap, for the intervals; at least 2.
        seed: of the choice of pictures and of the intervals.
        backbone: weights of VGG-16 or SqueezeNet 1.1, for the metrics of `tinct.study.backbone`; default: without.
        workers: number of processes that share the pictures, with the same figures; default: only this process.
        engine: where the processes run: on this machine, or in Ray; without `workers`, one for each core.
        progress: called with (done, total) after each picture.

    Raises:
        SettingError: an option is out of range, or two models have the same name.
        DataError: there is nothing to evaluate on.
        ModelError: there is no such model or backbone, or it is damaged.
        MissingExtraError: scikit-image, Ray, or for the backbone PyTorch, is not installed.
    """
    started = time.perf_counter()
    _check(by=by, longest=longest, resamples=resamples)
    pictures = find_pictures(data, split=split, limit=limit, seed=seed)
    decoding, processes = decoding or Decoding(), chosen_processes(workers, engine)
    chroma = _mean_chroma(data, pictures, seed=seed)
    opened = partial(_opened, models, chroma=chroma, longest=longest, backbone=backbone)
    measurer = opened(decoding)  # before any process is started, in case it fails
    make = partial(_opened_apart, opened, decoding, processes.count) if processes else None
    rows, judge = measure(pictures, measurer, processes=processes, make=make, progress=progress), measurer.judge
    evaluation = _summed_up(rows, measurer.methods, data=data, by=by, resamples=resamples, seed=seed)
    asked = {"limit": limit, "longest": longest, "by": by, "seed": seed, "resamples": resamples}
    return replace(
        evaluation,
        split=split if is_dataset(data) else "",
        settings=_settings(decoding, chroma, judge, asked),
        absent=judge.absent if judge else dict.fromkeys(METRICS, WHY_ABSENT),
        seconds=time.perf_counter() - started,
    )


def _check(*, by: str | None, longest: int, resamples: int) -> None:
    if by is not None and by not in (groupings := typing.get_args(Grouping)):
        raise SettingError(f"no grouping by '{by}'; there are: {', '.join(groupings)}")
    if longest < 16:
        raise SettingError(f"the longest edge must be at least 16 pixels, not {longest}")
    Bootstrap(1, resamples=resamples)


def _settings(decoding: Decoding, chroma: FloatArray, judge: Judge | None, asked: dict[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in asdict(decoding).items() if name != "model"}
    return {**plain, **asked, "mean_chroma_uv": chroma.tolist(), "backbone": judge.describe() if judge else None}


def _opened(
    models: Sequence[str | Path | Method],
    decoding: Decoding,
    *,
    chroma: FloatArray,
    longest: int,
    backbone: str | Path | None,
) -> Measurer:
    """Open models and backbone, and add the baselines; `chroma`, (2,) U and V, is the mean colour."""
    methods = [
        model if isinstance(model, Method) else Method(str(model), Colorizer(replace(decoding, model=model)))
        for model in models
    ]
    names = [GREY, MEAN_COLOR, *(method.name for method in methods)]
    for name in names:
        if names.count(name) > 1:
            raise SettingError(f"two methods are called '{name}'; give each model once, with its own name")
    return Measurer([*baselines(chroma), *methods], longest, Judge(backbone) if backbone is not None else None)


def _opened_apart(opened: Callable[[Decoding], Measurer], decoding: Decoding, processes: int) -> Measurer:
    """Open the measurer of one of several processes, with its share of the cores."""
    threads = max(1, (decoding.threads or core_count()) // processes)
    measurer = opened(replace(decoding, threads=threads))
    if measurer.judge is not None:
        import torch

        torch.set_num_threads(threads)
    return measurer


def _mean_chroma(data: str | Path, pictures: list[Picture], *, seed: int) -> FloatArray:
    if is_dataset(data) and has_split(data, "train"):
        return mean_chroma(find_pictures(data, split="train", limit=PICTURES_FOR_MEAN, seed=seed))
    return mean_chroma(pictures[:: math.ceil(len(pictures) / PICTURES_FOR_MEAN)])


def _summed_up(
    rows: list[MeasuredPicture],
    methods: Sequence[Method],
    *,
    data: str | Path,
    by: str | None,
    resamples: int,
    seed: int,
) -> Evaluation:
    good = [row for row in rows if not row.reason]
    if not good:
        raise DataError(f"{data}: none of the {len(rows)} pictures could be measured ({rows[0].reason})")

    def scores(group: str = "") -> list[Score]:
        kept = [row for row in good if row.picture.group(by) == group] if group else good
        return _scores(kept, methods, Bootstrap(len(kept), resamples=resamples, seed=seed), group=group)

    groups = sorted({row.picture.group(by) for row in good}) if by else []
    return Evaluation(
        data=str(data),
        split="",
        pictures=len(good),
        near_grey=sum(row.near_grey for row in good),
        left_out=[(row.picture.name, row.reason) for row in rows if row.reason],
        true_colorfulness=float(np.mean([row.comparisons[0].true_colorfulness for row in good])),
        scores=scores(),
        groups=[score for group in groups for score in scores(group)],
    )


def _scores(rows: list[MeasuredPicture], methods: Sequence[Method], bootstrap: Bootstrap, *, group: str) -> list[Score]:
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
