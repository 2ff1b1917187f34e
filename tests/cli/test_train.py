"""`tinct prepare`, `train`, `export`, `bins` and `evaluate` as a user runs them, one after the other."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import Result

from cli.process import run_here
from tinct.errors import TinctError

pytest.importorskip("torch")

SMALL = ["--network", "tinct", "--option", "widths=[8,16,24]", "--option", "blocks=[0,1,1]", "--bins", "8"]
QUICK = ["--crop", "64", "--batch-size", "4", "--workers", "0", "--devices", "cpu", "--precision", "float32"]


def apart(*arguments: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run `tinct` in a process of its own, as a user does: PyTorch and Lightning are imported anew, for 5 s."""
    command = [sys.executable, "-m", "tinct", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def tinct(*arguments: object) -> Result:
    """Run `tinct` in this process."""
    done = run_here(*arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, chelsea_png: Path) -> Path:
    folder = tmp_path_factory.mktemp("workshop")
    (folder / "photos").mkdir()
    cat = cv2.imread(str(chelsea_png))
    rng = np.random.default_rng(0)
    for index in range(24):
        top, left = int(rng.integers(150)), int(rng.integers(250))
        piece = cat[top : top + 128, left : left + 160]
        cv2.imwrite(str(folder / "photos" / f"{index}.png"), cv2.flip(piece, 1) if index % 2 else piece)
    return folder


def test_from_photographs_to_a_model_file(workshop: Path, chelsea_png: Path) -> None:
    data, run, model = workshop / "set", workshop / "run", workshop / "m.onnx"
    counts = json.loads(tinct("prepare", workshop / "photos", "-o", data, "--val", 0.2, "--json").stdout)
    assert counts["train"] + counts["val"] + counts["rejected"] == 24
    tinct("bins", data, "-o", workshop / "bins.png")
    assert cv2.imread(str(workshop / "bins.png")).shape[0] > 100
    done = apart("train", data, "--out", run, *SMALL, *QUICK, "--epochs", 1, "--lr", 0.002, "--seed", 5)
    assert re.search(r"^epoch 1 of 1, step \d+: loss [\d.]+, in validation [\d.]+, chroma error [\d.]+", done.stderr)
    assert cv2.imread(str(run / "loss.png")).shape[1] > 500
    config = json.loads((run / "config.json").read_text())["training"]
    # Resumed with nothing but more epochs, everything else stays as it was.
    told = tinct("train", data, "--out", run, "--resume", "--epochs", 2).stdout
    assert re.search(r"accuracy_10: of the valid pixels, [\d.]+ % in validation .*lie within 10 Lab units", told)
    again = json.loads((run / "config.json").read_text())["training"]
    assert again == {**config, "epochs": 2}
    assert (config["seed"], config["learning_rate"], config["bins"]) == (5, 0.002, 8)
    tinct("export", run, "-o", model, "--half", "--temperature", 0.4)
    card = json.loads(tinct("models", model, "--json").stdout)
    assert (card["temperature"], card["training"]["finished"]["epochs"]) == (0.4, 2)
    scores = json.loads(tinct("evaluate", model, "--data", data, "--json").stdout)["scores"]
    assert {score["method"] for score in scores} >= {"grey", "mean colour"}
    tinct("colorize", chelsea_png, "--recolor", "--model", model, "-o", workshop / "cat.png")
    assert cv2.imread(str(workshop / "cat.png")).shape == (300, 451, 3)


def test_failures_are_one_line(workshop: Path, tmp_path: Path) -> None:
    for arguments, word in (
        (("prepare", workshop / "nothing", "-o", tmp_path / "x"), "no such folder"),
        (("train", workshop / "nothing", "--out", tmp_path / "y"), "no such dataset"),
        (("train", workshop / "photos", "--out", tmp_path / "y", "--resume"), "is not a training run"),
        (("export", workshop / "photos", "-o", tmp_path / "z.onnx"), "is not a training run"),
    ):
        with pytest.raises(TinctError, match=word) as caught:
            tinct(*arguments)
        assert "\n" not in str(caught.value)
    error = apart("train", workshop / "photos", "--out", tmp_path / "y", "--crop", 100, status=1).stderr
    assert "multiple of 32" in error
    assert error.count("\n") == 1  # importing what trains wrote nothing there
    assert list(tmp_path.iterdir()) == []
