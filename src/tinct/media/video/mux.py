"""Join a film's encoded segments with its own sound, subtitles, chapters and notes into the file that is wanted."""

from __future__ import annotations

import heapq
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from tinct import files
from tinct.errors import InputError, OutputError
from tinct.files import written_beside
from tinct.media.video.codecs import IMAGES
from tinct.media.video.film import Chapter, Film, clock
from tinct.media.video.matroska import PLACEHOLDER, set_display_size, set_wave_headers
from tinct.media.video.recipe import Recipe
from tinct.media.video.routes import lasting
from tinct.media.video.sequence import check_pictures, write_pictures
from tinct.media.video.source import opened, reason
from tinct.media.video.tracks import Tracks, Window
from tinct.media.video.write import Segment, configure, open_encoder, open_segment, start

_NANOSECOND = Fraction(1, 10**9)  # chapters are written in these units, which every container rounds to its own
# Packets come in order, so that the muxer need not hold back more than this (microseconds) to sort them; films for
# editing have a hundred megabytes a second.
_HELD_BACK = "1000000"
# Broadcasts, whose clocks start anywhere, and films that start this far from zero (seconds) or farther are moved to it.
_FAR_START = 1
_COARSEST = Fraction(1, 10_000)  # the longest unit, in seconds, in which MP4 and MOV count how long a frame is shown
_MOST_UNITS = 1 << 31  # they count in 31 bits


def check_target(
    film: Film, target: str | Path, recipe: Recipe, *, sound: str = "copy", overwrite: bool = False
) -> tuple[str, ...]:
    """Refuse, before any work is done, a target that cannot or must not be written, and settings an encoder refuses.

    Arguments are those of `assemble`.

    Returns:
        What of the film the result will lack, one sentence each.

    Raises:
        OutputError: see `files.check_target`, or it cannot hold the film's sound.
        SettingError: `sound` is something else, or the encoder refuses the recipe.
    """
    place = Path(target)
    if recipe.container.muxer == IMAGES:
        check_pictures(film, place, sound=sound, overwrite=overwrite)
        open_encoder(film, recipe, threads=1)
        return recipe.remarks
    files.check_target(place, source=film.path, overwrite=overwrite)
    _check_longest(film, place, recipe)
    with ExitStack() as stack:
        output = av.open(io.BytesIO(), "w", format=recipe.container.muxer)
        # It may not have been started; closing it may then fail, and does not matter.
        stack.callback(_forget, output)
        tracks = _lay_out(stack, output, film, recipe, extradata=None, sound=sound, window=Window(), note="")
        try:
            output.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            raise OutputError(
                f"{place}: {recipe.container.suffix} cannot hold the film as {recipe.describe()} ({reason(error)}); "
                "write .mkv"
            ) from error
        return (*recipe.remarks, *(tracks.remarks if tracks is not None else ()))


def assemble(
    film: Film,
    segments: Sequence[str | Path],
    target: str | Path,
    recipe: Recipe,
    *,
    start_pts: int | None = None,
    end_pts: int | None = None,
    sound: str = "copy",
    note: str = "",
    overwrite: bool = False,
) -> tuple[str, ...]:
    """Write a film from its segments, beside the target and then renamed into place. Memory does not grow with it.

    Sound, subtitles, attachments and covers are copied packet by packet (text subtitles are converted if the container
    needs another kind); chapters, notes, languages, the picture's rotation and its pixels' shape are kept.

    Args:
        segments: files of `write.new_segment`, in their order.
        recipe: what the segments were encoded with.
        start_pts: where the film was cut at the beginning; the result's clock then starts at its first frame.
        end_pts: where the film was cut at the end.
        sound: `copy`, `encode` if the container cannot hold it as it is, or `none`.
        note: a comment for the file on how it was made.
        overwrite: replace an existing file.

    Returns:
        What of the film the result lacks, one sentence each.

    Raises:
        OutputError: it cannot be written; nothing is left behind.
        UnreadableError: a segment is damaged, or the film is gone.
        InputError: the segments do not belong together.
        SettingError: `sound` is something else.
    """
    place = Path(target)
    parts = _opened_parts(segments, film, recipe)
    if recipe.container.muxer == IMAGES:
        check_pictures(film, place, sound=sound, overwrite=overwrite)
        pictures = ((coded.pts, coded.data) for part in parts for coded in part.packets())
        return (*recipe.remarks, *write_pictures(film, pictures, place))
    files.check_target(place, source=film.path, overwrite=overwrite)
    window = _window(film, parts[0], start_pts, end_pts)
    with written_beside(place) as beside:
        try:
            remarks = _mux(film, parts, beside, recipe, window=window, sound=sound, note=note)
        except av.FFmpegError as error:
            if isinstance(error, OSError):
                raise
            raise OutputError(f"{place}: cannot be written ({reason(error)}); write .mkv") from error
        if recipe.container.muxer == "matroska":
            set_wave_headers(beside)
        if _shaped_later(film, recipe):
            set_display_size(beside, width=recipe.width, height=recipe.height, sample_aspect=film.sample_aspect)
    return (*recipe.remarks, *remarks)


