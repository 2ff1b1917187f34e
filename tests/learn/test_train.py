"""Trainings: they learn, repeat themselves from a seed, and outlive being killed."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback

from tinct.data.source import open_source, pictures
from tinct.errors import DataError, SettingError
from tinct.learn.export import trained_network
from tinct.learn.photo_stream import Crop, cut
from tinct.learn.records import draw
from tinct.learn.run import Run, finished_epochs, steps_within
from tinct.learn.schedule import Schedule
from tinct.learn.settings import Training
from tinct.learn.tasks import ColorizeTask
from tinct.learn.train import _planned_steps, train

SMALL: dict[str, Any] = {
    "network": "tinct",
    "options": {"widths": [8, 16, 24], "blocks": [0, 1, 1]},
    "epochs": 2,
    "batch_size": 8,
    "crop": 64,
    "workers": 0,
    "bins": 8,
    "average": 0.5,
    "precision": "float32",
    "devices": "cpu",
}


def _rows(run: Path, column: str) -> list[float]:
    with (run / "metrics.csv").open(newline="") as file:
        return [float(row[column]) for row in csv.DictReader(file) if row.get(column)]


def _weights(run: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(run / "checkpoints" / "last.ckpt", weights_only=False)["state_dict"]
    return state


def test_a_training_learns_and_leaves_what_it_promises(dataset: str, tmp_path: Path) -> None:
    run = train(Training(data=dataset, **{**SMALL, "epochs": 20, "learning_rate": 5e-3}), tmp_path / "run")
    losses = _rows(run.path, "train_loss")
    assert len(losses) == 20
    assert losses[-1] < 0.85 * losses[0]
    assert len(_rows(run.path, "val_loss")) == 20
    assert len(list((run.path / "samples").glob("epoch-*.png"))) == 20
    assert list((run.path / "tensorboard").glob("events*"))
    again = Run.open(run.path)
    assert again.training == run.training
    assert again.bins is not None
    assert again.bins.to_card() == run.bins.to_card()  # type: ignore[union-attr]


def test_the_same_seed_gives_the_same_run(dataset: str, tmp_path: Path) -> None:
    runs = [
        train(Training(data=dataset, seed=seed, **SMALL), tmp_path / str(index)).path
        for index, seed in enumerate((1, 1, 2))
    ]
    first, same, other = (_weights(run) for run in runs)
    assert all(torch.equal(first[key], same[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


@pytest.mark.parametrize(("task", "space"), [("regression", "lab"), ("bins", "lab"), ("regression", "yuv")])
def test_other_tasks_and_spaces_train(dataset: str, tmp_path: Path, task: str, space: str) -> None:
    training = Training(data=dataset, task=task, space=space, **{**SMALL, "epochs": 1})
    run = train(training, tmp_path / "run")
    assert (run.bins is None) == (task == "regression")
    assert _rows(run.path, "val_loss")


@pytest.mark.parametrize("task", ["bins", "rgb"])
def test_a_training_as_published_runs_and_resumes(dataset: str, tmp_path: Path, task: str) -> None:
    published = {**SMALL, "augmentation": "published", "letterbox": True, "scaling": "lanczos", "schedule": "two-step"}
    training = Training(data=dataset, task=task).changed({**published, "decay": 0.5, "limit": 12, "amplitude": 3.0})
    run = train(training, tmp_path / "run")
    assert _rows(run.path, "step") == [10, 20]  # 7 forms of 12 photographs, 8 a step
    assert _rows(run.path, "learning_rate") == pytest.approx([1e-4, 1e-4])  # of the step to come
    assert Run.open(run.path).training == training
    train(replace(training, epochs=3), run.path, resume=True)
    assert len(_rows(run.path, "val_loss")) == 3
    if run.bins is not None:
        assert run.bins.amplitude == pytest.approx(3)


# What these gave before photographs could be letterboxed, on one x86-64 core; in validation, with batch norms measured
# for the averaged weights.
@pytest.mark.parametrize(
    ("task", "train_losses", "val_losses"),
    [
        ("bins", [2.03251, 2.04368], [2.30339, 2.29784]),
        ("regression", [0.0126054, 0.0118107], [0.0266251, 0.0232428]),
    ],
)
def test_by_default_losses_are_what_they_were(
    photo_folder: Path, tmp_path: Path, task: str, train_losses: list[float], val_losses: list[float]
) -> None:
    run = train(Training(data=str(photo_folder), task=task, **SMALL), tmp_path / "run")
    assert _rows(run.path, "train_loss") == pytest.approx(train_losses, rel=5e-3)
    assert _rows(run.path, "val_loss") == pytest.approx(val_losses, rel=5e-3)


def test_a_run_without_the_newer_settings_opens_with_what_it_did(dataset: str, tmp_path: Path) -> None:
    run = train(Training(data=dataset, **{**SMALL, "epochs": 1}), tmp_path / "run")
    config = json.loads((run.path / "config.json").read_text())
    for name in ("letterbox", "scaling", "schedule", "second_rate", "amplitude"):
        del config["training"][name]
    del config["training"]["augmentation"]["sevenfold"]
    (run.path / "config.json").write_text(json.dumps(config))
    assert Run.open(run.path).training == run.training


def test_a_plain_folder_trains(photo_folder: Path, tmp_path: Path) -> None:
    train(Training(data=str(photo_folder), val=0.2, **{**SMALL, "epochs": 1}), tmp_path / "run")
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").is_file()


def test_a_learning_rate_is_found(dataset: str, tmp_path: Path) -> None:
    train(Training(data=dataset, **{**SMALL, "epochs": 1, "learning_rate": "auto"}), tmp_path / "run")
    found = Run.open(tmp_path / "run").training.learning_rate
    assert isinstance(found, float)
    assert 1e-4 < found <= 0.0101


# Trains by the settings in a file, into a folder.
ALONE = """
import json, pathlib, sys
from tinct.learn.train import Training, train
train(Training(**json.loads(pathlib.Path(sys.argv[1]).read_text())), sys.argv[2])
"""


def test_killed_and_resumed_no_epoch_is_repeated_or_lost(dataset: str, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    settings = {**SMALL, "data": dataset, "epochs": 60, "decay": 0.0}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    killed = subprocess.Popen([sys.executable, "-c", ALONE, str(tmp_path / "settings.json"), str(out)])
    deadline = time.monotonic() + 300
    while not (out / "samples" / "epoch-002.png").exists():
        assert killed.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    done = torch.load(out / "checkpoints" / "last.ckpt", weights_only=False)
    finished = finished_epochs(done)
    assert finished in {2, 3, 4}
    train(Training(**{**settings, "epochs": finished + 2}), out, resume=True)
    state = torch.load(out / "checkpoints" / "last.ckpt", weights_only=False)
    assert finished_epochs(state) == finished + 2
    steps = done["global_step"] // finished
    assert state["global_step"] == steps * (finished + 2)
    with (out / "metrics.csv").open(newline="") as file:
        epochs = [int(row["epoch"]) for row in csv.DictReader(file) if row.get("val_loss")]
    assert epochs == list(range(finished + 2))


def test_resumed_it_ends_where_an_unbroken_run_does(dataset: str, tmp_path: Path) -> None:
    common = {**SMALL, "decay": 0.0}
    whole = train(Training(data=dataset, **{**common, "epochs": 3}), tmp_path / "whole")
    train(Training(data=dataset, **{**common, "epochs": 1}), tmp_path / "parts")
    parts = train(Training(data=dataset, **{**common, "epochs": 3}), tmp_path / "parts", resume=True)
    first, second = _weights(whole.path), _weights(parts.path)
    assert first
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)


class _Stops(Callback):
    """Breaks a training off before the third step of its second epoch."""

    def on_train_batch_start(self, trainer: Any, task: Any, batch: Any, index: int) -> None:
        if (trainer.current_epoch, index) == (1, 2):
            raise KeyError("broken off")


def test_broken_off_within_an_epoch_it_goes_on_from_the_state_last_kept(
    dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tinct.learn.train.KEPT_EVERY", timedelta(0))
    training = Training(data=dataset, **{**SMALL, "epoch_steps": 4})
    with pytest.raises(KeyError, match="broken off"):
        train(training, tmp_path / "run", progress=_Stops)
    last = tmp_path / "run" / "checkpoints" / "last.ckpt"
    kept = torch.load(last, weights_only=False)
    assert (kept["global_step"], finished_epochs(kept), steps_within(kept)) == (6, 1, 2)
    assert _planned_steps(last, steps=4, epochs=2) == 8
    run = train(training, tmp_path / "run", resume=True)
    assert _rows(run.path, "step") == [4, 8]
    done = torch.load(last, weights_only=False)
    assert (done["global_step"], finished_epochs(done), steps_within(done)) == (8, 2, 0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"network": "vgg", "options": {}}, "no network 'vgg'"),
        ({"options": {"depth": 3}}, "no option depth"),
        ({"task": "gan"}, "task must be"),
        ({"space": "rgb"}, "no colour space"),
        ({"devices": "70"}, "accelerators were asked for"),
        ({"precision": "int4"}, "precision must be"),
        ({"batch_size": 0}, "batch size"),
        ({"crop": 50}, "multiple of 8"),
        ({"decay": 2.0}, "decay must lie"),
        ({"learning_rate": float("nan")}, "learning rate"),
        ({"limit": 0}, "limit must be"),
        ({"epochs": 0}, "epochs must be"),
        ({"contrast": 1.5}, "contrast must lie"),
    ],
)
def test_wrong_settings_are_refused_before_anything_is_written(
    dataset: str, tmp_path: Path, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        train(Training(data=dataset, **SMALL).changed(wrong), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_is_neither_overwritten_nor_resumed_as_something_else(dataset: str, tmp_path: Path) -> None:
    train(Training(data=dataset, **{**SMALL, "epochs": 1}), tmp_path / "run")
    with pytest.raises(SettingError, match="--resume"):
        train(Training(data=dataset, **SMALL), tmp_path / "run")
    with pytest.raises(SettingError, match="another network"):
        train(Training(data=dataset, **{**SMALL, "network": "flat", "options": {}}), tmp_path / "run", resume=True)
    with pytest.raises(DataError, match="is not a training run"):
        train(Training(data=dataset, **SMALL), tmp_path / "none", resume=True)


def test_mixed_precision_trains(dataset: str, tmp_path: Path) -> None:
    run = train(Training(data=dataset, **{**SMALL, "epochs": 1, "precision": "bf16"}), tmp_path / "run")
    assert _rows(run.path, "val_loss")[0] < 10


def test_sheets_show_the_averaged_network(dataset: str, tmp_path: Path) -> None:
    run = train(Training(data=dataset, **{**SMALL, "epochs": 1, "average": 0.99}), tmp_path / "run")
    network, _ = trained_network(run)
    shown = cv2.imread(str(run.path / "samples" / "epoch-000.png"), cv2.IMREAD_COLOR_RGB)
    task = ColorizeTask(network, Training(dataset), bins=run.bins, schedule=Schedule(steps=1, decay=0)).eval()
    source = open_source(dataset, split="val")
    squares = [
        cut(picture, Crop(160, zoom=1, random=False), random.Random(0))[0] for picture in pictures(source, limit=12)
    ]
    assert np.abs(shown.astype(int) - draw(task, squares).astype(int)).max() <= 1


def test_a_bad_photograph_in_a_plain_folder_is_named_in_one_line(photo_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(photo_folder, folder)
    (folder / "indoors" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"broken\.png") as caught:
        train(
            Training(data=str(folder), val=0.0, **{**SMALL, "workers": 1, "limit": 48, "bins_from": 1}),
            tmp_path / "run",
        )
    assert "\n" not in str(caught.value)
