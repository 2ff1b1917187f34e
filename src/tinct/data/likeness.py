"""Comparing two pictures of a set apart from what pictures of that set share: axes, margins, captions, frames.

Each picture is represented by its luma at 48x48, less its mean. The other pictures of the set predict a part of it;
copies agree in the rest, and pictures that merely have the same layout do not. The prediction is a ridge regression on
all pictures except the two that are compared, for which there is a closed form (Hoerl & Kennard 1970; Cook & Weisberg
1982, section 3.3, leaving several out).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.spatial import cKDTree

EDGE = 48  # pixels along an edge of the pictures that are compared
COARSE = 16  # along an edge in the quick check before that
CELLS = 4  # along an edge in the search for candidates
ALIKE = 0.4  # least correlation of copies; JPEG at 75 leaves 0.63 or more, different pictures reach up to 0.17
# Of curves in one plot some are nearly alike by chance. Where at least this many pairs are not copies,
MANY_PAIRS = 100
# copies agree this many times better than 99 in 100 of these do,
BEYOND = 2.5
# or better than this correlation.
MOST_ALIKE = 0.8
FEW = 10  # fewer different pictures than this do not show what they share
SOME = 30  # with fewer different pictures than this, copies must agree in fine detail, too
FINE_ALIKE = 0.5  # least correlation of that fine detail
COARSE_LEVELS = 10.0  # of 255: copies differ by less in 98 of 100 coarse pixels
CELL_LEVELS = 6.0  # of 255: copies differ by at most this in each cell
CHROMA_LEVELS = 1.25  # root mean square over cells in Cb and Cr; JPEG at 75 changes up to 0.7, 3 degrees of hue 1.5
RIDGE = 1.3  # levels squared per pixel that the regression need not explain: about what JPEG changes
MOST_LEARNED_FROM = 1500  # pictures from which the layout is learned
# Several similar pictures are copies of each other, rather than pictures with one layout, if the nearest other picture
# is this many times as far away (squared distance).
GAP = 16.0
SMALLEST_CLUSTER, LARGEST_CLUSTER = 3, 64  # pictures
CLUSTER_LEVELS = 16.0  # levels squared per pixel by which copies in a cluster differ at most
CLUSTER_ALIKE = 0.8  # least correlation of their fine detail
_PAIRS_AT_ONCE, _POINTS_AT_ONCE = 2048, 1024

Pairs = NDArray[np.intp]  # (P, 2)


def detail(rgb: NDArray[np.uint8]) -> bytes:
    """Return the luma of a picture (H, W, 3) at 48x48, row by row."""
    luma = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2GRAY)
    return bytes(cv2.resize(luma, (EDGE, EDGE), interpolation=cv2.INTER_AREA).tobytes())


def cell_chroma(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return Cr and Cb of a picture (H, W, 3) in 4x4 cells: (32,)."""
    chroma = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2YCrCb)[..., 1:].astype(np.float32)
    return np.asarray(cv2.resize(chroma, (CELLS, CELLS), interpolation=cv2.INTER_AREA), dtype=np.float32).ravel()


def stack_details(details: Sequence[bytes]) -> NDArray[np.float32]:
    """Return pictures, as `detail` returns them, as lumas (N, 2304) less their means."""
    luma = np.frombuffer(b"".join(details), dtype=np.uint8).reshape(len(details), EDGE * EDGE).astype(np.float32)
    vectors: NDArray[np.float32] = luma - luma.mean(axis=1, keepdims=True)
    return vectors


