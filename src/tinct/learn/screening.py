"""Which photographs are fit to learn colour from: frames cut off, near-greys found, look-alikes found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import rgb_to_yuv
from tinct.color.toning import COLOR_OFF_TONE, color_off_tone

Picture = NDArray[np.uint8]

# A photograph whose chroma is below this on average teaches that the world is grey (YUV units; full red is 0.63).
NEAR_GREY = 0.02
# A frame's lines are of one colour: the largest spread (8-bit steps) along a line and from line to line.
FRAME_SPREAD = 4.0
FRAME_STEP = 8.0
SMALLEST_SIDE = 64
LOOKALIKE_BITS = 3
LOOKALIKE_DIFFERENCE = 6.0


@dataclass(frozen=True)
class Frame:
    """How many pixels of a picture's edges belong to a frame."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def present(self) -> bool:
        """Whether there is any frame."""
        return max(self.top, self.bottom, self.left, self.right) > 0


def find_frame(picture: Picture) -> Frame:
    """Find a frame of one colour around a picture.

    Args:
        picture: (H, W, 3) sRGB uint8.

    Returns:
        The frame's width at each edge; a smooth sky is no frame, since a frame is black, white, or the same colour at
        opposite edges.
    """
    lines = picture.astype(np.float32)
    top, bottom = _flat_lines(lines), _flat_lines(lines[::-1])
    across = lines.transpose(1, 0, 2)
    left, right = _flat_lines(across), _flat_lines(across[::-1])
    vertical = _confirmed(lines, top, bottom)
    horizontal = _confirmed(across, left, right)
    return Frame(*vertical, *horizontal)


def _flat_lines(lines: NDArray[np.float32]) -> int:
    """Count the lines of one colour from the first on, at most half of them."""
    half = len(lines) // 2
    head = lines[:half]
    flat = (head.std(axis=1).max(axis=1) < FRAME_SPREAD) & (
        np.abs(head.mean(axis=1) - head[0].mean(axis=0)).max(axis=1) < FRAME_STEP
    )
    return int(half if flat.all() else flat.argmin())


def _confirmed(lines: NDArray[np.float32], first: int, last: int) -> tuple[int, int]:
    """Keep a border where it is black or white, or where the opposite one has its colour."""
    start, end = lines[0].mean(axis=0), lines[-1].mean(axis=0)
    alike = bool(first and last and np.abs(start - end).max() < FRAME_STEP)

    def extreme(color: NDArray[np.float32]) -> bool:
        return bool(color.max() < 20 or color.min() > 240)

    return (first if alike or extreme(start) else 0, last if alike or extreme(end) else 0)


def grey_reason(picture: Picture) -> str | None:
    """Say why a picture has too little colour to learn from.

    Args:
        picture: (H, W, 3) sRGB uint8.

    Returns:
        A reason, or None for a picture with colours.
    """
    small = cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    chroma = rgb_to_yuv(small)[..., 1:]
    amount = float(np.hypot(chroma[..., 0], chroma[..., 1]).mean())
    if amount < NEAR_GREY:
        return f"near-grey (mean chroma {amount:.3f})"
    left = color_off_tone(small)
    if left < COLOR_OFF_TONE:
        return f"toned in one hue (chroma off the tone {left:.1f} of 255)"
    return None


def fingerprint(picture: Picture) -> tuple[int, bytes]:
    """Give what look-alikes are found by.

    Args:
        picture: (H, W, 3) sRGB uint8.

    Returns:
        A 64-bit difference hash (neighbouring pixels of a 9x8 luma compared), and a 16x16 luma as 256 bytes.
    """
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    tiny = cv2.resize(luma, (9, 8), interpolation=cv2.INTER_AREA).astype(np.int16)
    bits = (tiny[:, 1:] > tiny[:, :-1]).reshape(-1)
    number = int.from_bytes(np.packbits(bits).tobytes(), "big")
    return number, cv2.resize(luma, (16, 16), interpolation=cv2.INTER_AREA).tobytes()


def look_alike(first: tuple[int, bytes], second: tuple[int, bytes]) -> bool:
    """Say whether two fingerprints belong to the same picture, recompressed or resized."""
    if (first[0] ^ second[0]).bit_count() > LOOKALIKE_BITS:
        return False
    one, other = (np.frombuffer(part, dtype=np.uint8).astype(np.float32) for part in (first[1], second[1]))
    return float(np.abs(one - other).mean()) < LOOKALIKE_DIFFERENCE


def crop_frame(picture: Picture, frame: Frame) -> Picture:
    """Cut a frame off, with one pixel more at each cut edge, where frame and picture blend."""
    height, width = picture.shape[:2]
    top, bottom = (side + 1 if side else 0 for side in (frame.top, frame.bottom))
    left, right = (side + 1 if side else 0 for side in (frame.left, frame.right))
    cropped: NDArray[Any] = picture[top : height - bottom, left : width - right]
    return np.ascontiguousarray(cropped)
