"""Cuts are found, and flashes, pans, flicker and grain are not taken for any."""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from media.video.clips import greys, pan
from photographs import photograph
from tinct.coloring.film.shots import CutFinder, difference, is_blank
from tinct.errors import InputError

SIZE = (128, 80)
NAMES = ("camera", "chelsea", "coins", "coffee", "astronaut", "motorcycle_left", "rocket", "page", "moon")


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return greys(*NAMES)


def aged(frames: list[np.ndarray], *, flicker: float = 0.12, grain: float = 10, seed: int = 1) -> list[np.ndarray]:
    """Exposure, place and grain as an old film has them, and some specks of dirt."""
    rng = np.random.default_rng(seed)
    results = []
    for frame in frames:
        move = np.float32([[1, 0, rng.normal(0, 0.7)], [0, 1, rng.normal(0, 0.7)]])
        moved = cv2.warpAffine(frame, move, SIZE, borderMode=cv2.BORDER_REFLECT).astype(float)
        moved = moved * rng.normal(1, flicker) + rng.normal(0, grain, moved.shape)
        for _ in range(rng.integers(0, 4)):
            place = (int(rng.integers(0, SIZE[0])), int(rng.integers(0, SIZE[1])))
            cv2.circle(moved, place, int(rng.integers(1, 4)), float(rng.choice([0, 255])), -1)
        results.append(np.clip(np.rint(moved), 0, 255).astype(np.uint8))
    return results


def cuts(frames: list[np.ndarray], finder: CutFinder | None = None) -> list[int]:
    finder = finder or CutFinder()
    found = []
    for index, frame in enumerate(frames):
        found += finder.push(frame)
        assert len(found) == max(0, index + 1 - finder.delay)
    found += finder.flush()
    assert len(found) == len(frames)
    return [index for index, cut in enumerate(found) if cut]


def shots(pictures: list[np.ndarray], **options: float) -> tuple[list[np.ndarray], list[int]]:
    frames = [frame for picture in pictures for frame in pan(picture, **options)]
    return frames, list(range(12, len(frames), 12))


def dim(frames: list[np.ndarray]) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [np.clip(frame * 0.2 + 16 + rng.normal(0, 2, frame.shape), 0, 255).astype(np.uint8) for frame in frames]


@pytest.mark.parametrize("speed", [0, 3, 8])
def test_every_cut_and_nothing_else(pictures, speed):
    frames, expected = shots(pictures, speed=speed)
    assert cuts(frames) == expected


def test_old_and_dark_films(pictures):
    frames, expected = shots(pictures)
    assert cuts(aged(frames)) == expected
    frames, expected = shots(pictures[:-1])  # the last has so little contrast that dimmed it is blank
    assert cuts(dim(frames)) == expected


def test_a_quick_pan_is_no_cut(pictures):
    wide = cv2.resize(pictures[1], (1000, 160))
    still = [wide[40:120, :128]] * 8
    frames = [*still, *(wide[40:120, 20 * index : 20 * index + 128] for index in range(1, 40))]
    assert cuts([*frames, *[frames[-1]] * 8]) == []


def test_a_camera_thrown_round_makes_no_cuts(pictures):
    wide = np.hstack([picture[:80] for picture in pictures[:8]])
    thrown = [wide[:, 70 * index : 70 * index + 128] for index in range(20)]
    steps = [difference(second, first) for first, second in pairwise(thrown)]
    assert np.median(steps) > 0.33  # each looks like a cut on its own
    assert cuts([*[thrown[0]] * 12, *thrown, *[thrown[-1]] * 12]) == []


def test_flashes_and_damage_are_no_cuts(pictures):
    frames = pan(pictures[5], 50, speed=1)
    frames[8] = np.clip(frames[8] * 3.0, 0, 255).astype(np.uint8)
    frames[16] = frames[17] = np.full_like(frames[0], 255)
    frames[24] = np.random.default_rng(1).integers(0, 256, frames[0].shape, dtype=np.uint8)
    frames[32] = pan(pictures[1])[0]
    frames[40] = frames[41] = pan(pictures[2])[0]
    assert cuts(frames) == []
    later = pan(pictures[4], 12)
    frames[48] = np.clip(frames[48] * 3.0, 0, 255).astype(np.uint8)
    assert cuts(frames + later) == [50]
    assert cuts([*later, frames[24], *pan(pictures[5])]) == [12]  # one cut, with a spoiled frame at it


