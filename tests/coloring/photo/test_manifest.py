"""The manifest of a folder of results: what it holds, who may write it, and what a killed run leaves."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tinct.coloring.photo.manifest import Run, Seen, is_running, look, look_whole, manifest_file, opened
from tinct.errors import OutputError

RUN = Run("local", "0.1.0", "photo", "m" * 64, '{"size": 192}')


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def photo(folder: Path, name: str = "a.jpg", content: bytes = b"grey") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    return path


def test_what_is_noted_is_known_to_the_next_run(tmp_path: Path, out: Path) -> None:
    source, target = photo(tmp_path), out / "a_color.jpg"
    with opened(out, RUN) as manifest:
        photo(out, "a_color.jpg", b"colours")
        seen = look_whole(source)
        manifest.note(
            source, target, "colorized", made=True, message="a remark", size=(4, 3), seconds=0.25, picture=seen
        )
    with opened(out, RUN) as manifest:
        entry = manifest.entry(source)
        assert entry is not None
        assert (entry.source, entry.target, entry.status, entry.message) == (
            str(source),
            target,
            "colorized",
            "a remark",
        )
        assert entry.picture == look_whole(source)
        # The SHA-256 of b"grey", by sha256sum.
        assert entry.picture is not None
        assert entry.picture.sha256 == "67fc36385bb47db091a4d850d450021a8b7ba3b58615fc918808d4e636d8ad46"
        assert entry.result == look(target)
        assert (entry.version, entry.model_sha256, entry.settings) == ("0.1.0", "m" * 64, '{"size": 192}')
        assert manifest.entry(tmp_path / "b.jpg") is None
    base = sqlite3.connect(manifest_file(out))
    assert base.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    base.close()
    assert sorted(path.name for path in manifest_file(out).parent.iterdir()) == ["lock", "manifest.sqlite"]


def test_two_runs_at_once_are_refused(out: Path) -> None:
    with opened(out, RUN):
        assert is_running(out)
        with pytest.raises(OutputError, match="another run is writing it"), opened(out, RUN):
            pass
    assert not is_running(out)
    with opened(out, RUN):
        pass


def test_a_killed_run_leaves_what_it_noted_and_its_claims_are_settled(tmp_path: Path, out: Path) -> None:
    names = ("noted", "written", "torn", "old", "renewed")
    for name in names:
        photo(tmp_path, f"{name}.jpg")
    photo(out, "old_color.jpg", b"old")
    photo(out, "renewed_color.jpg", b"old")
    program = """
import os, sys
from pathlib import Path
from tinct.coloring.photo.manifest import Run, look, look_whole, opened
place = Path(sys.argv[1]); out = place / "out"
with opened(out, Run("local", "0.1.0", "photo", "m" * 64, "{}")) as manifest:
    for name in sys.argv[2:]:
        source = place / f"{name}.jpg"
        manifest.claim(source, out / f"{name}_color.jpg", look(source))
    for name in ("noted", "written", "renewed"):
        (out / f"{name}_color.jpg").write_bytes(b"new colours")
    source = place / "noted.jpg"
    manifest.note(source, out / "noted_color.jpg", "colorized", made=True, picture=look_whole(source))
    os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path), *names], timeout=60, check=False)
    assert done.returncode == -9
    assert not is_running(out)
    with opened(out, RUN) as manifest:
        entries = {name: manifest.entry(tmp_path / f"{name}.jpg") for name in names}
        status = {name: entry.status if entry else None for name, entry in entries.items()}
        assert status == {
            "noted": "colorized",
            "written": "colorized",
            "torn": "interrupted",
            "old": "interrupted",
            "renewed": "colorized",
        }
        written = entries["written"]
        assert written is not None
        assert written.result == look(out / "written_color.jpg")
        assert (written.picture, written.settings) == (look(tmp_path / "written.jpg"), "{}")


def test_a_failure_forgets_no_result_that_is_still_there(tmp_path: Path, out: Path) -> None:
    source, target = photo(tmp_path), out / "a_color.jpg"
    with opened(out, RUN) as manifest:
        photo(out, "a_color.jpg", b"colours")
        manifest.note(source, target, "colorized", made=True, picture=look_whole(source))
        before = manifest.entry(source)
        manifest.note(source, target, "failed", made=False, message="torn")
        entry = manifest.entry(source)
        assert before is not None
        assert entry is not None
        assert (entry.status, entry.message, entry.result, entry.picture) == (
            *("failed", "torn", before.result, before.picture),
        )
        target.unlink()
        manifest.note(source, target, "failed", made=False, message="torn", picture=Seen(1, 2, "3"))
        entry = manifest.entry(source)
        assert entry is not None
        assert (entry.status, entry.result, entry.picture) == ("failed", None, Seen(1, 2, "3"))


def test_of_two_pictures_with_one_result_the_last_has_it(tmp_path: Path, out: Path) -> None:
    first, second = photo(tmp_path), photo(tmp_path / "other")
    target = out / "a_color.jpg"
    with opened(out, RUN) as manifest:
        photo(out, "a_color.jpg", b"colours")
        for source in (first, second):
            manifest.note(source, target, "colorized", made=True, picture=look_whole(source))
        made_from, replaced = manifest.made_from(target), manifest.entry(first)
        assert made_from is not None
        assert replaced is not None
        assert (made_from.source, replaced.status) == (str(second), "replaced")


def test_results_that_were_there_before_are_known_as_such(tmp_path: Path, out: Path) -> None:
    source, target = photo(tmp_path), photo(out, "a_color.jpg", b"colours")
    with opened(out, RUN) as manifest:
        manifest.keep(source, target, None)
        entry = manifest.entry(source)
        assert entry is not None
        assert (entry.status, entry.result) == ("exists", None)


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names of any bytes")
def test_names_that_are_no_utf8(tmp_path: Path, out: Path) -> None:
    source = photo(tmp_path, os.fsdecode(b"\xe9.jpg"))
    with opened(out, RUN) as manifest:
        manifest.note(source, out / os.fsdecode(b"\xe9_color.jpg"), "failed", made=False, message="torn")
        entry = manifest.entry(source)
        assert entry is not None
        assert (entry.source, entry.target) == (str(source), out / os.fsdecode(b"\xe9_color.jpg"))


def test_what_is_no_manifest_is_said(out: Path) -> None:
    path = manifest_file(out)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"this is no database, and long enough to be looked at" * 40)
    with pytest.raises(OutputError, match=r"manifest.sqlite: is damaged .* move it away"), opened(out, RUN):
        pass
    path.unlink()
    base = sqlite3.connect(path)
    base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(OutputError, match="newer tinct"), opened(out, RUN):
        pass
