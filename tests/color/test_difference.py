"""CIEDE2000 against scikit-image, and the pairs that its authors publish for those who write it again."""

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000

from tinct.color.difference import ciede2000

# Sharma, Wu & Dalal 2005, table 1: those in which hues meet across 0 or 180 degrees, greys, and the blue rotation.
PUBLISHED = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, -0.001, 2.49), (50, 0.0009, -2.49), 4.8045),
    ((50, -0.001, 2.49), (50, 0.0011, -2.49), 4.7461),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("first", "second", "difference"), PUBLISHED)
def test_published_pairs(first: tuple[float, ...], second: tuple[float, ...], difference: float) -> None:
    assert ciede2000(np.array(first), np.array(second)) == pytest.approx(difference, abs=1e-4)
    assert ciede2000(np.array(second), np.array(first)) == pytest.approx(difference, abs=1e-4)


def test_as_scikit_image() -> None:
    rng = np.random.default_rng(0)
    labs = rng.uniform((0, -100, -100), (100, 100, 100), (60, 3))
    labs[:3, 1:] = 0
    differences = ciede2000(labs[:, None], labs[None])
    assert differences.shape == (60, 60)
    assert differences == pytest.approx(deltaE_ciede2000(labs[:, None], labs[None]), abs=2e-3)
    assert np.diagonal(differences) == pytest.approx(0, abs=1e-3)
