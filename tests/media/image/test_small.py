"""Photographs read small: colours as their profile says, and the same pixels as managed ones where there is none."""

from __future__ import annotations

import numpy as np
import pytest
import pyvips

from tinct.errors import UnreadableError
from tinct.media.image.small import read_small


@pytest.mark.parametrize("longest", [None, 128])
def test_without_a_profile_the_pixels_are_those_of_managed_reading(chelsea_png, longest):
    content = chelsea_png.read_bytes()
    edge = longest or 451
    managed = pyvips.Image.new_from_buffer(content, "").thumbnail_image(
        edge, height=edge, size="down", export_profile="srgb"
    )
    assert np.array_equal(read_small(content, longest=longest, name="chelsea"), managed.numpy())


def test_an_embedded_profile_is_converted(chelsea_png):
    image = pyvips.Image.new_from_file(str(chelsea_png))
    wide = image.icc_transform("p3", input_profile="srgb").jpegsave_buffer(Q=98, profile="p3", subsample_mode="off")
    stored = pyvips.Image.new_from_buffer(wide, "").numpy().astype(int)
    read = read_small(wide, longest=None, name="wide").astype(int)
    assert np.abs(stored - image.numpy()).mean() > 2
    assert np.abs(read - image.numpy()).mean() < 1.2


def test_cmyk_becomes_srgb(chelsea_png):
    image = pyvips.Image.new_from_file(str(chelsea_png))
    inks = image.icc_transform("cmyk", input_profile="srgb").jpegsave_buffer(Q=95, keep="none")
    read = read_small(inks, longest=None, name="inks")
    assert read.shape == image.numpy().shape
    assert np.abs(read.astype(int) - image.numpy()).mean() < 12


def test_a_file_cut_short_is_refused(chelsea_png):
    with pytest.raises(UnreadableError, match="half: not a picture"):
        read_small(chelsea_png.read_bytes()[:20000], longest=64, name="half")
