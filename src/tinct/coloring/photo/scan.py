"""Find the photographs on a scan, choose which of them get colours, and join the network's answers for them.

The network sees each photograph by itself. Its answers are put where the photographs lie, and extended over the frame
and page around them, as if each photograph continued there; so hints, suggestions and the guided filter work on a scan
as on a photograph. What lies outside the photographs is not coloured (`tinct.color.places.framed`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.page_layout import find_photographs
from tinct.color.places import Place, inside
from tinct.color.spaces import FloatArray
from tinct.color.toning import OwnColors
from tinct.coloring.photo.arrays import luma_of
from tinct.coloring.photo.prediction import Prediction
from tinct.errors import AlreadyColorError

# The joined answer for a scan has at most this many pixels.
_MOST_CELLS = 1 << 16
# A scan with small photographs is read larger, by this factor at most.
_CLOSER = 2.0
_WHOLE = Place.box(0, 0, 1, 1)
_NEGATIVE = "it looks like a negative; --negative (negative=True) inverts it"
_MASK = (
    "; the orange mask of a colour negative is not removed: convert it to a positive first, in the scanner's program"
)


@dataclass(frozen=True)
class Scan:
    """The photographs on a scan.

    Attributes:
        found: the place of each; none if the whole picture is one photograph.
        off_tone: how much colour each of them, or the whole picture, has beside its tone; see `tinct.color.toning`.
        colored: whether each of them, or the whole picture, counts as coloured.
        chosen: the places of those to be coloured; the others have colours already.
        anew: whether those that have colours are coloured, too.
        spots: which share of each one that counts as grey, or of the whole picture, has colours nevertheless.
        negative: whether all look like negatives.
    """

    found: tuple[Place, ...]
    off_tone: tuple[float, ...]
    colored: tuple[bool, ...]
    chosen: tuple[Place, ...]
    anew: bool = False
    spots: tuple[float, ...] = ()
    negative: bool = False

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should know: that it is a negative, or that some parts had colours, which are lost."""
        remarks = [_NEGATIVE] if self.negative else []
        most = max(self.spots, default=0.0)
        if most > 0 and not self.anew:
            share = f"{100 * most:.1f} % of it"
            remarks.append(
                f"parts of the picture ({share}) have colours already and were coloured anew; --keep MASK keeps them"
            )
        return tuple(remarks)

    def size(self, size: float) -> float:
        """Return the size at which to read the scan so that its largest photograph has `size`, or nearly."""
        largest = max((place.share() for place in self.chosen), default=1.0)
        return size * min(_CLOSER, 1 / math.sqrt(max(largest, 1e-3)))


def look_at(
    small: FloatArray,
    *,
    frames: str,
    recolor: bool,
    name: str,
    inverted: bool,
    looks_negative: Callable[[FloatArray], bool],
) -> Scan:
    """Find the photographs on a small copy (h, w, 1 or 3), and those that have no colours yet.

    Args:
        small: grey or sRGB in 0..1.
        frames: `auto`, or `off` to take the whole picture as one photograph.
        recolor: take those that have colours, too.
        name: of the picture, for the error.
        inverted: it is the positive of a negative.
        looks_negative: tells whether luma (h, w) in 0..1 is a negative's.

    Raises:
        AlreadyColorError: all of them have colours, and `recolor` is not set.
    """
    found = find_photographs(small) if frames == "auto" else ()
    places = found or (_WHOLE,)
    own = [OwnColors.of(place.cut(small)) for place in places]
    grey = [recolor or not colors.are_some for colors in own]
    luma = luma_of(small)
    negative = not inverted and all(looks_negative(place.cut(luma)) for place in places)
    if not any(grey):
        raise AlreadyColorError(
            f"{name}: has colours already; if it is a stained black-and-white picture, colour it with --recolor "
            "(recolor=True)" + _MASK * (inverted or negative)
        )
    chosen = tuple(place for place, wanted in zip(found, grey, strict=False) if wanted)
    spots = () if recolor else tuple(colors.spots for colors, wanted in zip(own, grey, strict=True) if wanted)
    off_tone, colored = tuple(colors.off_tone for colors in own), tuple(colors.are_some for colors in own)
    return Scan(found, off_tone, colored, chosen, recolor, spots, negative)


def predict_each(predict: Callable[[FloatArray], Prediction], small: FloatArray, scan: Scan) -> Prediction:
    """Ask the network for each chosen photograph of a small copy (h, w, 1 or 3), and join its answers."""
    luma = luma_of(small)
    if not scan.chosen:
        return replace(predict(luma), told=scan.remarks)
    answers = [predict(place.cut(luma)) for place in scan.chosen]
    return replace(joined(answers, scan.chosen, luma), told=scan.remarks)


def joined(answers: Sequence[Prediction], places: Sequence[Place], luma: FloatArray) -> Prediction:
    """Return one answer for a page from those for its photographs, and the page's luma (h, w)."""
    height, width = luma.shape
    largest = max(range(len(places)), key=lambda number: places[number].share())
    density = max(
        (answer.output.shape[0] * answer.output.shape[1] / np.prod(place.size_on(width, height))) ** 0.5
        for answer, place in zip(answers, places, strict=True)
    )
    density = min(density, 1.0, (_MOST_CELLS / (height * width)) ** 0.5)
    grid = max(1, round(height * density)), max(1, round(width * density))
    output = _carried_on([answer.output for answer in answers], places, grid)
    around = _carried_on([place.cut(luma)[..., None] for place in places], places, (height, width))[..., 0]
    within = inside(places, 0, height, width=width, height=height)
    # Tones, grain and the network's luma are those of the largest; they serve the guide's smoothing and the texts only.
    return replace(
        answers[largest],
        output=output,
        luma=np.where(within >= 1, luma, around),
        places=tuple(places),
    )


def _carried_on(parts: Sequence[NDArray[Any]], places: Sequence[Place], size: tuple[int, int]) -> FloatArray:
    """Return a page (h, w, n) with parts (k, l, n) in their places; around them, the nearest part's edge continues."""
    height, width = size
    depth = np.stack([place.depth(0, height, width=width, height=height) for place in places])
    owner = depth.argmax(axis=0)
    page = np.empty((height, width, parts[0].shape[2]), dtype=np.float32)
    for number, (part, place) in enumerate(zip(parts, places, strict=True)):
        rows, columns = np.nonzero(owner == number)
        if not len(rows):
            continue
        matrix = place.transform(width, height, part.shape[:2])
        x, y = matrix @ np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))])
        page[rows, columns] = _sampled(part, y - 0.5, x - 0.5)
    return page


def _sampled(values: NDArray[Any], rows: NDArray[Any], columns: NDArray[Any]) -> FloatArray:
    """Return values (h, w, n) between pixels, bilinearly, (k, n); beyond the edges, those of the edge."""
    height, width = values.shape[:2]
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    top, left = np.minimum(rows.astype(int), max(0, height - 2)), np.minimum(columns.astype(int), max(0, width - 2))
    below, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    down, across = ((rows - top)[:, None].astype(np.float32), (columns - left)[:, None].astype(np.float32))
    upper = values[top, left] * (1 - across) + values[top, right] * across
    lower = values[below, left] * (1 - across) + values[below, right] * across
    result: FloatArray = upper * (1 - down) + lower * down
    return result
