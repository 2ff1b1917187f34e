"""Spectrograms: the numbers against SciPy's older function, the pictures, the folders."""

from __future__ import annotations

import json

import cv2
import matplotlib
import numpy as np
import pytest
import scipy.signal

from tinct.errors import InputError, OutputError, SettingError
from tinct.recognize.signals import Signal
from tinct.recognize.spectrogram_files import write_spectrograms
from tinct.recognize.spectrograms import Spectrogram, color_mapper

RATE = 64.0


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).normal(size=4096).astype(np.float32)


@pytest.mark.parametrize("window", ["hann", "boxcar", "blackman"])
@pytest.mark.parametrize("overlap", [0.0, 0.5, 0.75])
def test_density_is_that_of_scipys_spectrogram(noise, window, overlap):
    ours = Spectrogram(segment=128, overlap=overlap, window=window).measure(noise, rate=RATE, name="x")
    _, _, theirs = scipy.signal.spectrogram(
        noise.astype(float), RATE, window=window, nperseg=128, noverlap=int(128 * overlap), detrend=False
    )
    assert ours.shape == theirs.shape
    assert np.abs(ours - 10 * np.log10(theirs[::-1])).max() < 1e-3


def test_a_tone_lies_in_its_row_and_power_and_amplitude_fit_together():
    tone = np.sin(2 * np.pi * 10 * np.arange(4096) / RATE)
    values = {
        scale: Spectrogram(segment=128, low=5, high=20, scale=scale).measure(tone, rate=RATE, name="x")
        for scale in ("db", "power", "amplitude")
    }
    frequencies = np.arange(5, 20.25, 0.5)[::-1]
    assert values["db"].shape[0] == len(frequencies)
    assert (frequencies[values["db"].argmax(axis=0)] == 10).all()
    assert np.allclose(values["amplitude"] ** 2, values["power"], rtol=1e-4)
    # The density of a sine of amplitude 1 has half a square unit of power in all.
    whole = Spectrogram(segment=128, scale="power").measure(tone, rate=RATE, name="x")
    assert whole.sum(axis=0) * RATE / 128 == pytest.approx(0.5, rel=1e-3)


def test_pixels_are_means_of_power(noise):
    cells = Spectrogram(segment=64, low=1, high=32, scale="power").measure(noise, rate=RATE, name="x")[:, :120]
    assert cells.shape[0] == 32
    length = 64 + 119 * 32
    small = Spectrogram(segment=64, low=1, high=32, scale="power", size=(8, 30)).measure(
        noise[:length], rate=RATE, name="x"
    )
    assert np.allclose(small, cells.reshape(8, 4, 30, 4).mean(axis=(1, 3)), rtol=1e-4)
    large = Spectrogram(segment=64, size=(100, 300)).measure(noise, rate=RATE, name="x")
    assert large.shape == (100, 300)


def test_silence_is_finite_and_short_signals_are_refused():
    assert np.isfinite(Spectrogram().measure(np.zeros(500), rate=RATE, name="x")).all()
    with pytest.raises(InputError, match=r"x: 20 samples are fewer than one segment of 64"):
        Spectrogram(segment=64).measure(np.zeros(20), rate=RATE, name="x")
    with pytest.raises(InputError, match="less than one picture of 10"):
        list(Spectrogram(seconds=10).pieces(Signal("x", np.zeros(100, np.float32), RATE)))
    with pytest.raises(SettingError, match="nothing is above 32 Hz"):
        Spectrogram(high=40).measure(np.zeros(500), rate=RATE, name="x")


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"seconds": 0}, "more than 0 seconds"),
        ({"segment": 2}, "at least 4"),
        ({"overlap": 1}, "overlap"),
        ({"low": 5, "high": 5}, "go up"),
        ({"scale": "mel"}, "no scale 'mel'"),
        ({"size": (0, 5)}, "1 x 1"),
        ({"window": "nonsense"}, "no window 'nonsense'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(values, word):
    with pytest.raises(SettingError, match=word):
        Spectrogram(**values)


def test_the_colour_map_is_matplotlibs():
    levels = np.linspace(-10, 30, 41).reshape(1, -1)
    ours = color_mapper("jet")(levels, (0, 20))
    theirs = matplotlib.colormaps["jet"](np.rint(np.clip(levels / 20, 0, 1) * 255).astype(int), bytes=True)[..., :3]
    assert np.abs(ours.astype(int) - theirs).max() <= 1
    with pytest.raises(SettingError, match="no colour map 'mud'"):
        color_mapper("mud")


@pytest.fixture
def recordings(tmp_path, noise):
    for name in ("ruhig", "сон"):
        (tmp_path / "in" / name).mkdir(parents=True)
        for index in range(2):
            loud = 3 if name == "сон" else 1
            np.save(tmp_path / "in" / name / f"{index}.npy", loud * noise[index * 1000 : index * 1000 + 1000])
    return tmp_path / "in"


def test_one_picture_a_piece_in_class_folders_with_one_range_for_all(recordings, tmp_path):
    steps = []
    made = write_spectrograms(
        [recordings],
        tmp_path / "out",
        rate=RATE,
        settings=Spectrogram(seconds=5, segment=32),
        arrays=tmp_path / "numbers",
        progress=lambda done, total: steps.append((done, total)),
    )
    assert made.classes == {"ruhig": 6, "сон": 6}
    assert made.left_over == pytest.approx(4 * (1000 - 960) / RATE)
    assert steps[0] == (0, 8)
    assert steps[-1] == (8, 8)
    picture = cv2.imread(str(tmp_path / "out" / "сон" / "1_0003.png"))[..., ::-1]
    values = np.load(tmp_path / "numbers" / "сон" / "1_0003.npy")
    assert values.dtype == np.float32
    assert np.array_equal(picture, color_mapper("viridis")(values, made.span))
    quiet = np.load(tmp_path / "numbers" / "ruhig" / "1_0003.npy")
    assert np.allclose(values - quiet, 20 * np.log10(3), atol=1e-3)
    assert json.loads((tmp_path / "out" / "spectrograms.json").read_text())["span"] == list(made.span)
    assert 0 < made.clipped < 0.01
    assert "256 colours" in made.warning


def test_nothing_is_replaced_unasked_and_nothing_left_by_a_bad_signal(recordings, tmp_path):
    out = tmp_path / "out"
    write_spectrograms([recordings], out, rate=RATE, span=(-40, 10))
    with pytest.raises(OutputError, match="is there already"):
        write_spectrograms([recordings], out, rate=RATE)
    write_spectrograms([recordings], out, rate=RATE, overwrite=True)
    np.save(recordings / "сон" / "2.npy", np.array([1.0, np.nan]))
    with pytest.raises(InputError, match="no finite number"):
        write_spectrograms([recordings], tmp_path / "new", rate=RATE)
    assert not (tmp_path / "new").exists()


def test_confusions_are_refused(recordings, tmp_path):
    with pytest.raises(InputError, match="pictures of one name"):
        write_spectrograms([recordings], tmp_path / "out", rate=RATE, label="one")
    with pytest.raises(InputError, match="no such file or folder"):
        write_spectrograms([tmp_path / "nothing"], tmp_path / "out", rate=RATE)
    with pytest.raises(SettingError, match="two folders"):
        write_spectrograms([recordings], tmp_path / "out", arrays=tmp_path / "out" / "numbers", rate=RATE)
    with pytest.raises(SettingError, match="go up"):
        write_spectrograms([recordings], tmp_path / "out", span=(3, 3), rate=RATE)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no signals in it"):
        write_spectrograms([tmp_path / "empty"], tmp_path / "out", rate=RATE)
