"""Pictures as input for recognition: channels, stacks, types of picture, colours taken and turned, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from tinct.color.inputs import INPUT_SPACES, input_space, with_hue_turned, without_color
from tinct.color.spaces import hue_to_circle, rgb_to_hsv, rgb_to_lab, rgb_to_yuv
from tinct.errors import SettingError


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", sorted(INPUT_SPACES))
def test_each_space_gives_as_many_channels_as_it_names(name, picture):
    space = input_space(name)
    values = space.from_rgb(picture)
    assert values.dtype == np.float32
    assert values.shape == (9, 7, len(space.channels))
    assert all(channel.startswith(f"{name}.") for channel in space.channels)


def test_a_stack_is_its_spaces_one_after_the_other(picture):
    stack = input_space("Lab+hsv")
    assert stack.name == "lab+hsv"
    assert stack.channels[:4] == ("lab.lightness", "lab.a", "lab.b", "hsv.hue_sin")
    unit = picture / 255
    assert np.allclose(stack.from_rgb(picture)[..., :3], rgb_to_lab(unit), atol=1e-3)
    assert np.allclose(stack.from_rgb(picture)[..., 3:], hue_to_circle(rgb_to_hsv(unit)), atol=1e-4)


@pytest.mark.parametrize("name", ["rgb", "lab+hsv+xyz"])
def test_eight_bits_sixteen_bits_and_floats_are_the_same_picture(name, picture):
    space = input_space(name)
    expected = space.from_rgb(picture)
    for same in (picture.astype(np.uint16) * 257, picture / 255):
        assert np.allclose(space.from_rgb(same), expected, atol=1e-3)


def test_unknown_spaces_doubles_and_other_shapes_are_refused(picture):
    with pytest.raises(SettingError, match="no colour space 'cmyk'; there are rgb, hsv, hsl, lab, yuv, xyz"):
        input_space("rgb+cmyk")
    with pytest.raises(SettingError, match="holds one space twice"):
        input_space("lab+lab")
    for name in INPUT_SPACES:
        with pytest.raises(SettingError, match="last axis of length 3"):
            input_space(name).from_rgb(picture[..., :2])


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


def test_only_eight_bit_pictures_lose_or_turn_their_colors():
    for wrong in (pictures() / 255, pictures()[..., :2]):
        with pytest.raises(SettingError, match="8-bit pictures"):
            without_color(wrong)
        with pytest.raises(SettingError, match="8-bit pictures"):
            with_hue_turned(wrong, degrees=3)
