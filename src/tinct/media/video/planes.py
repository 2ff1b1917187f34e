"""Turn FFmpeg's frames into planes of Y, U and V and back, and feed its filters with planes.

No value is changed if the format has a Y plane.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from tinct.errors import InputError
from tinct.media.video.film import Film, clock

# Formats whose planes can be taken as they are: planar YUV and grey of up to 16 bits, little-endian.
_PLANAR = re.compile(r"(yuv[aj]?4\d\dp|gray)(9|1[0246])?(le)?")
# Formats with 8-bit U and V in turns in one plane, and the places of U and V in a pair.
_PAIRED = {"nv12": (0, 1), "nv16": (0, 1), "nv24": (0, 1), "nv21": (1, 0), "nv42": (1, 0)}
# Luma pixels for each chroma pixel, across and down, by the subsampling in a format's name.
CHROMA_STEPS = {"444": (1, 1), "422": (2, 1), "420": (2, 2), "440": (1, 2), "411": (4, 1), "410": (4, 4)}
_SAMPLING = {steps: name for name, steps in CHROMA_STEPS.items()}
_SAME_PROPORTIONS = 0.02  # proportions that differ by less than this share are the same
_STEP = 4  # a picture between black borders begins at a multiple of this, so that its chroma begins on a whole pixel

Planes = tuple[NDArray[Any], ...]  # Y alone, or Y, U and V


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
        (H, W) luma, and (h, w) U and V if there is chroma; uint8, or uint16 for more than 8 bits (`depth_of`).

    Raises:
        InputError: pixels of this format cannot be read.
    """
    form = frame.format
    try:
        return _from_rgb(frame) if is_rgb(form) else _from_planes(frame)
    except (av.FFmpegError, ValueError, LookupError) as error:
        raise InputError(f"pixels of the format {form.name} cannot be read; convert the film to H.264 first") from error


def is_fitting(film: Film, frame: VideoFrame) -> bool:
    """Return whether a frame has the film's size, depth and kind of chroma."""
    form = frame.format
    kind = (frame.width, frame.height, depth_of(form), is_rgb(form), is_grey(form), sampling_of(form))
    return kind == (film.width, film.height, film.depth, film.rgb, film.grey, film.sampling)


