"""Scans made by code: photographs in borders and on pages, faded and darkened ones, and damaged ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.uint8]
Corners = NDArray[np.float64]  # (4, 2): x and y from the upper left one on, clockwise


@dataclass(frozen=True)
class Page:
    """A scan (H, W, 3), and where the photographs lie on it, in pixels."""

    pixels: Levels
    corners: tuple[Corners, ...]


def bordered(photo: Levels, *, level: tuple[int, int, int], part: float = 1 / 12) -> Page:
    """Put an even border around a photograph (h, w, 3), as wide as a part of its shorter edge."""
    wide = round(part * min(photo.shape[:2]))
    page = np.empty((photo.shape[0] + 2 * wide, photo.shape[1] + 2 * wide, 3), np.uint8)
    page[:] = level
    page[wide:-wide, wide:-wide] = photo
    return Page(page, (_box(wide, wide, photo.shape[1], photo.shape[0]),))


def album(photos: list[Levels], rng: np.random.Generator, *, level: tuple[int, int, int], border: int = 0) -> Page:
    """Lay photographs on a page in rows of two, each turned by up to three degrees, in a white border."""
    columns = min(2, len(photos))
    rows = -(-len(photos) // columns)
    cell_high = round(1.18 * max(photo.shape[0] for photo in photos)) + 2 * border
    cell_wide = round(1.18 * max(photo.shape[1] for photo in photos)) + 2 * border
    page = np.empty((rows * cell_high, columns * cell_wide, 3), np.float32)
    page[:] = level
    corners = []
    for number, photo in enumerate(photos):
        x, y = (number % columns + 0.5) * cell_wide, (number // columns + 0.5) * cell_high
        print_ = (
            cv2.copyMakeBorder(photo, *[border] * 4, cv2.BORDER_CONSTANT, value=(246, 246, 246)) if border else photo
        )
        angle = float(rng.uniform(-3, 3))
        page = _laid(page, print_, angle, x, y)
        height, width = photo.shape[:2]
        corners.append(_turned(width, height, angle, x, y))
    return Page(_paper(page, rng), tuple(corners))


def with_strip(photo: Levels, *, beside: bool = False) -> Page:
    """Lay a colour target along the lower edge, or the left one, of a scan of a photograph on a white ground."""
    colors = [
        (0, 0, 180),
        (0, 160, 200),
        (0, 140, 60),
        (240, 220, 0),
        (220, 30, 30),
        (200, 0, 130),
        (250, 250, 250),
        (130, 90, 60),
        (20, 20, 20),
    ]
    wide = max(12, min(photo.shape[:2]) // 8)
    page = bordered(photo, level=(250, 250, 250)).pixels
    long = page.shape[0 if beside else 1]
    strip = np.repeat(np.array(colors, np.uint8)[None], wide, axis=0)
    strip = cv2.resize(strip, (round(0.9 * long), wide), interpolation=cv2.INTER_NEAREST)
    margin = np.full((wide + 8, long, 3), 250, np.uint8)
    start = (long - strip.shape[1]) // 2
    margin[:wide, start : start + strip.shape[1]] = strip
    left = round(min(photo.shape[:2]) / 12)
    if beside:
        return Page(
            np.concatenate([np.rot90(margin, -1), page], axis=1), (_box(left + wide + 8, left, *photo.shape[1::-1]),)
        )
    return Page(np.concatenate([page, margin], axis=0), (_box(left, left, *photo.shape[1::-1]),))


def with_ruler(photo: Levels) -> Page:
    """Lay a ruler below a photograph on a black ground."""
    page = bordered(photo, level=(12, 12, 12)).pixels
    wide = max(14, min(photo.shape[:2]) // 9)
    margin = np.full((wide + 8, page.shape[1], 3), 12, np.uint8)
    margin[:wide, 10:-10] = (236, 232, 214)
    for place in range(14, page.shape[1] - 14, 6):
        margin[: wide // (2 if (place - 14) % 30 == 0 else 4), place : place + 1] = 20
    left = round(min(photo.shape[:2]) / 12)
    return Page(np.concatenate([page, margin], axis=0), (_box(left, left, *photo.shape[1::-1]),))


def pages_of(photos: list[Levels], rng: np.random.Generator) -> dict[str, Page]:
    """Make a scan of each kind of the first photographs (h, w, 3), of which there are at least four."""
    first = photos[0]
    return {
        "white border": bordered(first, level=(252, 252, 252)),
        "black border": bordered(first, level=(6, 6, 6)),
        "album, one": album(photos[:1], rng, level=(42, 38, 36)),
        "album, two": album(photos[:2], rng, level=(42, 38, 36), border=24),
        "album, four": album(photos[:4], rng, level=(42, 38, 36), border=24),
        "yellowed paper": album(photos[:1], rng, level=(214, 190, 140)),
        "colour strip": with_strip(first),
        "colour strip at the side": with_strip(first, beside=True),
        "ruler": with_ruler(first),
    }


LIGHT: dict[str, Callable[[NDArray[np.float32]], NDArray[np.float32]]] = {
    "untouched": lambda luma: luma,
    "faded to 50 %": lambda luma: 0.25 + 0.5 * luma,
    "faded to 30 %": lambda luma: 0.35 + 0.3 * luma,
    "darkened to 40 %": lambda luma: 0.4 * luma,
    "darkened by gamma 2": lambda luma: luma**2,
    "brightened by 60 %": lambda luma: 0.6 + 0.4 * luma,
    "brightened by gamma 0.5": lambda luma: luma**0.5,
    "12 bits in 16": lambda luma: luma / 16,
}


def grain(luma: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Add the grain of a fast film: noise of 14 steps, a little larger than a pixel."""
    noise = cv2.GaussianBlur(rng.normal(size=luma.shape).astype(np.float32), (0, 0), 0.7)
    return np.clip(luma + noise / noise.std() * np.float32(14 / 255), 0, 1)


