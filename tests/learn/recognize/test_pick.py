"""From a folder to a model file: what is tried, what is picked, what is refused, and going on after a stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest

from tinct.color.spaces import hsv_to_rgb
from tinct.data.labelled import find_labelled, load
from tinct.errors import DataError, OutputError, SettingError
from tinct.learn.recognize import pick
from tinct.learn.recognize.augment import Augmentation
from tinct.learn.recognize.candidates import Choices, choose_candidates, fitting_of
from tinct.learn.recognize.fit import Fitting
from tinct.learn.recognize.folds import Fold
from tinct.learn.recognize.pick import train_classifier
from tinct.learn.recognize.yardstick import learned_in_grey
from tinct.runtime.classifier import ClassifierSession

pytestmark = pytest.mark.usefixtures("few_trees")
QUICK = Choices(networks=["color_statistics"], color_spaces=["lab"], folds=2)


def plain(hue, seed, size=(24, 24)):
    """A picture of one hue, its brightness and a stripe by chance."""
    random = np.random.default_rng(seed)
    value = random.uniform(0.3, 0.9) * random.uniform(0.9, 1, size)
    hsv = np.stack([np.full(size, hue + random.normal(0, 0.004)), np.full(size, 0.7), value], axis=-1)
    picture = np.rint(hsv_to_rgb(hsv) * 255).astype(np.uint8)
    picture[:, random.integers(size[1])] = 200
    return picture


def write(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, picture[..., ::-1])[1].tobytes())


def fill(folder, *, count=12, hues=(0.58, 0.63), names=("low", "high"), seed=0):
    for label, (hue, name) in enumerate(zip(hues, names, strict=True)):
        for index in range(count):
            write(folder / name / f"{index}.png", plain(hue, (seed, label, index)))
    return folder


def test_statistics_that_were_not_asked_for_and_do_better_are_told(tmp_path):
    fill(tmp_path / "set", count=20)
    slow = Choices(networks=["small_cnn"], folds=2, minutes=5, fitting=Fitting(epochs=1), given=frozenset({"epochs"}))
    done = train_classifier(tmp_path / "set", tmp_path / "m.onnx", choices=slow)
    assert done.table[0].scores.accuracy < 0.8
    assert any(
        warning.startswith("plain statistics, which were not asked for, are right in ")
        and warning.endswith("; to try them too, leave out --network")
        for warning in done.warnings
    )
    both = replace(slow, networks=["small_cnn", "color_statistics"], color_spaces=["lab"])
    done = train_classifier(tmp_path / "set", tmp_path / "n.onnx", choices=both)
    assert not any("not asked for" in warning for warning in done.warnings)


def test_the_best_is_picked_told_calibrated_and_written(tmp_path):
    fill(tmp_path / "set")
    rows, stages = [], set()
    done = train_classifier(
        tmp_path / "set",
        tmp_path / "m.onnx",
        choices=QUICK,
        progress=lambda what, done, total: stages.add(what),
        report=rows.append,
    )
    assert [each.outcome.candidate.head for each in rows] == ["logistic", "forest", "histogram", "joined", "boosting"]
    assert done.table[0].scores.accuracy > 0.9
    card = ClassifierSession(tmp_path / "m.onnx").card
    assert card == done.card
    assert (card.classes, card.size, card.kind) == (["high", "low"], [24, 24], "picture")
    assert [each["candidate"] for each in card.metrics["candidates"]] == [
        each.outcome.candidate.name for each in done.table
    ]
    assert card.metrics["measured_on"] == "cross-validation"
    assert card.color_tests["plain"] > 0.9
    assert card.color_tests["grey"] < 0.8
    assert card.metrics["learned_grey"] == done.to_json()["learned_grey"] < 0.8
    assert card.data["counts"] == {"high": 12, "low": 12}
    assert card.temperature > 0
    assert json.loads(json.dumps(done.to_json()))["picked"] == card.name
    assert "Reading" in stages
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.onnx", "set"]
    with pytest.raises(OutputError, match="--overwrite"):
        train_classifier(tmp_path / "set", tmp_path / "m.onnx", choices=QUICK)


def test_a_validation_split_picks_and_a_test_split_measures_and_copies_across_are_told(tmp_path):
    for split, count in (("train", 10), ("val", 5), ("test", 4)):
        fill(tmp_path / "set" / split, count=count, seed=len(split))
    copy = tmp_path / "set" / "train" / "low" / "0.png"
    (tmp_path / "set" / "test" / "low" / "copy.png").write_bytes(copy.read_bytes())
    done = train_classifier(tmp_path / "set", tmp_path / "m.onnx", choices=QUICK_NO_FOLDS)
    assert done.card.metrics["measured_on"] == "the validation split"
    assert done.card.metrics["count"] == 10
    assert done.test.confusion.sum() == 9
    assert done.card.metrics["test"]["accuracy"] == done.test.accuracy
    assert any("1 of 9 pictures of test" in each for each in done.warnings)


QUICK_NO_FOLDS = Choices(networks=["color_statistics"], color_spaces=["lab"])


def test_a_network_is_fitted_in_its_time_or_says_that_it_was_too_short(tmp_path):
    fill(tmp_path / "set", count=10, hues=(0.2, 0.6))
    choices = Choices(
        networks=["small_cnn"],
        color_spaces=["hsv"],
        folds=2,
        options={"width": 4},
        fitting=Fitting(epochs=20, learning_rate=3e-3, batch_size=8),
        given=frozenset({"epochs", "learning_rate"}),
        minutes=20,
    )
    done = train_classifier(tmp_path / "set", tmp_path / "m.onnx", choices=choices)
    assert done.card.name == "small_cnn hsv width=4"
    assert len(done.card.mean) == 4
    assert done.table[0].scores.accuracy > 0.8
    assert done.card.training["epochs"] == 20
    with pytest.raises(SettingError, match="no network 'resnet'"):
        train_classifier(tmp_path / "set", tmp_path / "n.onnx", choices=Choices(networks=["resnet"]))
    with pytest.raises(SettingError, match="more --time"):
        train_classifier(
            tmp_path / "set",
            tmp_path / "n.onnx",
            choices=Choices(networks=["color_first"], minutes=1e-4, folds=2),
        )


def test_arrays_are_told_apart_by_their_numbers(tmp_path):
    random = np.random.default_rng(0)
    for label, name in enumerate("ab"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for index in range(10):
            np.save(tmp_path / "set" / name / f"{index}.npy", random.normal(label, 0.5, (20, 24)))
    done = train_classifier(tmp_path / "set", tmp_path / "m.onnx", choices=Choices(networks=["color_statistics"]))
    assert done.card.kind == "array"
    assert done.card.color_tests == {}
    assert done.table[0].scores.accuracy > 0.9


def test_bad_folders_are_refused_in_one_line_and_unreadable_pictures_are_told(tmp_path):
    target = tmp_path / "m.onnx"
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="one subfolder for each class"):
        train_classifier(tmp_path / "empty", target)
    fill(tmp_path / "one", names=("青", "x"))
    for path in (tmp_path / "one" / "x").iterdir():
        if path.stem != "0":
            path.write_bytes(b"damaged")
    with pytest.raises(DataError, match="'x' has only one readable picture"):
        train_classifier(tmp_path / "one", target)
    (tmp_path / "one" / "x" / "0.png").unlink()
    with pytest.raises(DataError, match="'x' has no readable picture"):
        train_classifier(tmp_path / "one", target)
    fill(tmp_path / "copies", count=8)
    for path in (tmp_path / "copies" / "low").iterdir():
        write(path, np.random.default_rng(0).integers(0, 255, (24, 24, 3), dtype=np.uint8))
    with pytest.raises(DataError, match="'low' has only copies"):
        train_classifier(tmp_path / "copies", target, choices=QUICK)
    fill(tmp_path / "some", count=8, names=("синий", "青 い"))
    (tmp_path / "some" / "синий" / "broken.jpg").write_bytes(b"\xff\xd8 no more")
    write(tmp_path / "some" / "синий" / "large grey.png", np.full((300, 200, 3), 90, dtype=np.uint8))
    done = train_classifier(tmp_path / "some", target, choices=QUICK)
    assert [path.endswith("broken.jpg") for path, _ in done.left_out] == [True]
    assert done.card.classes == ["синий", "青 い"]
    assert not [path for path in tmp_path.iterdir() if "progress" in path.name]


def test_unbalanced_classes_count_alike_and_are_told(tmp_path):
    fill(tmp_path / "set", count=44)
    for index in range(4, 44):
        (tmp_path / "set" / "high" / f"{index}.png").unlink()
    done = train_classifier(tmp_path / "set", tmp_path / "m.onnx", choices=QUICK)
    assert any("'high' has 4 pictures and 'low' 44" in each for each in done.warnings)
    assert done.table[0].scores.balanced > 0.85


def test_changes_that_destroy_the_label_are_refused_or_told(tmp_path):
    fill(tmp_path / "set", count=40)
    fitting = Fitting(epochs=1, augmentation=Augmentation(hue=0.1))
    both = ["color_statistics", "small_cnn"]
    choices = Choices(networks=both, color_spaces=["lab"], folds=2, fitting=fitting, given=frozenset({"epochs"}))
    with pytest.raises(SettingError, match=r"colour is what separates the classes.*--force"):
        train_classifier(tmp_path / "set", tmp_path / "m.onnx", choices=choices)
    forced = Choices(**{**vars(choices), "force": True})
    done = train_classifier(tmp_path / "set", tmp_path / "m.onnx", choices=forced)
    assert any("colour is what separates" in each for each in done.warnings)
    alone = Choices(**{**vars(choices), "networks": ["color_statistics"]})  # which never sees changed pictures
    assert not train_classifier(tmp_path / "set", tmp_path / "s.onnx", choices=alone).warnings


def test_changes_are_harmless_where_shape_separates(tmp_path):
    random = np.random.default_rng(0)
    for name, high in (("dark", 60), ("light", 200)):
        for index in range(30):
            grey = random.integers(high - 40, high + 40)
            picture = np.full((24, 24, 3), grey, dtype=np.uint8) + random.integers(0, 9, (24, 24, 1), dtype=np.uint8)
            write(tmp_path / "set" / name / f"{index}.png", picture)
    fitting = Fitting(epochs=1, augmentation=Augmentation(grey=0.2))
    both = ["color_statistics", "small_cnn"]
    choices = Choices(networks=both, color_spaces=["lab"], folds=2, fitting=fitting, given=frozenset({"epochs"}))
    done = train_classifier(tmp_path / "set", tmp_path / "m.onnx", choices=choices)
    assert any("may be harmless" in each for each in done.warnings)
    assert abs(done.card.color_tests["grey"] - done.card.color_tests["plain"]) < 0.05


def test_what_was_found_before_a_stop_is_not_done_again(tmp_path, monkeypatch):
    fill(tmp_path / "set")
    real, ran = pick.run_trial, []

    def stopped(candidate, *arguments, **options):
        if len(ran) == 1:
            raise KeyboardInterrupt
        ran.append(candidate.name)
        return real(candidate, *arguments, **options)

    monkeypatch.setattr(pick, "run_trial", stopped)
    with pytest.raises(KeyboardInterrupt):
        train_classifier(tmp_path / "set", tmp_path / "m.onnx", choices=QUICK)
    assert not (tmp_path / "m.onnx").exists()

    def goes_on(candidate, *arguments, **options):
        ran.append(candidate.name)
        return real(candidate, *arguments, **options)

    monkeypatch.setattr(pick, "run_trial", goes_on)
    done = train_classifier(tmp_path / "set", tmp_path / "m.onnx", choices=QUICK)
    assert sorted(ran) == sorted(each.outcome.candidate.name for each in done.table)
    assert not (tmp_path / "m.onnx.progress").exists()


def test_networks_are_not_tried_where_statistics_are_always_right_unless_asked_for(tmp_path):
    fill(tmp_path / "set", hues=(0.1, 0.6))
    done = train_classifier(tmp_path / "set", tmp_path / "m.onnx", choices=Choices(folds=2))
    reasons = {judged.outcome.candidate.network: judged.outcome.reason for judged in done.table}
    assert done.table[0].scores.accuracy == 1
    assert not reasons["color_statistics"] or "not needed" in reasons["color_statistics"]
    assert all("not needed" in reasons[name] for name in ("small_cnn", "color_first", "long_kernels", "two_branch"))


@pytest.mark.slow
def test_a_killed_training_goes_on_with_the_next_candidate(tmp_path):
    fill(tmp_path / "set", count=40)
    command = [
        sys.executable,
        "-m",
        "tinct",
        "classify",
        "train",
        str(tmp_path / "set"),
        "-o",
        str(tmp_path / "m.onnx"),
    ]
    command += ["--network", "color_statistics", "--color-space", "all", "--folds", "3"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"})
    kept = tmp_path / "m.onnx.progress"
    while process.poll() is None and not (kept.exists() and list(kept.glob("*.npz"))):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = {path.name: path.stat().st_mtime_ns for path in kept.glob("*.npz")}
    assert 1 <= len(done) < 30
    assert not (tmp_path / "m.onnx").exists()
    finished = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    assert len(json.loads(finished.stdout)["candidates"]) == 30
    assert not kept.exists()


def test_candidates_are_restricted_and_refused(tmp_path):
    names = [each.name for each in choose_candidates("picture", size=(96, 96))]
    assert names == [
        *("color_statistics/logistic rgb+hsv+lab", "color_statistics/forest rgb+hsv+lab"),
        "color_statistics/histogram rgb+hsv+lab",
        *("color_statistics/joined rgb+hsv+lab", "color_statistics/boosting rgb+hsv+lab", "small_cnn lab"),
        *("color_first lab+hsv", "long_kernels lab", "two_branch rgb width=0.25"),
    ]
    every = choose_candidates("picture", Choices(networks=["small_cnn"], color_spaces=["all", "lab+hsv"]))
    assert [each.color_space for each in every] == ["rgb", "hsv", "hsl", "lab", "yuv", "xyz", "lab+hsv"]
    assert "long_kernels lab long=22" in [each.name for each in choose_candidates("picture", size=(48, 64))]
    assert all(each.color_space == "" for each in choose_candidates("array"))
    weights = tmp_path / "w.pth"
    weights.write_bytes(b"weights")
    choices = Choices(networks=["pretrained"], weights=str(weights), backbone="vgg16")
    pretrained = choose_candidates("picture", choices)
    assert [each.name for each in pretrained] == ["pretrained/vgg16 rgb"]
    for options, message in (
        ({"networks": ["resnet"]}, "no network 'resnet'"),
        ({"networks": ["pretrained"]}, "--weights FILE"),
        ({"options": {"width": 3}}, "belong to one network"),
        ({"color_spaces": ["cmyk"]}, "no colour space 'cmyk'"),
        (
            {"networks": ["pretrained"], "weights": str(weights), "color_spaces": ["lab"]},
            "no network goes with these colour spaces",
        ),
    ):
        with pytest.raises(SettingError, match=message):
            choose_candidates("picture", Choices(**options))
    with pytest.raises(SettingError, match="no colours"):
        choose_candidates("array", Choices(color_spaces=["lab"]))


def test_what_was_asked_for_is_told_from_defaults():
    fitting, given = fitting_of({"learning_rate": 0.1, "epochs": None}, augmentation={"hue": 0.1, "flip": 0})
    assert (fitting.learning_rate, fitting.augmentation.hue, fitting.augmentation.flip) == (0.1, 0.1, False)
    assert given == {"learning_rate"}
    fitting, given = fitting_of({"epochs": 3}, augmentation={}, as_first_written=True)
    assert (fitting.learning_rate, fitting.scale, fitting.standardize, fitting.epochs) == (0.01, 255, False, 3)
    assert given == {"learning_rate", "epochs"}
    with pytest.raises(SettingError, match="no change 'blur'"):
        fitting_of({}, augmentation={"blur": 1})
    with pytest.raises(SettingError, match="number of 0 to 1"):
        fitting_of({}, augmentation={"hue": 30})


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_split_that_lacks_a_class_measures_nothing(tmp_path, split):
    fill(tmp_path / "set" / "train")
    fill(tmp_path / "set" / split, count=3, seed=1)
    for path in (tmp_path / "set" / split / "high").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=f"{split}/ has no readable picture of 'high'"):
        train_classifier(tmp_path / "set", tmp_path / "m.onnx", choices=replace(QUICK, folds=None))
    assert not (tmp_path / "m.onnx").exists()


def test_what_cannot_be_is_refused_before_anything_is_tried(tmp_path, monkeypatch):
    fill(tmp_path / "set", count=2)
    for change, said in (({"minutes": 0}, "--time"), ({"folds": 0}, "--folds"), ({"folds": 400}, "--folds")):
        with pytest.raises(SettingError, match=said):
            replace(QUICK, **change)
    for change, said in (({"options": {"foo": 1}}, "has no options"), ({"weights": "nope.pth"}, r"nope\.pth: no such")):
        with pytest.raises(SettingError, match=said):
            train_classifier(tmp_path / "set", tmp_path / "m.onnx", choices=replace(QUICK, **change))
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputError, match=r"m\.onnx: the folder cannot be written to"):
        train_classifier(tmp_path / "set", tmp_path / "m.onnx", choices=QUICK)


def test_folders_that_are_not_what_they_seem_are_told(tmp_path):
    target = tmp_path / "m.onnx"
    fill(tmp_path / "runs" / "run1", names=("idle", "leak"), count=2)
    fill(tmp_path / "runs" / "run2", names=("idle", "leak"), count=2)
    with pytest.raises(DataError, match=r"run1, run2 hold the same subfolders, idle, leak"):
        train_classifier(tmp_path / "runs", target)
    (tmp_path / "half" / "b").mkdir(parents=True)
    write(tmp_path / "half" / "a" / "0.png", plain(0.5, 1))
    with pytest.raises(DataError, match=r"only one class, 'a'.*'b' holds no pictures"):
        train_classifier(tmp_path / "half", target)
    (tmp_path / "half" / "b" / "walk.mp4").write_bytes(b"film")
    with pytest.raises(DataError, match="but films, whose single frames"):
        train_classifier(tmp_path / "half", target)
    fill(tmp_path / "few", count=4)
    (tmp_path / "few" / "high" / "same.png").write_bytes((tmp_path / "few" / "low" / "0.png").read_bytes())
    (tmp_path / "few" / "low" / "walk.webm").write_bytes(b"film")
    done = train_classifier(tmp_path / "few", target, choices=QUICK)
    assert any("a film lies beside the pictures and is not read" in warning for warning in done.warnings)
    assert any("'low': fewer than 5 pictures" in warning for warning in done.warnings)
    assert any("1 file is in two classes at once" in warning for warning in done.warnings)


def test_what_is_lost_in_grey_may_be_learned_in_grey(tmp_path):
    random = np.random.default_rng(2)
    for label, (hue, value, name) in enumerate(((0.58, 0.4, "dark"), (0.63, 0.7, "light"))):
        for index in range(15):
            hsv = np.stack(
                [np.full((24, 24), hue), np.full((24, 24), 0.7), random.normal(value, 0.02, (24, 24))], axis=-1
            )
            write(tmp_path / "set" / name / f"{label}{index}.png", np.rint(hsv_to_rgb(hsv) * 255).astype(np.uint8))
    done = train_classifier(tmp_path / "set", tmp_path / "m.onnx", choices=QUICK)
    assert done.card.metrics["learned_grey"] == 1.0
    loaded = load(find_labelled(tmp_path / "set"), size=(24, 24))
    halves = [Fold(np.arange(0, 30, 2), np.arange(1, 30, 2))]
    assert learned_in_grey(loaded, halves) == 1.0
    assert learned_in_grey(loaded, halves, seconds=0.0) is None
