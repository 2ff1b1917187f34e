"""A film's hints follow the motion both ways, stop at cuts and where the thing is lost, and survive a killed run."""

import json
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from media.video import clips
from tinct.coloring.film import pipeline as film_module
from tinct.coloring.film.colorize import colorize_video
from tinct.coloring.film.frames import FrameColorizer
from tinct.coloring.film.hints import follow_hints
from tinct.coloring.hints.hint import FilmHint, load_film_hints, parse_film_hint, parse_hint
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.settings import VideoSettings
from tinct.errors import InputError, SettingError
from tinct.media.video.form import FrameForm, picture_area
from tinct.media.video.probe import open_film

HEIGHT, WIDTH = clips.HEIGHT, clips.WIDTH


def planes_of(*, cut=None, step=1):
    """A bright textured square that moves by `step` pixels a frame over a dark ground; another picture from `cut`."""
    rng = np.random.default_rng(0)
    ground = rng.integers(40, 60, (HEIGHT, WIDTH)).astype(np.uint8)
    square = rng.integers(150, 200, (24, 24)).astype(np.uint8)
    other = np.kron(rng.integers(40, 216, (HEIGHT // 8 + 1, WIDTH // 8 + 1)), np.ones((8, 8))).astype(np.uint8)

    def planes(number):
        if cut is not None and number >= cut:
            return (np.ascontiguousarray(other[:HEIGHT, :WIDTH]),)
        picture = ground.copy()
        left = 8 + step * number
        picture[20:44, left : left + 24] = square[:, : max(0, WIDTH - left)]
        return (picture,)

    return planes


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("hints") / "film.mkv"
    clips.write_clip(path, frames=30, codec="ffv1", planes=planes_of(cut=20))
    return path


def hint(x, y, **when):
    return FilmHint(hint=parse_hint(f"{x},{y}=#c02020"), **when)


def tracks_of(path, tiny_model, *hints):
    film = open_film(path)
    form = FrameForm.of(film, area=picture_area(film), chroma_shape=(film.height // 2, film.width // 2))
    colorizer = FrameColorizer(Colorizer(tiny_model, runtime="onnxruntime", size=64, threads=1), form)
    return film, follow_hints(film, hints, colorizer)


def test_a_hint_goes_along_both_ways_and_stops_at_the_cut(clip, tiny_model):
    film, tracks = tracks_of(clip, tiny_model, hint(8 + 10 + 12, 32, frame=10))
    seen = sorted(tracks.places)
    numbers = [round((film.seconds_at(pts) - film.start) * film.rate) for pts in seen]
    assert numbers == list(range(20))
    for number, pts in zip(numbers, seen, strict=True):
        (points,) = tracks.at(pts).lines
        np.testing.assert_allclose(points[0] * (WIDTH, HEIGHT), (8 + number + 12.5, 32.5), atol=3)
    assert tracks.at(-1) is None


def test_time_names_a_frame_as_well(clip, tiny_model):
    film = open_film(clip)
    _, tracks = tracks_of(clip, tiny_model, hint(30, 32, seconds=float(Fraction(10) / film.rate)))
    _, same = tracks_of(clip, tiny_model, hint(30, 32, frame=10))
    assert sorted(tracks.places) == sorted(same.places)
    assert tracks.begins == same.begins


def test_what_lies_outside_or_after_the_end_is_named(clip, tiny_model):
    with pytest.raises(InputError, match=r"hint 30,32.*the film ends before frame 30"):
        tracks_of(clip, tiny_model, hint(30, 32, frame=30))
    with pytest.raises(InputError, match="outside the picture"):
        tracks_of(clip, tiny_model, hint(WIDTH, 0, frame=0))


def paint(path, target, tiny_model, *hints, **options):
    settings = VideoSettings(
        model=tiny_model,
        runtime="onnxruntime",
        denoise="off",
        threads=2,
        size=64,
        hints=hints,
        overwrite=True,
        codec="ffv1",
    )
    return colorize_video(path, target, settings=settings, **options)


def chroma_of(path):
    """Give Y, U and V of each frame as they are stored, U and V enlarged to the size of Y."""
    frames = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            planes = [np.frombuffer(plane, np.uint8).reshape(plane.height, -1) for plane in frame.planes]
            luma, *rest = [
                values[:, : plane.width].astype(int) for values, plane in zip(planes, frame.planes, strict=True)
            ]
            frames.append(np.stack([luma, *(np.kron(plane, np.ones((2, 2), int)) for plane in rest)]))
    return frames


def test_the_colour_is_where_the_thing_is_and_nowhere_after_the_cut(clip, tiny_model, tmp_path):
    paint(clip, tmp_path / "plain.mkv", tiny_model)
    paint(clip, tmp_path / "hinted.mkv", tiny_model, hint(30, 32, frame=10))
    plain, hinted = chroma_of(tmp_path / "plain.mkv"), chroma_of(tmp_path / "hinted.mkv")
    for number in (0, 10, 19):
        left = 8 + number
        inside = np.s_[28:36, left + 8 : left + 16]
        assert hinted[number][2][inside].mean() > plain[number][2][inside].mean() + 15
        far = np.s_[:, (left + 60) % WIDTH :] if left + 60 < WIDTH else np.s_[54:, :6]
        assert np.abs(hinted[number][2][far] - plain[number][2][far]).mean() < 6
        np.testing.assert_array_equal(hinted[number][0], plain[number][0])
    for number in range(20, 30):
        np.testing.assert_array_equal(hinted[number], plain[number])


def test_a_killed_run_goes_on_to_the_same_film(clip, tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr(film_module, "PART_FRAMES", 7)
    given = hint(30, 32, frame=12)
    paint(clip, tmp_path / "whole.mkv", tiny_model, given)

    def stop(done, total):
        if done >= 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        paint(clip, tmp_path / "resumed.mkv", tiny_model, given, on_frame=stop)
    result = paint(clip, tmp_path / "resumed.mkv", tiny_model, given)
    assert result.resumed >= 7
    for one, other in zip(chroma_of(tmp_path / "whole.mkv"), chroma_of(tmp_path / "resumed.mkv"), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(KeyboardInterrupt):
        paint(clip, tmp_path / "other.mkv", tiny_model, given, on_frame=stop)
    assert paint(clip, tmp_path / "other.mkv", tiny_model, hint(30, 32, frame=11)).resumed == 0


def test_files(tmp_path):
    path = tmp_path / "hints.json"
    path.write_text(
        json.dumps([{"x": 1, "y": 2, "color": "#fff", "frame": 3}, {"x": 1, "y": 2, "color": "#fff", "time": 2}])
    )
    first, second = load_film_hints(path)
    assert (first.frame, first.seconds, second.frame, second.seconds) == (3, None, None, 2.0)
    base = {"x": 1, "y": 2, "color": "#fff"}
    for wrong, message in (
        ({}, "either a frame or a time"),
        ({"frame": 1, "time": 1}, "either a frame or a time"),
        ({"frame": -1}, "count from 0"),
        ({"frame": 1.5}, "a whole number"),
        ({"time": "1"}, "a number of seconds"),
        ({"frames": 1}, "unknown: frames"),
    ):
        path.write_text(json.dumps([base | wrong]))
        with pytest.raises(InputError, match=f"hint 1.*{message}"):
            load_film_hints(path)
    for wrong in ([], [3], {"a": 1}):
        path.write_text(json.dumps(wrong))
        with pytest.raises(InputError, match="hint"):
            load_film_hints(path)
    with pytest.raises(InputError, match=r"must be a \.json file"):
        load_film_hints(tmp_path / "hints.png")
    with pytest.raises(SettingError):
        FilmHint(hint=parse_hint("1,2=#fff"))


@pytest.mark.parametrize(
    ("text", "frame", "seconds"),
    [("120@1,2=#fff", 120, None), (" 4.8s@25%,60%=#b03020", None, 4.8), ("1:02.5@1,2 3,4=#fff", None, 62.5),
     ("1:00:03@1,2=#fff", None, 3603.0)],
)  # fmt: skip
def test_hints_on_the_command_line(text, frame, seconds):
    given = parse_film_hint(text)
    assert (given.frame, given.seconds) == (frame, seconds)
    assert given.hint == parse_hint(text.partition("@")[2])


@pytest.mark.parametrize(
    ("text", "said"),
    [("1,2=#fff", "needs a frame or a time"), ("-1@1,2=#fff", "needs a frame"), ("4.8@1,2=#fff", "needs a frame"),
     ("3@1,2", "must have the form X,Y"), ("3@1,2=red", "is not a colour"), ("3@1,2=#fff:darken", "leave darken out")],
)  # fmt: skip
def test_a_wrong_hint_on_the_command_line_is_told(text, said):
    with pytest.raises(SettingError, match=said):
        parse_film_hint(text)


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_places_are_those_of_the_upright_picture(clip, tiny_model, rotation):
    stored = np.zeros((HEIGHT, WIDTH))
    stored[30, 20] = 1
    upright = np.rot90(stored, rotation // 90)  # as players show it
    row, column = (int(places[0]) for places in np.nonzero(upright))
    film = replace(open_film(clip), rotation=rotation)
    form = FrameForm.of(film, area=picture_area(film), chroma_shape=(film.height // 2, film.width // 2))
    colorizer = FrameColorizer(Colorizer(tiny_model, runtime="onnxruntime", size=64, threads=1), form)
    given = FilmHint(hint=replace(parse_hint(f"{column},{row}=#c02020"), width=8), frame=0)
    placed = follow_hints(film, [given], colorizer).at(0)
    assert np.allclose(placed.lines[0] * (WIDTH, HEIGHT), (20.5, 30.5))
    assert placed.widths[0] * WIDTH == pytest.approx(8)
