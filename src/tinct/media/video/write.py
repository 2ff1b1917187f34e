"""Encode a part of a film into a segment file, from planes of Y, U and V exactly as they are.

The file is a zip archive of the packets and of what is known about them, read only by `mux`. No container of FFmpeg
keeps packets of all codecs at any times: NUT holds no ProRes and forgets how long the last frame lasts, MOV holds
neither FFV1 nor VP9, Matroska rounds to milliseconds. Zip keeps a checksum of each packet, and an unfinished archive
lacks its directory.

    0, 1, 2 ...    the packets in the order of decoding
    about          JSON: codec, settings, time base, extradata, and each packet's pts, duration and whether it is a key
"""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, cast

import av
import numpy as np
from av.codec.context import CodecContext, ThreadType
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from tinct.errors import OutputError, SettingError, UnreadableError
from tinct.files import written_beside
from tinct.media.video.codecs import IMAGES
from tinct.media.video.film import Film
from tinct.media.video.form import FrameForm, code_type
from tinct.media.video.planes import frame_of, rgb_frame
from tinct.media.video.recipe import Recipe
from tinct.media.video.source import reason

_GLOBAL_HEADER = 1 << 22  # FFmpeg's flag for headers beside the packets, not within them
_FRAME_DURATION = 1 << 8  # FFmpeg's flag for durations that are passed from frames to packets
_KEY_SECONDS = 5  # seconds between key frames: players can seek this exactly
_MOST_BETWEEN_KEYS = 250  # frames
# Encoders refuse lower and higher frame rates. They use them only to distribute bits; times are kept as they are.
_LEAST_RATE, _MOST_RATE = Fraction(1), Fraction(240)


def open_encoder(film: Film, recipe: Recipe, *, threads: int) -> VideoCodecContext:
    """Open the encoder of a recipe.

    Raises:
        SettingError: it is missing, or refuses the recipe.
    """
    try:
        context = cast(VideoCodecContext, CodecContext.create(recipe.codec.encoder, "w"))
        configure(context, film, recipe, threads=threads)
        start(context)
    except (av.FFmpegError, ValueError) as error:
        raise SettingError(
            f"the encoder {recipe.codec.encoder} is missing, or refuses {recipe.describe()} at {recipe.width} x "
            f"{recipe.height} pixels ({reason(error)}); choose another codec"
        ) from error
    return context


def configure(context: VideoCodecContext, film: Film, recipe: Recipe, *, threads: int) -> None:
    """Configure an encoder that is not open yet for a recipe."""
    options = dict(recipe.options)
    if recipe.codec.name == "hevc":
        options["x265-params"] += f":pools={threads}"
    elif recipe.codec.name == "av1":
        options["svtav1-params"] = f"lp={threads}"
        # SVT-AV1 writes its settings to stderr unless this asks for errors only.
        os.environ.setdefault("SVT_LOG", "1")
    context.options = options
    context.width, context.height, context.pix_fmt = recipe.width, recipe.height, recipe.form
    context.time_base = film.time_base
    context.framerate = max(_LEAST_RATE, min(film.rate, _MOST_RATE)).limit_denominator(1001)
    context.sample_aspect_ratio = film.sample_aspect
    context.colorspace, context.color_range = recipe.tags.matrix, recipe.tags.range
    context.color_primaries, context.color_trc = recipe.tags.primaries, recipe.tags.transfer
    context.flags |= _GLOBAL_HEADER | _FRAME_DURATION
    context.thread_count = threads
    # Slice threads, PyAV's default, would make x264 encode worse.
    context.thread_type = ThreadType.AUTO
    if "g" not in options:
        context.gop_size = max(1, min(round(_KEY_SECONDS * film.rate), _MOST_BETWEEN_KEYS))


def start(context: VideoCodecContext) -> None:
    """Open an encoder that is configured; the process keeps the priority it had."""
    with _priority_kept():
        context.open()


@contextmanager
def _priority_kept() -> Iterator[None]:
    """Undo real-time scheduling that the block gives to this process's threads.

    SVT-AV1, when root runs it, gives its threads and the one that opens it priority over all other programs
    (SCHED_FIFO, priority 99), which then stand still.
    """
    if sys.platform != "linux":
        yield
        return
    before = _policies()
    try:
        yield
    finally:
        for thread, policy in _policies().items():
            if policy in (os.SCHED_FIFO, os.SCHED_RR) and before.get(thread) != policy:
                with suppress(ProcessLookupError):  # it has ended
                    os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))


