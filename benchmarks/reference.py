"""How much nearer the truth colours come by a reference, and how little one that shows something else changes.

    python benchmarks/reference.py --photos DATASET [--split val] [--film FILM ...] [--model photo]

Each photograph is colorized alone; with a reference of its kind (of the eight photographs most like it to the network's
encoder, of the same source, the one whose colours are most alike); with the photograph least like it; and with another
view of itself (cut, mirrored in every second, darker). Each film is made grey and colorized with and without one of its
true frames, and measured on all frames but those near it. Writes benchmarks/reference.json: mean CIEDE2000 of each.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

import common
import tinct
from tinct.color.spaces import FloatArray
from tinct.color.toning import color_off_tone
from tinct.coloring.hints.reference import Reference
from tinct.coloring.photo.colorizer import Colorizer
from tinct.data.pictures import find_pictures
from tinct.study.method import grey_of
from tinct.study.metrics import Truth, compare

LOOKED_AT, PAIRS, UNRELATED, VIEWS, SEED = 220, 40, 30, 25, 3
LONGEST, NEAREST, STEP, COLORED = 256, 8, 12, 2.0


def error(colorizer: Colorizer, rgb: np.ndarray, reference: np.ndarray | None, folder: Path) -> float:
    """Return CIEDE2000 of a photograph, colorized with a reference or without."""
    if reference is not None:
        path = folder / "reference.png"
        cv2.imwrite(str(path), reference[..., ::-1])
        colorizer = Colorizer(colorizer.decoding.changed(references=(path,)))
    return compare(Truth.of(rgb), colorizer.array(grey_of(rgb))).values["ciede2000"]


def of_photos(colorizer: Colorizer, data: str, split: str, folder: Path) -> dict[str, Any]:
    """Measure photographs of a dataset."""
    found = find_pictures(data, split=split)
    # A grey picture is no reference.
    chosen = [found[index] for index in np.random.default_rng(SEED).permutation(len(found))[:LOOKED_AT]]
    looked_at = [(picture.read(longest=LONGEST), picture.group("source")) for picture in chosen]
    looked_at = [(rgb, source) for rgb, source in looked_at if color_off_tone(rgb.astype(np.float32) / 255) >= COLORED]
    photos, sources = [rgb for rgb, _ in looked_at], [source for _, source in looked_at]
    session, bins, size = colorizer.session, colorizer.session.bins, colorizer.size
    assert bins is not None
    looks = [Reference.of(rgb.astype(np.float32) / 255, session, bins, size=size, name="") for rgb in photos]
    alike = _cosines(np.array([look.features[-1].mean(axis=(0, 1)) for look in looks]), center=True)
    colors = _cosines(np.sqrt([look.shares.mean(axis=(0, 1)) for look in looks]), center=False)
    np.fill_diagonal(alike, -1)
    pairs = []
    for index, source in enumerate(sources):
        nearest = np.argsort(-alike[index])[:NEAREST]
        other = max([at for at in nearest if sources[at] == source] or nearest, key=lambda at: colors[index, at])
        pairs.append((colors[index, other], index, int(other)))
    pairs = sorted(pairs, reverse=True)[:PAIRS]
    np.fill_diagonal(alike, 1)
    tables: dict[str, list[tuple[float, float]]] = {"of its kind": [], "unlike": [], "another view": []}
    for number, (_, index, other) in enumerate(pairs):
        rgb = photos[index]
        alone = error(colorizer, rgb, None, folder)
        tables["of its kind"].append((alone, error(colorizer, rgb, photos[other], folder)))
        if number < UNRELATED:
            tables["unlike"].append((alone, error(colorizer, rgb, photos[int(alike[index].argmin())], folder)))
        if number < VIEWS:
            tables["another view"].append((alone, error(colorizer, rgb, _view(rgb, number), folder)))
    return {name: _summary(rows) for name, rows in tables.items()}


def of_film(path: Path, folder: Path, model: str, seconds: float) -> dict[str, Any]:
    """Measure a film with one of its true frames, from the middle."""
    with av.open(str(path)) as container:
        rate = float(container.streams.video[0].average_rate or 25)
        middle = int(seconds * rate / 2)
        true = {n: f.to_ndarray(format="rgb24") for n, f in enumerate(container.decode(video=0)) if n < seconds * rate}
    reference = folder / "frame.png"
    cv2.imwrite(str(reference), true[middle][..., ::-1])
    errors = []
    for references in ((), (reference,)):
        target = folder / "film.mkv"
        settings = tinct.VideoSettings(
            model=model, recolor=True, overwrite=True, end=seconds, sound="none", references=references
        )
        tinct.colorize_video(path, target, settings=settings)
        with av.open(str(target)) as container:
            rows = [
                compare(Truth.of(_small(true[n])), _small(frame.to_ndarray(format="rgb24"))).values["ciede2000"]
                for n, frame in enumerate(container.decode(video=0))
                if n % STEP == 0 and abs(n - middle) > 2 and n in true
            ]
        errors.append(float(np.mean(rows)))
    return _summary([(errors[0], errors[1])])


def _small(rgb: np.ndarray) -> np.ndarray:
    factor = LONGEST / max(rgb.shape[:2])
    return np.asarray(cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))


def _view(rgb: np.ndarray, number: int) -> np.ndarray:
    height, width = rgb.shape[:2]
    part = (255 * (rgb[height // 8 :, : width - width // 6] / 255.0) ** 1.25).astype(np.uint8)
    return part[:, ::-1] if number % 2 else part


def _cosines(values: FloatArray, *, center: bool) -> FloatArray:
    values = values - values.mean(axis=0) if center else values
    values = values / np.linalg.norm(values, axis=1, keepdims=True)
    return values @ values.T


def _summary(rows: list[tuple[float, float]]) -> dict[str, Any]:
    alone, told = np.mean(rows, axis=0)
    return {
        "pictures": len(rows),
        "alone": round(alone, 2),
        "told": round(told, 2),
        "change": round(told / alone - 1, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos")
    parser.add_argument("--split", default="val")
    parser.add_argument("--film", action="append", type=Path, default=[])
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--model", default="photo")
    parser.add_argument("--to", type=Path, help="write the JSON here instead of beside this file")
    options = parser.parse_args()
    results: dict[str, Any] = {"films": {}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.photos:
            colorizer = Colorizer(options.model, threads=1)
            results["photographs"] = of_photos(colorizer, options.photos, options.split, folder)
        for film in options.film:
            results["films"][film.stem] = of_film(film, folder, options.model, options.seconds)
    common.write("reference", results, seed=SEED, to=options.to)


if __name__ == "__main__":
    main()