def test_a_picture_after_black_begins_a_shot(pictures):
    first, second = pan(pictures[0]), pan(pictures[1])
    black = np.full_like(first[0], 16)
    assert cuts([*first, *[black] * 4, *second]) == [16]
    assert cuts([*[black] * 5, *first]) == []  # a leader belongs to the film's first shot
    assert cuts([*first, black, *second]) == [13]
    first, second = pan(pictures[0], 24, speed=1), pan(pictures[1], 24, speed=1)
    share = np.clip(np.arange(24) / 12, 0, 1)
    fade = [(frame * part).astype(np.uint8) for frame, part in zip(first, share[::-1], strict=True)]
    rise = [(frame * part).astype(np.uint8) for frame, part in zip(second, share, strict=True)]
    found = cuts([*fade, *[black * 0] * 3, *rise])
    assert len(found) == 1
    assert 27 <= found[0] <= 30  # the first frame of the rise that shows anything


def test_cuts_at_the_very_end_and_films_of_a_frame(pictures):
    first, second = pan(pictures[0]), pan(pictures[1])
    assert cuts([*first, second[0]]) == [12]
    assert cuts(first[:1]) == []
    assert cuts([]) == []


@pytest.mark.parametrize("stop", [0, 1, 11, 13, 30])
def test_an_interrupted_film_goes_on_the_same(pictures, stop, tmp_path):
    frames, expected = shots(pictures[:4])
    frames[5:8] = [np.zeros_like(frames[0])] * 3
    finder = CutFinder()
    found = [cut for frame in frames[:stop] for cut in finder.push(frame)]
    np.savez(tmp_path / "state.npz", **finder.state())
    other = CutFinder()
    with np.load(tmp_path / "state.npz") as stored:
        other.restore(dict(stored))
    found += [cut for frame in frames[stop:] for cut in other.push(frame)] + other.flush()
    assert [index for index, cut in enumerate(found) if cut] == [8, *expected]
    with pytest.raises(InputError, match="cut finder"):
        other.restore({"before": np.array(1)})


def test_difference_is_small_within_a_shot_and_large_between(pictures):
    frames = pan(pictures[0], 3)
    assert difference(frames[0], frames[0]) < 0.01
    assert difference(frames[1], frames[0]) < 0.1
    assert difference(np.clip(frames[1] * 0.6 + 30, 0, 255).astype(np.uint8), frames[0]) < 0.12
    assert difference(pan(pictures[1])[0], frames[0]) > 0.4


def test_blank_frames(pictures):
    rng = np.random.default_rng(2)
    for level in (0, 16, 128, 255):
        grainy = np.clip(level + rng.normal(0, 10, (144, 256)), 0, 255).astype(np.uint8)
        assert is_blank(grainy)
        grainy[30:36, 40:46] = 255 - level  # a speck
        assert is_blank(grainy)
    assert not any(is_blank(picture) for picture in pictures)
    assert not any(is_blank(picture) for picture in dim(pictures[:2]))
    title = np.zeros((144, 256), dtype=np.uint8)
    cv2.putText(title, "The End", (70, 80), cv2.FONT_HERSHEY_SIMPLEX, 1, 220, 2)
    assert not is_blank(title)
    assert is_blank(np.zeros((1, 1), dtype=np.uint8))


def as_pyscenedetect_sees(path: Path, frames: int | None = None) -> list[int]:
    scenedetect = pytest.importorskip("scenedetect", reason="PySceneDetect is the reference")
    detector = scenedetect.ContentDetector(luma_only=True, min_scene_len=5)
    return [start.frame_num for start, _ in scenedetect.detect(str(path), detector, end_time=frames)[1:]]


def write_film(path: Path, frames: list[np.ndarray]) -> Path:
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, width=SIZE[0], height=SIZE[1], pix_fmt="yuv420p")
        stream.bit_rate = 2_000_000
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        container.mux(stream.encode())
    return path


def test_against_pyscenedetect(pictures, tmp_path):
    frames = [frame for picture in pictures[:6] for frame in pan(picture, 20, speed=2)]
    film = write_film(tmp_path / "film.mp4", frames)
    assert cuts(frames) == as_pyscenedetect_sees(film) == [20, 40, 60, 80, 100]


def test_two_views_of_one_room_against_pyscenedetect(tmp_path):
    halves = np.array_split(cv2.cvtColor(photograph("motorcycle_left"), cv2.COLOR_RGB2GRAY), 2, axis=1)
    views = [cv2.resize(half, (256, 160), interpolation=cv2.INTER_AREA) for half in halves]
    frames = [frame for number in range(4) for frame in pan(views[number % 2], 24, speed=0.3)] + pan(
        views[0], 54, speed=0.6
    )
    rng = np.random.default_rng(1)
    frames = [np.clip(frame + rng.normal(0, 3, frame.shape), 0, 255).astype(np.uint8) for frame in frames]
    film = write_film(tmp_path / "film.mp4", frames)
    assert cuts(frames) == as_pyscenedetect_sees(film)
    assert cuts(frames[::3]) == [8, 16, 24, 32]
