"""Surveying a folder or a dataset before any training, for faults that would spoil it.

Each picture is read once, and about 1 KB of numbers is kept of it. `tinct.data.rules` judges them and gives each
warning its weight, evidence and remedy; `tinct.study.report.data_page` draws the page.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tinct.color.bins import ColorBins, ColorHistogram
from tinct.color.resize import resized
from tinct.color.statistics import colorfulness
from tinct.data.colors import OWN, BinsCoverage, ColorCounts, bins_of_model, cover
from tinct.data.duplicates import LONGEST, Mark, find_duplicates
from tinct.data.findings import COLORFULNESS_STEP, DataReport, Group, Pixels, SplitFacts, Spread
from tinct.data.pictures import Picture, find_splits, is_dataset
from tinct.data.rules import find_warnings
from tinct.data.screening import FRAME_SPREAD, SMALLEST_SIDE, color_fault, find_frame
from tinct.errors import DataError, InputError, SettingError
from tinct.media.image.small import read_small, size_of
from tinct.parallel import counted, ordered_map

SAMPLES = 48  # pictures on the sample sheet
THUMBNAIL = 160  # pixels, the edge of its tiles
OWN_SPACE, OWN_GRID, OWN_COUNT = "yuv", 16, 32  # the default bins of `tinct train`


@dataclass(frozen=True)
class _Look:
    """The numbers that are kept of one readable picture."""

    picture: Picture
    mark: Mark
    size: tuple[int, int]  # height and width
    colorfulness: float
    fault: str  # grey, near_grey, toned, or nothing
    framed: bool


def inspect_data(
    data: str | Path,
    *,
    models: Sequence[str | Path] = (),
    limit: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> DataReport:
    """Examine all pictures of a folder or a dataset for faults that would spoil a training.

    Args:
        data: a dataset that `tinct prepare` made, or a folder of photographs, searched to any depth; subfolders called
            train, val and test are its splits.
        models: names of models that come with tinct, or model files, whose colour bins are compared with the data.
        limit: examine this number of pictures of each split, chosen at random; default: all.
        seed: of this choice, and of that of the samples.
        progress: called with (done, total) after each picture.

    Returns:
        The facts, and the warnings by decreasing weight.

    Raises:
        SettingError: the limit is below 1.
        DataError: there is no such folder, it has no readable picture, or the dataset is damaged.
        ModelError: there is no such model, or it has no colour bins.
    """
    started = time.perf_counter()
    if limit is not None and limit < 1:
        raise SettingError(f"the limit must be at least 1 picture, not {limit}")
    foreign = {str(model): bins_of_model(model) for model in models}
    drawn = random.Random(seed)
    listed = []
    for split, pictures in find_splits(data).items():
        places = range(len(pictures))
        chosen = sorted(drawn.sample(places, limit)) if limit and limit < len(pictures) else places
        listed += [(split, pictures[place]) for place in chosen]
    survey = _Survey(foreign, frozenset(drawn.sample(range(len(listed)), min(SAMPLES, len(listed)))))
    survey.walk(listed, progress=progress)
    if not survey.looks:
        name, reason = survey.unreadable[0]
        raise DataError(f"{data}: none of the {len(listed)} pictures can be read ({name}: {reason})")
    facts = [_facts(split, looks) for split, looks in survey.by_split().items()]
    report = DataReport(
        data=str(data),
        prepared=is_dataset(data),
        limit=limit,
        splits=facts,
        groups=_groups(survey.looks),
        duplicates=find_duplicates([look.mark for look in survey.looks]),
        unreadable=survey.unreadable,
        palette=survey.colors.palette(),
        coverage=survey.coverage([facts.split for facts in facts]),
        samples=survey.samples,
        pictures={look.mark.name: look.picture for look in survey.looks},
    )
    return replace(report, warnings=find_warnings(report), seconds=time.perf_counter() - started)


class _Survey:
    """Sums over all pictures, each of which is read once."""

    def __init__(self, foreign: dict[str, ColorBins], chosen: frozenset[int]) -> None:
        self.looks: list[_Look] = []
        self.unreadable: list[tuple[str, str]] = []
        self.colors = ColorCounts()
        self.samples: list[Pixels] = []
        self._foreign, self._chosen = foreign, chosen
        grids = [(OWN_SPACE, OWN_GRID)] + [(bins.space, bins.lookup.shape[0]) for bins in foreign.values()]
        self._grids = list(dict.fromkeys(grids))
        self._sums: dict[tuple[str, str, int], ColorHistogram] = {}

    def walk(self, listed: list[tuple[str, Picture]], *, progress: Callable[[int, int], None] | None) -> None:
        for index, result in enumerate(counted(ordered_map(self._look, listed), len(listed), progress)):
            split, picture = listed[index]
            if isinstance(result, str):
                self.unreadable.append((picture.label, result))
            else:
                look, rgb, histograms = result
                self.looks.append(look)
                self.colors.add(resized(rgb, (min(96, rgb.shape[0]), min(96, rgb.shape[1]))))
                for histogram in histograms:
                    key = split, histogram.space.name, histogram.grid
                    self._sums.setdefault(key, ColorHistogram(space=key[1], grid=key[2])).merge(histogram)
                if index in self._chosen:
                    self.samples.append(tile(rgb))

    def _look(self, item: tuple[str, Picture]) -> tuple[_Look, Pixels, list[ColorHistogram]] | str:
        split, picture = item
        try:
            content = picture.content()
            size = size_of(content, name=picture.name)
            rgb = read_small(content, longest=LONGEST, name=picture.name)
        except InputError as error:
            return str(error)
        histograms = [ColorHistogram(space=space, grid=grid) for space, grid in self._grids]
        for histogram in histograms:
            histogram.add(rgb)
        mark = Mark.of(rgb, content=content, name=picture.label, split=split)
        return _Look(picture, mark, size, colorfulness(rgb), color_fault(rgb), _framed(rgb)), rgb, histograms

    def by_split(self) -> dict[str, list[_Look]]:
        looks: dict[str, list[_Look]] = {}
        for look in self.looks:
            looks.setdefault(look.mark.split, []).append(look)
        return looks

    def coverage(self, splits: list[str]) -> list[BinsCoverage]:
        """Compare every split's colours with the bins of the first split (training), then with those of the models."""
        own = ColorBins.from_histogram(self._sums[splits[0], OWN_SPACE, OWN_GRID], bins=OWN_COUNT)
        return [
            cover(bins, self._sums[split, bins.space, bins.lookup.shape[0]], name=name, split=split)
            for name, bins in {OWN: own, **self._foreign}.items()
            for split in splits
        ]


