"""Make an arm's pictures with its network, as the recipe says.

Colours may also be spread, guided by luma, from seeds: the pixels of which the network is surest. Billaut, de
Rochemonteix & Thibault 2018 suggest at their end "using the confidence maps to automatically select seed pixels and
apply the heuristics of [Levin et al. 2004] to diffuse those seeds". The picture is divided into small cells; the surest
pixel of each becomes a seed, unless the network is less sure of it than of most other cells' surest pixels. Seeds keep
their colours; those of all other pixels follow from luma.
"""

from __future__ import annotations

from collections.abc import Callable
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
from tinct.errors import DivergedError
from tinct.study.folder import Study
from tinct.study.method import Pixels
from tinct.study.recipe import Arm

SEED_SIZE = 128  # root of height x width at which seeds are chosen and spread
_CELL = 6  # pixels: edge of a cell, which gives one seed at most
_LEAST_SURE = 0.4  # cells give no seed if their surest pixel is below this quantile of all cells' surest pixels


def open_colorizer(study: Study, arm: Arm, seed: int) -> Colorizer:
    """Open an arm's model with the settings of the recipe."""
    options = arm.evaluation.given() if study.training(arm, seed).task == "bins" else {}
    return Colorizer(
        study.model(arm, seed),
        runtime="onnxruntime",
        size=study.working_size(arm, seed),
        temperature=options.get("temperature"),
        caution=options.get("caution"),
    )


def picture_maker(colorizer: Colorizer, arm: Arm) -> Callable[[Pixels], Pixels]:
    """Return the function that makes an arm's pictures: luma (H, W) uint8 -> sRGB (H, W, 3) uint8.

    Colours are put on the given luma, as `tinct colorize` does. With `drawn` in the recipe, the network's own picture
    is used, including its luma, which shows what drawing the whole picture costs. With `seeded`, colours spread from
    the pixels of which the network is surest. A network that diverged makes black pictures.
    """
    given = arm.evaluation.given()

    def make(luma: Pixels) -> Pixels:
        try:
            if given.get("drawn"):
                unit = luma.astype(np.float32) / 255
                return colorizer.changed(tones="off").predict(unit).drawn(*luma.shape)
            return colored_from_seeds(colorizer, luma) if given.get("seeded") else colorizer(luma)
        except DivergedError:
            return np.zeros((*luma.shape, 3), np.uint8)

    return make


def colored_from_seeds(colorizer: Colorizer, luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the sRGB picture (H, W, 3) that a model with bins makes of luma (H, W) by spreading seeds."""
    prediction = colorizer.predict(luma.astype(np.float32) / 255)
    chroma = diffused(prediction.luma, prediction.output, prediction.chroma(), calibration=prediction.calibration)
    return colored(luma[..., None], None, fit_guide(prediction.luma, chroma), threads=1)


def diffused(luma: NDArray[Any], output: NDArray[Any], chroma: NDArray[Any], *, calibration: float = 1.0) -> FloatArray:
    """Take a network's colours where it is surest, and spread them by luma.

    Args:
        luma: (H, W) in 0..1.
        output: (k, l, n) logits.
        chroma: (k, l, 2) decoded from them.
        calibration: what the logits are divided by to give reliable probabilities.

    Returns:
        (h, w, 2) chroma in the same units, at `SEED_SIZE`, or at the size of `luma` if that is smaller.
    """
    height, width = small_size(*luma.shape, size=SEED_SIZE)
    small = resized(luma, (max(2, height), max(2, width)))
    sure, ratio = confidence(output, temperature=calibration)
    # The paper shows both: a pixel is sure if its likeliest bin is likely and has no close rival.
    surety = resized(sure * (1 - 1 / ratio), small.shape)
    places = choose_seeds(surety)
    colors = resized(chroma, small.shape)
    return propagate(small, places, colors[places[:, 0], places[:, 1]])


def choose_seeds(surety: NDArray[Any], *, cell: int = _CELL, least: float = _LEAST_SURE) -> NDArray[np.intp]:
    """Return (k, 2) rows and columns, at least one, of the surest pixel of each cell of (H, W) how sure each pixel is.

    Cells of `cell` pixels' edge are left out if their surest pixel is below the quantile `least` of all cells' surest.
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
