"""Read plain values of options without Pydantic, which Typer would import for a tenth of a short run's time.

Only unambiguous values are read here: text, whole and decimal numbers, flags, and lists of these. Typer reads all
others, and those that are wrong, so that its messages stay the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from typer import core
from typer._coercion import RuntimeParam, TypeDescriptor, build_runtime_param

_NUMBERS: dict[Any, re.Pattern[str]] = {int: re.compile(r"-?\d{1,15}"), float: re.compile(r"-?\d{1,15}(\.\d{1,15})?")}


def read_plainly() -> None:
    """Make Typer read plain values this way in this process."""
    core.build_runtime_param = _PlainParam.of  # type: ignore[attr-defined]


class _NotPlainError(Exception):
    """The value is left to Typer."""


@dataclass(frozen=True)
class _PlainParam(RuntimeParam):
    descriptor: TypeDescriptor

    @classmethod
    def of(cls, descriptor: TypeDescriptor) -> RuntimeParam:
        return cls(descriptor.parameter_info, descriptor.annotation, descriptor)

    def _coerce_value(self, value: Any, param: core._TyperParameter, ctx: Any) -> Any:
        kind = self.descriptor
        checked = kind.is_ranged or kind.is_choice or kind.is_file or kind.is_path or kind.parameter_info.parser
        try:
            return _read(None if checked else self.annotation, value)
        except _NotPlainError:
            return build_runtime_param(kind)._coerce_value(value, param, ctx)


def _read(kind: Any, value: Any) -> Any:
    if get_origin(kind) is list and isinstance(value, list | tuple):
        (inner,) = get_args(kind)
        return [_read(inner, item) for item in value]
    if kind in (str, bool, int, float) and type(value) is kind:
        return value
    if kind in _NUMBERS and isinstance(value, str) and _NUMBERS[kind].fullmatch(value):
        return kind(value)
    raise _NotPlainError
