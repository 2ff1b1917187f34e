"""Colour spaces as input for recognition: channels, stacks, types of picture, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from tinct.color.inputs import INPUT_SPACES, input_space
from tinct.color.spaces import hue_to_circle, rgb_to_hsv, rgb_to_lab
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
