"""Black borders are found, and dark films are not cropped."""

import numpy as np
import pytest

from media.video.clips import greys, pan
from tinct.errors import InputError
from tinct.media.video.form import active_area

SIZE = (128, 80)
NAMES = ("camera", "chelsea", "coins", "coffee", "astronaut", "motorcycle_left")


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return greys(*NAMES)


def bordered(frames: list[np.ndarray], top: int, bottom: int, left: int, right: int) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    results = []
    for frame in frames:
        whole = np.full((frame.shape[0] + top + bottom, frame.shape[1] + left + right), 16.0)
        whole += rng.normal(0, 1.5, whole.shape)
        whole[top : top + frame.shape[0], left : left + frame.shape[1]] = frame
        results.append(np.clip(np.rint(whole), 0, 255).astype(np.uint8))
    return results


@pytest.mark.parametrize(
    "borders", [(0, 0, 0, 0), (12, 12, 0, 0), (0, 0, 20, 20), (10, 6, 8, 0), (14, 14, 22, 22), (11, 13, 0, 0)]
)
def test_black_borders_are_found(pictures, borders):
    frames = [frame for picture in pictures[:5] for frame in pan(picture, 4)]
    top, bottom, left, right = borders
    found = active_area(bordered(frames, *borders))
    height, width = SIZE[1] + top + bottom, SIZE[0] + left + right
    assert all(edge % 2 == 0 for edge in found)
    # An odd border keeps its last row.
    assert found == (top - top % 2, height - bottom + bottom % 2, left - left % 2, width - right + right % 2)


def test_dark_films_are_not_cropped(pictures):
    rows = np.linspace(0, 1, SIZE[1])[:, None] ** 3
    night = [(frame * rows).astype(np.uint8) for frame in pan(pictures[5], 30)]  # dark above, ever brighter below
    assert active_area(night) == (0, 80, 0, 128)
    lamp = np.zeros((80, 128), dtype=np.uint8)
    lamp[30:50, 60:70] = 200
    assert active_area([lamp] * 20) == (0, 80, 0, 128)
    assert active_area([np.zeros((80, 128), dtype=np.uint8)] * 5) == (0, 80, 0, 128)
    assert active_area([frame // 12 for frame in bordered(pan(pictures[0]), 10, 10, 0, 0)]) == (0, 100, 0, 128)
    assert active_area([pictures[0][:81, :127]]) == (0, 81, 0, 127)


def test_borders_need_frames_of_one_size(pictures):
    with pytest.raises(InputError, match="at least one"):
        active_area([])
    with pytest.raises(InputError, match="one size"):
        active_area([pictures[0], pictures[0][:50]])
