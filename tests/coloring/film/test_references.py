"""Stills of a film: found, carried along the motion both ways, and to the other shots of the scene."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from coloring.film.films import film_of, stored, texture
from tinct.coloring.film.colorize import colorize_video
from tinct.coloring.film.memory import SceneMemory, remember
from tinct.coloring.film.references import Carrier, Still
from tinct.coloring.hints.reference import split_reference
from tinct.coloring.settings import VideoSettings
from tinct.errors import SettingError
from tinct.media.video.read import Frame

HEIGHT, WIDTH, RATE = 96, 128, 10
Levels = NDArray[np.uint8]


def picture(name: str, shift: int = 0) -> Levels:
    """One of scikit-image's pictures, of which a window moves by a pixel a frame."""
    whole = getattr(skimage.data, name)()
    grey = whole if whole.ndim == 2 else cv2.cvtColor(whole[..., :3], cv2.COLOR_RGB2GRAY)
    return np.ascontiguousarray(cv2.resize(grey, (WIDTH + 30, HEIGHT))[:, shift : shift + WIDTH])


def still(levels: Levels, number: int = 0, **named: Any) -> Still:
    """A still whose left half is blue and whose right half is red."""
    chroma = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    chroma[:, : WIDTH // 2, 0] = chroma[:, WIDTH // 2 :, 1] = 0.2
    return Still(number, f"{number}.png", levels, chroma, **({"frame": None, "seconds": None} | named))


def walk(frames: list[Levels], *stills: Still) -> Carrier:
    carrier = Carrier(stills)
    for number, levels in enumerate(frames):
        carrier.push(number, number, number / RATE, levels, is_key=number % 6 == 0)
    carrier.end()
    return carrier


def border(carried: NDArray[Any]) -> float:
    """Where blue becomes red, in pixels of the frame."""
    wanted = carried[..., 0].astype(float) > carried[..., 1]
    return 2 * float(wanted[10:-10].sum(axis=1).mean())


def test_colours_follow_the_motion_from_the_frame_that_a_still_shows() -> None:
    frames = [picture("camera", shift) for shift in range(25)]
    carrier = walk(frames, still(frames[12]))
    assert carrier.placed == {0}
    assert sorted(carrier.carried) == [0, 6, 12, 18, 24]
    for pts, carried in carrier.carried.items():
        assert carried.shape == (HEIGHT // 2, WIDTH // 2, 3)
        assert float(carried[..., 2].mean()) > 0.6
        assert border(carried) == pytest.approx(WIDTH / 2 + 12 - pts, abs=2.5)
    here = carrier.carried[12].astype(float)
    np.testing.assert_allclose(here[:, :28, 0] / here[:, :28, 2], 0.2, atol=0.01)


def test_what_shows_no_frame_is_laid_nowhere_and_a_named_one_where_it_was_named() -> None:
    frames = [picture("camera", shift) for shift in range(13)]
    assert walk(frames, still(picture("chelsea"))).placed == set()
    strange = walk(frames, still(picture("chelsea"), frame=5))
    assert strange.placed == {0}  # features may find something
    assert strange.carried == {}
    named = walk(frames, still(frames[3], frame=3), still(frames[9], number=1, seconds=0.9))
    assert named.placed == {0, 1}
    assert border(named.carried[0]) == pytest.approx(WIDTH / 2 + 3, abs=2.5)
    assert walk(frames, still(frames[3], frame=40)).placed == set()


def remembered(shots: list[list[Levels]], *stills: Still, memory: str = "scene") -> SceneMemory:
    frames = [levels for shot in shots for levels in shot]
    result = remember(
        (Frame(number, number, 1, levels, None) for number, levels in enumerate(frames)),
        lambda frame: frame.luma,
        is_colored=lambda frame: False,
        seconds_at=lambda pts: pts / RATE,
        answer=lambda levels, references: np.full((HEIGHT // 4, WIDTH // 4, 4), 0.25, np.float32),
        sight=lambda levels: (),
        memory=memory,
        stills=stills,
    )
    assert result is not None
    return result


SHOTS = [[picture("camera", 5)] * 12, [picture("chelsea")] * 12, [picture("camera", 8)] * 12]


@pytest.mark.parametrize(("memory", "shared"), [("scene", True), ("shot", False)])
def test_a_still_is_taken_to_the_other_shots_of_its_scene(memory: str, shared: bool) -> None:
    kept = remembered(SHOTS, still(SHOTS[0][0], frame=4), memory=memory)
    assert [kept.references(pts) for pts in (0, 13, 30)] == [(0,), (), (0,) if shared else ()]
    plain = np.full((HEIGHT // 4, WIDTH // 4, 4), 0.25, np.float32)
    drawn = [kept.recall(pts, SHOTS[pts // 12][0], plain) for pts in (6, 18, 30)]
    assert [values.shape[-1] for values in drawn] == [7] * 3
    sure = [float(values[..., 6].mean()) for values in drawn]
    assert sure[0] > 0.8
    assert sure[1] == 0
    assert (sure[2] > 0.4) == shared
    np.testing.assert_allclose(drawn[0][..., :4], plain, atol=1e-5)


def test_one_that_is_not_named_is_compared_with_every_shot() -> None:
    kept = remembered(SHOTS, still(SHOTS[0][0]), still(picture("coins"), number=1))
    assert [kept.references(pts) for pts in (0, 13, 30)] == [(0, 1)] * 3
    assert kept.recall(6, SHOTS[0][0], np.zeros((24, 32, 4), np.float32))[..., 6].mean() > 0.8


def test_a_frame_after_the_films_end_is_told() -> None:
    with pytest.raises(SettingError, match=r"reference 0.png: the film ends before its frame"):
        remembered(SHOTS, still(SHOTS[0][0], frame=36))


def test_a_still_is_brought_to_the_form_in_which_frames_are_stored() -> None:
    stored = np.zeros((60, 80, 3), np.float32)
    stored[10:50, :40] = (0.2, 0.3, 0.8)
    stored[10:50, 40:] = (0.8, 0.3, 0.2)
    reference = SimpleNamespace(name="r.png", rgb=np.rot90(stored, 1), frame=None, seconds=2.0)
    film = SimpleNamespace(turns=1, height=120, width=160)
    made = Still.of(3, reference, film, (20, 100, 0, 160), (40, 80))  # type: ignore[arg-type]
    assert (made.number, made.seconds, made.levels.shape) == (3, 2.0, (40, 80))
    assert made.levels.min() > 60  # no black border is left
    assert made.chroma[:, :38, 0].min() > 0.1
    assert made.chroma[:, 42:, 1].min() > 0.1


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("aunt.png", ("aunt.png", None, None)),
        ("120@aunt.png", ("aunt.png", 120, None)),
        ("4.8s@a/b@c.png", ("a/b@c.png", None, 4.8)),
        ("1:02.5@aunt.png", ("aunt.png", None, 62.5)),
        ("1:01:02@aunt.png", ("aunt.png", None, 3662)),
        ("x120@aunt.png", ("x120@aunt.png", None, None)),
        ("120@", ("120@", None, None)),
    ],
)
def test_how_a_reference_for_a_frame_is_written(text: str, parts: tuple[Any, ...]) -> None:
    assert split_reference(text) == parts


def test_a_file_of_such_a_name_is_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("120@aunt.png").touch()
    assert split_reference("120@aunt.png") == ("120@aunt.png", None, None)


def test_a_film_is_coloured_after_its_still(seeing_model: Path, tmp_path: Path) -> None:
    film, levels = film_of(tmp_path / "reel.mkv", 20), texture(5)
    yuv = np.stack([levels, np.full_like(levels, 128), np.full_like(levels, 128)], axis=-1)
    yuv[:, : levels.shape[1] // 2, 1] = yuv[:, levels.shape[1] // 2 :, 2] = 160
    cv2.imwrite(str(tmp_path / "still.png"), cv2.cvtColor(yuv, cv2.COLOR_YUV2BGR))
    plain = {"model": seeing_model, "runtime": "onnxruntime", "denoise": "off", "threads": 1}
    settings = VideoSettings(**plain, codec="ffv1", references=(f"5@{tmp_path / 'still.png'}",))
    colorize_video(film, tmp_path / "color.mkv", settings=settings)
    for _, blue, red in stored(tmp_path / "color.mkv")[3:8:2]:
        bluer = blue.astype(float) - red
        quarter = blue.shape[1] // 4
        # The small network knows little of what it sees, and its opinion counts where the motion is not sure.
        assert bluer[:, :quarter].mean() > bluer[:, -quarter:].mean() + 8
    for wrong, told in (({"memory": "off"}, "do not turn that off"), ({"start": 0.2}, "give a time")):
        with pytest.raises(SettingError, match=told):
            colorize_video(film, tmp_path / "no.mkv", settings=replace(settings, **wrong))
