"""Runs into a folder: what a later one does again, what it leaves, and the same from either engine."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import pytest
import pyvips

from tinct.actors import Engine
from tinct.coloring.photo import batch
from tinct.coloring.photo.batch import colorize_files
from tinct.coloring.photo.manifest import PLACE, Run, manifest_file, opened
from tinct.coloring.photo.row import Row
from tinct.coloring.photo.status import Record, read_manifest, summarize, write_parquet
from tinct.coloring.settings import Decoding, PhotoSettings
from tinct.errors import OutputError, SettingError, UnreadableError


@pytest.fixture
def settings(tiny_model: Path) -> PhotoSettings:
    return PhotoSettings(model=tiny_model, runtime="onnxruntime")


@pytest.fixture
def update(settings: PhotoSettings) -> PhotoSettings:
    return replace(settings, update=True)


@pytest.fixture
def album(tmp_path: Path, camera_png: Path, chelsea_png: Path) -> Path:
    """Three grey pictures, one in colour, and one that is torn."""
    folder = tmp_path / "album"
    (folder / "sub").mkdir(parents=True)
    camera = pyvips.Image.new_from_file(str(camera_png))
    for index, name in enumerate(("a.png", "b.jpg", "sub/c.jpg")):
        camera.resize(0.2 + 0.05 * index).write_to_file(str(folder / name))
    pyvips.Image.new_from_file(str(chelsea_png)).write_to_file(str(folder / "cat.jpg"))
    (folder / "torn.jpg").write_bytes((folder / "b.jpg").read_bytes()[:600])
    return folder


def colorized(album: Path, settings: PhotoSettings, engine: Engine | None = None) -> dict[str, Row]:
    rows = colorize_files(
        [album], output=album.parent / "out", recursive=True, settings=settings, engine=engine or Engine()
    )
    return {row.source.name: row for row in rows}


def statuses(album: Path) -> dict[str, str]:
    return {Path(record.source).name: record.status for record in read_manifest(album.parent / "out")}


def dates(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob("[!.]*_color.*")}


def results(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("[!.]*_color.*")}


FIRST = {"a.png": "colorized", "b.jpg": "colorized", "c.jpg": "colorized", "cat.jpg": "skipped", "torn.jpg": "failed"}


def test_a_second_run_does_what_is_missing_or_failed_alone(album: Path, settings: PhotoSettings) -> None:
    out = album.parent / "out"
    first = colorized(album, settings)
    assert {name: row.status for name, row in first.items()} == statuses(album) == FIRST
    before = dates(out)
    (out / "b_color.jpg").unlink()
    (album / "torn.jpg").write_bytes((album / "b.jpg").read_bytes())
    assert statuses(album)["b.jpg"] == "missing"
    second = colorized(album, settings)
    assert {name: row.status for name, row in second.items()} == {
        **dict.fromkeys(("a.png", "c.jpg"), "exists"),
        **dict.fromkeys(("b.jpg", "torn.jpg"), "colorized"),
        "cat.jpg": "skipped",
    }
    assert second["a.png"].message == f"{out / 'a_color.png'} already exists; replace it with --overwrite"
    assert second["cat.jpg"].message == first["cat.jpg"].message
    after = dates(out)
    assert {name: after[name] for name in ("a_color.png", "c_color.jpg")} == {
        name: before[name] for name in ("a_color.png", "c_color.jpg")
    }
    assert statuses(album) == {**FIRST, "torn.jpg": "colorized"}


def test_a_picture_that_was_skipped_is_not_opened_again(album: Path, settings: PhotoSettings) -> None:
    colorized(album, settings)
    facts = (album / "cat.jpg").stat()
    (album / "cat.jpg").write_bytes(b"x" * facts.st_size)  # were it opened, it would fail
    os.utime(album / "cat.jpg", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert colorized(album, settings)["cat.jpg"].status == "skipped"
    os.utime(album / "cat.jpg")
    assert colorized(album, settings)["cat.jpg"].status == "failed"


def test_a_changed_picture_is_said_and_made_anew_only_with_update(
    album: Path, settings: PhotoSettings, update: PhotoSettings
) -> None:
    out = album.parent / "out"
    colorized(album, settings)
    before = results(out)
    os.utime(album / "a.png", (1, 1))  # another date, and the same picture
    pyvips.Image.new_from_file(str(album / "b.jpg")).invert().write_to_file(str(album / "new.jpg"))
    (album / "new.jpg").rename(album / "b.jpg")
    plain = colorized(album, settings)
    assert (plain["a.png"].status, plain["b.jpg"].status) == ("exists", "exists")
    assert "made before its picture changed; make it anew with --update" in plain["b.jpg"].message
    assert "--overwrite" in plain["a.png"].message
    assert results(out) == before
    anew = colorized(album, update)
    assert {name: row.status for name, row in anew.items()} == {
        **dict.fromkeys(("a.png", "c.jpg"), "exists"),
        "b.jpg": "colorized",
        "cat.jpg": "skipped",
        "torn.jpg": "failed",
    }
    changed = {name for name, data in results(out).items() if data != before[name]}
    assert changed == {"b_color.jpg"}
    assert colorized(album, update)["b.jpg"].status == "exists"


def test_other_settings_or_another_model_are_said_and_made_anew_with_update(
    album: Path, settings: PhotoSettings, update: PhotoSettings, tiny_chroma_model: Path
) -> None:
    colorized(album, settings)
    muted = colorized(album, replace(settings, temperature=1.0, views=1))
    assert "made with another temperature; make it anew with --update" in muted["a.png"].message
    assert colorized(album, replace(update, temperature=1.0))["a.png"].status == "colorized"
    assert colorized(album, replace(update, temperature=1.0))["a.png"].status == "exists"
    other = colorized(album, replace(settings, model=tiny_chroma_model))
    assert "made by another model" in other["a.png"].message
    assert colorized(album, replace(update, model=tiny_chroma_model))["c.jpg"].status == "colorized"


def test_update_spares_what_others_made_or_changed(album: Path, settings: PhotoSettings, update: PhotoSettings) -> None:
    out = album.parent / "out"
    out.mkdir()
    (out / "a_color.png").write_bytes(b"retouched by hand, long ago")
    colorized(album, settings)
    (out / "b_color.jpg").write_bytes(b"retouched by hand")
    assert statuses(album) == {**FIRST, "a.png": "exists", "b.jpg": "altered"}
    rows = colorized(album, replace(update, temperature=1.0))
    assert [rows[name].status for name in ("a.png", "b.jpg", "c.jpg")] == ["exists", "exists", "colorized"]
    assert "changed since tinct wrote it" in rows["b.jpg"].message
    assert (out / "a_color.png").read_bytes() == b"retouched by hand, long ago"
    assert (out / "b_color.jpg").read_bytes() == b"retouched by hand"
    assert colorized(album, replace(settings, overwrite=True))["b.jpg"].status == "colorized"
    assert statuses(album) == FIRST


def test_the_result_of_another_picture_is_said(album: Path, settings: PhotoSettings, update: PhotoSettings) -> None:
    colorized(album, settings)
    other = album.parent / "other"
    album.rename(other)
    rows = colorized(other, update)
    assert rows["a.png"].status == "exists"
    assert f"the result of {album / 'a.png'}" in rows["a.png"].message


def test_a_folder_that_was_moved_knows_its_results(album: Path, settings: PhotoSettings, tmp_path: Path) -> None:
    colorized(album, settings)
    (album.parent / "out").rename(tmp_path / "moved")
    assert {record.status for record in read_manifest(tmp_path / "moved")} == set(FIRST.values())


def test_one_picture_and_results_beside_pictures_have_no_manifest(album: Path, settings: PhotoSettings) -> None:
    colorize_files([album / "a.png"], output=album.parent / "one", settings=settings)
    colorize_files([album], settings=settings)
    assert not list(album.parent.rglob(PLACE))
    with pytest.raises(UnreadableError, match="has no manifest"):
        list(read_manifest(album.parent / "one"))
    with pytest.raises(SettingError, match="name one with -o"):
        colorize_files([album], settings=replace(settings, update=True))


def test_two_runs_into_one_folder_are_refused(album: Path, settings: PhotoSettings) -> None:
    with (
        opened(album.parent / "out", Run("local", "0", "photo", "m", "{}")),
        pytest.raises(OutputError, match="another run is writing it; wait for it"),
    ):
        colorized(album, settings)
    assert results(album.parent / "out") == {}


def test_a_run_killed_at_any_moment_is_taken_up(album: Path, settings: PhotoSettings, tmp_path: Path) -> None:
    for index in range(12):
        (album / f"more{index}.jpg").write_bytes((album / "b.jpg").read_bytes())
    out = tmp_path / "out"
    program = "from tinct.cli import main; main()"
    options = ("--model", str(settings.model), "--runtime", "onnxruntime", "--threads", "1")
    command = [sys.executable, "-c", program, "colorize", str(album), "-r", "-o", str(out), *options]
    for done in (1, 4, 8):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while len(dates(out)) < done and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        base = sqlite3.connect(manifest_file(out))
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        base.close()
    before = results(out)
    assert len(before) >= 8
    rows = colorized(album, settings)
    assert {name: row.status for name, row in rows.items() if row.status == "exists"}.keys() == {
        name.replace("_color", "") for name in before
    }
    after = results(out)
    assert len(after) == 15
    assert {name: after[name] for name in before} == before
    assert len({data for name, data in after.items() if name.startswith("more")}) == 1
    assert statuses(album) == FIRST | {f"more{index}.jpg": "colorized" for index in range(12)}


def test_status_counts_and_exports(album: Path, settings: PhotoSettings, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    colorized(album, settings)
    out = album.parent / "out"
    summary = summarize(out)
    assert (dict(summary.statuses), summary.running) == ({"colorized": 3, "skipped": 1, "failed": 1}, False)
    assert [source for source, _ in summary.failures] == [str(album / "torn.jpg")]
    assert list(summary.made_by.values()) == [3]
    assert write_parquet(out, tmp_path / "out.parquet") == 5
    table = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert [Record(**row) for row in table] == list(read_manifest(out))
    made = next(row for row in table if row["source"].endswith("c.jpg"))
    decoding = {option.name for option in fields(Decoding)} - {"model", "threads", "cautious"}
    assert json.loads(made["settings"]).keys() == decoding | {"hints"}
    assert (made["target"], made["width"]) == (str(out / "sub" / "c_color.jpg"), 154)
    assert json.loads(made["settings"])["runtime"] == "onnxruntime"


def test_pages_of_a_killed_run_are_as_they_were(
    tmp_path: Path, settings: PhotoSettings, camera_png: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = pyvips.Image.new_from_file(str(camera_png)).resize(0.2)
    (tmp_path / "scans").mkdir()
    pages = page.join(page.invert(), "vertical").copy()
    pages.set_type(pyvips.GValue.gint_type, "page-height", page.height)
    pages.write_to_file(str(tmp_path / "scans" / "two.tif"))
    out, every = tmp_path / "out", replace(settings, pages="all")
    with monkeypatch.context() as killed:
        killed.setattr(batch, "note_outcome", lambda *_: None)  # results arrive, and nothing is noted of them
        rows = colorize_files([tmp_path / "scans"], output=out, settings=every)
    assert [row.status for row in rows] == ["colorized"] * 2
    again = colorize_files([tmp_path / "scans"], output=out, settings=replace(every, update=True))
    assert [row.status for row in again] == ["exists"] * 2
    assert {record.status for record in read_manifest(out)} == {"colorized"}


def test_an_engine_is_checked() -> None:
    with pytest.raises(SettingError, match="no engine 'cloud'"):
        Engine(name="cloud")
    with pytest.raises(SettingError, match="--ray-address is for --engine ray"):
        Engine(ray_address="auto")
