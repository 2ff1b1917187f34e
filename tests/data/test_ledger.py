"""The list of photographs of a preparation, and the search for those already taken."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tinct.data import ledger as room
from tinct.data.duplicates import Fingerprint, fingerprint
from tinct.data.ledger import Ledger, Photo


def some_picture(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    return coarse.repeat(16, axis=0).repeat(16, axis=1)


def judged(photo: Photo, picture: np.ndarray, content: str) -> Photo:
    prints: dict[str, Fingerprint] = {
        "fingerprint": fingerprint(picture),
        "mirrored": fingerprint(picture, mirrored=True),
    }
    return replace(photo, content=content, **prints)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Twenty photographs, those with even numbers taken in two shards and the others still to do."""
    kept = Ledger(tmp_path / "ledger.sqlite")
    kept.enlist(((f"{index}.png", f"{index}.png", "", "", "train") for index in range(20)), seed=0)
    photos = {photo.path: photo for photo in kept.next_photos("train", 20)}
    taken = [judged(photos[f"{index}.png"], some_picture(index), f"content {index}") for index in range(0, 20, 2)]
    kept.settle(taken[:5], 0)
    kept.settle(taken[5:], 1)
    return kept


@pytest.mark.parametrize("at_once", [1, 4096])
def test_a_twin_is_found_by_its_plainest_kind_however_few_are_compared_at_once(ledger, at_once, monkeypatch):
    monkeypatch.setattr(room, "AT_ONCE", at_once)
    other = Photo(99, "other.png", "", "")
    noisy = np.clip(some_picture(6).astype(int) + 3, 0, 255).astype(np.uint8)
    assert ledger.twin(judged(other, some_picture(6), "content 6"), []) == "exact duplicate of 6.png"
    assert ledger.twin(judged(other, noisy, "new"), []) == "near duplicate of 6.png"
    assert ledger.twin(judged(other, noisy[:, ::-1], "new"), []) == "mirrored duplicate of 6.png"
    assert ledger.twin(judged(other, some_picture(7), "new"), []) is None
    beside = judged(Photo(98, "beside.png", "", ""), some_picture(7), "beside")
    assert ledger.twin(judged(other, some_picture(7)[:, ::-1], "new"), [beside]) == "mirrored duplicate of beside.png"
    assert ledger.twin(judged(other, some_picture(7), "beside"), [beside]) == "exact duplicate of beside.png"


def test_what_is_left_out_is_no_twin_and_the_file_keeps_its_form(ledger, tmp_path):
    (rest,) = (photo for photo in ledger.next_photos("train", 20) if photo.path == "7.png")
    ledger.settle([replace(judged(rest, some_picture(7), "content 7"), reason="too small (1x1)")], 2)
    assert ledger.twin(judged(Photo(99, "other.png", "", ""), some_picture(7), "new"), []) is None
    assert ledger.shards("train") == [(0, 5), (1, 5)]
    assert list(ledger.notes()) == [("7.png", "too small (1x1)")]
    ledger.close()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as base:
        assert base.execute("SELECT COUNT(*) FROM band").fetchone() == (40,)
        number, luma = base.execute("SELECT hash, luma FROM photo WHERE path = '6.png'").fetchone()
    base.close()
    assert Fingerprint(number % 2**64, luma) == fingerprint(some_picture(6))
