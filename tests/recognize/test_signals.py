"""Signals read from files, and what is said about those that cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import wavfile

from tinct.errors import InputError, SettingError, UnreadableError
from tinct.recognize.signals import read_signal


@pytest.fixture
def wave():
    return (0.5 * np.sin(np.arange(400) / 5)).astype(np.float32)


@pytest.mark.parametrize(
    ("kind", "step"), [(np.uint8, 1 / 128), (np.int16, 1 / 32768), (np.int32, 1e-9), (np.float32, 0)]
)
def test_wav_of_every_depth_is_scaled_to_one(tmp_path, wave, kind, step):
    whole = {np.uint8: wave * 128 + 128, np.int16: wave * 32768, np.int32: wave * 2.0**31, np.float32: wave}[kind]
    wavfile.write(tmp_path / "a.wav", 50, whole.astype(kind))
    signal = read_signal(tmp_path / "a.wav")
    assert signal.rate == 50
    assert signal.seconds == 8
    assert np.abs(signal.samples - wave).max() <= step + 1e-6


@pytest.mark.parametrize(
    "text",
    [
        "time,x\n" + "\n".join(f"{i / 20},{i * i}" for i in range(30)),
        "x;Zeit;Time (s)\n" + "\n".join(f"{i * i};9;{i / 20}" for i in range(30)),
        "# a remark\n" + "\n".join(f"{i * i}" for i in range(30)),
        "\ufeffwert\n" + "\n".join(f"{i * i}" for i in range(30)),
        "\n".join(f"{i * i}\t5" for i in range(30)),
        "\n".join(f"{i * i}  5" for i in range(30)),
    ],
)
def test_tables_with_and_without_headings_and_time(tmp_path, text):
    path = tmp_path / "größe 測定.csv"
    path.write_text(text, encoding="utf-8")
    signal = read_signal(path, rate=20)
    assert signal.rate == pytest.approx(20)
    assert signal.samples.tolist() == [i * i for i in range(30)]


def test_the_longer_axis_of_an_array_is_time_and_channels_are_chosen(tmp_path, wave):
    both = np.stack([wave, -wave])
    for index, array in enumerate((both, both.T)):
        np.save(tmp_path / f"{index}.npy", array)
        assert np.array_equal(read_signal(tmp_path / f"{index}.npy", rate=9, channel=2).samples, -wave)
    with pytest.raises(SettingError, match="no channel 3, only 2"):
        read_signal(tmp_path / "0.npy", rate=9, channel=3)


def write(path, content):
    if isinstance(content, np.ndarray):
        np.save(path, content)
    else:
        path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("a.wav", b"RIFF", "not a WAV file"),
        ("a.wav", b"", "not a WAV file"),
        ("a.npy", b"nothing", "no .npy file"),
        ("a.npy", np.array(["text"]), "real numbers"),
        ("a.npy", np.zeros((3, 4, 5)), "real numbers"),
        ("a.npy", np.array([1.0]), "holds 1 samples"),
        ("a.npy", np.array([1.0, np.nan]), "sample 2 is no finite number"),
        ("a.csv", b"", "empty"),
        ("a.csv", b"x,y\n", "nothing else"),
        ("a.csv", b"1,2\n3\n", "not a table of numbers"),
        ("a.csv", b"\xff\xfe1", "not in UTF-8"),
        ("a.csv", b"time,x\n0,1\n1,2\n5,3\n6,2\n7,2\n", "time steps unevenly after sample 2"),
        ("a.csv", b"time,x\n0,1\n0,2\n0,3\n", "does not increase"),
        ("a.mp3", b"x", "not a signal"),
    ],
)
def test_files_that_cannot_be_used_are_named_with_the_reason(tmp_path, name, content, word):
    path = write(tmp_path / name, content)
    with pytest.raises((UnreadableError, InputError), match=word) as caught:
        read_signal(path, rate=1)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wav_that_is_cut_short_is_refused(tmp_path, wave):
    wavfile.write(tmp_path / "a.wav", 50, wave)
    cut = (tmp_path / "a.wav").read_bytes()[:-100]
    with pytest.raises(UnreadableError, match="not a WAV file, or a damaged one"):
        read_signal(write(tmp_path / "a.wav", cut))


def test_the_rate_is_asked_for_checked_and_compared(tmp_path, wave):
    np.save(tmp_path / "a.npy", wave)
    wavfile.write(tmp_path / "a.wav", 50, wave)
    with pytest.raises(InputError, match="give --rate"):
        read_signal(tmp_path / "a.npy")
    with pytest.raises(SettingError, match="above 0 Hz"):
        read_signal(tmp_path / "a.npy", rate=0)
    with pytest.raises(InputError, match="has 50 samples a second, not 60"):
        read_signal(tmp_path / "a.wav", rate=60)
    with pytest.raises(UnreadableError, match="no such file"):
        read_signal(tmp_path / "b.wav")
