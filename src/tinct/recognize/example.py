"""Made-up spectrograms of two classes that differ in hue alone, with a known best possible accuracy.

Each picture shows 40 minutes of a slow signal (40 samples a second): noise with equal density from 1 to 19 Hz. The mean
level of that band in decibels is the only thing the classes differ in, and varies within each class:

    level = ± shift / 2 + difficulty * shift * N(0, 1)

In a colour map whose range is wide, one decibel is a few degrees of hue: the pictures are plain blue, one class a
little bluer than the other. Other things do not depend on the class: bursts and hums (stripes from green to yellow), a
slow wave of the level through the picture, and the brightness of the drawing, with lighter and darker places in it.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray, rgb_to_hsv
from tinct.errors import MissingExtraError, OutputError, SettingError
from tinct.files import make_folder, written_beside

CLASSES = ("low", "high")
RATE = 40.0
SECONDS = 2400.0
BAND = (1.0, 19.0)
SIZE = (96, 96)
SEGMENT = 192  # samples of one Fourier transform
SILENCE = 1e-20  # smallest power density, -200 dB
SHOWN = (0.3, 19.7)  # Hz
COLOR_MAP = "viridis"
# The range of the colour map in decibels, around the density that white noise of variance 1 has at this rate.
_FLOOR = 10 * math.log10(2 / RATE)
SPAN = (_FLOOR - 25.0, _FLOOR + 65.0)
EXAMPLE_FILE = "example.json"


@dataclass(frozen=True)
class Example:
    """Two classes of signals.

    Attributes:
        shift: decibels between the classes' mean levels; one is about 3 degrees of hue.
        difficulty: spread of the level within a class, as a share of `shift`: at 0 every picture can be classified, at
            0.2 99.4 % of them, at 0.5 84 %, and at much larger values no more than by chance.
        stripes: mean number of bursts, and of hums, in a picture.
        brightness: how much darker pictures are drawn at most, 0..1.
        seed: decides everything that is random.
    """

    shift: float = 1.0
    difficulty: float = 0.15
    stripes: float = 2.0
    brightness: float = 0.45
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise a SettingError if a value is out of its range."""
        if not 0 < self.shift <= 20:
            raise SettingError(f"the shift must be above 0 and at most 20 dB, not {self.shift:g}")
        if not 0 <= self.difficulty <= 100:
            raise SettingError(f"the difficulty must be 0 to 100, not {self.difficulty:g}")
        if not 0 <= self.stripes <= 50:
            raise SettingError(f"a picture can have 0 to 50 stripes on average, not {self.stripes:g}")
        if not 0 <= self.brightness < 1:
            raise SettingError(f"brightness must be at least 0 and below 1, not {self.brightness:g}")

    @property
    def optimum(self) -> float:
        """Return the best accuracy that any classifier can reach, 0.5..1, with equally many pictures of both classes.

        A class's levels are normally distributed, and a level is seen through noise: the power of n independent cells,
        a Gamma variable, whose logarithm has the standard deviation 10 / ln 10 * sqrt(trigamma(n)). The likelihood
        ratio of two normal distributions of equal spread decides by the sign of the level, and is right with the
        probability Phi(shift / 2 / spread). Stripes and waves, here taken as known, can only lower it.
        """
        cells = (BAND[1] - BAND[0]) * SECONDS
        seen = 10 / math.log(10) / math.sqrt(cells)  # trigamma(n) is 1 / n for n this large
        spread = math.hypot(self.difficulty * self.shift, seen)
        return 0.5 * (1 + math.erf(self.shift / 2 / spread / math.sqrt(2)))

    @cached_property
    def hue_shift(self) -> float:
        """Degrees of hue between the colours of the classes' mean levels."""
        # The colour map has only 256 colours, so the slope is measured over 6 dB, as an average of many cells is.
        ends = _in_colors(np.array([[_FLOOR - 3.0, _FLOOR + 3.0]]))
        low, high = rgb_to_hsv(ends[0] / 255)[:, 0]
        return float(abs(high - low)) * 360 * self.shift / 6

    def signal(self, index: int, label: int) -> tuple[FloatArray, float]:
        """Make the signal of a number within the class of `label`, 0 or 1, in `CLASSES`.

        Returns:
            (96000,) float32 samples at 40 Hz, and its level in decibels.
        """
        random = self._random(index, label, 0)
        level = (label - 0.5) * self.shift + self.difficulty * self.shift * random.normal()
        count = int(RATE * SECONDS)
        time = np.arange(count) / RATE
        samples: NDArray[np.float64] = _band_noise(random, count) * 10.0 ** ((level + _wave(random, time)) / 20)
        for _ in range(random.poisson(self.stripes)):
            at, width = random.uniform(0, SECONDS), random.uniform(6, 25)
            near = np.abs(time - at) < 5 * width
            loud = 10 ** (random.uniform(36, 54) / 20) * np.exp(-0.5 * ((time[near] - at) / width) ** 2)
            samples[near] += loud * random.normal(size=int(near.sum()))
        for _ in range(random.poisson(self.stripes)):
            pitch, height = random.uniform(0.5, 19.5), 10 ** (random.uniform(12, 26) / 20)
            samples += height * np.sin(2 * np.pi * pitch * time + random.uniform(0, 2 * np.pi))
        return samples.astype(np.float32), float(level)

    def array(self, samples: FloatArray) -> FloatArray:
        """Compute the spectrogram of a signal: (96, 96) float32 power density in dB, the highest frequency first.

        Source: SciPy's ShortTimeFFT, one-sided power spectral density.
        """
        from scipy.signal import ShortTimeFFT
        from scipy.signal.windows import hann

        hop = SEGMENT // 2
        transform = ShortTimeFFT(
            hann(SEGMENT, sym=False), hop, RATE, fft_mode="onesided2X", scale_to="psd", phase_shift=None
        )
        shown = (transform.f >= SHOWN[0]) & (transform.f <= SHOWN[1])
        # Moved by half a segment, the first one begins with the first sample.
        count = 1 + (len(samples) - SEGMENT) // hop
        values = transform.stft(samples.astype(np.float64), p0=0, p1=count, k_offset=transform.m_num_mid)
        power = np.flipud(np.abs(values[shown]) ** 2)
        for axis in (0, 1):  # averaged where there are more cells than pixels, interpolated where there are fewer
            shape = (SIZE[0], SIZE[1] if axis else power.shape[1])
            way = cv2.INTER_AREA if shape[axis] < power.shape[axis] else cv2.INTER_LINEAR
            power = np.asarray(cv2.resize(power, shape[::-1], interpolation=way), dtype=np.float64)
        decibels: FloatArray = (10 * np.log10(np.maximum(power, SILENCE))).astype(np.float32)
        return decibels

    def picture(self, array: FloatArray, index: int, label: int) -> NDArray[np.uint8]:
        """Draw a spectrogram: (96, 96, 3) sRGB uint8, in the colour map and with a random brightness.

        The brightness multiplies all three channels alike, so that hue stays. `array` is as the method of that name
        returns it; `index` and `label` are as for `signal`.
        """
        random = self._random(index, label, 1)
        rgb = _in_colors(array).astype(np.float64)
        light = 1 - self.brightness * random.uniform(0, 1)
        rows, columns = np.meshgrid(np.linspace(0, 1, SIZE[0]), np.linspace(0, 1, SIZE[1]), indexing="ij")
        angle, phase = random.uniform(0, 2 * np.pi, 2)
        wave = np.sin(2 * np.pi * (rows * np.sin(angle) + columns * np.cos(angle)) + phase)
        shade = light * (1 - 0.15 * self.brightness * (1 + wave))
        drawn: NDArray[np.uint8] = np.rint(rgb * shade[..., None]).astype(np.uint8)
        return drawn

    def _random(self, index: int, label: int, what: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, label, index, what))