def mirrored(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return pictures (N, 2304) mirrored left to right."""
    return vectors.reshape(-1, EDGE, EDGE)[:, :, ::-1].reshape(len(vectors), -1)


def _reduced(vectors: NDArray[np.float32], edge: int) -> NDArray[np.float32]:
    step = EDGE // edge
    means: NDArray[np.float32] = vectors.reshape(-1, edge, step, edge, step).mean(axis=(2, 4)).reshape(len(vectors), -1)
    return means


def close_pairs(
    vectors: NDArray[np.float32],
    others: NDArray[np.float32] | None = None,
    *,
    beside: NDArray[np.float32] | None = None,
) -> Iterator[Pairs]:
    """Find pairs whose lumas agree apart from fine detail and the mean.

    Args:
        vectors: (N, 2304) as `stack_details` returns them.
        others: (M, 2304) to compare with; default: they are compared with each other.
        beside: (N, F) further values that must agree within `CELL_LEVELS`, such as the cells' chroma; without `others`.

    Yields:
        Arrays (P, 2) of pairs: an index in `vectors` and one in `others`, or (earlier, later).
    """
    cells, coarse = _reduced(vectors, CELLS), _reduced(vectors, COARSE)
    if beside is not None:
        cells = np.concatenate([cells, beside], axis=1)
    other_cells, other_coarse = (
        (cells, coarse) if others is None else (_reduced(others, CELLS), _reduced(others, COARSE))
    )
    tree = cKDTree(other_cells)
    for start in range(0, len(cells), _POINTS_AT_ONCE):
        near: list[list[int]] = tree.query_ball_point(  # type: ignore[assignment]
            cells[start : start + _POINTS_AT_ONCE], CELL_LEVELS, p=np.inf
        )
        counts = np.array([len(indices) for indices in near])
        first = np.repeat(np.arange(start, start + len(near)), counts)
        second = np.fromiter((index for indices in near for index in indices), dtype=np.intp, count=int(counts.sum()))
        if others is None:
            first, second = first[first < second], second[first < second]
        for low in range(0, len(first), _PAIRS_AT_ONCE):
            one, other = first[low : low + _PAIRS_AT_ONCE], second[low : low + _PAIRS_AT_ONCE]
            close = np.quantile(np.abs(coarse[one] - other_coarse[other]), 0.98, axis=1) < COARSE_LEVELS
            yield np.stack([one[close], other[close]], axis=1)


class Layout:
    """What the pictures of a set share, learned from them."""

    def __init__(self, vectors: NDArray[np.float32], pairs: Pairs) -> None:
        """Learn it.

        Args:
            vectors: (N, 2304) as `stack_details` returns them.
            pairs: pairs of them that may be copies; from a cluster of copies only one picture is used.
        """
        self._vectors = vectors
        self._cluster = _clusters(vectors, pairs)
        distinct = np.flatnonzero((self._cluster == np.arange(len(vectors))) & vectors.any(axis=1))
        self._distinct = len(distinct)
        count = min(len(distinct), MOST_LEARNED_FROM) if len(distinct) >= FEW else 0
        chosen = distinct[np.linspace(0, len(distinct) - 1, count).astype(int)]
        self._learned = np.zeros(len(vectors), dtype=bool)
        self._learned[chosen] = True
        examples = vectors[chosen].astype(np.float64)
        factor = np.linalg.cholesky(examples @ examples.T + RIDGE * EDGE**2 * np.eye(len(chosen)))
        self._base = solve_triangular(factor, examples, lower=True)

    def alike(self, pairs: Pairs, others: NDArray[np.float32] | None = None) -> NDArray[np.bool_]:
        """Return which pairs are copies, (P,).

        Args:
            pairs: (P, 2) an index in `vectors` and one in `others`; without `others`, both in `vectors`.
            others: (M, 2304) pictures outside the set, such as mirror images.
        """
        if not len(pairs):
            return np.zeros(0, dtype=bool)
        agree = self.correlations(pairs, others)
        copies: NDArray[np.bool_] = agree >= _least_of_copies(agree)
        if self._distinct < SOME:
            one = self._vectors[pairs[:, 0]]
            other = (self._vectors if others is None else others)[pairs[:, 1]]
            copies &= np.einsum("nf,nf->n", _fine(one), _fine(other)) >= FINE_ALIKE
        if others is None:
            copies |= self._cluster[pairs[:, 0]] == self._cluster[pairs[:, 1]]
        return copies

    def correlations(self, pairs: Pairs, others: NDArray[np.float32] | None = None) -> NDArray[np.float64]:
        """Return the correlation (P,) of pairs in what other pictures do not predict; arguments as in `alike`."""
        sides = self._vectors, self._vectors if others is None else others
        learned = self._learned, self._learned if others is None else np.zeros(len(sides[1]), dtype=bool)
        # Coordinates of the predicted part, computed once for each picture, since many are in several pairs.
        kept = [np.unique(side, return_inverse=True) for side in pairs.T]
        explained = [vectors[rows] @ self._base.T for vectors, (rows, _) in zip(sides, kept, strict=True)]
        correlations = np.empty(len(pairs))
        for low in range(0, len(pairs), _PAIRS_AT_ONCE):
            batch = slice(low, low + _PAIRS_AT_ONCE)
            two = np.stack([vectors[side] for vectors, side in zip(sides, pairs[batch].T, strict=True)], axis=1)
            parts = np.stack([part[rows[batch]] for part, (_, rows) in zip(explained, kept, strict=True)], axis=1)
            forms = two.astype(np.float64) @ two.swapaxes(1, 2) - parts @ parts.swapaxes(1, 2)
            used = np.stack([flags[side] for flags, side in zip(learned, pairs[batch].T, strict=True)], axis=1)
            correlations[batch] = _left_out(forms / (RIDGE * EDGE**2), used)
        return correlations


def _least_of_copies(correlations: NDArray[np.float64]) -> float:
    """Return the least correlation of copies, from the correlations (P,) of all pairs."""
    apart = correlations[correlations < ALIKE]
    if len(apart) < MANY_PAIRS:
        return ALIKE
    return float(np.clip(BEYOND * np.quantile(apart, 0.99), ALIKE, MOST_ALIKE))


def _left_out(forms: NDArray[np.float64], learned: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the correlation (P,) of two pictures as if the layout had been learned without them.

    Args:
        forms: (P, 2, 2) quadratic forms of the two; for pictures that were learned from, these are leverages.
        learned: (P, 2) whether the layout was learned from them.
    """
    rows, columns = learned[:, :, None], learned[:, None, :]
    inverse = np.linalg.inv(np.eye(2) - forms * rows * columns)
    without = forms + (forms * columns) @ inverse @ (forms * rows)
    energies = without[:, 0, 0] * without[:, 1, 1]
    return np.where(energies > 1e-12, without[:, 0, 1] / np.sqrt(np.maximum(energies, 1e-12)), 0)


def _clusters(vectors: NDArray[np.float32], pairs: Pairs) -> NDArray[np.intp]:
    """Return the cluster of copies that each picture belongs to, as its smallest index; most are alone in theirs.

    A pair of copies is left out of the prediction when it is judged. A third copy would remain in it, and would count
    as a layout that the two share.
    """
    cluster = np.arange(len(vectors))
    degrees = np.bincount(pairs.ravel(), minlength=len(vectors))
    several = np.flatnonzero(degrees >= SMALLEST_CLUSTER - 1)
    if not len(several):
        return cluster
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.argsort(both[:, 0], kind="stable")]
    ends = np.searchsorted(both[:, 0], several, side="right")
    begins = np.searchsorted(both[:, 0], several, side="left")
    sizes = np.einsum("nf,nf->n", vectors, vectors, dtype=np.float64)
    spread = np.linspace(0, len(vectors) - 1, min(len(vectors), MOST_LEARNED_FROM)).astype(int)
    for low in range(0, len(several), _POINTS_AT_ONCE):
        rows = several[low : low + _POINTS_AT_ONCE]
        far = sizes[rows][:, None] + sizes[spread] - 2 * (vectors[rows] @ vectors[spread].T)
        for row, distances, begin, end in zip(rows, far, begins[low:], ends[low:], strict=False):
            likely = both[begin:end, 1]
            outside = distances[~np.isin(spread, likely) & (spread != row)]
            _join(cluster, row, likely, sizes, vectors, nearest=float(outside.min()) if len(outside) else 0.0)
    return cluster


