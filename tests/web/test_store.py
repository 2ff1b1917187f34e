from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tinct.web.problems import Problem
from tinct.web.store import PREFIX, Store


def make(parent: Path, *, keep: float = 3600, most: int = 10**9) -> Store:
    return Store(keep_seconds=keep, most_bytes=most, parent=parent)


def test_folders_cannot_be_guessed_or_read_by_others(tmp_path: Path) -> None:
    store = make(tmp_path)
    folder = store.make()
    assert len(folder.name) >= 22
    assert folder.stat().st_mode & 0o077 == 0
    assert store.root.stat().st_mode & 0o077 == 0
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_used_is_swept(tmp_path: Path) -> None:
    store = make(tmp_path, keep=0.1)
    old, used = store.make(), store.make()
    (old / "file").write_bytes(b"x")
    time.sleep(0.15)
    assert store.find(used.name) == used
    assert store.sweep() == [old.name]
    assert not old.exists()
    assert used.exists()
    assert store.find(old.name) is None
    store.close()


def test_names_from_outside_are_looked_up_not_joined(tmp_path: Path) -> None:
    store = make(tmp_path)
    assert store.find("../..") is None
    assert store.find("lock") is None
    store.close()


def test_too_much_is_refused(tmp_path: Path) -> None:
    store = make(tmp_path, most=10)
    with store.borrowed() as folder:
        (folder / "file").write_bytes(b"x" * 11)
        with pytest.raises(Problem) as problem:
            store.make()
        assert problem.value.status == 507
    store.remove(store.make())
    store.close()


def test_what_comes_in_counts_as_kept(tmp_path: Path) -> None:
    store = make(tmp_path, most=10)
    store.reserve(8)
    for more, status in ((3, 507), (11, 413)):
        with pytest.raises(Problem) as problem:
            store.reserve(more)
        assert problem.value.status == status
    store.reserve(2)
    store.release(10)
    store.reserve(10)
    store.close()


def test_leftovers_of_a_crash_are_deleted_and_those_of_the_living_are_not(tmp_path: Path) -> None:
    living = make(tmp_path)
    program = (
        "import os, pathlib; from tinct.web.store import Store\n"
        f"store = Store(keep_seconds=9, most_bytes=9, parent=pathlib.Path({str(tmp_path)!r}))\n"
        "store.make().joinpath('secret').write_text('x'); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program], check=False)
    mine = tmp_path / f"{PREFIX}someone"
    mine.mkdir()
    os.utime(mine, (0, 0))
    other = tmp_path / "other"
    other.mkdir()
    assert len(list(tmp_path.iterdir())) == 4
    store = make(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {living.root.name, store.root.name, "other"}
    living.close()
    store.close()
