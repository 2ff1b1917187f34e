"""The doctor on trainings to colorize."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from torch import nn
from typer.testing import CliRunner

from tinct.cli import build as build_cli
from tinct.errors import DataError
from tinct.learn.doctor import colorization
from tinct.learn.doctor.colorization import examine_training
from tinct.learn.networks.registry import build
from tinct.learn.settings import Training

# Steps of an experiment that shows a gross fault; to see a training learn takes all of them.
FEW = 20


@pytest.fixture(scope="module")
def training(photo_folder):
    options = {"widths": [8, 16, 24], "blocks": [0, 1, 1]}
    return Training(data=str(photo_folder), network="tinct", options=options, bins=8, learning_rate=5e-3)


def test_a_training_that_learns(training):
    seen = []
    found = examine_training(training, progress=lambda done, total: seen.append(done))
    assert found.kinds == []
    assert found.verdict.startswith("it learns")
    assert found.measurements["reached"] < found.measurements["one_answer"]
    assert seen == [1, 2, 3, 4]


def test_a_rate_far_too_high_and_one_far_too_low(training):
    high = examine_training(replace(training, learning_rate=5.0), steps=FEW)
    assert high.kinds[0] == "rate-high"
    low = examine_training(replace(training, learning_rate=1e-7), steps=FEW)
    assert low.kinds[0] == "rate-low"
    assert "stuck" in low.kinds


def test_a_dead_network(training, monkeypatch):
    def dead(name, *, outputs, options):
        network = build(name, outputs=outputs, options=options)
        for module in list(network.modules()):
            if isinstance(module, nn.BatchNorm2d):
                nn.init.constant_(module.bias, -100.0)
        return network

    monkeypatch.setattr(colorization, "build", dead)
    assert examine_training(training, steps=FEW).kinds[0] == "dead-network"


@pytest.mark.parametrize("task", ["regression", "rgb"])
def test_other_tasks_are_compared_with_the_mean(training, task):
    found = examine_training(replace(training, task=task), steps=6)
    assert 0 < found.measurements["one_answer"] < 1
    assert found.measurements["steps"] == 6


def test_no_photographs(tmp_path, training):
    with pytest.raises(DataError):
        examine_training(replace(training, data=str(tmp_path)))


def test_train_doctor_reports_data_too(training, monkeypatch):
    monkeypatch.setattr(colorization, "examine_training", partial(examine_training, steps=6))
    arguments = ["train", training.data, "--doctor", "--lr", "1e-7", "--bins", "8"]
    arguments += ["--option", "widths=[8, 16, 24]", "--option", "blocks=[0, 1, 1]"]
    done = CliRunner().invoke(build_cli(), arguments)
    assert done.exit_code == 0, done.output
    assert "remedy: add photographs, or start from" in done.stdout  # 48 are few, says `tinct data`


def test_without_doctor_a_folder_is_needed(training):
    done = CliRunner().invoke(build_cli(), ["train", training.data])
    assert "--out RUN" in str(done.exception)
