"""Trainings: they learn, repeat themselves from a seed, and outlive being killed."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tinct.errors import DataError, SettingError
from tinct.learn.augment import Augmentation
from tinct.learn.prepare import prepare
from tinct.learn.run import Run, Training, finished_epochs
from tinct.learn.train import train

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


@pytest.fixture(scope="module")
def dataset(photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(prepare([photo_folder], tmp_path_factory.mktemp("set"), val=0.2, shard_size=10).path)


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


def test_a_plain_folder_trains(photo_folder: Path, tmp_path: Path) -> None:
    train(Training(data=str(photo_folder), val=0.2, **{**SMALL, "epochs": 1}), tmp_path / "run")
    assert (tmp_path / "run" / "checkpoints" / "last.ckpt").is_file()


def test_a_learning_rate_is_found(dataset: str, tmp_path: Path) -> None:
    train(Training(data=dataset, **{**SMALL, "epochs": 1, "learning_rate": "auto"}), tmp_path / "run")
    found = Run.open(tmp_path / "run").training.learning_rate
    assert isinstance(found, float)
    assert 1e-4 < found <= 0.0101


def _script(dataset: str, out: Path, *, epochs: int) -> str:
    settings = {**SMALL, "data": dataset, "epochs": epochs, "decay": 0.0}
    return (
        "import json, sys\nfrom tinct.learn.train import Training, train\n"
        f"train(Training(**json.loads({json.dumps(json.dumps(settings))})), {str(out)!r}, "
        "resume='resume' in sys.argv)"
    )


def test_killed_and_resumed_no_epoch_is_repeated_or_lost(dataset: str, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    killed = subprocess.Popen([sys.executable, "-c", _script(dataset, out, epochs=60)])
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
    subprocess.run([sys.executable, "-c", _script(dataset, out, epochs=finished + 2), "resume"], check=True)
    state = torch.load(out / "checkpoints" / "last.ckpt", weights_only=False)
    assert finished_epochs(state) == finished + 2
    steps = done["global_step"] // finished
    assert state["global_step"] == steps * (finished + 2)
    with (out / "metrics.csv").open(newline="") as file:
        epochs = [int(row["epoch"]) for row in csv.DictReader(file) if row.get("val_loss")]
    assert epochs == list(range(finished + 2))


def test_resumed_it_ends_where_an_unbroken_run_does(dataset: str, tmp_path: Path) -> None:
    # Without noise and mirroring, which draw from PyTorch's state, the two see exactly the same squares.
    calm = Augmentation(flip=False, noise=(), contrast=0, brightness=0)
    common = {**SMALL, "decay": 0.0, "augmentation": calm}
    whole = train(Training(data=dataset, **{**common, "epochs": 3}), tmp_path / "whole")
    train(Training(data=dataset, **{**common, "epochs": 1}), tmp_path / "parts")
    parts = train(Training(data=dataset, **{**common, "epochs": 3}), tmp_path / "parts", resume=True)
    first, second = _weights(whole.path), _weights(parts.path)
    for key in first:
        torch.testing.assert_close(first[key], second[key], rtol=1e-3, atol=1e-4)


def test_settings_are_checked(dataset: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no network 'vgg'"):
        train(Training(data=dataset, **{**SMALL, "network": "vgg", "options": {}}), tmp_path / "a")
    with pytest.raises(SettingError, match="no task"):
        train(Training(data=dataset, task="gan", **SMALL), tmp_path / "a")
    with pytest.raises(SettingError, match="accelerators were asked for"):
        train(Training(data=dataset, **{**SMALL, "devices": "7"}), tmp_path / "b")
    with pytest.raises(DataError, match="no training run"):
        train(Training(data=dataset, **SMALL), tmp_path / "c", resume=True)


def test_a_run_is_neither_overwritten_nor_resumed_as_something_else(dataset: str, tmp_path: Path) -> None:
    train(Training(data=dataset, **{**SMALL, "epochs": 1}), tmp_path / "run")
    with pytest.raises(SettingError, match="--resume"):
        train(Training(data=dataset, **SMALL), tmp_path / "run")
    with pytest.raises(SettingError, match="another network"):
        train(Training(data=dataset, **{**SMALL, "network": "flat", "options": {}}), tmp_path / "run", resume=True)
