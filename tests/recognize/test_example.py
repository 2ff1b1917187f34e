"""The made-up spectrograms: what their classes differ in, what they do not, and the optimum."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from scipy.signal import periodogram, spectrogram

from tinct.color.spaces import rgb_to_hsv
from tinct.errors import OutputError, SettingError
from tinct.recognize.example import BAND, RATE, Example, write_example


def hues(picture):
    return rgb_to_hsv(picture / 255)[..., 0] * 360


@pytest.fixture(scope="module")
def drawn():
    """Twelve pictures of either class, an easy pair 3 dB apart."""
    example = Example(shift=3, difficulty=0.1)
    pictures = [
        [example.picture(example.array(example.signal(index, label)[0]), index, label) for index in range(12)]
        for label in (0, 1)
    ]
    return example, pictures


def test_pictures_are_plain_blue_with_green_and_yellow_stripes_and_varying_brightness(drawn):
    _, pictures = drawn
    every = [picture for each in pictures for picture in each]
    assert all(picture.shape == (96, 96, 3) and picture.dtype == np.uint8 for picture in every)
    shares = [((hues(picture) > 190) & (hues(picture) < 250)).mean() for picture in every]
    assert np.median(shares) > 0.75
    stripes = [((hues(picture) > 50) & (hues(picture) < 160)).mean() for picture in every]
    assert np.mean(np.array(stripes) > 0.01) > 0.5
    light = [np.median(picture.mean(axis=2)) for picture in every]
    assert max(light) > 1.4 * min(light)


def test_classes_differ_by_the_stated_hue_and_not_in_brightness(drawn):
    example, pictures = drawn
    medians = [np.array([np.median(hues(picture)) for picture in each]) for each in pictures]
    assert medians[0].mean() - medians[1].mean() == pytest.approx(example.hue_shift, abs=2.5)
    assert 6 < example.hue_shift < 12
    light = [np.array([np.median(picture.mean(axis=2)) for picture in each]) for each in pictures]
    assert abs(light[0].mean() - light[1].mean()) < light[0].std()


def test_brightness_leaves_hue_as_it_is():
    samples, _ = Example().signal(0, 0)
    dark, plain = Example(brightness=0.6), Example(brightness=0)
    array = plain.array(samples)
    one, other = dark.picture(array, 0, 0), plain.picture(array, 0, 0)
    assert one.mean() < 0.9 * other.mean()
    assert abs(np.median(hues(one)) - np.median(hues(other))) < 0.6


def test_the_optimum_is_what_a_likelihood_reaches_on_the_generators_own_signals():
    example = Example(shift=0.3, difficulty=0.6, stripes=0)
    right, reached = [], []
    for index in range(150):
        for label in (0, 1):
            samples, level = example.signal(index, label)
            frequency, power = periodogram(samples.astype(float), RATE, detrend=False)
            inside = (frequency > BAND[0]) & (frequency < BAND[1])
            seen = 10 * np.log10(power[inside].mean() * RATE / 2)
            right.append((seen > 0) == bool(label))
            reached.append(seen - level)
    # The level is read off the signal, but for the slow wave's part in mean power and the noise that is counted in.
    assert np.std(reached) < 0.12
    assert example.optimum == pytest.approx(0.79, abs=0.01)
    error = np.sqrt(0.79 * 0.21 / len(right))
    assert abs(np.mean(right) - example.optimum) < 3 * error


def test_density_is_that_of_scipys_spectrogram():
    samples = Example().signal(0, 0)[0]
    frequency, _, power = spectrogram(
        samples.astype(float), RATE, window="hann", nperseg=192, noverlap=96, detrend=False
    )
    power = power[(frequency >= 0.3) & (frequency <= 19.7)][::-1]
    scipys = cv2.resize(cv2.resize(power, (96, len(power)), interpolation=cv2.INTER_AREA), (96, 96))
    assert np.abs(Example().array(samples) - 10 * np.log10(scipys)).max() < 1e-3


def test_difficulty_decides_the_optimum():
    assert Example(difficulty=0).optimum > 0.9999
    assert Example(difficulty=0.5).optimum == pytest.approx(0.841, abs=0.002)
    assert Example(difficulty=50).optimum == pytest.approx(0.504, abs=0.001)
    assert Example(shift=0.01, difficulty=0).optimum < 0.6  # the noise itself hides so small a shift


def test_folders_hold_pictures_numbers_and_the_settings(tmp_path):
    steps = []
    made = write_example(
        tmp_path / "p",
        per_class=2,
        arrays=tmp_path / "n",
        progress=lambda done, total: steps.append((done, total)),
    )
    assert steps == [(index, 4) for index in range(4)]
    names = ["high/high_00000", "high/high_00001", "low/low_00000", "low/low_00001"]
    for folder, suffix in (("p", ".png"), ("n", ".npy")):
        found = sorted(
            path.relative_to(tmp_path / folder).as_posix() for path in (tmp_path / folder).rglob("*" + suffix)
        )
        assert found == [name + suffix for name in names]
    card = json.loads((tmp_path / "p" / "example.json").read_text())
    assert card["optimum"] == made.optimum
    assert set(card["levels"]) == {f"{name}.png" for name in names}
    example = Example()
    array = np.load(tmp_path / "n" / "low" / "low_00001.npy")
    assert np.array_equal(array, example.array(example.signal(1, 0)[0]))
    picture = cv2.imread(str(tmp_path / "p" / "low" / "low_00001.png"))[..., ::-1]
    assert np.array_equal(picture, example.picture(array, 1, 0))


def test_seeds_repeat_and_differ():
    assert np.array_equal(Example(seed=3).signal(1, 0)[0], Example(seed=3).signal(1, 0)[0])
    assert not np.array_equal(Example(seed=3).signal(1, 0)[0], Example(seed=4).signal(1, 0)[0])


def test_full_folders_and_bad_settings_are_refused(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("x")
    with pytest.raises(OutputError, match="not empty"):
        write_example(tmp_path / "full", per_class=1)
    with pytest.raises(OutputError, match="not empty"):
        write_example(tmp_path / "new", per_class=1, arrays=tmp_path / "full")
    assert not (tmp_path / "new").exists()
    with pytest.raises(SettingError, match="at least 1 picture"):
        write_example(tmp_path / "new", per_class=0)
    for values in ({"shift": 0}, {"difficulty": -1}, {"stripes": -1}, {"brightness": 1}):
        with pytest.raises(SettingError):
            Example(**values)
