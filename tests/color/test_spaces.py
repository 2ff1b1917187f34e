"""What the colour spaces promise: ranges, shapes, ways back, and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from tinct.color.spaces import (
    CHROMA_SPACES,
    chroma_space,
    hsv_to_rgb,
    hue_to_circle,
    lab_to_rgb,
    rgb_to_hsl,
    rgb_to_hsv,
    rgb_to_lab,
    rgb_to_xyz,
    rgb_to_yuv,
    yuv_to_rgb,
)
from tinct.errors import SettingError

PAIRS = [
    (rgb_to_yuv, yuv_to_rgb, [0, -0.436, -0.615], [1, 0.436, 0.615]),
    (rgb_to_lab, lab_to_rgb, [0, -87, -108], [100, 99, 95]),
    (rgb_to_xyz, None, [0, 0, 0], [0.9505, 1, 1.0889]),
    (rgb_to_hsv, hsv_to_rgb, [0, 0, 0], [1, 1, 1]),
    (rgb_to_hsl, None, [0, 0, 0], [1, 1, 1]),
]


@pytest.fixture(scope="module")
def cube():
    steps = np.linspace(0, 1, 18, dtype=np.float32)
    return np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1)


@pytest.mark.parametrize(("forth", "back", "low", "high"), PAIRS)
def test_values_lie_in_the_documented_ranges_and_lead_back(cube, forth, back, low, high):
    values = forth(cube)
    assert values.dtype == np.float32
    assert values.shape == cube.shape
    assert (values.reshape(-1, 3).min(axis=0) >= np.array(low) - 1e-3).all()
    assert (values.reshape(-1, 3).max(axis=0) <= np.array(high) + 1e-3).all()
    assert back is None or np.abs(back(values) - cube).max() < 1e-4


@pytest.mark.parametrize(("forth", "back"), [pair[:2] for pair in PAIRS])
def test_one_colour_and_no_colours_are_fine_and_other_shapes_are_refused(forth, back):
    for function in [forth, *([back] if back else [])]:
        assert function(np.zeros(3)).shape == (3,)
        assert function(np.zeros((0, 3))).shape == (0, 3)
        with pytest.raises(SettingError, match="last axis of length 3"):
            function(np.zeros((4, 4)))


@pytest.mark.parametrize("forth", [pair[0] for pair in PAIRS if pair[0] is not rgb_to_xyz])
def test_greys_have_no_chroma(forth):
    greys = np.repeat(np.linspace(0, 1, 256)[:, None], 3, axis=1)
    values = forth(greys)
    chroma = values[:, :2] if forth in (rgb_to_hsv, rgb_to_hsl) else values[:, 1:]
    assert np.abs(chroma).max() < 0.02


@pytest.mark.parametrize("forth", [rgb_to_hsv, rgb_to_hsl])
def test_hue_on_the_circle_leads_back_and_does_not_jump_at_red(cube, forth):
    values = forth(cube)
    circle = hue_to_circle(values)
    assert circle.dtype == np.float32
    assert circle.shape == (*cube.shape[:-1], 4)
    assert np.array_equal(circle[..., 2:], values[..., 1:])
    length = np.hypot(circle[..., 0], circle[..., 1])
    assert np.abs(length - (values[..., 1] > 0)).max() < 1e-5
    around = np.abs(np.arctan2(circle[..., 0], circle[..., 1]) / (2 * np.pi) % 1 - values[..., 0])
    assert np.minimum(around, 1 - around).max() < 1e-5
    redder, pinker = hue_to_circle(forth(np.array([[0.8, 0.101, 0.1], [0.8, 0.1, 0.101]])))
    assert np.abs(redder - pinker).max() < 0.01


def test_hue_on_the_circle_refuses_other_shapes():
    with pytest.raises(SettingError, match="last axis of length 3"):
        hue_to_circle(np.zeros((2, 4)))


@pytest.mark.parametrize("name", sorted(CHROMA_SPACES))
def test_chroma_spaces_split_and_join(name, cube):
    space = chroma_space(name)
    luma, chroma = space.split(cube)
    assert luma.dtype == chroma.dtype == np.float32
    assert luma.shape == cube.shape[:-1]
    assert chroma.shape == (*cube.shape[:-1], 2)
    assert luma.min() >= -1e-4
    assert luma.max() <= 1 + 1e-4
    assert (chroma >= np.array(space.chroma_low)).all()
    assert (chroma <= np.array(space.chroma_high)).all()
    assert np.abs(space.join(luma, chroma) - cube).max() < 1e-4


def test_an_unknown_space_is_refused_with_the_known_ones():
    with pytest.raises(SettingError, match="no colour space 'cmyk'; there are: yuv, lab"):
        chroma_space("cmyk")
