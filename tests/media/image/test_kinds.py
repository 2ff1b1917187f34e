"""What a file is by its first bytes: sizes that are refused before decoding, and files that are no pictures."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from media.image.test_failures import png_bomb
from tinct.errors import TooLargeError, UnreadableError
from tinct.media.image.kinds import stated_size
from tinct.media.image.picture import open_picture

SIDE = 60_000


def tiff(*, compression: int = 8, bits: int = 8) -> bytes:
    """Return a TIFF file of one strip whose header claims SIDE x SIDE pixels."""
    strip = zlib.compress(bytes(100))
    tags = [(256, SIDE), (257, SIDE), (258, bits), (259, compression), (262, 1), (273, 8), (278, SIDE)]
    tags += [(277, 1), (279, len(strip))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags))
    start = 8 + len(strip) + (len(strip) & 1)
    head = b"II*\0" + struct.pack("<I", start) + strip.ljust(start - 8, b"\0")
    return head + struct.pack("<H", len(tags)) + entries + bytes(4)


def gif() -> bytes:
    size = struct.pack("<HH", SIDE, SIDE)
    image = b"," + bytes(4) + size + b"\0" + b"\2\2D\1\0;"
    return b"GIF89a" + size + b"\x80\0\0" + bytes(6) + image


def jpeg() -> bytes:
    content = bytearray(cv2.imencode(".jpg", np.zeros((16, 16), np.uint8))[1])
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", SIDE, SIDE)
    return bytes(content)


def avif(path: Path) -> bytes:
    import pyvips

    pyvips.Image.black(64, 64).write_to_file(str(path), compression="av1")
    content = path.read_bytes()
    place = content.index(b"ispe") + 8
    return content[:place] + struct.pack(">II", SIDE, SIDE) + content[place + 8 :]


def heic(path: Path) -> bytes:
    """HEIC itself cannot be written here: the brand decides what reads it."""
    return avif(path).replace(b"ftypavif", b"ftypheic", 1)


def jp2() -> bytes:
    content = bytearray(cv2.imencode(".jp2", np.zeros((64, 64), np.uint8))[1])
    place = content.index(b"\xff\x4f\xff\x51") + 8
    content[place : place + 8] = struct.pack(">II", SIDE, SIDE)
    return bytes(content)


def bmp() -> bytes:
    content = bytearray(cv2.imencode(".bmp", np.zeros((16, 16), np.uint8))[1])
    content[18:26] = struct.pack("<ii", SIDE, -SIDE)
    return bytes(content)


BOMBS: dict[str, Callable[[Path], bytes]] = {
    "png": lambda path: png_bomb(path, SIDE, SIDE).read_bytes(),
    "wide.png": lambda path: png_bomb(path, 20_000_000, 10).read_bytes(),
    "tif": lambda path: tiff(),
    "zstd.tif": lambda path: tiff(compression=50000),
    "packed.tif": lambda path: tiff(compression=1, bits=12),
    "gif": lambda path: gif(),
    "jpg": lambda path: jpeg(),
    "bmp": lambda path: bmp(),
    "pgm": lambda path: b"P5\n# a comment\n%d %d\n255\n" % (SIDE, SIDE),
    "jp2": lambda path: jp2(),
}
_MEMORY = """
import re, resource, sys
from pathlib import Path
from tinct.errors import InputError
from tinct.media.image.picture import open_picture
sizes = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024
open_picture(Path(sys.argv[1])).small(size=64)
before = sizes()
for name in sys.argv[2:]:
    try:
        open_picture(Path(name)).small(size=64)
        print(name, "was opened")
    except InputError:
        pass
    if sizes() > before + 150:
        print(name, sizes() - before)
        break
"""


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_by_its_header(tmp_path: Path, name: str) -> None:
    content = BOMBS[name](tmp_path / "made.png")
    assert len(content) < 10_000
    with pytest.raises(TooLargeError, match=r"more than 1000 megapixels|longer than a million"):
        open_picture(content)


@pytest.mark.skipif(sys.platform != "linux", reason="knows memory in Linux's units")
def test_no_bomb_takes_memory(tmp_path: Path, camera_png: Path) -> None:
    """Those of formats that say their size only to their own decoders, too; and texts that inflate to gigabytes."""
    bombs = {name: BOMBS[name](tmp_path / "made.png") for name in BOMBS}
    bombs |= {"avif": avif(tmp_path / "made.avif"), "heic": heic(tmp_path / "made2.avif")}
    files = []
    for name, content in bombs.items():
        files.append(tmp_path / f"bomb.{name}")
        files[-1].write_bytes(content)
    command = [sys.executable, "-c", _MEMORY, str(camera_png), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == ""


def test_a_text_that_inflates_without_end_is_cut(tmp_path: Path, camera_png: Path) -> None:
    """A PNG file's compressed texts and profile are bounded."""
    plain = camera_png.read_bytes()
    chunks = b""
    packed = zlib.compress(bytes(60_000_000))
    for kind, head in ((b"zTXt", b"Comment\0\0"), (b"iCCP", b"profile\0\0")):
        data = head + packed
        chunks += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path = tmp_path / "texts.png"
    path.write_bytes(plain[:33] + chunks + plain[33:])
    picture = open_picture(path)
    assert (picture.width, picture.height) == (512, 512)
    assert sum(map(len, (text for _, text in picture.metadata.texts))) < 20_000_000


@pytest.mark.parametrize(("kind", "content"), [("bmpload", b"BM"), ("pnmload", b"P5 x"), ("jp2kload", b"\xff\x4f")])
def test_damaged_headers_state_no_size(kind: str, content: bytes) -> None:
    assert stated_size(content, kind) is None


HEADS = {
    b"%PDF-1.4\n": "is a PDF document; take its pictures out first",
    b"8BPS\0\1": "is a document of Photoshop; save it as TIFF",
    b"\xff\x0a\xfa\x7f": "is JPEG XL, which tinct does not read",
    b"\0\0\0\x0cJXL \r\n\x87\n": "is JPEG XL",
    b"v/1\x01": "high dynamic range",
    b"\r\n<!DOCTYPE html>": "is a web page, as failed downloads leave",
    b"\0\5\x16\7\0\2\0\0Mac OS X": "is what macOS notes about another file",
    b"\0\0\0\x20ftypmp42": "is a film; use tinct video",
    b"version https://git-lfs.github.com/spec/v1\n": "Git LFS",
    b"PK\3\4": "is an archive; unpack it first",
    bytes(64): "holds nothing but zeros",
}


@pytest.mark.parametrize("head", HEADS)
def test_it_is_named(tmp_path, head):
    (tmp_path / "in.jpg").write_bytes(head + bytes(200))
    with pytest.raises(UnreadableError, match=HEADS[head]) as caught:
        open_picture(tmp_path / "in.jpg")
    assert "or damaged" not in str(caught.value)


def test_pcx_and_icons_are_named():
    for kind, words in (("PCX", "is a PCX file"), ("ICO", "is an icon")):
        stream = io.BytesIO()
        Image.new("L", (32, 32)).save(stream, kind)
        with pytest.raises(UnreadableError, match=words):
            open_picture(stream.getvalue())


def test_what_has_no_name_is_no_picture():
    with pytest.raises(UnreadableError, match="is not a picture that can be read, or is damaged"):
        open_picture(b"\x93unknown" * 20)
