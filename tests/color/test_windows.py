"""Means over windows that reach into parts of cells."""

import numpy as np
import pytest

from tinct.color.windows import window_mean


def test_whole_cells_and_parts_of_the_outermost_count():
    line = np.zeros((1, 15), np.float32)
    line[0, 7] = 1
    np.testing.assert_allclose(window_mean(line, 3)[0, 5:10] * 3, [0, 1, 1, 1, 0], atol=1e-6)
    np.testing.assert_allclose(window_mean(line, 4.5)[0, 4:11] * 4.5, [0, 0.75, 1, 1, 1, 0.75, 0], atol=1e-6)


@pytest.mark.parametrize("wide", [3, 5, 35 / 3, 19 / 3, 8.0])
def test_cells_of_several_pixels_have_the_pixels_means(wide):
    pixels = np.random.default_rng(0).random((90, 120), dtype=np.float32)
    cells = pixels.reshape(30, 3, 40, 3).mean(axis=(1, 3))
    large = np.kron(cells, np.ones((3, 3), np.float32))
    if (wide * 3) % 2 > 0.99:  # windows around a pixel hold an odd number of them
        np.testing.assert_allclose(window_mean(cells, wide), window_mean(large, round(wide * 3))[1::3, 1::3], atol=1e-5)
    assert window_mean(np.ones_like(cells), wide) == pytest.approx(1)
