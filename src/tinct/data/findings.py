"""Facts of data to train on, and findings in data or in a training, with their weight, evidence and remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.data.colors import BinsCoverage
from tinct.data.duplicates import Duplicate
from tinct.data.pictures import Picture

# From this weight on, a finding alone explains why nothing is learned, or makes every figure wrong.
SERIOUS = 70
# From this weight on, it costs accuracy.
FAIR = 30
COLORFULNESS_STEP = 5.0

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with data, keeps a training from learning, or makes it seem to learn.

    Attributes:
        kind: what, in a word or two: `leak`, `unscaled-input`, `random-labels`...
        weight: how much it matters, 0..100; see `SERIOUS` and `FAIR`.
        title: what is wrong, in one line.
        evidence: what was seen or measured, line by line.
        remedy: what to do.
        sure: whether an experiment or a fact shows it; otherwise it is what fits best.
        pictures: names of pictures that show it; pairs one after the other.
    """

    kind: str
    weight: int
    title: str
    evidence: list[str]
    remedy: str
    sure: bool = True
    pictures: list[str] = field(default_factory=list)

    @property
    def level(self) -> str:
        """`serious`, `fair` or `note`."""
        return "serious" if self.weight >= SERIOUS else "fair" if self.weight >= FAIR else "note"


@dataclass(frozen=True)
class Spread:
    """How a number is spread over the pictures of a split: smallest, 5th percentile, median, 95th, largest."""

    least: float
    low: float
    middle: float
    high: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Compute it from at least one number."""
        return cls(*(float(value) for value in np.quantile(list(values), (0, 0.05, 0.5, 0.95, 1))))


@dataclass(frozen=True)
class SplitFacts:
    """The pictures of one split that can be read.

    Attributes:
        split: `train`, `val`, `test`, or empty for a folder without splits.
        pictures: how many; their width and height are in pixels, their aspect is width over height.
        sizes: the commonest sizes as (width, height, pictures).
        colorfulness: Hasler & Suesstrunk's measure.
        colorfulness_counts: pictures in steps of `COLORFULNESS_STEP` (5), from 0.
        grey: names of pictures without any colour.
        near_grey: of those with next to none.
        toned: of those toned in one hue.
        framed: of those with a frame of one colour around them.
        small: of those with a side of less than 64 pixels.
    """

    split: str
    pictures: int
    width: Spread
    height: Spread
    aspect: Spread
    sizes: list[tuple[int, int, int]]
    colorfulness: Spread
    colorfulness_counts: list[int]
    grey: list[str]
    near_grey: list[str]
    toned: list[str]
    framed: list[str]
    small: list[str]


@dataclass(frozen=True)
class Group:
    """How many pictures a split has of one source and category."""

    split: str
    source: str
    category: str
    pictures: int


@dataclass(frozen=True)
class DataReport:
    """What `inspect_data` returns.

    Attributes:
        data: the folder or dataset.
        prepared: whether it is a dataset of `tinct prepare`.
        limit: how many pictures of each split were looked at; None for all.
        splits: facts of each split.
        groups: counts by split, source and category.
        duplicates: pictures that are there twice, within a split or across splits; see `find_duplicates`.
        unreadable: (picture, reason).
        palette: (`#rrggbb`, share of the pixels) of all splits.
        coverage: of colour bins, by whose bins and by split.
        warnings: what is wrong, the weightiest first.
        samples: (THUMBNAIL, THUMBNAIL, 3) sRGB pictures chosen at random from all splits.
        pictures: where every picture is, by its name.
        seconds: how long it took.
    """

    data: str
    prepared: bool
    limit: int | None
    splits: list[SplitFacts]
    groups: list[Group]
    duplicates: list[Duplicate]
    unreadable: list[tuple[str, str]]
    palette: list[tuple[str, float]]
    coverage: list[BinsCoverage]
    warnings: list[Finding] = field(default_factory=list)
    samples: list[Pixels] = field(default_factory=list, repr=False)
    pictures: dict[str, Picture] = field(default_factory=dict, repr=False)
    seconds: float = 0.0

    @property
    def leaks(self) -> list[Duplicate]:
        """The duplicates across splits."""
        return [pair for pair in self.duplicates if pair.across]

    def to_json(self) -> dict[str, Any]:
        """Return everything but the pictures as plain JSON values."""
        names = ("data", "prepared", "limit", "unreadable", "palette", "seconds")
        plain: dict[str, Any] = {name: getattr(self, name) for name in names}
        for name in ("warnings", "splits", "groups", "duplicates", "coverage"):
            plain[name] = [asdict(item) for item in getattr(self, name)]
        return plain
