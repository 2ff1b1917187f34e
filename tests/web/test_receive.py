"""Only files of known kinds are opened, whatever their names say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinct.web.receive import film_suffix, kind_of
from web.helpers import encoded, grey_picture


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif", ".pgm"])
def test_photographs_are_known_by_their_first_bytes(suffix: str) -> None:
    assert kind_of(encoded(suffix, grey_picture())[:1024]) == "photo"


def test_a_film_is_known_by_its_first_bytes(film_mp4: Path) -> None:
    head = film_mp4.read_bytes()[:1024]
    assert kind_of(head) == "film"
    assert film_suffix(head) == ".mp4"


@pytest.mark.parametrize(
    ("head", "suffix"),
    [
        (b"\x1a\x45\xdf\xa3 .. webm", ".webm"),
        (b"\x1a\x45\xdf\xa3 .. matroska", ".mkv"),
        (b"RIFF\0\0\0\0AVI LIST", ".avi"),
        (b"\0\0\0\x14ftypqt  ", ".mov"),
        (b"\0\0\0\x08wide", ".mov"),
        ((b"G" + bytes(187)) * 3, ".ts"),
    ],
)
def test_containers(head: bytes, suffix: str) -> None:
    assert film_suffix(head) == suffix


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"hello",
        b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://x/"/></svg>',
        b"<?xml version='1.0'?><svg/>",
        b"#EXTM3U\n#EXTINF:1,\nhttp://x/a.ts\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"%PDF-1.7",
        b"push graphic-context\nimage over 0,0 0,0 'http://x/'",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\n",
    ],
)
def test_text_that_could_name_other_files_is_refused(head: bytes) -> None:
    assert kind_of(head) is None
