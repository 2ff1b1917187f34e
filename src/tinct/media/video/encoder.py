"""Set up and start the encoder of a film's pictures."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.codec.context import CodecContext, ThreadType
from av.video.codeccontext import VideoCodecContext

from tinct.errors import SettingError
from tinct.media.video.film import Film
from tinct.media.video.recipe import Recipe
from tinct.media.video.source import reason

# FFmpeg's flags: headers beside the packets and not within, and durations passed from frames to packets.
_GLOBAL_HEADER, _FRAME_DURATION = 1 << 22, 1 << 8
# Seconds between key frames, which is how exactly players can seek, and frames at most.
_KEY_SECONDS, _MOST_BETWEEN_KEYS = 5, 250
# Encoders refuse frame rates beyond these; they use them only to spread bits, times are kept as they are.
_LEAST_RATE, _MOST_RATE = Fraction(1), Fraction(240)


def open_encoder(film: Film, recipe: Recipe, *, threads: int) -> VideoCodecContext:
    """Open the encoder of a recipe.

    Raises:
        SettingError: it is not there, or refuses the recipe.
    """
    try:
        context = cast(VideoCodecContext, CodecContext.create(recipe.codec.encoder, "w"))
        configure(context, film, recipe, threads=threads)
        start(context)
    except (av.FFmpegError, ValueError) as error:
        raise SettingError(
            f"the encoder {recipe.codec.encoder} is not there, or refuses {recipe.describe()} at {recipe.width} x "
            f"{recipe.height} pixels ({reason(error)}); choose another codec"
        ) from error
    return context


def configure(context: VideoCodecContext, film: Film, recipe: Recipe, *, threads: int) -> None:
    """Set an encoder that is not open yet to a recipe."""
    options = dict(recipe.options)
    if recipe.codec.name == "hevc":
        options["x265-params"] += f":pools={threads}"
    elif recipe.codec.name == "av1":
        options["svtav1-params"] = f"lp={threads}"
        # SVT-AV1 writes its settings to stderr unless this asks for errors alone.
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
    # Slices alone, PyAV's default, would make x264 encode worse.
    context.thread_type = ThreadType.AUTO
    if "g" not in options:
        context.gop_size = max(1, min(round(_KEY_SECONDS * film.rate), _MOST_BETWEEN_KEYS))


def start(context: VideoCodecContext) -> None:
    """Open an encoder that is configured; the process goes on with the priority it had."""
    with _priority_kept():
        context.open()


@contextmanager
def _priority_kept() -> Iterator[None]:
    """Undo real-time scheduling that the block gives to this process's threads.

    SVT-AV1, when root runs it, puts the thread that opens it and all its own before everything else on the machine
    (SCHED_FIFO, priority 99), which what is started from there inherits: other programs come to a stand.
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
    """Give the scheduling policy of each of this process's threads."""
    found = {}
    for entry in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):
            found[int(entry.name)] = os.sched_getscheduler(int(entry.name))
    return found
