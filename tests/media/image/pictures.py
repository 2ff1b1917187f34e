"""Small pictures made for tests, and one written again with simple colours."""

from pathlib import Path

import numpy as np
import pyvips

from tinct.media.image.picture import open_picture


def scene(height=90, width=120, bands=1, dtype=np.uint8) -> np.ndarray:
    rows, columns = np.mgrid[0:height, 0:width]
    values = 0.5 + 0.3 * np.sin(rows / 11) * np.cos(columns / 7) + 0.15 * (columns > 60)
    return np.repeat((values * np.iinfo(dtype).max)[..., None], bands, axis=-1).astype(dtype)


def write(path: Path, array: np.ndarray, *, interpretation: str | None = None, fields=(), **options) -> Path:
    image = pyvips.Image.new_from_array(array)
    names = {1: "b-w", 2: "b-w", 3: "srgb", 4: "srgb"}
    if array.dtype == np.uint16:
        names = {1: "grey16", 2: "grey16", 3: "rgb16", 4: "rgb16"}
    image = image.copy(interpretation=interpretation or names[image.bands])
    for kind, name, value in fields:
        image.set_type(kind, name, value)
    image.write_to_file(str(path), **options)
    return path


def tinted(rows: np.ndarray, top: int) -> np.ndarray:
    """A simple colouring: the first channel as it is, two others shifted; alpha passed on."""
    alpha = rows[..., -1:] if rows.shape[-1] in (2, 4) else rows[..., :0]
    grey = rows[..., :1]
    return np.concatenate([grey, grey // 2, grey // 4, alpha], axis=-1)


def run(source: Path, target: Path, function=tinted) -> pyvips.Image:
    opened = open_picture(source)
    opened.write(function, target, settings={"model": "test<1>"}, threads=2)
    assert [path.name for path in target.parent.iterdir() if path.name.startswith(".")] == []
    return pyvips.Image.new_from_file(str(target))
