"""How much a server takes on: every limit is an option, with a default that suits a small machine."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from tinct.errors import SettingError


def _limit(default: float, least: float, most: float) -> Any:
    return field(default=default, metadata={"least": least, "most": most})


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What is refused, and how long things are kept.

    Attributes:
        photo_mb: most megabytes (10^6 bytes) of a photograph's request.
        film_mb: most megabytes of a film's request.
        megapixels: most of a photograph, or of a film's frame; looked at in the header, before decoding.
        film_seconds: longest film.
        at_once: photographs worked on at one time.
        waiting: requests that may wait or be on their way in beside those; more are refused with 429.
        films_waiting: films that may wait for the one in work.
        request_seconds: most for a request's body to come (ten times that for a film), and again for waiting and work.
        silent_seconds: most between two pieces of a request's body.
        keep_seconds: files are deleted when they have not been used for this long.
        edits: photographs that can be open for editing at one time.
        disk_mb: most megabytes of files kept at one time.
        working_size: largest `size` a request may ask for, in pixels.

    Raises:
        SettingError: a limit is out of range.
    """

    photo_mb: float = _limit(100, 0.001, 100_000)
    film_mb: float = _limit(2000, 0.001, 1_000_000)
    megapixels: float = _limit(100, 0.001, 1000)
    film_seconds: float = _limit(600, 0.1, 1_000_000)
    at_once: int = _limit(2, 1, 64)
    waiting: int = _limit(16, 0, 10_000)
    films_waiting: int = _limit(4, 0, 1000)
    request_seconds: float = _limit(60, 0.05, 86_400)
    silent_seconds: float = _limit(10, 0.05, 3600)
    keep_seconds: float = _limit(3600, 1, 604_800)
    edits: int = _limit(24, 1, 10_000)
    disk_mb: float = _limit(8000, 1, 10_000_000)
    working_size: int = _limit(1024, 16, 4096)

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            least, most = item.metadata["least"], item.metadata["most"]
            if not (math.isfinite(value) and least <= value <= most):
                raise SettingError(f"{item.name.replace('_', '-')} must lie in {least:g}..{most:g}, not {value:g}")

    @property
    def photo_bytes(self) -> int:
        """Most bytes of a photograph's request."""
        return int(self.photo_mb * 1e6)

    @property
    def film_bytes(self) -> int:
        """Most bytes of a film's request."""
        return int(self.film_mb * 1e6)
