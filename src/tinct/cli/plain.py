"""Plain values of options are read here, since Typer asks Pydantic, whose import takes a tenth of a short run.

Only what cannot be read in two ways is: text, whole and decimal numbers, flags, and lists of these. All else,
and what is wrong, Typer reads as ever, so that its messages stay.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from typer import core
from typer._coercion import RuntimeParam, TypeDescriptor, build_runtime_param

_NUMBERS: dict[Any, re.Pattern[str]] = {int: re.compile(r"-?\d{1,15}"), float: re.compile(r"-?\d{1,15}(\.\d{1,15})?")}


def read_plainly() -> None:
    """Let Typer read plain values this way in this process."""
    core.build_runtime_param = _PlainParam.of  # type: ignore[attr-defined]


class _NotPlainError(Exception):
    """A value that Typer is to read."""


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
