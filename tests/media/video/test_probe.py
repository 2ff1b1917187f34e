"""What a film is, every kind of file that is none, and some frames from all over a film."""

from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
import pyvips

from media.video import clips
from tinct.errors import InputError, SettingError, UnreadableError
from tinct.media.video.film import checked_rate, clock
from tinct.media.video.probe import open_film, sample_frames

H, W = clips.HEIGHT, clips.WIDTH
INTERLACED_FLAGS = (1 << 18) | (1 << 29)


def test_a_film_says_what_it_is(tmp_path):
    def tell(container, stream):
        stream.set_display_matrix(clips.QUARTER)
        container.set_chapters(
            [{"id": 1, "start": 0, "end": 700, "time_base": Fraction(1, 1000), "metadata": {"title": "Eins"}}]
        )

    path = clips.write_clip(
        tmp_path / "in.mp4",
        form="yuv420p10le",
        before=tell,
        sample_aspect_ratio=Fraction(16, 15),
        colorspace=6,
        color_primaries=5,
        color_trc=6,
        color_range=1,
    )
    film = open_film(str(path))
    assert (film.width, film.height, film.depth, film.pixel_format) == (W, H, 10, "yuv420p10le")
    assert (film.codec, film.rate, film.frames, film.time_base) == ("h264", 25, 40, Fraction(1, 12800))
    assert (film.tags.matrix, film.tags.primaries, film.tags.transfer, film.tags.range) == (6, 5, 6, 1)
    assert (film.matrix_name, film.full_range, film.rgb, film.grey) == ("bt601", False, False, False)
    assert (film.sample_aspect, film.rotation, film.display_matrix) == (Fraction(16, 15), -90, clips.QUARTER)
    assert (film.duration, film.video_end) == (Fraction(8, 5), Fraction(8, 5))
    (chapter,) = film.chapters
    assert (chapter.start, chapter.end, dict(chapter.notes)["title"]) == (0, Fraction(7, 10), "Eins")
    assert (film.pts_at(0.5), film.seconds_at(6400), film.pts_at(Fraction(1, 12801))) == (6400, Fraction(1, 2), 1)


@pytest.mark.parametrize(
    ("height", "matrix", "expected"),
    [(64, 2, "bt601"), (720, 2, "bt709"), (64, 1, "bt709"), (720, 5, "bt601"), (64, 9, "bt2020")],
)
def test_chroma_is_made_as_the_film_says_or_by_its_size(tmp_path, height, matrix, expected):
    path = clips.write_clip(tmp_path / "in.mkv", size=(W, height), planes=lambda _: (), frames=2, colorspace=matrix)
    film = open_film(path)
    assert (film.matrix_name, film.tags.matrix) == (expected, matrix)
    assert not film.full_range


def test_full_range_is_seen(tmp_path):
    assert open_film(clips.write_clip(tmp_path / "in.mkv", color_range=2, frames=2)).full_range


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
@pytest.mark.parametrize("top_first", [True, False])
@pytest.mark.parametrize("flagged", [True, False])
def test_interlaced_films_are_found(tmp_path, codec, top_first, flagged):
    path = clips.write_clip(
        tmp_path / ("in.mkv" if codec == "libx264" else "in.mpg"),
        codec=codec,
        planes=lambda number: (clips.woven(number, top_first=top_first),),
        options={"crf": "10"} if codec == "libx264" else {"b": "3000000"},
        flags=INTERLACED_FLAGS if flagged else 0,
    )
    fields = open_film(path).fields
    assert (fields.interlaced, fields.top_first, fields.flagged) == (True, top_first, flagged)


def test_films_that_claim_to_be_interlaced_and_are_not_stay_as_they_are(tmp_path):
    path = clips.write_clip(tmp_path / "in.mkv", flags=INTERLACED_FLAGS, options={"crf": "10"})
    assert not open_film(path).interlaced