def fitted_planes(film: Film, frame: VideoFrame, pts: int) -> Planes:
    """Return a frame's planes in the film's form.

    A frame of another size is scaled; one with other proportions also gets black borders.

    Raises:
        InputError: FFmpeg cannot convert it; the message names its time.
    """
    if is_fitting(film, frame):
        return planes_of(frame)
    width, height = _inner_size(film, frame)
    try:
        # The same range on both sides, or FFmpeg would convert one into the other.
        small = frame.reformat(width, height, film.pixel_format, src_color_range="JPEG", dst_color_range="JPEG")
    except (av.FFmpegError, ValueError) as error:
        raise InputError(
            f"{film.path}: changes at {clock(film.seconds_at(pts))} from {film.width} x {film.height} pixels of "
            f"{film.pixel_format} to {frame.width} x {frame.height} of {frame.format.name}; cut it there first"
        ) from error
    luma, *chroma = planes_of(small)
    top, left = ((whole - part) // 2 // _STEP * _STEP for whole, part in ((film.height, height), (film.width, width)))
    scale = 1 << (film.depth - 8)
    luma = _between(luma, (film.height, film.width), (top, left), 0 if film.full_range else 16 * scale)
    across, down = CHROMA_STEPS.get(film.sampling or "", (1, 1))
    shape, place = (-(-film.height // down), -(-film.width // across)), (top // down, left // across)
    return luma, *(_between(plane, shape, place, 128 * scale) for plane in chroma)


def frame_of(planes: Planes, form: str, size: tuple[int, int]) -> VideoFrame:
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


def _from_rgb(frame: VideoFrame) -> Planes:
    bits, as_stored = depth_of(frame.format), _is_deep_planar_rgb(frame.format)
    if as_stored:
        dtype = np.dtype(">u2" if frame.format.name.endswith("be") else "<u2")
        green, blue, red = (_rows(plane, dtype).astype(np.uint16) for plane in frame.planes[:3])
        colors = cv2.merge([red, green, blue])
    else:
        colors = frame.to_ndarray(format="rgb48le" if bits > 8 else "rgb24")
    luma, red, blue = cv2.split(cv2.cvtColor(colors, cv2.COLOR_RGB2YCrCb))
    if as_stored:  # OpenCV centres chroma at the middle of 16 bits
        shift, most = (1 << (bits - 1)) - (1 << 15), (1 << bits) - 1
        red, blue = (np.clip(plane.astype(np.int32) + shift, 0, most).astype(np.uint16) for plane in (red, blue))
    return luma, blue, red


def _from_planes(frame: VideoFrame) -> Planes:
    form = frame.format
    if form.name in _PAIRED:
        pairs = _rows(frame.planes[1], np.uint8, 2)
        chroma = (np.ascontiguousarray(pairs[:, place::2]) for place in _PAIRED[form.name])
        return np.array(_rows(frame.planes[0], np.uint8)), *chroma
    if not _PLANAR.fullmatch(form.name):
        frame = _planar(frame)
    dtype = np.uint8 if depth_of(frame.format) == 8 else np.uint16
    return tuple(np.array(_rows(plane, dtype)) for plane in frame.planes[: 1 if is_grey(frame.format) else 3])


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


def _inner_size(film: Film, frame: VideoFrame) -> tuple[int, int]:
    if abs(frame.width * film.height / (frame.height * film.width) - 1) < _SAME_PROPORTIONS:
        return film.width, film.height
    factor = min(film.width / frame.width, film.height / frame.height)
    width, height = (max(_STEP, round(edge * factor / _STEP) * _STEP) for edge in (frame.width, frame.height))
    return min(width, film.width), min(height, film.height)


def _between(plane: NDArray[Any], shape: tuple[int, int], place: tuple[int, int], value: int) -> NDArray[Any]:
    """Return a larger plane of a single value, with this plane at a place in it."""
    if plane.shape == shape:
        return plane
    whole = np.full(shape, value, plane.dtype)
    (height, width), (top, left) = plane.shape, place
    whole[top : top + height, left : left + width] = plane[: shape[0] - top, : shape[1] - left]
    return whole


class PlanesFilter:
    """One of FFmpeg's filters for frames of one form and size."""

    def __init__(self, name: str, arguments: str, form: str, size: tuple[int, int]) -> None:
        """Set up a filter.

        Args:
            name: of the filter.
            arguments: as FFmpeg writes them.
            form: FFmpeg's name of a planar format that the filter takes as it is.
            size: width and height.
        """
        self._form, self._size = form, size
        self._graph = Graph()
        self._graph.threads = 1
        # Some filters need a constant rate; any will do.
        source = f"video_size={size[0]}x{size[1]}:pix_fmt={form}:time_base=1/25:frame_rate=25"
        nodes = (("buffer", source), (name, arguments), ("buffersink", ""))
        self._graph.link_nodes(*[self._graph.add(*node) for node in nodes]).configure()
        self._fed = 0

    @classmethod
    def of_plane(cls, name: str, arguments: str, plane: NDArray[Any]) -> PlanesFilter:
        """Return a filter for planes like this one, as if they were grey pictures."""
        form = "gray" if plane.dtype == np.uint8 else "gray16le"
        return cls(name, arguments, form, (plane.shape[1], plane.shape[0]))

    def feed(self, planes: Planes | None) -> list[VideoFrame]:
        """Put in a frame's planes, or None after the last; return what is ready."""
        if planes is None:
            self._graph.vpush(None)
        else:
            frame = frame_of(planes, self._form, self._size)
            frame.pts, frame.time_base = self._fed, Fraction(1, 25)
            self._fed += 1
            self._graph.vpush(frame)
        ready = []
        while True:
            try:
                ready.append(self._graph.vpull())
            except (av.error.BlockingIOError, av.error.EOFError):
                return ready
