"""Spectrograms of signals, as numbers and as pictures in a colour map."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray
from tinct.errors import InputError, MissingExtraError, SettingError
from tinct.recognize.signals import Signal

SCALES = ("db", "amplitude", "power")
SILENCE = 1e-20  # power below this counts as this, -200 dB


@dataclass(frozen=True)
class Spectrogram:
    """How spectrograms are made.

    Attributes:
        seconds: how much of the signal goes into one picture; None: all of it.
        segment: samples of one Fourier transform; None: a 64th of the picture's, as a power of 2, at least 16.
        overlap: share by which neighbouring segments overlap, 0 up to but not 1.
        window: a window's name as SciPy knows it, as `hann`, `hamming`, `blackman`.
        low: lowest frequency shown, in Hz.
        high: highest frequency shown, in Hz; None: half of the rate.
        scale: `db` (10 log10 of power density), `power` (density itself) or `amplitude` (its square root).
        size: (height, width) that power is averaged or interpolated to; None: one cell a pixel.
    """

    seconds: float | None = None
    segment: int | None = None
    overlap: float = 0.5
    window: str = "hann"
    low: float = 0.0
    high: float | None = None
    scale: str = "db"
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        """Refuse settings that make no sense.

        Raises:
            SettingError: a value is out of its range, or there is no such window or scale.
        """
        if self.seconds is not None and not self.seconds > 0:
            raise SettingError(f"a picture must hold more than 0 seconds, not {self.seconds:g}")
        if self.segment is not None and self.segment < 4:
            raise SettingError(f"a segment needs at least 4 samples, not {self.segment}")
        if not 0 <= self.overlap < 1:
            raise SettingError(f"overlap must be at least 0 and below 1, not {self.overlap:g}")
        if self.low < 0 or (self.high is not None and self.high <= self.low):
            raise SettingError(f"frequencies must go up from at least 0 Hz, not from {self.low:g} to {self.high:g}")
        if self.scale not in SCALES:
            raise SettingError(f"no scale '{self.scale}'; there are {', '.join(SCALES)}")
        if self.size is not None and min(self.size) < 1:
            raise SettingError(f"a picture needs at least 1 x 1 pixels, not {self.size[1]} x {self.size[0]}")
        _window(self.window, 8)

    def pieces(self, signal: Signal) -> Iterator[FloatArray]:
        """Cut a signal into what each picture shows; a rest too short for a picture is left out.

        Args:
            signal: the signal.

        Yields:
            (samples,) float32.

        Raises:
            InputError: the signal is shorter than one picture.
        """
        length = self._length(signal)
        if length > len(signal.samples):
            raise InputError(
                f"{signal.name}: has {signal.seconds:g} seconds, less than one picture of {self.seconds:g}; "
                "use a smaller --seconds"
            )
        for start in range(0, len(signal.samples) - length + 1, length):
            yield signal.samples[start : start + length]

    def measure(self, samples: NDArray[Any], *, rate: float, name: str) -> FloatArray:
        """Give the spectrogram of one piece.

        Args:
            samples: (samples,).
            rate: samples a second, in Hz.
            name: for messages.

        Returns:
            (frequencies, times) float32, the highest frequency in the first row, in the unit of `scale`: density is in
            the signal's unit squared per Hz. Only segments that lie wholly inside the piece.

        Raises:
            InputError: the piece is shorter than a segment.
            SettingError: no frequency lies in the range.

        Source: SciPy's ShortTimeFFT, one-sided power spectral density.
        """
        from scipy.signal import ShortTimeFFT

        segment = self.segment or _default_segment(len(samples))
        if segment > len(samples):
            raise InputError(
                f"{name}: {len(samples)} samples are fewer than one segment of {segment}; use a smaller one"
            )
        if self.high is not None and self.high > rate / 2:
            raise SettingError(f"{name}: at {rate:g} samples a second nothing is above {rate / 2:g} Hz; lower --high")
        hop = max(1, round(segment * (1 - self.overlap)))
        transform = ShortTimeFFT(
            _window(self.window, segment), hop, rate, fft_mode="onesided2X", scale_to="psd", phase_shift=None
        )
        chosen = (transform.f >= self.low) & (transform.f <= (rate / 2 if self.high is None else self.high))
        if not chosen.any():
            raise SettingError(f"{name}: no frequency of a segment lies in the range; use a longer segment")
        # Moved by half a segment, the first one begins with the first sample.
        count = 1 + (len(samples) - segment) // hop
        values = transform.stft(np.asarray(samples, dtype=np.float64), p0=0, p1=count, k_offset=transform.m_num_mid)
        power = np.flipud(np.abs(values[chosen]) ** 2)
        return self._scaled(_resized(power, self.size))

    def _scaled(self, power: NDArray[np.float64]) -> FloatArray:
        if self.scale == "db":
            return (10 * np.log10(np.maximum(power, SILENCE))).astype(np.float32)
        return (power if self.scale == "power" else np.sqrt(power)).astype(np.float32)

    def _length(self, signal: Signal) -> int:
        if self.seconds is None:
            return len(signal.samples)
        return max(1, round(self.seconds * signal.rate))


def _default_segment(samples: int) -> int:
    return min(samples, max(16, 1 << max(0, (samples // 64).bit_length())))


def _window(name: str, length: int) -> NDArray[np.float64]:
    from scipy.signal import get_window

    try:
        window: NDArray[np.float64] = get_window(name, length)
    except ValueError as error:
        raise SettingError(f"no window '{name}'; take hann, hamming, blackman, bartlett, boxcar or flattop") from error
    return window


def _resized(power: NDArray[np.float64], size: tuple[int, int] | None) -> NDArray[np.float64]:
    """Average power where there are more cells than pixels, and interpolate it where there are fewer."""
    if size is None:
        return power
    for axis in (0, 1):
        shape = (size[0] if axis == 0 else power.shape[0], size[1] if axis == 1 else power.shape[1])
        way = cv2.INTER_AREA if shape[axis] < power.shape[axis] else cv2.INTER_LINEAR
        power = np.asarray(cv2.resize(power, shape[::-1], interpolation=way), dtype=np.float64)
    return power


def color_mapper(name: str) -> Callable[[NDArray[Any], tuple[float, float]], NDArray[np.uint8]]:
    """Give what turns a spectrogram's numbers into a picture.

    Args:
        name: any of matplotlib's colour maps.

    Returns:
        A function of values (H, W) and their range (lowest, highest), in whose ends values outside end too; it gives
        (H, W, 3) sRGB uint8.

    Raises:
        MissingExtraError: matplotlib is not installed.
        SettingError: it has no such colour map.
    """
    try:
        import matplotlib
    except ImportError as error:
        raise MissingExtraError("learn", "a colour map") from error
    if name not in matplotlib.colormaps:
        raise SettingError(f"no colour map '{name}'; take viridis, jet, winter or another of matplotlib's")
    table = (matplotlib.colormaps[name](np.linspace(0, 1, 256))[:, :3] * 255).round().astype(np.uint8)

    def draw(values: NDArray[Any], span: tuple[float, float]) -> NDArray[np.uint8]:
        low, high = span
        level = np.clip((values - low) / max(high - low, 1e-12), 0, 1)
        picture: NDArray[np.uint8] = table[np.rint(level * 255).astype(np.intp)]
        return picture

    return draw
