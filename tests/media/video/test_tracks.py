"""All that a film's file holds beside its pictures: as it was, in sync, or refused with a way out."""

from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from media.video import clips
from media.video.coloring import colored
from tinct.errors import OutputError, SettingError
from tinct.media.video.mux import check_target
from tinct.media.video.probe import open_film
from tinct.media.video.read import read_frames
from tinct.media.video.recipe import choose_recipe

H, W = clips.HEIGHT, clips.WIDTH


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_sound_subtitles_chapters_and_notes_come_along(tmp_path, suffix):
    def chapters(container, stream):
        container.set_chapters(
            [
                {"id": 1, "start": 0, "end": 700, "time_base": Fraction(1, 1000), "metadata": {"title": "Eins"}},
                {"id": 2, "start": 700, "end": 1600, "time_base": Fraction(1, 1000), "metadata": {"title": "Zwei"}},
            ]
        )

    bare = clips.write_clip(tmp_path / "bare.mp4", before=chapters)
    font = bytes(range(256)) * 3
    sounds = [("aac", "deu"), ("ac3" if suffix == ".mov" else "flac", "eng")]
    source = clips.add_tracks(bare, tmp_path / "in.mkv", sounds=sounds, subtitles=clips.SUBTITLES, attachment=font)
    result, remarks = colored(source, tmp_path / f"out{suffix}", note="colorized by tinct")
    film = open_film(source)
    for number in range(2):
        before, after = (clips.packets_of(path, "audio", number) for path in (source, result.path))
        assert [data for _, data in after] == [data for _, data in before]
        assert max(abs(new - old) for (new, _), (old, _) in zip(after, before, strict=True)) < Fraction(1, 1000)
    assert [track.codec for track in result.audio] == [track.codec for track in film.audio]
    chapters = [(float(part.start), float(part.end), dict(part.notes)["title"]) for part in result.chapters]
    assert chapters == [(0, 0.7, "Eins"), (0.7, 1.6, "Zwei")]
    with av.open(str(result.path)) as container:
        notes = {name.lower(): value for name, value in container.metadata.items()}
        assert notes["title"] == "Ein Film"
        assert notes["comment"] == "found in an attic\ncolorized by tinct"
        flags = [stream.disposition for stream in container.streams.audio]
        with av.open(str(source)) as old:
            assert flags == [stream.disposition for stream in old.streams.audio]
        if suffix == ".mkv":
            assert [stream.data for stream in container.streams.attachments] == [font]
    texts = clips.packets_of(result.path, "subtitles")
    if suffix == ".mkv":
        assert [track.language for track in result.audio] == ["deu", "eng"]
        assert texts == clips.packets_of(source, "subtitles")
        assert remarks == ()
    else:
        shown = [(float(time), data[2:].split(b"\0")[0]) for time, data in texts if len(data) > 2]
        assert shown == [(0.1, b"Hallo Welt"), (0.7, b"Zwei\nZeilen")]
        assert [track.codec for track in result.subtitles] == ["mov_text"]
        assert remarks == (f"attachment (stream 4, font.ttf) cannot be held by {suffix} and is left out",)


