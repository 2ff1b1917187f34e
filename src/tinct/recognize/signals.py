"""Signals in time, read from WAV, CSV and NumPy files."""

from __future__ import annotations

import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray
from tinct.errors import InputError, SettingError, UnreadableError

SIGNAL_SUFFIXES = (".wav", ".csv", ".txt", ".tsv", ".npy")
# Headings under which a table's column is taken for time in seconds.
TIME_HEADINGS = ("t", "time", "seconds", "time_s", "time (s)", "time [s]", "t (s)", "t [s]")
# Steps of the time column may differ by this share of a step before they count as uneven.
UNEVEN = 0.05


@dataclass(frozen=True)
class Signal:
    """One signal.

    Attributes:
        name: where it comes from, for messages.
        samples: (N,) float32; a WAV's integers are scaled to ±1, all else is as in the file.
        rate: samples a second, in Hz.
    """

    name: str
    samples: FloatArray
    rate: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate


def read_signal(path: str | Path, *, rate: float | None = None, channel: int = 1) -> Signal:
    """Read a signal.

    Args:
        path: a .wav file; a table of numbers (.csv, .tsv, .txt: one sample a row, with or without headings, of which
            `time` may be one); or a .npy file of the shape (samples,), or of two axes, the longer of which is time.
        rate: samples a second; needed where the file does not say (tables without a column of time, .npy).
        channel: which channel, or which column other than time, counted from 1.

    Returns:
        The signal.

    Raises:
        UnreadableError: the file is missing, damaged, or no signal.
        InputError: it holds too few samples, values that are no numbers, or uneven steps of time; its own rate is not
            the one given; or no rate is known.
        SettingError: the rate is not above 0, or there is no such channel.
    """
    path = Path(path)
    if rate is not None and not (np.isfinite(rate) and rate > 0):
        raise SettingError(f"a signal's rate must be above 0 Hz, not {rate:g}")
    if not path.is_file():
        raise UnreadableError(f"{path}: no such file")
    suffix = path.suffix.lower()
    if suffix == ".wav":
        samples, own = _read_wav(path)
    elif suffix == ".npy":
        samples, own = _read_npy(path), None
    elif suffix in SIGNAL_SUFFIXES:
        samples, own = _read_table(path)
    else:
        raise UnreadableError(f"{path}: not a signal; there are {', '.join(SIGNAL_SUFFIXES)}")
    if rate is not None and own is not None and abs(own - rate) > 0.01 * rate:
        raise InputError(f"{path}: has {own:g} samples a second, not {rate:g}; leave --rate out")
    rate = rate if own is None else own
    if rate is None:
        raise InputError(f"{path}: does not say how many samples a second it has; give --rate")
    if not 1 <= channel <= samples.shape[1]:
        raise SettingError(f"{path}: has no channel {channel}, only {samples.shape[1]}")
    chosen = np.ascontiguousarray(samples[:, channel - 1], dtype=np.float32)
    if len(chosen) < 2:
        raise InputError(f"{path}: holds {len(chosen)} samples; a signal needs more")
    if not np.isfinite(chosen).all():
        row = int(np.flatnonzero(~np.isfinite(chosen))[0]) + 1
        raise InputError(f"{path}: sample {row} is no finite number; fill the gaps first")
    return Signal(str(path), chosen, float(rate))


def _read_wav(path: Path) -> tuple[NDArray[Any], float]:
    from scipy.io import wavfile

    try:
        with warnings.catch_warnings():
            # Chunks that hold no sound are skipped; a file cut short is refused below.
            warnings.filterwarnings("ignore", message="Chunk .* not understood", category=wavfile.WavFileWarning)
            warnings.filterwarnings("error", category=wavfile.WavFileWarning)
            rate, samples = wavfile.read(path)
    except (ValueError, OSError, EOFError, wavfile.WavFileWarning, struct.error) as error:
        raise UnreadableError(f"{path}: not a WAV file, or a damaged one ({_first_line(error)})") from error
    samples = samples.reshape(len(samples), -1)
    if samples.dtype == np.uint8:  # 8-bit WAV has its silence at 128
        return (samples.astype(np.float32) - 128) / 128, float(rate)
    if np.issubdtype(samples.dtype, np.integer):
        return samples / np.float64(-np.float64(np.iinfo(samples.dtype).min)), float(rate)
    return samples, float(rate)


def _read_npy(path: Path) -> NDArray[Any]:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UnreadableError(f"{path}: no .npy file of numbers, or a damaged one ({_first_line(error)})") from error
    real = isinstance(array, np.ndarray) and (array.dtype.kind in "iuf")
    if not real or array.ndim not in (1, 2) or 0 in array.shape:
        raise UnreadableError(f"{path}: needs real numbers of the shape (samples,) or (samples, channels)")
    if array.ndim == 1:
        return np.asarray(array[:, None])
    return np.asarray(array if array.shape[0] >= array.shape[1] else array.T)


def _read_table(path: Path) -> tuple[NDArray[Any], float | None]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableError(f"{path}: no text, or not in UTF-8 ({_first_line(error)})") from error
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    if not lines:
        raise UnreadableError(f"{path}: the table is empty")
    mark = max((",", ";", "\t"), key=lines[0].count)
    separator = mark if mark in lines[0] else None
    headings = [cell.strip().strip('"').lower() for cell in lines[0].split(separator)]
    named = not all(_is_number(cell) for cell in headings)
    if len(lines) == int(named):
        raise UnreadableError(f"{path}: the table has headings and nothing else")
    try:
        table = np.loadtxt(lines[int(named) :], delimiter=separator, ndmin=2)
    except ValueError as error:
        raise UnreadableError(f"{path}: not a table of numbers ({_first_line(error)})") from error
    times = [index for index, heading in enumerate(headings) if named and heading in TIME_HEADINGS]
    if not times or table.shape[1] < 2:
        return table, None
    return np.delete(table, times[0], axis=1), _rate_of(table[:, times[0]], path)


def _rate_of(times: NDArray[np.float64], path: Path) -> float:
    steps = np.diff(times)
    typical = float(np.median(steps)) if len(steps) else 0.0
    if not typical > 0:
        raise InputError(f"{path}: its column of time does not increase; correct it, or remove it and give --rate")
    wrong = np.flatnonzero(~(np.abs(steps - typical) <= UNEVEN * typical))
    if len(wrong):
        raise InputError(f"{path}: time steps unevenly after sample {wrong[0] + 1}; resample the signal first")
    return len(steps) / float(times[-1] - times[0])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
