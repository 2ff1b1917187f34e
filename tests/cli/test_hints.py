"""Hints, suggestions and calibration from the command line, with wrong input too."""

import json

import cv2
import numpy as np
import pytest

from cli.process import run_here as tinct
from tinct.errors import TinctError


@pytest.fixture
def picture(tmp_path):
    levels = np.where(np.arange(120) < 60, 90, 170)[None].repeat(80, axis=0)
    path = tmp_path / "two.png"
    cv2.imwrite(str(path), (levels + np.random.default_rng(0).normal(0, 1, levels.shape)).astype(np.uint8))
    return path


def pixels(path):
    return cv2.imread(str(path)).astype(int)


def test_hints_from_options_and_files_are_one_thing(picture, tmp_path, tiny_model):
    common = ("colorize", picture, "--model", tiny_model, "--threads", "1")
    assert tinct(*common, "-o", tmp_path / "plain.png").exit_code == 0
    done = tinct(*common, "-o", tmp_path / "typed.png", "--hint", "30,40=#b03020", "--hint", "75%,50%=#3050a0")
    assert (done.exit_code, done.stderr) == (0, "")
    entries = [
        {"x": 30, "y": 40, "color": "#b03020"},
        {"x": 75, "y": 50, "unit": "percent", "color": "#3050a0"},
    ]
    (tmp_path / "hints.json").write_text(json.dumps(entries))
    assert tinct(*common, "-o", tmp_path / "read.png", "--hints", tmp_path / "hints.json").exit_code == 0
    np.testing.assert_array_equal(pixels(tmp_path / "typed.png"), pixels(tmp_path / "read.png"))
    blue, _, red = np.moveaxis(pixels(tmp_path / "typed.png") - pixels(tmp_path / "plain.png"), -1, 0)
    assert red[40, 30] > blue[40, 30] + 20
    assert blue[40, 90] > red[40, 90] + 20


def test_a_painted_layer(picture, tmp_path, tiny_model):
    layer = np.zeros((80, 120, 4), np.uint8)
    layer[35:45, 25:35] = (32, 48, 176, 255)
    cv2.imwrite(str(tmp_path / "layer.png"), layer)
    common = ("colorize", picture, "--model", tiny_model, "--threads", "1")
    assert tinct(*common, "-o", tmp_path / "out.png", "--hints", tmp_path / "layer.png").exit_code == 0
    assert tinct(*common, "-o", tmp_path / "plain.png").exit_code == 0
    assert np.abs(pixels(tmp_path / "out.png") - pixels(tmp_path / "plain.png"))[40, 30].max() > 20


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--hint", "30,40"), "must have the form"),
        (("--hint", "30,40=red"), "not a colour"),
        (("--hints", "none.json"), "cannot be read"),
        (("--cautious", "--caution", "1"), "only one of them"),
    ],
)
def test_wrong_options_are_one_line(picture, tmp_path, tiny_model, options, message):
    done = tinct("colorize", picture, "--model", tiny_model, "-o", tmp_path / "out.png", *options)
    assert isinstance(done.exception, TinctError)
    assert message in str(done.exception)
    assert not (tmp_path / "out.png").exists()


def test_a_hint_outside_fails_the_picture_and_names_itself(picture, tmp_path, tiny_model):
    done = tinct("colorize", picture, "--model", tiny_model, "-o", tmp_path / "out.png", "--hint", "500,40=#b03020")
    assert done.exit_code == 1
    assert "hint 500,40=#b03020: lies outside the picture of 120 x 80" in done.stderr
    assert not (tmp_path / "out.png").exists()


def test_hints_are_for_one_picture(picture, tmp_path, tiny_model):
    other = tmp_path / "other.png"
    other.write_bytes(picture.read_bytes())
    done = tinct("colorize", picture, other, "--model", tiny_model, "--hint", "3,4=#b03020")
    assert "hints are for one picture, but 2 were named" in str(done.exception)


def test_suggest_gives_points_that_colorize_takes(picture, tmp_path, tiny_model):
    done = tinct("suggest", picture, "--model", tiny_model, "-o", tmp_path / "points.png", "--json", "--count", "3")
    assert done.exit_code == 0
    (line,) = done.stdout.splitlines()
    points = json.loads(line)["points"]
    assert 1 <= len(points) <= 3
    assert min(cv2.imread(str(tmp_path / "points.png")).shape[:2]) > 400
    first = points[0]
    hint = f"{first['x']},{first['y']}={first['colors'][0]['color']}"
    assert tinct("colorize", picture, "--model", tiny_model, "-o", tmp_path / "out.png", "--hint", hint).exit_code == 0
    plain = tinct("suggest", picture, "--model", tiny_model, "--count", "1")
    assert plain.stdout.startswith(f"{first['x']},{first['y']}  #")
    again = tinct("suggest", picture, "--model", tiny_model, "-o", tmp_path / "points.png")
    assert "already exists" in str(again.exception)
    assert "no such" in str(tinct("suggest", tmp_path / "none.png", "--model", tiny_model).exception).lower()


def test_calibrate_says_before_and_after(tmp_path, tiny_model):
    for number in range(3):
        cv2.imwrite(
            str(tmp_path / f"{number}.png"),
            np.random.default_rng(number).integers(0, 256, (32, 40, 3)).astype(np.uint8),
        )
    done = tinct("calibrate", tiny_model, "--data", tmp_path, "-o", tmp_path / "new.onnx")
    assert done.exit_code == 0
    assert "calibration" in done.stdout
    assert done.stdout.count("expected calibration error") == 2
    assert (tmp_path / "new.onnx").is_file()
    done = tinct("calibrate", tiny_model, "--data", tmp_path, "--json")
    assert set(json.loads(done.stdout)) >= {"temperature", "before", "after"}
