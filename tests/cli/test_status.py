"""`tinct status`, and the folder it tells of, as a person or a script sees them."""

from __future__ import annotations

import json
from pathlib import Path

from cli.process import run


def test_status_shows_what_became_of_each_picture(album: Path, tiny_model: Path, tmp_path: Path) -> None:
    (album / "torn.jpg").write_bytes((album / "one.jpg").read_bytes()[:500])
    options = ("--model", tiny_model, "--runtime", "onnxruntime")
    done = run("colorize", "album", "-o", "out", *options, folder=tmp_path, text=True)
    assert done.returncode == 1
    assert sorted(path.name for path in (tmp_path / "out").glob("[!.]*")) == ["one_color.jpg", "two_color.png"]
    (tmp_path / "out" / "two_color.png").unlink()
    table = run("status", "out", folder=tmp_path, text=True)
    assert (table.returncode, table.stderr) == (0, "")
    assert "out: 3 pictures" in table.stdout
    cells = [line.replace("│", " ").split() for line in table.stdout.splitlines()]
    assert {tuple(row) for row in cells} >= {("colorized", "1"), ("missing", "1"), ("failed", "1")}
    assert "failed: album/torn.jpg" in table.stdout
    told = run("status", "out", "--json", "--parquet", "out.parquet", folder=tmp_path, text=True)
    rows = {Path(row["source"]).name: row for row in map(json.loads, told.stdout.splitlines())}
    assert {name: row["status"] for name, row in rows.items()} == {
        "one.jpg": "colorized",
        "torn.jpg": "failed",
        "two.png": "missing",
    }
    assert rows["one.jpg"]["settings"]["runtime"] == "onnxruntime"
    assert told.stderr == "out.parquet  3 pictures\n"
    assert (tmp_path / "out.parquet").read_bytes()[:4] == b"PAR1"
    assert sorted(path.name for path in (tmp_path / "out" / ".tinct").iterdir()) == ["lock", "manifest.sqlite"]
    update = ("--update", "--temperature", "1")
    again = run("colorize", "album", "-o", "out", "--json", *options, *update, folder=tmp_path, text=True)
    assert [json.loads(line)["status"] for line in again.stdout.splitlines()] == ["colorized", "failed", "colorized"]


def test_a_folder_without_a_manifest_is_said(tmp_path: Path) -> None:
    done = run("status", tmp_path, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"tinct: {tmp_path}: has no manifest")
    assert done.stderr.count("\n") == 1


def test_an_engine_that_is_none_is_refused(album: Path) -> None:
    done = run("colorize", album, "--engine", "cloud", text=True)
    assert (done.returncode, done.stderr) == (1, "tinct: no engine 'cloud'; there are local, ray\n")
