"""Every codec at odd and small sizes: all frames, or one line before the work begins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from media.video import clips
from tinct.errors import SettingError
from tinct.media.video.probe import open_film
from tinct.media.video.read import read_frames
from tinct.media.video.recipe import choose_recipe
from tinct.media.video.write import SegmentWriter, open_segment

SIZES = ((33, 17), (34, 34), (65, 65), (101, 75), (133, 101))
CODECS = {"ffv1": ".mkv", "h264": ".mp4", "hevc": ".mkv", "vp9": ".webm", "av1": ".mkv", "prores": ".mov"}
QUICK = {"h264": "ultrafast", "hevc": "ultrafast", "vp9": "8", "av1": "10", "prores": "proxy"}
FRAMES = 4


def encoded(film_path: Path, codec: str, folder: Path) -> int:
    film = open_film(film_path)
    recipe = choose_recipe(film, f"a{CODECS[codec]}", codec=codec, preset=QUICK.get(codec))
    part = folder / "0.part"
    with SegmentWriter(part, film, recipe, threads=2) as writer:
        for frame in read_frames(film):
            u = np.full(recipe.chroma_shape, 100 << recipe.bits - 8).astype(np.uint8 if recipe.bits == 8 else np.uint16)
            writer.write(frame.luma, u, u, pts=frame.pts, duration=frame.duration)
    return open_segment(part).frames


def small_film(folder: Path, width: int, height: int) -> Path:
    return clips.write_clip(
        folder / "in.mkv",
        codec="ffv1",
        form="gray",
        frames=FRAMES,
        planes=lambda number: (clips.scene(number, height=height, width=width),),
        size=(width, height),
    )


@pytest.mark.parametrize(
    ("codec", "size"), [(codec, size) for codec in CODECS for size in SIZES if codec != "hevc" or min(size) >= 64]
)
def test_all_codecs_take_odd_and_small_sizes(codec: str, size: tuple[int, int], tmp_path: Path) -> None:
    assert encoded(small_film(tmp_path, *size), codec, tmp_path) == FRAMES


@pytest.mark.parametrize("size", [size for size in SIZES if min(size) < 64])
def test_hevc_refuses_what_it_would_spoil_memory_at(size: tuple[int, int], tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"hevc needs edges of at least 64 pixels, .*; choose another codec"):
        encoded(small_film(tmp_path, *size), "hevc", tmp_path)
