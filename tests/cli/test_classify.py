"""`tinct classify` as a user runs it."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from tinct.cli import build


def run(*arguments):
    return CliRunner().invoke(build(), ["classify", *map(str, arguments)])


def test_example_says_how_far_the_classes_are_apart_and_what_can_be_reached(tmp_path):
    done = run("example", tmp_path / "a", "--per-class", 1)
    assert done.exit_code == 0, done.output
    assert "2 classes of 1 pictures, 2.7 degrees of hue apart" in done.stdout
    assert "99.9 %" in done.stdout or "100.0 %" in done.stdout
    made = json.loads(run("example", tmp_path / "b", "--per-class", 1, "--difficulty", 0.5, "--json").stdout)
    assert 0.83 < made["optimum"] < 0.85
