"""Spectrogram pictures of many signals, written into one folder a class."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray
from tinct.errors import InputError, OutputError, SettingError
from tinct.files import make_folder, written_beside
from tinct.recognize.signals import SIGNAL_SUFFIXES, Signal, read_signal
from tinct.recognize.spectrograms import Spectrogram, color_mapper

# The range of the colour map leaves out this share of the values at either end.
OUTLIERS = 0.001
# The range is found on so many values of each spectrogram.
LOOKED_AT = 2000
SETTINGS_FILE = "spectrograms.json"


@dataclass
class Written:
    """What was made.

    Attributes:
        folder: where the pictures are.
        arrays: where the numbers are, or None.
        classes: pictures of each class.
        span: the values at the two ends of the colour map, in the unit of the scale.
        clipped: share of all values outside that range.
        left_over: seconds at the ends of signals that were too short for a picture.
        scale: unit of the values.
    """

    folder: Path
    arrays: Path | None
    classes: dict[str, int] = field(default_factory=dict)
    span: tuple[float, float] = (0.0, 0.0)
    clipped: float = 0.0
    left_over: float = 0.0
    scale: str = "db"

    @property
    def warning(self) -> str:
        """What the pictures do not hold any more, in one line."""
        low, high = self.span
        unit = "dB" if self.scale == "db" else f"units of {self.scale}"
        remedy = (
            "train on the folder of arrays as well, and compare" if self.arrays else "--arrays FOLDER keeps the numbers"
        )
        return (
            f"a colour map throws away what the numbers hold: {low:.4g} to {high:.4g} {unit} became 256 colours in "
            f"steps of {(high - low) / 255:.2g}, {100 * self.clipped:.2g} % of the values lay outside; {remedy}"
        )


def find_signals(sources: Iterable[str | Path]) -> list[Path]:
    """List the signal files among files and folders, the latter to any depth, in the order of their names.

    Raises:
        InputError: a source does not exist, or a folder holds no signal.
    """
    found: list[Path] = []
    for source in map(Path, sources):
        if source.is_dir():
            inside = sorted(path for path in source.rglob("*") if path.suffix.lower() in SIGNAL_SUFFIXES)
            if not inside:
                raise InputError(f"{source}: no signals in it; they end in {', '.join(SIGNAL_SUFFIXES)}")
            found += inside
        elif source.exists():
            found.append(source)
        else:
            raise InputError(f"{source}: no such file or folder")
    return found


def write_spectrograms(
    sources: Sequence[str | Path],
    folder: str | Path,
    *,
    settings: Spectrogram | None = None,
    rate: float | None = None,
    channel: int = 1,
    color_map: str = "viridis",
    span: tuple[float, float] | None = None,
    label: str | None = None,
    arrays: str | Path | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Written:
    """Write the spectrograms of signals as PNG files, one for each piece of a signal, into one folder a class.

    All pictures share one range of the colour map, so that a colour means the same everywhere. The settings and the
    range are kept in `spectrograms.json`.

    Args:
        sources: signal files, and folders of them. A file's class is the name of the folder that it lies in.
        folder: where the classes' folders go; made if it is not there.
        settings: how spectrograms are made.
        rate: samples a second, where the files do not say.
        channel: which channel or column, counted from 1.
        color_map: any of matplotlib's colour maps.
        span: the values at the two ends of the colour map; found from all signals without it.
        label: the class of all signals, instead of their folders' names.
        arrays: another folder, for the numbers themselves as .npy files (frequencies, times) float32.
        overwrite: replace files that are there already.
        progress: called with (done, total) signals; every signal counts twice where the range has to be found.

    Returns:
        What was made.

    Raises:
        InputError: a signal cannot be used, or two would give pictures of one name.
        SettingError: the range does not go up, or settings that do not fit a signal.
        MissingExtraError: matplotlib is not installed.
        OutputError: a file is there already, or cannot be written.
    """
    settings = settings or Spectrogram()
    if span is not None and not (np.isfinite(span).all() and span[0] < span[1]):
        raise SettingError(f"the range of colours must go up, not from {span[0]:g} to {span[1]:g}")
    draw = color_mapper(color_map)
    paths = find_signals(sources)
    targets = _targets(paths, label)
    written = Written(Path(folder), Path(arrays) if arrays is not None else None, scale=settings.scale)
    _check_folders(written, paths)
    total = len(paths) * (1 if span else 2)
    told = progress or (lambda done, total: None)

    def signals(start: int) -> Iterator[tuple[Path, Signal]]:
        for index, path in enumerate(paths, start):
            told(index, total)
            yield path, read_signal(path, rate=rate, channel=channel)

    # Every signal is read before anything is written, so that a bad one leaves nothing behind.
    written.span = span or _find_span((signal for _, signal in signals(0)), settings)
    outside = count = 0
    for path, signal in signals(0 if span else len(paths)):
        class_name, stem = targets[path]
        samples = 0
        for number, piece in enumerate(settings.pieces(signal), start=1):
            values = settings.measure(piece, rate=signal.rate, name=signal.name)
            outside += int(((values < written.span[0]) | (values > written.span[1])).sum())
            count += values.size
            samples += len(piece)
            name = stem if settings.seconds is None else f"{stem}_{number:04d}"
            _write_one(written, class_name, name, values, draw(values, written.span), overwrite=overwrite)
        written.left_over += (len(signal.samples) - samples) / signal.rate
    written.clipped = outside / max(1, count)
    told(total, total)
    _write_settings(written, settings, color_map)
    return written


def _targets(paths: list[Path], label: str | None) -> dict[Path, tuple[str, str]]:
    """Give each signal's class and the beginning of its pictures' names."""
    targets: dict[Path, tuple[str, str]] = {}
    taken: dict[tuple[str, str], Path] = {}
    for path in paths:
        place = (label or path.resolve().parent.name or "signals", path.stem)
        if path in targets:
            continue
        if place in taken:
            raise InputError(f"{path} and {taken[place]} would give pictures of one name; rename one of them")
        targets[path] = place
        taken[place] = path
    return targets


def _check_folders(written: Written, signals: list[Path]) -> None:
    if written.arrays is not None:
        one, other = written.folder.resolve(), written.arrays.resolve()
        if one == other or one in other.parents or other in one.parents:
            raise SettingError("pictures and arrays need two folders, neither in the other: they are trained on apart")
    for folder in filter(None, (written.folder, written.arrays)):
        if inside := next((path for path in signals if folder.resolve() in path.resolve().parents), None):
            raise SettingError(f"{inside} lies in {folder}, which is to be written to; choose another folder")
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder}: is a file; name a folder with -o")


def _find_span(signals: Iterable[Signal], settings: Spectrogram) -> tuple[float, float]:
    """Give the range that all but a few of the values lie in."""
    random = np.random.default_rng(0)
    looked_at: list[FloatArray] = []
    for signal in signals:
        for piece in settings.pieces(signal):
            values = settings.measure(piece, rate=signal.rate, name=signal.name).ravel()
            looked_at.append(random.choice(values, LOOKED_AT) if values.size > LOOKED_AT else values)
    low, high = np.quantile(np.concatenate(looked_at), (OUTLIERS, 1 - OUTLIERS))
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1.0)


def _write_one(
    written: Written, class_name: str, name: str, values: FloatArray, picture: NDArray[np.uint8], *, overwrite: bool
) -> None:
    good, content = cv2.imencode(".png", picture[..., ::-1])
    if not good:
        raise OutputError(f"{name}: the picture cannot be written as PNG")
    save_bytes(written.folder / class_name / f"{name}.png", content.tobytes(), overwrite=overwrite)
    if written.arrays is not None:
        target = written.arrays / class_name / f"{name}.npy"
        with _fresh(target, overwrite=overwrite) as path, path.open("wb") as stream:
            np.save(stream, values)
    written.classes[class_name] = written.classes.get(class_name, 0) + 1


def save_bytes(target: Path, content: bytes, *, overwrite: bool) -> None:
    """Write a file, making its folder.

    Raises:
        OutputError: it is there already and may not be replaced, or cannot be written.
    """
    with _fresh(target, overwrite=overwrite) as path:
        path.write_bytes(content)


def _fresh(target: Path, *, overwrite: bool) -> Any:
    if target.exists() and not overwrite:
        raise OutputError(f"{target}: is there already; use --overwrite or another -o")
    make_folder(target.parent)
    return written_beside(target)


def _write_settings(written: Written, settings: Spectrogram, color_map: str) -> None:
    values = {"settings": asdict(settings), "color_map": color_map, "span": written.span, "classes": written.classes}
    text = json.dumps(values, indent=1, ensure_ascii=False) + "\n"
    for folder in filter(None, (written.folder, written.arrays)):
        save_bytes(folder / SETTINGS_FILE, text.encode(), overwrite=True)
