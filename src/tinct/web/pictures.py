"""Make small pictures for a screen: encoded previews, photographs as they were, stills of films."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.resize import small_size
from tinct.coloring.hints.hint import parse_color
from tinct.coloring.hints.reference import Taken
from tinct.media.image.picture import Picture
from tinct.media.video.film import Film
from tinct.media.video.form import FrameForm
from tinct.media.video.probe import sample_frames

STILLS = 4  # number of stills of a film that are shown
_LOOKED_AT = 7  # number of frames they are chosen from, since some are black
_LEAST_SPREAD = 0.03  # a still whose luma (0..1) has a smaller standard deviation shows nothing
# Colours that mark references, in their order.
MARKS = ("#00a8c6", "#f08a00", "#8f4de0", "#3fa31f", "#e0245e", "#1f6fe0", "#b8a000", "#7a4a1e")
_MOST_VEILED = 185  # the highest opacity of the veil of references, of 255


def jpeg(pixels: NDArray[np.uint8], *, edge: int | None = None) -> bytes:
    """Encode (h, w, 3) sRGB as JPEG, reduced if its longest edge exceeds `edge`."""
    shown = np.ascontiguousarray(pixels[..., ::-1])
    if edge is not None and max(shown.shape[:2]) > edge:
        factor = edge / max(shown.shape[:2])
        size = (max(1, round(shown.shape[1] * factor)), max(1, round(shown.shape[0] * factor)))
        shown = cv2.resize(shown, size, interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 90])[1])


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Encode (h, w, 4) sRGB with alpha as PNG."""
    return bytes(cv2.imencode(".png", np.ascontiguousarray(pixels[..., [2, 1, 0, 3]]))[1])


def unsure_overlay(agreement: NDArray[Any]) -> bytes:
    """Draw, as PNG, where the network is unsure: a veil that is denser the less its likely colours agree in hue.

    Args:
        agreement: (h, w) in 0..1, see `tinct.color.decoding.agreement`.
    """
    veil = np.empty((*agreement.shape, 4), np.uint8)
    veil[..., :3] = (214, 40, 150)  # a magenta that hardly any photograph has
    veil[..., 3] = np.rint(np.clip(1 - agreement, 0, 1) ** 1.5 * 230).astype(np.uint8)
    return png(veil)


def taken_overlay(parts: Sequence[Taken]) -> bytes:
    """Draw, as PNG, where colours are taken from references: each in its colour of `MARKS`, denser where surer."""
    height, width = parts[0].same.shape if parts else (1, 1)
    veil = np.zeros((height, width, 4), np.uint8)
    most = np.zeros((height, width), np.float32)
    for number, part in enumerate(parts):
        weight = np.maximum(part.same, part.kind / 2)
        color = parse_color(MARKS[number % len(MARKS)], name="mark")
        veil[weight > most] = (*color, 0)
        most = np.maximum(most, weight)
    veil[..., 3] = np.rint(_MOST_VEILED * np.clip(most, 0, 1)).astype(np.uint8)
    return png(veil)


def before(picture: Picture, *, edge: int) -> NDArray[np.uint8]:
    """Return a small copy (h, w, 3) of a photograph as it was, its longest edge about `edge`."""
    short, long = sorted((picture.width, picture.height))
    return small_rgb(picture, size=round(edge * (short / long) ** 0.5))


def small_rgb(picture: Picture, *, size: int) -> NDArray[np.uint8]:
    """Return a small copy (h, w, 3) of a picture, its sqrt(h x w) at most `size`."""
    shown: NDArray[np.uint8] = np.rint(np.clip(picture.small(size=size), 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(shown, (*shown.shape[:2], 3)))


def stills(film: Film, *, size: int) -> list[tuple[NDArray[np.uint8], float]]:
    """Return frames spread over a film as players show them, with sqrt(h x w) of at most `size`.

    Returns:
        Of each, grey (h, w), and when it is shown, in seconds.
    """
    form = FrameForm.of(film)
    frames: list[tuple[NDArray[np.uint8], float]] = []
    for codes, seconds in sample_frames(film, _LOOKED_AT):
        height, width = shown_size(film, size=size)
        small = cv2.resize(form.unit(codes), (width, height), interpolation=cv2.INTER_AREA)
        levels = np.rint(upright(film, small) * 255).astype(np.uint8)
        frames.append((levels, seconds))
    telling = [still for still in frames if float(still[0].std()) >= 255 * _LEAST_SPREAD] or frames
    chosen = sorted({round(place) for place in np.linspace(0, len(telling) - 1, STILLS)}) if telling else []
    return [telling[place] for place in chosen]


def shown_size(film: Film, *, size: int) -> tuple[int, int]:
    """Return height and width, with sqrt(h x w) of at most `size`, of a film's frames before they are turned."""
    height, width = small_size(film.height, round(film.width * float(film.sample_aspect)), size=size)
    return max(8, height), max(8, width)


def upright(film: Film, pixels: NDArray[Any]) -> NDArray[Any]:
    """Turn a frame (h, w) or (h, w, 3) as players do."""
    return np.ascontiguousarray(np.rot90(pixels, film.turns))
