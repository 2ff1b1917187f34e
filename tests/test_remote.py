"""Files at addresses: servers that drop connections cost time, never a byte; a bucket is read like a folder."""

from __future__ import annotations

import functools
import http.server
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from buckets import bucket_served
from tinct import remote
from tinct.data.prepare import prepare
from tinct.data.source import open_source, read_samples
from tinct.errors import DataError, MissingExtraError, SettingError
from tinct.remote import TRIES, UnreachableError, file_system, is_address, open_address

PIECE = 3000  # bytes after which the flaky server breaks off


class Flaky(http.server.SimpleHTTPRequestHandler):
    """Breaks off every answer, refuses each third request, and knows or does not know ranges."""

    ranges = True
    asked: ClassVar[list[str | None]] = []
    dead = False
    size_of_other = 0

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        wanted = self.headers.get("Range")
        type(self).asked.append(wanted)
        if self.dead or len(self.asked) % 3 == 0:
            self.send_error(503)
            return
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes() + b" " * (self.size_of_other if wanted else 0)
        start = int(re.findall(r"\d+", wanted)[0]) if wanted and self.ranges else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        # Without ranges it must get further each time, or nobody could read it to the end.
        far = start + PIECE if self.ranges else PIECE * len(self.asked)
        self.wfile.write(content[start:far])
        self.close_connection = True


@pytest.fixture
def flaky(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(remote, "PAUSE", 0.001)
    for name, value in (("ranges", True), ("asked", []), ("dead", False), ("size_of_other", 0)):
        monkeypatch.setattr(Flaky, name, value)
    handler = functools.partial(Flaky, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    made = np.random.default_rng(0).bytes(20 * PIECE + 17)
    (tmp_path / "file").write_bytes(made)
    return made


@pytest.mark.parametrize("ranges", [True, False])
def test_connections_that_break_lose_and_repeat_no_byte(flaky: str, content: bytes, ranges: bool) -> None:
    Flaky.ranges = ranges
    with open_address(f"{flaky}/file") as stream:
        pieces = [stream.read(size) for size in (1, 10 * PIECE, 5)]
        assert [len(piece) for piece in pieces] == [1, 10 * PIECE, 5]
        assert b"".join([*pieces, stream.read()]) == content
        assert stream.read(10) == b""
    assert len(Flaky.asked) > 20
    assert f"bytes={PIECE}-" in Flaky.asked


def test_a_server_that_answers_no_more_is_named_after_some_tries(flaky: str, content: bytes) -> None:
    with open_address(f"{flaky}/file") as stream:
        stream.read(10)
        Flaky.dead = True
        before = len(Flaky.asked)
        with pytest.raises(UnreachableError, match=f"503.*tried {TRIES} times"):
            stream.read()
        assert len(Flaky.asked) - before < TRIES + 1
    Flaky.dead = False
    with pytest.raises(FileNotFoundError):
        open_address(f"{flaky}/nothing")


def test_a_file_that_changes_while_it_is_read_is_not_sewn_together(flaky: str, content: bytes) -> None:
    Flaky.size_of_other = 5
    with open_address(f"{flaky}/file") as stream, pytest.raises(UnreachableError, match="changed while it was read"):
        stream.read()


def test_a_dataset_comes_whole_through_a_flaky_connection(flaky: str, photo_folder: Path, tmp_path: Path) -> None:
    place = prepare([photo_folder / "indoors"], tmp_path / "set", val=0, shard_size=10).path
    near, far = (open_source(at, split="train") for at in (place, f"{flaky}/set"))
    assert [content for content, _ in read_samples(far.parts, far)] == [
        content for content, _ in read_samples(near.parts, near)
    ]
    assert len(Flaky.asked) > 2 * len(far.parts)
    Flaky.dead = True
    with pytest.raises(DataError, match=r"train-000000\.tar: cannot be reached .* check the address"):
        list(read_samples(far.parts, far))


def test_a_dataset_is_read_from_a_bucket(photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = prepare([photo_folder / "outdoors"], tmp_path / "set", val=0.3, shard_size=10).path
    with bucket_served(monkeypatch) as bucket:
        system, path = file_system(f"{bucket}/set")
        system.put(str(place), path, recursive=True)
        near, far = (open_source(at, split="train") for at in (place, f"{bucket}/set"))
        assert far.count == near.count > 0
        assert [content for content, _ in read_samples(far.parts, far)] == [
            content for content, _ in read_samples(near.parts, near)
        ]
        with pytest.raises(DataError, match="no such dataset"):
            open_source(f"{bucket}/nothing", split="train")


def test_addresses_are_told_from_paths_and_need_what_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [is_address(place) for place in ("s3://a/b", "https://a", "memory://x", "a/b", "C:/a", Path("x:y"))] == (
        [True, True, True, False, False, False]
    )
    with pytest.raises(SettingError, match="nosuch"):
        file_system("nosuch://bucket/file")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tinct\[remote\]'"):
        open_address("s3://bucket/file")
