"""Handle frame sizes that some encoders cannot encode, and do not report, or only too late."""

from __future__ import annotations

from fractions import Fraction

import av

from tinct.errors import SettingError

# FFV1 cuts frames with at least this many pixels into 16 slices, which are encoded in parallel, and others into 4.
_MANY_SLICES = 640 * 360
# Numbers of slices to try if the usual one does not fit, as with some odd sizes; 0 leaves it to FFmpeg.
_OTHER_SLICES = (16, 4, 24, 30, 0)
_LEAST_HEVC = 64  # x265 writes beyond its memory, or refuses, if an edge is shorter than its coding unit of 64 pixels


def ffv1_slices(width: int, height: int, form: str) -> str:
    """Return a number of slices for FFV1 that FFmpeg does not refuse at this size and pixel format."""
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
    """Refuse sizes that an encoder cannot encode safely.

    Raises:
        SettingError: the codec does not fit the size.
    """
    if codec == "hevc" and min(width, height) < _LEAST_HEVC:
        least = f"hevc needs edges of at least {_LEAST_HEVC} pixels"
        raise SettingError(f"{least}, and the film has {width} x {height}; choose another codec, such as h264")