def _policies() -> dict[int, int]:
    policies = {}
    for entry in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):
            policies[int(entry.name)] = os.sched_getscheduler(int(entry.name))
    return policies


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
        settings: in words; all segments of a film have the same.
        extradata: what decoders need before the first packet.
        times: pts, duration, and whether it is a key frame, for each packet in the order of decoding.
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
        return len(self.times)

    @property
    def first_pts(self) -> int:
        return self._shown[0][0]

    @property
    def last_pts(self) -> int:
        return self._shown[-1][0]

    @property
    def delay(self) -> int:
        """Return by how many frames decoding runs ahead of showing."""
        place = {pts: number for number, (pts, _, _) in enumerate(self._shown)}
        return max((number - place[pts] for number, (pts, _, _) in enumerate(self.times)), default=0)

    def check(self) -> None:
        """Read all packets once to compare them with their checksums.

        Raises:
            UnreadableError: the file was changed since it was written.
        """
        for _ in self.packets():
            pass

    def packets(self) -> Iterator[Coded]:
        """Read the packets in the order of decoding.

        Raises:
            UnreadableError: the file was changed since it was written.
        """
        try:
            with zipfile.ZipFile(self.path) as archive:
                for number, times in enumerate(self.times):
                    yield Coded(*times, archive.read(str(number)))
        except (zipfile.BadZipFile, LookupError, EOFError, OSError) as error:
            raise _unfinished(self.path) from error


class SegmentFile:
    """Writes a segment to an empty archive, packet by packet in the order of decoding."""

    def __init__(
        self, archive: zipfile.ZipFile, *, codec: str, settings: str, time_base: Fraction, extradata: bytes
    ) -> None:
        self._archive = archive
        self._times: list[tuple[int, int, bool]] = []
        base = time_base.as_integer_ratio()
        self._about = {"codec": codec, "settings": settings, "time_base": base, "extradata": extradata.hex()}

    def add(self, packet: Coded) -> None:
        # Noted first, since frames that wait come even after a failure: names must not come twice.
        self._times.append(packet[:3])
        self._archive.writestr(zipfile.ZipInfo(str(len(self._times) - 1)), packet.data)

    def finish(self) -> None:
        """Write what is known about the packets, and the archive's directory."""
        self._archive.writestr(zipfile.ZipInfo(_ABOUT), json.dumps(self._about | {"times": self._times}))
        self._archive.close()


def open_segment(path: str | Path) -> Segment:
    """Read what is known about a segment's packets.

    Raises:
        UnreadableError: it is missing, unfinished, or not a segment.
    """
    place = Path(path)
    try:
        with zipfile.ZipFile(place) as archive:
            about = json.loads(archive.read(_ABOUT))
        times = tuple((pts, duration, bool(key)) for pts, duration, key in about["times"])
        extradata = bytes.fromhex(about["extradata"])
        return Segment(place, about["codec"], about["settings"], Fraction(*about["time_base"]), extradata, times)
    except OSError as error:
        raise UnreadableError(f"{place}: cannot be opened ({error.strerror or error}); make it again") from error
    except (zipfile.BadZipFile, ValueError, LookupError, TypeError) as error:
        raise _unfinished(place) from error


def _unfinished(path: Path) -> UnreadableError:
    return UnreadableError(f"{path}: is not a finished part of a film, or is damaged; delete it to make it again")


@contextmanager
def new_segment(path: str | Path, film: Film, recipe: Recipe, *, threads: int) -> Iterator[SegmentWriter]:
    """Encode frames that follow each other into a file, which is finished and renamed into place after the block.

    The same frames, settings and threads give the same bytes.

    Raises:
        OutputError: the file cannot be written, or the block fails to; nothing is left behind.
        SettingError: the encoder refuses the recipe.
    """
    encoder = open_encoder(film, recipe, threads=threads)
    with written_beside(path) as beside, zipfile.ZipFile(beside, "w") as archive:
        file = SegmentFile(
            archive,
            codec=recipe.codec.name,
            settings=f"{recipe.describe()}, {recipe.width} x {recipe.height}",
            time_base=film.time_base,
            extradata=encoder.extradata or b"",
        )
        writer = SegmentWriter(Path(path), film, recipe, encoder, file)
        yield writer
        writer.finish()


