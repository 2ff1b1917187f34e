"""A film's part, encoded, in a file of its own: a zip archive of the packets and of what is known of them.

None of FFmpeg's containers keeps packets of all codecs at the times of any film: NUT holds no ProRes and forgets how
long the last frame lasts, MOV holds neither FFV1 nor VP9, Matroska rounds to milliseconds. This one is read by `mux`
alone. Zip keeps a checksum of each packet, and an unfinished archive has no directory.

    0, 1, 2 ...    the packets in the order of decoding
    about          JSON: codec, settings, time base, extradata, and each packet's pts, duration and whether it is a key
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from tinct.errors import UnreadableError

_ABOUT = "about"


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
        settings: in words; segments of one film have the same.
        extradata: what decoders need beforehand.
        times: pts, duration and whether it is a key frame, of each packet in the order of decoding.
    """

    path: Path
    codec: str
    settings: str
    time_base: Fraction
    extradata: bytes
    times: tuple[tuple[int, int, bool], ...]

    @cached_property
    def _shown(self) -> list[tuple[int, int, bool]]:
        return sorted(self.times)

    @property
    def frames(self) -> int:
        """How many frames it holds."""
        return len(self.times)

    @property
    def first_pts(self) -> int:
        """When its first frame is shown."""
        return self._shown[0][0]

    @property
    def last_pts(self) -> int:
        """When its last frame is shown."""
        return self._shown[-1][0]

    @property
    def delay(self) -> int:
        """By how many frames decoding runs ahead of showing."""
        place = {pts: number for number, (pts, _, _) in enumerate(self._shown)}
        return max((number - place[pts] for number, (pts, _, _) in enumerate(self.times)), default=0)

    def packets(self) -> Iterator[Coded]:
        """Read the packets in the order of decoding.

        Raises:
            UnreadableError: the file was changed since it was written.
        """
        try:
            with zipfile.ZipFile(self.path) as archive:
                for number, times in enumerate(self.times):
                    yield Coded(*times, archive.read(str(number)))
        except (zipfile.BadZipFile, LookupError) as error:
            raise _unfinished(self.path) from error


class SegmentFile:
    """Writes a segment."""

    def __init__(
        self, archive: zipfile.ZipFile, *, codec: str, settings: str, time_base: Fraction, extradata: bytes
    ) -> None:
        """Write to an empty archive."""
        self._archive = archive
        self._times: list[tuple[int, int, bool]] = []
        base = [time_base.numerator, time_base.denominator]
        self._about = {"codec": codec, "settings": settings, "time_base": base, "extradata": extradata.hex()}

    def add(self, packet: Coded) -> None:
        """Write the packet that is decoded next."""
        self._archive.writestr(zipfile.ZipInfo(str(len(self._times))), packet.data)
        self._times.append(packet[:3])

    def finish(self) -> None:
        """Write what is known of the packets, and the archive's directory."""
        self._archive.writestr(zipfile.ZipInfo(_ABOUT), json.dumps(self._about | {"times": self._times}))
        self._archive.close()


def open_segment(path: str | Path) -> Segment:
    """Read what is known of a segment's packets.

    Raises:
        UnreadableError: it is missing, unfinished, or something else.
    """
    place = Path(path)
    try:
        with zipfile.ZipFile(place) as archive:
            about = json.loads(archive.read(_ABOUT))
        times = tuple((pts, duration, bool(key)) for pts, duration, key in about["times"])
        extradata = bytes.fromhex(about["extradata"])
        return Segment(place, about["codec"], about["settings"], Fraction(*about["time_base"]), extradata, times)
    except OSError as error:
        raise UnreadableError(f"{place}: cannot be opened ({error.strerror or error}); let it be made anew") from error
    except (zipfile.BadZipFile, ValueError, LookupError, TypeError) as error:
        raise _unfinished(place) from error


def _unfinished(path: Path) -> UnreadableError:
    return UnreadableError(f"{path}: is no finished part of a film, or damaged; delete it, and it is made anew")
