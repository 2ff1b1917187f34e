"""Colours taken and turned."""

from __future__ import annotations

import numpy as np
import pytest

from tinct.color.controls import with_hue_turned, without_color
from tinct.color.spaces import rgb_to_hsv, rgb_to_yuv
from tinct.errors import SettingError


def pictures():
    return np.random.default_rng(0).integers(0, 256, (70, 5, 7, 3), dtype=np.uint8)


def test_grey_keeps_luma_and_nothing_else():
    grey = without_color(pictures())
    assert grey.shape == pictures().shape
    assert np.ptp(grey, axis=-1).max() == 0
    assert np.abs(rgb_to_yuv(grey / 255)[..., 0] - rgb_to_yuv(pictures() / 255)[..., 0]).max() < 0.51 / 255
    assert np.array_equal(without_color(grey), grey)


def test_hue_turns_and_saturation_and_value_stay():
    before = pictures()
    before = before[..., :] // 2 + np.array([0, 60, 120], dtype=np.uint8)
    after = with_hue_turned(before, degrees=120)
    # A third of the circle exchanges the channels: red becomes green, green blue, blue red.
    assert np.abs(after.astype(int) - before[..., [2, 0, 1]]).max() <= 1
    assert np.abs(with_hue_turned(before, degrees=360).astype(int) - before).max() <= 1
    a, b = rgb_to_hsv(before / 255), rgb_to_hsv(with_hue_turned(before, degrees=-40) / 255)
    assert np.abs(a[..., 2] - b[..., 2]).max() < 0.01
    assert np.abs(a[..., 1] - b[..., 1]).max() < 0.02
    one = with_hue_turned(before[0], degrees=120)
    assert np.array_equal(one, after[0])


def test_other_arrays_are_refused():
    for wrong in (pictures() / 255, pictures()[..., :2]):
        with pytest.raises(SettingError, match="8-bit pictures"):
            without_color(wrong)
        with pytest.raises(SettingError, match="8-bit pictures"):
            with_hue_turned(wrong, degrees=3)
