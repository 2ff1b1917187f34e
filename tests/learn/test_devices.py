"""Two real processes of one training, joined by Gloo: they learn what one learns, and write everything once."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tinct.data.prepare import prepare
from tinct.errors import SettingError
from tinct.learn.devices import Devices, choose_devices
from tinct.learn.run import Run, finished_epochs
from tinct.learn.settings import Training
from tinct.learn.train import train

EPOCHS = 6
SETTINGS: dict[str, Any] = {
    "network": "flat", "options": {"width": 8}, "task": "regression", "epochs": EPOCHS, "batch_size": 4, "crop": 32,
    "workers": 0, "learning_rate": 3e-3, "average": 0.5, "precision": "float32", "devices": "cpu:2", "decay": 0.0,
}  # fmt: skip


def run_alone(command: list[str]) -> str:
    """Run a command without what another training left in the environment; return what it printed."""
    left = ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "PL_GLOBAL_SEED")
    environment = {name: value for name, value in os.environ.items() if name not in left}
    environment |= {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-8000:]
    return done.stdout


@pytest.fixture(scope="module")
def dataset(photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(prepare([photo_folder], tmp_path_factory.mktemp("set"), val=0.25, shard_size=5).path)


@pytest.fixture(scope="module")
def run(dataset: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of two processes that torchrun started."""
    place = tmp_path_factory.mktemp("two")
    (place / "settings.json").write_text(json.dumps(SETTINGS | {"data": dataset}), encoding="utf-8")
    script = Path(__file__).with_name("two_ranks.py")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    run_alone([*torchrun, str(script), str(place / "settings.json"), str(place / "run")])
    return place / "run"


def column(run: Path, name: str) -> list[float]:
    with (run / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return [float(row[name]) for row in csv.DictReader(file)]


def state(run: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = torch.load(run / "checkpoints" / "last.ckpt", weights_only=False)
    return loaded


def test_two_processes_learn_what_one_does_with_batches_twice_as_large(run: Path, dataset: str, tmp_path: Path) -> None:
    common = Training(data=dataset, **{**SETTINGS, "devices": "cpu", "batch_size": 2 * SETTINGS["batch_size"]})
    ones = [train(replace(common, seed=seed), tmp_path / str(seed)).path for seed in (0, 1)]
    for name in ("train_loss", "val_loss", "val_chroma_error"):
        two, one, other = (column(path, name) for path in (run, *ones))
        assert len(two) == len(one) == EPOCHS
        noise = max(abs(one[epoch] - other[epoch]) / one[epoch] for epoch in range(EPOCHS))
        assert max(abs(a - b) / b for a, b in zip(two, one, strict=True)) < max(0.1, 1.5 * noise), name
    assert column(run, "train_loss")[-1] < 0.8 * column(run, "train_loss")[0]
    # The truth alone decides this one; what is measured of all photographs is the same, whoever measured which.
    assert column(run, "val_grey_error") == pytest.approx(column(ones[0], "val_grey_error"), rel=0.02)
    assert column(run, "step") == column(ones[0], "step")


def test_what_two_processes_leave_is_there_once_and_another_launcher_goes_on_with_it(run: Path) -> None:
    steps = state(run)["global_step"] // EPOCHS
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["best.ckpt", "last.ckpt"]
    assert len(list((run / "tensorboard").glob("events*"))) == 1
    assert len(list((run / "samples").iterdir())) == EPOCHS
    # Now Lightning starts the second process.
    options = ["--out", str(run), "--resume", "--epochs", str(EPOCHS + 2)]
    told = run_alone([sys.executable, "-m", "tinct", "train", Run.open(run).training.data, *options])
    assert told.count("trained; write a model file") == 1
    assert finished_epochs(state(run)) == EPOCHS + 2
    assert state(run)["global_step"] == steps * (EPOCHS + 2)
    assert column(run, "epoch") == list(range(EPOCHS + 2))
    assert column(run, "train_loss")[-1] < column(run, "train_loss")[0]


def started_by_torchrun(monkeypatch: pytest.MonkeyPatch, *, here: int, everywhere: int) -> None:
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "made up")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(here))
    monkeypatch.setenv("WORLD_SIZE", str(everywhere))


def test_processes_are_as_many_as_asked_for_or_started(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose_devices("cpu") == Devices("cpu")
    assert choose_devices("cpu:3") == Devices("cpu", 3)
    with pytest.raises(SettingError, match="started by torchrun"):
        choose_devices("cpu", nodes=2)
    for wrong in ("cpu:", "cpu:0", "auto:2", "gpu", "-1", "cpu:x"):
        with pytest.raises(SettingError, match="devices must be"):
            choose_devices(wrong)
    started_by_torchrun(monkeypatch, here=2, everywhere=6)
    assert choose_devices("cpu") == choose_devices("cpu:2", nodes=3) == Devices("cpu", 2, 3)
    assert Devices("cpu", 2, 3).processes == 6
    for devices, nodes in (("cpu:3", None), ("cpu:2", 2)):
        with pytest.raises(SettingError, match="torchrun started 6 processes, 2 of them on this machine"):
            choose_devices(devices, nodes=nodes)
