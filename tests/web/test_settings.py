from __future__ import annotations

import pytest

from tinct.errors import SettingError
from tinct.web.settings import Design, Limits


def test_defaults_are_within_their_own_ranges() -> None:
    assert Limits().photo_mb == 100
    assert Design().pairs == 40


@pytest.mark.parametrize(
    ("name", "value"),
    [("photo_mb", 0), ("at_once", 0), ("waiting", -1), ("request_seconds", float("nan")), ("megapixels", 1e9)],
)
def test_senseless_limits_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(SettingError, match=name.replace("_", "-")):
        Limits(**{name: value})  # type: ignore[arg-type]