def _in_colors(decibels: NDArray[Any]) -> NDArray[np.uint8]:
    """Draw values (H, W) in the colour map: (H, W, 3) sRGB uint8; values beyond its range get its end colours."""
    try:
        import matplotlib
    except ImportError as error:
        raise MissingExtraError("learn", "a colour map") from error
    table = (matplotlib.colormaps[COLOR_MAP](np.linspace(0, 1, 256))[:, :3] * 255).round().astype(np.uint8)
    level = np.clip((decibels - SPAN[0]) / (SPAN[1] - SPAN[0]), 0, 1)
    return np.asarray(table[np.rint(level * 255).astype(np.intp)])


def _band_noise(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Make noise with the density of white noise of variance 1 inside the band, and a little less outside it."""
    spectrum = np.fft.rfft(random.normal(size=count))
    frequency = np.fft.rfftfreq(count, 1 / RATE)
    outside = (frequency < BAND[0]) | (frequency > BAND[1])
    spectrum[outside] *= 10 ** (-2 / 20)
    return np.fft.irfft(spectrum, count)


def _wave(random: np.random.Generator, time: NDArray[np.float64]) -> NDArray[np.float64]:
    """Make a slow wave of the level in decibels, with a mean of 0."""
    wave = random.uniform(0, 1.5) * np.sin(2 * np.pi * time / random.uniform(200, 1500) + random.uniform(0, 2 * np.pi))
    return np.asarray(wave - wave.mean())


@dataclass(frozen=True)
class WrittenExample:
    """What `write_example` wrote: the folder, pictures of each class, the optimum 0.5..1, and degrees of hue shift."""

    folder: Path
    per_class: int
    optimum: float
    hue_shift: float

    def to_json(self) -> dict[str, Any]:
        """Return the values as plain JSON values."""
        return {**asdict(self), "folder": str(self.folder)}


def write_example(
    folder: str | Path,
    *,
    per_class: int = 200,
    example: Example | None = None,
    arrays: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> WrittenExample:
    """Write pictures of two classes, low/ and high/, and example.json with the settings, the optimum and every level.

    Args:
        folder: for the pictures; new or empty.
        per_class: pictures of each class.
        example: how they differ.
        arrays: another folder, for the values before the colour map (.npy).
        progress: called with (done, total).

    Raises:
        SettingError: fewer than 1 picture a class.
        OutputError: a folder is not empty, or cannot be written to.
        MissingExtraError: matplotlib is not installed.
    """
    example = example or Example()
    if per_class < 1:
        raise SettingError(f"at least 1 picture of each class is needed, not {per_class}")
    pictures = Path(folder)
    for target in (pictures, *([Path(arrays)] if arrays else [])):
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise OutputError(f"{target}: already exists and is not empty; name a new folder")
    written = WrittenExample(pictures, per_class, example.optimum, example.hue_shift)
    levels: dict[str, float] = {}
    for index in range(per_class):
        for label, class_name in enumerate(CLASSES):
            if progress:
                progress(2 * index + label, 2 * per_class)
            name = f"{class_name}/{class_name}_{index:05d}"
            samples, levels[f"{name}.png"] = example.signal(index, label)
            values = example.array(samples)
            content = cv2.imencode(".png", example.picture(values, index, label)[..., ::-1])[1]
            _save(pictures / f"{name}.png", content.tobytes())
            if arrays is not None:
                stream = io.BytesIO()
                np.save(stream, values)
                _save(Path(arrays) / f"{name}.npy", stream.getvalue())
    text = json.dumps({**asdict(example), **written.to_json(), "levels": levels}, indent=1)
    _save(pictures / EXAMPLE_FILE, text.encode())
    return written


def _save(target: Path, content: bytes) -> None:
    make_folder(target.parent)
    with written_beside(target) as beside:
        beside.write_bytes(content)
