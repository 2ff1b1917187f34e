"""Studies: every arm trained and measured alike, going on after a kill, and refusing what would fool the reader."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import tomllib

import pytest

pytest.importorskip("torch")

from tinct.coloring.settings import Decoding
from tinct.data.prepare import prepare
from tinct.errors import DataError, OutputError, SettingError
from tinct.learn.run import Run
from tinct.study import arms as study_arms
from tinct.study.arms import run_study
from tinct.study.evaluate import evaluate
from tinct.study.folder import Study
from tinct.study.intervals import METRICS
from tinct.study.plan import Budget
from tinct.study.recipe import list_recipes, parse_recipe, read_recipe

TINY = Budget(
    "tiny", steps=2, points=2, crop=32, batch_size=2, bins_from=8, seeds=1, pictures=4, train_pictures=3, workers=0
)
OWN = {
    "title": "Bins or chroma?",
    "question": "Which?",
    "shared": {"network": "flat", "options": {"width": 4}, "steps": 3, "workers": 0, "batch_size": 8, "crop": 32},
    "arms": [
        {"name": "bins", "bins": 8},
        {"name": "chroma", "task": "regression", "space": "lab"},
        {"name": "vivid", "of": "bins", "temperature": 0.1},
    ],
    "evaluation": {"pictures": 5, "train_pictures": 3, "by": "category"},
}


def own(**changes):
    values = {**OWN, **changes}
    return parse_recipe(values, name="own", text=json.dumps(values))


@pytest.fixture(scope="module")
def study(dataset, tmp_path_factory):
    """A finished study of two trainings and an arm that takes one of them."""
    out = tmp_path_factory.mktemp("study") / "study"
    rows = []
    assert run_study(own(), data=dataset, out=out, told=rows.append) == out / "report.html"
    assert [(row.arm, row.status, row.steps) for row in rows] == [
        ("bins", "done", 3),
        ("chroma", "done", 3),
        ("vivid", "done", 3),
    ]
    return out


@pytest.fixture
def reports(monkeypatch):
    """Leave reports out, which take half of a study's time, where another test looks at them; return whose they are."""
    folders = []

    def report(folder, *, progress):
        folders.append(folder)
        return folder / "report.html"

    monkeypatch.setattr(study_arms, "write_report", report)
    return folders


