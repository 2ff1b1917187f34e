"""What a study measures on each arm, kept so that arms can be compared picture by picture later."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.bins import ColorBins
from tinct.color.spaces import chroma_space
from tinct.color.statistics import as_unit_rgb
from tinct.data.pictures import Picture
from tinct.errors import DataError
from tinct.files import written_beside
from tinct.study.backbone import Judge
from tinct.study.baselines import leave_grey, mean_chroma, one_color
from tinct.study.evaluate import GREY, MEAN_COLOR, Method, Pixels, measure
from tinct.study.metrics import Comparison, Truth, compare, summarize

SPLITS = ("val", "train")
EVALUATION_FILE, COMPARISONS_FILE = "evaluation.json", "comparisons.npz"
# The largest edge that pictures are measured at.
LONGEST = 1024


@dataclass(frozen=True, eq=False)
class Measured:
    """One method measured on the study's pictures.

    Attributes:
        name: the method.
        seed: of the training; None for what has none.
        comparisons: split -> one for each picture, the same pictures for every method.
        groups: the group of each validation picture.
        settings: how the pictures were made.
        histograms: `truth` and `predicted` -> share of the validation pixels in each of the study's bins.
        backbone: `name`, `file` and `sha256` of what measured the metrics of `tinct.study.backbone`; None without.
    """

    name: str
    seed: int | None
    comparisons: dict[str, list[Comparison]]
    groups: list[str]
    settings: dict[str, Any] = field(default_factory=dict)
    histograms: dict[str, list[float]] = field(default_factory=dict)
    backbone: dict[str, str] | None = None

    @cached_property
    def metrics(self) -> dict[str, dict[str, float]]:
        """Split -> metric -> mean over its pictures."""
        return {split: summarize(rows) for split, rows in self.comparisons.items() if rows}

    def save(self, folder: Path) -> None:
        """Write the figures of each picture, and last the summary, which says that all is there."""
        folder.mkdir(parents=True, exist_ok=True)
        with written_beside(folder / COMPARISONS_FILE) as partial_file, partial_file.open("wb") as file:
            np.savez_compressed(file, **_packed(self.comparisons))  # type: ignore[arg-type]
        summary = {
            "name": self.name,
            "seed": self.seed,
            "settings": self.settings,
            "pictures": {split: len(rows) for split, rows in self.comparisons.items()},
            "metrics": {
                split: {name: value if np.isfinite(value) else None for name, value in found.items()}
                for split, found in self.metrics.items()
            },
            "histograms": self.histograms,
            "groups": self.groups,
            "backbone": self.backbone,
        }
        with written_beside(folder / EVALUATION_FILE) as partial_file:
            partial_file.write_text(json.dumps(summary, indent=1, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Measured:
        """Read what `save` wrote.

        Raises:
            DataError: it is missing or damaged.
        """
        try:
            summary = json.loads((folder / EVALUATION_FILE).read_text(encoding="utf-8"))
            with np.load(folder / COMPARISONS_FILE) as tables:
                comparisons = _unpacked(dict(tables), summary["pictures"])
            return cls(
                summary["name"],
                summary["seed"],
                comparisons,
                summary["groups"],
                summary["settings"],
                summary["histograms"],
                summary.get("backbone"),
            )
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f"{folder}: its evaluation is damaged ({error}); delete that folder and run again"
            ) from error


@dataclass(frozen=True, eq=False)
class Yardstick:
    """The pictures that every arm of a study is measured on, and the bins that their colours are counted in.

    Attributes:
        pictures: split -> its pictures.
        bins: of the study, whatever bins an arm has of its own.
        by: `category` or `source`, the groups of pictures; None for one group.
        judge: measures further metrics, those of `tinct.study.backbone`; None for none.
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
        settings: dict[str, Any] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Measured:
        """Measure a method on all pictures.

        Raises:
            DataError: a picture cannot be read or measured.
        """
        counts: list[NDArray[np.float64]] = []
        val = self.pictures["val"]

        def counted(luma: Pixels) -> Pixels:
            colors = method.colorize(luma)
            if len(counts) < len(val):  # validation pictures come first
                counts.append(self._count(colors))
            return colors

        listed = [picture for split in SPLITS for picture in self.pictures[split]]
        seen = Method(method.name, counted, method.kind)
        rows = measure(listed, [seen], longest=LONGEST, judge=self.judge, progress=progress)
        for row in rows:
            if row.reason:
                raise DataError(f"{row.reason}; take it out of the dataset, so that all arms see the same pictures")
        comparisons = [row.comparisons[0] for row in rows]
        return Measured(
            name=method.name,
            seed=seed,
            comparisons={"val": comparisons[: len(val)], "train": comparisons[len(val) :]},
            groups=[picture.group(self.by) for picture in val] if self.by else [],
            settings=settings or {},
            histograms={"predicted": np.mean(counts, axis=0).tolist()},
            backbone=self.judge.describe() if self.judge else None,
        )

    def baselines(
        self, learned: Sequence[Picture], *, progress: Callable[[int, int], None] | None = None
    ) -> list[Measured]:
        """Measure the grey picture and the mean colour of pictures, `learned`, which are none of validation."""
        chroma = mean_chroma(learned)
        methods = [
            Method(GREY, leave_grey, "baseline"),
            Method(MEAN_COLOR, partial(one_color, chroma=chroma), "baseline"),
        ]
        return [self.measure(method, progress=progress) for method in methods]

    def truth(self) -> list[float]:
        """Give the share of the true validation pixels in each bin, each picture counting alike."""
        shares = [self._count(picture.read(longest=LONGEST)) for picture in self.pictures["val"]]
        plain: list[float] = np.mean(shares, axis=0).tolist()
        return plain

    def quantised(self, bins: ColorBins) -> list[Comparison]:
        """Measure the true validation pictures after their colours went through bins: what bins alone cost."""
        found = []
        for picture in self.pictures["val"]:
            rgb = picture.read(longest=LONGEST)
            found.append(compare(Truth.of(rgb), through_bins(rgb, bins)))
        return found

    def _count(self, rgb: Pixels) -> NDArray[np.float64]:
        chroma = chroma_space(self.bins.space).split(as_unit_rgb(rgb))[1]
        encoded = self.bins.encode(chroma).reshape(-1)
        return np.bincount(encoded, minlength=self.bins.count) / max(1, len(encoded))


def through_bins(rgb: Pixels, bins: ColorBins) -> Pixels:
    """Give a picture with each pixel's chroma replaced by its bin's, its luma kept.

    Args:
        rgb: (H, W, 3) uint8 sRGB.
        bins: the bins.

    Returns:
        (H, W, 3) uint8 sRGB; colours out of gamut are clipped.
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
    found: dict[str, list[Comparison]] = {}
    for split, count in pictures.items():
        found[split] = []
        if not count:
            continue
        names = [str(name) for name in tables[f"{split}_names"]]
        ends = np.cumsum(tables[f"{split}_counts"])[:-1]
        parts = [np.split(tables[f"{split}_{name}"], ends) for name in ("cells", "shares", "scores")]
        for index in range(count):
            values = dict(zip(names, map(float, tables[f"{split}_values"][index]), strict=True))
            true = float(tables[f"{split}_true_colorfulness"][index])
            found[split].append(Comparison(values, true, *(part[index] for part in parts)))
    return found
