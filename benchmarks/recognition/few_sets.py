"""Ten small sets to recognise: three made up, four of vehicles and spectrograms, three of public class folders."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import hsv_to_rgb
from tinct.recognize.example import EXAMPLE_FILE, Example, write_example

TESTED = 100  # pictures of a class that are measured on, at most
SUFFIXES = {".jpg", ".jpeg", ".png"}


@dataclass(frozen=True)
class FewSet:
    """A small set.

    Attributes:
        name: in the table.
        source: what it is made of.
        trained: pictures of a class to train on.
        make: called with (source, folder, pictures of a class); writes the pictures below folder/CLASS.
    """

    name: str
    source: str
    trained: int
    make: Callable[[Path, Path, int], None]


def write_set(chosen: FewSet, source: Path, folder: Path) -> tuple[Path, Path]:
    """Write a set as class folders; return those to train on and those to measure on."""
    whole = folder / "whole"
    chosen.make(source, whole, chosen.trained + TESTED)
    for place in sorted(whole.iterdir()):
        for number, path in enumerate(_shuffled(place.iterdir())):
            split = "train" if number < chosen.trained else "test"
            target = folder / split / place.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
    return folder / "train", folder / "test"


def _shuffled(paths: Iterable[Path]) -> list[Path]:
    found = sorted(paths)
    return [found[index] for index in np.random.default_rng(0).permutation(len(found))]


def _save(path: Path, rgb: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85] if path.suffix == ".jpg" else [])


def _hues(_: Path, folder: Path, count: int) -> None:
    """Write the spectrograms of `tinct classify example`."""
    write_example(folder, per_class=count, example=Example(seed=3))
    (folder / EXAMPLE_FILE).unlink()


def _framed(_: Path, folder: Path, count: int) -> None:
    """Write blue noise in two hues 3 degrees apart: some with axes and margins, some saved as JPEG."""
    for label, name in enumerate(("low", "high")):
        for index in range(count):
            random = np.random.default_rng((label, index))
            value = cv2.resize(random.uniform(0.5, 0.9, (12, 12)), (120, 90)) * random.uniform(0.6, 1.0)
            hue = (222 + 3 * label + random.normal(0, 0.6)) / 360 + random.normal(0, 0.006, value.shape)
            plot = np.rint(255 * hsv_to_rgb(np.stack([hue, np.full_like(hue, 0.7), value], axis=-1))).astype(np.uint8)
            for _ in range(random.poisson(1.5)):
                plot[:, random.integers(120)] = random.integers(0, 255, 3)
            if random.random() < 0.4:
                plot = cv2.copyMakeBorder(plot, 8, 16, 20, 6, cv2.BORDER_CONSTANT, value=(255, 255, 255))
                cv2.putText(plot, f"{index}", (24, plot.shape[0] - 3), cv2.FONT_HERSHEY_SIMPLEX, 0.3, (0, 0, 0))
            _save(folder / name / f"{index}.{'jpg' if random.random() < 0.5 else 'png'}", plot)


def _woven(_: Path, folder: Path, count: int) -> None:
    """Write stripes of the same random colours in three directions: colours say nothing."""
    for label, name in enumerate(("across", "slanting", "upright")):
        for index in range(count):
            random = np.random.default_rng((label, index, 1))
            rows, columns = np.mgrid[:96, :96]
            angle = np.deg2rad(45 * label + random.normal(0, 8))
            along = rows * np.cos(angle) + columns * np.sin(angle)
            share = 0.5 + 0.5 * np.sin(along * random.uniform(0.3, 0.9) + random.uniform(0, 6))
            colors = random.uniform(30, 225, (2, 3))
            plain = share[..., None] * colors[0] + (1 - share[..., None]) * colors[1]
            _save(
                folder / name / f"{index}.jpg", np.clip(plain + random.normal(0, 25, plain.shape), 0, 255).astype("u1")
            )


def _folders(source: Path, folder: Path, count: int) -> None:
    """Copy pictures of class folders."""
    for place in sorted(path for path in source.iterdir() if path.is_dir()):
        for path in _shuffled(path for path in place.iterdir() if path.suffix.lower() in SUFFIXES)[:count]:
            target = folder / place.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())


def _repository(below: str, most: int = 10) -> Callable[[Path, Path, int], None]:
    """Return what copies the class folders below a path of a bare repository."""

    def make(source: Path, folder: Path, count: int) -> None:
        listed = subprocess.run(
            ["git", "-C", str(source), "ls-tree", "-r", "--name-only", "HEAD", below],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        classes: dict[str, list[Path]] = {}
        for path in map(Path, listed):
            if path.suffix.lower() in SUFFIXES and len(path.parts) == 3:
                classes.setdefault(path.parent.name, []).append(path)
        wanted = [path for name in sorted(classes)[:most] for path in _shuffled(classes[name])[:count]]
        for path, content in zip(wanted, _blobs(source, wanted), strict=True):
            target = folder / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)

    return make


def _blobs(repository: Path, paths: list[Path]) -> Iterator[bytes]:
    """Yield files of a bare repository's newest commit."""
    asked = "".join(f"HEAD:{path.as_posix()}\n" for path in paths)
    read = subprocess.run(
        ["git", "-C", str(repository), "cat-file", "--batch"], input=asked.encode(), capture_output=True, check=True
    ).stdout
    at = 0
    for _ in paths:
        end = read.index(b"\n", at)
        size = int(read[at:end].split()[2])
        yield read[end + 1 : end + 1 + size]
        at = end + 2 + size


SETS = (
    FewSet("made: hue", "", 15, _hues),
    FewSet("made: hue, framed", "", 100, _framed),
    FewSet("made: stripes", "", 30, _woven),
    FewSet("vehicle colour, 15", "vehicle_colour/train", 15, _folders),
    FewSet("vehicle colour, 45", "vehicle_colour/train", 45, _folders),
    FewSet("traffic spectrograms", "spectrograms/traffic", 30, _folders),
    FewSet("instrument spectrograms", "spectrograms/instruments", 15, _folders),
    FewSet("imagenette", "thunderInfy+imagenette", 30, _repository("train")),
    FewSet("imagewoof", "q878787+imagewoof2-320", 50, _repository("train")),
    FewSet("food", "srohit0+food_mnist", 80, _repository("images")),
)
