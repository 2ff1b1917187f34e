"""Labelled pictures: folders, splits, tables, arrays, and what is refused."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest

from tinct.data.duplicates import near_duplicates
from tinct.data.labelled import common_size, find_labelled, load
from tinct.errors import DataError


def write(path, pixels=None, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    if pixels is None:
        pixels = np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    if path.suffix == ".npy":
        np.save(path, pixels)
    else:
        path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())


def test_one_subfolder_a_class_names_in_any_script(tmp_path):
    for index, name in enumerate(("синий", "青 い", "bleu/été")):
        for number in range(2):
            write(tmp_path / name / f"{number}.png", seed=10 * index + number)
    (tmp_path / "notes.txt").write_text("no picture")
    found = find_labelled(tmp_path)
    assert found.classes == ("bleu", "синий", "青 い")
    assert found.counts() == {"bleu": 2, "синий": 2, "青 い": 2}
    assert set(found.splits) == {""}
    assert load(found, size=(8, 9)).pixels.shape == (6, 8, 9, 3)


def test_train_val_and_test_are_splits(tmp_path):
    for split in ("train", "Validation", "test"):
        for name in ("a", "b"):
            write(tmp_path / split / name / "x.png")
    found = find_labelled(tmp_path)
    assert sorted(found.splits) == ["test", "test", "train", "train", "val", "val"]
    (tmp_path / "c").mkdir()
    with pytest.raises(DataError, match="not 'c'"):
        find_labelled(tmp_path)


@pytest.mark.parametrize("heading", ["", "path,label,split\n"])
def test_tables_of_paths_and_labels(tmp_path, heading):
    for index in range(4):
        write(tmp_path / "p" / f"{index}.png", seed=index)
    table = tmp_path / "t.csv"
    table.write_text(heading + "p/0.png,x,train\np/1.png,y,\n\np/2.png,x,TEST\np/3.png, y ,val\n", encoding="utf-8")
    found = find_labelled(table)
    assert found.classes == ("x", "y")
    assert found.splits == ("train", "", "test", "val")
    for text, word in (
        ("p/0.png\n", "row 1: needs a path and a label"),
        ("p/9.png,x\n", "does not exist"),
        ("p/0.png,x,later\n", "no split 'later'"),
    ):
        table.write_text(text)
        with pytest.raises(DataError, match=word):
            find_labelled(table)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_tables_of_other_separators(tmp_path, separator):
    rows = [("path", "label"), ("p/one, two.png", "x"), ("p/3.png", "y")]
    for path, _ in rows[1:]:
        write(tmp_path / path)
    (tmp_path / "t.csv").write_text("\n".join(separator.join(row) for row in rows))
    assert find_labelled(tmp_path / "t.csv").counts() == {"x": 1, "y": 1}


@pytest.mark.parametrize("split", ["", "train"])
def test_a_subfolder_without_pictures_is_no_class_and_is_told(tmp_path, split):
    for name in ("a", "b"):
        write(tmp_path / split / name / "x.png")
    (tmp_path / split / "c").mkdir()
    (tmp_path / split / "c" / "x.xcf").write_bytes(b"gimp")
    found = find_labelled(tmp_path)
    assert (found.classes, found.empty) == (("a", "b"), ("c",))
    assert load(found, size=(8, 8)).labelled.empty == ("c",)


def test_mixed_modes_and_sizes_are_brought_to_one_and_unreadable_ones_listed(tmp_path):
    random = np.random.default_rng(0)
    write(tmp_path / "a" / "grey.png", random.integers(0, 256, (40, 50), dtype=np.uint8))
    write(tmp_path / "a" / "alpha.png", random.integers(0, 256, (30, 300, 4), dtype=np.uint8))
    write(tmp_path / "b" / "deep.png", random.integers(0, 65536, (30, 40, 3), dtype=np.uint16))
    write(tmp_path / "b" / "photo.jpg")
    (tmp_path / "b" / "broken.jpg").write_bytes(b"\xff\xd8nothing")
    found = load(find_labelled(tmp_path), size=(16, 24))
    assert found.pixels.shape == (4, 16, 24, 3)
    assert found.pixels.dtype == np.uint8
    assert len(found.labelled.paths) == 4
    assert found.left_out[0][0].endswith("broken.jpg")


def test_arrays_are_read_as_numbers(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name / "x.npy", np.random.default_rng(0).normal(size=(40, 20)))
    found = find_labelled(tmp_path)
    assert found.kind == "array"
    assert common_size(found) == (40, 20)
    assert load(found, size=(40, 20)).pixels.shape == (2, 40, 20, 1)
    write(tmp_path / "a" / "y.png")
    with pytest.raises(DataError, match=r"pictures and \.npy arrays"):
        find_labelled(tmp_path)


def test_copies_are_looked_for_in_pictures_of_a_size_to_show_them(tmp_path):
    random = np.random.default_rng(0)
    for index in range(12):
        fine = cv2.resize(random.integers(0, 256, (24, 24, 3), dtype=np.uint8), (96, 72), interpolation=cv2.INTER_CUBIC)
        write(tmp_path / "ab"[index % 2] / f"{index:02d}.png", fine)
    write(tmp_path / "b" / "99.jpg", fine)
    small, large = (load(find_labelled(tmp_path), size=size) for size in ((12, 16), (48, 64)))
    assert small.finer.shape == (13, 48, 64, 3)
    assert large.finer is None
    assert np.array_equal(small.finer, large.pixels)
    assert (near_duplicates(small.finer) != np.arange(13)).sum() == 1


def test_the_size_is_the_median_made_smaller(tmp_path):
    for index, shape in enumerate(((100, 200, 3), (100, 200, 3), (300, 300, 3))):
        write(tmp_path / "ab"[index % 2] / f"{index}.png", np.zeros(shape, np.uint8))
    found = find_labelled(tmp_path)
    assert common_size(found) == (64, 128)
    assert common_size(found, largest=1000) == (100, 200)


def test_what_cannot_be_trained_on_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        find_labelled(tmp_path / "nothing")
    with pytest.raises(DataError, match="no pictures"):
        find_labelled(tmp_path)
    (tmp_path / "t.csv").write_text("path,label\n")
    with pytest.raises(DataError, match="the table names no pictures"):
        find_labelled(tmp_path / "t.csv")
    (tmp_path / "t.csv").rename(tmp_path / "t.onnx")
    with pytest.raises(DataError, match=r"neither a folder nor a \.csv table"):
        find_labelled(tmp_path / "t.onnx")
    write(tmp_path / "only" / "x.png")
    with pytest.raises(DataError, match="only one class, 'only'"):
        find_labelled(tmp_path)
    with pytest.raises(DataError, match="the model knows no class 'only'; it knows a, b"):
        find_labelled(tmp_path, classes=("a", "b"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.png").write_bytes(b"")
    (tmp_path / "only" / "x.png").write_bytes(b"")
    with pytest.raises(DataError, match="none of"):
        load(find_labelled(tmp_path), size=(8, 8))


def test_a_folder_that_cannot_be_looked_into_is_no_empty_class(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        write(tmp_path / name / "x.png")
    closed, look = str(tmp_path / "b"), os.scandir

    def scandir(place):
        if str(place) == closed:
            raise PermissionError(13, "Permission denied", closed)
        return look(place)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DataError, match=rf"{closed}: the folder cannot be read \(Permission denied\)"):
        find_labelled(tmp_path)
