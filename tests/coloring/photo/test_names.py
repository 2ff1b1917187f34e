"""Names that play tricks: results lie where they belong, and a screen shows what would command it as escapes."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from tinct.cli.output import harmless
from tinct.coloring.photo.batch import colorize_files
from tinct.coloring.photo.status import read_manifest
from tinct.coloring.settings import PhotoSettings

pytestmark = pytest.mark.skipif(os.name == "nt", reason="such names are none there")
NAMES = (
    "a...png",
    "new\nline.png",
    "bell\a\x1b[2J.png",
    "\u202egnp.exe.png",
    "a b'\"$(x);`y`.png",
    "-rf.png",
    "%s%n.png",
)
LONG = "e" * 241 + "\u00e9.png"  # 247 bytes; with _color, 253


def test_results_lie_in_their_folder(tiny_model: Path, tmp_path: Path) -> None:
    album, out, other = tmp_path / "album", tmp_path / "out", tmp_path / "other"
    for folder in (album, other):
        folder.mkdir()
    picture = bytes(cv2.imencode(".png", np.tile(np.arange(32, dtype=np.uint8) * 7, (24, 1)))[1])
    strange = os.fsdecode(b"latin-\xe9.png")
    too_long = "x" * 251 + ".png"  # 255 bytes, so that its result would have more
    for name in (*NAMES, LONG, strange, too_long):
        (album / name).write_bytes(picture)
    (other / "outside.png").write_bytes(picture)
    (album / "link.png").symlink_to(other / "outside.png")
    (album / "loop").symlink_to(album)
    settings = PhotoSettings(model=str(tiny_model), runtime="onnxruntime", threads=1)
    rows = colorize_files([album], output=out, recursive=True, settings=settings)
    statuses = {row.source.name: row.status for row in rows}
    assert statuses == {**dict.fromkeys((*NAMES, LONG, strange, "link.png"), "colorized"), too_long: "failed"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["album", "other", "out"]
    assert [path.name for path in other.iterdir()] == ["outside.png"]
    made = {path.name for path in out.iterdir() if path.is_file()}
    assert made == {name.removesuffix(".png") + "_color.png" for name in statuses if name != too_long}
    assert {Path(record.source).name: record.status for record in read_manifest(out)} == statuses


def test_a_screen_is_not_commanded() -> None:
    assert harmless("a\x1b[2J\u202eb\tc\n") == "a\\x1b[2J\\u202eb\tc\n"
