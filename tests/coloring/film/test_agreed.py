"""Where two frames show the same: what stands still behind what moves, and what moves."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from tinct.color.motion import STILL, camera_motion
from tinct.coloring.film.agreed import Agreed, KeyAnswer, match_moving, match_still
from tinct.coloring.film.history import still_agreement

Levels = NDArray[np.uint8]
SHAPE = (48, 64)
WALL, THING = 0.0, 0.4


def wall(*, right: int = 0, light: float = 1.0) -> Levels:
    """scikit-image's coins at 192x256, seen by a camera that moved to the right."""
    picture = cv2.resize(skimage.data.coins(), (400, 400), interpolation=cv2.INTER_AREA)
    return np.clip(picture[100:292, 40 + right : 296 + right] * light, 0, 255).astype(np.uint8)


def passing(levels: Levels, left: int, *, top: int = 20) -> Levels:
    """The same with somebody before it, 120 pixels wide."""
    shown = levels.copy()
    shown[top : top + 150, left : left + 120] = cv2.resize(skimage.data.camera(), (120, 150))[:, : 256 - left]
    return shown


def answer(left: int | None) -> NDArray[np.float32]:
    """What the network says: of the wall and of the one who passes, whose colour it spreads a little around."""
    values = np.full((*SHAPE, 2), WALL, dtype=np.float32)
    if left is not None:
        values[2:46, max(0, left // 4 - 3) : left // 4 + 33] = THING
    return values


def test_what_stands_still_is_known_behind_what_fills_most_of_the_frame() -> None:
    small = [cv2.resize(levels, SHAPE[::-1]) / np.float32(255) for levels in (wall(), passing(wall(light=0.9), 30))]
    kept = still_agreement(small[1], small[0], np.ones(SHAPE, dtype=np.float32))
    assert np.median(kept[:, 42:]) > 0.8
    assert np.median(kept[10:40, 12:34]) < 0.05


def test_a_camera_that_moved_is_followed_back() -> None:
    here, there = passing(wall(right=9), 20), passing(wall(), 90)
    camera = camera_motion(here, there)
    assert camera[0, 2] == pytest.approx(9, abs=0.5)
    still = match_still(here, there, (STILL, camera), SHAPE)
    assert still.camera is camera
    assert np.median(still.alike[:, 53:60]) > 0.9
    assert np.median(still.alike[10:38, 8:20]) < 0.1
    assert np.median(still.motion[..., 0]) == pytest.approx(9 / 4, abs=0.2)


def test_what_moves_is_match_moving() -> None:
    here, there = passing(wall(), 60), passing(wall(), 72)
    match = match_moving(here, there, match_still(here, there, (STILL,), SHAPE))
    inside = slice(14, 34), slice(20, 38)
    assert np.median(match.alike[inside]) > 0.5
    assert np.median(match.motion[inside][..., 0]) == pytest.approx(3, abs=0.4)
    assert not match.motion[:, 52:].any()


def answered(*lefts: int | None) -> list[KeyAnswer]:
    """Key frames with somebody at some places, or nobody."""
    return [
        KeyAnswer(10 * number, wall() if left is None else passing(wall(), left), answer(left))
        for number, left in enumerate(lefts)
    ]


def test_a_wall_keeps_its_colour_beside_who_passes() -> None:
    agreed = Agreed(answered(None, None, 130), [])
    (near, kept), *_ = agreed.at(20, passing(wall(), 130))
    assert kept[:, 12:26].mean() > 0.8
    assert np.abs(near.values[10:40, 29:31] - WALL).mean() < 0.1  # its own answer spreads; a mean of three has 0.13
    assert np.abs(near.values[10:40, 40:56] - THING).mean() < 0.1


def test_who_leaps_away_leaves_no_ghost() -> None:
    """The wall where somebody was takes the colour that it has in key frames without them, even if none is near."""
    agreed = Agreed(answered(None, 60, 60, 60), [])
    found = agreed.at(25, wall())
    values = sum(kept[..., None] * near.values for near, kept in found)
    weights = sum(kept for _, kept in found)
    inside = slice(8, 40), slice(18, 42)
    assert weights[inside].mean() > 0.8
    assert np.abs(values[inside] / weights[inside][..., None] - WALL).mean() < 0.03
