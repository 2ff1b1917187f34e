"""Frames of another form than a film's first ones, brought to its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from media.video import clips
from tinct.media.video.probe import open_film
from tinct.media.video.problems import Problems
from tinct.media.video.read import read_frames


def test_frames_of_another_size_are_brought_to_the_films_own_and_told(tmp_path: Path) -> None:
    planes = {
        96: np.full((64, 96), 60, np.uint8),
        48: np.repeat([90, 150], 24).astype(np.uint8)[None].repeat(32, axis=0),  # of the same proportions
        192: np.full((64, 192), 200, np.uint8),  # of twice the width
    }
    joined = tmp_path / "joined.h264"
    with joined.open("wb") as file:
        for width, plane in planes.items():
            size = (width, plane.shape[0])
            options = {"crf": "0"}
            clips.write_clip(
                tmp_path / f"{width}.h264", size=size, planes=lambda _, plane=plane: (plane,), frames=5, options=options
            )
            file.write((tmp_path / f"{width}.h264").read_bytes())
    film = open_film(joined)
    problems = Problems()
    frames = [frame.luma for frame in read_frames(film, problems=problems)]
    assert (film.width, film.height, len(frames)) == (96, 64, 15)
    assert [line.split(": ", 1)[1] for line in map(str, problems.noted)] == [
        f"5 frames had another form ({form} pixels, yuv420p): converted to the film's own"
        for form in ("48 x 32", "192 x 64")
    ]
    assert np.abs(frames[4].astype(int) - 60).max() <= 1
    left, right = frames[7][:, :44], frames[7][:, 52:]
    assert np.abs(left.astype(int) - 90).max() <= 3
    assert np.abs(right.astype(int) - 150).max() <= 3
    assert np.abs(frames[12][16:48].astype(int) - 200).max() <= 3
    assert (frames[12][:16] == 16).all()
    assert (frames[12][48:] == 16).all()
