"""Titles that are pictures, closed captions, and what cameras measure: kept in time, or told."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.packet import Packet

from media.video import clips
from media.video.coloring import colored

CAPTIONS = """Scenarist_SCC V1.0

00:00:00:05\t94ae 94ae 9420 9420 9470 9470 c845 4c4c 4f80 942f 942f

00:00:00:20\t942c 942c

"""


def segment(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + struct.pack(">H", len(content)) + content


def disc_titles(path: Path, *times: float) -> Path:
    """Write titles as Blu-ray discs have them: shown from the first time, gone at the second, shown again, ..."""
    written = b""
    for number, moment in enumerate(times):
        shown = number % 2 == 0
        screen = struct.pack(">HHBHBBBB", clips.WIDTH, clips.HEIGHT, 0x10, number, 0x80 * shown, 0, 0, shown)
        window = bytes([1, 0]) + struct.pack(">HHHH", 10, 40, 16, 8)
        parts = [segment(0x16, screen + struct.pack(">HBBHH", 0, 0, 0, 10, 40) * shown), segment(0x17, window)]
        if shown:
            rows = bytes([0, 0x90, 1, 0, 0]) * 8
            size = struct.pack(">I", len(rows) + 4)[1:] + struct.pack(">HH", 16, 8)
            parts += [segment(0x14, bytes([0, 0, 1, 235, 128, 128, 255]))]
            parts += [segment(0x15, struct.pack(">HBB", 0, 0, 0xC0) + size + rows)]
        for part in (*parts, segment(0x80, b"")):
            written += b"PG" + struct.pack(">II", round(90_000 * moment), 0) + part
    path.write_bytes(written)
    return path


def joined(film: Path, titles: Path, target: Path) -> Path:
    """Write a film's pictures and a file's titles as one."""
    with av.open(str(film)) as first, av.open(str(titles)) as second, av.open(str(target), "w") as output:
        pairs = [
            (source, output.add_stream_from_template(source.streams[0], opaque=True)) for source in (first, second)
        ]
        pairs[1][1].metadata["language"] = "eng"
        for source, stream in pairs:
            for packet in source.demux(source.streams[0]):
                if packet.size:
                    packet.stream = stream
                    packet.duration = packet.duration or (0 if titles.suffix == ".sup" else 100)
                    output.mux(packet)
    return target


def stored(path: Path) -> list[tuple[float, float, int]]:
    """Return when each of a file's titles begins, how long it lasts, and its bytes; without empty ones."""
    with av.open(str(path)) as container:
        (stream,) = container.streams.subtitles
        return [
            (
                round(float(packet.pts * packet.time_base), 2),
                round(float(packet.duration * packet.time_base), 2),
                packet.size,
            )
            for packet in container.demux(stream)
            if packet.size > 2
        ]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_closed_captions_of_a_track_become_titles_at_their_times(tmp_path, suffix):
    (tmp_path / "in.scc").write_text(CAPTIONS)
    source = joined(clips.write_clip(tmp_path / "film.mp4", frames=30), tmp_path / "in.scc", tmp_path / "in.mov")
    result, remarks = colored(source, tmp_path / f"out{suffix}")
    assert remarks == ()
    ((begin, lasts, _),) = stored(result.path)
    assert (begin, lasts) == (pytest.approx(0.17, abs=0.02), pytest.approx(0.5, abs=0.02))
    with av.open(str(result.path)) as container:
        (stream,) = container.streams.subtitles
        assert any(b"HELLO" in bytes(packet) for packet in container.demux(stream))


def test_titles_of_discs_are_kept_or_told(tmp_path):
    titles = disc_titles(tmp_path / "in.sup", 0.2, 0.6, 0.8, 1.0)
    source = joined(clips.write_clip(tmp_path / "film.mkv", frames=30), titles, tmp_path / "in.mkv")
    result, remarks = colored(source, tmp_path / "out.mkv")
    assert remarks == ()
    assert stored(result.path) == stored(source)
    _, remarks = colored(source, tmp_path / "out.mp4")
    assert remarks == ("subtitle (stream 1, hdmv_pgs_subtitle) cannot be held by .mp4 and is left out",)


@pytest.mark.parametrize(("times", "kept"), [((0.2, 0.6), [0.0, 0.2]), ((0.2,), [0.0]), ((0.1, 0.2), [0.0])])
def test_a_title_of_a_disc_stays_where_a_film_is_cut(tmp_path, times, kept):
    """It is shown until the next one, and nothing says how long."""
    titles = disc_titles(tmp_path / "in.sup", *times)
    source = joined(clips.write_clip(tmp_path / "film.mkv", frames=30), titles, tmp_path / "in.mkv")
    result, _ = colored(source, tmp_path / "out.mkv", start_pts=400)
    found = stored(result.path)
    assert [begin for begin, _, _ in found] == kept
    assert found[0][2] == stored(source)[len(times) - len(kept)][2]


def measured(path: Path) -> Path:
    """Write a film with what a GoPro measures beside each frame."""
    film = clips.write_clip(path.with_name("film.mp4"), frames=20)
    with av.open(str(film)) as source, av.open(str(path), "w") as output:
        picture = output.add_stream_from_template(source.streams.video[0], opaque=True)
        data = output.add_data_stream("bin_data")
        for packet in source.demux(video=0):
            if packet.size:
                said = Packet(b"DEVC" + bytes([packet.size % 256]) * 28)
                said.pts, said.dts, said.time_base, said.stream = packet.pts, packet.dts, packet.time_base, data
                packet.stream = picture
                output.mux([packet, said])
    return path


def read(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container:
        (stream,) = container.streams.data
        return [(packet.dts * packet.time_base, bytes(packet)) for packet in container.demux(stream) if packet.size]


def test_attachments_that_are_left_out_are_named(tmp_path):
    source = clips.write_clip(
        tmp_path / "in.mkv", before=lambda container, _: container.add_attachment("a.ttf", "x/y", b"f")
    )
    _, remarks = colored(source, tmp_path / "out.mp4")
    assert remarks == ("attachment (stream 1, a.ttf) cannot be held by .mp4 and is left out",)


def test_what_a_camera_measured_comes_along_or_is_told(tmp_path):
    source = measured(tmp_path / "in.mp4")
    result, remarks = colored(source, tmp_path / "out.mp4")
    assert remarks == ()
    assert len(read(source)) >= 15
    assert read(result.path) == read(source)
    _, remarks = colored(source, tmp_path / "out.mkv")
    assert remarks == ("data (stream 1, GoPro MET) cannot be held by .mkv and is left out",)
