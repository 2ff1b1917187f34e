"""Spots of colour in grey frames: where they are, also on toned film, and none in grain."""

from __future__ import annotations

import numpy as np
import pytest

from tinct.color.toning import OwnColors
from tinct.coloring.film.frames import spot_share


@pytest.mark.parametrize("toned", [False, True])
def test_a_spot_is_found_to_its_edges_and_nothing_beside_it(toned: bool) -> None:
    random = np.random.default_rng(3)
    luma = np.kron(random.uniform(0.2, 0.8, (12, 16)), np.ones((8, 8))).astype(np.float32)
    blue, red = (random.normal(0, 2 / 255, luma.shape).astype(np.float32) for _ in range(2))
    if toned:  # sepia, stronger where it is bright
        blue, red = blue - 0.12 * luma, red + 0.08 * luma
    here = np.s_[40:56, 40:72]
    assert spot_share(_colors(luma, blue, red), blue, red) is None
    blue[here], red[here] = 0.1, -0.2
    share = spot_share(_colors(luma, blue, red), blue, red)
    assert share is not None
    assert share[41:55, 41:71].min() > 0.95
    share[38:58, 38:74] = 0
    assert share.max() < 0.1


def _colors(luma: np.ndarray, blue: np.ndarray, red: np.ndarray) -> OwnColors:
    rgb = np.stack([luma + 1.402 * red, luma - 0.344 * blue - 0.714 * red, luma + 1.772 * blue], axis=-1)
    return OwnColors.of(np.clip(rgb, 0, 1).astype(np.float32))
