"""Read and write typed values in files: a person's are checked one by one, tinct's own as a whole."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from tinct.errors import DataError, SettingError
from tinct.files import written_beside

Value = TypeVar("Value")
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text in quotes",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    ">=": "of at least",
    "<=": "of at most",
    ">": "above",
    "<": "below",
}


def check_values(table: Mapping[str, Any], kinds: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """Check each value of a table against its type.

    Args:
        table: key -> value.
        kinds: allowed key -> type of its value, with its range as `msgspec.Meta`.
        where: the file and table, for the message.

    Returns:
        The table, with lists as tuples and whole numbers as floats where the type asks for these.

    Raises:
        SettingError: a key is unknown, or a value does not fit; the key is named, and what would fit.
    """
    checked = {}
    for key, value in table.items():
        if key not in kinds:
            near = difflib.get_close_matches(key, list(kinds), n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(kinds))}"
            raise SettingError(f"{where}: there is no setting '{key}'; {hint}")
        try:
            checked[key] = msgspec.convert(value, kinds[key])
        except msgspec.ValidationError as error:
            wanted = _wanted(str(error), kinds[key])
            raise SettingError(f"{where}: {key} must be {wanted}, not {value!r}") from error
    return checked


def _wanted(message: str, kind: Any) -> str:
    """Turn msgspec's message, such as "Expected `int` >= 16" or "Invalid enum value 'x' - at `$[0]`", into words."""
    message, _, item = message.partition(" - at ")
    if message.startswith("Invalid enum"):
        choices = [choice for part in (kind, *typing.get_args(kind)) for choice in typing.get_args(part)]
        words = f"one of {', '.join(choice for choice in choices if isinstance(choice, str))}"
    else:
        names, limit = re.match(r"Expected `([^`]*)`([^,]*)", message).groups()  # type: ignore[union-attr]
        words = " or ".join(_WORDS.get(name, name) for name in names.split(" | ") if name != "null")
        if limit:
            sign, value = limit.split()
            words = f"{words} {_WORDS[sign]} {float(value):g}"
    return f"a list in which each item is {words}" if item else words


def read_json(file: Path, kind: type[Value]) -> Value:
    """Read one of a study's JSON files.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise DataError(f"{file}: missing or damaged ({error}); run the study again") from error


def plain_json(record: Any) -> dict[str, Any]:
    """Return a dataclass or Struct as plain JSON values; figures that are not finite are null."""
    return msgspec.json.decode(msgspec.json.encode(record), type=dict[str, Any])


def write_json(file: Path, values: Any) -> None:
    """Write one of a study's JSON files."""
    with written_beside(file) as partial:
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(values), indent=1))