class SegmentWriter:
    """Encodes frames into the file of a segment, see `new_segment`."""

    def __init__(self, path: Path, film: Film, recipe: Recipe, encoder: VideoCodecContext, file: SegmentFile) -> None:
        self._path, self._film, self._recipe, self._encoder, self._file = path, film, recipe, encoder, file
        self._form = FrameForm.of(film, chroma_shape=recipe.chroma_shape, chroma_depth=recipe.bits)
        chroma = recipe.chroma_shape, code_type(recipe.bits), _chroma_table(film, recipe)
        # The shape of each plane, the type of its codes, and the codes that they are written as.
        self._planes = (((film.height, film.width), code_type(film.depth), _luma_table(film, recipe)), chroma, chroma)
        self._durations: dict[int, int] = {}
        self._last: int | None = None

    def write(
        self, luma: NDArray[Any], u: NDArray[Any], v: NDArray[Any], *, pts: int, duration: int | None = None
    ) -> None:
        """Encode the next frame.

        Args:
            luma: (H, W) codes of Y of the film's depth and range.
            u: `recipe.chroma_shape` codes of `recipe.bits` bits, in the film's range.
            v: likewise.
            pts: when it is shown, in units of the film's `time_base`; after the frame before.
            duration: how long; an average frame's without it.

        Raises:
            OutputError: it cannot be encoded.
            SettingError: a plane has another shape or type, or the time does not rise.
        """
        recipe, planes = self._recipe, []
        for plane, (shape, dtype, table) in zip((luma, u, v), self._planes, strict=True):
            if plane.shape != shape or plane.dtype != dtype:
                raise SettingError(f"a plane must be {dtype.__name__} {shape}, not {plane.dtype} {plane.shape}")
            planes.append(plane if table is None else table[plane])
        if self._last is not None and pts <= self._last:
            raise SettingError(f"a frame's time must be after {self._last}, not {pts}")
        if recipe.container.muxer == IMAGES:
            frame = rgb_frame(self._form.rgb_codes(luma, (u, v), bits=recipe.bits), recipe.form)
        else:
            frame = frame_of(tuple(planes), recipe.form, (recipe.width, recipe.height))
        frame.colorspace, frame.color_range = recipe.tags.matrix, recipe.tags.range
        frame.color_primaries, frame.color_trc = recipe.tags.primaries, recipe.tags.transfer
        frame.pts, frame.time_base = pts, self._film.time_base
        frame.duration = duration or self._film.frame_ticks
        self._durations[pts] = frame.duration
        self._last = pts
        self._encode(frame)

    def finish(self) -> None:
        """Encode what is still waiting, and finish the file; OutputError if that fails."""
        self._encode(None)
        self._file.finish()

    def _encode(self, frame: av.VideoFrame | None) -> None:
        try:
            packets = self._encoder.encode(frame)
        except av.FFmpegError as error:
            raise OutputError(
                f"{self._path}: the encoder {self._recipe.codec.encoder} failed ({reason(error)}); choose another codec"
            ) from error
        for packet in packets:
            assert packet.pts is not None
            duration = self._durations.pop(packet.pts)
            self._file.add(Coded(packet.pts, duration, packet.is_keyframe, bytes(packet)))


def _luma_table(film: Film, recipe: Recipe) -> NDArray[Any] | None:
    """Return the code that each of the film's codes of Y is written as; None if all stay."""
    if film.depth == recipe.bits and film.full_range == recipe.full_range:
        return None
    codes = np.arange(1 << film.depth, dtype=np.float64)
    most = (1 << recipe.bits) - 1
    scale = 1 << recipe.bits - 8
    if film.full_range:
        black, span = (0, most) if recipe.full_range else (16 * scale, 219 * scale)
        values = black + codes * span / (codes.size - 1)
    else:
        values = codes * 2.0 ** (recipe.bits - film.depth)
    table: NDArray[Any] = np.clip(np.rint(values), 0, most).astype(code_type(recipe.bits))
    return table


def _chroma_table(film: Film, recipe: Recipe) -> NDArray[Any] | None:
    """Return the code that each code of U and V is written as; None if all stay."""
    if film.full_range == recipe.full_range:
        return None
    codes = np.arange(1 << recipe.bits, dtype=np.float64)
    scale = 1 << recipe.bits - 8
    values = 128 * scale + (codes - 128 * scale) * 224 * scale / (codes.size - 1)
    table: NDArray[Any] = np.rint(values).astype(code_type(recipe.bits))
    return table
