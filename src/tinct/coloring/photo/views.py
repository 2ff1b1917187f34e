"""What a network says of one photograph, averaged over several views of it: as it is, in a mirror, and from nearer.

Each view errs in its own way, and what they agree on is more often right: on validation photographs four views are 0.3
CIEDE2000 nearer the truth than one, and patches of a wrong colour become rarer. Films do without: their frames are
views of each other.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from tinct.color.spaces import FloatArray

# How much larger the network's picture is from nearer.
NEARER = 4 / 3


def averaged(
    run: Callable[[FloatArray], FloatArray], look: Callable[[int], FloatArray], *, size: int, views: int
) -> tuple[FloatArray, FloatArray]:
    """Run a network on views of a picture.

    Args:
        run: the network, from (h, w) luma to (k, l, n).
        look: gives the picture's luma (h, w) with sqrt(h x w) of at most so many pixels.
        size: working size in pixels.
        views: 1, the picture as it is; 2, in a mirror too; 4, both from nearer as well.

    Returns:
        (k, l, n) mean of the outputs (of logits, so that shares are averaged geometrically) at the size of the largest,
        and the luma (h, w) of the first view. A picture too small to be looked at from nearer has two views at most.
    """
    seen = look(size)
    first = run(seen)
    if views == 1:
        return first, seen
    output = (first + _mirrored(run, seen)) / np.float32(2)
    nearer = look(round(NEARER * size)) if views == 4 else seen
    if nearer.shape != seen.shape:
        finer = (run(nearer) + _mirrored(run, nearer)) / np.float32(2)
        output = (_resized(output, finer.shape) + finer) / np.float32(2)
    return output, seen


def _mirrored(run: Callable[[FloatArray], FloatArray], seen: FloatArray) -> FloatArray:
    return run(np.ascontiguousarray(seen[:, ::-1]))[:, ::-1]


def _resized(output: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Bring (k, l, n) to another height and width; n may be more than OpenCV resizes at once."""
    size = (shape[1], shape[0])
    channels = [cv2.resize(part, size, interpolation=cv2.INTER_LINEAR) for part in np.moveaxis(output, -1, 0).copy()]
    return np.stack(channels, axis=-1)
