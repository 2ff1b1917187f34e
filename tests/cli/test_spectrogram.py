"""`tinct spectrogram` as a user runs it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from tinct.cli import build
from tinct.errors import TinctError


def run(*arguments):
    return CliRunner().invoke(build(), ["spectrogram", *map(str, arguments)])


@pytest.fixture
def recordings(tmp_path):
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "in" / name).mkdir(parents=True)
        np.save(tmp_path / "in" / name / "x.npy", random.normal(size=1000))
    return tmp_path / "in"


def test_pictures_counts_and_the_warning(recordings, tmp_path):
    out = tmp_path / "out"
    done = run(
        recordings, "-o", out, "--rate", 50, "--seconds", 6, "--high", 20, "--size", "40x30", "--color-map", "jet"
    )
    assert done.exit_code == 0, done.output
    assert f"{out}: 6 pictures (a 3, b 3)" in done.stdout
    assert "left out 4 seconds" in done.stdout
    assert "throws away what the numbers hold" in done.stderr
    assert len(list(out.rglob("*.png"))) == 6


def test_json_and_arrays(recordings, tmp_path):
    done = run(recordings, "-o", tmp_path / "out", "--rate", 50, "--arrays", tmp_path / "n", "--range=-60,10", "--json")
    made = json.loads(done.stdout)
    assert made["span"] == [-60, 10]
    assert made["classes"] == {"a": 1, "b": 1}
    assert (tmp_path / "n" / "a" / "x.npy").is_file()


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        (("--size", "40x"), "--size needs"),
        (("--size", "90000"), "each 1 to 8192 pixels"),
        (("--range", "1;2"), "--range needs"),
        (("--range", "2,1"), "go up"),
        (("--color-map", "mud"), "no colour map"),
        (("--window", "mud"), "no window"),
        ((), "give --rate"),
    ],
)
def test_bad_options_are_one_line_and_nothing_is_written(recordings, tmp_path, extra, word):
    done = run(recordings, "-o", tmp_path / "out", *extra)
    assert isinstance(done.exception, TinctError)
    assert word in str(done.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["-o", "--arrays"])
def test_nothing_is_written_among_the_signals(recordings, tmp_path, option):
    before = sorted(recordings.rglob("*"))
    more = () if option == "-o" else ("-o", tmp_path / "out")
    done = run(recordings, *more, option, recordings, "--rate", 50)
    assert "is to be written to; choose another folder" in str(done.exception)
    assert sorted(recordings.rglob("*")) == before
    assert not (tmp_path / "out").exists()
