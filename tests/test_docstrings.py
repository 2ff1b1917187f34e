"""The examples in docstrings give what they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import tinct

HOUSE = Path(tinct.__file__).parent
FILES = [path for path in sorted(HOUSE.rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]


def test_the_arithmetic_of_colour_has_examples() -> None:
    shown = {path.stem for path in FILES if path.parent.name == "color"}
    assert shown >= {"bins", "decoding", "features", "inputs", "resize", "spaces", "statistics"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(HOUSE).as_posix())
def test_examples_give_what_they_say(path: Path) -> None:
    module = importlib.import_module(".".join(("tinct", *path.relative_to(HOUSE).with_suffix("").parts)))
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