def test_sound_that_a_container_cannot_hold_is_refused_with_a_way_out(tmp_path):
    source = clips.add_tracks(clips.write_clip(tmp_path / "bare.mp4"), tmp_path / "in.mkv", sounds=[("aac", "deu")])
    film = open_film(source)
    target = tmp_path / "out.webm"
    recipe = choose_recipe(film, target, preset="8")
    words = (
        r"its sound \(aac, stream 1\) cannot be held by \.webm; write \.mp4 or \.mov or \.m4v or \.mkv, or encode it"
    )
    with pytest.raises(OutputError, match=words):
        check_target(film, target, recipe)
    spoken = clips.add_tracks(tmp_path / "bare.mp4", tmp_path / "pcm.mkv", sounds=[("pcm_s16le", "deu")])
    with pytest.raises(
        OutputError, match=r"pcm_s16le, stream 1\) cannot be held by \.mp4; write \.mov or \.mkv, or encode"
    ):
        check_target(open_film(spoken), tmp_path / "out.mp4", choose_recipe(film, "a.mp4"))
    with pytest.raises(SettingError, match="sound is one of copy, encode, none, not loud"):
        check_target(film, target, recipe, sound="loud")
    result, _ = colored(source, target, preset="8", sound="encode")
    assert [track.codec for track in result.audio] == ["opus"]
    with av.open(str(target)) as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    with av.open(str(source)) as container:
        meant = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    # The same tone, in sync: the best shift of one against the other is less than a frame.
    length = 40_000
    shifts = range(-240, 241, 8)
    errors = [np.abs(heard[1000 + shift : length + shift] - meant[1000:length]).mean() for shift in shifts]
    assert abs(list(shifts)[int(np.argmin(errors))]) < 120
    assert min(errors) < 0.05
    target.unlink()
    silent, _ = colored(source, target, preset="8", sound="none")
    assert silent.audio == ()


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_cut_film_keeps_its_sync(tmp_path, suffix):
    bare = clips.write_clip(tmp_path / "bare.mp4", frames=75)
    titles = clips.SUBTITLES.replace("00:00:01,200", "00:00:09,000")
    source = clips.add_tracks(bare, tmp_path / "in.mkv", sounds=[("flac", "eng")], subtitles=titles, seconds=3)
    film = open_film(source)
    start, end = film.pts_at(1), film.pts_at(2.2)
    result, _ = colored(source, tmp_path / f"out{suffix}", start_pts=start, end_pts=end)
    times = [frame.pts * result.time_base for frame in read_frames(result)]
    assert times == [Fraction(number, 25) for number in range(30)]
    before = {data: time for time, data in clips.packets_of(source, "audio")}
    after = clips.packets_of(result.path, "audio")
    assert all(abs(time - (before[data] - 1)) < Fraction(1, 500) for time, data in after)
    assert 0 <= after[0][0] < Fraction(1, 10)
    assert abs(after[-1][0] - Fraction(6, 5)) < Fraction(3, 25)
    with av.open(str(result.path)) as container:
        (title,) = [packet for packet in container.demux(subtitles=0) if packet.size > 2]
        assert (title.pts, title.duration * title.time_base) == (0, Fraction(6, 5))
    assert (result.start, round(float(result.duration), 1)) == (0, 1.2)


@pytest.mark.parametrize(
    ("name", "codec", "sound", "suffix"),
    [
        ("in.avi", "mpeg4", "libmp3lame", ".mkv"),
        ("in.avi", "mpeg4", "libmp3lame", ".mp4"),
        ("in.avi", "mpeg4", "pcm_s16le", ".mkv"),
        ("in.ts", "libx264", "aac", ".mkv"),
        ("in.ts", "libx264", "aac", ".mp4"),
        ("in.mpg", "mpeg2video", "ac3", ".mp4"),
    ],
)
def test_old_kinds_of_files_keep_sound_and_sync(tmp_path, name, codec, sound, suffix):
    bare = clips.write_clip(tmp_path / "bare.mp4", codec=codec, max_b_frames=0)
    source = clips.add_tracks(bare, tmp_path / name, sounds=[(sound, "deu")])
    result, _ = colored(source, tmp_path / f"out{suffix}")
    before, after = (clips.packets_of(path, "audio") for path in (source, result.path))
    # The headers that broadcasts have before each packet of AAC have no place in other files.
    assert all(old.endswith(new) for (_, old), (_, new) in zip(before, after, strict=True))
    film = open_film(source)
    first = next(read_frames(film)).pts * film.time_base - before[0][0]
    assert abs(result.start_pts * result.time_base - after[0][0] - first) < Fraction(2, 1000)
    assert abs(result.start) < Fraction(3, 100)
    assert len(list(read_frames(result))) == 40


