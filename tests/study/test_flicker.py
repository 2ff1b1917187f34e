"""Flicker is what changes along the motion, over how coloured the film is."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from tinct.color.spaces import yuv_to_rgb
from tinct.errors import InputError
from tinct.study.flicker import warping_error

HEIGHT, WIDTH = 72, 96


def texture(seed: int, *, scale: float = 2.5, width: int = WIDTH) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(HEIGHT, width)), scale, mode="wrap")
    return (noise / noise.std()).astype(np.float32)


def luma() -> np.ndarray:
    return (0.5 + 0.12 * texture(1)).clip(0, 1)


def chroma(shift: float = 0.0) -> np.ndarray:
    return np.stack([0.05 * texture(2, scale=8) + shift, 0.05 * texture(3, scale=8)], axis=-1).astype(np.float32)


def test_a_still_film_does_not_flicker():
    found = warping_error([(luma(), chroma())] * 4)
    assert found.error == pytest.approx(0, abs=1e-3)
    assert found.pairs == 3
    assert found.share > 0.99
    assert found.spread == pytest.approx(255 * np.sqrt(chroma().var(axis=(0, 1)).sum()), rel=1e-5)


def test_the_error_is_the_mean_change_in_8_bit_steps():
    frames = [(luma(), chroma(0.02 * (index % 2))) for index in range(5)]
    assert warping_error(frames).error == pytest.approx(0.02 * 255, rel=1e-3)


def test_what_moves_does_not_flicker():
    wide, colors = 0.5 + 0.12 * texture(1, width=160), np.stack([0.05 * texture(2, width=160)] * 2, axis=-1)
    frames = [(wide[:, 3 * index :][:, :WIDTH], colors[:, 3 * index :][:, :WIDTH]) for index in range(6)]
    found = warping_error(frames)
    unmoved = np.mean([np.hypot(*np.moveaxis(b[1] - a[1], -1, 0)).mean() for a, b in pairwise(frames)])
    assert found.error < 0.15 * 255 * unmoved
    assert 0.85 < found.share < 0.99  # what comes in at the side has no past


def test_cuts_are_left_out():
    other = (luma()[::-1].copy(), -chroma())
    frames = [(luma(), chroma())] * 3 + [other] * 3
    found = warping_error(frames, cuts=[3])
    assert found.pairs == 4
    assert found.error == pytest.approx(0, abs=1e-3)
    assert warping_error(frames).error > 0.5


def test_greying_out_gains_nothing():
    frames = [(luma(), chroma(0.02 * (index % 2))) for index in range(4)]
    pale = [(grey, np.float32(0.5) * colors) for grey, colors in frames]
    full, half = warping_error(frames), warping_error(pale)
    assert half.error == pytest.approx(full.error / 2, rel=1e-4)
    assert half.relative == pytest.approx(full.relative, rel=1e-4)
    assert np.isnan(warping_error([(luma(), 0 * chroma())] * 2).relative)


def test_rgb_frames_are_measured_as_their_planes():
    frames = [(luma(), chroma(0.02 * (index % 2))) for index in range(4)]
    rgb = [yuv_to_rgb(np.concatenate([grey[..., None], colors], axis=-1)) for grey, colors in frames]
    planes = warping_error(frames)
    assert warping_error(rgb).error == pytest.approx(planes.error, rel=0.01)
    eight_bit = [np.clip(np.rint(picture * 255), 0, 255).astype(np.uint8) for picture in rgb]
    assert warping_error(iter(eight_bit)).relative == pytest.approx(planes.relative, rel=0.05)


def test_senseless_films_are_refused():
    with pytest.raises(InputError, match="no two such frames"):
        warping_error([(luma(), chroma())])
    with pytest.raises(InputError, match="one size"):
        warping_error([(luma(), chroma()[:10])] * 2)
    with pytest.raises(InputError, match="one size"):
        warping_error([(luma(), chroma()), (luma()[:50], chroma()[:50])])