@pytest.mark.parametrize("planes", [clips.scene, lambda _: clips.scene(0), lambda _: clips.woven(0)])
def test_progressive_and_still_films_are_not_taken_for_interlaced(tmp_path, planes):
    path = clips.write_clip(tmp_path / "in.mkv", planes=lambda number: (planes(number),))
    assert not open_film(path).interlaced or (planes(0) is not None and np.array_equal(planes(0), clips.woven(0)))


def test_a_flagged_still_is_believed(tmp_path):
    path = clips.write_clip(tmp_path / "in.mkv", flags=INTERLACED_FLAGS, planes=lambda _: (clips.scene(0),))
    assert open_film(path).interlaced


def write_sound(path, *, cover=False):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        if cover:
            picture = container.add_stream("mjpeg", rate=1)
            picture.width, picture.height, picture.pix_fmt = 64, 64, "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
            container.mux(picture.encode(av.VideoFrame(64, 64, "yuvj420p")))
            container.mux(picture.encode(None))
        for number in range(10):
            frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
            frame.sample_rate, frame.pts = 48000, 1024 * number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("missing.mp4", UnreadableError, "cannot be opened"),
        ("empty.mp4", UnreadableError, "is empty"),
        ("text.mp4", UnreadableError, "is not a film"),
        ("text.txt", UnreadableError, "is not a film"),
        ("list.mp4", UnreadableError, "is not a film"),
        ("subtitles.mp4", InputError, "no moving pictures"),
        ("sound.m4a", InputError, r"only sound \(1 tracks\)"),
        ("cover.mp4", InputError, "only sound"),
        ("picture.png", InputError, "tinct colorize$"),
        (
            "shot_0012.png",
            InputError,
            r"tinct colorize, or name all pictures of a film:  tinct video '.*shot_%04d\.png'",
        ),
        ("picture.jpg", InputError, "tinct colorize"),
        ("headless.mp4", UnreadableError, r"cut off before its index \(moov\) was written.*untrunc"),
        ("moving.webp", InputError, "animated WebP is not read as a film"),
        ("frameless.mp4", UnreadableError, "no frame that can be decoded"),
        ("packetless.mkv", UnreadableError, "is not a film that can be read, or is damaged"),
        ("unknown.avi", UnreadableError, "an unknown codec"),
        ("tiny.mkv", InputError, "too few"),
        ("folder", InputError, "holds no pictures"),
    ],
)
def test_what_is_no_film_is_refused_in_one_line(tmp_path, name, error, words):
    path = tmp_path / name
    whole = clips.write_clip(tmp_path / "whole.mp4")
    match name:
        case "empty.mp4":
            path.touch()
        case "text.mp4" | "text.txt":
            path.write_text("It was a dark and stormy night.\n" * 99)
        case "list.mp4":
            path.write_text("ffconcat version 1.0\nfile whole.mp4\n")
        case "subtitles.mp4":
            path.write_text("1\n00:00:01,000 --> 00:00:02,000\nHallo\n\n")
        case "sound.m4a" | "cover.mp4":
            write_sound(path, cover=name == "cover.mp4")
        case "picture.png" | "picture.jpg" | "shot_0012.png":
            cv2.imwrite(str(path), np.zeros((H, W), np.uint8))
        case "headless.mp4":
            path.write_bytes(whole.read_bytes()[:2000])
        case "moving.webp":
            still = pyvips.Image.black(W, H)
            moving = still.join(still + 99, "vertical").copy()
            moving.set_type(pyvips.GValue.gint_type, "page-height", H)
            moving.webpsave(str(path))
        case "frameless.mp4":
            data = whole.read_bytes()
            start = data.index(b"mdat") + 4
            end = data.index(b"moov") - 4
            path.write_bytes(data[:start] + bytes(end - start) + data[end:])
        case "packetless.mkv":
            clips.write_clip(path, frames=0, before=lambda container, stream: container.start_encoding())
        case "unknown.avi":
            old = clips.write_clip(path, codec="mpeg4").read_bytes()
            path.write_bytes(old.replace(b"FMP4", b"QQQQ"))
        case "tiny.mkv":
            clips.write_clip(path, size=(96, 8), planes=lambda _: ())
        case "folder":
            path.mkdir()
    with pytest.raises(error, match=words) as raised:
        open_film(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_folders_of_pictures_must_be_of_one_size_and_kind(tmp_path):
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((H, W), np.uint8))
    cv2.imwrite(str(tmp_path / "2.png"), np.zeros((H, W + 2), np.uint8))
    with pytest.raises(
        InputError, match=r"2\.png: has 98 x 64 pixels of 8 bits, but the first picture, 1\.png, has 96 x 64"
    ):
        open_film(tmp_path)
    cv2.imwrite(str(tmp_path / "2.png"), np.zeros((H, W), np.uint16))
    with pytest.raises(InputError, match=r"2\.png: has 96 x 64 pixels of 16 bits, but .* size and bits, or name"):
        open_film(tmp_path)
    (tmp_path / "2.png").unlink()
    clips.write_picture(tmp_path / "2.dpx", "dpx", "gbrp10be", np.zeros((H, W, 3), np.uint16))
    with pytest.raises(InputError, match=r"2\.dpx: has 96 x 64 pixels of 10 bits"):
        open_film(tmp_path)
    (tmp_path / "1.png").write_bytes(b"nonsense")
    with pytest.raises(UnreadableError, match=r"1\.png: is not a picture"):
        open_film(tmp_path)
    with pytest.raises(SettingError, match="above 0"):
        open_film(tmp_path, rate=0)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [(24, 24), (23.976, Fraction(24000, 1001)), (29.97, Fraction(30000, 1001)), (16.67, Fraction(1667, 100)), (18, 18)],
)
def test_rates_are_meant_exactly(asked, meant):
    assert checked_rate(asked) == meant


