"""Checking a model file before any runtime loads it: it may hold arithmetic and numbers, and nothing else.

ONNX allows weights in other files, operators of custom libraries, and declared tensors of any size without data. tinct
writes none of that, and refuses files that have it.

Source: onnx.proto of ONNX 1.19, and the encoding of Protocol Buffers.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from pathlib import Path

from tinct.errors import ModelError

Piece = memoryview | int
# Operators of ONNX itself, and those that ONNX Runtime's optimizer and quantizer write.
_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}
_MOST_NESTED = 16  # graphs within graphs
# What each kind of message holds that must be checked, by the number of its field.
_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "operators", 25: "function"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "node": {5: "attribute", 7: "domain"},
    "attribute": {5: "tensor", 10: "tensor", 6: "graph", 11: "graph", 22: "sparse tensor", 23: "sparse tensor"},
    "sparse tensor": {1: "tensor", 2: "tensor"},  # its values and their indices
    "operators": {1: "domain"},
}
_FUNCTION, _METADATA, _FUNCTION_DOMAIN = 25, 14, 10
_DIMS, _DATA, _EXTERNAL, _LOCATION = 1, (4, 5, 6, 7, 9, 10, 11), 13, 14  # of a tensor


def check_file(path: Path) -> None:
    """Check that a file is a self-contained ONNX model.

    Raises:
        ModelError: it is not one or is cut short, or it has what tinct refuses: other files, custom operators, tensors
            larger than their data, or deeply nested graphs.
    """
    try:
        with path.open("rb") as file:
            if not file.seek(0, 2):
                return  # the runtime reports empty files itself
            # Mapped, so that the weights, which are skipped, are never read.
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                _check_content(content)
    except _ForbiddenError as error:
        raise ModelError(f"{path}: {error}; such files are refused; use one that `tinct export` wrote") from error
    except (ValueError, OSError) as error:
        raise ModelError(f"{path}: not an ONNX model, or a damaged one ({error}); copy or export it again") from error


def metadata_of(path: Path, key: str) -> str | None:
    """Return an entry of a checked file's metadata without opening it in a runtime; None if there is no such entry."""
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        memoryview(content) as whole,
    ):
        entries = [bytes(_message(value)) for number, value in _fields(whole) if number == _METADATA]
    for entry in entries:
        texts = {number: _text(value) for number, value in _fields(memoryview(entry))}
        if texts.get(1) == key:
            return texts.get(2, "")
    return None


class _ForbiddenError(Exception):
    """The model file has something that it must not have."""


def _check_content(content: mmap.mmap) -> None:
    with memoryview(content) as model:
        # No view may be left when the file is closed, not even in an error's traceback.
        try:
            _check(model, "model", _DOMAINS | _own_domains(model))
        except (ValueError, _ForbiddenError) as error:
            raise error.with_traceback(None) from None


def _own_domains(model: memoryview) -> set[str]:
    """Return the domains of the functions that a model defines itself."""
    functions = [_message(value) for number, value in _fields(model) if number == _FUNCTION]
    return {_text(value) for function in functions for number, value in _fields(function) if number == _FUNCTION_DOMAIN}


def _check(value: Piece, kind: str, domains: set[str], depth: int = 0) -> None:
    """Check a message of a kind, and all that `_INSIDE` lists in it; `depth` counts graphs within graphs."""
    if kind == "domain":
        if (domain := _text(value)) not in domains:
            raise _ForbiddenError(f"it uses operators of a custom library ('{domain[:60]}')")
    elif kind == "tensor":
        _check_tensor(_message(value))
    elif depth > _MOST_NESTED:
        raise _ForbiddenError(f"it has graphs within graphs more than {_MOST_NESTED} deep")
    else:
        for number, inner in _fields(_message(value)):
            if number in _INSIDE[kind]:
                _check(inner, _INSIDE[kind][number], domains, depth + (kind == "attribute"))


def _check_tensor(tensor: memoryview) -> None:
    dims: list[int] = []
    stored = 0
    for number, value in _fields(tensor):
        if number == _EXTERNAL or (number == _LOCATION and value):
            raise _ForbiddenError("its weights lie in another file")
        if number == _DIMS:
            dims += [value] if isinstance(value, int) else _varints(value)
        elif number in _DATA:
            # The 2 allow for empty strings, which take two bytes of header each.
            stored += 2 + (8 if isinstance(value, int) else len(value))
    if any(size >= 1 << 63 for size in dims) or math.prod(dims) > 2 * stored:  # 4-bit numbers take half a byte each
        raise _ForbiddenError("it declares a tensor larger than the data stored for it")


def _fields(message: memoryview) -> Iterator[tuple[int, Piece]]:
    """Yield number and value of each field: an integer, or the bytes of a string, a message or packed numbers."""
    place, end = 0, len(message)
    while place < end:
        key, place = _varint(message, place)
        kind, value = key & 7, 0
        if kind == 0:
            value, place = _varint(message, place)
            yield key >> 3, value
            continue
        if kind == 2:
            length, place = _varint(message, place)
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
        else:
            raise ValueError("a field of unknown type")
        if place + length > end:
            raise ValueError("cut short")
        yield key >> 3, message[place : place + length]
        place += length


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(data) and shift < 70:
        byte = data[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value & (1 << 64) - 1, place
    raise ValueError("cut short")


def _varints(data: memoryview) -> list[int]:
    values, place = [], 0
    while place < len(data):
        value, place = _varint(data, place)
        values.append(value)
    return values


def _message(value: Piece) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a field of unexpected type")
    return value


def _text(value: Piece) -> str:
    return bytes(_message(value)).decode("utf-8", "replace")
