"""Settings of single shots in a file: the skeleton can be read as it is, and what is wrong is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tinct.coloring.directions import ShotSettings, load_shots, skeleton
from tinct.coloring.settings import VideoSettings
from tinct.errors import InputError, UnreadableError


def written(tmp_path: Path, value: Any) -> Path:
    path = tmp_path / "shots.json"
    path.write_text(json.dumps(value))
    return path


def test_the_skeleton_settles_nothing(tmp_path: Path) -> None:
    rows = skeleton([(0, 0.0), (20, 0.8004)])
    assert [(row["frame"], row["end"], row["seconds"]) for row in rows] == [(0, 20, 0.0), (20, None, 0.8)]
    assert load_shots(written(tmp_path, rows)) == (ShotSettings(frame=0, end=20), ShotSettings(frame=20))


def test_what_is_written_is_what_is_meant(tmp_path: Path) -> None:
    rows = [
        {"frame": 30, "keep": False, "reference": "a.png"},
        {"frame": 0, "end": 12, "temperature": 0.5, "caution": 2, "saturation": 0, "reference": ["b/c.png", "/d.png"]},
        {"frame": 12, "keep": True},
    ]
    for value in (rows, {"shots": rows}):
        assert load_shots(written(tmp_path, value)) == (
            ShotSettings(
                frame=0,
                end=12,
                temperature=0.5,
                caution=2,
                saturation=0,
                references=(str(tmp_path / "b/c.png"), "/d.png"),
            ),
            ShotSettings(frame=12, keep=True),
            ShotSettings(frame=30, keep=False, references=(str(tmp_path / "a.png"),)),
        )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "holds no shots; tinct video FILM --list-shots --json"),
        ({"shot": []}, "holds no shots"),
        ([3], "shot 1: must be an object"),
        ([{"end": 3}], "shot 1: needs frame"),
        (
            [{"frame": 0}, {"frame": 3, "temprature": 1, "x": 2}],
            "shot 2: unknown: temprature, x; the known keys are frame, end",
        ),
        ([{"frame": 1.5}], "frame must be a whole number, not 1.5"),
        ([{"frame": True}], "frame must be a whole number, not True"),
        ([{"frame": -1}], "begin at frame 0 or later"),
        ([{"frame": 5, "end": 5}], "end after that, not 5 to 5"),
        ([{"frame": 0, "temperature": "0.5"}], "temperature must be a number, not '0.5'"),
        ([{"frame": 0, "temperature": 0}], "temperature must be above 0"),
        ([{"frame": 0, "caution": 9}], "caution must lie in"),
        ([{"frame": 0, "saturation": -1}], "saturation must lie in"),
        ([{"frame": 0, "keep": 1}], "keep must be true, false or null, not 1"),
        ([{"frame": 0, "reference": 3}], "reference must be a path"),
        ([{"frame": 0, "end": 12}, {"frame": 10}], "the shots at frames 0 and 10 overlap; let the first end at 10"),
        ([{"frame": 4}, {"frame": 4}], "the shots at frames 4 and 4 overlap"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, value: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as raised:
        load_shots(written(tmp_path, value))
    assert str(raised.value).startswith(str(tmp_path / "shots.json"))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"gone\.json: cannot be read"):
        load_shots(tmp_path / "gone.json")
    (tmp_path / "text.json").write_text("{no")
    with pytest.raises(UnreadableError, match="is not valid JSON"):
        load_shots(tmp_path / "text.json")


def test_a_reference_of_a_shot_is_one_for_its_first_frame() -> None:
    shots = (ShotSettings(frame=0), ShotSettings(frame=8, references=("a.png", "b.png")))
    settings = VideoSettings(references=("c.png",), shots=shots)
    assert settings.references == ("c.png", "8@a.png", "8@b.png")
    assert replace(settings, crf=20).references == settings.references
