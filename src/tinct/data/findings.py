"""Facts about training data, and findings in data or in a training, with their weight, evidence and remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.data.colors import BinsCoverage
from tinct.data.duplicates import Duplicate
from tinct.data.pictures import Picture

# A finding of at least this weight alone explains why nothing is learned, or makes every score wrong.
SERIOUS = 70
# A finding of at least this weight costs accuracy.
FAIR = 30
COLORFULNESS_STEP = 5.0  # width of the bins of `SplitFacts.colorfulness_counts`

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Finding:
    """One fault of data, or one cause why a training does not learn or only seems to.

    Attributes:
        kind: its name: `leak`, `unscaled-input`, `random-labels`...
        weight: how much it matters, 0..100; see `SERIOUS` and `FAIR`.
        title: what is wrong, in one line.
        evidence: what was seen or measured, line by line.
        remedy: what to do.
        sure: whether an experiment or a fact proves it; otherwise it is the likeliest explanation.
        pictures: names of pictures that show it; the two of a pair follow each other.
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
    """The distribution of a number over the pictures of a split: minimum, 5 %, median, 95 %, maximum."""

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
    """Facts about the pictures of one split that can be read.

    Attributes:
        split: `train`, `val`, `test`, or empty for a folder without splits.
        pictures: how many.
        width: in pixels.
        height: in pixels.
        aspect: width divided by height.
        sizes: the commonest sizes as (width, height, pictures).
        colorfulness: Hasler & Suesstrunk's measure.
        colorfulness_counts: numbers of pictures in steps of `COLORFULNESS_STEP`, from 0.
        grey: names of the pictures without any colour.
        near_grey: names of those with hardly any colour.
        toned: names of those toned in one hue.
        framed: names of those with a frame of one colour.
        small: names of those with a side of less than 64 pixels.
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
    """Number of pictures that a split has of one source and category."""

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
        limit: most pictures of each split that were examined; None for all.
        splits: facts about each split.
        groups: counts by split, source and category.
        duplicates: pictures that occur twice, within a split or across splits; see `find_duplicates`.
        unreadable: (picture, reason).
        palette: (`#rrggbb`, share of the pixels) of all splits.
        coverage: for each set of colour bins and each split, how well they represent it.
        warnings: what is wrong, by decreasing weight.
        samples: (THUMBNAIL, THUMBNAIL, 3) sRGB pictures chosen at random from all splits.
        pictures: every picture's place, by its name.
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


def pictures(count: int) -> str:
    """Write a number of pictures in words."""
    return f"{count:,} picture" if count == 1 else f"{count:,} pictures"


def are(count: int) -> str:
    """Return the verb after a number of things: is, are."""
    return "is" if count == 1 else "are"
