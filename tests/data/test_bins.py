"""Bins of folders, datasets and models, and their figure."""

from __future__ import annotations

import numpy as np
import pytest
import pyvips

from tinct.color.bins import ColorBins, bin_colors
from tinct.data.colors import bins_of_model, learn_bins
from tinct.errors import DataError, ModelError, OutputError, SettingError
from tinct.runtime.modelfile import read_card
from tinct.study.report.figures import draw_bins


def picture(seed):
    return np.clip(np.random.default_rng(seed).normal(120, 50, (40, 40, 3)), 0, 255).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    for index in range(5):
        pyvips.Image.new_from_array(picture(index)).write_to_file(str(tmp_path / f"{index}.png"))
    return tmp_path


def test_a_folders_bins_are_those_of_its_pictures(folder):
    (folder / "broken.jpg").write_bytes(b"no picture")
    told = []
    found, left_out = learn_bins(
        folder, space="lab", grid=9, bins=11, rebalance=0.3, progress=lambda *counts: told.append(counts)
    )
    expected = ColorBins.learn([picture(index) for index in range(5)], space="lab", grid=9, bins=11, rebalance=0.3)
    assert found.to_card() == expected.to_card()
    assert [name for name, _ in left_out] == ["broken.jpg"]
    assert told[-1] == (6, 6)
    with pytest.raises(DataError, match="no such folder"):
        learn_bins(folder / "absent")


def test_a_models_bins_are_its_cards(tiny_model, tiny_chroma_model):
    assert bins_of_model(tiny_model).to_card() == read_card(tiny_model).color_bins().to_card()
    with pytest.raises(ModelError, match="no colour bins"):
        bins_of_model(tiny_chroma_model)


@pytest.mark.parametrize(("space", "suffix"), [("yuv", ".png"), ("lab", ".svg")])
def test_the_figure_is_drawn(space, suffix, tmp_path):
    bins = ColorBins.learn([picture(0)], space=space)
    path = draw_bins(bins, tmp_path / f"bins{suffix}")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
    if suffix == ".png":
        image = pyvips.Image.new_from_file(str(path)).numpy()[..., :3]
        assert image.shape == (1056, 1210, 3)
        for color in np.rint(bin_colors(bins) * 255).astype(int)[:8]:  # the bins' colours are there to be seen
            assert (np.abs(image.astype(int) - color).max(axis=-1) <= 1).sum() > 100


def test_a_single_bin_can_be_drawn(tmp_path):
    bins = ColorBins.learn([np.full((9, 9, 3), (200, 90, 30), dtype=np.uint8)])
    assert draw_bins(bins, tmp_path / "one.png").is_file()


def test_figures_that_cannot_be_written_are_refused(tmp_path):
    bins = ColorBins.learn([picture(0)], bins=3)
    with pytest.raises(SettingError, match=r"figures are written as \.png"):
        draw_bins(bins, tmp_path / "bins.doc")
    with pytest.raises(OutputError, match="folder does not exist"):
        draw_bins(bins, tmp_path / "absent" / "bins.png")
