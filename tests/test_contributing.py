"""CONTRIBUTING.md shows the house as it is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
PACKAGE = PROJECT / "src" / "tinct"
PAGE = (PROJECT / "CONTRIBUTING.md").read_text("utf-8")


def section(title: str) -> str:
    return re.split(r"\n#+ ", PAGE.split(f" {title}\n", 1)[1])[0]


def test_its_layers_are_those_of_the_contract():
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    shown = re.search(r"```\n(.*?)```", section("Where things are"), re.DOTALL)
    assert shown is not None
    assert shown[1].splitlines() == [layer.replace("tinct.", "") for layer in layers]


def test_its_table_has_every_room():
    rows = re.findall(r"^\| `([^`]+)`", section("Where things are"), re.MULTILINE)
    assert [row for row in rows if not (PACKAGE / row).exists()] == []
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert rooms == {row.split("/")[0] for row in rows if "/" in row}


@pytest.mark.parametrize("way", ["A photograph's way", "A film's way", "A study's way"])
def test_the_files_on_its_ways_exist(way):
    names = re.findall(r"`([a-z_/]+/(?:[a-z_]+\.py)?)`", section(way))
    assert len(names) >= 10
    assert [name for name in names if not (PACKAGE / name).exists()] == []
