"""Finding the photographs on a scan: between white and black borders, on album pages, beside colour targets and rulers.

A page is what lies around a photograph: it is even and reaches to the scan's edges. A photograph is a large rectangle
on it, upright or slightly turned, with straight sides. In doubt a region counts as photograph, since a cropped
photograph is worse than a coloured frame.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.places import Place
from tinct.color.resize import shrunk
from tinct.color.spaces import FloatArray
from tinct.color.statistics import median, quantiles

_SIZE = 480  # root of height x width at which photographs are sought
_RIM = 0.012  # width of the scan's rim, as a share of its shorter edge
_EVEN = 0.8  # three sides of the rim must be page over at least this share of their length
_LEAST_EVEN = 0.05  # the fourth side, along which a colour target may lie, must be page over at least this share
# Difference from the page, in 8-bit steps, above which a pixel is not page: 4 times the rim's median, in these limits.
_LEAST_STEP, _MOST_STEP = 4.0, 22.0
_LEAST_SHARE = 0.02  # least share of the scan that a photograph has
_LONGEST = 5.0  # greatest ratio of a photograph's longer edge to its shorter one
_FILLED = 0.9  # least share of its rectangle that a photograph's convex hull fills
_PART = 0.002  # least share of the scan that a part of a thing has; smaller ones are dust
_HELD = 0.3  # least share of a photograph that photographs inside it have; otherwise they count as things that it shows
# A thing that touches the scan's edge along more than this share of one side is not surrounded by a page.
_TOUCHING = 0.1
_FLAT = 0.6  # a thing with a larger share of flat pixels than this is not a photograph if there is a larger thing
_MOVED = 0.04  # sides are moved by at most this share of the photograph's shorter edge
_TURNED = 0.04  # sides are turned by at most this slope
_FITTED = 0.35  # a side is moved to where at least this share of its length begins to differ from the page
_CLEAR = 10.0  # 8-bit steps by which it differs there
_SEEN = 0.6  # share of their length along which a photograph must be seen to end, on three of its sides
_LEAST_SEEN = 0.3  # the same share on the fourth side
_WHOLE = 0.965  # a photograph with a larger share of the scan than this counts as the whole scan
_DEPTH = 3  # frames are sought within frames to this depth: a print with a white border may lie on a black scanner bed
# Least and greatest share of the width or height that a border has, if there are borders on two or three sides only.
_LEAST_BAR, _MOST_BAR = 0.012, 0.4
# Borders within this many 8-bit steps of each other are of one level; one is even if its pixels vary by no more.
_ALIKE = 8.0
_SHARP = 20.0  # a border ends in a step of more 8-bit steps than this


def find_photographs(pixels: NDArray[Any]) -> tuple[Place, ...]:
    """Find the photographs on a scan.

    Args:
        pixels: (h, w, 1) grey or (h, w, 3) sRGB in 0..1; a small copy is enough.

    Returns:
        Their places, from top to bottom and from left to right; none if the whole scan is one photograph.
    """
    places = _photographs(np.asarray(pixels, dtype=np.float32), depth=0)
    if not places or (len(places) == 1 and places[0].share() > _WHOLE):
        return ()
    return tuple(sorted(places, key=_order))


def _order(place: Place) -> tuple[int, float]:
    """Return a key that sorts places in reading order: by thirds of the page's height, then from the left."""
    x, y = np.array(place.corners).mean(axis=0)
    return int(3 * y), float(x)


def _photographs(pixels: FloatArray, *, depth: int) -> list[Place]:
    """Find photographs on a scan, or inside a larger frame; none if the whole scan is one."""
    values = _levels(pixels)
    places = _on_page(values) or _between_bars(values)
    if depth + 1 >= _DEPTH:
        return places
    height, width = pixels.shape[:2]
    result = []
    for place in places:
        inset = _inset(place, *values.shape[1::-1])
        inner = _photographs(inset.cut(pixels), depth=depth + 1)
        large = sum(part.share() for part in inner) > _HELD
        result += [part.within(inset, width=width, height=height) for part in inner] if large else [place]
    return result


def _levels(pixels: FloatArray) -> FloatArray:
    small = shrunk(pixels, _SIZE)
    return small.reshape(*small.shape[:2], pixels.shape[2]) * np.float32(255)


def _inset(place: Place, width: int, height: int) -> Place:
    """Return a place without its outermost pixels, which are mixed with those around it."""
    rows, columns = place.size_on(width, height)
    edge = max(1.5, 0.01 * min(rows, columns))
    x, y = min(0.2, edge / columns), min(0.2, edge / rows)
    return Place.box(x, y, 1 - x, 1 - y).within(place, width=width, height=height)


