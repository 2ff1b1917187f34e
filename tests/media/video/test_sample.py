"""Some frames from all over a film."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from media.video import clips
from tinct.media.video.probe import open_film, sample_lumas


def shades(path: Path, frames: int, **options) -> Path:
    """A film of which each frame has a luma of its own."""
    planes = lambda number: (np.full((clips.HEIGHT, clips.WIDTH), 20 + number // 2, np.uint8),)  # noqa: E731
    return clips.write_clip(path, frames=frames, planes=planes, options={"crf": "1", "sc_threshold": "0"}, **options)


def levels(path: Path, count: int) -> list[int]:
    return [round(float(luma.mean())) for luma in sample_lumas(open_film(path), count)]


def test_a_long_film_gives_its_key_frames_once_each(tmp_path: Path) -> None:
    path = shades(tmp_path / "long.mp4", 400, gop_size=50)
    assert levels(path, 24) == [20 + 25 * number for number in range(8)]
    assert levels(path, 4) == [20, 70, 120, 170]


def test_a_short_film_is_read_from_the_beginning(tmp_path: Path) -> None:
    path = shades(tmp_path / "short.mp4", 48, gop_size=250)
    assert levels(path, 12) == [20 + 2 * number for number in range(12)]
    assert len(levels(path, 100)) == 48


def test_a_damaged_film_gives_what_there_is(tmp_path: Path) -> None:
    path = shades(tmp_path / "cut.mkv", 48, gop_size=8)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = levels(path, 12)
    assert 1 <= len(found) < 12
    assert found[0] == 20


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(10):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((40, 60), 10 * number, np.uint8))
    (folder / "4.png").write_bytes((folder / "4.png").read_bytes()[:30])
    assert levels(folder, 5) == [0, 20, 60, 80]
