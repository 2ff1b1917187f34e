"""`prepare`: what goes in, what is left out, and going on after an interruption."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from tinct.cli import build
from tinct.data.duplicates import find_leaks
from tinct.data.pictures import find_splits
from tinct.data.prepare import prepare
from tinct.data.survey import inspect_data
from tinct.errors import DataError, OutputError, SettingError


def _members(folder: Path, split: str) -> list[tuple[dict[str, Any], np.ndarray]]:
    found = []
    for shard in sorted(folder.glob(f"{split}-*.tar")):
        with tarfile.open(shard) as tar:
            names = tar.getnames()
            for name in names[::2]:
                key = name.removesuffix(".jpg")
                assert f"{key}.json" in names
                jpeg = tar.extractfile(name).read()  # type: ignore[union-attr]
                card = json.load(tar.extractfile(f"{key}.json"))  # type: ignore[arg-type]
                found.append((card, cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)))
    return found


def _rejected(folder: Path) -> dict[str, str]:
    with (folder / "rejected.csv").open(newline="") as file:
        return {Path(row["path"]).name: row["reason"] for row in csv.DictReader(file)}


@pytest.fixture
def messy_folder(photo_folder: Path, tmp_path: Path, chelsea_png: Path) -> Path:
    folder = tmp_path / "messy"
    shutil.copytree(photo_folder, folder)
    cat = cv2.imread(str(chelsea_png))
    cv2.imwrite(str(folder / "grey.png"), cv2.cvtColor(cat, cv2.COLOR_BGR2GRAY))
    cv2.imwrite(str(folder / "cat.png"), cat)
    shutil.copy(folder / "cat.png", folder / "outdoors" / "copy.png")
    cv2.imwrite(str(folder / "again.jpg"), cv2.resize(cat, None, fx=0.7, fy=0.7), [cv2.IMWRITE_JPEG_QUALITY, 70])
    cv2.imwrite(str(folder / "framed.png"), cv2.copyMakeBorder(cat[:200, 200:], 20, 20, 20, 20, cv2.BORDER_CONSTANT))
    cv2.imwrite(str(folder / "tiny.png"), cat[:40, :40])
    cv2.imwrite(str(folder / "banner.png"), cv2.resize(cat, (600, 2)))
    cv2.imwrite(str(folder / "blank.png"), np.full((300, 256, 3), (160, 90, 40), np.uint8))
    (folder / "text.jpg").write_text("not a picture")
    (folder / "empty.png").touch()
    whole = (folder / "cat.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "notes.txt").write_text("ignored")
    return folder


def test_everything_is_either_in_the_dataset_or_listed_with_a_reason(messy_folder: Path, tmp_path: Path) -> None:
    made = prepare([messy_folder], tmp_path / "set", size=128, val=0.25, seed=1, shard_size=20)
    train, val = _members(made.path, "train"), _members(made.path, "val")
    reasons = _rejected(made.path)
    assert (len(train), len(val)) == (made.train, made.val)
    pictures = [path for path in messy_folder.rglob("*") if path.suffix in {".png", ".jpg"}]
    assert made.train + made.val + made.rejected == len(pictures)
    assert "near-grey" in reasons["grey.png"]
    assert "too small" in reasons["tiny.png"]
    assert "too small" in reasons["banner.png"]
    assert "of one colour" in reasons["blank.png"]
    for name in ("text.jpg", "empty.png", "cut.png"):
        assert reasons[name].startswith("unreadable")
    assert "cropped" in reasons["framed.png"]
    duplicates = [name for name in ("cat.png", "copy.png", "again.jpg") if "duplicate" in reasons.get(name, "")]
    assert len(duplicates) == 2
    for card, picture in train + val:
        assert max(picture.shape[:2]) <= 128
        assert picture.shape[:2] == (card["height"], card["width"])
        assert card["source"] == "messy"
        assert card["category"] in {"indoors", "outdoors", ""}


def test_small_photographs_are_not_enlarged(photo_folder: Path, tmp_path: Path) -> None:
    made = prepare([photo_folder], tmp_path / "set", size=512)
    sizes = [picture.shape[:2] for _, picture in _members(made.path, "train")]
    assert {(160, 160), (120, 160)} <= set(sizes)
    assert max(max(size) for size in sizes) == 160


def test_the_split_depends_on_the_seed_alone(photo_folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / photo_folder.name
    shutil.copytree(photo_folder, moved)
    names = []
    for index, (source, seed) in enumerate([(photo_folder, 3), (moved, 3), (photo_folder, 4)]):
        made = prepare([source], tmp_path / f"set{index}", val=0.3, seed=seed)
        names.append([card["name"] for card, _ in _members(made.path, "val")])
    assert names[0] == names[1] != names[2]


def test_a_folders_own_splits_are_kept(photo_folder: Path, tmp_path: Path) -> None:
    files = sorted((photo_folder / "outdoors").iterdir())
    for place, some in (("train/sea", files[:12]), ("valid/sea", files[12:18]), ("test", files[18:])):
        (tmp_path / "divided" / place).mkdir(parents=True)
        for file in some:
            shutil.copy(file, tmp_path / "divided" / place)
    (tmp_path / "divided" / "train" / "sea" / "._00.png").write_bytes(b"what macOS leaves")
    alone = prepare([tmp_path / "divided" / "valid"], tmp_path / "alone", val=0)
    made = prepare([tmp_path / "divided"], tmp_path / "set", val=0.5)
    names = {split: {card["name"] for card, _ in _members(made.path, split)} for split in ("train", "val", "test")}
    assert {split: len(found) for split, found in names.items()} == {
        "train": made.train,
        "val": made.val,
        "test": made.test,
    }
    assert min(made.train, made.val, made.test) > 0
    for split, some in (("train", files[:12]), ("val", files[12:18]), ("test", files[18:])):
        assert names[split] <= {file.name for file in some}
    assert made.val == alone.train
    assert "._00.png" not in _rejected(made.path)
    assert {card["category"] for card, _ in _members(made.path, "train")} == {"sea"}
    splits = find_splits(made.path)
    assert {split: len(pictures) for split, pictures in splits.items()} == {
        split: len(found) for split, found in names.items()
    }
    assert inspect_data(made.path).leaks == []


def test_categories_restrict(photo_folder: Path, tmp_path: Path) -> None:
    made = prepare([photo_folder], tmp_path / "set", categories=["outdoors"])
    assert {card["category"] for card, _ in _members(made.path, "train")} == {"outdoors"}
    assert made.train + made.val == 24


def test_a_killed_preparation_goes_on_to_the_same_dataset(photo_folder: Path, tmp_path: Path) -> None:
    whole = prepare([photo_folder], tmp_path / "whole", shard_size=4, val=0.2)
    code = (
        "import sys, time\nfrom tinct.data.prepare import prepare\n"
        "prepare([sys.argv[1]], sys.argv[2], shard_size=4, val=0.2, progress=lambda d, t: time.sleep(0.05))"
    )
    killed = subprocess.Popen([sys.executable, "-c", code, str(photo_folder), str(tmp_path / "killed")])
    while not list((tmp_path / "killed").glob("train-000002.tar")):
        assert killed.poll() is None
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed" / "dataset.json").exists()
    again = prepare([photo_folder], tmp_path / "killed", shard_size=4, val=0.2)
    assert (again.train, again.val, again.rejected) == (whole.train, whole.val, whole.rejected)
    files = sorted(path.name for path in whole.path.iterdir() if path.suffix in {".tar", ".json", ".csv"})
    assert files == sorted(path.name for path in again.path.iterdir() if path.suffix in {".tar", ".json", ".csv"})
    for name in files:
        assert (whole.path / name).read_bytes() == (again.path / name).read_bytes(), name


def test_other_settings_in_the_same_folder_are_refused(photo_folder: Path, tmp_path: Path) -> None:
    prepare([photo_folder], tmp_path / "set", size=128)
    with pytest.raises(SettingError, match="begun with other settings"):
        prepare([photo_folder], tmp_path / "set", size=96)


def test_photographs_added_later_are_taken_too(photo_folder: Path, tmp_path: Path) -> None:
    growing = tmp_path / "growing"
    growing.mkdir()
    with pytest.raises(DataError, match="no photographs found"):
        prepare([growing], tmp_path / "set", val=0)
    pictures = sorted(photo_folder.rglob("*.png"))
    counts = []
    for picture in pictures[:3]:
        shutil.copy(picture, growing / f"{picture.parent.name}-{picture.name}")
        counts.append(prepare([growing], tmp_path / "set", val=0).train)
    assert counts == [1, 2, 3]


def test_what_was_left_out_is_told_even_if_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "text.jpg").write_text("no picture")
    with pytest.raises(DataError, match=r"rejected\.csv says why"):
        prepare([tmp_path / "bad"], tmp_path / "set")
    assert "unreadable" in _rejected(tmp_path / "set")["text.jpg"]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        prepare([tmp_path / "missing"], tmp_path / "set")


def test_progress_counts_every_photograph(photo_folder: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    prepare([photo_folder], tmp_path / "set", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 48) for done in range(1, 49)]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # webdataset leaves files open
def test_shards_are_plain_tar_files_in_pairs(photo_folder: Path, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    made = prepare([photo_folder], tmp_path / "set", val=0)
    shards = [str(path) for path in sorted(made.path.glob("train-*.tar"))]
    samples = list(webdataset.WebDataset(shards, shardshuffle=False).decode("rgb8"))
    assert len(samples) == made.train
    assert all(sample["jpg"].ndim == 3 and sample["json"]["source"] for sample in samples)


def test_mirrored_copies_are_left_out_like_other_duplicates(photo_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mirrored"
    shutil.copytree(photo_folder / "outdoors", folder)
    alone = prepare([folder], tmp_path / "alone", val=0.5, shard_size=4)
    originals = sorted(path for path in folder.iterdir() if path.name not in _rejected(alone.path))
    for path in originals:
        turned = np.ascontiguousarray(cv2.imread(str(path))[:, ::-1])
        cv2.imwrite(str(folder / f"turned-{path.stem}.jpg"), turned, [cv2.IMWRITE_JPEG_QUALITY, 90])
    made = prepare([folder], tmp_path / "set", val=0.5, shard_size=4)
    assert made.train + made.val == alone.train + alone.val == len(originals)
    assert made.duplicates - alone.duplicates == made.rejected - alone.rejected == len(originals)
    reasons = _rejected(made.path)
    for path in originals:
        pair = (path.name, f"turned-{path.stem}.jpg")
        first, other = pair if pair[0] in reasons else pair[::-1]
        assert reasons[first].startswith("mirrored duplicate of ")
        assert reasons[first].endswith(other)
    assert find_leaks(made.path) == []
    done = CliRunner().invoke(build(), ["prepare", str(folder), "-o", str(tmp_path / "told"), "--val", "0.5"])
    assert f"left out {made.rejected} ({made.duplicates} copies, mirrored ones too)" in " ".join(done.stdout.split())


def test_nothing_is_left_where_nothing_is_found(photo_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no category 'nosuch' with photographs in it; there are "):
        prepare([photo_folder], tmp_path / "set", categories=["nosuch"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no photographs found"):
        prepare([tmp_path / "empty"], tmp_path / "set")
    assert not (tmp_path / "set").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file: the folder cannot be made"):
        prepare([photo_folder], tmp_path / "file")


def test_greys_are_shown_on_a_sheet_or_kept_if_asked_for(messy_folder: Path, tmp_path: Path) -> None:
    prepare([messy_folder], tmp_path / "without", size=96)
    assert "near-grey" in _rejected(tmp_path / "without")["grey.png"]
    sheet = cv2.imread(str(tmp_path / "without" / "rejected.jpg"))
    assert sheet.shape[1] == 8 * 150
    assert int(sheet[:80, :140].std()) > 5
    kept = CliRunner().invoke(
        build(), ["prepare", str(messy_folder), "-o", str(tmp_path / "with"), "--size", "96", "--keep", "near-grey"]
    )
    assert kept.exit_code == 0, kept.output
    assert not any("near-grey" in reason for reason in _rejected(tmp_path / "with").values())
    assert not (tmp_path / "with" / "rejected.jpg").exists()
    assert "photographs to validate on are few" in kept.stderr
    with pytest.raises(SettingError, match="only near-grey and toned"):
        prepare([messy_folder], tmp_path / "else", keep=["blurred"])
