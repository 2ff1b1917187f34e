"""Measure methods on pictures whose colours are known, and store the results for later comparisons.

Each picture is turned grey, colorized and compared with the truth. Every method has to beat two baselines: leaving the
picture grey, and giving every pixel the same mean colour.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from tinct.color.bins import ColorBins
from tinct.color.spaces import FloatArray, chroma_space, rgb_to_yuv
from tinct.color.statistics import as_unit_rgb
from tinct.color.upsample import yuv_colors
from tinct.data.pictures import Picture, read_pictures
from tinct.errors import DataError
from tinct.files import make_folder, written_beside
from tinct.study.backbone import Judge
from tinct.study.method import LONGEST, Measurer, Method, Pixels, measure
from tinct.study.metrics import Comparison, Truth, compare, summarize
from tinct.study.values import read_json, write_json

Grouping = Literal["category", "source"]
GREY, MEAN_COLOR = "grey", "mean colour"
PICTURES_FOR_MEAN = 500  # training pictures from which the mean colour of a dataset is computed, at most
SPLITS = ("val", "train")
EVALUATION_FILE, COMPARISONS_FILE = "evaluation.json", "comparisons.npz"


def baselines(chroma: NDArray[Any]) -> list[Method]:
    """Return the baselines: the grey picture, and one colour, (2,) U and V, for every pixel."""
    return [
        Method(GREY, leave_grey, "baseline"),
        Method(MEAN_COLOR, partial(one_color, chroma=chroma), "baseline"),
    ]


def leave_grey(luma: Pixels) -> Pixels:
    """Return the luma (H, W) uint8 as a grey picture (H, W, 3) uint8."""
    return np.repeat(luma[..., None], 3, axis=-1)


def one_color(luma: Pixels, chroma: NDArray[Any]) -> Pixels:
    """Return (H, W, 3) uint8 sRGB in which every pixel of luma (H, W) uint8 has the chroma (2,) U and V.

    A colour out of gamut has less chroma, and the same luma.
    """
    levels = np.arange(256, dtype=np.float32) / 255
    colors = yuv_colors(levels, np.broadcast_to(np.asarray(chroma, dtype=np.float32), (256, 2)))
    table: Pixels = np.rint(255 * colors).astype(np.uint8)
    return table[luma]


def mean_chroma(pictures: Sequence[Picture]) -> FloatArray:
    """Return the mean U and V, (2,), of pictures, all weighted equally; those that cannot be read are left out."""
    means = []
    for _, rgb in read_pictures(pictures, longest=128):
        if not isinstance(rgb, str):  # a picture that cannot be read is reported when it is measured
            means.append(rgb_to_yuv(as_unit_rgb(rgb)).reshape(-1, 3)[:, 1:].mean(axis=0, dtype=np.float64))
    return np.mean(means, axis=0).astype(np.float32) if means else np.zeros(2, dtype=np.float32)


class Summary(msgspec.Struct):
    """The content of evaluation.json: a method's figures, without those of each picture.

    Attributes:
        name: the method.
        seed: of the training; None for a baseline.
        settings: what its figures depend on, as plain JSON values.
        pictures: split -> number of pictures measured.
        metrics: split -> metric -> mean over its pictures; None if it does not exist.
        histograms: `predicted` -> share of the validation pixels in each of the study's bins.
        groups: the group of each validation picture.
        backbone: `name`, `file` and `sha256` of the backbone that measured the metrics of `tinct.study.backbone`; None
            without one.
    """

    name: str
    seed: int | None
    settings: Any
    pictures: dict[str, int]
    metrics: Mapping[str, Mapping[str, float | None]]
    histograms: dict[str, list[float]]
    groups: list[str]
    backbone: dict[str, str] | None = None


@dataclass(frozen=True, eq=False)
class Measured:
    """One method measured on the study's pictures.

    `comparisons` holds, for each split, one comparison a picture; the pictures are the same for every method.
    """

    summary: Summary
    comparisons: dict[str, list[Comparison]]

    def save(self, folder: Path) -> None:
        """Write the figures of each picture, then the summary, whose presence shows that both are complete."""
        with written_beside(make_folder(folder) / COMPARISONS_FILE) as partial, partial.open("wb") as file:
            np.savez_compressed(file, **_packed(self.comparisons))  # type: ignore[arg-type]
        write_json(folder / EVALUATION_FILE, self.summary)

    @classmethod
    def load(cls, folder: Path) -> Measured:
        """Read what `save` wrote.

        Raises:
            DataError: it is missing or damaged.
        """
        summary = read_json(folder / EVALUATION_FILE, Summary)
        try:
            with np.load(folder / COMPARISONS_FILE) as tables:
                return cls(summary, _unpacked(dict(tables), summary.pictures))
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f"{folder}: its evaluation is damaged ({error}); delete that folder and run again"
            ) from error


@dataclass(frozen=True, eq=False)
class Yardstick:
    """The pictures that every arm of a study is measured on, and the bins that their colours are counted in.

    Attributes:
        pictures: split -> its pictures.
        bins: of the study, the same for every arm.
        by: `category` or `source`: how pictures are grouped; None: they are not.
        judge: measures the metrics of `tinct.study.backbone` too; None: they are not measured.
    """

    pictures: dict[str, list[Picture]]
    bins: ColorBins
    by: str | None = None
    judge: Judge | None = None

    def measure(
        self,
        method: Method,
        *,
        seed: int | None = None,
        settings: Any = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Measured:
        """Measure a method on all pictures.

        Raises:
            DataError: a picture cannot be read or measured.
        """
        shares: list[NDArray[np.float64]] = []
        val = self.pictures["val"]

        def counted(luma: Pixels) -> Pixels:
            colors = method.colorize(luma)
            if len(shares) < len(val):  # validation pictures come first
                shares.append(self._shares(colors))
            return colors

        listed = [picture for split in SPLITS for picture in self.pictures[split]]
        seen = Method(method.name, counted, method.kind)
        rows = measure(listed, Measurer([seen], judge=self.judge), progress=progress)
        for row in rows:
            if row.reason:
                raise DataError(f"{row.reason}; take it out of the dataset, so that all arms see the same pictures")
        compared = [row.comparisons[0] for row in rows]
        comparisons = {"val": compared[: len(val)], "train": compared[len(val) :]}
        summary = Summary(
            name=method.name,
            seed=seed,
            settings=settings,
            pictures={split: len(own) for split, own in comparisons.items()},
            metrics={split: summarize(own) for split, own in comparisons.items() if own},
            histograms={"predicted": np.mean(shares, axis=0).tolist()},
            groups=[picture.group(self.by) for picture in val] if self.by else [],
            backbone=self.judge.describe() if self.judge else None,
        )
        return Measured(summary, comparisons)

    def baselines(
        self, learned: Sequence[Picture], *, settings: Any, progress: Callable[[int, int], None] | None = None
    ) -> list[Measured]:
        """Measure the grey picture and the mean colour of training pictures, `learned`."""
        methods = baselines(mean_chroma(learned))
        return [self.measure(method, settings=settings, progress=progress) for method in methods]

    def truth(self) -> list[float]:
        """Return the share of the true validation pixels in each bin, all pictures weighted equally."""
        shares = [self._shares(picture.read(longest=LONGEST)) for picture in self.pictures["val"]]
        plain: list[float] = np.mean(shares, axis=0).tolist()
        return plain

    def quantised(self, bins: ColorBins) -> list[Comparison]:
        """Measure the true validation pictures with their colours replaced by bins: what bins alone cost."""
        comparisons = []
        for picture in self.pictures["val"]:
            rgb = picture.read(longest=LONGEST)
            comparisons.append(compare(Truth.of(rgb), through_bins(rgb, bins)))
        return comparisons

    def _shares(self, rgb: Pixels) -> NDArray[np.float64]:
        counts = count_bins(self.bins, rgb)
        return np.asarray(counts / counts.sum())


def count_bins(bins: ColorBins, rgb: Pixels) -> NDArray[np.float64]:
    """Count the pixels of sRGB (H, W, 3) uint8 in each bin, (n,)."""
    chroma = chroma_space(bins.space).split(as_unit_rgb(rgb))[1]
    return np.bincount(bins.encode(chroma).ravel(), minlength=bins.count).astype(np.float64)


def through_bins(rgb: Pixels, bins: ColorBins) -> Pixels:
    """Return (H, W, 3) uint8 sRGB with each pixel's chroma replaced by that of its bin, and its luma kept.

    Colours out of gamut are clipped.
    """
    space = chroma_space(bins.space)
    luma, chroma = space.split(as_unit_rgb(rgb))
    colors = np.clip(space.join(luma, bins.centers[bins.encode(chroma)]), 0, 1)
    result: Pixels = np.rint(255 * colors).astype(np.uint8)
    return result


def _packed(comparisons: dict[str, list[Comparison]]) -> dict[str, NDArray[Any]]:
    tables: dict[str, NDArray[Any]] = {}
    for split, rows in comparisons.items():
        if not rows:
            continue
        tables[f"{split}_names"] = np.array(list(rows[0].values))
        tables[f"{split}_values"] = np.array([list(row.values.values()) for row in rows])
        tables[f"{split}_true_colorfulness"] = np.array([row.true_colorfulness for row in rows])
        tables[f"{split}_counts"] = np.array([len(row.cells) for row in rows])
        for name in ("cells", "shares", "scores"):
            tables[f"{split}_{name}"] = np.concatenate([getattr(row, name) for row in rows])
    return tables


def _unpacked(tables: dict[str, NDArray[Any]], pictures: dict[str, int]) -> dict[str, list[Comparison]]:
    comparisons: dict[str, list[Comparison]] = {}
    for split, count in pictures.items():
        comparisons[split] = []
        if not count:
            continue
        names = [str(name) for name in tables[f"{split}_names"]]
        ends = np.cumsum(tables[f"{split}_counts"])[:-1]
        parts = [np.split(tables[f"{split}_{name}"], ends) for name in ("cells", "shares", "scores")]
        for index in range(count):
            values = dict(zip(names, map(float, tables[f"{split}_values"][index]), strict=True))
            true = float(tables[f"{split}_true_colorfulness"][index])
            comparisons[split].append(Comparison(values, true, *(part[index] for part in parts)))
    return comparisons
