"""Recognising by a model file: paths, PIL images and arrays, alike and in any mode; measuring; drawing."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import tinct
from diverged import diverge
from tinct.actors import Processes
from tinct.color.features import ArrayFeatures
from tinct.color.inputs import without_color
from tinct.color.spaces import hsv_to_rgb
from tinct.errors import DataError, DivergedError, InputError, ModelError, OutputError, UnreadableError
from tinct.learn.recognize.export import write_classifier
from tinct.learn.recognize.heads import fit_head
from tinct.recognize.classifier import Classifier, find_inputs, write_table
from tinct.recognize.evaluate import confusion_picture, draw_confusion, evaluate_classifier
from tinct.runtime.classifier import ClassifierCard
from tinct.runtime.scores import score

MODEL = Path(__file__).parents[1] / "golden" / "tiny_classifier.onnx"
LOW, HIGH = 0.58, 0.66


def blue(hue, size=(40, 50), value=0.6):
    hsv = np.stack([np.full(size, hue), np.full(size, 0.7), np.full(size, value)], axis=-1)
    return np.rint(hsv_to_rgb(hsv) * 255).astype(np.uint8)


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, pixels[..., ::-1])[1].tobytes())
    return path


@pytest.fixture(scope="module")
def classifier():
    return Classifier(MODEL, threads=1)


def test_a_class_and_calibrated_probabilities(classifier):
    assert classifier.classes == ("low", "high")
    found = classifier.predict(blue(LOW))
    assert found.label == "low"
    assert found.probability == found.probabilities["low"] > 0.8
    assert sum(found.probabilities.values()) == pytest.approx(1, abs=1e-6)
    assert classifier(blue(HIGH)).label == "high"
    assert repr(classifier).endswith("classes=('low', 'high'))")
    assert tinct.Classifier is Classifier


def test_paths_pil_images_and_arrays_of_any_kind_say_the_same(classifier, tmp_path):
    pixels = blue(0.61, size=(16, 20))
    alike = [
        pixels,
        save(tmp_path / "синий.png", pixels),
        str(save(tmp_path / "b.tif", pixels)),
        Image.fromarray(pixels),
        Image.fromarray(pixels).convert("RGBA"),
        pixels.astype(np.uint16) * 257,
        pixels.astype(np.float32) / 255,
        np.dstack([pixels, np.full(pixels.shape[:2], 255, dtype=np.uint8)]),
    ]
    found = classifier.probabilities(alike)
    assert found.shape == (8, 2)
    assert np.abs(found - found[0]).max() < 0.002
    large = classifier.probabilities([blue(0.61, size=(700, 900)), Image.fromarray(blue(0.61, size=(700, 900)))])
    assert np.abs(large - found[0]).max() < 0.01


def test_an_old_model_file_gives_the_probabilities_that_it_gave():
    hues = (0.58, 0.61, 0.62, 0.625, 0.66)
    pictures = [blue(hue, size=(16, 20), value=value) for hue in hues for value in (0.4, 0.8)]
    once = [0.03731, 0.01685, 0.33945, 0.49303, 0.51763, 0.71869, 0.69836, 0.79129, 0.96418, 0.98268]
    assert Classifier(MODEL, threads=1).probabilities(pictures)[:, 1] == pytest.approx(once, abs=2e-4)


def test_a_model_that_diverged_names_no_class(tmp_path):
    diverge(MODEL, tmp_path / "lost.onnx")
    with pytest.raises(DivergedError, match=r"lost\.onnx: .* not finite"):
        Classifier(tmp_path / "lost.onnx", threads=1).predict(blue(LOW))


def test_modes_without_colours_are_taken(classifier):
    grey = np.full((30, 30), 120, dtype=np.uint8)
    some = [grey, Image.fromarray(grey), Image.fromarray(grey).convert("1"), Image.fromarray(blue(LOW)).convert("CMYK")]
    some += [Image.fromarray(blue(LOW)).convert("P"), np.zeros((30, 30, 4), dtype=np.uint8)]
    assert classifier.probabilities(some).shape == (6, 2)
    assert classifier.probabilities([]).shape == (0, 2)


def test_what_is_no_picture_is_refused_in_one_line(classifier, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"nothing")
    np.save(tmp_path / "a.npy", np.zeros((4, 4)))
    for wrong, kind in (
        (tmp_path / "none.png", UnreadableError),
        (tmp_path / "broken.png", UnreadableError),
        (tmp_path / "a.npy", UnreadableError),
        (np.zeros((4, 4, 2), dtype=np.uint8), InputError),
        (np.zeros((4, 4, 3), dtype=np.int64), InputError),
        (np.full((4, 4, 3), 2.0), InputError),
        (np.full((4, 4, 3), np.nan), InputError),
        (np.zeros((0, 4, 3), dtype=np.uint8), InputError),
        (object(), InputError),
    ):
        with pytest.raises(kind) as error:
            classifier.predict(wrong)
        assert "\n" not in str(error.value)
    with pytest.raises(ModelError, match="no model"):
        Classifier(tmp_path / "none.onnx")
    with pytest.raises(ModelError, match="for colorizing"):
        Classifier(MODEL.with_name("tiny_bins.onnx"))


def test_rows_go_on_after_a_file_that_cannot_be_read_and_make_a_table(classifier, tmp_path):
    paths = [save(tmp_path / "a.png", blue(LOW)), tmp_path / "none.png", save(tmp_path / "c" / "b.png", blue(HIGH))]
    rows = list(classifier.rows(paths))
    assert [row.prediction.label if row.prediction else None for row in rows] == ["low", None, "high"]
    assert "none.png" in rows[1].to_json()["error"]
    assert json.loads(json.dumps(rows[0].to_json()))["label"] == "low"
    write_table(rows, classifier.classes, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    assert [row["class"] for row in table] == ["low", "", "high"]
    assert float(table[2]["p(high)"]) == pytest.approx(rows[2].prediction.probability, abs=1e-6)
    with pytest.raises(OutputError, match="--overwrite"):
        write_table(rows, classifier.classes, tmp_path / "t.csv")
    assert find_inputs([tmp_path], kind="picture") == [paths[0], paths[2]]
    (tmp_path / "empty").mkdir()
    heard = []
    assert find_inputs([tmp_path / "empty", paths[0]], kind="picture", complain=heard.append) == [paths[0]]
    assert "holds no pictures" in heard[0]
    with pytest.raises(UnreadableError, match="holds no pictures"):
        find_inputs([tmp_path / "empty"], kind="picture")


def test_processes_give_the_rows_of_one(classifier, tmp_path):
    paths = [save(tmp_path / "a.png", blue(LOW)), tmp_path / "none.png", save(tmp_path / "b.png", blue(HIGH))] * 15
    assert list(classifier.rows(paths, processes=Processes(2))) == list(classifier.rows(paths))


def test_evaluating_counts_and_tells_how_much_is_colour(tmp_path):
    for index in range(35):  # more than a batch
        save(tmp_path / "test" / "low" / f"{index}.png", blue(LOW + 0.0001 * index))
    for index in range(3):
        save(tmp_path / "test" / "high" / f"{index}.png", blue(HIGH))
    save(tmp_path / "test" / "high" / "wrong.png", blue(LOW))
    (tmp_path / "test" / "high" / "broken.png").write_bytes(b"nothing")
    save(tmp_path / "train" / "low" / "0.png", blue(HIGH))
    steps = []
    opened = Classifier(MODEL, threads=1)
    found = evaluate_classifier(opened, tmp_path, progress=lambda done, total: steps.append((done, total)))
    assert (found.split, steps[-1]) == ("test", (40, 40))
    assert found.scores.confusion.tolist() == [[35, 0], [1, 3]]
    assert found.scores.accuracy == 38 / 39
    assert found.scores.recall == (1, 0.75)
    assert found.scores.precision == (35 / 36, 1)
    assert [Path(path).name for path, *_ in found.wrong] == ["wrong.png"]
    assert len(found.left_out) == 1
    assert set(found.color_tests) == {"grey", "hue 30", "hue 180"}
    shown = [(blue(LOW + 0.0001 * index), 0) for index in range(35)] + [(blue(HIGH), 1)] * 3 + [(blue(LOW), 1)]
    right = [opened.probabilities([without_color(pixels)])[0].argmax() == label for pixels, label in shown]
    assert found.color_tests["grey"] == pytest.approx((np.mean(right[:35]) + np.mean(right[35:])) / 2)
    assert json.loads(json.dumps(found.to_json()))["count"] == 39
    plain = evaluate_classifier(MODEL, tmp_path, color_tests=False)
    assert (plain.color_tests, plain.scores.accuracy) == ({}, found.scores.accuracy)


def test_evaluating_refuses_what_does_not_fit(tmp_path):
    save(tmp_path / "a" / "green" / "0.png", blue(LOW))
    with pytest.raises(DataError, match="knows no class 'green'"):
        evaluate_classifier(MODEL, tmp_path / "a")
    (tmp_path / "b" / "low").mkdir(parents=True)
    np.save(tmp_path / "b" / "low" / "0.npy", np.zeros((4, 4)))
    with pytest.raises(DataError, match="holds arrays"):
        evaluate_classifier(MODEL, tmp_path / "b")
    (tmp_path / "c" / "low").mkdir(parents=True)
    (tmp_path / "c" / "low" / "0.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match="none of 1 files"):
        evaluate_classifier(MODEL, tmp_path / "c")


def test_a_confusion_matrix_is_drawn_with_names_in_any_script(tmp_path):
    names = ("синий & <b>", "青い", "a name that is far too long to be drawn as a whole", " ")
    shares = np.eye(4, dtype=np.float32)[[0, 0, 1, 2, 3, 3]]
    scores = score(shares, np.array([0, 1, 1, 2, 3, 0]), names)
    picture = confusion_picture(scores)
    assert picture.dtype == np.uint8
    assert picture.shape[0] == picture.shape[1]
    place = picture.shape[0] - 16 - 4 * 56
    # The corner of a cell has its colour: blue on the diagonal, red off it, white where nothing is.
    assert picture[place + 3, place + 3].tolist() == pytest.approx([152, 192, 230], abs=2)
    assert picture[place + 56 + 3, place + 3].tolist() == pytest.approx([232, 162, 157], abs=2)
    assert picture[place + 3, place + 56 + 3].tolist() == [255, 255, 255]
    assert (picture[place : place + 56, :place] < 200).any()  # the first class's name
    draw_confusion(scores, tmp_path / "c.png")
    assert np.array_equal(cv2.imread(str(tmp_path / "c.png"))[..., ::-1], picture)
    for target, message in ((tmp_path / "c.png", "--overwrite"), (tmp_path / "c.jpg", r"\.png"), ("x/y.png", "folder")):
        with pytest.raises(OutputError, match=message):
            draw_confusion(scores, target)


def test_a_model_of_arrays_takes_numbers_and_no_pictures(tmp_path):
    measure = ArrayFeatures(channels=2, bands=2)
    random = np.random.default_rng(0)
    labels = np.arange(20) % 2
    arrays = random.normal(0, 0.1, (20, 8, 9, 2)) + labels[:, None, None, None]
    features = np.stack([measure.measure(each) for each in arrays])
    head = fit_head("logistic", features, labels, classes=2)
    card = ClassifierCard(
        name="t",
        network="color_statistics/logistic",
        classes=["a", "b"],
        kind="array",
        size=[8, 9],
        color_space="",
        mean=[],
        std=[],
        features=measure.to_card(),
        temperature=1.0,
    )
    write_classifier(head, card, tmp_path / "m.onnx", trial=arrays[:3], expected=head.logits(features[:3]))
    opened = Classifier(tmp_path / "m.onnx", threads=1)
    np.save(tmp_path / "b.npy", arrays[1])
    np.save(tmp_path / "c.npy", arrays[1][..., 0])
    assert [opened.predict(each).label for each in (arrays[0], tmp_path / "b.npy")] == ["a", "b"]
    rows = list(opened.rows([tmp_path / "c.npy", tmp_path / "b.npy", tmp_path / "x.png"]))
    assert "has 1 channels, but the model was trained on 2" in rows[0].message
    assert rows[1].prediction.label == "b"
    assert "cannot recognise pictures" in rows[2].message
    with pytest.raises(InputError, match="are not finite"):
        opened.predict(np.full((8, 9, 2), np.inf))


def test_a_large_picture_is_the_same_as_file_image_and_array(tmp_path):
    random = np.random.default_rng(0)
    fine = random.integers(0, 256, (150, 190, 3), dtype=np.uint8)
    save(tmp_path / "fine.png", fine)
    opened = Classifier(MODEL, threads=1)
    ready = opened.prepare(tmp_path / "fine.png")
    np.testing.assert_array_equal(opened.prepare(fine), ready)
    np.testing.assert_array_equal(opened.prepare(Image.fromarray(fine)), ready)
