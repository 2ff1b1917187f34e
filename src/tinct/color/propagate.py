"""Spreading colours given at a few places over a picture, so that they stop at edges of luma.

Neighbours of similar luma should have similar colours. Levin, Lischinski & Weiss 2004, "Colorization using
optimization", express this as a quadratic: each pixel should be the weighted mean of its neighbours,

    J(u) = sum_r (u_r - sum_s w_rs u_s)^2 + sum_r d_r (u_r - c_r)^2,    u_r given at the hints,

where w_rs is large for neighbours of similar luma and sums to 1 over the neighbours of r. The second sum, a data term,
is tinct's addition: a target (c) for each pixel, and how firmly the pixel is held to it (d). The minimum solves a
sparse linear system: at the size where chroma is made, a factorisation takes tenths of a second and each further hint
some hundredths, since a hint changes the system by one row and column.

Each row of the system reaches two pixels far. So its matrix is a band, twice as wide as the picture's shorter edge, and
LAPACK's Cholesky factors of it lie in ordinary NumPy arrays. (SuperLU takes twice as long, and frees its memory only in
the thread that allocated it: scipy issue 15921.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray
from tinct.errors import InputError, SettingError

# SciPy's solvers are imported where they are used: every run without hints would spend half a second and 35 MB on them.
if TYPE_CHECKING:
    from scipy import sparse

# Share of the luma variance around two pixels that is their sigma^2: with less, texture stops colours too; with more,
# they pass soft edges.
_VARIANCE_SHARE = 0.05
_LEAST_VARIANCE = 2e-4  # luma variance of grain and rounding, which never stops colours
# Weight before normalisation that even the least similar neighbours have, so that no pixel is isolated.
_LEAST_WEIGHT = 1e-5
_FEATURE_SCALE = 0.05  # difference of features (1 - cosine) at which a neighbour's weight falls to 1/e
_MOST_COLUMNS = 96  # up to this number of hints, one solve for each is cheaper than another factorisation
_KEPT_COLUMNS = 192  # columns kept for later calls; at 160 x 160 pixels each takes 200 KB
_RIDGE = 1e-12  # added to the diagonal of a system that is not positive definite because of rounding
_PAIRS = ((0, 1), (1, 0), (1, 1), (1, -1))  # steps to a neighbour, in rows and columns; each pair of neighbours once

Values = NDArray[np.float64]


def neighbor_weights(luma: NDArray[Any], *, features: NDArray[Any] | None = None) -> sparse.csr_array:
    """Return the weights of each pixel's 8 neighbours.

    Args:
        luma: (h, w) in 0..1, both at least 2.
        features: (h, w, k) vectors of length 1; the less similar they are, as on things that a network tells apart, the
            less neighbours count; default: only luma decides.

    Returns:
        (h w, h w) float64 with pixels in row-major order; each row sums to 1.

    Raises:
        InputError: the arrays have other shapes.

    Source: Levin et al. 2004, equation 2: w_rs ~ exp(-(Y_r - Y_s)^2 / 2 sigma^2). Their sigma is that of the window
    around r; here it is the geometric mean of both pixels' sigmas, so that a smooth place does not reach into an edge.
    """
    from scipy import sparse

    if luma.ndim != 2 or min(luma.shape) < 2:
        raise InputError(f"luma to spread colours over must be (h, w), both at least 2, not {luma.shape}")
    if features is not None and (features.ndim != 3 or features.shape[:2] != luma.shape):
        raise InputError(f"features must be (h, w, k) for luma {luma.shape}, not {features.shape}")
    height, width = luma.shape
    values = np.ascontiguousarray(luma, dtype=np.float64)
    mean = cv2.blur(values, (3, 3), borderType=cv2.BORDER_REPLICATE)
    spread = cv2.blur(values * values, (3, 3), borderType=cv2.BORDER_REPLICATE) - mean * mean
    deviation = np.sqrt(np.maximum(_VARIANCE_SHARE * spread, _LEAST_VARIANCE))
    places = np.arange(height * width).reshape(height, width)
    first, second, likeness = [], [], []
    for down, right in _PAIRS:
        here = (slice(0, height - down), slice(max(0, -right), width - max(0, right)))
        there = (slice(down, height), slice(max(0, right), width + min(0, right)))
        exponent = (values[here] - values[there]) ** 2 / (2 * deviation[here] * deviation[there])
        if features is not None:
            exponent += np.maximum(1 - (features[here] * features[there]).sum(axis=-1), 0) / _FEATURE_SCALE
        first.append(places[here].ravel())
        second.append(places[there].ravel())
        likeness.append(np.maximum(np.exp(-exponent), _LEAST_WEIGHT).ravel())
    rows, columns, weights = (np.concatenate(parts) for parts in (first, second, likeness))
    half = sparse.coo_array((weights, (rows, columns)), shape=(places.size, places.size))
    both = (half + half.T).tocsr()
    return sparse.csr_array(sparse.diags_array(1 / both.sum(axis=1)) @ both)


class Propagator:
    """A picture prepared for hints: its quadratic is factorised once, and each further hint costs one solve.

    Several threads may use it at once.

    Attributes:
        shape: (h, w) of the picture.
    """

    def __init__(
        self, luma: NDArray[Any], *, trust: NDArray[Any] | float, features: NDArray[Any] | None = None
    ) -> None:
        """Factorise.

        Args:
            luma: (h, w) in 0..1, both at least 2.
            trust: d, how firmly each pixel is held to its target; (h, w) or one number for all, above 0. A colour
                reaches about d ** -0.25 pixels unless an edge stops it.
            features: see `neighbor_weights`.

        Raises:
            InputError: the arrays have other shapes.
            SettingError: trust is not above 0 everywhere.
        """
        weights = neighbor_weights(luma, features=features)
        self.shape: tuple[int, int] = (luma.shape[0], luma.shape[1])
        self._trust = _checked_trust(trust, self.shape)
        if not (self._trust > 0).all():
            raise SettingError("trust must be above 0 everywhere")
        self._system = _system(weights, self._trust)
        self._factors = _Factors(self._system, self.shape)
        self._columns: dict[int, Values] = {}

    def spread(self, places: NDArray[Any], values: NDArray[Any], *, target: NDArray[Any] | None = None) -> FloatArray:
        """Return the minimum of the quadratic.

        Args:
            places: (k, 2) rows and columns of the hints, integers within the picture, no two equal.
            values: (k, c) the values given there.
            target: (h, w, c) what each pixel is held to; default: 0.

        Returns:
            (h, w, c) float32, exactly the values at the hints.

        Raises:
            InputError: the arrays have other shapes, or a place lies outside the picture.
        """
        known = _flat(places, self.shape)
        given = _checked_values(values, len(known))
        right = _right_side(self._trust, target, given.shape[1], self.shape)
        if len(known) > _MOST_COLUMNS:
            return _reduced(self._system, right, known, given, self.shape).reshape(*self.shape, -1).astype(np.float32)
        plain = right
        if (held := right.any(axis=0)).any():  # where nothing is aimed at, nothing is solved for
            plain = np.zeros_like(right)
            plain[:, held] = self._factors.solve(right[:, held])
        solution = plain
        if len(known):
            columns = np.stack([self._column(int(place)) for place in known], axis=1)
            solution = plain + columns @ np.linalg.solve(columns[known], given - plain[known])
            solution[known] = given
        return solution.reshape(*self.shape, -1).astype(np.float32)

    def _column(self, place: int) -> Values:
        """Return the solution (h w,) for a right side that is 1 at one pixel and 0 elsewhere."""
        column = self._columns.get(place)
        if column is None:
            right = np.zeros(self._trust.size)
            right[place] = 1
            column = self._factors.solve(right)
            if len(self._columns) >= _KEPT_COLUMNS:
                self._columns.clear()
            self._columns[place] = column
        return column


def propagate(
    luma: NDArray[Any],
    places: NDArray[Any],
    values: NDArray[Any],
    *,
    target: NDArray[Any] | None = None,
    trust: NDArray[Any] | float = 0.0,
    features: NDArray[Any] | None = None,
) -> FloatArray:
    """Spread values given at a few places over a picture, once; for several sets of hints, make a `Propagator`.

    Args:
        luma: (h, w) in 0..1, both at least 2.
        places: (k, 2) rows and columns of the hints, integers within the picture, no two equal.
        values: (k, c) the values given there, such as chroma.
        target: (h, w, c) what each pixel is held to; default: 0.
        trust: d, how firmly; (h, w) or one number, at least 0. At 0 only the hints decide, as in the paper.
        features: see `neighbor_weights`.

    Returns:
        (h, w, c) float32, exactly the values at the hints.

    Raises:
        InputError: the arrays have other shapes, or a place lies outside the picture.
        SettingError: trust is below 0, or there are neither hints nor trust.

    Source: Levin, Lischinski & Weiss 2004, equation 1, with the data term of the module's docstring.
    """
    weights = neighbor_weights(luma, features=features)
    shape = (luma.shape[0], luma.shape[1])
    firmness = _checked_trust(trust, shape)
    known = _flat(places, shape)
    given = _checked_values(values, len(known))
    if not len(known) and not firmness.any():
        raise SettingError("there is nothing to spread: give at least one hint, or a target with trust above 0")
    right = _right_side(firmness, target, given.shape[1], shape)
    return _reduced(_system(weights, firmness), right, known, given, shape).reshape(*shape, -1).astype(np.float32)


def _system(weights: sparse.csr_array, trust: Values) -> sparse.csc_array:
    """Return the matrix (h w, h w) of the linear system whose solution minimises the quadratic."""
    from scipy import sparse

    residual = sparse.eye_array(weights.shape[0]) - weights
    return sparse.csc_array(residual.T @ residual + sparse.diags_array(trust))


class _Factors:
    """Cholesky factors of a system, in LAPACK's band storage."""

    def __init__(self, system: sparse.csc_array, shape: tuple[int, int]) -> None:
        """Factorise a symmetric, positive definite system (h w, h w) of a picture (h, w)."""
        from scipy.linalg import LinAlgError, cholesky_banded

        places = np.arange(system.shape[0]).reshape(shape)
        # Numbering along the shorter edge makes the band narrowest.
        self._order = (places if shape[1] <= shape[0] else places.T).ravel()
        rank = np.argsort(self._order)
        entries = system.tocoo()
        rows, columns = rank[entries.row], rank[entries.col]
        lower = rows >= columns
        rows, columns = rows[lower], columns[lower]
        band = np.zeros((int((rows - columns).max()) + 1, system.shape[0]))
        band[rows - columns, columns] = entries.data[lower]
        try:
            self._band = cholesky_banded(band, lower=True, check_finite=False)
        except LinAlgError:  # parts that edges cut off from every hint are tied to the rest by rounding errors only
            band[0] += _RIDGE
            self._band = cholesky_banded(band, lower=True, check_finite=False)

    def solve(self, right: Values) -> Values:
        """Solve for right sides (h w) or (h w, c)."""
        from scipy.linalg import cho_solve_banded

        solution = np.empty_like(right)
        solution[self._order] = cho_solve_banded((self._band, True), right[self._order], check_finite=False)
        return solution


