"""What a study's report says, and what it does not: of backbones, of diverged arms, of what was seen and unseen."""

from __future__ import annotations

import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from typer.testing import CliRunner  # noqa: E402

from diverged import diverge  # noqa: E402
from tinct.cli import build  # noqa: E402
from tinct.coloring.settings import Decoding  # noqa: E402
from tinct.data.pictures import find_pictures  # noqa: E402
from tinct.data.source import open_source, read_samples, select  # noqa: E402
from tinct.errors import ModelError  # noqa: E402
from tinct.learn.networks.backbones import weights_sha256  # noqa: E402
from tinct.study.arms import run_study  # noqa: E402
from tinct.study.backbone import METRICS as JUDGED  # noqa: E402
from tinct.study.begin import begin_study, seen_by_all  # noqa: E402
from tinct.study.evaluate import evaluate  # noqa: E402
from tinct.study.plan import Choices  # noqa: E402
from tinct.study.recipe import parse_recipe  # noqa: E402
from tinct.study.report import page as report_page  # noqa: E402
from tinct.study.report.page import write_report  # noqa: E402

OWN = {
    "title": "Bins or chroma?",
    "question": "Which?",
    "plots": ["metrics", "curves", "cost"],
    "shared": {"network": "flat", "options": {"width": 4}, "steps": 3, "workers": 0, "batch_size": 8, "crop": 32},
    "arms": [
        {"name": "bins", "bins": 8},
        {"name": "more bins", "bins": 12},
        {"name": "chroma", "task": "regression", "space": "lab"},
        {"name": "vivid", "of": "bins", "temperature": 0.1},
    ],
    "evaluation": {"pictures": 4, "train_pictures": 3},
}


def own(**changes):
    values = {**OWN, **changes}
    return parse_recipe(values, name="own", text=json.dumps(values))


@pytest.fixture(scope="module")
def study(dataset, tmp_path_factory):
    """A finished study of three trainings and an arm that takes one of them, measured without a backbone."""
    out = tmp_path_factory.mktemp("study") / "study"
    run_study(own(), data=dataset, out=out)
    return out


@pytest.fixture
def copied(study, tmp_path):
    return Path(shutil.copytree(study, tmp_path / "copied"))


@pytest.fixture
def no_figures(monkeypatch):
    """Leave figures out, which take most of a report's time, where words and tables are looked at."""
    monkeypatch.setattr(report_page, "draw_charts", lambda results, folder, *, quantisation: {})
    monkeypatch.setattr(report_page, "write_sheet", lambda sheet, folder: None)