def _on_page(values: FloatArray) -> list[Place]:
    """Find rectangles on an even page that surrounds them."""
    smooth = cv2.blur(values, (3, 3)).reshape(values.shape)
    page_and_distance = _page(smooth)
    if page_and_distance is None:
        return []
    page, distance = page_and_distance
    height, width = values.shape[:2]
    things = np.where(page, 0, 1).astype(np.uint8)
    wide = max(3, round(0.008 * min(height, width)) | 1)
    things = cv2.morphologyEx(things, cv2.MORPH_OPEN, np.ones((wide, wide), np.uint8))
    places = []
    for thing in _things(things):
        place = None if _touches(thing) else _rectangle(thing)
        if place is not None and place.share() >= _LEAST_SHARE:
            places.append(_fitted(place, distance))
    largest = max((place.share() for place in places), default=0.0)
    return [place for place in places if place.share() == largest or _is_photograph(place.cut(values))]


def _things(mask: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Return a mask (h, w) for each thing on a page; parts whose rectangles overlap make one thing."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    parts: list[tuple[list[int], Any]] = []
    for label in range(1, count):
        if stats[label, cv2.CC_STAT_AREA] < _PART * mask.size:
            continue
        members, box = [label], _box(labels, [label])
        while True:
            touched = [part for part in parts if _overlap(part[1], box)]
            if not touched:
                break
            parts = [part for part in parts if not any(part is other for other in touched)]
            members += [label for part in touched for label in part[0]]
            box = _box(labels, members)
        parts.append((members, box))
    masks = [np.isin(labels, members).astype(np.uint8) for members, _ in parts]
    return [thing for thing in masks if thing.sum() >= 0.5 * _LEAST_SHARE * mask.size]


def _touches(thing: NDArray[np.uint8]) -> bool:
    """Return whether a thing, a mask (h, w), touches the scan's edge along more than `_TOUCHING` of one side."""
    edge = max(float(side.mean()) for side in (thing[1], thing[-2], thing[:, 1], thing[:, -2]))
    return edge > _TOUCHING


def _box(labels: NDArray[Any], members: list[int]) -> Any:
    return cv2.minAreaRect(np.argwhere(np.isin(labels, members))[:, ::-1].astype(np.float32))


def _overlap(one: Any, other: Any) -> bool:
    """Return whether two turned rectangles share more than a tenth of the smaller one's area."""
    _, points = cv2.rotatedRectangleIntersection(one, other)
    area = cv2.contourArea(points) if points is not None else 0.0
    return bool(area > 0.1 * min(np.prod(one[1]), np.prod(other[1])))


def _page(values: FloatArray) -> tuple[NDArray[np.bool_], FloatArray] | None:
    """Return which pixels (h, w) are the page, and how far each pixel is from its colour, in 8-bit steps.

    None if no even page surrounds the things. The page's colour is a linear function of place.
    """
    height, width, bands = values.shape
    rim = max(2, round(_RIM * min(height, width)))
    edge = np.ones((height, width), dtype=bool)
    edge[rim : height - rim, rim : width - rim] = False
    rows, columns = np.divmod(np.flatnonzero(edge), width)
    down, across = (np.linspace(-1, 1, length, dtype=np.float32) for length in (height, width))
    known = np.stack([np.ones(len(rows)), across[columns], down[rows]], axis=1)
    wanted = values[rows, columns].astype(np.float64)
    plane = np.zeros((3, bands))
    plane[0] = median(wanted, axis=0)
    off = np.abs(wanted - plane[0]).max(axis=1)
    for _ in range(4):
        near = off <= max(_LEAST_STEP, 2.5 * float(median(off)))
        chosen = (known * near[:, None]).T
        plane = np.linalg.lstsq(chosen @ known, chosen @ wanted, rcond=None)[0]
        off = np.abs(wanted - known @ plane).max(axis=1)
    step = float(np.clip(4 * median(off), _LEAST_STEP, _MOST_STEP))
    sides = (rows < rim, rows >= height - rim, columns < rim, columns >= width - rim)
    even = sorted(float(np.mean(off[side] <= step)) for side in sides)
    if even[0] < _LEAST_EVEN or even[1] < _EVEN:
        return None
    level, right, below = plane.astype(np.float32)
    distance = np.abs(values - (level + across[:, None] * right + down[:, None, None] * below)).max(axis=-1)
    like = distance <= step
    count, labels = cv2.connectedComponents(like.astype(np.uint8), connectivity=4)
    outside = np.zeros(count, dtype=bool)
    outside[labels[edge & like]] = True
    return outside[labels], distance


def _rectangle(thing: NDArray[np.uint8]) -> Place | None:
    """Return the rectangle that a thing, a mask (h, w), fills, without what sticks out of it; None if it fills none."""
    height, width = thing.shape
    outlines, _ = cv2.findContours(thing, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = np.concatenate(outlines)
    box = cv2.boxPoints(cv2.minAreaRect(outline)) + 0.5
    turned = _ordered(box) / (width, height)
    rough = Place(tuple((float(x), float(y)) for x, y in turned))
    if max(abs(rough.on(width, height)[1, 1] - rough.on(width, height)[0, 1]), 0) > 0.35 * width:
        return None
    solid = cv2.fillConvexPoly(np.zeros_like(thing), cv2.convexHull(outline), 1)
    flat, hull = rough.cut(thing.astype(np.float32)), rough.cut(solid.astype(np.float32))
    (top, bottom), (left, right) = _extent(hull.mean(axis=1)), _extent(hull.mean(axis=0))
    flat, hull = flat[top:bottom, left:right], hull[top:bottom, left:right]
    rows, columns = flat.shape
    if min(rows, columns) < 24 or max(rows, columns) > _LONGEST * min(rows, columns) or hull.mean() < _FILLED:
        return None
    deep = max(1, round(0.015 * min(rows, columns)))
    seen = sorted(float(side.mean()) for side in (flat[deep], flat[-1 - deep], flat[:, deep], flat[:, -1 - deep]))
    if seen[0] < _LEAST_SEEN or seen[1] < _SEEN:
        return None
    size = rough.size_on(width, height)
    return Place.box(left / size[1], top / size[0], right / size[1], bottom / size[0]).within(
        rough, width=width, height=height
    )


def _fitted(place: Place, distance: FloatArray) -> Place:
    """Move the sides of a place to where they begin to differ clearly from the page, given distances (h, w) from it."""
    height, width = distance.shape
    rows, columns = place.size_on(width, height)
    wide = _MOVED * min(rows, columns)
    x, y = wide / columns, wide / rows
    around = Place.box(-x, -y, 1 + x, 1 + y).within(place, width=width, height=height)
    flat = around.cut_turned(distance)
    depth = max(4, round(2 * wide) + 2)
    clear = flat > max(_CLEAR, 0.25 * quantiles(flat, [0.9])[0])
    turned = (clear, clear[:, ::-1].T, clear[::-1], clear.T)  # from above, the right, below and the left
    lines = [_edge(side[:depth]) or (wide, 0.0) for side in turned]
    (above, tilt_a), (right, tilt_r), (below, tilt_b), (left, tilt_l) = lines
    high, long = flat.shape
    # Each side is a point on it and a direction, in the coordinates of `flat`.
    sides = (
        ((long / 2, above), (1.0, tilt_a)),
        ((long - right, high / 2), (-tilt_r, 1.0)),
        ((long / 2, high - below), (1.0, -tilt_b)),
        ((left, high / 2), (tilt_l, 1.0)),
    )
    corners = [_crossing(sides[number - 1], sides[number]) for number in range(4)]
    return Place(tuple((x / long, y / high) for x, y in corners)).within(around, width=width, height=height)


def _edge(clear: NDArray[np.bool_]) -> tuple[float, float] | None:
    """Fit a line to the first clear pixel of each column (h, w): its row in the middle, and its slope."""
    first = np.where(clear.any(axis=0), clear.argmax(axis=0), -100).astype(np.float64)
    count = len(first)
    middle = (np.arange(count) - (count - 1) / 2)[None]
    slopes = np.linspace(-_TURNED, _TURNED, 41)[:, None]
    level = first - slopes * middle
    best: tuple[int, float, float] = (0, 0.0, 0.0)
    for slope, row in zip(slopes[:, 0], level, strict=True):
        places = np.rint(row).astype(int)
        kept = places[(places >= 0) & (first >= 0)]
        if not len(kept):
            continue
        votes = np.bincount(kept)
        votes = votes + np.append(votes[1:], 0) + np.append(0, votes[:-1])
        chosen = int(votes.argmax())
        near = np.abs(row - chosen) <= 1.5
        if votes[chosen] > best[0] or (votes[chosen] == best[0] and abs(slope) < abs(best[2])):
            best = int(votes[chosen]), float(row[near].mean()), float(slope)
    return (best[1], best[2]) if best[0] >= _FITTED * count else None


def _crossing(one: Any, other: Any) -> tuple[float, float]:
    (point, along), (place, across) = one, other
    matrix = np.array([[along[0], -across[0]], [along[1], -across[1]]])
    share = np.linalg.solve(matrix, np.subtract(place, point))[0]
    return point[0] + share * along[0], point[1] + share * along[1]


def _extent(filled: NDArray[Any]) -> tuple[int, int]:
    """Return the first line, and the last plus one, that a thing fills at least half as far as its median line."""
    lines = np.flatnonzero(filled >= 0.5 * float(median(filled[filled > 0.2])) if (filled > 0.2).any() else filled > 0)
    return (int(lines[0]), int(lines[-1]) + 1) if len(lines) else (0, len(filled))


def _ordered(points: NDArray[Any]) -> NDArray[np.float64]:
    """Return the corners (4, 2) of a rectangle clockwise, starting with the one that makes its turn the smallest."""
    points = np.asarray(points, dtype=np.float64)
    middle = points.mean(axis=0)
    around = points[np.argsort(np.arctan2(points[:, 1] - middle[1], points[:, 0] - middle[0]))]
    tilts = [
        abs(np.arctan2(*(np.roll(around, -turn, axis=0)[1] - np.roll(around, -turn, axis=0)[0])[::-1]))
        for turn in range(4)
    ]
    return np.roll(around, -int(np.argmin(tilts)), axis=0)


def _between_bars(values: FloatArray) -> list[Place]:
    """Find a photograph between even borders of one level, on two opposite sides or on three."""
    grey = values.shape[2] == 1  # NumPy takes long over a last axis of 1
    luma, low = (values[..., 0],) * 2 if grey else (values.max(axis=-1), values.min(axis=-1))
    depths = [
        _bar(most, least)
        for most, least in ((luma, low), (luma[::-1], low[::-1]), (luma.T, low.T), (luma.T[::-1], low.T[::-1]))
    ]
    height, width = luma.shape
    levels = [level for depth, level in depths if depth]
    if len(levels) < 2 or np.ptp(levels) > _ALIKE:
        return []
    (top, _), (bottom, _), (left, _), (right, _) = depths
    if not ((top and bottom) or (left and right)):
        return []
    return [Place.box(left / width, top / height, 1 - right / width, 1 - bottom / height)]


def _bar(most: FloatArray, least: FloatArray) -> tuple[int, float]:
    """Return how many of the first lines are one even border, and its level.

    Args:
        most: (h, w) each pixel's greatest channel, in 8-bit steps.
        least: (h, w) its smallest. These are two arrays because NumPy is many times slower over a last axis of 2.
    """
    first, thin = max(2, round(_LEAST_BAR * len(most))), math.ceil(_LEAST_BAR * len(most))
    level = float(median(np.stack([most[:first], least[:first]])))
    if _unlike(_away(most[:thin], least[:thin], level)).any():  # most have no border, and no more is looked at
        return 0, level
    away = _away(most, least, level)
    other = np.flatnonzero(_unlike(away))
    depth = int(other[0]) if len(other) else 0
    if not thin <= depth <= _MOST_BAR * len(most):
        return 0, level
    # Columns that are border over the whole height belong to the borders at the sides.
    open_ = away.max(axis=0) > _ALIKE
    sharp = away[depth : depth + max(3, len(most) // 100)].max(axis=0)[open_] > _SHARP
    return (depth, level) if open_.mean() >= 0.5 and sharp.mean() >= _SEEN else (0, level)


def _away(most: FloatArray, least: FloatArray, level: float) -> FloatArray:
    away: FloatArray = np.maximum(np.abs(most - level), np.abs(least - level))
    return away


def _unlike(away: FloatArray) -> NDArray[np.bool_]:
    """Return which lines (h, w) are not of one level, by how far each pixel is from it."""
    unlike: NDArray[np.bool_] = np.mean(away <= _ALIKE, axis=1) < 0.97
    return unlike


def _is_photograph(values: FloatArray) -> bool:
    """Return whether a thing (h, w, k) beside a larger one is a photograph, not a colour target, label or ruler."""
    luma = values.mean(axis=-1)
    slope = np.abs(np.diff(luma, axis=0))[:, 1:] + np.abs(np.diff(luma, axis=1))[1:]
    if np.mean(slope < 1) > _FLAT:
        return False
    if values.shape[2] < 3:
        return True
    hsv = cv2.cvtColor(np.clip(values / 255, 0, 1).astype(np.float32), cv2.COLOR_RGB2HSV)
    vivid = (hsv[..., 1] > 0.35) & (hsv[..., 2] > 0.2)
    hues, _ = np.histogram(hsv[..., 0][vivid], bins=6, range=(0, 360))
    return bool(vivid.mean() < 0.25 or (hues > 0.03 * vivid.sum()).sum() < 4)