def table(study, name):
    with (study / "tables" / f"{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    plain = json.loads((study / "tables" / f"{name}.json").read_text())
    assert len(rows) == len(plain)
    return rows


def test_tables_hold_every_arm_beside_the_baselines(study):
    metrics = table(study, "metrics")
    arms = {"grey", "mean colour", "bins", "chroma", "vivid"}
    assert {(row["arm"], row["split"], row["metric"]) for row in metrics} == {
        (arm, split, metric.name) for arm in arms for split in ("val", "train") for metric in METRICS
    }
    for row in metrics:
        if row["mean"]:
            assert float(row["low"]) <= float(row["mean"]) <= float(row["high"])
    grey = {row["metric"]: row for row in metrics if row["arm"] == "grey"}
    assert float(grey["colorfulness_ratio"]["mean"]) == 0
    differences = table(study, "differences")
    assert {row["compared_with"] for row in differences} == {"bins", "grey", "mean colour"}
    assert {row["verdict"] for row in differences} <= {"better", "worse", "more", "less", "within noise"}
    assert {row["arm"] for row in table(study, "curves")} == {"bins", "chroma"}
    assert len(table(study, "curves")) == 2  # of three steps, which are one epoch
    assert {row["steps"] for row in table(study, "cost")} == {"3.0"}
    histograms = table(study, "histograms")
    for column in ("truth", "dataset", "bins", "vivid"):
        assert sum(float(row[column]) for row in histograms) == pytest.approx(1, abs=1e-6)
    groups = {row["group"]: int(row["pictures"]) for row in table(study, "groups")}
    assert sum(groups.values()) == 5
    assert all(group.partition("/")[2] in ("coffee", "astronaut", "china", "flower") for group in groups)


def test_the_page_says_in_words_what_the_tables_say_and_needs_nothing_beside_it(study):
    page = (study / "report.html").read_text(encoding="utf-8")
    assert not re.findall(r"<script|<link|@import|url\((?!#)|(?:src|href)=[\"'](?!data:|#)", page)
    words = page[page.index('<section id="in-words">') : page.index('<section id="how-it-was-done">')]
    sentence = next(line for line in words.split("<li>") if line.startswith("<b>CIEDE2000</b>"))
    assert "against <i>bins</i>" in sentence
    told = {}
    for part in sentence.partition("against <i>bins</i>:")[2].split(";"):
        verdict = re.search("better|worse|within noise", part).group()
        told.update(dict.fromkeys(re.findall("<i>(.*?)</i>", part), verdict))
    rows = [r for r in table(study, "differences") if (r["compared_with"], r["metric"]) == ("bins", "ciede2000")]
    assert told == {row["arm"]: row["verdict"] for row in rows}
    assert "One seed only" in words


def test_figures_of_the_tables_are_those_of_evaluate(study, dataset):
    pictures = json.loads((study / "arms" / "chroma" / "seed-0" / "evaluation.json").read_text())
    model = study / "arms" / "chroma" / "seed-0" / "model.onnx"
    evaluation = evaluate([str(model)], dataset, decoding=Decoding(runtime="onnxruntime"), limit=5, resamples=5)
    figures = evaluation.score(str(model)).metrics
    for metric in METRICS:
        assert pictures["metrics"]["val"][metric.name] == pytest.approx(figures[metric.name].mean), metric.name


def test_finished_arms_are_kept_and_new_ones_added(study, dataset, tmp_path, reports):
    out = tmp_path / "study"
    shutil.copytree(study, out)
    model = out / "arms" / "bins" / "seed-0" / "model.onnx"
    before = model.stat().st_mtime_ns
    rows = []
    run_study(own(), data=dataset, out=out, told=rows.append)
    assert [row.status for row in rows] == ["kept", "kept", "kept"]
    more = own(arms=[*OWN["arms"], {"name": "muted", "of": "bins", "temperature": 1.0}])
    rows.clear()
    run_study(more, data=dataset, out=out, told=rows.append)
    assert [row.status for row in rows] == ["kept", "kept", "kept", "done"]
    assert model.stat().st_mtime_ns == before


def test_other_settings_are_refused_before_anything_changes(study, dataset, photos, tmp_path):
    changed = own(shared={**OWN["shared"], "steps": 4})
    record = (study / "study.json").read_bytes()
    with pytest.raises(SettingError, match=r"begun with other settings .*give another --out, or delete that folder"):
        run_study(changed, data=dataset, out=study)
    with pytest.raises(SettingError, match="holds a study of the recipe 'own'"):
        run_study("bins", data=dataset, out=study)
    other = prepare([photos], tmp_path / "other", val=0.4).path
    with pytest.raises(SettingError, match="begun on another dataset"):
        run_study(own(), data=other, out=study)
    assert (study / "study.json").read_bytes() == record
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").touch()
    with pytest.raises(SettingError, match="not empty and holds no study"):
        run_study(own(), data=dataset, out=tmp_path / "full")


@pytest.mark.slow
def test_a_changed_way_of_making_pictures_makes_the_model_anew(study, dataset, tmp_path):
    arms = OWN["arms"]

    def figures(out, unweigh):
        recipe = own(arms=[*arms[:2], {"name": "vivid", "of": "bins", "unweigh": unweigh}])
        run_study(recipe, data=dataset, out=out)
        folder = out / "arms" / "vivid" / "seed-0"
        assert json.loads((folder / "exported.json").read_text())["unweigh"] == unweigh
        return json.loads((folder / "evaluation.json").read_text())["metrics"]

    out, fresh = tmp_path / "study", tmp_path / "fresh"
    shutil.copytree(study, out)
    shutil.copytree(study, fresh)
    before = figures(out, 0.2)
    after = figures(out, 1.0)
    assert after != before
    assert after == figures(fresh, 1.0)


def test_the_same_seed_gives_the_same_figures(study, dataset, tmp_path, reports):
    run_study(own().only(("bins", "vivid")), data=dataset, out=tmp_path / "again")
    for arm in ("bins", "vivid"):
        files = [folder / "arms" / arm / "seed-0" / "evaluation.json" for folder in (study, tmp_path / "again")]
        first, second = (json.loads(file.read_text())["metrics"] for file in files)
        assert first == second


LONG = """title = "t"
question = "q"
plots = ["metrics"]
[shared]
network = "flat"
options = { width = 4 }
epochs = 6
epoch_steps = 1
workers = 0
batch_size = 8
bins = 8
crop = 32
[[arms]]
name = "a"
[[arms]]
name = "b"
of = "a"
temperature = 1
[evaluation]
pictures = 3
train_pictures = 2
"""


def metrics_of(out):
    return json.loads((out / "arms" / "a" / "seed-0" / "evaluation.json").read_text())["metrics"]["val"]


def epochs_of(out):
    with (out / "arms" / "a" / "seed-0" / "metrics.csv").open(newline="") as file:
        return [int(row["epoch"]) for row in csv.DictReader(file)]


def test_interrupted_in_a_training_it_goes_on_and_ends_alike(dataset, tmp_path, reports):
    recipe = parse_recipe(tomllib.loads(LONG), name="long", text=LONG)
    out, whole = tmp_path / "out", tmp_path / "whole"
    seen = []

    def stop(what, done, total):
        if what.startswith("training") and done == 4:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        run_study(recipe, data=dataset, out=out, progress=stop)
    assert epochs_of(out) == [0, 1, 2]
    assert reports == []

    def watch(what, done, total):
        if what.startswith("training"):
            seen.append(done)

    run_study(recipe, data=dataset, out=out, progress=watch)
    assert seen == [4, 5, 6]
    assert epochs_of(out) == list(range(6))
    run_study(recipe, data=dataset, out=whole)
    assert reports == [out, whole]
    assert metrics_of(out) == pytest.approx(metrics_of(whole), rel=1e-4)


@pytest.mark.slow
def test_killed_in_a_training_it_goes_on_where_it_was(dataset, tmp_path):
    recipe, out = tmp_path / "long.toml", tmp_path / "killed"
    recipe.write_text(LONG.replace("epochs = 6", "epochs = 12"))
    command = [sys.executable, "-m", "tinct", "study", str(recipe), "--data", str(dataset), "--out", str(out)]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 240
    metrics = out / "arms" / "a" / "seed-0" / "metrics.csv"
    while not metrics.is_file() or len(metrics.read_text().splitlines()) < 4:
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert not (out / "arms" / "a" / "seed-0" / "trained.json").exists()
    assert 3 <= len(epochs_of(out)) < 12
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["arm"], row["steps"]) for row in rows[:-1]] == [("a", 12), ("b", 12)]
    assert rows[-1] == {"report": str(out / "report.html")}
    assert epochs_of(out) == list(range(12))


