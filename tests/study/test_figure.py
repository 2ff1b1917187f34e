"""The paper's figures of a training: what they show is what the training's files and its network say."""

from __future__ import annotations

import csv
import shutil

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from typer.testing import CliRunner

from tinct.cli import build
from tinct.data.source import open_source, pictures
from tinct.errors import ModelError, SettingError
from tinct.learn.export import export
from tinct.learn.run import Run
from tinct.learn.settings import Training
from tinct.learn.train import train
from tinct.study import figure as paper
from tinct.study.figure import KINDS, bins_of, draw_figure

SMALL = {"network": "flat", "options": {"width": 4}, "bins": 8, "crop": 32, "batch_size": 8, "workers": 0, "limit": 16}


@pytest.fixture(scope="module")
def trained(dataset, tmp_path_factory):
    training = Training(data=str(dataset), devices="cpu", epochs=2, **SMALL)
    return train(training, tmp_path_factory.mktemp("run") / "run").path


@pytest.fixture(scope="module")
def model(trained):
    """The training as a model file."""
    export(trained, trained / "model.onnx")
    return trained / "model.onnx"


@pytest.fixture
def drawn(monkeypatch):
    """Keep figures as they are saved."""
    figures = []
    save = paper.save_figure
    monkeypatch.setattr(paper, "save_figure", lambda figure, path: (figures.append(figure), save(figure, path)))
    return figures


@pytest.mark.parametrize("kind", KINDS)
def test_one_command_draws_each_figure_of_a_training(trained, tmp_path, kind):
    target = tmp_path / f"{kind}.png"
    both = [str(trained)] * (2 if kind == "against" else 1)
    result = CliRunner().invoke(build(), ["figure", kind, *both, "-o", str(target), "--limit", "2"])
    assert result.exit_code == 0, result.output
    assert str(target) in result.stdout
    assert cv2.imread(str(target)).std() > 10


def test_losses_are_those_of_the_table_along_its_steps(trained, tmp_path, drawn):
    draw_figure("loss", [trained], tmp_path / "loss.svg")
    lines = {line.get_label(): line for line in drawn[0].axes[0].lines}
    with (trained / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["2", "4"]
    for name, column in (("training", "train_loss"), ("validation", "val_loss")):
        assert list(lines[name].get_xdata()) == [2, 4]
        assert list(lines[name].get_ydata()) == pytest.approx([float(row[column]) for row in rows])
    assert (lines["training"].get_color(), lines["validation"].get_color()) == (paper.BLUE, paper.RED)


def test_colours_are_counted_in_truth_and_dataset(trained, model, dataset, tmp_path, drawn):
    draw_figure("colors", [model], tmp_path / "colors.png", data=dataset)
    top, bottom = drawn[0].axes
    true, predicted = ([bar.get_height() for bar in bars] for bars in top.containers)
    bins = Run.open(trained).bins
    counts = np.zeros(bins.count)
    for rgb in pictures(open_source(dataset, split="val")):
        yuv = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2YUV)[..., 1:] - 0.5  # an outside BT.601
        counts += np.bincount(bins.encode(yuv).ravel(), minlength=8)
    assert true == pytest.approx(counts / counts.sum(), abs=0.02)
    assert sum(predicted) == pytest.approx(1)
    assert [bar.get_height() for bar in bottom.containers[0]] == pytest.approx(bins.frequencies)
    assert len(bins_of(trained).frequencies) == 8


def test_photographs_stand_in_grey_at_each_temperature_and_as_they_are(trained, model, dataset, tmp_path, drawn):
    draw_figure("temperatures", [model], tmp_path / "t.png", data=dataset, limit=3, temperatures=(0.1, 1.0))
    axes = drawn[0].axes
    assert [axis.get_title() for axis in axes[:4]] == ["grey", "T 0.1", "T 1", "truth"]
    assert len(axes) == 3 * 4
    validated = list(pictures(open_source(Run.open(trained).training.data, split="val")))
    for row in range(3):
        grey, vivid, dull, truth = (np.asarray(axis.images[0].get_array()).astype(int) for axis in axes[4 * row :][:4])
        assert any(truth.shape == other.shape and (truth == other).all() for other in validated)
        assert (grey[..., 0] == grey[..., 2]).all()
        assert not (vivid == dull).all()


def test_what_cannot_be_drawn_is_refused(trained, photos, tiny_model, tiny_chroma_model, tmp_path):
    target = tmp_path / "x.png"
    for kind, places, kind_of_error, told in (
        ("hands", [trained], SettingError, "no figure 'hands'; there are: bins, temperatures"),
        ("against", [trained], SettingError, "needs 2 trainings, not 1"),
        ("loss", [tiny_model], SettingError, "is not a training's folder"),
        ("colors", [tiny_model], SettingError, "name some with --data"),
    ):
        with pytest.raises(kind_of_error, match=told):
            draw_figure(kind, places, target)
    with pytest.raises(ModelError, match="has no colour bins"):
        draw_figure("confidence", [tiny_chroma_model], target, data=photos, limit=1)
    with pytest.raises(SettingError, match="at one temperature, not at 2"):
        draw_figure("colors", [tiny_model], target, data=photos, limit=1, temperatures=(0.1, 1))
    with pytest.raises(SettingError, match=r"\.png, \.svg, \.pdf"):
        draw_figure("bins", [trained], tmp_path / "x.gif")
    assert not target.exists()


def test_two_trainings_of_different_photographs_are_not_set_against_each_other(trained, photos, tmp_path):
    other = train(Training(data=str(photos), devices="cpu", epochs=1, **SMALL), tmp_path / "other").path
    with pytest.raises(SettingError, match="have different photographs"):
        draw_figure("against", [trained, other], tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()


def test_two_trainings_of_one_name_stand_beside_each_other(trained, tmp_path, drawn):
    other = shutil.copytree(trained, tmp_path / trained.name)
    draw_figure("against", [trained, other], tmp_path / "x.png", limit=1, temperatures=(1.0,))
    assert [axes.get_title() for axes in drawn[0].axes] == ["grey", "run, T 1", "run, T 1", "truth"]
