"""Rates of films: the usual ones, and the exact one that is meant by two or three decimals."""

from __future__ import annotations

from fractions import Fraction

from tinct.errors import SettingError

SLOWED_FILM = Fraction(24_000, 1001)
# Rates of films and broadcasts, for files that name none with which their times agree.
USUAL_RATES = (
    *(Fraction(rate) for rate in (24, 25, 30, 50, 60, 18, 16, 15, 12, 48, 100, 120)),
    *(Fraction(1000 * rate, 1001) for rate in (24, 30, 60, 120)),
)
_SLIGHT = Fraction(1, 2000)  # rates written with two or three decimals differ by less than this from the exact one


def checked_rate(rate: Fraction | float) -> Fraction:
    """Return the exact rate that is meant: 23.976 and 29.97 mean 24 and 30 divided by 1.001.

    Raises:
        SettingError: it is not above 0, or above 1000 frames a second.
    """
    exact = Fraction(rate)
    if not 0 < exact <= 1000:
        raise SettingError(f"the rate must lie above 0 and not above 1000 frames a second, not {rate}")
    slowed = Fraction(round(exact * 1001 / 1000) * 1000, 1001)
    return slowed if abs(exact - slowed) < _SLIGHT else exact.limit_denominator(1001)
