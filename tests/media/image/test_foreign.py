"""What is no picture is called by its name, with a remedy, and not damaged."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tinct.errors import UnreadableError
from tinct.media.image.picture import open_picture

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
