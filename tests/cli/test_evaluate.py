"""`tinct evaluate` and `tinct bins`."""

from __future__ import annotations

import json

import numpy as np
import pytest
import pyvips

from cli.process import run_here
from tinct.errors import DataError, ModelError


@pytest.fixture
def folder(tmp_path):
    photos = tmp_path / "photos"
    for group in ("sea", "wood"):
        (photos / group).mkdir(parents=True)
        for index in range(2):
            random = np.random.default_rng(index)
            picture = np.clip(random.normal(120, 15, (32, 40, 3)) + random.normal(0, 40, 3), 0, 255).astype(np.uint8)
            pyvips.Image.new_from_array(picture).write_to_file(str(photos / group / f"{index}.png"))
    return photos


def run(*arguments):
    return run_here(*arguments, catch_exceptions=False)


def test_evaluate_prints_a_table_with_the_baselines(folder, tiny_model):
    done = run("evaluate", tiny_model, "--data", folder, "--by", "category", "--resamples", 5)
    assert done.exit_code == 0
    for expected in (
        "CIEDE2000",
        "AuC rebal.",
        "grey",
        "mean colour",
        "sea",
        "wood",
        "4 pictures",
        "minus the truth's",
    ):
        assert expected in done.stdout
    assert done.stderr == ""


def test_one_picture_alone_has_no_interval(folder, tiny_model):
    for path in sorted(folder.rglob("*.png"))[1:]:
        path.unlink()
    done = run("evaluate", tiny_model, "--data", folder, "--resamples", 5)
    assert "1 picture " in " ".join(done.stdout.split())
    assert ".." not in next(line for line in done.stdout.splitlines() if "CIEDE2000" in line)
    scores = json.loads(run("evaluate", tiny_model, "--data", folder, "--resamples", 5, "--json").stdout)["scores"]
    assert all(score["metrics"]["ciede2000"]["low"] is None for score in scores)


def test_evaluate_prints_json_and_names_on_stderr_what_was_left_out(folder, tiny_model):
    (folder / "broken.jpg").write_bytes(b"no picture")
    done = run("evaluate", tiny_model, "--data", folder, "--json", "--resamples", 5, "--temperature", 0.5)
    assert done.exit_code == 0
    result = json.loads(done.stdout)
    assert [score["method"] for score in result["scores"]] == ["grey", "mean colour", str(tiny_model)]
    assert result["settings"]["temperature"] == 0.5
    assert result["left_out"][0][0] == "broken.jpg"
    assert done.stderr.startswith("left out: broken.jpg")


def test_evaluate_decodes_as_the_options_of_colorize_say(folder, tiny_model):
    options = {"temperature": 0.7, "caution": 2.0, "saturation": 0.0, "views": 1, "denoise": "off", "tones": "off"}
    given = [word for name, value in options.items() for word in (f"--{name}", value)]
    result = json.loads(run("evaluate", tiny_model, "--data", folder, "--json", "--resamples", 5, *given).stdout)
    assert options.items() <= result["settings"].items()
    grey, _, model = (score["metrics"]["ciede2000"]["mean"] for score in result["scores"])
    assert model == pytest.approx(grey, abs=0.02)  # without saturation nothing but grey is left


def test_bins_draws_prints_a_card_and_a_table(folder, tiny_model, tmp_path):
    figure = tmp_path / "bins.png"
    done = run("bins", folder, "-o", figure, "--space", "lab", "--grid", 8, "--bins", 6, "--rebalance", 0.2)
    assert done.exit_code == 0
    assert figure.is_file()
    assert done.stdout.strip() == str(figure)
    card = json.loads(run("bins", folder, "--space", "lab", "--grid", 8, "--bins", 6, "--json").stdout)
    assert (card["space"], len(card["lookup"]), len(card["centers"])) == ("lab", 8, 6)
    table = run("bins", tiny_model).stdout
    assert "frequency" in table
    assert "weight" in table


def test_failures_are_told_as_tinct_errors(tmp_path, tiny_model):
    with pytest.raises(DataError, match="no such folder"):
        run("evaluate", tiny_model, "--data", tmp_path / "absent")
    with pytest.raises(ModelError, match="no model"):
        run("bins", tmp_path / "absent")
