"""Files written beside their target: whole or not at all, under names of any length and kind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tinct.errors import OutputError, TinctError, UnreadableError
from tinct.files import cache_folder, folder_beside, read_json, unfinished_name, walk, written_beside


def test_the_target_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    target.write_bytes(b"old")
    with written_beside(target) as beside:
        assert beside.name == ".a.png.tinct-part"
        beside.write_bytes(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    target.write_bytes(b"old")
    with pytest.raises(TinctError, match="broken"), written_beside(target) as beside:  # noqa: PT012
        beside.write_bytes(b"half")
        raise TinctError("broken")
    with pytest.raises(OutputError, match=r"a\.png: cannot be written \(No space left"), written_beside(target):
        raise OSError(28, "No space left on device")
    assert (target.read_bytes(), list(tmp_path.iterdir())) == (b"old", [target])


def test_what_a_killed_run_left_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / ".a.png.tinct-part").write_bytes(b"a long beginning that nobody finished")
    with written_beside(tmp_path / "a.png") as beside:
        assert beside.read_bytes() == b""
        beside.write_bytes(b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX locks")
def test_two_runs_do_not_write_one_target_at_once(tmp_path: Path) -> None:
    with written_beside(tmp_path / "a.png") as beside:
        with pytest.raises(OutputError, match="another run"), written_beside(tmp_path / "a.png"):
            pass
        beside.write_bytes(b"first")
    assert (tmp_path / "a.png").read_bytes() == b"first"


@pytest.mark.parametrize("name", ["ü" * 125 + ".png", "x" * 251 + ".png", "x" * 251 + ".jpg"])
def test_long_names_fit(tmp_path: Path, name: str) -> None:
    assert len(os.fsencode(unfinished_name(name))) <= 255
    with written_beside(tmp_path / name) as beside:
        beside.touch()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert unfinished_name("x" * 251 + ".png") != unfinished_name("x" * 251 + ".jpg")


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real.png").touch()
    (tmp_path / "link.png").symlink_to("real.png")
    with written_beside(tmp_path / "link.png") as beside:
        beside.write_bytes(b"new")
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "real.png").read_bytes() == b"new"


def test_walking_gives_files_in_order_and_none_that_is_hidden(tmp_path: Path) -> None:
    for name in ("b/2.JPG", "b/._2.jpg", "a.png", ".a.png", "b/c/1.jpg", ".git/0.png", "notes.txt", "d/.hidden/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [path.relative_to(tmp_path).as_posix() for path in walk(tmp_path, (".png", ".jpg"))]
    assert found == ["a.png", "b/2.JPG", "b/c/1.jpg"]
    assert list(walk(tmp_path, (".png",), recursive=False)) == [tmp_path / "a.png"]
    closed: list[OSError] = []
    assert list(walk(tmp_path / "absent", (".png",), closed=closed.append)) == []
    assert [error.filename for error in closed] == [str(tmp_path / "absent")]
    with pytest.raises(UnreadableError, match="absent: the folder cannot be read"):
        list(walk(tmp_path / "absent", (".png",)))


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    with folder_beside(tmp_path / "new") as beside:
        (beside / "a").touch()
        assert not (tmp_path / "new").exists()
    with folder_beside(tmp_path / "new") as beside:  # another process was faster: its folder stays
        (beside / "b").touch()
    with pytest.raises(OutputError, match="free some space"), folder_beside(tmp_path / "full"):
        raise OSError(28, "No space left on device")
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["new", "new/a"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_pipes_are_no_files_of_a_folder(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "a.jpg").touch()
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert [path.name for path in walk(tmp_path, {".jpg"})] == ["a.jpg", "gone.jpg"]


@pytest.mark.parametrize(
    ("system", "environment", "place"),
    [
        ("linux", {"HOME": "/home/ann"}, "/home/ann/.cache/tinct"),
        ("linux", {"HOME": "/home/ann", "XDG_CACHE_HOME": "/big"}, "/big/tinct"),
        ("darwin", {"HOME": "/Users/ann"}, "/Users/ann/Library/Caches/tinct"),
        ("linux", {"HOME": "/home/ann", "TINCT_CACHE": "/other"}, "/other"),
        ("linux", {"HOME": "/home/ann", "TINCT_CACHE": "off"}, None),
    ],
)
def test_what_can_be_made_again_lies_where_the_system_keeps_such(
    monkeypatch: pytest.MonkeyPatch, system: str, environment: dict[str, str], place: str | None
) -> None:
    monkeypatch.setattr("sys.platform", system)
    for name in ("XDG_CACHE_HOME", "TINCT_CACHE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == (None if place is None else Path(place))


def test_what_is_no_small_json_is_named(tmp_path: Path) -> None:
    with (tmp_path / "long.json").open("wb") as file:
        file.truncate((16 << 20) + 1)
    for name, why in (
        ("long", "is not valid JSON.*longer than 16 MB"),
        ("none", "No such file.*; name a file of hints"),
    ):
        with pytest.raises(UnreadableError, match=why):
            read_json(tmp_path / f"{name}.json", what="a file of hints")
    (tmp_path / "list.json").write_text("[1, null]")
    assert read_json(tmp_path / "list.json", what="a list") == [1, None]