def test_senseless_rates_and_ways_are_refused(tmp_path):
    path = clips.write_clip(tmp_path / "in.mkv", frames=2)
    with pytest.raises(SettingError, match="above 0"):
        open_film(path, rate=-1)
    with pytest.raises(SettingError, match="deinterlace is one of auto, off, single, double, film, not 'yes'"):
        open_film(path, deinterlace="yes")


def test_times_read_as_people_write_them():
    assert [clock(seconds) for seconds in (0, 12.44, 59.96, 3723.5, -1)] == [
        "0:00:00.0",
        "0:00:12.4",
        "0:01:00.0",
        "1:02:03.5",
        "-0:00:01.0",
    ]


def shades(path, frames, **options):
    """A film of which each frame has a luma of its own."""
    planes = lambda number: (np.full((H, W), 20 + number // 2, np.uint8),)  # noqa: E731
    return clips.write_clip(path, frames=frames, planes=planes, options={"crf": "1", "sc_threshold": "0"}, **options)


def levels(path, count):
    return [round(float(luma.mean())) for luma, _ in sample_frames(open_film(path), count)]


def test_a_long_film_gives_its_key_frames_once_each(tmp_path):
    path = shades(tmp_path / "long.mp4", 400, gop_size=50)
    assert levels(path, 24) == [20 + 25 * number for number in range(8)]
    assert levels(path, 4) == [20, 70, 120, 170]


def test_a_short_film_is_read_from_the_beginning(tmp_path):
    path = shades(tmp_path / "short.mp4", 48, gop_size=250)
    assert levels(path, 12) == [20 + 2 * number for number in range(12)]
    assert len(levels(path, 100)) == 48


def test_a_damaged_film_gives_what_there_is(tmp_path):
    path = shades(tmp_path / "cut.mkv", 48, gop_size=8)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = levels(path, 12)
    assert 1 <= len(found) < 12
    assert found[0] == 20


def test_a_folder_of_pictures_gives_some(tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(10):
        cv2.imwrite(str(folder / f"{number}.png"), np.full((40, 60), 10 * number, np.uint8))
    (folder / "4.png").write_bytes((folder / "4.png").read_bytes()[:30])
    assert levels(folder, 5) == [0, 20, 60, 80]
