"""A film as its file describes it, and how rates and times are written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from tinct.errors import SettingError

# Codes of ISO/IEC 23091-2 (and of FFmpeg) that are used here.
UNSPECIFIED = 2
MATRIX_RGB = 0
MATRIX_BT601 = 5
RANGE_LIMITED, RANGE_FULL = 1, 2
FIELD_ORDERS = (2, 3, 4, 5)  # FFmpeg's codes for the orders in which interlaced films store and show fields
BOTTOM_FIRST_ORDERS = (3, 4)  # those of them that show the odd lines first
# Names of the matrices that tinct computes chroma for.
MATRIX_NAMES = {1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020"}
MATRIX_CODES = {"bt709": 1, "bt601": MATRIX_BT601, "bt2020": 9}

_SLIGHT = Fraction(1, 2000)  # rates written with two or three decimals differ by less than this from the exact one


@dataclass(frozen=True)
class ColorTags:
    """How a film says that its codes are to be shown: codes of ISO/IEC 23091-2, with 2 for unspecified.

    Attributes:
        matrix: coefficients of luma and chroma.
        primaries: the colours of red, green and blue.
        transfer: the curve between codes and light.
        range: 0 unspecified, 1 limited, 2 full.
    """

    matrix: int = UNSPECIFIED
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    range: int = 0


@dataclass(frozen=True)
class Track:
    """A stream of a film's file besides its pictures.

    Attributes:
        index: of the stream in the file.
        kind: `audio`, `subtitle`, `attachment`, `data` or `video`.
        codec: its name; `unknown` if FFmpeg does not know it.
        language: as the file says, such as `deu`.
        cover: whether it is a cover picture.
    """

    index: int
    kind: str
    codec: str
    language: str | None = None
    title: str | None = None
    cover: bool = False


@dataclass(frozen=True)
class Chapter:
    """A chapter: seconds on the film's clock, and pairs of names and values such as its title."""

    start: Fraction
    end: Fraction
    notes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Jump:
    """A place where a stream's clock starts again.

    Attributes:
        stream: index of the stream in the file.
        packet: the first one on the new clock, counted in its stream from 0.
        shift: seconds subtracted from times from there on, so that they continue where they were.
        by: seconds by which the clock jumped, for the stream that showed it first; 0 for the others.
        at: its time in seconds, on the clock that the film has before any jump.
    """

    stream: int
    packet: int
    shift: Fraction
    by: Fraction
    at: Fraction


# How many frames each way of deinterlacing makes of one.
GAINS = {"single": Fraction(1), "double": Fraction(2), "film": Fraction(4, 5)}


@dataclass(frozen=True)
class Fields:
    """Whether each frame holds two moments, one in its even and one in its odd lines.

    Attributes:
        interlaced: whether it does.
        top_first: whether the even lines (0, 2, ...) are the earlier moment.
        flagged: whether interlaced frames are marked as such, so that all others are progressive.
        mixed: whether only parts of the film are interlaced, so that each frame is examined.
        way: what is made of them: `single` is one frame for each, `double` one for each field, `film` four frames of
            every five over whose fields film was spread (3:2 pulldown).
    """

    interlaced: bool = False
    top_first: bool = True
    flagged: bool = False
    mixed: bool = False
    way: str = "single"

    @property
    def gain(self) -> Fraction:
        """Return how many frames are made of one."""
        return GAINS[self.way] if self.interlaced else Fraction(1)


