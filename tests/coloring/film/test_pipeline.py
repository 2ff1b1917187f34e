"""A film's frames: in order, going on exactly where a killed run was, colours of their own kept, failures told."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinct.coloring.film import pipeline as film_module
from tinct.coloring.film.frames import FrameColorizer
from tinct.coloring.film.pipeline import Painted, Progress, paint_film
from tinct.coloring.film.smoothing import ASKED, Smoothing
from tinct.coloring.photo.colorizer import Colorizer
from tinct.errors import ModelError
from tinct.media.video.film import ColorTags, Fields, Film
from tinct.media.video.form import FrameForm
from tinct.media.video.read import Frame, Problems

HEIGHT, WIDTH = 64, 96
FORM = FrameForm(
    luma_shape=(HEIGHT, WIDTH),
    depth=8,
    full_range=False,
    matrix="bt601",
    area=(0, HEIGHT, 0, WIDTH),
    chroma_shape=(HEIGHT // 2, WIDTH // 2),
    chroma_depth=8,
)
FILM = Film(
    path=Path("film.mkv"),
    container="matroska",
    codec="ffv1",
    stream=0,
    width=WIDTH,
    height=HEIGHT,
    depth=8,
    pixel_format="yuv420p",
    rgb=False,
    grey=False,
    full_range=False,
    tags=ColorTags(),
    matrix_name="bt601",
    fields=Fields(),
    sample_aspect=Fraction(1),
    rotation=0,
    display_matrix=None,
    rate=Fraction(25),
    time_base=Fraction(1, 1000),
    frames=None,
    start=Fraction(0),
    start_pts=0,
    duration=None,
)


def scene(seed: int, count: int, *, colored: bool = False) -> list[tuple[np.ndarray, Any]]:
    """Planes of a textured picture that moves by a pixel a frame."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(30, 220, (HEIGHT // 8 + 1, WIDTH // 8 + count // 8 + 2))
    wide = np.kron(coarse, np.ones((8, 8))).astype(np.uint8)
    tints = np.kron(generator.integers(60, 200, (2, 4, 6)), np.ones((1, 8, 8))).astype(np.uint8)
    chroma = (tints[0], tints[1]) if colored else None
    return [(np.ascontiguousarray(wide[:HEIGHT, step : step + WIDTH]), chroma) for step in range(count)]


def frames(planes: Sequence[tuple[np.ndarray, Any]], first: int = 0) -> Generator[Frame, None, None]:
    for number, (luma, chroma) in enumerate(planes[first:], first):
        yield Frame(number=number, pts=40 * number, duration=40, luma=luma, chroma=chroma)


def painted(
    model: Path | FrameColorizer,
    planes: Sequence[tuple[np.ndarray, Any]],
    *,
    smoothing: str = "motion",
    since: Progress | None = None,
    recolor: bool = False,
    threads: int = 2,
) -> list[Painted | Progress]:
    if isinstance(model, Path):
        model = FrameColorizer(Colorizer(model, runtime="onnxruntime", denoise="off"), FORM)
    first = since.facts["given_to"] if since is not None else 0
    return list(
        paint_film(
            FILM,
            frames(planes, first),
            model,
            Smoothing.parse(smoothing),
            since=since,
            recolor=recolor,
            threads=threads,
            problems=Problems(),
        )
    )


def only_frames(items: list[Painted | Progress]) -> list[Painted]:
    return [item for item in items if isinstance(item, Painted)]


def assert_same(first: Sequence[Painted], second: Sequence[Painted]) -> None:
    assert [item.frame.number for item in first] == [item.frame.number for item in second]
    for one, other in zip(first, second, strict=True):
        assert all(np.array_equal(*pair) for pair in zip(one.planes, other.planes, strict=True)), one.frame.number


@pytest.mark.parametrize("smoothing", ["motion", "paper", "off"])
def test_a_killed_run_goes_on_exactly(tiny_model: Path, monkeypatch: pytest.MonkeyPatch, smoothing: str) -> None:
    monkeypatch.setattr(film_module, "PART_FRAMES", 4)
    planes = [*scene(1, 12), *[(np.full((HEIGHT, WIDTH), 16, np.uint8), None)] * 2, *scene(2, 13)]
    whole = painted(tiny_model, planes, smoothing=smoothing)
    breaks = [item for item in whole if isinstance(item, Progress)]
    assert len(breaks) >= 3
    assert [item.frame.number for item in only_frames(whole)] == list(range(27))
    for place in breaks[:-1]:
        rest = painted(tiny_model, planes, smoothing=smoothing, since=place)
        assert_same(only_frames(rest), only_frames(whole)[place.facts["given_to"] :])
        assert isinstance(rest[-1], Progress)
        assert rest[-1].facts == breaks[-1].facts


def grainy(planes: Sequence[tuple[np.ndarray, Any]]) -> list[tuple[np.ndarray, Any]]:
    generator = np.random.default_rng(0)
    noisy = [np.clip(luma + generator.normal(0, 16, luma.shape), 16, 235).astype(np.uint8) for luma, _ in planes]
    return [(luma, None) for luma in noisy]


