"""`tinct study`, as far as it can be told without training; tests/study/test_arms.py runs it whole."""

from __future__ import annotations

import json

import pytest

from cli.process import run_here
from tinct.errors import SettingError


def run(*arguments):
    return run_here("study", *arguments, catch_exceptions=False)


def test_the_recipes_are_listed_for_people_and_programs():
    lines = run("--list").stdout.splitlines()
    assert len(lines) == 12
    assert any(line.startswith("bins ") and "How many colour bins" in line for line in lines)
    rows = [json.loads(line) for line in run("--list", "--json").stdout.splitlines()]
    assert [row["name"] for row in rows] == [line.split()[0] for line in lines]
    assert all(row["file"].endswith(f"{row['name']}.toml") for row in rows)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "RECIPE is missing"),
        (("bins",), "--data is missing"),
        (("bins", "--data", "x"), "--out is missing"),
        (("bens", "--data", "x", "--out", "y"), "no recipe of that name comes with tinct; there are: architectures"),
        (("bins", "--data", "x", "--out", "y", "--budget", "tiny"), "no budget 'tiny'"),
        (("bins", "--data", "x", "--out", "y", "--arms", "8 bins,9 bins"), "no arm '9 bins'; there are: 8 bins"),
    ],
)
def test_what_is_missing_is_told(arguments, told, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError, match=told):
        run(*arguments)
    assert not (tmp_path / "y").exists()
