"""A sheet of the photographs that a preparation left out for their colours, so that users can check its judgement."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.data.screening import KEPT_KINDS
from tinct.errors import UnreadableError
from tinct.files import written_beside
from tinct.media.image.small import read_small

SHOWN, COLUMNS = 48, 8
EDGE = 144  # pixels, of a picture's square
LINE = 18  # pixels, the height of a line of text below it


def draw_rejected(notes: Iterable[tuple[str, str]], path: Path) -> None:
    """Write a sheet of the first photographs that lack colours, or delete it if there are none.

    Args:
        notes: path and reason of each photograph that was left out.
        path: the .jpg file; an existing one is replaced.

    Raises:
        OutputError: it cannot be written.
    """
    lacking = ((name, reason) for name, reason in notes if reason.startswith(KEPT_KINDS))
    tiles = [tile for name, reason in islice(lacking, SHOWN) if (tile := _tile(name, reason)) is not None]
    if not tiles:
        path.unlink(missing_ok=True)
        return
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[start : start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)]
    with written_beside(path) as beside:
        beside.write_bytes(cv2.imencode(".jpg", np.vstack(rows)[..., ::-1])[1].tobytes())


def _tile(name: str, reason: str) -> NDArray[np.uint8] | None:
    """Return a picture with its reason and its file's name below; None if it can no longer be read."""
    try:
        picture = read_small(Path(name).read_bytes(), longest=EDGE, name=name)
    except (OSError, UnreadableError):
        return None
    tile = np.full((EDGE + 2 * LINE, EDGE + 6, 3), 255, dtype=np.uint8)
    tile[: picture.shape[0], : picture.shape[1]] = picture
    short = Path(name).name.encode("ascii", "replace").decode()[:22]
    for line, text in enumerate((reason.partition("(")[0].strip(), short), start=1):
        at = (2, EDGE + line * LINE - 5)
        cv2.putText(tile, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.38, (40, 40, 40), 1, cv2.LINE_AA)
    return tile
