"""A film's part, encoded, in a file of its own: a header, the packets with their times, and a summary at the end.

None of FFmpeg's containers keeps packets of all codecs at the times of any film: NUT holds no ProRes and forgets how
long the last frame lasts, MOV holds neither FFV1 nor VP9, Matroska rounds to milliseconds. This one is read by nothing
but `mux`. What is not finished has no summary.

    tinct segment 1                          and a line end
    {"codec": "h264", ...}                   and a line end: codec, settings, time base, extradata
    B pts:q duration:q size:I, data          for each packet in the order of decoding; B is 1 for key frames, else 0
    2 0 0 size, {"frames": 240, ...}         the summary; and its size once more, I
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from tinct.errors import UnreadableError

_MAGIC = b"tinct segment 1\n"
_RECORD = struct.Struct(">BqqI")
_SIZE = struct.Struct(">I")
_SUMMARY = 2
# Headers are shorter than this.
_LONGEST_LINE = 1 << 20


class Coded(NamedTuple):
    """An encoded frame: its times in units of the segment's time base, whether it is a key frame, and its bytes."""

    pts: int
    duration: int
    key: bool
    data: bytes


@dataclass(frozen=True)
class Segment:
    """A finished segment.

    Attributes:
        path: its file.
        codec: name of its codec.
        settings: in words; segments of one film have the same.
        time_base: seconds of one unit of its times.
        extradata: what decoders need beforehand.
        frames: how many it holds.
        first_pts: of its first frame.
        last_pts: of its last frame.
        end_pts: when its last frame ends.
        delay: by how many frames decoding runs ahead of showing.
        crc: of all packets.
    """

    path: Path
    codec: str
    settings: str
    time_base: Fraction
    extradata: bytes
    frames: int
    first_pts: int
    last_pts: int
    end_pts: int
    delay: int
    crc: int

    def packets(self) -> Iterator[Coded]:
        """Read the packets in the order of decoding.

        Raises:
            UnreadableError: the file was changed since it was written.
        """
        crc = 0
        with self.path.open("rb") as file:
            file.seek(len(_MAGIC))
            file.readline(_LONGEST_LINE)
            while True:
                head = file.read(_RECORD.size)
                kind, pts, duration, size = _RECORD.unpack(head) if len(head) == _RECORD.size else (_SUMMARY, 0, 0, 0)
                if kind == _SUMMARY:
                    break
                data = file.read(size)
                crc = zlib.crc32(data, zlib.crc32(head, crc))
                yield Coded(pts, duration, bool(kind), data)
        if crc != self.crc:
            raise _unfinished(self.path)


class SegmentFile:
    """Writes a segment's file."""

    def __init__(self, file: BinaryIO, *, codec: str, settings: str, time_base: Fraction, extradata: bytes) -> None:
        """Write the header to an empty file."""
        self._file = file
        self._times: list[tuple[int, int]] = []
        self._crc = 0
        header = {
            "codec": codec,
            "settings": settings,
            "time_base": [time_base.numerator, time_base.denominator],
            "extradata": extradata.hex(),
        }
        file.write(_MAGIC + json.dumps(header).encode() + b"\n")

    def add(self, packet: Coded) -> None:
        """Write the packet that is decoded next."""
        head = _RECORD.pack(packet.key, packet.pts, packet.duration, len(packet.data))
        self._file.write(head)
        self._file.write(packet.data)
        self._crc = zlib.crc32(packet.data, zlib.crc32(head, self._crc))
        self._times.append((packet.pts, packet.duration))

    def finish(self) -> None:
        """Write the summary."""
        shown = {pts: number for number, (pts, _) in enumerate(sorted(self._times))}
        last, duration = max(self._times, default=(0, 0))
        summary: dict[str, Any] = {
            "frames": len(self._times),
            "first_pts": min(shown, default=0),
            "last_pts": last,
            "end_pts": last + duration,
            "delay": max((number - shown[pts] for number, (pts, _) in enumerate(self._times)), default=0),
            "crc": self._crc,
        }
        text = json.dumps(summary).encode()
        self._file.write(_RECORD.pack(_SUMMARY, 0, 0, len(text)) + text + _SIZE.pack(len(text)))


def open_segment(path: str | Path) -> Segment:
    """Read a segment's header and summary.

    Raises:
        UnreadableError: it is missing, unfinished, or something else.
    """
    place = Path(path)
    try:
        with place.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise _unfinished(place)
            header = json.loads(file.readline(_LONGEST_LINE))
            end = file.seek(0, os.SEEK_END) - _SIZE.size
            file.seek(max(0, end))
            (size,) = _SIZE.unpack(file.read(_SIZE.size))
            file.seek(max(0, end - size))
            summary = json.loads(file.read(size))
            return Segment(
                path=place,
                codec=header["codec"],
                settings=header["settings"],
                time_base=Fraction(*header["time_base"]),
                extradata=bytes.fromhex(header["extradata"]),
                **summary,
            )
    except OSError as error:
        raise UnreadableError(f"{place}: cannot be opened ({error.strerror or error}); let it be made anew") from error
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise _unfinished(place) from error


def _unfinished(path: Path) -> UnreadableError:
    return UnreadableError(f"{path}: is no finished part of a film, or damaged; delete it, and it is made anew")
