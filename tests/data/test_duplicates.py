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
)
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
