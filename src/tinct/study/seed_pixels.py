"""Colours from seeds: the pixels the network is surest of, from which luma says how far each colour goes.

Billaut, de Rochemonteix & Thibault 2018 end with this wish: "using the confidence maps to automatically select seed
pixels and apply the heuristics of [Levin et al. 2004] to diffuse those seeds". The picture is laid out in small cells;
the surest pixel of each gives a seed, unless the network is less sure of it than of most of the picture. The seeds keep
their colours, and all else follows from luma.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.decoding import confidence
from tinct.color.propagate import propagate
from tinct.color.resize import resized, small_size
from tinct.color.spaces import FloatArray
from tinct.color.upsample import fit_guide
from tinct.coloring.photo.arrays import colored
from tinct.coloring.photo.colorizer import Colorizer

# Root of height x width at which seeds are chosen and spread.
SEED_SIZE = 128
# Edge of a cell, each of which gives one seed at most.
_CELL = 6
# Cells whose surest pixel is below this quantile of all of them give none.
_LEAST_SURE = 0.4


def colored_from_seeds(colorizer: Colorizer, luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colour (H, W) luma by a model with bins; return (H, W, 3) sRGB, from which studies compare the two ways."""
    prediction = colorizer.predict(luma.astype(np.float32) / 255)
    chroma = diffused(prediction.luma, prediction.output, prediction.chroma(), calibration=prediction.calibration)
    return colored(luma[..., None], None, fit_guide(prediction.luma, chroma), threads=1)


def diffused(luma: NDArray[Any], output: NDArray[Any], chroma: NDArray[Any], *, calibration: float = 1.0) -> FloatArray:
    """Take a network's colours where it is surest, and spread them by luma.

    Args:
        luma: (H, W) in 0..1.
        output: (k, l, n) logits.
        chroma: (k, l, 2) what they were decoded to.
        calibration: what the logits are divided by to make probabilities that hold.

    Returns:
        (h, w, 2) chroma in the same units, at `SEED_SIZE` or the size of `luma` if that is less.
    """
    height, width = small_size(*luma.shape, size=SEED_SIZE)
    small = resized(luma, (max(2, height), max(2, width)))
    sure, ratio = confidence(output, temperature=calibration)
    # The paper shows both; what is likely and has no near rival is sure.
    surety = resized(sure * (1 - 1 / ratio), small.shape)
    places = choose_seeds(surety)
    colors = resized(chroma, small.shape)
    return propagate(small, places, colors[places[:, 0], places[:, 1]])


def choose_seeds(surety: NDArray[Any], *, cell: int = _CELL, least: float = _LEAST_SURE) -> NDArray[np.intp]:
    """Choose the surest pixel of each cell of `cell` pixels, where it is sure enough.

    Of cells whose surest pixel lies below the quantile `least` of all of them none is taken. Returns (k, 2) rows and
    columns, at least one.
    """
    height, width = surety.shape
    rows, columns = -(-height // cell), -(-width // cell)
    wide = np.full((rows * cell, columns * cell), -np.inf)
    wide[:height, :width] = surety
    cells = wide.reshape(rows, cell, columns, cell).swapaxes(1, 2).reshape(rows * columns, cell * cell)
    best = cells.argmax(axis=1)
    top = cells[np.arange(len(cells)), best]
    kept = np.flatnonzero(top >= np.quantile(top, least))
    down, across = np.divmod(best[kept], cell)
    places: NDArray[np.intp] = np.stack([kept // columns * cell + down, kept % columns * cell + across], axis=1)
    return places