def test_leaking_splits_are_refused(dataset, tmp_path):
    leaking = tmp_path / "leaking"
    shutil.copytree(dataset, leaking)
    with tarfile.open(leaking / "train-000000.tar") as tar:
        name = next(member.name for member in tar if member.name.endswith(".jpg"))
        content = tar.extractfile(name).read()
    with tarfile.open(leaking / "val-000001.tar", "w") as tar:
        for suffix, data in ((".jpg", content), (".json", b'{"source": "s", "category": "c", "name": "copy.jpg"}')):
            entry = tarfile.TarInfo(f"99999999{suffix}")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    card = json.loads((leaking / "dataset.json").read_text())
    card["shards"]["val"].append({"file": "val-000001.tar", "count": 1})
    (leaking / "dataset.json").write_text(json.dumps(card))
    with pytest.raises(
        DataError, match=r"1 validation picture is in training too.*copy\.jpg.*\(exact\).*tinct prepare"
    ):
        run_study(own(), data=leaking, out=tmp_path / "out")
    assert not (tmp_path / "out" / "study.json").exists()


def test_data_that_cannot_be_used(dataset, photos, tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        run_study(own(), data=tmp_path / "absent", out=tmp_path / "out")
    for split in ("train", "val"):
        shutil.copytree(photos / "flower", tmp_path / "split" / split)
    with pytest.raises(DataError, match="give one folder of all photographs"):
        run_study(own(), data=tmp_path / "split", out=tmp_path / "out")
    alone = prepare([photos], tmp_path / "alone", val=0).path
    with pytest.raises(DataError, match=r"no pictures to validate on; prepare it with  --val 0\.2"):
        run_study(own(), data=alone, out=tmp_path / "out")
    with pytest.raises(SettingError, match="no such file of encoder weights"):
        run_study(own(), data=dataset, out=tmp_path / "out", encoder_weights=tmp_path / "w.pth")
    with pytest.raises(SettingError, match="no budget 'tiny'; there are: full, small"):
        run_study(own(), data=dataset, out=tmp_path / "out", budget="tiny")


def test_another_folder_is_not_taken_for_the_one_it_was_begun_on(photos, tmp_path):
    out = tmp_path / "study"

    def stop(what, done, total):
        if what == "counting colours":
            raise InterruptedError

    with pytest.raises(InterruptedError):
        run_study(own(), data=photos, out=out, progress=stop)
    shutil.copytree(photos / "coffee", tmp_path / "others")
    with pytest.raises(SettingError, match=r"was begun on the photographs of .*photos.*; give another --out"):
        run_study(own(), data=tmp_path / "others", out=out)


@pytest.mark.slow
def test_a_plain_folder_is_prepared_into_the_study(photos, dataset, tmp_path):
    run_study(own(), data=photos, out=tmp_path / "study", budget=TINY)
    record = Study.open(tmp_path / "study").record
    kept = json.loads((dataset / "dataset.json").read_text())["counts"]  # overlapping pieces are left out
    assert record.data.train + record.data.val == kept["train"] + kept["val"] > 40
    assert (tmp_path / "study" / "dataset" / "dataset.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(list_recipes()))
def test_every_recipe_runs(name, dataset, weights, tmp_path):
    recipe = read_recipe(name)
    options = {}
    if name == "transfer":
        options["encoder_weights"] = weights
    if name == "regularization":
        options["from_scratch"] = True
    out = tmp_path / "study"
    rows = []
    report = run_study(recipe, data=dataset, out=out, budget=TINY, told=rows.append, **options)
    assert [row.arm for row in rows] == [arm.name for arm in recipe.arms]
    assert {row.steps for row in rows} == ({1, 2} if name == "extended_set" else {2})
    assert {row["arm"] for row in table(out, "metrics")} >= {arm.name for arm in recipe.arms}
    text = report.read_text()
    assert all(arm.name in text for arm in recipe.arms)
    for arm in recipe.arms:
        if arm.of is None:
            trained = Run.open(out / "arms" / arm.folder / "seed-0").training
            assert (trained.crop, trained.batch_size) == (32, 2)
    if name == "transfer":
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        assert f"encoder from {weights.name} (SHA-256 {digest}), frozen" in text
    if name in ("transfer", "regularization"):
        assert "encoder trained from scratch" in text
    if name == "bins":
        rows = [row for row in table(out, "quantisation") if row["metric"] == "psnr"]
        quantised = {int(row["bins"]): float(row["mean"]) for row in rows}
        # So few pictures have no more than some dozens of colours.
        assert quantised[max(quantised)] > quantised[16] > quantised[8]
    if name == "lab_vs_rgb":
        change = {row.arm: row.metrics["luma_change"] for row in rows}
        assert change["whole RGB"] > 10  # after two steps the network draws nothing that is like its photograph
        assert change["colours of the RGB"] < 1


def test_nonsense_is_told_before_a_folder_is_prepared_or_made(photos, tmp_path):
    with pytest.raises(SettingError, match="crop must be"):
        run_study(own(shared={**OWN["shared"], "crop": -8}), data=photos, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"file/sub: the folder cannot be made \(Not a directory\)"):
        run_study(own(), data=photos, out=tmp_path / "file" / "sub")


@pytest.mark.slow
def test_photographs_added_to_a_folder_that_had_too_few_are_taken(photos, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    pictures = sorted(photos.rglob("*.png"))
    shutil.copy(pictures[0], few / "0.png")
    with pytest.raises(DataError, match="few: has too few photographs to train on some and validate on others"):
        run_study(own(), data=few, out=tmp_path / "out")
    for index, path in enumerate(pictures):
        shutil.copy(path, few / f"{index}.png")
    run_study(own(), data=few, out=tmp_path / "out")
    assert (tmp_path / "out" / "report.html").is_file()
