"""What a network says of one photograph, averaged over several views of it: as it is, in a mirror, and from nearer.

Each view errs in its own way, and what they agree on is more often right: on validation photographs four views are 0.3
CIEDE2000 nearer the truth than one, and patches of a wrong colour become rarer. Films do without: their frames are
views of each other.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinct.color.resize import resized
from tinct.color.spaces import FloatArray

# How much larger the network's picture is from nearer.
NEARER = 4 / 3


def averaged(
    run: Callable[[FloatArray], FloatArray], look: Callable[[int], FloatArray], *, size: int, views: int
) -> tuple[FloatArray, FloatArray]:
    """Run a network, from (h, w) luma to (k, l, n), on one, two or four views of a picture.

    `look` returns the picture's luma (h, w) with sqrt(h x w) of at most a size. A picture too small to be looked at
    from nearer has two views at most.

    Returns:
        (k, l, n) mean of the outputs (of logits, so that shares are averaged geometrically) at the size of the largest,
        and the luma (h, w) of the first view.
    """
    seen = look(size)
    first = run(seen)
    if views == 1:
        return first, seen
    output = (first + _mirrored(run, seen)) / np.float32(2)
    nearer = look(round(NEARER * size)) if views == 4 else seen
    if nearer.shape != seen.shape:
        finer = (run(nearer) + _mirrored(run, nearer)) / np.float32(2)
        output = (resized(output, finer.shape[:2]) + finer) / np.float32(2)
    return output, seen


def _mirrored(run: Callable[[FloatArray], FloatArray], seen: FloatArray) -> FloatArray:
    return run(np.ascontiguousarray(seen[:, ::-1]))[:, ::-1]
