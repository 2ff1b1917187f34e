"""Turn FFmpeg's frames into planes of Y, U and V and back: no value is changed if the format has a Y plane."""

from __future__ import annotations

import re
from typing import Any

import av
import cv2
import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from tinct.errors import InputError

# Formats whose planes can be taken as they are: planar YUV and grey of up to 16 bits, little-endian.
_PLANAR = re.compile(r"(yuv[aj]?4\d\dp|gray)(9|1[0246])?(le)?")
# Formats with 8-bit U and V in turns in one plane, and the places of U and V in a pair.
_PAIRED = {"nv12": (0, 1), "nv16": (0, 1), "nv24": (0, 1), "nv21": (1, 0), "nv42": (1, 0)}
# Luma pixels for each chroma pixel, across and down, by the subsampling in a format's name.
CHROMA_STEPS = {"444": (1, 1), "422": (2, 1), "420": (2, 2), "440": (1, 2), "411": (4, 1), "410": (4, 4)}
_SAMPLING = {steps: name for name, steps in CHROMA_STEPS.items()}

Planes = tuple[NDArray[Any], tuple[NDArray[Any], NDArray[Any]] | None]


def is_rgb(form: VideoFormat) -> bool:
    """Check whether pixels are stored as colours, from which luma has to be computed."""
    return form.is_rgb or form.has_palette or form.is_bayer or form.name.startswith("xyz")


def is_grey(form: VideoFormat) -> bool:
    """Check whether a format holds no chroma."""
    return form.name.startswith(("gray", "mono", "ya"))


def depth_of(form: VideoFormat) -> int:
    """Return the bits of the Y codes that `planes_of` gives."""
    bits = form.components[0].bits
    if _is_deep_planar_rgb(form):
        return bits
    if is_rgb(form) or form.name.startswith(("mono", "ya", "grayf")):
        return 8 if bits <= 8 else 16
    return max(8, min(bits, 16))


