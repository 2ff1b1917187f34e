"""Decoding a distribution over colour bins into one colour, and measuring its confidence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray
from tinct.errors import SettingError

_COLD = 0.1  # at temperatures below this, powers of probabilities may leave float32's range
_COLDEST = 1e-6  # here only exact ties still share the probability; a smaller divisor could overflow float32
_MOST_POWER = 80.0  # e to the power of minus this is well within float32's range

CAUTIOUS = 2.0  # the caution that the option `cautious` stands for


def annealed_mean(
    logits: NDArray[Any],
    centers: FloatArray,
    *,
    temperature: float,
    caution: float = 0.0,
    risks: FloatArray | None = None,
) -> FloatArray:
    """Decode a distribution over colour bins into one chroma per pixel.

    Args:
        logits: (..., n) unnormalised log-probabilities.
        centers: (n, 2) bin colours, in the colour space's units.
        temperature: above 0; towards 0 gives the likeliest bin, 1 the mean, more a mean of a flatter distribution.
        caution: 0..4, the power of `agreement` by which the chroma is multiplied: 0 changes nothing; at 1, pixels
            equally likely to be orange or blue come out nearly grey.
        risks: (n, n), see `least_risk`: bins are then weighted by the risk of their colour, not by their probability.

    Returns:
        (..., 2) float32 chroma, in the units of `centers`.

    Raises:
        SettingError: `temperature` or `caution` is out of range.

    Source: Zhang, Isola & Efros 2016, equation 5; caution and risks are tinct's own.

    >>> red_or_blue = np.array([[-0.1, 0.6], [0.4, -0.1]], dtype=np.float32)
    >>> for temperature in (0.1, 1.0):
    ...     chroma = annealed_mean(np.array([1.0, 0.5]), red_or_blue, temperature=temperature)
    ...     print([round(float(value), 2) for value in chroma])
    [-0.1, 0.6]
    [0.09, 0.34]
    """
    check_decoding(temperature=temperature, caution=caution)
    powers = _below_largest(logits)
    weights = np.exp(powers * np.float32(1 / max(temperature, _COLDEST)))
    chroma = _colors(weights, centers, risks)
    if caution:
        chroma *= (agreement(np.exp(powers, out=powers), centers) ** np.float32(caution))[..., None]
    return chroma


def least_risk(shares: NDArray[Any], risks: FloatArray) -> FloatArray:
    """Return a distribution that favours bins with a low expected error.

    The likeliest bin is a bad answer if the others are far from it, and the mean colour may be one that never occurs.
    Between them lies the colour with the least expected error.

    Args:
        shares: (..., n) float32 probabilities.
        risks: (n, n) the error if one bin's colour is chosen and another's is true, divided by the softness of the
            choice; symmetric.

    Returns:
        (..., n) float32: exp(-expected risk), normalised to sum to 1.

    Source: minimum Bayes risk decoding, with a soft minimum.

    >>> apart = np.array([[0, 1, 9], [1, 0, 9], [9, 9, 0]], dtype=np.float32)  # two shades of brown, and blue
    >>> [round(float(share), 2) for share in least_risk(np.float32([0.3, 0.3, 0.4]), apart)]
    [0.45, 0.45, 0.1]
    """
    values = _likeness(shares, risks)
    values /= _sum(values)
    return values


def _likeness(weights: NDArray[Any], risks: FloatArray) -> FloatArray:
    """Return `least_risk` of weights (..., n), neither of which is normalised."""
    values: FloatArray = weights @ -risks
    values /= _sum(weights)
    if risks.max() > _MOST_POWER:
        values -= values.max(axis=-1, keepdims=True)
    return np.exp(values, out=values)


def check_decoding(*, temperature: float, caution: float = 0.0, risk: float = 0.0) -> None:
    """Check the settings of `annealed_mean`, and the softness of `least_risk`; 0 stands for decoding without it.

    Raises:
        SettingError: one is out of range.
    """
    if not (temperature > 0 and np.isfinite(temperature)):
        raise SettingError(f"the temperature must be above 0, not {temperature}")
    if not 0 <= caution <= 4:
        raise SettingError(f"caution must lie in 0..4, not {caution}")
    if not 0 <= risk <= 100:
        raise SettingError(f"risk must lie in 0..100, not {risk}")


def _colors(weights: FloatArray, centers: FloatArray, risks: FloatArray | None) -> FloatArray:
    """Return the mean colour (..., 2) of the bins by weights (..., n), or by their `least_risk`; not normalised."""
    if risks is not None:
        weights = _likeness(weights, risks)
    # One product gives the sums of the colours and of the weights, so that only the results need a division.
    sums: FloatArray = weights @ np.concatenate([centers, np.ones((len(centers), 1), dtype=np.float32)], axis=1)
    return sums[..., :2] / sums[..., 2:]


def agreement(shares: NDArray[Any], centers: FloatArray) -> FloatArray:
    """Measure how well the colours of a distribution agree in hue.

    Args:
        shares: (..., n) float32 probabilities, normalised or not.
        centers: (n, 2) bin colours.

    Returns:
        (...) in 0..1: the length of the mean colour divided by the mean length of the colours. It is 1 if all likely
        bins have one hue, however pale, and 0 if opposite hues are equally likely.

    >>> opposite = np.array([[0.3, 0.0], [-0.3, 0.0]], dtype=np.float32)
    >>> [round(float(agreement(np.float32([share, 1 - share]), opposite)), 2) for share in (1.0, 0.75, 0.5)]
    [1.0, 0.5, 0.0]
    """
    lengths = np.linalg.norm(centers, axis=1, keepdims=True).astype(np.float32)
    sums = shares @ np.concatenate([centers, lengths], axis=1)
    ratio = np.hypot(sums[..., 0], sums[..., 1]) / np.maximum(sums[..., 2], np.float32(1e-6))
    result: FloatArray = np.clip(ratio, 0, 1)
    return result


def annealed_shares(
    shares: NDArray[Any],
    centers: FloatArray,
    *,
    temperature: float,
    caution: float = 0.0,
    risks: FloatArray | None = None,
) -> FloatArray:
    """Decode probabilities, as `annealed_mean` decodes logits.

    Args:
        shares: (..., n) float32, summing to about 1 over the last axis; values below 0, from rounding, count as 0.
        centers: (n, 2) bin colours, in the colour space's units.
        temperature: above 0.
        caution: 0..4.
        risks: (n, n), see `least_risk`.

    Returns:
        (..., 2) float32 chroma, in the units of `centers`.

    Raises:
        SettingError: `temperature` or `caution` is out of range.
    """
    check_decoding(temperature=temperature, caution=caution)
    positive = np.maximum(shares, np.float32(0))
    if temperature < _COLD:
        logits = np.log(np.maximum(positive, np.float32(1e-9)))
        return annealed_mean(logits, centers, temperature=temperature, caution=caution, risks=risks)
    # This is exp(log(p) / T) without the logarithm.
    sharpened = positive if temperature == 1 else np.power(positive, np.float32(1 / temperature))
    chroma = _colors(sharpened, centers, risks)
    if caution:
        chroma *= (agreement(positive, centers) ** np.float32(caution))[..., None]
    return chroma


def confidence(logits: NDArray[Any], *, temperature: float = 1.0) -> tuple[FloatArray, FloatArray]:
    """Measure the confidence of a distribution.

    Args:
        logits: (..., n) unnormalised log-probabilities, n at least 2.
        temperature: divides the logits; with a model's calibration, the probabilities match the observed frequencies.

    Returns:
        The likeliest bin's probability, (...) in 1/n..1, and its ratio to the second likeliest's, (...) at least 1.

    Source: Billaut et al. 2018, section 4.2.2.
    """
    shares = softmax(np.asarray(logits, dtype=np.float32), temperature=temperature)
    top_two = np.partition(shares, -2, axis=-1)[..., -2:]
    ratio: FloatArray = (top_two[..., 1] / np.maximum(top_two[..., 0], np.float32(1e-12))).astype(np.float32)
    return top_two[..., 1], ratio


def softmax(logits: NDArray[Any], *, temperature: float = 1.0) -> FloatArray:
    """Return probabilities from logits, safe for large values and for temperatures near 0.

    Args:
        logits: (..., n) unnormalised log-probabilities.
        temperature: divides the logits; above 0.

    Returns:
        (..., n) float32, summing to 1 over the last axis.
    """
    values = _below_largest(logits)
    values *= np.float32(1 / max(temperature, _COLDEST))
    np.exp(values, out=values)
    values /= _sum(values)
    return values


def _below_largest(logits: NDArray[Any]) -> FloatArray:
    """Return a copy of logits (..., n) less the largest of the last axis."""
    values: FloatArray = np.array(logits, dtype=np.float32)
    values -= values.max(axis=-1, keepdims=True)
    return values


def _sum(values: FloatArray) -> FloatArray:
    """Return the sum over the last axis, (..., 1)."""
    total: FloatArray = values @ np.ones((values.shape[-1], 1), dtype=np.float32)
    return total