def _mux(
    film: Film, parts: Sequence[Segment], beside: Path, recipe: Recipe, *, window: Window, sound: str, note: str
) -> list[str]:
    """Write pictures and all other streams in the order of their times; return what had to be left out."""
    options = {**recipe.container.options, "max_interleave_delta": _HELD_BACK}
    if film.keyed and recipe.container.muxer in ("mp4", "mov"):
        options["movflags"] += "+use_metadata_tags"
    with ExitStack() as stack:
        output = stack.enter_context(
            av.open(f"file:{beside}", "w", format=recipe.container.muxer, container_options=options)
        )
        extradata = parts[0].extradata
        tracks = _lay_out(stack, output, film, recipe, extradata=extradata, sound=sound, window=window, note=note)
        clock = _clock_of(film, parts, recipe)
        output.streams[0].time_base = clock.unit
        pictures = _pictures(film, parts, output.streams[0], window, clock)
        others = tracks.packets(window) if tracks is not None else iter(())
        for packet in heapq.merge(pictures, others, key=_moment):
            output.mux(packet)
    return tracks.remarks if tracks is not None else []


def _check_longest(film: Film, target: Path, recipe: Recipe) -> None:
    """Refuse a frame that is shown for longer than the container can record."""
    unit = film.time_base
    while unit > _COARSEST:  # as FFmpeg does
        unit /= 2
    if recipe.container.muxer in ("mp4", "mov") and film.longest is not None and film.longest / unit >= _MOST_UNITS:
        raise OutputError(
            f"{target}: {recipe.container.suffix} cannot hold a frame that is shown for {clock(film.longest)}, as one "
            f"of {film.path} is; write .mkv, or cut the film there"
        )


def _lay_out(
    stack: ExitStack,
    output: OutputContainer,
    film: Film,
    recipe: Recipe,
    *,
    extradata: bytes | None,
    sound: str,
    window: Window,
    note: str,
) -> Tracks | None:
    """Add all streams, chapters and notes to a file; the film's pictures are its first stream."""
    source = None if film.images else stack.enter_context(opened(film.path))
    stream = _add_pictures(output, film, recipe, extradata)
    stream.disposition = Disposition.default
    title = ""
    if source is not None:
        own = lasting(source.streams[film.stream].metadata)
        title = own.get("title", "")
        stream.metadata.update(own)
        output.metadata.update(lasting(source.metadata))
    if _shaped_later(film, recipe):
        stream.metadata["title"] = title + PLACEHOLDER
    if note:
        comment = next((text for name, text in output.metadata.items() if name.lower() == "comment"), "")
        output.metadata["comment"] = f"{comment}\n{note}" if comment else note
    output.set_chapters(
        [
            {
                "id": number,
                "start": round(chapter.start / _NANOSECOND),
                "end": round(chapter.end / _NANOSECOND),
                "time_base": _NANOSECOND,
                "metadata": dict(chapter.notes),
            }
            for number, chapter in enumerate(_chapters(film, recipe, window), start=1)
        ]
    )
    return None if source is None else Tracks(film, source, output, recipe.container, sound=sound)


def _chapters(film: Film, recipe: Recipe, window: Window) -> list[Chapter]:
    """Return the result's chapters. Those of MP4 and MOV must begin at 0, so one without a title is added if needed."""
    chapters = window.chapters(film.chapters)
    if chapters and chapters[0].start > 0 and recipe.container.muxer in ("mp4", "mov"):
        return [Chapter(Fraction(0), chapters[0].start), *chapters]
    return chapters


def _add_pictures(output: OutputContainer, film: Film, recipe: Recipe, extradata: bytes | None) -> VideoStream:
    """Add the stream of pictures, described by an encoder that is set up like the segments' but encodes nothing."""
    stream = cast(VideoStream, output.add_stream(recipe.codec.encoder))
    context = stream.codec_context
    configure(context, film, recipe, threads=1)
    stream.time_base = film.time_base
    if recipe.codec.name == "hevc" and recipe.container.muxer in ("mp4", "mov"):
        context.codec_tag = "hvc1"  # the only one of HEVC's two tags that Apple's players know
    if film.display_matrix is not None:
        stream.set_display_matrix(film.display_matrix)
    start(context)
    if extradata is not None:
        context.extradata = extradata
    return stream


