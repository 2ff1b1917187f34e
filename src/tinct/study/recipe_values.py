"""What may stand in a recipe: names of settings, and the kinds of values that they take."""

from __future__ import annotations

import difflib
import functools
import math
import types
import typing
from collections.abc import Mapping
from typing import Any

from tinct.errors import SettingError
from tinct.study.evaluate import GROUPINGS

PLOTS = (
    "curves",
    "metrics",
    "axis",
    "groups",
    "sheets",
    "temperature",
    "confidence",
    "histograms",
    "quantisation",
    "cost",
)
# How an arm's pictures are made from its network.
ARM_EVALUATION: dict[str, Any] = {
    "temperature": float,
    "caution": float,
    "size": int,
    "unweigh": float,
    "checkpoint": str,
    "drawn": bool,
    "seeded": bool,
}
EVALUATION: dict[str, Any] = {"pictures": int, "train_pictures": int, "by": str}
# What `tinct.Colorizer` takes; told here, before anything is trained.
_LARGEST, _MOST_CAUTION = 4096, 4
SHARED_ONLY: dict[str, Any] = {"seeds": int | tuple[int, ...]}


@functools.cache
def training_settings() -> dict[str, Any]:
    """Give the settings of a training that a recipe may name, with the kind of value that each takes."""
    from tinct.learn.augment import Augmentation
    from tinct.learn.run import Training

    hints = {**typing.get_type_hints(Training), **typing.get_type_hints(Augmentation)}
    # What the study sets itself, and what the recipe says in its own words.
    for name in ("data", "augmentation", "seed", "val"):
        hints.pop(name)
    # `categories` may be a number: the largest so many. `steps` is the length of a training in steps. `augment` set to
    # false turns all augmentation off.
    return {**hints, "categories": int | tuple[str, ...], "steps": int, "augment": bool}


def check_names(table: Mapping[str, Any], known: Mapping[str, Any], *, where: str) -> None:
    """Refuse keys that are not known.

    Args:
        table: the keys with their values.
        known: the keys there are.
        where: the file and table, for the message.

    Raises:
        SettingError: naming the first unknown key, and the one that may have been meant.
    """
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, list(known), n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(known))}"
            raise SettingError(f"{where}: there is no setting '{key}'; {hint}")


def check_values(table: Mapping[str, Any], known: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """Refuse values of the wrong kind, and those out of the ranges that only recipes know.

    Args:
        table: the keys with their values; all of them are known.
        known: the kind of value of each key.
        where: the file and table, for the message.

    Returns:
        The table, lists made tuples and whole numbers made fractions where such are wanted.

    Raises:
        SettingError: naming the first key whose value does not fit.
    """
    checked = {key: _fitted(value, known[key], where=f"{where}: {key}") for key, value in table.items()}
    for key, least in (("steps", 1), ("pictures", 1), ("train_pictures", 0), ("size", 16)):
        if key in checked and checked[key] is not None and checked[key] < least:
            raise SettingError(f"{where}: {key} must be at least {least}, not {checked[key]}")
    if not 0 < checked.get("temperature", 1) < math.inf:
        raise SettingError(f"{where}: temperature must be above 0, not {checked['temperature']}")
    if checked.get("size") is not None and checked["size"] > _LARGEST:
        raise SettingError(f"{where}: size must be at most {_LARGEST}, not {checked['size']}")
    if not 0 <= checked.get("caution", 0) <= _MOST_CAUTION:
        raise SettingError(f"{where}: caution must lie in 0..{_MOST_CAUTION}, not {checked['caution']}")
    if not 0 <= checked.get("unweigh", 0) <= 1:
        raise SettingError(f"{where}: unweigh must lie in 0..1, not {checked['unweigh']}")
    if checked.get("checkpoint", "last") not in ("last", "best"):
        raise SettingError(f"{where}: checkpoint must be last or best, not '{checked['checkpoint']}'")
    if checked.get("by", GROUPINGS[0]) not in GROUPINGS:
        raise SettingError(f"{where}: by must be one of {', '.join(GROUPINGS)}, not '{checked['by']}'")
    return checked


_KINDS = {int: "a whole number", float: "a number", str: "text in quotes", bool: "true or false", dict: "a table"}


def _fitted(value: Any, hint: Any, *, where: str) -> Any:
    for kind in _kinds(hint):
        origin = typing.get_origin(kind) or kind
        if origin is tuple and isinstance(value, list):
            inner = typing.get_args(kind)[0]
            return tuple(_fitted(item, inner, where=where) for item in value)
        if origin is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if origin is int and isinstance(value, bool):
            continue
        if origin is not tuple and origin is not types.NoneType and isinstance(value, origin):
            return value
    wanted = " or ".join(_called(kind) for kind in _kinds(hint) if kind is not types.NoneType)
    raise SettingError(f"{where} must be {wanted}, not {value!r}")


def _kinds(hint: Any) -> tuple[Any, ...]:
    """Give the kinds of a union; a text that may be a number comes last, so that numbers stay such."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return typing.get_args(hint)
    return (hint,)


def _called(kind: Any) -> str:
    origin = typing.get_origin(kind) or kind
    if origin is tuple:
        return f"a list of which each is {_called(typing.get_args(kind)[0])}"
    if origin is list:
        return "tables [[...]]"
    return _KINDS.get(origin, str(kind))
