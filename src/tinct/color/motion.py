"""Motion between two frames of a film: dense flow, pictures moved along it, and where it can be trusted.

Flow points backwards throughout: for every pixel of the later frame it says where the same thing was in the earlier
one, so that the earlier frame, or anything known about it, can be drawn as it would look later.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray
from tinct.errors import InputError

# OpenCV searches patches of 8 pixels and needs several across; smaller pictures are enlarged.
_LEAST_SIDE = 32
MOST_CHANNELS = 128  # that OpenCV 5 allows in one picture
# The motion of a camera that stands still.
STILL: FloatArray = np.eye(2, 3, dtype=np.float32)
# Corners by which a camera's motion is found, how many must follow it, and how near (pixels) each comes back to itself.
_CORNERS, _FEWEST_CORNERS, _RETURNS = 120, 8, 0.7
_FOLLOWING: dict[str, Any] = {"winSize": (15, 15), "maxLevel": 2, "criteria": (3, 10, 0.03)}


def flow(current: NDArray[Any], previous: NDArray[Any], *, fine: bool = False) -> FloatArray:
    """Find where each pixel of a frame was in another frame.

    Changes of brightness do not matter. The same pictures give exactly the same flow.

    Args:
        current: (h, w) luma: uint8, or floats in 0..1.
        previous: (h, w) luma of the other frame.
        fine: search more finely, which takes about four times as long; for measuring films rather than making them.

    Returns:
        (h, w, 2) float32: what is at (x, y) in `current` was at (x, y) + flow[y, x] in `previous`, in pixels, x first.

    Raises:
        InputError: the pictures are not two luma planes of one size.

    Source: Kroeger, Timofte, Dai & Van Gool 2016, "Fast optical flow using dense inverse search" (OpenCV's DIS).
    """
    if current.ndim != 2 or current.shape != previous.shape or 0 in current.shape:
        raise InputError(f"flow needs two luma planes of one size (h, w), not {current.shape} and {previous.shape}")
    height, width = current.shape
    size = (max(width, _LEAST_SIDE), max(height, _LEAST_SIDE))
    if fine:
        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    else:
        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        search.setFinestScale(1)  # half the picture's size; the preset's quarter is too coarse for small pictures
        search.setPatchStride(5)  # a third faster than the preset's 4, and as good
    nothing: Any = None  # no flow to start from
    motion: FloatArray = search.calc(_enlarged(levels(current), size), _enlarged(levels(previous), size), nothing)
    return motion if size == (width, height) else resized(motion, (height, width))


def warp(values: NDArray[Any], motion: NDArray[Any]) -> FloatArray:
    """Draw values of the earlier frame as they would look in the later one.

    Args:
        values: (k, l) or (k, l, n) of the earlier frame, of the flow's size or another.
        motion: (h, w, 2) from `flow(later, earlier)`.

    Returns:
        float32 of the shape of `values`, interpolated bilinearly; outside the earlier frame its border is repeated.
    """
    height, width = values.shape[:2]
    small = motion if motion.shape[:2] == (height, width) else resized(motion, (height, width))
    columns = small[..., 0] + np.arange(width, dtype=np.float32)
    rows = small[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    source = np.asarray(values, dtype=np.float32).reshape(height, width, -1)
    # As many channels at once as OpenCV allows: groups of 4 take eight times as long.
    parts = [
        cv2.remap(
            np.ascontiguousarray(source[..., first : first + MOST_CHANNELS]),
            columns,
            rows,
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ).reshape(height, width, -1)
        for first in range(0, source.shape[-1], MOST_CHANNELS)
    ]
    moved: FloatArray = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
    return moved.reshape(values.shape)


def consistent(forward: NDArray[Any], backward: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where flow can be trusted: going back to the earlier frame and forth again ends where it began.

    Elsewhere, the thing was hidden in the earlier frame, lay outside it, or was not found.

    Args:
        forward: (h, w, 2) `flow(earlier, later)`.
        backward: (h, w, 2) `flow(later, earlier)`.

    Returns:
        (h, w) bool, for the pixels of the later frame.

    Source: Sundaram, Brox & Keutzer 2010, "Dense point trajectories by GPU-accelerated large displacement optical
    flow", equation 5, used in the same way by Ruder, Dosovitskiy & Brox 2016, "Artistic style transfer for videos".
    """
    height, width = backward.shape[:2]
    returned = warp(forward, backward)
    gap = np.square(backward + returned).sum(axis=-1)
    length = np.square(backward).sum(axis=-1) + np.square(returned).sum(axis=-1)
    columns = backward[..., 0] + np.arange(width, dtype=np.float32)
    rows = backward[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    inside = (columns >= -0.5) & (columns <= width - 0.5) & (rows >= -0.5) & (rows <= height - 0.5)
    agrees: NDArray[np.bool_] = inside & (gap < 0.01 * length + 0.5)
    return agrees


def inverse(motion: NDArray[Any]) -> FloatArray:
    """Approximate `flow(earlier, later)` from `flow(later, earlier)`, without another search.

    It is exact where flow is constant, and wrong beside the edges of moving things, where no inverse exists.

    Args:
        motion: (h, w, 2) from `flow(later, earlier)`.

    Returns:
        (h, w, 2) float32.

    Source: Chen, Lu, Chen, Ruchala & Olivera 2008, "A simple fixed-point approach to invert a deformation field".
    """
    turned: FloatArray = -np.asarray(motion, dtype=np.float32)
    for _ in range(2):
        turned = -warp(motion, turned)
    return turned


def camera_motion(current: NDArray[np.uint8], previous: NDArray[np.uint8]) -> FloatArray:
    """Find how the camera moved between two frames: shift, turn and zoom that most of their corners follow.

    Args:
        current: (h, w) luma.
        previous: (h, w) luma of the other frame.

    Returns:
        (2, 3) float32: what is at (x, y) in `current` was at `camera @ (x, y, 1)` in `previous`; `STILL` where too few
        corners follow one motion.

    Source: corners followed both ways (Shi & Tomasi 1994; Kalal, Mikolajczyk & Matas 2010, "Forward-backward error"),
    and RANSAC, as video stabilisers do.
    """
    corners: Any = cv2.goodFeaturesToTrack(current, _CORNERS, 0.01, 5)
    if corners is None:
        return STILL
    nothing: Any = None
    there, found, _ = cv2.calcOpticalFlowPyrLK(current, previous, corners, nothing, **_FOLLOWING)
    back, returned, _ = cv2.calcOpticalFlowPyrLK(previous, current, there, nothing, **_FOLLOWING)
    sure = (found[:, 0] & returned[:, 0]).astype(bool) & (np.abs(back - corners).max(axis=(1, 2)) < _RETURNS)
    if sure.sum() < _FEWEST_CORNERS:
        return STILL
    camera, inside = cv2.estimateAffinePartial2D(corners[sure], there[sure], ransacReprojThreshold=1.0)
    return STILL if camera is None or inside.sum() < _FEWEST_CORNERS else camera.astype(np.float32)


def joined(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the motion (2, 3) of a camera that moved by one and then by another."""
    whole: FloatArray = second[:, :2] @ first
    whole[:, 2] += second[:, 2]
    return whole


def reverse(camera: FloatArray) -> FloatArray:
    """Return the motion (2, 3) of a camera that goes back."""
    back: FloatArray = cv2.invertAffineTransform(camera).astype(np.float32)
    return back


def camera_at(camera: FloatArray, shape: tuple[int, int], other: tuple[int, int]) -> FloatArray:
    """Return a camera's motion (2, 3), in pixels of frames of `shape`, in pixels of the same frames at size `other`."""
    scale = np.array([other[1] / shape[1], other[0] / shape[0]], dtype=np.float32)
    middle = (scale - 1) / 2  # pixels' centres lie between their edges
    linear = scale[:, None] * camera[:, :2] / scale
    scaled: FloatArray = np.column_stack([linear, scale * camera[:, 2] + middle - linear @ middle]).astype(np.float32)
    return scaled


def motion_of_camera(camera: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Return the flow (h, w, 2) that a camera's motion (2, 3) makes of a frame of `shape`."""
    (across, by_row, right), (by_column, down, below) = camera - STILL
    columns, rows = np.arange(shape[1], dtype=np.float32), np.arange(shape[0], dtype=np.float32)[:, None]
    motion: FloatArray = np.stack(
        [across * columns + (by_row * rows + right), by_column * columns + (down * rows + below)], axis=-1
    )
    return motion


def turned(picture: NDArray[Any], camera: FloatArray) -> NDArray[Any]:
    """Draw an earlier frame (h, w) as a camera that moved so (2, 3) shows it later; its border goes on outside."""
    return _turned(picture, camera, cv2.BORDER_REPLICATE)


def seen_before(camera: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Return which places of a frame of `shape` lay inside the earlier one, (h, w) in 0..1."""
    inside: FloatArray = _turned(np.ones(shape, dtype=np.float32), camera, cv2.BORDER_CONSTANT)
    return inside


def _turned(picture: NDArray[Any], camera: FloatArray, border: int) -> NDArray[Any]:
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    shown: NDArray[Any] = cv2.warpAffine(picture, camera, picture.shape[::-1], flags=way, borderMode=border)
    return shown


def resized(motion: NDArray[Any], shape: tuple[int, int]) -> FloatArray:
    """Return flow (h, w, 2) resized to `shape`, in pixels of that size."""
    height, width = motion.shape[:2]
    size = (shape[1], shape[0])
    shrinks = size[0] <= width and size[1] <= height
    scaled: FloatArray = cv2.resize(motion, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    scaled *= np.array([size[0] / width, size[1] / height], dtype=np.float32)
    return scaled


def levels(luma: NDArray[Any]) -> NDArray[np.uint8]:
    """Return luma (h, w), uint8 or floats in 0..1, as 8-bit levels, the input of the search for flow."""
    if luma.dtype == np.uint8:
        return np.ascontiguousarray(luma)
    return np.clip(np.rint(luma * np.float32(255)), 0, 255).astype(np.uint8)


def _enlarged(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    if size == picture.shape[::-1]:
        return picture
    enlarged: NDArray[np.uint8] = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
    return enlarged
