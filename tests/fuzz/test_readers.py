"""What comes from strangers is read or refused in words, never otherwise; for hours it is tried by `make fuzz`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.targets import MOST_PIXELS, TARGETS, call
from tinct.errors import TooLargeError, UnreadableError

CORPUS = Path(__file__).parent / "corpus"
# Those of which a single call takes long are tried less often here.
SLOW = {"image": 6, "video": 4, "multipart": 3, "manifest": 20}
SOME = 40


def corpus(name: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_kept_to_begin_from_is_small_and_answered(name: str) -> None:
    """Among it is what once broke the reader."""
    files = corpus(name)
    assert 0 < sum(map(len, files)) < 20_000
    for content in files:
        call(name, content)


@st.composite
def damaged(draw: st.DrawFn, files: list[bytes]) -> bytes:
    """One of the files with a piece cut out, repeated, or replaced by random bytes; the end of it, at times."""
    content = bytearray(draw(st.sampled_from(files)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        length = draw(st.integers(0, 8))
        piece = draw(st.one_of(st.just(bytes(content[start : start + length]) * 2), st.binary(max_size=8)))
        content[start : start + length] = piece
    if draw(st.integers(0, 4)) == 0:
        del content[draw(st.integers(0, len(content))) :]
    return bytes(content)


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_files_are_answered(name: str) -> None:
    tried = []

    @settings(
        max_examples=SLOW.get(name, SOME),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(damaged(corpus(name)))
    def attempt(content: bytes) -> None:
        call(name, content)
        tried.append(len(content))

    attempt()
    assert tried


def test_readers_answer_what_is_sound_and_refuse_what_is_not() -> None:
    """A target that swallowed everything would find nothing."""
    TARGETS["image"]((CORPUS / "image" / "plain.png").read_bytes())
    with pytest.raises(UnreadableError):
        TARGETS["image"](b"no picture")
    with pytest.raises(TooLargeError):
        TARGETS["image"](b"P5 %d 1000 255 " % (MOST_PIXELS // 1000 + 1))
