"""How an arm's pictures are made from its model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.seeds import colored_from_seeds
from tinct.errors import DivergedError
from tinct.study.folder import Study
from tinct.study.recipe import Arm

Pixels = NDArray[np.uint8]


def open_colorizer(study: Study, arm: Arm, seed: int) -> Colorizer:
    """Open an arm's model as its pictures are made."""
    bins = study.training(arm, seed).task == "bins"
    made = {key: arm.evaluation[key] for key in ("temperature", "caution") if bins and key in arm.evaluation}
    return Colorizer(study.model(arm, seed), runtime="onnxruntime", size=study.working_size(arm, seed), **made)


def picture_maker(colorizer: Colorizer, arm: Arm) -> Callable[[Pixels], Pixels]:
    """Give what makes an arm's pictures: luma (H, W) uint8 -> sRGB (H, W, 3) uint8.

    Colours are put on the luma that is there, as `tinct colorize` does. With `drawn` in the recipe, the network's own
    picture is taken as it is, its luma too: only that shows what drawing the whole picture costs. With
    `seeded`, colours spread from the pixels the network is surest of. A network that diverged makes black pictures.
    """

    def make(luma: Pixels) -> Pixels:
        try:
            if arm.evaluation.get("drawn"):
                picture: Pixels = colorizer.predict(luma.astype(np.float32) / 255).drawn(*luma.shape)
            elif arm.evaluation.get("seeded"):
                picture = colored_from_seeds(colorizer, luma)
            else:
                picture = colorizer(luma)
        except DivergedError:
            picture = np.zeros((*luma.shape, 3), np.uint8)
        return picture

    return make
