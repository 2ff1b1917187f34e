"""Small pictures made for tests, and one written again with simple colours."""

import struct
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


def tiff(width, height, data, **tags):
    """Return a little-endian TIFF file of one strip; tags by number as `t258`, each (type, values)."""
    found = {256: (4, [width]), 257: (4, [height]), 258: (3, [8]), 259: (3, [1]), 262: (3, [1]), 273: (4, [8])}
    found |= {277: (3, [1]), 278: (4, [height]), 279: (4, [len(data)])}
    found |= {int(name[1:]): value for name, value in tags.items()}
    entries, extra = b"", b""
    behind = 8 + len(data) + 2 + 12 * len(found) + 4
    for number, (kind, values) in sorted(found.items()):
        letter = {1: "B", 3: "H", 4: "I", 10: "i"}[kind]
        packed = struct.pack(f"<{len(values)}{letter}", *values)
        count = len(values) // 2 if kind == 10 else len(values)
        place = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack("<I", behind + len(extra))
        extra += packed if len(packed) > 4 else b""
        entries += struct.pack("<HHI", number, kind, count) + place
    directory = struct.pack("<H", len(found)) + entries + bytes(4)
    return struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data + directory + extra


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