def table(study, name):
    with (study / "tables" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def section(study, title):
    page = (study / "report.html").read_text(encoding="utf-8")
    return re.search(f'<section id="{title}">(.*?)</section>', page, re.DOTALL).group(1)


def test_without_a_backbone_the_report_says_what_is_absent_and_why(study):
    assert {row["metric"] for row in table(study, "absent")} == set(JUDGED)
    assert not {row["metric"] for row in table(study, "metrics")} & set(JUDGED)
    assert re.search(
        "Absent:</b> perceptual distance, still recognised %, .*?: .*need a pretrained backbone: give --backbone FILE",
        section(study, "metrics"),
    )


@pytest.mark.slow
def test_a_backbone_given_later_measures_what_is_missing_and_trains_nothing(copied, dataset, weights):
    for file in copied.rglob("evaluation.json"):  # as it was written before there were backbones
        plain = json.loads(file.read_text())
        del plain["backbone"]
        file.write_text(json.dumps(plain))
    trained = {file: file.stat().st_mtime_ns for file in copied.rglob("*.ckpt")} | {
        file: file.stat().st_mtime_ns for file in copied.rglob("model.onnx")
    }
    rows = []
    run_study(own(), data=dataset, out=copied, backbone=weights, told=rows.append)
    assert {row.status for row in rows} == {"done"}
    assert {file: file.stat().st_mtime_ns for file in trained} == trained
    found = {(row["arm"], row["split"], row["metric"]): row for row in table(copied, "metrics")}
    for arm in ("grey", "mean colour", "bins", "more bins", "chroma", "vivid"):
        for split in ("val", "train"):
            distance = found[arm, split, "perceptual"]
            assert float(distance["low"]) <= float(distance["mean"]) <= float(distance["high"])
            assert float(distance["mean"]) > 0
            assert 0 <= float(found[arm, split, "recognition_top1"]["mean"]) <= 100
    model = str(copied / "arms" / "chroma" / "seed-0" / "model.onnx")
    plain = Decoding(runtime="onnxruntime")
    score = evaluate([model], dataset, decoding=plain, limit=4, resamples=5, backbone=weights).score(model)
    assert float(found["chroma", "val", "perceptual"]["mean"]) == pytest.approx(score.metrics["perceptual"].mean)
    compared = [row for row in table(copied, "differences") if row["metric"] == "perceptual"]
    assert {row["arm"] for row in compared if row["compared_with"] == "bins"} == {"more bins", "chroma", "vivid"}
    assert {row["verdict"] for row in compared} <= {"better", "worse", "within noise"}
    assert f"squeezenet1_1 from squeezenet.pth (SHA-256 {weights_sha256(weights)})" in section(
        copied, "how-it-was-done"
    )
    assert "<b>Perceptual distance</b>" in section(copied, "in-words")
    assert "Absent" not in section(copied, "metrics")
    assert str(weights) not in (copied / "report.html").read_text()
    # An arm that is added without it leaves a gap, which is told and can be filled.
    more = own(arms=[*OWN["arms"], {"name": "muted", "of": "bins", "temperature": 1.0}])
    rows.clear()
    run_study(more, data=dataset, out=copied, told=rows.append)
    assert [row.arm for row in rows if row.status == "done"] == ["muted"]
    assert "not all arms were measured by the same backbone" in section(copied, "metrics")
    assert "perceptual" not in {row["metric"] for row in table(copied, "differences")}
    rows.clear()
    run_study(more, data=dataset, out=copied, backbone=weights, told=rows.append)
    assert [row.arm for row in rows if row.status == "done"] == ["muted"]
    assert "Absent" not in section(copied, "metrics")


def test_a_backbone_that_cannot_judge_is_refused_before_anything_is_trained(dataset, tmp_path):
    with pytest.raises(ModelError, match=r"none\.pth: no such file"):
        run_study(own(), data=dataset, out=tmp_path / "out", backbone=tmp_path / "none.pth")
    assert not (tmp_path / "out").exists()
    assert "--backbone" in CliRunner().invoke(build(), ["study", "--help"], env={"COLUMNS": "120"}).stdout


def spoil(run, column):
    """Make the last figure of a training no number."""
    with (run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[-1][column] = "nan"
    with (run / "metrics.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def add_seed(study):
    """Make a finished study one of two seeds that agree."""
    record = json.loads((study / "study.json").read_text())
    record["seeds"] = [0, 1]
    for trainings in record["trainings"].values():
        trainings["1"] = {**trainings["0"], "seed": 1}
    (study / "study.json").write_text(json.dumps(record))
    for folder in (study / "arms").iterdir():
        shutil.copytree(folder / "seed-0", folder / "seed-1")
        plain = json.loads((folder / "seed-1" / "evaluation.json").read_text())
        plain["seed"] = plain["settings"]["training"]["seed"] = 1
        (folder / "seed-1" / "evaluation.json").write_text(json.dumps(plain))


def test_a_diverged_arm_is_named_and_gets_no_verdict(copied):
    add_seed(copied)
    spoil(copied / "arms" / "bins" / "seed-1", "val_loss")
    write_report(copied)
    words = section(copied, "in-words")
    assert "<b>Diverged:</b> <i>bins</i> with seed 1; <i>vivid</i> with seed 1." in words
    assert "The reference is among them: other arms are compared with <i>more bins</i>." in words
    assert not re.search("(better|worse|noise)[^;.]*<i>(bins|vivid)</i>", words)
    for name in ("differences", "metrics"):
        assert {row["arm"] for row in table(copied, name)} & {"bins", "more bins", "vivid"} == {"more bins"}
    assert section(copied, "metrics").count("<td>diverged</td>") == 2 * 8
    spoil(copied / "arms" / "chroma" / "seed-0", "train_loss")
    spoil(copied / "arms" / "more-bins" / "seed-0", "train_loss")
    write_report(copied)
    assert section(copied, "in-words").count("<li>") == 1
    assert not (copied / "tables" / "differences.csv").exists()
    assert {row["arm"] for row in table(copied, "metrics")} == {"grey", "mean colour"}


def test_means_are_over_all_seeds_or_there_are_none(copied, no_figures):
    add_seed(copied)
    spoil(copied / "arms" / "chroma" / "seed-1", "val_accuracy_10")
    write_report(copied)
    found = {row["arm"]: row for row in table(copied, "overfitting")}
    assert found["chroma"]["val_accuracy_10"] == ""
    assert float(found["bins"]["val_accuracy_10"]) >= 0
    assert "6 trainings: 3 arms with 2 seeds (0, 1), each 3 steps" in section(copied, "how-it-was-done")
    shutil.rmtree(copied / "arms" / "chroma" / "seed-1")
    write_report(copied)
    assert "with seed 1 not all arms are finished; figures are means over seed 0" in section(copied, "in-words")


def test_training_pictures_are_those_that_every_arm_learns_from(dataset, tmp_path):
    arms = [
        {"name": "all"},
        {"name": "most", "subset": 0.8},
        {"name": "two categories", "categories": ["coffee", "astronaut"]},
    ]
    recipe = own(arms=arms, shared={**OWN["shared"], "seeds": 2})
    study = begin_study(recipe, dataset, tmp_path, Choices())
    chosen = study.train_pictures(dataset, limit=100)
    assert len(chosen) == OWN["evaluation"]["train_pictures"]
    for arm in study.arms:
        for seed in (0, 1):
            training = study.training(arm, seed)
            source = select(
                open_source(dataset, split="train"),
                subset=training.subset,
                categories=training.categories,
                seed=training.seed,
            )
            learned = {
                (card["category"], card["name"].split(": ")[1]) for _, card in read_samples(source.parts, source)
            }
            assert {(picture.category, picture.original) for picture in chosen} <= learned
    (tmp_path / "b").mkdir()
    alike = begin_study(own(), dataset, tmp_path / "b", Choices())
    assert alike.record.train_keys is None
    assert alike.measured_on() != study.measured_on()
    # A fifth of them is too few to be measured on.
    trainings = [replace(study.training(study.arms[0], 0), subset=0.2)]
    assert seen_by_all(trainings, dataset, find_pictures(dataset, split="train"), count=100) is None


def test_the_report_says_whose_training_pictures_it_shows(copied, no_figures):
    record = json.loads((copied / "study.json").read_text())
    for training in record["trainings"]["chroma"].values():
        training["subset"] = 0.5
    for file in (copied / "arms" / "chroma").rglob("evaluation.json"):
        plain = json.loads(file.read_text())
        plain["settings"]["training"]["subset"] = 0.5
        file.write_text(json.dumps(plain))
    (copied / "study.json").write_text(json.dumps(record))
    write_report(copied)
    assert "but chroma learned from a part of it only" in section(copied, "learning-and-overfitting")


def test_the_mean_colour_is_that_of_training_pictures_however_few_are_measured(study, dataset):
    score = evaluate([], dataset, limit=4, resamples=5).score("mean colour")
    val = [row for row in table(study, "metrics") if (row["arm"], row["split"]) == ("mean colour", "val")]
    assert len(val) == 8
    for row in val:
        assert float(row["mean"]) == pytest.approx(score.metrics[row["metric"]].mean), row["metric"]


def test_losses_and_shares_of_different_units_have_axes_of_their_own(study):
    learning = section(study, "learning-and-overfitting")
    for words in ("8 bins of 16x16, yuv, lambda 0.4", "12 bins of 16x16, yuv, lambda 0.4", "chroma in lab"):
        assert words in (study / "figures" / "gap.svg").read_text()
    assert "have different units and cannot be compared" in learning
    assert "8 bins of 16x16, yuv<" in (study / "figures" / "accuracy_bins.svg").read_text()
    assert learning.count("<small>of 8 bins</small>") == learning.count("<small>of 12 bins</small>") == 2
    assert "compare “right bin” only for equal numbers of bins" in learning
    assert "share of valid pixels within 10 Lab units of the truth" in learning
    assert "draw its luma too" not in learning


def test_the_page_holds_no_empty_words(study):
    page = (study / "report.html").read_text()
    assert "loading=" not in page
    assert "<td>0.000</td>" not in section(study, "cost")
    assert "3 trainings: 3 arms with 1 seed (0), each 3 steps" in page


@pytest.mark.parametrize(
    ("value", "words"), [(0, "0.00"), (0.00042, "0.00042"), (0.42, "0.42"), (42.42, "42.4"), (4242, "4,242")]
)
def test_small_numbers_are_no_zeros(value, words):
    assert report_page._short(value) == words


def test_a_network_without_numbers_is_measured_and_told(copied, dataset, no_figures):
    place = copied / "arms" / "chroma" / "seed-0"
    diverge(place / "model.onnx", place / "model.onnx")
    (place / "evaluation.json").unlink()
    spoil(place, "val_loss")
    run_study(own(), data=dataset, out=copied)
    assert "<b>Diverged:</b> <i>chroma</i> with seed 0." in section(copied, "in-words")
    # Its pictures are black.
    found = json.loads((place / "evaluation.json").read_text())["metrics"]["val"]
    assert found["luma_change"] > 10


def test_the_baselines_stand_beside_what_may_be_learned_by_heart(copied, no_figures):
    write_report(copied)
    rows = section(copied, "learning-and-overfitting").split("<tr>")
    grey = next(row for row in rows if "grey" in row)
    found = {(row["arm"], row["split"]): row for row in table(copied, "metrics") if row["metric"] == "ciede2000"}
    for split in ("train", "val"):
        assert f"{float(found['grey', split]['mean']):.2f}" in grey