@pytest.mark.parametrize("codec", ["wmav2", "wmav1", "pcm_mulaw", "pcm_u8"])
def test_windows_kinds_of_sound_are_held_by_matroska(tmp_path, codec):
    source = tmp_path / ("in.wmv" if codec.startswith("wma") else "in.avi")
    with av.open(str(source), "w") as container:
        picture = container.add_stream("mpeg4", rate=25)
        picture.width, picture.height = W, H
        sound = container.add_stream(codec, rate=44100, layout="stereo")
        sound.metadata.update({"language": "deu", "title": "Ton"})
        if codec.startswith("wma"):
            sound.bit_rate = 128_000
        container.start_encoding()
        container.mux([*picture.encode(av.VideoFrame(W, H, "yuv420p")), *picture.encode(None)])
        resampler = av.AudioResampler(sound.codec_context.format, "stereo", 44100)
        wave = (0.3 * 32767 * np.sin(np.arange(44100) * (2 * np.pi * 440 / 44100))).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(wave, 2)[None], "s16", "stereo")
        frame.sample_rate, frame.pts = 44100, 0
        kept = av.AudioFifo()
        for piece in resampler.resample(frame):
            kept.write(piece)
        while (piece := kept.read(sound.codec_context.frame_size or 1024)) is not None:
            container.mux(sound.encode(piece))
        container.mux(sound.encode(None))
    result, remarks = colored(source, tmp_path / "out.mkv")
    assert remarks == ()
    (track,) = result.audio
    (own,) = open_film(source).audio
    assert (track.codec, track.language, track.title) == (codec, own.language, own.title)
    before, after = (clips.packets_of(path, "audio") for path in (source, result.path))
    assert [data for _, data in after] == [data for _, data in before]
    assert max(abs(new - old) for (new, _), (old, _) in zip(after, before, strict=True)) < Fraction(1, 1000)
    heard = []
    for path in (source, result.path):
        with av.open(str(path), options={"err_detect": "crccheck+explode"}) as container:
            heard.append(np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1))
    assert np.array_equal(*heard)
    with pytest.raises(OutputError, match=rf"its sound \({codec}, stream 1\) cannot be held by \.webm; write .*\.mkv"):
        check_target(open_film(source), tmp_path / "a.webm", choose_recipe(open_film(source), "a.webm"))


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
def test_time_codes_come_along(tmp_path, suffix):
    def tell(container, stream):
        stream.metadata["timecode"] = "01:00:00:00"

    result, remarks = colored(clips.write_clip(tmp_path / "in.mov", before=tell), tmp_path / f"out{suffix}")
    assert remarks == ()
    with av.open(str(result.path)) as container:
        said = {name.lower(): value for name, value in container.streams.video[0].metadata.items()}
        assert said["timecode"] == "01:00:00:00"


def test_what_old_windows_programs_wrote_is_read(tmp_path):
    source = tmp_path / "in.avi"
    with av.open(str(source), "w", metadata_encoding="latin-1") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height = W, H
        container.metadata["title"] = "Käse"
        container.mux([*stream.encode(av.VideoFrame(W, H, "yuv420p")), *stream.encode(None)])
    result, _ = colored(source, tmp_path / "out.mkv")
    with av.open(str(result.path)) as container:
        assert container.metadata["title"] == "Käse"


def test_sound_of_any_rate_and_channels_can_be_encoded(tmp_path):
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as container:
        picture = container.add_stream("ffv1", rate=25)
        picture.width, picture.height = W, H
        sound = container.add_stream("ac3", rate=44100)
        sound.layout = "5.1(side)"
        container.mux([*picture.encode(av.VideoFrame(W, H, "yuv420p")), *picture.encode(None)])
        for number in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((6, 1536), np.float32), "fltp", "5.1(side)")
            frame.sample_rate, frame.pts = 44100, 1536 * number
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    result, _ = colored(source, tmp_path / "out.webm", preset="8", sound="encode")
    with av.open(str(result.path)) as container:
        (stream,) = container.streams.audio
        assert (stream.codec_context.name, stream.rate, stream.layout.name) == ("opus", 48000, "5.1")


@pytest.mark.parametrize(
    ("suffix", "spelled"),
    [
        (".mkv", ["deu", "swe", "glg", "de"]),
        (".mp4", ["deu", "swe", "glg", "deu"]),
        (".mov", ["ger", "sve", None, "ger"]),
    ],
)
def test_languages_are_kept_or_told(tmp_path, suffix, spelled):
    languages = ("deu", "swe", "glg", "de")
    bare = clips.write_clip(tmp_path / "bare.mkv", codec="ffv1", frames=3)
    source = clips.add_tracks(bare, tmp_path / "in.mkv", sounds=[("ac3", name) for name in languages], seconds=0.2)
    result, remarks = colored(source, tmp_path / f"out{suffix}")
    assert [track.language for track in result.audio] == spelled
    assert remarks == (("the language glg (stream 3, ac3) cannot be recorded in .mov",) if suffix == ".mov" else ())
    if suffix == ".mov":  # and back
        assert colored(result.path, tmp_path / "back.mkv")[0].audio[1].language == "swe"


