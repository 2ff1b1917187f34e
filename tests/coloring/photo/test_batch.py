"""Many pictures: one row for each, failures apart, results where they belong, and going on where it stopped."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvips

from tinct.coloring.photo import row as one_picture
from tinct.coloring.photo.batch import colorize_files, colorize_stream
from tinct.coloring.photo.manifest import PLACE
from tinct.coloring.photo.row import Row
from tinct.coloring.settings import PhotoSettings
from tinct.errors import AlreadyColorError, ModelError, OutputError, SettingError, UnreadableError


@pytest.fixture
def settings(tiny_model: Path) -> PhotoSettings:
    return PhotoSettings(model=tiny_model, runtime="onnxruntime")


@pytest.fixture
def album(tmp_path: Path, camera_png: Path, chelsea_png: Path) -> Path:
    """Five good grey pictures, one in colour, and four that are none."""
    folder = tmp_path / "album"
    (folder / "sub").mkdir(parents=True)
    camera = pyvips.Image.new_from_file(str(camera_png))
    for index, name in enumerate(("a.png", "b.jpg", "c.tif", "d.webp", "sub/a.png")):
        camera.resize(0.2 + 0.05 * index).write_to_file(str(folder / name))
    pyvips.Image.new_from_file(str(chelsea_png)).write_to_file(str(folder / "cat.jpg"))
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("this is no picture\n" * 20)
    (folder / "torn.jpg").write_bytes((folder / "b.jpg").read_bytes()[:600])
    (folder / "notes.txt").write_text("not even named like one")
    return folder


def by_name(rows: list[Row], folder: Path) -> dict[str, Row]:
    return {row.source.relative_to(folder).as_posix(): row for row in rows}


def is_coloured(path: Path) -> bool:
    pixels = pyvips.Image.new_from_file(str(path)).numpy().astype(int)
    return pixels.ndim == 3 and bool(np.ptp(pixels[..., :3], axis=-1).max() > 8)


def test_every_picture_has_a_row_and_failures_do_not_stop(album: Path, settings: PhotoSettings, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    rows = colorize_files(
        [album],
        output=tmp_path / "out",
        recursive=True,
        settings=settings,
        on_row=lambda row, done, total: seen.append((row.source.name, done, total)),
    )
    named = by_name(rows, album)
    assert {name: row.status for name, row in named.items()} == {
        "a.png": "colorized",
        "b.jpg": "colorized",
        "c.tif": "colorized",
        "cat.jpg": "skipped",
        "d.webp": "colorized",
        "empty.jpg": "failed",
        "text.jpg": "failed",
        "torn.jpg": "failed",
        "sub/a.png": "colorized",
    }
    assert seen == [(row.source.name, index + 1, 9) for index, row in enumerate(rows)]
    for row in rows:
        if row.status == "colorized":
            assert row.target is not None
            assert is_coloured(row.target)
            assert (row.message, row.seconds > 0) == ("", True)
            assert (row.width, row.height) == (pyvips.Image.new_from_file(str(row.target)).width, row.height)
        else:
            assert row.target is None
            assert row.source.name in row.message
            assert "\n" not in row.message
    written = sorted(
        path.relative_to(tmp_path / "out").as_posix()
        for path in (tmp_path / "out").rglob("[!.]*.*")
        if PLACE not in path.parts
    )
    assert written == ["a_color.png", "b_color.jpg", "c_color.tif", "d_color.webp", "sub/a_color.png"]


def test_again_it_goes_on_where_it_stopped(album: Path, settings: PhotoSettings) -> None:
    first = by_name(colorize_files([album], settings=settings), album)
    kept, lost = first["a.png"].target, first["b.jpg"].target
    assert kept is not None
    assert lost is not None
    before = kept.stat().st_mtime_ns
    lost.unlink()
    second = by_name(colorize_files([album], settings=settings), album)
    assert {name: row.status for name, row in second.items()} == {
        name: "exists" if row.status == "colorized" and name != "b.jpg" else row.status for name, row in first.items()
    }
    assert second["a.png"].target == kept
    assert kept.stat().st_mtime_ns == before
    third = by_name(
        colorize_files([album / "a.png"], settings=PhotoSettings(model=settings.model, overwrite=True)), album
    )
    assert third["a.png"].status == "colorized"
    assert kept.stat().st_mtime_ns > before


def test_threads_do_not_change_the_results(album: Path, tiny_model: Path, tmp_path: Path) -> None:
    results = []
    for threads in (1, 3):
        settings = PhotoSettings(model=tiny_model, runtime="onnxruntime", threads=threads)
        rows = colorize_files([album], output=tmp_path / f"out{threads}", settings=settings)
        results.append([pyvips.Image.new_from_file(str(row.target)).numpy() for row in rows if row.target])
    assert results[0]
    for one, three in zip(*results, strict=True):
        np.testing.assert_array_equal(one, three)


def test_sheets_and_maps(album: Path, tiny_model: Path, tiny_chroma_model: Path, tmp_path: Path) -> None:
    settings = PhotoSettings(model=tiny_model, compare=True, confidence=True)
    (row,) = colorize_files([album / "b.jpg"], settings=settings)
    assert (row.sheet, row.confidence) == (album / "b_color_sheet.jpg", album / "b_color_confidence.jpg")
    sheet = pyvips.Image.new_from_file(str(row.sheet))
    assert (sheet.width, sheet.height) == (2 * row.width + 8, row.height)
    # A network that predicts chroma directly has no confidence to show.
    settings = PhotoSettings(model=tiny_chroma_model, confidence=True)
    (row,) = colorize_files([album / "b.jpg"], output=tmp_path / "other", settings=settings)
    assert (row.status, row.confidence) == ("colorized", None)


def test_extras_asked_for_later_are_made_from_what_is_there(album: Path, tiny_model: Path) -> None:
    plain = PhotoSettings(model=tiny_model, runtime="onnxruntime")
    wanted = PhotoSettings(model=tiny_model, runtime="onnxruntime", compare=True, confidence=True)
    (first,) = colorize_files([album / "b.jpg"], settings=plain)
    assert first.target is not None
    before = first.target.read_bytes()
    (second,) = colorize_files([album / "b.jpg"], settings=wanted)
    assert (second.status, first.target.read_bytes()) == ("exists", before)
    assert (second.sheet, second.confidence) == (album / "b_color_sheet.jpg", album / "b_color_confidence.jpg")
    assert "made b_color_sheet.jpg and b_color_confidence.jpg" in second.message
    sheet = (album / "b_color_sheet.jpg").read_bytes()
    (third,) = colorize_files([album / "b.jpg"], settings=wanted)
    assert (third.status, third.sheet, third.confidence) == ("exists", None, None)
    first.target.unlink()
    (fourth,) = colorize_files([album / "b.jpg"], settings=wanted)
    assert fourth.status == "failed"
    assert "b_color_sheet.jpg: already exists" in fourth.message
    assert (album / "b_color_sheet.jpg").read_bytes() == sheet


def test_a_sheet_that_fails_leaves_the_photograph_and_says_so(
    album: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> Path:
        raise OutputError("x_sheet.jpg: the sheet cannot be written")

    monkeypatch.setattr(one_picture, "compare_sheet", broken)
    settings = PhotoSettings(model=tiny_model, runtime="onnxruntime", compare=True)
    (row,) = colorize_files([album / "b.jpg"], settings=settings)
    assert (row.status, row.target, row.sheet) == ("failed", album / "b_color.jpg", None)
    assert row.message.startswith(f"{row.target} was written, but x_sheet.jpg")
    assert is_coloured(album / "b_color.jpg")


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names of any bytes")
def test_names_that_are_no_utf8(album: Path, tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    for name in ("a.png", "b.jpg", "c.tif", "d.webp"):
        (folder / os.fsdecode(b"\xe9" + name.encode())).write_bytes((album / name).read_bytes())
    settings = PhotoSettings(model=tiny_model, runtime="onnxruntime", compare=True)
    rows = colorize_files([folder], settings=settings)
    assert [row.status for row in rows] == ["colorized"] * 4
    for row in rows:
        json.dumps(row.to_json())
    written = {os.fsencode(path.name) for path in folder.glob("*_color*")}
    assert written >= {b"\xe9a_color.png", b"\xe9a_color_sheet.png", b"\xe9b_color.jpg", b"\xe9d_color_sheet.webp"}
    assert not list(folder.glob(".*"))


def test_recolor(album: Path, tiny_model: Path) -> None:
    (row,) = colorize_files([album / "cat.jpg"], settings=PhotoSettings(model=tiny_model, recolor=True))
    assert row.status == "colorized"


def test_rows_are_json(album: Path, settings: PhotoSettings) -> None:
    rows = colorize_files([album / "a.png", album / "text.jpg"], settings=settings)
    assert len(rows) == 2
    for row in rows:
        values = json.loads(json.dumps(row.to_json()))
        assert values["source"] == str(row.source)
        assert values["target"] == (str(row.target) if row.target else None)
        assert values["status"] == row.status


def test_nothing_is_written_when_the_model_is_wrong(album: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        colorize_files([album], output=tmp_path / "out", settings=PhotoSettings(model="nonesuch"))
    assert not (tmp_path / "out").exists()


def test_threads_are_checked(album: Path, tiny_model: Path) -> None:
    with pytest.raises(SettingError, match="at least 1 thread"):
        colorize_files([album], settings=PhotoSettings(model=tiny_model, threads=0))


def test_folder_that_cannot_be_made(album: Path, settings: PhotoSettings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (row,) = colorize_files([album / "a.png"], output=tmp_path / "file" / "out", settings=settings)
    assert row.status == "failed"
    assert "cannot be made" in row.message


class Screen(io.BytesIO):
    def isatty(self) -> bool:
        return True


def stream(data: bytes, settings: PhotoSettings, *, output: Path | None = None) -> bytes:
    out = io.BytesIO()
    colorize_stream(["-"], output=output, settings=settings, stdin=io.BytesIO(data), stdout=out)
    return out.getvalue()


def test_stream_in_and_out(camera_png: Path, album: Path, settings: PhotoSettings, tmp_path: Path) -> None:
    image = pyvips.Image.new_from_buffer(stream(camera_png.read_bytes(), settings), "")
    assert (image.width, image.height, image.bands, image.get("vips-loader")) == (512, 512, 3, "pngload_buffer")
    jpeg = pyvips.Image.new_from_buffer(stream((album / "b.jpg").read_bytes(), settings), "")
    assert jpeg.get("vips-loader") == "jpegload_buffer"
    assert stream(camera_png.read_bytes(), settings, output=tmp_path / "x.png") == b""
    assert is_coloured(tmp_path / "x.png")
    out = io.BytesIO()
    colorize_stream([camera_png], output="-", settings=settings, stdin=io.BytesIO(), stdout=out)
    np.testing.assert_array_equal(pyvips.Image.new_from_buffer(out.getvalue(), "").numpy(), image.numpy())


def test_stream_failures(camera_png: Path, chelsea_png: Path, settings: PhotoSettings, tiny_model: Path) -> None:
    for data in (b"", b"this is no picture", camera_png.read_bytes()[:500]):
        with pytest.raises(UnreadableError):
            stream(data, settings)
    with pytest.raises(AlreadyColorError):
        stream(chelsea_png.read_bytes(), settings)
    with pytest.raises(SettingError, match="one input"):
        colorize_stream(["-", "x"], output=None, settings=settings, stdin=io.BytesIO(), stdout=io.BytesIO())
    with pytest.raises(SettingError, match="name files"):
        stream(b"", PhotoSettings(model=tiny_model, compare=True))
    with pytest.raises(SettingError, match="screen"):
        colorize_stream(["-"], output=None, settings=settings, stdin=io.BytesIO(), stdout=Screen())
    with pytest.raises(SettingError, match="keyboard"):
        colorize_stream(["-"], output=None, settings=settings, stdin=Screen(), stdout=io.BytesIO())
    with pytest.raises(SettingError, match="--recursive"):
        colorize_stream(["-"], output=None, recursive=True, settings=settings, stdin=io.BytesIO(), stdout=io.BytesIO())


def test_stream_says_what_was_lost(settings: PhotoSettings, tmp_path: Path) -> None:
    deep = np.full((40, 50, 2), 30000, np.uint16)
    image = pyvips.Image.new_from_array(deep).copy(interpretation="grey16")
    data = image.write_to_buffer(".png")
    row = colorize_stream(
        ["-"], output=tmp_path / "x.jpg", settings=settings, stdin=io.BytesIO(data), stdout=io.BytesIO()
    )
    assert (row.source, row.target, row.status, row.width) == (Path("-"), tmp_path / "x.jpg", "colorized", 50)
    assert "JPG has no transparency" in row.message
    assert "16 bits a channel: they became 8" in row.message


def test_each_page_of_a_tiff_file_is_a_result(tmp_path: Path, camera_png: Path, settings: PhotoSettings) -> None:
    camera = pyvips.Image.new_from_file(str(camera_png)).resize(0.25)
    pages = camera.join(camera.flipver(), "vertical")
    pages.set_type(pyvips.GValue.gint_type, "page-height", camera.height)
    (tmp_path / "album").mkdir()
    pages.write_to_file(str(tmp_path / "album" / "letters.tif"))
    camera.write_to_file(str(tmp_path / "album" / "one.tif"))
    every = PhotoSettings(model=settings.model, runtime=settings.runtime, pages="all", compare=True)
    rows = colorize_files([tmp_path / "album"], output=tmp_path / "out", settings=every)
    assert [(row.source.name, row.target and row.target.name, row.status, row.message) for row in rows] == [
        ("letters.tif", "letters_p1_color.tif", "colorized", ""),
        ("letters.tif", "letters_p2_color.tif", "colorized", ""),
        ("one.tif", "one_color.tif", "colorized", ""),
    ]
    upright, turned = (pyvips.Image.new_from_file(str(row.target)).numpy().astype(float) for row in rows[:2])
    weights = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(upright @ weights, camera.numpy(), atol=1.5)
    np.testing.assert_allclose(turned @ weights, camera.flipver().numpy(), atol=1.5)
    before = pyvips.Image.new_from_file(str(rows[1].sheet)).numpy()[: camera.height, : camera.width]
    np.testing.assert_allclose(before.mean(axis=-1), camera.flipver().numpy(), atol=1)
    again = colorize_files([tmp_path / "album"], output=tmp_path / "out", settings=every)
    assert [row.status for row in again] == ["exists"] * 3
    beside = colorize_files([tmp_path / "album" / "letters.tif"], settings=every)
    assert [row.target and row.target.name for row in beside] == ["letters_p1_color.tif", "letters_p2_color.tif"]
    rest = colorize_files([tmp_path / "album"], settings=settings)
    assert [row.target and row.target.name for row in rest] == ["letters_color.tif", "one_color.tif"]
    with pytest.raises(SettingError, match="pages must be first or all"):
        PhotoSettings(pages="some")
