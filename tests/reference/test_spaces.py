"""Colour spaces against scikit-image and the standard library, over the 8-bit cube sampled at 32 steps a channel."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import skimage.color

from tinct.color.spaces import (
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

TOLERANCE = 1e-3


@pytest.fixture(scope="module")
def cube():
    steps = np.round(np.linspace(0, 255, 32)) / 255
    return np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)


def assert_same_hue(ours, theirs):
    around = np.abs(ours - theirs) % 1
    assert np.minimum(around, 1 - around).max() < TOLERANCE


@pytest.mark.parametrize(
    ("forth", "back", "their_forth", "their_back"),
    [
        (rgb_to_yuv, yuv_to_rgb, skimage.color.rgb2yuv, skimage.color.yuv2rgb),
        (rgb_to_lab, lab_to_rgb, skimage.color.rgb2lab, skimage.color.lab2rgb),
    ],
)
def test_yuv_and_lab_are_scikit_images_both_ways(cube, forth, back, their_forth, their_back):
    theirs = their_forth(cube)
    assert np.abs(forth(cube) - theirs).max() < TOLERANCE
    assert np.abs(back(theirs) - their_back(theirs)).max() < TOLERANCE
    assert np.abs(back(theirs) - cube).max() < TOLERANCE


def test_xyz_is_scikit_images(cube):
    assert np.abs(rgb_to_xyz(cube) - skimage.color.rgb2xyz(cube)).max() < TOLERANCE


def test_hsv_is_scikit_images_both_ways(cube):
    ours, theirs = rgb_to_hsv(cube), skimage.color.rgb2hsv(cube)
    assert_same_hue(ours[:, 0], theirs[:, 0])
    assert np.abs(ours[:, 1:] - theirs[:, 1:]).max() < TOLERANCE
    assert np.abs(hsv_to_rgb(theirs) - skimage.color.hsv2rgb(theirs)).max() < TOLERANCE


def test_hsl_is_colorsyss(cube):
    theirs = np.array([colorsys.rgb_to_hls(*color) for color in cube])[:, [0, 2, 1]]
    ours = rgb_to_hsl(cube)
    assert_same_hue(ours[:, 0], theirs[:, 0])
    assert np.abs(ours[:, 1:] - theirs[:, 1:]).max() < TOLERANCE


def test_hue_on_the_circle_is_the_sine_and_cosine_of_scikit_images_hue(cube):
    theirs = skimage.color.rgb2hsv(cube)
    coloured = theirs[:, 1] > 0
    circle = hue_to_circle(rgb_to_hsv(cube))[coloured]
    angle = 2 * np.pi * theirs[coloured, 0]
    assert np.abs(circle[:, 0] - np.sin(angle)).max() < TOLERANCE
    assert np.abs(circle[:, 1] - np.cos(angle)).max() < TOLERANCE


def test_colors_out_of_gamut_agree_with_scikit_image_once_clipped():
    random = np.random.default_rng(0)
    lab = random.uniform([0, -100, -100], [100, 100, 100], (4000, 3))
    # scikit-image clips XYZ at 0 as well as sRGB, so only colours it does not clip there can be compared.
    z = (lab[:, 0] + 16) / 116 - lab[:, 2] / 200
    lab = lab[z > 0]
    assert np.abs(np.clip(lab_to_rgb(lab), 0, 1) - skimage.color.lab2rgb(lab)).max() < TOLERANCE
