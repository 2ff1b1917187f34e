"""Damage of old prints and plates made by code, for measuring; nothing in tinct learned from it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.float32]


def foxing(luma: Luma, rng: np.random.Generator) -> Luma:
    """Add the small soft brown spots of old paper, thicker in some places."""
    height, width = luma.shape
    short = min(height, width)
    shade = np.zeros_like(luma)
    for _ in range(int(rng.integers(3, 7))):
        middle = rng.uniform((0, 0), (height, width))
        for _ in range(int(rng.integers(6, 18))):
            row, column = rng.normal(middle, 0.12 * short)
            radius = short * rng.uniform(0.005, 0.02)
            shade = np.maximum(shade, rng.uniform(0.15, 0.45) * _disc(luma.shape, row, column, radius))
    return luma * (1 - cv2.GaussianBlur(shade, (0, 0), 0.003 * short))


def water(luma: Luma, rng: np.random.Generator) -> Luma:
    """Add up to three dried puddles: a little darker inside, with a dark rim."""
    height, width = luma.shape
    short = min(height, width)
    result = luma
    for _ in range(int(rng.integers(1, 4))):
        away = _outline_distance(luma.shape, rng, radius=short * rng.uniform(0.1, 0.25), wobble=0.2)
        rim = np.exp(-np.maximum(-away, 0) / (0.02 * short)) * np.clip(1 - away / (0.006 * short), 0, 1)
        within = np.clip(0.5 - away / 4, 0, 1)
        result = result * (1 - rng.uniform(0.05, 0.15) * within) * (1 - rng.uniform(0.2, 0.45) * rim)
    return result.astype(np.float32)


def mould(luma: Luma, rng: np.random.Generator) -> Luma:
    """Add colonies of mould: threads that grow out of a few places and branch, pale or dark."""
    height, width = luma.shape
    short = min(height, width)
    threads = np.zeros_like(luma)
    for _ in range(int(rng.integers(3, 8))):
        start = rng.uniform((0, 0), (height, width))
        for _ in range(int(rng.integers(20, 60))):
            place, turn = start.copy(), rng.uniform(0, 2 * np.pi)
            for _ in range(int(rng.integers(5, 25))):
                turn += rng.normal(0, 0.5)
                following = place + 0.006 * short * np.array([np.sin(turn), np.cos(turn)])
                cv2.line(threads, _point(place), _point(following), 1.0, max(1, round(short / 300)), cv2.LINE_AA)
                place = following
    cover = np.clip(0.6 * threads + 1.2 * cv2.GaussianBlur(threads, (0, 0), 0.008 * short), 0, 1)
    level, most = (0.85, 0.6) if rng.random() < 0.5 else (0.1, 0.6)
    return (luma + most * cover * (level - luma)).astype(np.float32)


def fingerprints(luma: Luma, rng: np.random.Generator) -> Luma:
    """Add two or three greasy fingerprints: ridges in an oval."""
    height, width = luma.shape
    short = min(height, width)
    result = luma
    for _ in range(int(rng.integers(2, 4))):
        row, column = rng.uniform((0, 0), (height, width))
        down, across = np.mgrid[:height, :width].astype(np.float32)
        turn = rng.uniform(0, np.pi)
        x = (across - column) * np.cos(turn) + (down - row) * np.sin(turn)
        y = (down - row) * np.cos(turn) - (across - column) * np.sin(turn)
        size = short * rng.uniform(0.08, 0.13)
        oval = np.clip(2 - 2 * np.hypot(x / size, y / (1.4 * size)), 0, 1)
        bent = np.hypot(x, 0.7 * (y + 0.5 * size)) + 0.02 * short * np.sin(y / (0.06 * short))
        ridges = 0.5 + 0.5 * np.sin(2 * np.pi * bent / (0.014 * short))
        result = result + rng.choice([-0.3, 0.3]) * oval * (0.4 + 0.6 * ridges)
    return np.clip(result, 0, 1).astype(np.float32)


def tape(luma: Luma, rng: np.random.Generator) -> Luma:
    """Add one or two strips of old adhesive tape: darker, flatter, uneven, with sharp edges."""
    height, width = luma.shape
    result = luma
    for _ in range(int(rng.integers(1, 3))):
        long, wide = rng.uniform(0.3, 0.7) * max(height, width), rng.uniform(0.06, 0.1) * min(height, width)
        middle = (float(rng.uniform(0, width)), float(rng.uniform(0, height)))
        corners = cv2.boxPoints((middle, (long, wide), float(rng.uniform(0, 180))))
        mask = cv2.fillConvexPoly(np.zeros_like(luma), np.rint(corners * 16).astype(np.int32), 1.0, cv2.LINE_AA, 4)
        uneven = cv2.GaussianBlur(rng.normal(size=luma.shape).astype(np.float32), (0, 0), 0.3 * wide)
        tone = rng.uniform(0.35, 0.6) + 0.06 * uneven / uneven.std()
        result = result + rng.uniform(0.4, 0.6) * mask * (tone - result)
    return np.clip(result, 0, 1).astype(np.float32)


def dust(luma: Luma, rng: np.random.Generator) -> Luma:
    """Add dust, lint and hairs, white as on a print from a dirty negative."""
    height, width = luma.shape
    short = min(height, width)
    cover = np.zeros_like(luma)
    for _ in range(int(rng.integers(150, 400))):
        place = rng.uniform((0, 0), (height, width))
        cv2.circle(cover, _point(place), int(rng.exponential(0.003 * short)), 1.0, -1, cv2.LINE_AA)
    for _ in range(int(rng.integers(8, 25))):
        place, turn, bend = rng.uniform((0, 0), (height, width)), rng.uniform(0, 2 * np.pi), rng.normal(0, 0.15)
        for _ in range(int(rng.integers(5, 25))):
            turn += bend
            following = place + 0.008 * short * np.array([np.sin(turn), np.cos(turn)])
            cv2.line(cover, _point(place), _point(following), 1.0, 1, cv2.LINE_AA)
            place = following
    return (luma + 0.9 * cover * (0.95 - luma)).astype(np.float32)


def emulsion(luma: Luma, rng: np.random.Generator) -> Luma:
    """Take away flakes of the emulsion, mostly at the edges: white or black, with hard ragged edges."""
    height, width = luma.shape
    short = min(height, width)
    field = sum(
        weight * _unit(cv2.GaussianBlur(rng.normal(size=luma.shape).astype(np.float32), (0, 0), size * short))
        for weight, size in ((1.0, 0.04), (0.5, 0.012), (0.3, 0.005))
    )
    down, across = np.mgrid[:height, :width]
    edge = np.minimum(np.minimum(down, height - 1 - down), np.minimum(across, width - 1 - across)) / short
    lost = (field + 1.5 * np.exp(-edge / 0.08) > 2.2).astype(np.float32)
    return (luma + lost * ((0.95 if rng.random() < 0.6 else 0.05) - luma)).astype(np.float32)


def silvering(luma: Luma, rng: np.random.Generator) -> Luma:
    """Add the mirror-like sheen of silver in the shadows towards the edges."""
    height, width = luma.shape
    short = min(height, width)
    down, across = np.mgrid[:height, :width]
    edge = np.minimum(np.minimum(down, height - 1 - down), np.minimum(across, width - 1 - across)) / short
    uneven = 1 + 0.5 * _unit(cv2.GaussianBlur(rng.normal(size=luma.shape).astype(np.float32), (0, 0), 0.05 * short))
    sheen = np.clip(np.exp(-edge / rng.uniform(0.06, 0.12)) * uneven, 0, 1)
    return (luma + 0.6 * sheen * (1 - luma) ** 2 * (0.8 - luma).clip(0)).astype(np.float32)


KINDS: dict[str, Callable[[Luma, np.random.Generator], Luma]] = {
    "foxing": foxing,
    "water": water,
    "mould": mould,
    "fingerprints": fingerprints,
    "tape": tape,
    "dust": dust,
    "emulsion": emulsion,
    "silvering": silvering,
}


def _point(place: NDArray[np.floating]) -> tuple[int, int]:
    """Return a row and a column as OpenCV's x and y."""
    return round(float(place[1])), round(float(place[0]))


def _unit(values: Luma) -> Luma:
    return values / values.std()


def _disc(shape: tuple[int, int], row: float, column: float, radius: float) -> Luma:
    down, across = np.ogrid[: shape[0], : shape[1]]
    return np.clip(1.5 - np.hypot(down - row, across - column) / radius, 0, 1).astype(np.float32)


def _outline_distance(shape: tuple[int, int], rng: np.random.Generator, *, radius: float, wobble: float) -> Luma:
    """Return how far pixels lie outside a wobbly closed line, in pixels, roughly; negative inside."""
    row, column = rng.uniform((0, 0), shape)
    down, across = np.mgrid[: shape[0], : shape[1]]
    turn, away = np.arctan2(down - row, across - column), np.hypot(down - row, across - column)
    line = np.full(shape, radius)
    for count in range(2, 12):
        line += radius * wobble / count * rng.normal() * np.sin(count * turn + rng.uniform(0, 2 * np.pi))
    return (away - line).astype(np.float32)