def test_a_killed_run_goes_on_exactly_in_a_grainy_film_too(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film_module, "PART_FRAMES", 4)
    colorizer = FrameColorizer(Colorizer(tiny_model, runtime="onnxruntime", size=96), FORM)
    planes = grainy([*scene(1, 12), *scene(2, 9)])
    whole = painted(colorizer, planes)
    breaks = [item for item in whole if isinstance(item, Progress)]
    assert "grain.sums" in breaks[0].arrays
    for place in breaks[:-1]:
        rest = painted(colorizer, planes, since=place)
        assert_same(only_frames(rest), only_frames(whole)[place.facts["given_to"] :])


def test_grain_is_kept_from_the_network_along_the_motion(tiny_model: Path) -> None:
    planes = scene(11, 14)
    lit: list[np.ndarray] = []

    class Watching(FrameColorizer):
        def answer(self, seen: np.ndarray) -> Any:
            lit.append(seen)
            return super().answer(seen)

    def shown(denoise: str) -> float:
        del lit[:]
        colorizer = Colorizer(tiny_model, runtime="onnxruntime", size=96, denoise=denoise)
        painted(Watching(colorizer, FORM), grainy(planes), threads=1)
        truth = FrameColorizer(colorizer, FORM)
        clean = [truth.look(luma).seen for luma, _ in planes]
        return float(
            np.mean([np.abs(seen - luma).mean() for seen, luma in zip(lit[6 // ASKED :], clean[6::ASKED], strict=True)])
        )

    assert shown("auto") < 0.5 * shown("off")


def test_how_many_threads_makes_no_difference(tiny_model: Path) -> None:
    planes = scene(3, 10)
    assert_same(
        only_frames(painted(tiny_model, planes, threads=1)), only_frames(painted(tiny_model, planes, threads=4))
    )


def test_the_second_shot_knows_nothing_of_the_first(tiny_model: Path) -> None:
    alone = only_frames(painted(tiny_model, scene(5, 10)))
    after = painted(tiny_model, [*scene(4, 9), *scene(5, 10)])
    assert [shot["frame"] for shot in after[-1].facts["shots"]] == [0, 9]  # type: ignore[union-attr]
    for one, other in zip(alone, only_frames(after)[9:], strict=True):
        assert all(np.array_equal(*pair) for pair in zip(one.planes, other.planes, strict=True))


@pytest.mark.parametrize(("cut", "asked"), [(9, 7), (10, 8)])
def test_a_shot_learns_from_itself_alone_wherever_it_begins(tiny_model: Path, cut: int, asked: int) -> None:
    questions: list[np.ndarray] = []

    class Watching(FrameColorizer):
        def answer(self, seen: np.ndarray) -> Any:
            questions.append(seen)
            return super().answer(seen)

    colorizer = Watching(Colorizer(tiny_model, runtime="onnxruntime", denoise="off"), FORM)
    one = painted(colorizer, [*scene(4, cut), *scene(5, 20 - cut)], threads=1)
    assert len(questions) == asked  # every third frame, and the first of the shot where it lies between
    other = painted(colorizer, [*scene(6, cut), *scene(5, 20 - cut)], threads=1)
    for result in (one, other):
        assert [shot["frame"] for shot in result[-1].facts["shots"]] == [0, cut]  # type: ignore[union-attr]
    assert_same(only_frames(one)[cut:], only_frames(other)[cut:])


def test_shots_with_colours_of_their_own_keep_them(tiny_model: Path) -> None:
    planes = [*scene(6, 8), *scene(7, 8, colored=True), *scene(8, 8)]
    result = painted(tiny_model, planes)
    shots = result[-1].facts["shots"]  # type: ignore[union-attr]
    assert [(shot["frame"], shot["colored"]) for shot in shots] == [(0, False), (8, True), (16, False)]
    for item in only_frames(result):
        own = item.frame.chroma is not None and all(map(np.array_equal, item.planes, item.frame.chroma))
        assert own == (8 <= item.frame.number < 16)
    anew = only_frames(painted(tiny_model, planes, recolor=True))
    assert not any(np.array_equal(item.planes[0], planes[8][1][0]) for item in anew)


def test_a_blank_frame_stays_without_colour(tiny_model: Path) -> None:
    planes = [*scene(9, 6), (np.full((HEIGHT, WIDTH), 20, np.uint8), None), *scene(9, 6)]
    result = only_frames(painted(tiny_model, planes))
    assert all((plane == 128).all() for plane in result[6].planes)
    assert (result[7].planes[0] != 128).any()


class Failing(FrameColorizer):
    """A network that fails on some frames."""

    def answer(self, seen: np.ndarray) -> Any:
        if round(float(seen[0, 0]) * 255) == 77:
            raise ModelError("the network failed")
        return super().answer(seen)


def test_a_frame_on_which_the_network_fails_is_told_and_coloured(tiny_model: Path) -> None:
    planes = scene(10, 9)
    for luma, _ in planes:
        luma[:8, :8] = 90
    planes[3][0][:8, :8] = 82  # 77 of 255 in limited range
    colorizer = Failing(Colorizer(tiny_model, runtime="onnxruntime", denoise="off", size=96), FORM)
    result = painted(colorizer, planes)
    assert [item.frame.number for item in only_frames(result)] == list(range(9))
    problems = result[-1].facts["problems"]  # type: ignore[union-attr]
    assert problems == ["at 0:00:00.1: the network failed on 1 frame, which got the colours of its neighbours"]
    u, v = only_frames(result)[3].planes
    before = only_frames(result)[2].planes
    assert (u != 128).mean() > 0.5
    assert np.abs(u.astype(int) - before[0]).mean() < 6
    assert np.abs(v.astype(int) - before[1]).mean() < 6
