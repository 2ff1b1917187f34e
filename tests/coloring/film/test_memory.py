"""Key frames: which are kept, which shots are of one scene, and what they tell a frame."""

from __future__ import annotations

from collections.abc import Generator

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from tinct.coloring.film.keys import MOST_KEYS, KeyedShot
from tinct.coloring.film.memory import SceneMemory, remember
from tinct.media.video.read import Frame

RATE = 10
Levels = NDArray[np.uint8]


def place(name: str, *, shift: int = 0, light: float = 1.0) -> Levels:
    """One of scikit-image's pictures at 96x128, moved a little and more or less exposed."""
    picture = getattr(skimage.data, name)()
    grey = picture if picture.ndim == 2 else cv2.cvtColor(picture[..., :3], cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (132, 96), interpolation=cv2.INTER_AREA)[:, shift : shift + 128]
    return np.clip(small * light, 0, 255).astype(np.uint8)


def film(*shots: list[Levels]) -> Generator[Frame, None, None]:
    frames = [levels for shot in shots for levels in shot]
    return (Frame(number, number, 1, levels, None) for number, levels in enumerate(frames))


def remembered(*shots: list[Levels], memory: str = "scene", answer=None) -> SceneMemory:  # type: ignore[no-untyped-def]
    answer = answer or (lambda levels: np.full((24, 32, 2), levels.mean() / 255, dtype=np.float32))
    result = remember(
        film(*shots),
        lambda frame: frame.luma,
        is_colored=lambda frame: bool(frame.chroma),
        seconds_at=lambda pts: pts / RATE,
        answer=lambda levels, references: answer(levels),
        sight=lambda levels: (),
        memory=memory,
    )
    assert result is not None
    return result


def test_a_long_shot_has_few_key_frames_evenly_apart() -> None:
    shot = KeyedShot(0)
    levels = place("camera")
    for number in range(600):
        shot.take(number, number / RATE, levels)
    gaps = np.diff([key.pts for key in shot.keys])
    assert MOST_KEYS // 2 <= len(shot.keys) <= MOST_KEYS
    assert shot.keys[0].pts == 0
    assert gaps.min() == gaps.max()


def test_shots_of_one_place_know_each_other_and_no_others() -> None:
    there, back = [place("camera")] * 12, [place("camera", shift=2, light=0.9)] * 12
    between = [place("chelsea")] * 12
    shots = remembered(there, between, back)._shots
    assert [shot.pts for shot in shots] == [0, 12, 24]
    assert [shot.alike for shot in shots] == [[0, 2], [], [0, 2]]


def test_answers_that_drift_are_drawn_to_what_the_key_frames_agree_on() -> None:
    said = iter(np.linspace(-0.2, 0.2, 5))
    still = [place("camera")] * 50

    def answer(levels: Levels) -> NDArray[np.float32]:
        return np.full((24, 32, 2), next(said), dtype=np.float32)

    memory = remembered(still, answer=answer)
    drawn = [memory.recall(pts, still[pts], np.full((24, 32, 2), 0.3, dtype=np.float32)) for pts in (0, 17, 49)]
    assert max(np.abs(values).max() for values in drawn) < 0.03  # the five answers' mean is 0, the frame's own 0.3
    assert next(said, None) is None


def test_what_looks_different_keeps_the_frames_own_answer() -> None:
    still = place("camera")
    changed = still.copy()
    changed[20:76, 60:116] = place("coins")[20:76, 60:116]
    memory = remembered([still] * 30, answer=lambda levels: np.zeros((24, 32, 2), dtype=np.float32))
    drawn = memory.recall(15, changed, np.full((24, 32, 2), 0.3, dtype=np.float32))
    assert drawn[8:16, 18:26].mean() > 0.25
    assert drawn[:, :10].mean() < 0.05


