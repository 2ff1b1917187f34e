"""Files that end too soon are used as far as they reach, and how far that is is said."""

from __future__ import annotations

import io
import re

import cv2
import numpy as np
import pytest
import pyvips

from media.image.pictures import tinted
from tinct.errors import UnreadableError
from tinct.media.image.picture import open_picture

KINDS = ("webp", "lossless webp", "avif", "heic", "jp2", "bmp", "pgm")
BOTTOM_UP = ("bmp",)


@pytest.fixture(scope="module")
def levels(camera_png):
    return cv2.imread(str(camera_png), cv2.IMREAD_GRAYSCALE)


@pytest.fixture(scope="module")
def encoded(levels):
    image = pyvips.Image.new_from_array(levels)
    made = {
        "webp": image.webpsave_buffer(Q=90),
        "lossless webp": image.webpsave_buffer(lossless=True, effort=1),
        "avif": image.heifsave_buffer(compression="av1", effort=1),
        **{kind: cv2.imencode(f".{kind}", levels)[1].tobytes() for kind in ("jp2", "bmp", "pgm")},
    }
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    pillow_heif.from_bytes("L", levels.shape[::-1], levels.tobytes()).save(file, quality=90)
    return {**made, "heic": file.getvalue()}


def rows_of(path, target, **options):
    opened = open_picture(path, **options)
    opened.small(size=100)
    opened.write(tinted, target, settings={}, threads=2)
    return pyvips.Image.new_from_file(str(target)).numpy()[..., 0].astype(int), opened.remarks


@pytest.mark.parametrize("kind", KINDS)
def test_what_lies_before_the_end_is_used(encoded, tmp_path, kind):
    content = encoded[kind]
    (tmp_path / "whole").write_bytes(content)
    whole, remarks = rows_of(tmp_path / "whole", tmp_path / "whole.png")
    assert remarks == ()
    (tmp_path / "cut").write_bytes(content[: len(content) * 7 // 10])
    rows, (remark,) = rows_of(tmp_path / "cut", tmp_path / "cut.png")
    assert remark.startswith("damaged: its file ends ")
    assert remark.endswith("; --strict refuses such pictures")
    share = int(re.findall(r"(\d+) %", remark)[0])
    assert 40 <= share <= 90
    if kind == "jp2":
        assert np.abs(rows - whole).mean() < 12
    else:
        count = int(len(rows) * share / 100) - 16
        kept = slice(-count, None) if kind in BOTTOM_UP else slice(count)
        assert np.abs(rows[kept] - whole[kept]).max() <= 3  # FFmpeg rounds otherwise than libheif
        assert np.abs(rows - whole).max() > 20
    with pytest.raises(UnreadableError, match="damaged: its file ends"):
        open_picture(tmp_path / "cut", strict=True)


@pytest.mark.parametrize("kind", KINDS)
def test_two_bytes_less_lose_next_to_nothing(encoded, tmp_path, kind):
    (tmp_path / "cut").write_bytes(encoded[kind][:-2])
    rows, (remark,) = rows_of(tmp_path / "cut", tmp_path / "cut.png")
    assert remark.startswith("damaged: its file ends")
    whole = rows_of(io.BytesIO(encoded[kind]).getvalue(), tmp_path / "whole.png")[0]
    assert (np.abs(rows - whole).max(axis=1) > 12).mean() < 0.07


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_little_but_its_header_is_refused(encoded, tmp_path, kind):
    (tmp_path / "cut").write_bytes(encoded[kind][:420])
    with pytest.raises(UnreadableError, match="cut: is not a picture that can be read, or is damaged"):
        open_picture(tmp_path / "cut").small(size=100)