def _join(
    cluster: NDArray[np.intp],
    row: int,
    likely: NDArray[np.intp],
    sizes: NDArray[np.float64],
    vectors: NDArray[np.float32],
    *,
    nearest: float,
) -> None:
    """Join a picture and those most similar to it into one cluster, if the next one is much farther away.

    Args:
        cluster: (N,) each picture's cluster; changed in place.
        row: index of the picture.
        likely: indices of the pictures that may be its copies.
        sizes: (N,) squared lengths of `vectors`.
        vectors: (N, 2304) of all pictures.
        nearest: squared distance of the nearest other picture.
    """
    if sizes[row] == 0:
        return
    near = np.square(vectors[likely] - vectors[row]).sum(axis=1, dtype=np.float64)
    order = np.argsort(near)
    steps = np.append(near[order][1:], nearest)
    gaps = np.flatnonzero(np.minimum(steps, nearest) >= GAP * np.maximum(near[order], 1e-9))
    gaps = gaps[(gaps >= SMALLEST_CLUSTER - 2) & (gaps < LARGEST_CLUSTER)]
    if not len(gaps):
        return
    inside = np.append(likely[order[: gaps[-1] + 1]], row)
    fine = _fine(vectors[inside])
    if near[order[gaps[-1]]] <= CLUSTER_LEVELS * EDGE**2 and (fine @ fine[-1]).min() >= CLUSTER_ALIKE:
        labels = cluster[inside]
        cluster[np.isin(cluster, labels)] = labels.min()


def _fine(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the detail finer than 5 of 48 pixels (N, 2304), each row of length 1; zeros for flat pictures."""
    fine = np.stack([(luma - cv2.blur(luma, (5, 5))).ravel() for luma in vectors.reshape(-1, EDGE, EDGE)])
    unit: NDArray[np.float32] = fine / np.maximum(np.linalg.norm(fine, axis=1, keepdims=True), 1e-6)
    return unit
