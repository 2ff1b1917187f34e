"""`tinct classify` as a user runs it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from cli.process import run_here
from tinct.cli.classify.options import size_of
from tinct.cli.classify.train import _meaning

pytestmark = pytest.mark.usefixtures("few_trees")
MODEL = Path(__file__).parents[2] / "golden" / "tiny_classifier.onnx"


def blue(folder, name, level):
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.full((20, 20, 3), (level, 90, 40), dtype=np.uint8)
    (folder / name).write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
    return folder / name


def run(*arguments):
    return run_here("classify", *arguments)


def test_example_says_how_far_the_classes_are_apart_and_what_can_be_reached(tmp_path):
    done = run("example", tmp_path / "a", "--per-class", 1)
    assert done.exit_code == 0, done.output
    assert "2 classes of 1 pictures, 2.7 degrees of hue apart" in done.stdout
    assert "99.9 %" in done.stdout or "100.0 %" in done.stdout
    made = json.loads(run("example", tmp_path / "b", "--per-class", 1, "--difficulty", 0.5, "--json").stdout)
    assert 0.83 < made["optimum"] < 0.85


def test_train_prints_a_table_and_predict_and_evaluate_use_the_file(tmp_path):
    for index in range(8):
        blue(tmp_path / "set" / "a", f"{index}.png", 180 + index)
        blue(tmp_path / "set" / "b", f"{index}.png", 220 + index)
    (tmp_path / "set" / "b" / "broken.png").write_bytes(b"nothing")
    model = tmp_path / "m.onnx"
    some = ("--network", "color_statistics", "--color-space", "rgb", "--folds", 2)
    done = run("train", tmp_path / "set", "-o", model, *some)
    assert done.exit_code == 0, done.output
    assert "picked: color_statistics/" in done.stdout
    assert done.stdout.count("color_statistics/boosting rgb") >= 2
    assert "colour tests, balanced accuracy:" in done.stdout
    assert "confidence and accuracy:" in done.stdout
    assert "broken.png" in done.stderr
    again = run("train", tmp_path / "set", "-o", model, *some)
    assert again.exit_code != 0
    assert "--overwrite" in str(again.exception)
    found = run("predict", model, tmp_path / "set", tmp_path / "none.png", "--json", "--csv", tmp_path / "t.csv")
    assert found.exit_code == 1
    rows = [json.loads(line) for line in found.stdout.splitlines()]
    assert [row.get("label") for row in rows] == ["a"] * 8 + ["b"] * 8 + [None, None]
    with (tmp_path / "t.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 18
    measured = run("evaluate", model, tmp_path / "set", "--confusion", tmp_path / "c.png")
    assert measured.exit_code == 0, measured.output
    assert "accuracy 100.0 %" in measured.stdout
    assert "confusion: rows are true classes" in measured.stdout
    assert (tmp_path / "c.png").is_file()
    assert json.loads(run("evaluate", model, tmp_path / "set", "--json").stdout)["accuracy"] == 1


def test_predict_names_a_class_for_each_picture(tmp_path):
    done = run("predict", MODEL, blue(tmp_path, "青 い.png", 200))
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"{tmp_path / '青 い.png'}  ")
    assert done.stdout.rstrip().endswith("%")


def test_a_size_is_width_and_height_as_elsewhere():
    assert size_of("48x32") == (32, 48)
    assert size_of("48") == (48, 48)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "{folder}", "-o", "{folder}/m.onnx", "--size", "12x"), "--size needs one edge or WIDTHxHEIGHT"),
        (("train", "{folder}", "-o", "{folder}/m.onnx", "--augment", "hue"), "--augment needs NAME=VALUE"),
        (("train", "{folder}", "-o", "{folder}/m.txt"), "ends in .onnx"),
        (("train", "{folder}/none", "-o", "{folder}/m.onnx"), "no such folder"),
        (("predict", "{folder}/none.onnx", "{folder}"), "no model"),
        (("predict", "{model}", "{folder}"), "holds no pictures"),
        (("evaluate", "{model}", "{folder}", "--confusion", "{folder}/c.jpg"), "drawn as PNG; name a .png"),
    ],
)
def test_bad_input_is_one_line(arguments, message, tmp_path):
    done = run(*(each.format(folder=tmp_path, model=MODEL) for each in arguments))
    assert done.exit_code != 0
    assert message in str(done.exception)
    assert "\n" not in str(done.exception)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("grey", "learned", "words"),
    [
        (0.5, 0.977, ["loses 100 %", "right in 97.7 %", "colour is not needed", "though this model looks at colour"]),
        (0.97, 0.98, ["loses 2 %", "colour is not needed"]),
        (0.5, 0.51, ["loses 100 %", "colour is what tells the classes apart"]),
        (0.5, 0.74, ["50 % of its accuracy beyond chance needs colour"]),
        (0.5, None, ["loses 100 %", "was not tried"]),
    ],
)
def test_what_colour_is_good_for_is_concluded_from_what_can_be_learned_in_grey(grey, learned, words):
    lines = " ".join(_meaning({"plain": 0.98, "grey": grey}, 2, learned))
    assert all(word in lines for word in words)
    assert ("though" in lines) == (len(words) == 4)
