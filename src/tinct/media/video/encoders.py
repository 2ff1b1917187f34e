"""What encoders cannot do at some sizes of pictures, which they do not say, or only when it is too late."""

from __future__ import annotations

from fractions import Fraction

import av

from tinct.errors import SettingError

# FFV1 cuts frames with at least this many pixels into 16 slices, which are encoded side by side, and others into 4.
_MANY_SLICES = 640 * 360
# Where neither fits, as with some odd widths and heights; 0 leaves it to FFmpeg.
_OTHER_SLICES = (16, 4, 24, 30, 0)
# x265 writes beyond its memory, or refuses, where an edge is smaller than its coding unit of 64 pixels.
_LEAST_HEVC = 64


def ffv1_slices(width: int, height: int, form: str) -> str:
    """Return into how many slices FFV1 can cut frames of a size and pixel format: FFmpeg refuses some by the size."""
    usual = 16 if width * height >= _MANY_SLICES else 4
    for count in (usual, *_OTHER_SLICES):
        context = av.CodecContext.create("ffv1", "w")
        context.width, context.height, context.pix_fmt = width, height, form
        context.time_base = Fraction(1, 25)
        context.options = {"level": "3", "slices": str(count)}
        try:
            context.open()
        except av.FFmpegError:
            continue
        return str(count)
    return str(usual)


def check_size(codec: str, width: int, height: int) -> None:
    """Refuse sizes at which an encoder does damage.

    Raises:
        SettingError: names the codec, the size and what to take instead.
    """
    if codec == "hevc" and min(width, height) < _LEAST_HEVC:
        least = f"takes at least {_LEAST_HEVC} pixels an edge"
        raise SettingError(f"hevc {least}, and the film has {width} x {height}; choose another codec, such as h264")
