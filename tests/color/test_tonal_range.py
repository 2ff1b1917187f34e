"""Faded, dark and bright pictures are brought to usual tones, and usual ones are left as they are."""

import numpy as np
import pytest
from skimage import data

from tinct.color.spaces import rgb_to_yuv
from tinct.color.tonal_range import Tones, normal_tones
from tinct.color.upsample import fit_guide
from tinct.coloring.photo.colorizer import Colorizer

CAMERA = (data.camera() / 255).astype(np.float32)
COFFEE = rgb_to_yuv(data.coffee() / 255)[..., 0]


@pytest.mark.parametrize("luma", [CAMERA, COFFEE, rgb_to_yuv(data.astronaut() / 255)[..., 0]])
def test_usual_photographs_hardly_change(luma):
    tones = normal_tones(luma)
    assert np.abs(tones.applied(luma) - luma).mean() < 0.03


@pytest.mark.parametrize(
    "changed",
    [lambda luma: 0.35 + 0.3 * luma, lambda luma: 0.4 * luma, lambda luma: 0.6 + 0.4 * luma, lambda luma: luma / 16],
    ids=["faded", "dark", "bright", "12 bits in 16"],
)
@pytest.mark.parametrize("luma", [CAMERA, COFFEE])
def test_what_faded_comes_back(luma, changed):
    faded = changed(luma).astype(np.float32)
    back = normal_tones(faded).applied(faded)
    usual = normal_tones(luma).applied(luma)
    assert np.abs(back - usual).mean() < 0.12 < np.abs(faded - usual).mean()
    low, middle, high = np.quantile(back, [0.01, 0.5, 0.99])
    assert low < 0.21
    assert 0.14 < middle < 0.71
    assert high > 0.74


def test_tones_keep_their_order_and_range():
    tones = normal_tones(0.05 * CAMERA)
    values = tones.applied(np.linspace(0, 1, 200))
    assert (np.diff(values) >= 0).all()
    assert values.min() >= 0
    assert values.max() <= 1


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_an_even_picture_is_left_as_it_is(level):
    luma = np.full((40, 60), level, dtype=np.float32)
    assert normal_tones(luma) == Tones()
    assert normal_tones(luma).applied(luma) is luma


def test_a_guide_of_stretched_luma_gives_the_same_colors_to_the_picture():
    tones = Tones(gain=2.5, offset=-0.6)
    chroma = np.random.default_rng(0).uniform(-0.2, 0.2, (32, 32, 2)).astype(np.float32)
    guide = fit_guide(tones.stretched(CAMERA), chroma)
    same = guide.of_luma(tones.gain, tones.offset).chroma(CAMERA)
    np.testing.assert_allclose(same, guide.chroma(tones.stretched(CAMERA)), atol=1e-5)


def test_a_faded_picture_gets_the_colors_of_the_whole_one_and_keeps_its_luma(tiny_model):
    colorizer = Colorizer(tiny_model, runtime="onnxruntime", size=96, denoise="off")
    faded = np.rint(255 * (0.3 + 0.4 * CAMERA)).astype(np.uint8)
    whole = colorizer.predict(CAMERA).chroma()

    def error(**options: str) -> float:
        answer = colorizer.changed(**options).predict(faded / np.float32(255))
        return float(np.abs(answer.chroma() - whole).mean())

    assert error() < 0.5 * error(tones="off")
    luma = rgb_to_yuv(colorizer(faded) / 255)[..., 0] * 255
    assert np.abs(luma - faded).max() < 0.6


def test_grain_is_told_as_strong_as_the_network_would_see_it(tiny_model):
    faded = 0.4 + 0.15 * CAMERA + np.random.default_rng(1).normal(0, 5 / 255, CAMERA.shape).astype(np.float32)
    colorizer = Colorizer(tiny_model, runtime="onnxruntime", size=256)
    assert colorizer.predict(faded).denoised > 6
    assert colorizer.changed(tones="off").predict(faded).denoised == 0
