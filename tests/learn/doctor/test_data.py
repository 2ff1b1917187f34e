"""What the doctor says of data, without any training."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest

from learn.doctor.made_up import plain_pictures, without_hue, write
from tinct.data.file_losses import grey_pictures, look_at_files
from tinct.data.labelled import find_labelled
from tinct.learn.doctor.recognition import examine
from tinct.learn.doctor.trials import setup_of


def kinds(folder):
    return {each.kind: each for each in examine(folder, setup=setup_of("color_statistics")).findings}


@pytest.fixture(scope="module")
def some():
    return plain_pictures(60, size=24)


def test_copies_leaks_and_contradictions(tmp_path):
    # Copies are told by fine detail, which plain pictures have none of.
    random = np.random.default_rng(0)
    shapes = np.stack([cv2.resize(random.integers(0, 256, (8, 8, 3), dtype=np.uint8), (48, 48)) for _ in range(66)])
    labels = np.arange(66) % 2
    write(tmp_path / "all", shapes, labels)
    shutil.copy(tmp_path / "all" / "a" / "0000.png", tmp_path / "all" / "b" / "same.png")
    found = kinds(tmp_path / "all")["contradictions"]
    assert found.level == "serious"
    assert "1 picture of 67 is in two classes" in found.title
    assert "a/0000.png = b/same.png" in found.evidence[0]

    # Recompressed, it may be another picture: nobody is told to delete it.
    (tmp_path / "all" / "b" / "same.png").unlink()
    alike = cv2.imencode(".jpg", shapes[0, ..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    (tmp_path / "all" / "b" / "alike.jpg").write_bytes(alike.tobytes())
    found = kinds(tmp_path / "all")["contradictions"]
    assert not found.sure
    assert "looks like one of another class" in found.title
    assert "delete" not in found.remedy
    assert "keep both" in found.remedy

    write(tmp_path / "split" / "train", shapes[:44], labels[:44])
    write(tmp_path / "split" / "val", shapes[44:], labels[44:])
    assert "leak" not in kinds(tmp_path / "split")
    again = cv2.imencode(".jpg", shapes[3, ..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    (tmp_path / "split" / "val" / "b" / "again.jpg").write_bytes(again.tobytes())
    assert kinds(tmp_path / "split")["leak"].level == "serious"


def test_flat_pictures_that_are_the_same_to_the_pixel_stand_in_two_classes(tmp_path, some):
    pictures, labels = some
    flat = np.full((1, 24, 24, 3), 77, dtype=np.uint8)
    write(tmp_path, np.concatenate([pictures, flat, flat]), np.concatenate([labels, [0, 1]]))
    assert "contradictions" in kinds(tmp_path)


def test_uneven_and_few(tmp_path, some):
    pictures, labels = some
    kept = np.flatnonzero((labels == 0) | (np.arange(60) < 6))
    found = kinds(write(tmp_path, pictures[kept], labels[kept]))
    assert found["unbalanced"].weight >= 50
    assert "always naming a is right in 90.9 %" in found["unbalanced"].evidence[1]
    assert found["too-few"].evidence[0] == "b: 3"


def test_unreadable_files_are_named(tmp_path, some):
    write(tmp_path, *some)
    (tmp_path / "a" / "broken.png").write_bytes(b"\x89PNG nothing")
    assert "broken.png" in kinds(tmp_path)["unreadable"].evidence[0]


def test_classes_of_which_one_is_grey(tmp_path, some):
    pictures, labels = some
    mixed = np.where((labels == 0)[:, None, None, None], without_hue(pictures), pictures)
    found = kinds(write(tmp_path, mixed, labels))
    assert not found["grey-by-class"].sure
    assert found["grey-by-class"].evidence[0] == "a: 100 % without colour"


def test_chroma_that_jpeg_has_erased(tmp_path):
    pictures, labels = plain_pictures(120, degrees=2, size=48)
    found = kinds(write(tmp_path / "jpeg", pictures, labels, suffix=".jpg", options=(cv2.IMWRITE_JPEG_QUALITY, 4)))
    assert "jpeg-chroma" in found
    assert not found["jpeg-chroma"].sure
    assert "jpeg-chroma" not in kinds(write(tmp_path / "png", pictures, labels))


def test_a_palette_that_collapsed(tmp_path):
    pictures, labels = plain_pictures(80, degrees=3)
    few = (pictures // 86 * 86).astype(np.uint8)
    found = kinds(write(tmp_path, few, labels))
    assert "collapsed-palette" in found


def test_steps_of_chroma_are_those_of_the_quantisation_table(tmp_path, some):
    from PIL import Image

    pictures, labels = some
    for quality, sampling in ((30, 2), (90, 0)):
        folder = tmp_path / str(quality)
        for index in range(12):
            path = folder / "ab"[labels[index]] / f"{index}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pictures[index]).save(path, quality=quality, subsampling=sampling)
        with Image.open(path) as picture:
            step = picture.quantization[1][0] / 8
        facts = look_at_files(find_labelled(folder))
        assert facts.chroma_step == step
        assert (facts.jpeg, facts.halved) == (1, float(sampling > 0))


def test_grey_is_told_from_pale():
    random = np.random.default_rng(0)
    light = random.integers(0, 256, (2, 20, 20, 1), dtype=np.uint8)
    pictures = np.repeat(light, 3, axis=-1)
    pictures[1, ..., 0] = np.minimum(pictures[1, ..., 0].astype(int) + 12, 255)
    assert grey_pictures(pictures).tolist() == [True, False]


def test_classes_that_overlap(tmp_path):
    pictures, labels = plain_pictures(240)
    wrong = np.random.default_rng(2).random(240) < 0.32
    write(tmp_path / "named wrongly", pictures, np.where(wrong, 1 - labels, labels))
    found = kinds(tmp_path / "named wrongly")
    assert found["overlap"].title.startswith("the classes overlap: plain classifiers reach 6")
    assert "random-labels" not in found  # two thirds of them are right
    assert "overlap" not in kinds(write(tmp_path / "named rightly", pictures, labels))


def test_pictures_that_are_cut_off_at_the_end_of_their_range(tmp_path):
    random = np.random.default_rng(0)
    labels = np.arange(120) % 2
    within = random.integers(90, 200, (120, 24, 24, 3), dtype=np.uint8)
    beyond = within.copy()
    beyond[..., 2][random.random((120, 24, 24)) < 0.6] = 255
    found = kinds(write(tmp_path / "beyond", beyond, labels))
    assert found["saturated"].title.startswith("in 6")
    assert "at the end of their range" in found["saturated"].title
    assert "saturated" not in kinds(write(tmp_path / "within", within, labels))