def blotches(luma: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Add stains and mould: a dozen soft spots, darker or lighter."""
    result = luma.copy()
    height, width = luma.shape
    for _ in range(12):
        x, y, radius = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0.02, 0.07) * min(height, width)
        down, across = np.ogrid[:height, :width]
        spot = np.clip(1.5 - np.hypot(down - y, across - x) / radius, 0, 1) * rng.choice([-0.35, 0.35])
        result = result + spot.astype(np.float32)
    return np.clip(result, 0, 1)


def scratches(luma: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Add a fold, scratches and dust, white and black."""
    result = np.ascontiguousarray(luma * 255, dtype=np.float32)
    height, width = luma.shape
    for number in range(15):
        start, end = (tuple(int(value) for value in rng.uniform((0, 0), (width, height))) for _ in range(2))
        cv2.line(result, start, end, float(rng.choice([8, 248])), 1 + 2 * (number == 0), cv2.LINE_AA)
    for _ in range(150):
        x, y = (int(value) for value in rng.uniform((0, 0), (width, height)))
        cv2.circle(result, (x, y), int(rng.integers(1, 3)), float(rng.choice([8, 248])), -1, cv2.LINE_AA)
    return np.clip(result / 255, 0, 1)


def weak_grain(luma: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Add half of that grain."""
    return luma + (grain(luma, rng) - luma) / 2


DAMAGE = {"grain": grain, "weak grain": weak_grain, "blotches": blotches, "scratches": scratches}


def _box(left: int, top: int, width: int, height: int) -> Corners:
    return np.array([[left, top], [left + width, top], [left + width, top + height], [left, top + height]], float)


def _turned(width: int, height: int, angle: float, x: float, y: float) -> Corners:
    turn = np.deg2rad(angle)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return (_box(0, 0, width, height) - (width / 2, height / 2)) @ matrix + (x, y)


def _laid(page: NDArray[np.float32], photo: Levels, angle: float, x: float, y: float) -> NDArray[np.float32]:
    """Draw a photograph on a page, turned about its middle, which comes to x, y."""
    height, width = photo.shape[:2]
    target = _turned(width, height, angle, x, y)[[0, 1, 3]] - 0.5
    source = np.array([[-0.5, -0.5], [width - 0.5, -0.5], [-0.5, height - 0.5]])
    matrix = cv2.getAffineTransform(source.astype(np.float32), target.astype(np.float32))
    size = page.shape[1::-1]
    share = cv2.warpAffine(np.ones((height, width), np.float32), matrix, size)[..., None]
    return page * (1 - share) + share * cv2.warpAffine(
        photo.astype(np.float32), matrix, size, borderMode=cv2.BORDER_REPLICATE
    )


def _paper(page: NDArray[np.float32], rng: np.random.Generator) -> Levels:
    """Give a page the noise of paper and scanner, and light that falls off by 4 % towards the right."""
    light = np.linspace(1.02, 0.98, page.shape[1], dtype=np.float32)[None, :, None]
    noise = rng.normal(0, 2, page.shape[:2])[..., None].astype(np.float32)
    return np.rint(np.clip(page * light + noise, 0, 255)).astype(np.uint8)