@pytest.mark.parametrize(("memory", "shared"), [("scene", True), ("shot", False)])
def test_a_scene_is_remembered_beyond_its_shot(memory: str, shared: bool) -> None:
    first, second = [place("camera")] * 12, [place("camera", shift=2, light=0.92)] * 12
    between = (first[0].mean() + second[0].mean()) / 2

    def answer(levels: Levels) -> NDArray[np.float32]:
        return np.full((24, 32, 2), 0.0 if levels.mean() < between else 0.4, dtype=np.float32)

    kept = remembered(first, [place("chelsea")] * 12, second, memory=memory, answer=answer)
    drawn = kept.recall(30, second[0], np.zeros((24, 32, 2), dtype=np.float32))
    assert (drawn.mean() > 0.08) == shared


def test_nothing_is_remembered_when_it_is_off() -> None:
    frames = film([place("camera")] * 3)
    assert (
        remember(
            frames,
            lambda f: f.luma,
            is_colored=bool,
            seconds_at=float,
            answer=lambda levels, _: None,
            sight=lambda levels: (),
            memory="off",
        )
        is None
    )


def test_where_the_network_fails_on_key_frames_a_frame_keeps_its_answer() -> None:
    still = [place("camera")] * 12
    memory = remembered(still, answer=lambda levels: None)
    own = np.full((24, 32, 2), 0.3, dtype=np.float32)
    np.testing.assert_array_equal(memory.recall(5, still[0], own), own)


@pytest.mark.parametrize(("frames", "looked_at"), [(5, 0), (25, 3)])
def test_the_network_is_asked_for_features_only_of_key_frames_that_are_compared(frames: int, looked_at: int) -> None:
    seen: list[Levels] = []

    def sight(levels: Levels) -> tuple[NDArray[np.float32], ...]:
        seen.append(levels)
        return ()

    still = place("camera")
    memory = remember(
        film([still] * frames),
        lambda frame: frame.luma,
        is_colored=lambda frame: False,
        seconds_at=lambda pts: pts / RATE,
        answer=lambda levels, _: np.zeros((24, 32, 2), dtype=np.float32),
        sight=sight,
        memory="shot",
    )
    assert memory is not None
    memory.recall(0, still, np.zeros((24, 32, 2), dtype=np.float32))
    assert len(seen) == looked_at


@pytest.mark.parametrize("light", [0.8, 0.5, 0.1])
def test_a_fade_is_told_by_mean_and_contrast_that_fall_together(light: float) -> None:
    still = place("camera")
    memory = remembered([still] * 30)
    assert memory.dimming(15, (still * light).astype(np.uint8)) == pytest.approx(light, abs=0.02)
    assert memory.dimming(15, still) == 1


def test_what_is_dark_of_itself_is_no_fade() -> None:
    still = place("camera")
    memory = remembered([still] * 30)
    other = place("coins")
    assert memory.dimming(15, np.clip(other, 0, 200).astype(np.uint8) // 2 + 30) == 1  # less contrast, as much light
    assert memory.dimming(15, np.clip(still.astype(int) - 60, 0, 255).astype(np.uint8)) == 1  # darker, as much contrast


def test_nothing_is_learned_from_key_frames_in_a_fade() -> None:
    still = place("camera")
    fading = [(still * (1 - number / 30)).astype(np.uint8) for number in range(30)]
    shots = remembered([still] * 20 + fading)._shots
    assert [key.pts for key in shots[0].keys] == [0, 10, 20]


def test_most_key_frames_decide_whether_a_shot_has_colours_and_damaged_ones_are_left_out() -> None:
    still, plane = place("camera"), np.zeros((48, 64), dtype=np.uint8)

    def frame(number: int, *, colored: bool, damaged: bool = False) -> Frame:
        return Frame(number, number, 1, still, (plane, plane) if colored else None, damaged)

    def told(frames: list[Frame]) -> bool | None:
        memory = remember(
            (frame for frame in frames),
            lambda frame: frame.luma,
            is_colored=lambda frame: frame.chroma is not None,
            seconds_at=lambda pts: pts / RATE,
            answer=lambda levels, _: None,
            sight=lambda levels: (),
            memory="shot",
        )
        assert memory is not None
        return memory.is_colored(0)

    assert told([frame(n, colored=n < 10) for n in range(50)]) is False
    assert told([frame(n, colored=n >= 10) for n in range(50)]) is True
    assert told([frame(n, colored=n < 10, damaged=n < 10) for n in range(12)]) is False
