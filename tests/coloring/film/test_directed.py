"""Settings of single shots: they hold from their first frame to their last, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from coloring.film.films import Paint, film_of, has_colors, same, stored, texture
from media.video import clips
from tinct.coloring.directions import ShotSettings
from tinct.coloring.film.colorize import colorize_video
from tinct.coloring.settings import VideoSettings
from tinct.errors import InputError, SettingError


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Two shots of 12 frames, with times that are not even."""

    def planes(number: int) -> tuple[np.ndarray]:
        return (texture(number, seed=1 + number // 12),)

    return clips.write_clip(tmp_path / "in.mkv", codec="ffv1", frames=24, planes=planes, times=lambda n: 2 * n + n % 2)


def is_neutral(planes: list[np.ndarray]) -> bool:
    return all(bool((plane == 128).all()) for plane in planes[1:])


def test_shots_have_settings_of_their_own(paint: Paint, film: Path, tmp_path: Path) -> None:
    plain = stored(paint(film, tmp_path / "plain.mkv", codec="ffv1").target)
    shots = (ShotSettings(frame=0, saturation=0), ShotSettings(frame=12, end=18, temperature=0.2))
    own = stored(paint(film, tmp_path / "own.mkv", codec="ffv1", shots=shots).target)
    assert all(map(is_neutral, own[:12]))
    assert not any(same([a], [b]) for a, b in zip(own[12:18], plain[12:18], strict=True))
    assert same(own[18:], plain[18:])
    late = paint(film, tmp_path / "late.mkv", codec="ffv1", shots=shots, start=0.5)
    vivid = stored(late.target)[-12:]
    assert not any(same([a], [b]) for a, b in zip(vivid[:6], plain[12:18], strict=True))
    # With the colours of the shot before forgotten, and the film cut, its last frames are those of the whole film.
    assert np.mean([np.abs(a[1].astype(int) - b[1]).mean() for a, b in zip(vivid[6:], plain[18:], strict=True)]) < 1


def test_a_shot_that_is_kept_stays_as_it_is_and_one_that_is_not_is_coloured(paint: Paint, tmp_path: Path) -> None:
    tint = [np.full((32, 48), value, np.uint8) for value in (90, 160)]
    spots = [plane.copy() for plane in tint]
    for plane in spots:
        plane[:16] = 128

    def planes(number: int) -> tuple[np.ndarray, ...]:
        return (texture(number, seed=1 + number // 12), *(spots if number < 12 else tint))

    film = film_of(tmp_path / "in.mkv", 24, planes=planes)
    shots = (ShotSettings(frame=0, keep=True), ShotSettings(frame=12, keep=False))
    result = stored(paint(film, tmp_path / "out.mkv", codec="ffv1", shots=shots).target)
    for planes_of in result[:12]:
        assert all(np.array_equal(plane, spot) for plane, spot in zip(planes_of[1:], spots, strict=True))
    assert all(has_colors(planes_of) for planes_of in result[12:])
    assert not any(np.array_equal(planes_of[1], tint[0]) for planes_of in result[12:])


def test_what_cannot_be_settled_is_told(film: Path, tmp_path: Path, tiny_model: Path, tiny_chroma_model: Path) -> None:
    for model, shot, error, said in (
        (
            tiny_model,
            ShotSettings(frame=24),
            InputError,
            r"in\.mkv: no shot can begin at frame 24, since it has only 24 frames",
        ),
        (tiny_chroma_model, ShotSettings(frame=0, temperature=1.0), SettingError, "has no temperature"),
    ):
        settings = VideoSettings(model=model, runtime="onnxruntime", shots=(shot,))
        with pytest.raises(error, match=said):
            colorize_video(film, tmp_path / "out.mkv", settings=settings)
