"""What is no picture, or cannot be written, fails in one line and leaves nothing."""

import contextlib
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import pyvips

from media.image.pictures import scene, tinted, write
from tinct.errors import InputError, OutputError, TinctError, TooLargeError, UnreadableError
from tinct.media.image import picture as image_module
from tinct.media.image.picture import check_target, open_picture


def png_bomb(path: Path, width: int, height: int) -> Path:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def bad_files(folder: Path) -> dict[str, Path]:
    good = write(folder / "good.jpg", scene(900, 1200), Q=95).read_bytes()
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("This is no picture.\n")
    (folder / "table.csv").write_text("1,2,3\n" * 20)
    (folder / "cut.jpg").write_bytes(good[: len(good) // 2])
    deep = write(folder / "whole.png", scene(400, 400)).read_bytes()
    (folder / "cut.png").write_bytes(deep[: len(deep) // 2])
    tiff = write(folder / "whole.tif", scene(400, 400)).read_bytes()
    (folder / "cut.tif").write_bytes(tiff[: len(tiff) // 2])
    (folder / "folder.jpg").mkdir()
    write(folder / "line.png", np.zeros((1, 50_000, 1), np.uint8))
    png_bomb(folder / "bomb.png", 50_000, 40_000)
    png_bomb(folder / "zero.png", 0, 0)
    return {path.name: path for path in folder.iterdir()} | {"missing.jpg": folder / "missing.jpg"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("missing.jpg", UnreadableError),
        ("empty.jpg", UnreadableError),
        ("text.jpg", UnreadableError),
        ("table.csv", UnreadableError),
        ("cut.jpg", UnreadableError),
        ("cut.png", UnreadableError),
        ("cut.tif", UnreadableError),
        ("folder.jpg", UnreadableError),
        ("zero.png", UnreadableError),
        ("line.png", InputError),
        ("bomb.png", TooLargeError),
    ],
)
def test_bad_input_fails_with_one_line_and_leaves_nothing(tmp_path, name, kind, capfd):
    source = bad_files(tmp_path)[name]
    target = tmp_path / "results" / "out.png"
    target.parent.mkdir()
    with pytest.raises(kind) as caught:  # noqa: PT012  (either step may find it)
        opened = open_picture(source, strict=True)
        opened.small(size=64)
    message = str(caught.value)
    assert name in message
    assert "\n" not in message
    if name.startswith("cut"):
        try:
            opened = open_picture(source, strict=True)
        except UnreadableError:
            return
        with pytest.raises(UnreadableError, match="cut"):
            opened.write(tinted, target, settings={}, threads=2)
    assert list(target.parent.iterdir()) == []


def test_targets_are_checked_first(tmp_path):
    source = write(tmp_path / "in.png", scene())
    other = write(tmp_path / "there.png", scene())
    (tmp_path / "folder.png").mkdir()
    check_target(tmp_path / "new.png", source, overwrite=False)
    check_target(other, source, overwrite=True)
    for target, overwrite, words in [
        (source, True, "the input itself"),
        (other, False, "--overwrite"),
        (tmp_path / "x.gif", False, "choose one of"),
        (tmp_path / "no" / "x.png", False, "does not exist"),
        (tmp_path / "folder.png", False, "is a folder"),
    ]:
        with pytest.raises(OutputError, match=words) as caught:
            check_target(target, source, overwrite=overwrite)
        assert str(target) in str(caught.value)


def test_a_failure_while_computing_is_passed_on(tmp_path, capfd):
    def broken(rows, top):
        if top > 0:
            raise TinctError("the model is broken")
        return tinted(rows, top)

    source = write(tmp_path / "in.png", scene(3000, 400))
    with pytest.raises(TinctError, match="the model is broken"):
        open_picture(source).write(broken, tmp_path / "out.png", settings={}, threads=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.png"]
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on file size")
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, suffix):
    """A limit on the size of files, in a process of its own, stands in for the disk's end."""
    pixels = np.random.default_rng(1).integers(0, 256, (500, 500, 1), dtype=np.uint8)
    source = write(tmp_path / "in.png", pixels)
    target = tmp_path / "results" / f"out{suffix}"
    target.parent.mkdir()
    script = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from tinct.errors import OutputError
from tinct.media.image.picture import open_picture
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
picture = open_picture(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    picture.write(lambda rows, top: np.repeat(rows, 3, axis=-1), Path(sys.argv[2]), settings={}, threads=2)
except OutputError as error:
    print(error)
"""
    command = [sys.executable, "-W", "error", "-c", script, str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith(f"{target}: cannot be written"), done.stdout
    assert done.stdout.count("\n") == 1
    assert list(target.parent.iterdir()) == []


def test_rows_that_are_missing_are_an_error_even_if_the_saver_is_content(tmp_path, monkeypatch):
    def broken(rows, top):
        raise TinctError("the model is broken")

    source = write(tmp_path / "in.png", scene())
    monkeypatch.setattr(image_module, "save", lambda image, *_: content_with_anything(image))
    with pytest.raises(TinctError, match="the model is broken"):
        open_picture(source).write(broken, tmp_path / "out.png", settings={}, threads=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.png"]


def content_with_anything(image: pyvips.Image) -> None:
    with contextlib.suppress(pyvips.Error):
        image.write_to_memory()


def test_an_unwritable_folder_is_one_line(tmp_path, monkeypatch):
    source = write(tmp_path / "in.png", scene())
    closed = tmp_path / "closed"
    closed.mkdir()
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != closed and real(path, mode))
    with pytest.raises(OutputError, match="cannot be written"):
        open_picture(source).write(tinted, closed / "out.png", settings={}, threads=1)
    assert list(closed.iterdir()) == []
