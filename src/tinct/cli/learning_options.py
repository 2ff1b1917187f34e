"""What the verbs that learn share: options that are given as NAME=VALUE, and the extra they need."""

from __future__ import annotations

import json
from typing import Any

from tinct.errors import MissingExtraError, SettingError


def require_learn(what: str) -> None:
    """Say in one line that learning needs an extra, where it is not installed."""
    import importlib.util

    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("lightning") is None:
        raise MissingExtraError("learn", what)


def option_of(text: str, *, flag: str = "--option") -> tuple[str, Any]:
    """Split NAME=VALUE; the value is read as JSON, or else as text."""
    name, sign, value = text.partition("=")
    if not sign:
        raise SettingError(f"{flag} needs NAME=VALUE, not '{text}'")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value