@dataclass(frozen=True)
class Film:
    """A film file, or a folder of pictures: what it is, without a handle on it.

    Attributes:
        container: FFmpeg's name for the file's format; `images` for a folder.
        codec: of its pictures.
        stream: index of the pictures' stream in the file.
        width: of the Y plane, in pixels; `height` likewise.
        depth: bits of the Y codes: 8, 10, 12, or another up to 16.
        pixel_format: FFmpeg's name for how pixels are stored.
        rgb: whether pixels are stored as red, green and blue, or by a palette; Y is then computed.
        grey: whether the format holds no chroma.
        full_range: whether codes use all values; otherwise black is 16 and white 235, times 2^(depth - 8).
        tags: what the file says about its colours; what it leaves unspecified stays so.
        sampling: the chroma subsampling, such as 422 for 4:2:2; None for grey and RGB.
        matrix_name: `bt601`, `bt709` or `bt2020`: the matrix by which its chroma is computed.
        fields: whether it is interlaced; if so, Y planes are deinterlaced, otherwise they are as stored.
        sample_aspect: width of a pixel divided by its height.
        rotation: degrees counter-clockwise by which players turn the picture.
        display_matrix: nine integers (16.16 and 2.30 fixed point) that say so; None if there are none.
        rate: average frames a second, after deinterlacing.
        time_base: seconds of one unit of `pts`.
        units: how many of these units are one of the file's own.
        stretch: the factor by which the file's times are multiplied, if another rate was asked for.
        frames: about how many frames there are; None if unknown.
        start: of the file's clock, in seconds: what a player shows as 0:00:00.
        start_pts: of the first frame, as far as the file says.
        duration: in seconds; None if unknown.
        video_end: when the last frame ends, in seconds on the file's clock; None if the file does not state it.
        usual: how long most frames are shown before deinterlacing, in seconds; None if unknown.
        longest: how long the frame that is shown longest is shown, likewise.
        even: whether almost all frames are shown for equally long.
        pulldown: whether frames are shown for two and three fields in turns, by flags, and are meant to be 24 a second.
        jumps: places where the file's clock jumps; frames have times as if it did not.
        counted: whether the file keeps no times of frames, so that they are counted.
        seekable: whether reading can begin in the middle.
        others: tracks of attachments, data, cover pictures and further films.
        images: the pictures of a folder, in order.
        keyed: whether its notes are QuickTime's, under names such as com.apple.quicktime.make.
        beside: what its frames hold besides pixels that results do not hold, in words.
    """

    path: Path
    container: str
    codec: str
    stream: int
    width: int
    height: int
    depth: int
    pixel_format: str
    rgb: bool
    grey: bool
    full_range: bool
    tags: ColorTags
    matrix_name: str
    fields: Fields
    sample_aspect: Fraction
    rotation: float
    display_matrix: tuple[int, ...] | None
    rate: Fraction
    time_base: Fraction
    frames: int | None
    start: Fraction
    start_pts: int
    duration: Fraction | None
    video_end: Fraction | None = None
    usual: Fraction | None = None
    longest: Fraction | None = None
    even: bool = False
    pulldown: bool = False
    units: int = 1
    stretch: Fraction = Fraction(1)
    jumps: tuple[Jump, ...] = ()
    counted: bool = False
    seekable: bool = True
    audio: tuple[Track, ...] = ()
    subtitles: tuple[Track, ...] = ()
    others: tuple[Track, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    images: tuple[Path, ...] = ()
    sampling: str | None = None
    keyed: bool = False
    beside: tuple[str, ...] = ()

    @property
    def interlaced(self) -> bool:
        return self.fields.interlaced

    @property
    def turns(self) -> int:
        """Return by how many quarter turns, counter-clockwise, players turn the picture: 0 to 3."""
        return round(self.rotation / 90) % 4

    @property
    def upright_size(self) -> tuple[int, int]:
        """Return width and height of the picture as players turn it."""
        return (self.height, self.width) if self.turns % 2 else (self.width, self.height)

    @property
    def frame_ticks(self) -> int:
        """Return a usual frame's length in units of `time_base`, at least 1."""
        usual = 1 / self.rate if self.usual is None else self.usual / self.fields.gain
        return max(1, round(usual / self.time_base))

    @property
    def divisible(self) -> bool:
        """Return whether reading from the middle gives the frames that reading from the beginning gives."""
        return self.seekable and self.fields.gain >= 1

    @property
    def broadcast(self) -> bool:
        """Return whether its format is made for broadcasts: clocks start anywhere, and packets may be lost."""
        return self.container in ("mpegts", "mpeg")

    def pts_at(self, seconds: Fraction | float) -> int:
        """Return the first pts at or after a time, in seconds from the beginning as a player counts them."""
        # A float such as 2.2 stands for exactly this decimal number.
        return math.ceil((self.start + Fraction(seconds).limit_denominator(10**6)) / self.time_base)

    def seconds_at(self, pts: int) -> Fraction:
        """Return a frame's time in seconds from the beginning, as a player counts them."""
        return pts * self.time_base - self.start


def clock(seconds: Fraction | float) -> str:
    """Format a time as people write it, to a tenth of a second: 1:02:03.4."""
    sign = "-" if seconds < 0 else ""
    tenths = round(abs(Fraction(seconds)) * 10)
    minutes, rest = divmod(tenths, 600)
    return f"{sign}{minutes // 60}:{minutes % 60:02d}:{rest // 10:02d}.{rest % 10}"


def checked_rate(rate: Fraction | float) -> Fraction:
    """Return the exact rate that is meant: 23.976 and 29.97 mean 24 and 30 divided by 1.001.

    Raises:
        SettingError: it is not above 0, or above 1000 frames a second.
    """
    exact = Fraction(rate)
    if not 0 < exact <= 1000:
        raise SettingError(f"the rate must lie above 0 and not above 1000 frames a second, not {rate}")
    slowed = Fraction(round(exact * 1001 / 1000) * 1000, 1001)
    return slowed if abs(exact - slowed) < _SLIGHT else exact.limit_denominator(1001)