@dataclass(frozen=True)
class _Clock:
    """The times of a result's pictures.

    Attributes:
        unit: in seconds.
        frame: how many units a frame is usually shown.
        exact: the true time in units of each pts, for films of a constant rate whose own times are rounded.
    """

    unit: Fraction
    frame: int
    exact: Mapping[int, int] | None = None

    def at(self, pts: int) -> int:
        """Return a time of the film in units."""
        return pts if self.exact is None else self.exact[pts]


def _clock_of(film: Film, parts: Sequence[Segment], recipe: Recipe) -> _Clock:
    """Choose the clock: the film's own, or an exact one if a format of milliseconds has rounded a constant rate."""
    own, frame = _Clock(film.time_base, film.frame_ticks), 1 / film.rate
    times = sorted(pts for part in parts for pts, _, _ in part.times)
    begin, tick = times[0] * film.time_base, film.time_base
    if not film.pulldown and ((frame / tick).denominator == 1 or recipe.container.muxer not in ("mp4", "mov")):
        return own
    # Frames may be missing, or held.
    numbers = [round((pts * tick - begin) / frame) for pts in times]
    off = max(abs(pts * tick - begin - number * frame) for pts, number in zip(times, numbers, strict=True))
    slack = tick * (2 * film.units - 1)  # a field's time lies midway between two that are rounded
    if off > max(slack, film.pulldown * frame / 4) or len(set(numbers)) < len(numbers):
        return own
    unit = Fraction(1, film.rate.numerator)
    first = round(begin / unit)
    ticks = film.rate.denominator
    return _Clock(unit, ticks, {pts: first + number * ticks for pts, number in zip(times, numbers, strict=True)})


def _pictures(
    film: Film, parts: Sequence[Segment], stream: Stream, window: Window, clock: _Clock
) -> Iterator[Packet[Stream]]:
    """Yield all segments' packets, with times of decoding that rise and are never later than the times of showing.

    The n-th packet is decoded when the (n - d)-th frame of all is shown, where d is the greatest number of frames by
    which decoding runs ahead; before the first frame is shown, at the film's usual distance.
    """
    delay = max(part.delay for part in parts)
    shift = round(window.shift / clock.unit)
    shown: list[int] = []  # a heap of the times of frames that are not used yet
    number = 0
    for part in parts:
        for coded in part.packets():
            pts = clock.at(coded.pts) - shift
            heapq.heappush(shown, pts)
            packet: Packet[Stream] = Packet(coded.data)
            early = delay - number
            packet.dts = shown[0] - early * clock.frame if early > 0 else heapq.heappop(shown)
            packet.pts, packet.duration = pts, coded.duration if clock.exact is None else clock.frame
            packet.is_keyframe = coded.key
            packet.time_base = clock.unit
            packet.stream = stream
            number += 1
            yield packet


def _opened_parts(segments: Sequence[str | Path], film: Film, recipe: Recipe) -> list[Segment]:
    parts = [open_segment(path) for path in segments]
    if not parts or not all(part.frames for part in parts):
        raise InputError(f"{film.path}: there are no frames to write; none were made, or all were cut away")
    first = parts[0]
    for part, before in zip(parts, [None, *parts], strict=False):
        same = part.extradata == first.extradata and part.settings == first.settings
        if part.codec != recipe.codec.name or part.time_base != film.time_base or not same:
            raise InputError(f"{part.path}: was encoded with other settings; delete it, and it will be made again")
        if before is not None and part.first_pts <= before.last_pts:
            raise InputError(f"{part.path}: does not follow {before.path}; delete it, and it will be made again")
    return parts


def _window(film: Film, first: Segment, start_pts: int | None, end_pts: int | None) -> Window:
    unit = film.time_base
    end = None if end_pts is None else end_pts * unit
    if start_pts is not None:
        start = first.first_pts * unit
        return Window(start, end, start)
    far = film.broadcast or abs(film.start) >= _FAR_START
    return Window(None, end, round(film.start / unit) * unit if far else Fraction(0))


def _shaped_later(film: Film, recipe: Recipe) -> bool:
    return recipe.container.muxer in ("matroska", "webm") and film.sample_aspect != 1


def _moment(packet: Packet[Any]) -> Fraction:
    ticks = packet.dts if packet.dts is not None else packet.pts
    return (ticks or 0) * packet.time_base


def _forget(output: OutputContainer) -> None:
    with suppress(av.FFmpegError):
        output.close()
