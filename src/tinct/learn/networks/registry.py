"""The list of networks that colorize, and how they are built by name."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from tinct.errors import SettingError
from tinct.learn.networks.colorunet import Bottleneck, ColorUNet, Flat
from tinct.learn.networks.layers import Network
from tinct.learn.networks.tinct import Lite0Network, Lite2Network, Tinct
from tinct.learn.networks.transfer import SqueezeNetTransfer, VGG16Transfer

FAMILIES: dict[str, type[Network]] = {
    "flat": Flat,
    "bottleneck": Bottleneck,
    "colorunet": ColorUNet,
    "tinct": Tinct,
    "vgg16": VGG16Transfer,
    "squeezenet1_1": SqueezeNetTransfer,
    "efficientnet_lite0": Lite0Network,
    "efficientnet_lite2": Lite2Network,
}


def options_of(name: str, values: dict[str, Any] | None = None) -> Any:
    """Return a family's options from plain values, as from JSON (lists stand for tuples), with defaults for the others.

    Raises:
        SettingError: no such family, no such option, or a value of another type.
    """
    if name not in FAMILIES:
        raise SettingError(f"no network '{name}'; there are: {', '.join(FAMILIES)}")
    family = FAMILIES[name].options
    known = {field.name for field in fields(family)}
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in (values or {}).items()}
    if unknown := sorted(set(given) - known):
        raise SettingError(f"network '{name}' has no option {', '.join(unknown)}; it has: {', '.join(sorted(known))}")
    defaults = {field.name: getattr(family(), field.name) for field in fields(family)}
    for key, value in given.items():
        if not _fits(value, defaults[key]):
            raise SettingError(f"option {key} of network '{name}' must be {_kind(defaults[key])}, not {value!r}")
    return family(**given)


def _fits(value: Any, default: Any) -> bool:
    """Return whether a value has the type of the default; an int is allowed for a float."""
    if isinstance(default, tuple):
        return isinstance(value, tuple) and all(_fits(entry, default[0]) for entry in value)
    if isinstance(value, bool) or isinstance(default, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    return isinstance(value, int | float if isinstance(default, float) else type(default))


def _kind(default: Any) -> str:
    if isinstance(default, tuple):
        return f"a list of which each is {_kind(default[0])}"
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    return kinds[type(default)] + (" without quotes" if isinstance(default, int | float) else "")


def build(name: str, *, outputs: int, options: dict[str, Any] | None = None) -> Network:
    """Build a network by its name in `FAMILIES`, with random weights, drawn with PyTorch's current seed.

    `outputs` is the number of bins, 2 for chroma, or 3 for the whole picture; `options` are plain values of the
    family's.

    Raises:
        SettingError: no such network or option, or a value with which it cannot be built.
    """
    chosen = options_of(name, options)
    try:
        return FAMILIES[name](outputs, chosen)
    except (ValueError, TypeError) as error:
        raise SettingError(f"network '{name}' cannot be built with {asdict(chosen)}: {error}") from error