def tile(rgb: Pixels) -> Pixels:
    """Return a picture (H, W, 3) resized into a square tile of `THUMBNAIL` pixels, on light grey."""
    factor = THUMBNAIL / max(rgb.shape[:2])
    height, width = (max(1, round(side * factor)) for side in rgb.shape[:2])
    square: Pixels = np.full((THUMBNAIL, THUMBNAIL, 3), 235, dtype=np.uint8)
    top, left = (THUMBNAIL - height) // 2, (THUMBNAIL - width) // 2
    square[top : top + height, left : left + width] = resized(rgb, (height, width))
    return square


def _framed(rgb: Pixels) -> bool:
    # A frame begins at an edge of one colour. Few pictures have one, and `find_frame` is slow.
    edges = (rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1])
    flat = any(edge.std(axis=0).max() < FRAME_SPREAD for edge in edges)
    return flat and min(rgb.shape[:2]) >= 8 and find_frame(rgb).present


def _facts(split: str, looks: list[_Look]) -> SplitFacts:
    sizes = Counter((look.size[1], look.size[0]) for look in looks)
    steps = np.bincount([int(look.colorfulness // COLORFULNESS_STEP) for look in looks])
    faults = ("grey", "near_grey", "toned")
    named = {fault: [look.mark.name for look in looks if look.fault == fault] for fault in faults}
    return SplitFacts(
        split=split,
        pictures=len(looks),
        width=Spread.of(look.size[1] for look in looks),
        height=Spread.of(look.size[0] for look in looks),
        aspect=Spread.of(look.size[1] / look.size[0] for look in looks),
        sizes=[(*size, count) for size, count in sizes.most_common(5)],
        colorfulness=Spread.of(look.colorfulness for look in looks),
        colorfulness_counts=[int(count) for count in steps],
        framed=[look.mark.name for look in looks if look.framed],
        small=[look.mark.name for look in looks if min(look.size) < SMALLEST_SIDE],
        **named,
    )


def _groups(looks: list[_Look]) -> list[Group]:
    counts = Counter((look.mark.split, look.picture.source, look.picture.category) for look in looks)
    return [Group(*key, pictures=count) for key, count in counts.items()]
