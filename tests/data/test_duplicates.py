"""The same photograph twice, on real pictures with copies made by hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tinct.data.duplicates import (
    EXACT,
    MIRRORED,
    NEAR,
    Mark,
    _candidates,
    _distance,
    find_duplicates,
    find_leaks,
    fingerprint,
    look_alikes,
    near_duplicates,
)
from tinct.data.likeness import Layout, detail, stack_details
from tinct.data.pictures import find_splits
from tinct.data.prepare import prepare


@pytest.fixture(scope="session")
def photographs() -> list[np.ndarray]:
    """Colour photographs that come with scikit-image and scikit-learn, and quarters of them, as OpenCV reads them."""
    skimage, sklearn = pytest.importorskip("skimage"), pytest.importorskip("sklearn")
    images, more = Path(skimage.__file__).parent / "data", Path(sklearn.__file__).parent / "datasets" / "images"
    names = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png")
    files = [*(images / name for name in names), more / "china.jpg", more / "flower.jpg"]
    whole = [cv2.imread(str(file)) for file in files]
    parts = [picture[:, : picture.shape[1] // 2] for picture in whole]
    return [*whole, *parts]


def write(path: Path, picture: np.ndarray, *options: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), picture, list(options))


def test_copies_are_found_within_and_across_splits_each_by_its_kind(photographs, tmp_path):
    for index, picture in enumerate(photographs[:6]):
        write(tmp_path / "train" / f"{index}.png", picture)
    write(tmp_path / "val" / "own.png", photographs[7])
    write(tmp_path / "val" / "copy.png", photographs[0])
    write(tmp_path / "val" / "recompressed.jpg", photographs[1], cv2.IMWRITE_JPEG_QUALITY, 50)
    write(tmp_path / "val" / "small.png", cv2.resize(photographs[2], None, fx=0.4, fy=0.4, interpolation=3))
    write(tmp_path / "val" / "mirrored.jpg", photographs[3][:, ::-1], cv2.IMWRITE_JPEG_QUALITY, 80)
    seen = []
    leaks = find_leaks(tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert [(leak.first, leak.second, leak.kind) for leak in leaks] == [
        ("train/0.png", "val/copy.png", EXACT),
        ("train/3.png", "val/mirrored.jpg", MIRRORED),
        ("train/1.png", "val/recompressed.jpg", NEAR),
        ("train/2.png", "val/small.png", NEAR),
    ]
    assert all(leak.across and (leak.first_split, leak.second_split) == ("train", "val") for leak in leaks)
    assert seen[-1] == (11, 11)


def test_many_copies_give_one_pair_each_and_split(photographs):
    def mark(name: str, split: str) -> Mark:
        rgb = np.ascontiguousarray(photographs[4][:, :, ::-1])
        return Mark.of(rgb, content=b"the same", name=name, split=split)

    marks = [mark(f"t{index}", "train") for index in range(30)] + [mark("v0", "val"), mark("v1", "val")]
    pairs = find_duplicates(marks)
    assert len(pairs) == 29 + 1 + 2
    assert all(pair.kind == EXACT for pair in pairs)
    assert [(pair.first, pair.second) for pair in pairs if pair.across] == [("t0", "v0"), ("t0", "v1")]


def test_different_photographs_are_no_duplicates(photographs):
    marks = [
        Mark.of(np.ascontiguousarray(picture[:, :, ::-1]), content=picture.tobytes(), name=str(index), split="train")
        for index, picture in enumerate(photographs[:6])
    ]
    assert find_duplicates(marks) == []
    assert find_duplicates([]) == []


def test_the_same_picture_smaller_recompressed_or_mirrored_looks_alike_and_no_other_does(photographs):
    prints = [fingerprint(picture) for picture in photographs]
    cat = photographs[1]
    small = cv2.resize(cat, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    again = cv2.imdecode(cv2.imencode(".jpg", cat, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)
    turned = fingerprint(cat[:, ::-1], mirrored=True)
    others = [fingerprint(small), fingerprint(again), turned, fingerprint(cat[:, ::-1])]
    assert set(look_alikes(prints, others)) == {(1, 0), (1, 1), (1, 2)}
    assert list(look_alikes(prints)) == []
    assert set(look_alikes([*prints, prints[1]])) == {(1, len(prints))}


def test_every_pair_of_hashes_within_three_bits_is_a_candidate():
    random = np.random.default_rng(1)
    ours = random.integers(0, 2**63, 300, dtype=np.uint64)
    flips = np.array([np.bitwise_or.reduce(np.uint64(1) << random.integers(0, 64, 3, dtype=np.uint64)) for _ in ours])
    theirs = ours ^ flips
    found = {pair for first, second in _candidates(ours, theirs) for pair in zip(first, second, strict=True)}
    assert all((index, index) in found for index in range(300))
    expected = [int(one ^ other).bit_count() for one, other in zip(ours.tolist(), theirs.tolist(), strict=True)]
    assert _distance(ours, theirs).tolist() == expected


def test_a_prepared_dataset_has_no_leak_and_a_tampered_one_names_the_originals(photographs, tmp_path):
    for index, picture in enumerate(photographs):
        write(tmp_path / "photos" / f"{index % 2}" / f"{index}.png", picture)
    dataset = prepare([tmp_path / "photos"], tmp_path / "dataset", size=96, val=0.3, seed=2).path
    assert find_leaks(dataset) == []
    splits = find_splits(dataset)
    tampered = {"train": splits["train"], "val": [*splits["val"], splits["train"][3]]}
    (leak,) = find_leaks(tampered)
    assert (leak.kind, leak.first) == (EXACT, leak.second)
    assert splits["train"][3].original in leak.first


def test_folders_of_splits_are_told_from_categories(photographs, tmp_path):
    write(tmp_path / "photos" / "cats" / "0.png", photographs[1])
    write(tmp_path / "photos" / "train" / "0.png", photographs[1])
    assert list(find_splits(tmp_path / "photos")) == [""]
    assert find_leaks(tmp_path / "photos") == []
    for place in ("train/cats", "validation/cats", "test"):
        write(tmp_path / "split" / place / "0.png", photographs[1])
    splits = find_splits(tmp_path / "split")
    assert {split: [picture.category for picture in listed] for split, listed in splits.items()} == {
        "train": ["cats"],
        "val": ["cats"],
        "test": [""],
    }


def test_unreadable_pictures_are_passed_over(photographs, tmp_path):
    for split in ("train", "val"):
        write(tmp_path / split / "0.png", photographs[1])
        (tmp_path / split / "broken.jpg").write_bytes(b"no picture")
    assert [(leak.first, leak.kind) for leak in find_leaks(tmp_path)] == [("train/0.png", EXACT)]


@pytest.fixture(scope="module")
def copies():
    """Ten pictures; 3 is 0 recompressed, 4 is 1 resized, and 5 and 6 are plain with noise of their own."""
    random = np.random.default_rng(0)
    shapes = [cv2.resize(random.integers(0, 256, (12, 12, 3), dtype=np.uint8), (96, 96)) for _ in range(3)]
    again = cv2.imdecode(cv2.imencode(".jpg", shapes[0], [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)
    small = cv2.resize(cv2.resize(shapes[1], (70, 70), interpolation=cv2.INTER_AREA), (96, 96))
    ramp = np.linspace(60, 120, 96)[None, :, None]
    plain = [(ramp + random.normal(0, 3, (96, 96, 3))).clip(0, 255).astype(np.uint8) for _ in range(5)]
    return np.stack([*shapes, again, small, *plain])


def test_copies_are_grouped_and_plain_pictures_of_one_kind_are_not(copies):
    groups = near_duplicates(copies)
    assert groups.tolist() == [0, 1, 2, 0, 1, 5, 6, 7, 8, 9]
    grey = copies.mean(axis=-1, keepdims=True).astype(np.float32)
    assert near_duplicates(grey).tolist() == groups.tolist()


def test_axes_and_captions_that_all_pictures_share_make_no_copies_of_them():
    random = np.random.default_rng(4)
    pictures = np.full((30, 96, 128, 3), 255, dtype=np.uint8)
    for picture in pictures:
        noise = random.normal(0, 4, (72, 96, 1))
        picture[12:84, 16:112] = np.clip(np.array([30, 60, 110]) + noise, 0, 255)
        cv2.putText(picture, "Time [s]", (30, 94), cv2.FONT_HERSHEY_SIMPLEX, 0.35, (0, 0, 0), 1)
        cv2.rectangle(picture, (15, 11), (112, 84), (0, 0, 0), 1)
    pictures[29] = cv2.imdecode(cv2.imencode(".jpg", pictures[3], [cv2.IMWRITE_JPEG_QUALITY, 90])[1], cv2.IMREAD_COLOR)
    pictures[28] = pictures[5]
    assert near_duplicates(pictures).tolist() == [*range(28), 5, 3]


def as_jpeg(picture: np.ndarray, quality: int = 75) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


@pytest.fixture(scope="module")
def plots() -> np.ndarray:
    """120 plain noisy pictures of two hues 3 degrees apart, half of them in axes that they share."""
    random, pictures = np.random.default_rng(3), []
    for index in range(120):
        value = 0.55 + random.normal(0, 0.03, (96, 128)) + random.normal(0, 0.02)
        hsv = np.stack([np.full((96, 128), 216 + 3 * (index % 2)), np.full((96, 128), 0.7), value], axis=-1)
        rgb = np.rint(255 * cv2.cvtColor(hsv.astype(np.float32), cv2.COLOR_HSV2RGB)).astype(np.uint8)
        if index % 4 < 2:
            framed = np.full((96, 128, 3), 255, np.uint8)
            framed[10:82, 18:120] = cv2.resize(rgb, (102, 72), interpolation=cv2.INTER_AREA)
            cv2.rectangle(framed, (17, 9), (120, 82), (0, 0, 0), 1)
            cv2.putText(framed, "Time [s]", (40, 94), cv2.FONT_HERSHEY_SIMPLEX, 0.35, (0, 0, 0), 1)
            rgb = framed
        pictures.append(rgb)
    return np.stack(pictures)


def test_independent_plots_are_no_copies_and_jpegs_of_them_are(plots):
    assert near_duplicates(plots).tolist() == list(range(120))
    again = np.stack([as_jpeg(picture) for picture in plots[::5]])
    groups = near_duplicates(np.concatenate([plots, again]))
    assert groups[:120].tolist() == list(range(120))
    assert (groups[120:] == np.arange(0, 120, 5)).sum() >= 23
    marks = [
        Mark.of(picture, content=picture.tobytes(), name=str(index), split="train" if index < 120 else "val")
        for index, picture in enumerate([*plots, *again])
    ]
    pairs = find_duplicates(marks)
    assert len(pairs) >= 23
    assert all(int(pair.first) == 5 * (int(pair.second) - 120) for pair in pairs)


def curve(index: int) -> np.ndarray:
    """A plot of peaks at a nearly even pace, from a phase of chance: some are nearly alike."""
    random = np.random.default_rng(index)
    place = np.linspace(0, 4, 600) * (1.2 + 0.05 * random.normal()) + random.uniform()
    height = np.exp(-(((place % 1 - 0.3) / 0.02) ** 2)) + 0.2 * np.exp(-(((place % 1 - 0.55) / 0.05) ** 2))
    rows = 150 - 100 * (height + random.normal(0, 0.02, 600))
    picture = np.full((192, 256, 3), 255, np.uint8)
    cv2.rectangle(picture, (30, 16), (244, 166), (0, 0, 0), 1)
    cv2.putText(picture, "Time [s]", (100, 186), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    points = np.stack([np.linspace(36, 238, 600), rows], axis=-1)
    cv2.polylines(picture, [np.rint(points).astype(np.int32)], False, (51, 102, 204), 1, cv2.LINE_AA)
    return picture


def test_curves_that_are_nearly_alike_by_chance_are_no_copies_and_jpegs_of_them_are():
    pictures = [curve(index) for index in range(300)]
    again = [as_jpeg(picture) for picture in pictures[::15]]
    groups = near_duplicates(np.stack([*pictures, *again]))
    assert np.array_equal(groups[:300], np.arange(300))
    assert (groups[300:] == np.arange(0, 300, 15)).sum() >= 19


def test_the_same_shapes_in_another_colour_are_another_picture(plots):
    hsv = [cv2.cvtColor(picture, cv2.COLOR_RGB2HSV) for picture in plots[2:60:4]]
    turned = [cv2.cvtColor(each + np.array([4, 0, 0], np.uint8), cv2.COLOR_HSV2RGB) for each in hsv]
    both = np.concatenate([plots, np.stack(turned)])
    assert near_duplicates(both).tolist() == list(range(len(both)))


def test_several_copies_of_one_picture_are_no_layout():
    random = np.random.default_rng(7)
    shapes = [cv2.resize(random.integers(0, 256, (9, 12, 3), dtype=np.uint8), (128, 96)) for _ in range(20)]
    several = [as_jpeg(shapes[4], quality) for quality in (30, 40, 50, 60, 70, 80, 90)]
    assert near_duplicates(np.stack([*shapes, *several])).tolist() == [*range(20), *[4] * 7]


def test_what_is_left_of_a_pair_is_what_a_ridge_regression_on_all_others_leaves(plots):
    vectors = stack_details([detail(picture) for picture in [*plots[:30], as_jpeg(plots[5])]])
    pairs = [[5, 30], [0, 1]]
    found = Layout(vectors, np.empty((0, 2), dtype=np.intp)).correlations(np.array(pairs))
    ridge = 1.3 * 48**2
    for pair, correlation in zip(pairs, found, strict=True):
        others = np.delete(vectors.astype(np.float64), pair, axis=0)
        two = vectors[pair].astype(np.float64)
        left = two @ np.linalg.solve(np.eye(48**2) + others.T @ others / ridge, two.T)
        expected = left[0, 1] / np.sqrt(left[0, 0] * left[1, 1])
        assert correlation == pytest.approx(expected, abs=1e-4)
