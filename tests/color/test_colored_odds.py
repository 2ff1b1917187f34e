"""What tells a photograph in colour from a grey one that light, stains and scanners gave colours."""

import cv2
import numpy as np
import pytest

from tinct.color.colored_odds import Left

SHAPE = (40, 60)
RNG = np.random.default_rng(4)
LUMA = np.repeat(np.linspace(0.1, 0.9, 60, dtype=np.float32)[None], 40, axis=0).ravel()
NOISE = RNG.normal(0, 2, (2400, 2)).astype(np.float32)
NONE = np.zeros((2400, 2), dtype=np.float32)


def left(beside: np.ndarray, *, stains: np.ndarray | None = None, luma: np.ndarray = LUMA) -> Left:
    return Left(
        shape=SHAPE,
        luma=luma,
        chroma=beside,
        beside_light=beside,
        beside_stains=beside,
        stains=np.zeros(2400, dtype=np.float32) if stains is None else stains,
        calm=np.ones(2400, dtype=np.float32),
    )


def test_patches_are_told_from_noise_as_strong():
    patches = NONE.copy()
    patches.reshape(*SHAPE, 2)[10:30, 10:30] = (-6, 3)
    patches.reshape(*SHAPE, 2)[5:25, 35:55] = (4, 5)
    assert left(patches).odds() > left(NOISE * 2).odds()
    assert left(patches).evidence()["light in patches"] > left(NOISE).evidence()["light in patches"] + 0.5


def test_colors_that_end_where_luma_does_count_more_than_those_that_end_anywhere():
    things, elsewhere = np.full(SHAPE, 0.3, dtype=np.float32), np.zeros(SHAPE, dtype=np.float32)
    things[10:30, 20:40] = 0.7
    elsewhere[3:20, 5:30] = 20
    colored = np.where(things > 0.5, np.float32(20), np.float32(0))
    things, colored, elsewhere = (cv2.GaussianBlur(plane, (0, 0), 2) for plane in (things, colored, elsewhere))
    there, off = (left(NOISE, stains=stains.ravel(), luma=things.ravel()).evidence() for stains in (colored, elsewhere))
    assert there["stains along edges"] > off["stains along edges"] + 0.3
    assert there["edges at stains"] > off["edges at stains"] + 0.3


def test_all_of_one_level_is_described():
    assert np.isfinite(list(left(NONE, luma=np.full(2400, 0.5, dtype=np.float32)).evidence().values())).all()
    assert left(NONE).odds() < 0


def test_two_directions_are_told_from_one():
    line = NOISE[:, :1] * np.array([[-0.8, 0.6]], dtype=np.float32)
    assert left(NOISE).evidence()["stains across"] > left(line).evidence()["stains across"] + 1
    assert left(line).evidence()["light warm"] == pytest.approx(1, abs=0.05)