def test_a_cover_in_matroska_keeps_its_name(tmp_path):
    drawn = cv2.imencode(".jpg", clips.noise(1, (64, 64)))[1].tobytes()

    def cover(container, stream):
        container.add_attachment("small_cover.jpg", "image/jpeg", drawn)

    source = clips.write_clip(tmp_path / "in.mkv", codec="ffv1", frames=3, before=cover)
    for suffix in (".mkv", ".mp4"):
        result, remarks = colored(source, tmp_path / f"out{suffix}")
        assert remarks == ()
        (track,) = result.others
        assert (track.cover, track.codec) == (True, "mjpeg")
        with av.open(str(result.path)) as container:
            assert next(bytes(packet) for packet in container.demux(track.index)) == drawn
            if suffix == ".mkv":
                assert container.streams[track.index].metadata["filename"] == "small_cover.jpg"


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_covers_come_along_and_other_films_are_told(tmp_path, suffix):
    def cover(container, stream):
        picture = container.add_stream("mjpeg", rate=1)
        picture.width, picture.height, picture.pix_fmt = 64, 64, "yuvj420p"
        picture.disposition = av.stream.Disposition.attached_pic
        second = container.add_stream("mpeg4", rate=25)
        second.width, second.height = 32, 32
        container.mux([*picture.encode(av.VideoFrame(64, 64, "yuvj420p")), *picture.encode(None)])
        container.mux([*second.encode(av.VideoFrame(32, 32, "yuv420p")), *second.encode(None)])

    source = clips.write_clip(tmp_path / "in.mp4", before=cover)
    result, remarks = colored(source, tmp_path / f"out{suffix}")
    other = "a further film in the file (stream 1, mpeg4) is left out"
    if suffix == ".mov":
        assert remarks == (other, "the cover picture (stream 2, mjpeg) cannot be held by .mov and is left out")
        assert result.others == ()
        return
    assert remarks == (other,)
    (track,) = result.others
    assert (track.cover, track.codec) == (True, "mjpeg")
    kept = []
    for path in (source, result.path):
        with av.open(str(path)) as container:
            (stream,) = [
                stream for stream in container.streams if stream.disposition & av.stream.Disposition.attached_pic
            ]
            kept.append(next(bytes(packet) for packet in container.demux(stream)))
    assert kept[0] == kept[1]


def test_a_title_of_a_track_and_what_a_telephone_notes_come_along(tmp_path):
    whole = clips.add_tracks(clips.write_clip(tmp_path / "whole.mp4"), tmp_path / "loud.mp4", sounds=[("aac", "deu")])
    source = tmp_path / "in.mov"
    options = {"movflags": "+use_metadata_tags"}
    with av.open(str(whole)) as old, av.open(str(source), "w", container_options=options) as new:
        pairs = {stream.index: new.add_stream_from_template(stream, opaque=True) for stream in old.streams}
        pairs[1].metadata["title"] = "Kommentar"
        new.metadata["com.apple.quicktime.make"] = "Apple"
        for packet in old.demux():
            if packet.size:
                packet.stream = pairs[packet.stream_index]
                new.mux(packet)
    for suffix in (".mov", ".mkv"):
        colored(source, tmp_path / f"out{suffix}")
        with av.open(str(tmp_path / f"out{suffix}")) as container:
            notes = {name.lower(): text for name, text in container.metadata.items()}
            sound = container.streams.audio[0].metadata
            assert notes["com.apple.quicktime.make"] == "Apple"
            assert "Kommentar" in (sound.get("title"), sound.get("name"))


def test_what_no_result_holds_of_a_film_is_told(tmp_path):
    light = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    options = {"x265-params": f"log-level=none:pools=1:hdr10=1:master-display={light}:max-cll=1000,400"}
    path = clips.write_clip(tmp_path / "in.mkv", codec="libx265", form="yuv420p10le", frames=4, options=options)
    film = open_film(path)
    assert film.beside == ("HDR metadata",)
    assert (
        "what its frames hold besides pixels is left out: HDR metadata"
        in choose_recipe(film, tmp_path / "out.mkv").remarks
    )
