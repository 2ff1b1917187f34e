"""A history is kept where it agrees with the frame; grain is averaged away along the motion, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy import ndimage

from tinct.color.denoise import denoised, estimate_noise
from tinct.coloring.film.history import GrainCleaner, agreement
from tinct.errors import SettingError

NOISE = 14.0


@pytest.fixture(scope="module")
def pan(camera_png: Path) -> list[np.ndarray]:
    """A camera that moves over a photograph by a pixel and a half a frame."""
    picture = cv2.imread(str(camera_png), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
    small = cv2.resize(picture, (288, 288), interpolation=cv2.INTER_AREA)
    moves = [np.float32([[1, 0, -20 - 1.5 * step], [0, 1, -60]]) for step in range(24)]
    return [cv2.warpAffine(small, move, (192, 144), flags=cv2.INTER_LINEAR) for move in moves]


def grainy(frames: list[np.ndarray]) -> list[np.ndarray]:
    generator = np.random.default_rng(0)
    return [np.clip(frame + generator.normal(0, NOISE / 255, frame.shape), 0, 1).astype(np.float32) for frame in frames]


def error(first: np.ndarray, second: np.ndarray) -> float:
    return 255 * float(np.sqrt(np.mean((first - second) ** 2)))


def test_averaging_along_the_motion_beats_denoising_each_frame(pan: list[np.ndarray]) -> None:
    noisy = grainy(pan)
    cleaner = GrainCleaner()
    clean = [cleaner.push(frame) for frame in noisy]
    alone = [denoised(frame, denoise="auto")[0] for frame in noisy]
    late = slice(8, None)
    ours, theirs, untouched = (
        np.mean([error(*pair) for pair in zip(frames[late], pan[late], strict=True)])
        for frames in (clean, alone, noisy)
    )
    assert ours < 0.85 * theirs < theirs < untouched
    # And it is steadier, which the network's colours follow.
    assert np.mean([estimate_noise(frame) for frame in clean[late]]) < 0.5 * NOISE


def test_a_clean_film_passes_as_it_is(pan: list[np.ndarray]) -> None:
    cleaner = GrainCleaner()
    assert all(cleaner.push(frame) is frame for frame in pan)
    off = GrainCleaner(denoise="off")
    assert all(off.push(frame) is frame for frame in grainy(pan)[:3])


def test_a_cut_leaves_nothing_behind(pan: list[np.ndarray]) -> None:
    noisy = grainy(pan)
    cleaner, fresh = GrainCleaner(), GrainCleaner()
    for frame in noisy[:12]:
        cleaner.push(np.ascontiguousarray(1 - frame[::-1]))
    assert error(cleaner.push(noisy[12]), pan[12]) < 1.15 * error(fresh.push(noisy[12]), pan[12])


def test_its_state_goes_on_bit_by_bit(pan: list[np.ndarray]) -> None:
    noisy = grainy(pan)
    assert len(noisy) >= 9
    cleaner, other = GrainCleaner(), GrainCleaner()
    for frame in noisy[:5]:
        cleaner.push(frame)
    other.restore({name: values.copy() for name, values in cleaner.state().items()})
    for frame in noisy[5:9]:
        np.testing.assert_array_equal(cleaner.push(frame), other.push(frame))


def test_bad_settings_are_named() -> None:
    with pytest.raises(SettingError, match="denoise"):
        GrainCleaner(denoise="much")


def texture(seed: int) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(72, 96)), 2, mode="wrap")
    return ((120 + 40 * noise / noise.std()) / 255).astype(np.float32)[::2, ::2]


def test_agreement_evens_exposure_and_finds_what_changed() -> None:
    luma = texture(7)
    changed = luma.copy()
    changed[10:20, 10:20] = luma[10:20, 30:40]
    gain, offset, kept = agreement(changed, (luma - 0.05) / np.float32(0.9))
    assert gain == pytest.approx(0.9, abs=0.05)
    assert offset == pytest.approx(0.05, abs=0.03)
    assert np.median(kept[:, 26:]) > 0.85
    assert np.median(kept[12:18, 12:18]) < 0.4
    _, _, kept = agreement(luma, texture(8))
    assert kept.max() < 0.05
