"""Seeds lie where the network is sure, and colours spread from them up to luma's edges."""

import numpy as np
import pytest

from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.seeds import choose_seeds, diffused
from tinct.errors import SettingError


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


def test_colorizing_by_seeds_differs_and_is_noted(tiny_model, tiny_chroma_model, camera_png, tmp_path):
    import pyvips

    plain = Colorizer(tiny_model, threads=1).photo(camera_png, tmp_path / "plain.png")
    seeded = Colorizer(tiny_model, threads=1, seeds=True).photo(camera_png, tmp_path / "seeds.png")
    assert plain.target.read_bytes() != seeded.target.read_bytes()
    note = pyvips.Image.new_from_file(str(seeded.target))
    assert any("seeds" in str(note.get(name)) for name in note.get_fields() if "xmp" in name or "exif" in name)
    with pytest.raises(SettingError, match="no confidence for seeds"):
        Colorizer(tiny_chroma_model, seeds=True)


def test_cautious(tiny_model):
    assert Colorizer(tiny_model, cautious=True).caution == 2
    assert Colorizer(tiny_model).caution == 0
    with pytest.raises(SettingError, match="one of the two"):
        Colorizer(tiny_model, cautious=True, caution=1.0)
