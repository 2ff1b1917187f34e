"""Films that keep their own colours in some places, by a mask; and a notice where they would lose them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from coloring.film.films import Paint, film_of, stored, texture
from media.video import clips
from tinct.errors import InputError
from tinct.media.video.probe import open_film

HEIGHT, WIDTH = 96, 128
# In pixels of chroma.
CAPTION = np.s_[38:42, 16:40]


def planes(number: int) -> tuple[np.ndarray, ...]:
    chroma = [np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8) for _ in range(2)]
    chroma[0][CAPTION], chroma[1][CAPTION] = 40, 150
    return (texture(number, height=HEIGHT, width=WIDTH), *chroma)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return film_of(tmp_path / "in.mkv", 8, size=(WIDTH, HEIGHT), planes=planes)


def mask(tmp_path: Path, *, turned: int = 0) -> Path:
    levels = np.zeros((HEIGHT, WIDTH), np.uint8)
    levels[70:90, 30:98] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), np.rot90(levels, turned))
    return tmp_path / "mask.png"


def test_captions_that_would_be_lost_are_told_and_a_mask_keeps_them(paint: Paint, film: Path, tmp_path: Path) -> None:
    plain = paint(film, tmp_path / "plain.mkv", codec="ffv1")
    (notice,) = plain.notices
    assert notice.startswith(
        "grey shots have colours in some places, such as captions, the first at 0:00:00.0: they were"
    )
    kept = paint(film, tmp_path / "kept.mkv", codec="ffv1", keep=mask(tmp_path))
    assert kept.notices == ()
    for number, (own, other) in enumerate(zip(stored(kept.target), stored(plain.target), strict=True)):
        before = planes(number)
        for plane in (1, 2):
            np.testing.assert_array_equal(own[plane][CAPTION], before[plane][CAPTION])
            np.testing.assert_array_equal(own[plane][:30], other[plane][:30])
            assert not np.array_equal(other[plane][CAPTION], before[plane][CAPTION])


def test_a_mask_is_painted_on_the_film_as_it_is_shown(paint: Paint, tmp_path: Path) -> None:
    film = film_of(
        tmp_path / "in.mp4",
        4,
        codec="libx264",
        options={"crf": "0"},
        size=(WIDTH, HEIGHT),
        planes=planes,
        before=lambda _, stream: stream.set_display_matrix(clips.QUARTER),
    )
    with pytest.raises(InputError, match="does not have the proportions of the picture of 96 x 128"):
        paint(film, tmp_path / "out.mp4", keep=mask(tmp_path))
    turned = round(open_film(film).rotation / 90) % 4
    result = paint(film, tmp_path / "out.mp4", keep=mask(tmp_path, turned=turned), crf=0)
    for own in stored(result.target):
        assert abs(int(np.median(own[1][CAPTION])) - 40) <= 2


def test_spots_that_are_found_keep_their_colours_wherever_they_come(paint: Paint, tmp_path: Path) -> None:
    def moving(number: int) -> tuple[np.ndarray, ...]:
        luma, *chroma = planes(number)
        place = np.s_[
            10 + 2 * number : 20 + 2 * number, 30:50
        ]  # more than a twentieth of the frame, and elsewhere each time
        if number >= 4:
            chroma[0][place], chroma[1][place] = 90, 200
        return luma, *chroma

    film = film_of(tmp_path / "in.mkv", 8, size=(WIDTH, HEIGHT), planes=moving)
    kept = paint(film, tmp_path / "kept.mkv", codec="ffv1", keep="auto")
    assert kept.notices == (
        "grey shots have colours in some places, such as captions, the first at 0:00:00.0: they were kept",
    )
    assert not any(shot.colored for shot in kept.shots)
    for number, own in enumerate(stored(kept.target)):
        before = moving(number)
        for plane in (1, 2):
            np.testing.assert_array_equal(own[plane][CAPTION], before[plane][CAPTION])
            if number >= 4:
                inside = np.s_[12 + 2 * number : 18 + 2 * number, 32:48]
                np.testing.assert_array_equal(own[plane][inside], before[plane][inside])
            assert (own[plane][:6] != 128).mean() > 0.5  # the rest is coloured