def sampling_of(form: VideoFormat) -> str | None:
    """Return a format's chroma subsampling, such as 420 for 4:2:0; None for grey and RGB."""
    if is_rgb(form) or is_grey(form):
        return None
    chroma = form.components[1]
    return _SAMPLING.get((-(-form.width // max(1, chroma.width)), -(-form.height // max(1, chroma.height))))


def has_alpha(name: str) -> bool:
    """Check whether a format of this name holds transparency."""
    return any(component.is_alpha for component in VideoFormat(name).components)


def planes_of(frame: VideoFrame) -> Planes:
    """Return a frame's planes.

    RGB becomes full-range BT.601 luma, so that grey pixels keep their value.

    Returns:
        (H, W) luma, and (h, w) U and V or None; uint8, or uint16 for more than 8 bits (`depth_of`).

    Raises:
        InputError: pixels of this format cannot be read.
    """
    form = frame.format
    try:
        return _from_rgb(frame) if is_rgb(form) else _from_planes(frame)
    except (av.FFmpegError, ValueError, LookupError) as error:
        raise InputError(f"pixels of the format {form.name} cannot be read; convert the film to H.264 first") from error


def frame_of(planes: tuple[NDArray[Any], ...], form: str, size: tuple[int, int]) -> VideoFrame:
    """Put planes into a frame, as they are.

    Args:
        planes: as many as the format has; if one is smaller than the frame's, its last row and column are repeated.
        form: FFmpeg's name of a planar format.
        size: width and height.
    """
    frame = VideoFrame(*size, form)
    for plane, values in zip(frame.planes, planes, strict=True):
        rows = _rows(plane, values.dtype)
        height, width = values.shape
        rows[:height, :width] = values
        rows[:height, width:] = values[:, -1:]
        rows[height:] = rows[height - 1]
    return frame


def rgb_frame(colors: NDArray[Any], form: str) -> VideoFrame:
    """Put colours into a frame, as they are.

    Args:
        colors: (H, W, 3) codes of red, green and blue, uint8 or uint16.
        form: FFmpeg's name of a format: RGB of as many bits, packed or planar; one of JPEG's YUV formats; or planar
            floats, which become linear light in 0..1 by the curve of sRGB (IEC 61966-2-1).
    """
    height, width = colors.shape[:2]
    if form.startswith("yuvj"):
        packed = rgb_frame(colors, "rgb24")
        return packed.reformat(format=form, dst_colorspace=Colorspace.ITU601, dst_color_range=ColorRange.JPEG)
    if form == "gbrpf32le":
        codes = colors.astype(np.float32) / np.float32(np.iinfo(colors.dtype).max)
        colors = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4).astype(np.float32)
    frame = VideoFrame(width, height, form)
    dtype = colors.dtype.newbyteorder(">" if form.endswith("be") else "<")
    if form.startswith("gbr"):
        for plane, channel in zip(frame.planes, (1, 2, 0), strict=True):
            _rows(plane, dtype)[:] = colors[..., channel]
    else:
        _rows(frame.planes[0], dtype, 3)[:] = colors.reshape(height, -1)
    return frame


def _is_deep_planar_rgb(form: VideoFormat) -> bool:
    return form.name.startswith("gbr") and 8 < form.components[0].bits < 16


def _from_deep_rgb(frame: VideoFrame) -> Planes:
    """Return planes of as many bits as RGB of 9 to 14 bits has."""
    bits = depth_of(frame.format)
    dtype = np.dtype(">u2" if frame.format.name.endswith("be") else "<u2")
    green, blue, red = (_rows(plane, dtype).astype(np.uint16) for plane in frame.planes[:3])
    luma, red, blue = cv2.split(cv2.cvtColor(cv2.merge([red, green, blue]), cv2.COLOR_RGB2YCrCb))
    middle, most = 1 << (bits - 1), (1 << bits) - 1
    # OpenCV centres chroma at the middle of 16 bits.
    red, blue = (
        np.clip(plane.astype(np.int32) - (1 << 15) + middle, 0, most).astype(np.uint16) for plane in (red, blue)
    )
    return luma, (blue, red)


def _from_rgb(frame: VideoFrame) -> Planes:
    if _is_deep_planar_rgb(frame.format):
        return _from_deep_rgb(frame)
    deep = depth_of(frame.format) > 8
    colors = frame.to_ndarray(format="rgb48le" if deep else "rgb24")
    luma, red, blue = cv2.split(cv2.cvtColor(colors, cv2.COLOR_RGB2YCrCb))
    return luma, (blue, red)


def _from_planes(frame: VideoFrame) -> Planes:
    form = frame.format
    if form.name in _PAIRED:
        first, second = _PAIRED[form.name]
        pairs = _rows(frame.planes[1], np.uint8, 2)
        return np.array(_rows(frame.planes[0], np.uint8)), (
            np.ascontiguousarray(pairs[:, first::2]),
            np.ascontiguousarray(pairs[:, second::2]),
        )
    if not _PLANAR.fullmatch(form.name):
        frame = _planar(frame)
    dtype = np.uint8 if depth_of(frame.format) == 8 else np.uint16
    luma, *chroma = (np.array(_rows(plane, dtype)) for plane in frame.planes[: 1 if is_grey(frame.format) else 3])
    return luma, (chroma[0], chroma[1]) if chroma else None


def _rows(plane: VideoPlane, dtype: Any, values: int = 1) -> NDArray[Any]:
    """View a plane's pixels, of `values` numbers each, without the padding of its lines."""
    flat: NDArray[Any] = np.frombuffer(memoryview(plane), dtype=dtype)
    rows = flat.reshape(plane.height, -1)[:, : plane.width * values]
    return rows[::-1] if plane.line_size < 0 else rows


def _planar(frame: VideoFrame) -> VideoFrame:
    """Lay a frame out in planes of the same depth and sampling, which changes no value."""
    form = frame.format
    bits = depth_of(form)
    if is_grey(form):
        name = "gray" if bits == 8 else "gray16le"
    else:
        sampling = sampling_of(form)
        if sampling is None:
            raise LookupError(form.name)
        name = f"yuv{sampling}p" + ("" if bits == 8 else f"{bits}le")
    # The same range on both sides, or FFmpeg would convert one into the other.
    return frame.reformat(format=name, src_color_range="JPEG", dst_color_range="JPEG")
