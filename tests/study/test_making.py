"""Seeds lie where the network is sure, and colours spread from them up to luma's edges."""

import numpy as np
import pytest

from tinct.coloring.photo.colorizer import Colorizer
from tinct.study.making import choose_seeds, colored_from_seeds, diffused


def test_one_seed_a_cell_and_none_where_it_is_unsure():
    surety = np.random.default_rng(0).uniform(0, 0.1, (24, 36))
    surety[:, 18:] += 0.5
    places = choose_seeds(surety, cell=6, least=0.5)
    assert len(places) == 12
    assert (places[:, 1] >= 18).all()
    assert len({tuple(place // 6) for place in places}) == 12
    for row, column in places:
        top, left = row // 6 * 6, column // 6 * 6
        assert surety[row, column] == surety[top : top + 6, left : left + 6].max()


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (13, 6)])
def test_odd_sizes_give_places_within(shape):
    places = choose_seeds(np.random.default_rng(0).uniform(size=shape))
    assert len(places) >= 1
    assert (places < shape).all()


def test_an_unsure_wrong_colour_gives_way_up_to_the_edge():
    luma = np.where(np.arange(96) < 48, 0.3, 0.7)[None].repeat(64, axis=0).astype(np.float32)
    chroma = np.where(np.arange(48) < 24, 0.2, -0.2)[None, :, None].repeat(32, axis=0).repeat(2, axis=2)
    logits = np.zeros((32, 48, 3), dtype=np.float32)
    logits[..., 0] = 5
    # A patch of the right side's colour on the left, of which the network is unsure.
    chroma[10:22, 6:16] = -0.2
    logits[10:22, 6:16] = 0
    found = diffused(luma, logits, chroma)
    assert found.shape == (64, 96, 2)
    np.testing.assert_allclose(found[:, :40], 0.2, atol=0.03)
    np.testing.assert_allclose(found[:, 56:], -0.2, atol=0.03)


def test_a_recipe_colours_from_seeds(tiny_model):
    luma = np.random.default_rng(0).integers(0, 256, (40, 56), dtype=np.uint8)
    colorizer = Colorizer(tiny_model, threads=1)
    seeded = colored_from_seeds(colorizer, luma)
    assert seeded.shape == (40, 56, 3)
    assert (seeded != colorizer(luma)).any()
