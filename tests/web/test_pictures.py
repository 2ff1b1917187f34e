"""Small pictures for a screen: places of an upright picture are found again in the frame as it is stored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tinct.media.video.probe import open_film
from tinct.web.pictures import shown_size, stored_place, upright


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_a_place_of_the_upright_picture_is_found_in_the_stored_one(film_mp4: Path, rotation: int) -> None:
    film = replace(open_film(film_mp4), rotation=rotation)
    height, width = shown_size(film, size=64)
    stored = np.zeros((height, width))
    stored[5, 9] = 1
    turned = upright(film, stored)
    row, column = (int(places[0]) for places in np.nonzero(turned))
    x, y = stored_place(film, 100 * (column + 0.5) / turned.shape[1], 100 * (row + 0.5) / turned.shape[0])
    assert (int(x * width / 100), int(y * height / 100)) == (9, 5)
