"""Settings of a server: its limits, and how a session of "which one is real?" goes.

`tinct serve` and `tinct turing` make their options from these fields. Nothing heavy is imported here.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from tinct.errors import SettingError


def _setting(default: float | None, least: float, most: float, text: str = "", metavar: str = "") -> Any:
    """Return a field with its range (both ends included) and its option's help; without a text it has no option."""
    metadata: dict[str, Any] = {"least": least, "most": most}
    if text:
        metadata |= {"help": text, "metavar": metavar}
    return dataclasses.field(default=default, metadata=metadata)


class _Checked:
    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):  # type: ignore[arg-type]
            value, least, most = getattr(self, item.name), item.metadata["least"], item.metadata["most"]
            if value is not None and not (math.isfinite(value) and least <= value <= most):
                raise SettingError(f"{item.name.replace('_', '-')} must lie in {least:g}..{most:g}, not {value:g}")


@dataclass(frozen=True, kw_only=True)
class Limits(_Checked):
    """What is refused, and how long things are kept. A megabyte is 10^6 bytes; pixels are counted before decoding.

    A request's body may take `request_seconds` to arrive (a film's ten times that), and the work as long again.
    One address gets at most `visitor_share` of the places for requests, open photographs and films; this machine itself
    is not limited. `silent_seconds` is the longest pause within a body, `edits` the most photographs open for editing
    at one time, and `working_size` the largest `size` in pixels that a request may ask for.

    Raises:
        SettingError: a limit is out of range.
    """

    photo_mb: float = _setting(100, 0.001, 100_000, "Accept photographs of at most this many megabytes.", "MB")
    film_mb: float = _setting(2000, 0.001, 1_000_000, "Accept films of at most this many megabytes.", "MB")
    megapixels: float = _setting(100, 0.001, 1000, "Accept pictures of at most this many megapixels.", "N")
    film_seconds: float = _setting(600, 0.1, 1_000_000, "Accept films of at most this length.", "SECONDS")
    at_once: int = _setting(2, 1, 64, "Work on this many photographs at one time.", "N")
    waiting: int = _setting(16, 0, 10_000, "Let this many requests wait; answer more with 429.", "N")
    films_waiting: int = _setting(4, 0, 1000, "Let this many films wait.", "N")
    request_seconds: float = _setting(
        60, 0.05, 86_400, "Give up on a request that takes longer to arrive, or to be worked on.", "SECONDS"
    )
    silent_seconds: float = _setting(10, 0.05, 3600)
    keep_seconds: float = _setting(3600, 1, 604_800, "Delete files that were not used for this long.", "SECONDS")
    edits: int = _setting(24, 1, 10_000)
    visitor_share: float = _setting(
        0.5, 0.01, 1, "Give one address at most this share of all places: requests, open photographs, films.", "SHARE"
    )
    disk_mb: float = _setting(8000, 1, 10_000_000, "Keep at most this many megabytes of files.", "MB")
    working_size: int = _setting(1024, 16, 4096)


@dataclass(frozen=True, kw_only=True)
class Design(_Checked):
    """How a session of "which one is real?" goes; without a seed, the order is different each time.

    Raises:
        SettingError: a value is out of range.
    """

    pairs: int = _setting(40, 1, 1000, "Show this many pairs that count.", "N")
    practice: int = _setting(5, 0, 500, "Show this many pairs for practice first.", "N")
    checks: int = _setting(4, 0, 500, "Mix in this many attention checks.", "N")
    seconds: float = _setting(1.0, 0.05, 60, "Show each picture for this long.", "SECONDS")
    seed: int | None = _setting(None, 0, math.inf)