def _reduced(
    system: sparse.csc_array, right: Values, known: NDArray[np.intp], given: Values, shape: tuple[int, int]
) -> Values:
    """Solve for all pixels (h w, c), with those given held fixed."""
    from scipy import sparse

    solution = np.zeros((system.shape[0], given.shape[1]))
    solution[known] = given
    free = np.ones(system.shape[0])
    free[known] = 0
    # Rows and columns of given pixels become those of the unit matrix, so that the matrix stays a band.
    mask = sparse.diags_array(free)
    held = sparse.csc_array(mask @ system @ mask + sparse.diags_array(1 - free))
    solution = _Factors(held, shape).solve(free[:, None] * (right - system @ solution) + (1 - free)[:, None] * solution)
    solution[known] = given
    return solution


def _flat(places: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.intp]:
    spots = np.asarray(places).reshape(-1, 2).astype(np.intp)
    if len(spots) and ((spots < 0).any() or (spots >= shape).any()):
        raise InputError(f"a hint lies outside the picture of {shape[1]} x {shape[0]} pixels")
    flat: NDArray[np.intp] = spots[:, 0] * shape[1] + spots[:, 1]
    if len(np.unique(flat)) != len(flat):
        raise InputError("two hints lie on one pixel; leave one out")
    return flat


def _checked_values(values: NDArray[Any], count: int) -> Values:
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 2 or len(given) != count:
        raise InputError(f"the values of {count} hints must be ({count}, c), not {given.shape}")
    return given


def _checked_trust(trust: NDArray[Any] | float, shape: tuple[int, int]) -> Values:
    firmness = np.asarray(trust, dtype=np.float64)
    if firmness.shape not in ((), shape):
        raise InputError(f"trust must be one number or of the shape {shape}, not {firmness.shape}")
    if not (np.isfinite(firmness).all() and (firmness >= 0).all()):
        raise SettingError("trust must be at least 0 everywhere")
    return np.broadcast_to(firmness, shape).ravel()


def _right_side(trust: Values, target: NDArray[Any] | None, channels: int, shape: tuple[int, int]) -> Values:
    if target is None:
        return np.zeros((trust.size, channels))
    if target.shape != (*shape, channels):
        raise InputError(f"the target must be {(*shape, channels)}, not {target.shape}")
    return trust[:, None] * np.asarray(target, dtype=np.float64).reshape(-1, channels)
