"""Grain is measured, and smoothed for the network alone."""

import cv2
import numpy as np
import pytest

from tinct.color.denoise import denoised, estimate_noise
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.settings import checked_denoise
from tinct.errors import SettingError


def smooth_scene(size: int = 256) -> np.ndarray:
    rows, columns = np.mgrid[0:size, 0:size]
    return (0.5 + 0.2 * np.sin(rows / 30) * np.cos(columns / 25) + 0.1 * (columns > size / 2)).astype(np.float32)


def grainy(luma: np.ndarray, noise: float) -> np.ndarray:
    return np.clip(luma + np.random.default_rng(1).normal(0, noise / 255, luma.shape), 0, 1).astype(np.float32)


@pytest.mark.parametrize("noise", [2, 5, 10, 20])
def test_noise_is_estimated_within_a_fifth(noise):
    assert estimate_noise(grainy(smooth_scene(), noise)) == pytest.approx(noise, rel=0.2)


def test_estimate_on_a_photograph(camera_png):
    luma = cv2.resize(cv2.imread(str(camera_png), 0), (256, 256), interpolation=cv2.INTER_AREA) / 255
    assert estimate_noise(luma) < 3
    assert estimate_noise(grainy(luma, 12)) == pytest.approx(12, rel=0.25)
    assert estimate_noise(np.zeros((10, 10))) == 0
    assert estimate_noise(np.zeros((100, 100))) == 0


def test_auto_smooths_grain_and_nothing_else():
    clean = smooth_scene()
    same, noise = denoised(clean, denoise="auto")
    assert noise == 0
    np.testing.assert_array_equal(same, clean)
    coarse = grainy(clean, 15)
    result, noise = denoised(coarse, denoise="auto")
    assert noise == pytest.approx(15, rel=0.2)
    assert np.square(result - clean).mean() < 0.2 * np.square(coarse - clean).mean()
    np.testing.assert_array_equal(denoised(coarse, denoise="off")[0], coarse)
    assert denoised(coarse, denoise=checked_denoise("10"))[1] == 10
    with pytest.raises(SettingError):
        checked_denoise(101)


def test_photographs_are_smoothed_for_weaker_grain_than_frames():
    clean = smooth_scene()
    weak = grainy(clean, 5)
    assert denoised(weak, denoise="auto")[1] == 0
    result, noise = denoised(weak, denoise="auto", still=True)
    assert noise == pytest.approx(5, rel=0.15)
    assert np.square(result - clean).mean() < 0.2 * np.square(weak - clean).mean()
    assert denoised(clean, denoise="auto", still=True)[1] == 0


def test_grain_stays_in_the_picture_and_its_colors_have_fewer_blotches(tiny_model):
    grainy_picture = (grainy(smooth_scene(), 20) * 255).astype(np.uint8)
    chroma = {}
    for option in ("auto", "off"):
        colorizer = Colorizer(tiny_model, runtime="onnxruntime", denoise=option, size=256)
        rgb = colorizer(grainy_picture)
        weights = np.array([0.299, 0.587, 0.114])
        np.testing.assert_array_equal(np.rint(rgb.astype(float) @ weights), grainy_picture)
        chroma[option] = colorizer.predict(grainy_picture / np.float32(255)).chroma()
    clean = Colorizer(tiny_model, runtime="onnxruntime", denoise="off", size=256).predict(smooth_scene()).chroma()
    error = {option: np.square(found - clean).mean() for option, found in chroma.items()}
    assert error["auto"] < 0.7 * error["off"]
