"""Frames come out exactly as they are stored, at the film's own times, from wherever reading begins."""

from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from media.video import clips
from photographs import photograph
from tinct.media.video import read
from tinct.media.video.planes import planes_of
from tinct.media.video.probe import open_film
from tinct.media.video.problems import Problems
from tinct.media.video.read import read_frames

H, W = clips.HEIGHT, clips.WIDTH


@pytest.mark.parametrize(
    ("form", "bits", "chroma"),
    [
        ("yuv420p", 8, (H // 2, W // 2)),
        ("yuv422p", 8, (H, W // 2)),
        ("yuv444p", 8, (H, W)),
        ("yuv411p", 8, (H, W // 4)),
        ("yuvj420p", 8, (H // 2, W // 2)),
        ("gray", 8, None),
        ("yuv420p10le", 10, (H // 2, W // 2)),
        ("yuv422p10le", 10, (H, W // 2)),
        ("yuv444p12le", 12, (H, W)),
        ("gray16le", 16, None),
    ],
)
def test_planes_come_as_they_are_stored(tmp_path, form, bits, chroma):
    def planes(number):
        shapes = [(H, W)] + ([chroma, chroma] if chroma else [])
        return [clips.noise(10 * number + index, shape, bits) for index, shape in enumerate(shapes)]

    codec = "mjpeg" if form == "yuvj420p" else "ffv1"
    path = clips.write_clip(tmp_path / "in.mkv", codec=codec, form=form, frames=3, planes=planes)
    film = open_film(path)
    assert (film.depth, film.pixel_format, film.grey, film.rgb) == (bits, form, chroma is None, False)
    assert film.full_range == (form in ("yuvj420p", "gray", "gray16le"))
    frames = list(read_frames(film))
    assert [frame.number for frame in frames] == [0, 1, 2]
    if codec == "mjpeg":
        for frame, stored in zip(frames, clips.stored_luma(path), strict=True):
            np.testing.assert_array_equal(frame.luma, stored)
        return
    for frame in frames:
        expected = planes(frame.number)
        for found, plane in zip((frame.luma, *(frame.chroma or ())), expected, strict=True):
            np.testing.assert_array_equal(found, plane)


@pytest.mark.parametrize("form", ["nv12", "uyvy422", "yuyv422", "p010le", "yuv420p10be", "y210le"])
def test_planes_of_packed_formats_are_exact_too(form):
    planar = {"nv12": "yuv420p", "p010le": "yuv420p10le", "yuv420p10be": "yuv420p10le", "y210le": "yuv422p10le"}
    bits = 10 if "10" in form else 8
    frame = av.VideoFrame(W, H, planar.get(form, "yuv422p"))
    high = H // 2 if "420" in frame.format.name else H
    expected = [clips.noise(index, shape, bits) for index, shape in enumerate([(H, W), (high, W // 2), (high, W // 2)])]
    clips.fill(frame, expected)
    packed = frame.reformat(format=form, src_color_range="JPEG", dst_color_range="JPEG")
    for found, plane in zip(planes_of(packed), expected, strict=True):
        np.testing.assert_array_equal(found, plane)


def test_grey_values_of_rgb_are_kept(tmp_path):
    grey = np.arange(H * W, dtype=np.uint8).reshape(H, W)
    color = np.random.default_rng(0).integers(0, 256, (H, W, 3), dtype=np.uint8)
    for number, picture in enumerate([np.repeat(grey[..., None], 3, 2), color]):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture[..., ::-1])
    film = open_film(tmp_path)
    assert film.rgb
    assert film.full_range
    assert (film.matrix_name, film.tags.matrix, film.tags.range) == ("bt601", 5, 2)
    first, second = read_frames(film)
    np.testing.assert_array_equal(first.luma, grey)
    assert (first.chroma[0] == 128).all()
    assert (first.chroma[1] == 128).all()
    values = color.astype(float)
    luma = values @ (0.299, 0.587, 0.114)
    np.testing.assert_allclose(second.luma, luma, atol=0.51)
    # JFIF: Cb = (B - Y) / 1.772, Cr = (R - Y) / 1.402, about 128.
    for plane, channel, scale in zip(second.chroma, (2, 0), (1.772, 1.402), strict=True):
        np.testing.assert_allclose(plane, np.clip((values[..., channel] - luma) / scale + 128, 0, 255), atol=1)


@pytest.mark.parametrize(
    ("name", "codec"), [("in.mkv", "libx264"), ("in.mp4", "libx264"), ("in.ts", "libx264"), ("in.gif", "gif")]
)
def test_uneven_times_are_kept(tmp_path, name, codec):
    form = "gray" if codec == "gif" else "yuv420p"
    base = Fraction(1, 100) if codec == "gif" else Fraction(1, 1000)
    path = clips.write_clip(tmp_path / name, codec=codec, form=form, times=clips.uneven, time_base=base)
    film = open_film(path)
    frames = list(read_frames(film))
    times = [frame.pts * film.time_base - film.start_pts * film.time_base for frame in frames]
    assert times == [clips.uneven(number) * base for number in range(40)]
    assert film.duration == pytest.approx(1600 * base, abs=0.1 * (base * 1000))


def test_films_without_times_are_counted(tmp_path):
    for name, codec, muxer in [
        ("a.avi", "mpeg4", None),
        ("b.avi", "libx264", None),
        ("c.avi", "mjpeg", None),
        ("d.264", "libx264", "h264"),
    ]:
        form = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        more = {"max_b_frames": 2} if codec == "mpeg4" else {}
        path = clips.write_clip(tmp_path / name, codec=codec, form=form, muxer=muxer, **more)
        film = open_film(path)
        frames = list(read_frames(film))
        assert [frame.pts * film.time_base for frame in frames] == [Fraction(number, 25) for number in range(40)], name
        for frame, stored in zip(frames, clips.stored_luma(path), strict=True):
            np.testing.assert_array_equal(frame.luma, stored[:H])


# Two frames a second, so that places in the middle are further from the beginning than is decoded before them.
SLOW = {"time_base": Fraction(1, 1000), "rate": Fraction(2), "frames": 40}
SLOW_TS = {"codec": "mpeg2video", "gop_size": 4, "max_b_frames": 2, "time_base": Fraction(1, 2), "frames": 90}
RESUMED = {
    "closed.mkv": {"codec": "libx264", "options": {"g": "4", "x264-params": "scenecut=0"}},
    "open.mp4": {"codec": "libx264", "options": {"g": "6", "x264-params": "open-gop=1:scenecut=0"}},
    "hevc.mkv": {"codec": "libx265", "options": {"x265-params": "keyint=6:min-keyint=6:open-gop=1:log-level=none"}},
    "broadcast.ts": {
        "codec": "mpeg2video",
        "gop_size": 4,
        "max_b_frames": 2,
        "time_base": Fraction(1, 2),
        "frames": 90,
    },
    "refresh.mkv": {"codec": "libx264", "options": {"g": "6", "x264-params": "intra-refresh=1"}},
    "long.mkv": {"codec": "libx264", "options": {"g": "250"}},
    "intra.mkv": {"codec": "ffv1", "options": {"g": "1"}},
    "web.webm": {"codec": "libvpx-vp9", "options": {"g": "5", "cpu-used": "8", "b": "0", "crf": "40"}},
    "loop.gif": {"codec": "gif", "form": "gray", "time_base": Fraction(1, 100)},
    "counted.avi": {"codec": "libx264", "options": {"g": "6"}, "time_base": Fraction(1, 2)},
}


@pytest.mark.parametrize(
    ("name", "interlaced"),
    [(name, False) for name in RESUMED] + [(name, True) for name in ("closed.mkv", "broadcast.ts", "intra.mkv")],
)
def test_reading_from_anywhere_gives_the_same_frames(tmp_path, name, interlaced, monkeypatch):
    settings = SLOW | RESUMED[name]
    ticks = settings["time_base"].denominator // 2
    spread = 7 if ticks >= 50 else 0
    settings["times"] = lambda number: number * ticks + spread * (number % 3)
    settings["planes"] = (
        (lambda number: (clips.woven(number),)) if interlaced else (lambda number: (clips.scene(number),))
    )
    film = open_film(clips.write_clip(tmp_path / name, **settings))
    assert film.interlaced == interlaced
    whole = list(read_frames(film))
    count = settings["frames"]
    assert len(whole) == count
    places = []
    decode = read.decode

    def watched(film, *, place, since, problems):
        places.append(place)
        return decode(film, place=place, since=since, problems=problems)

    monkeypatch.setattr(read, "decode", watched)
    for first in [*range(0, count, 7), count - 2, count - 1]:
        tail = list(read_frames(film, start_pts=whole[first].pts, start_number=first))
        assert [frame.number for frame in tail] == list(range(first, count))
        for frame, expected in zip(tail, whole[first:], strict=True):
            assert (frame.pts, frame.duration) == (expected.pts, expected.duration)
            np.testing.assert_array_equal(frame.luma, expected.luma)
            np.testing.assert_array_equal(frame.chroma or (), expected.chroma or ())
    from_the_middle = places[-1] is not None
    assert from_the_middle == (name not in ("refresh.mkv", "long.mkv", "loop.gif", "counted.avi"))


def test_reading_may_end_early_and_closes_the_file(tmp_path):
    film = open_film(clips.write_clip(tmp_path / "in.mkv"))
    assert [frame.number for frame in read_frames(film, start_pts=400, end_pts=600, start_number=10)] == [
        *range(10, 15)
    ]
    frames = read_frames(film)
    next(frames)
    frames.close()
    (tmp_path / "in.mkv").unlink()


@pytest.mark.parametrize("top_first", [True, False])
def test_interlaced_films_are_made_progressive(tmp_path, top_first):
    film = open_film(
        clips.write_clip(
            tmp_path / "in.mkv",
            codec="ffv1",
            planes=lambda number: (
                clips.woven(number, top_first=top_first),
                *[np.full((H // 2, W // 2), 99, np.uint8)] * 2,
            ),
        )
    )
    assert film.interlaced
    assert film.fields.top_first == top_first
    frames = list(read_frames(film))
    assert [frame.pts for frame in frames] == [40 * number for number in range(40)]
    for frame in frames[1:-1]:
        # The earlier moment's lines stay, the later one's are made anew to fit it.
        kept = 0 if top_first else 1
        np.testing.assert_array_equal(frame.luma[kept::2], clips.scene(frame.number)[kept::2])
        mean = np.abs(frame.luma.astype(int) - clips.scene(frame.number)).mean()
        assert mean < 0.25 * np.abs(clips.woven(frame.number).astype(int) - clips.scene(frame.number)).mean()
        assert (frame.chroma[0] == 99).all()


def test_ten_bits_are_deinterlaced_within_their_range(tmp_path):
    def planes(number):
        return ((clips.woven(number).astype(np.uint16) > 128) * np.uint16(1023),)

    path = clips.write_clip(tmp_path / "in.mkv", codec="ffv1", form="yuv420p10le", planes=planes)
    film = open_film(path)
    assert film.interlaced
    assert max(frame.luma.max() for frame in read_frames(film)) == 1023


def damage(path, place, count=1):
    """Overwrite packets of the first stream, headers of the container untouched."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        spans = [(packet.pos, packet.size) for packet in packets[place : place + count]]
        container_starts_packets_exactly = path.suffix in (".mp4", ".mov")
    data = bytearray(path.read_bytes())
    for start, size in spans:
        skip = 0 if container_starts_packets_exactly else 16
        data[start + skip : start + size] = bytes(size - skip)
    path.write_bytes(data)
    return [packet.pts for packet in packets[place : place + count]]


@pytest.mark.parametrize(("codec", "group"), [("libx264", 1), ("libx264", 8), ("mpeg4", 4), ("mjpeg", 1)])
def test_a_damaged_packet_is_told_and_passed(tmp_path, codec, group):
    form = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = clips.write_clip(tmp_path / "in.mp4", codec=codec, form=form, gop_size=group, max_b_frames=0)
    film = open_film(path)
    damage(path, 20)
    problems = Problems()
    frames = list(read_frames(film, problems=problems))
    assert [frame.number for frame in frames] == [*range(len(frames))]
    (line,) = map(str, problems.noted)
    assert line.startswith("at 0:00:00.8: 1 frame")
    assert len(frames) == 39 + ("errors" in line)
    times = [frame.pts * film.time_base * 25 for frame in frames]
    assert times == [number for number in range(40) if number != 20 or "errors" in line]
    later = Problems()
    assert len(list(read_frames(film, start_pts=frames[25].pts, problems=later))) == len(frames) - 25
    assert later.noted == ()


def test_a_damaged_packet_does_not_shift_counted_frames(tmp_path):
    path = clips.write_clip(tmp_path / "in.avi", codec="mjpeg", form="yuvj420p")
    film = open_film(path)
    damage(path, 20, 2)
    problems = Problems()
    frames = list(read_frames(film, problems=problems))
    assert (
        tuple(map(str, problems.noted)) == ("from 0:00:00.8 to 0:00:00.8: 2 frames could not be decoded",)
        or len(problems.noted) == 1
    )
    assert [frame.pts for frame in frames] == [number for number in range(40) if number not in (20, 21)]


@pytest.mark.parametrize("name", ["in.mkv", "in.mp4", "in.avi"])
def test_a_truncated_film_gives_what_is_left(tmp_path, name):
    options = {"movflags": "+faststart"} if name == "in.mp4" else {}
    path = clips.write_clip(
        tmp_path / name,
        codec="mjpeg",
        form="yuvj420p",
        frames=50,
        before=lambda container, stream: container.options.update(options),
    )
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    problems = Problems()
    frames = list(read_frames(open_film(path), problems=problems))
    assert 20 < len(frames) < 35
    assert any("cut off" in line for line in map(str, problems.noted)), problems.noted


def test_times_that_do_not_rise_are_told_and_moved(tmp_path):
    path = clips.write_clip(tmp_path / "in.mkv", codec="ffv1", times=lambda number: number - (number in (11, 12)))
    problems = Problems()
    film = open_film(path)
    times = [frame.pts for frame in read_frames(film, problems=problems)]
    assert times[9:15] == [360, 400, 401, 440, 520, 560]
    assert len(times) == 40
    assert [str(problem).split(": ", 1) for problem in problems.noted] == [
        [
            "at 0:00:00.4",
            "1 frame had the same time as the one before, or an earlier one, and got a slightly later time",
        ]
    ]


def test_a_damaged_end_costs_no_frame_before_it(tmp_path):
    path = clips.write_clip(tmp_path / "in.mkv", gop_size=8, max_b_frames=2)
    film = open_film(path)
    whole = [frame.luma for frame in read_frames(film)]
    damage(path, 39)
    problems = Problems()
    frames = list(read_frames(film, problems=problems))
    assert len(frames) >= 39
    assert all(np.array_equal(frame.luma, luma) for frame, luma in zip(frames[:38], whole, strict=False))


def test_frames_before_the_first_key_frame_are_told(tmp_path):
    path = clips.write_clip(tmp_path / "in.mkv", gop_size=16, max_b_frames=0)
    cut = tmp_path / "cut.mkv"
    with av.open(str(path)) as source, av.open(str(cut), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
        for number, packet in enumerate(source.demux(video=0)):
            if packet.size and number >= 5:
                packet.stream = stream
                target.mux(packet)
    problems = Problems()
    frames = list(read_frames(open_film(cut), problems=problems))
    assert (len(frames), frames[0].pts) == (24, 640)
    (line,) = map(str, problems.noted)
    assert "11 frames could not be decoded (the frames they depend on are missing" in line


def test_a_folder_of_pictures_is_a_film(tmp_path):
    pictures = {f"frame{number}.png": clips.noise(number, (H, W)) for number in (1, 2, 10, 9)}
    for name, values in pictures.items():
        cv2.imwrite(str(tmp_path / name), values)
    film = open_film(tmp_path)
    assert (film.rate, film.frames, film.full_range, film.grey) == (24, 4, True, True)
    assert [path.name for path in film.images] == ["frame1.png", "frame2.png", "frame9.png", "frame10.png"]
    frames = list(read_frames(film))
    assert [frame.pts * film.time_base for frame in frames] == [Fraction(number, 24) for number in range(4)]
    for frame, path in zip(frames, film.images, strict=True):
        np.testing.assert_array_equal(frame.luma, pictures[path.name])
    tail = list(read_frames(film, start_pts=2, start_number=2))
    assert [frame.number for frame in tail] == [2, 3]
    np.testing.assert_array_equal(tail[0].luma, frames[2].luma)
    film.images[1].write_bytes(b"nonsense")
    problems = Problems()
    assert [frame.pts for frame in read_frames(film, problems=problems)] == [0, 2, 3]
    assert tuple(map(str, problems.noted)) == (
        "at 0:00:00.0: 1 frame could not be decoded (the file is damaged there)",
    )
    assert open_film(tmp_path, rate=Fraction(24000, 1001)).time_base == Fraction(1001, 24000)


@pytest.mark.parametrize("suffix", [".tif", ".jpg"])
def test_deep_and_lossy_pictures_keep_their_luma(tmp_path, suffix):
    values = clips.noise(1, (H, W), 16 if suffix == ".tif" else 8)
    cv2.imwrite(str(tmp_path / f"1{suffix}"), values)
    film = open_film(tmp_path)
    (frame,) = read_frames(film)
    assert film.depth == (16 if suffix == ".tif" else 8)
    if suffix == ".tif":
        np.testing.assert_array_equal(frame.luma, values)
    else:
        # Another decoder's inverse transform rounds otherwise.
        np.testing.assert_allclose(frame.luma, cv2.imread(str(tmp_path / "1.jpg"), cv2.IMREAD_GRAYSCALE), atol=1)


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.mkv", "libx265"), ("a.mpg", "mpeg2video"), ("a.avi", "mpeg4"), ("a.webm", "libvpx-vp9")],
)
def test_a_photograph_panned_over_is_seen_in_every_usual_codec(tmp_path, name, codec):
    photo = photograph("camera")[..., 0]

    def planes(number):
        return (photo[100 : 100 + H, 150 + 4 * number : 150 + 4 * number + W],)

    film = open_film(clips.write_clip(tmp_path / name, codec=codec, frames=8, planes=planes, bit_rate=2_000_000))
    assert (film.height, film.width, film.interlaced) == (H, W, False)
    frames = list(read_frames(film))
    assert len(frames) == 8
    assert all(np.abs(frame.luma.astype(int) - planes(frame.number)[0]).mean() < 8 for frame in frames)
