"""Every reader of what strangers may send, as a function of bytes: it gives up with a TinctError, and never otherwise.

Both use them: `test_targets.py` with hypothesis, for seconds, and `run.py` with Atheris, for hours.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import os
import sqlite3
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tinct.errors import TinctError

TINY = Path(__file__).parent.parent / "golden" / "tiny_bins.onnx"
# Small enough that one file is looked at in milliseconds; what is larger is refused before it is decoded.
MOST_PIXELS = 1_000_000
BOUNDARY = b"--tinct"


@cache
def place() -> Path:
    """Return a folder of this process's own, in memory where the system has such."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="tinct-fuzz-", dir=memory if os.access(memory, os.W_OK) else None))


def stored(data: bytes, name: str) -> Path:
    path = place() / name
    path.write_bytes(data)
    return path


def read_image(data: bytes) -> None:
    """Open a picture and read it small, with all that the file says about it."""
    from tinct.media.image.picture import open_picture

    picture = open_picture(data, most_pixels=MOST_PIXELS)
    picture.small(size=32)
    _ = picture.metadata


def read_tags(data: bytes) -> None:
    """Read a TIFF file's directories and an EXIF block; damage is a ValueError there, which its callers know."""
    from tinct.media.image.containers import divided
    from tinct.media.image.tags import exif_block, read_exif
    from tinct.media.image.tiff import read_pages
    from tinct.media.image.xmp import split, upright

    with contextlib.suppress(ValueError):
        read_pages(io.BytesIO(data))
    with contextlib.suppress(ValueError):
        exif_block(read_exif(io.BytesIO(data))[0])
    divided(data)
    split(upright(data), ours="")


def read_video(data: bytes) -> None:
    """Open a film and decode its first frames."""
    from itertools import islice

    from tinct.media.video.probe import open_film
    from tinct.media.video.read import read_frames

    film = open_film(stored(data, "film"))
    if film.width * film.height <= MOST_PIXELS:
        with contextlib.closing(read_frames(film)) as frames:
            for _ in islice(frames, 3):
                pass


def read_cards(data: bytes) -> None:
    """Read the cards of both kinds of model files."""
    from tinct.runtime.classifier import ClassifierCard
    from tinct.runtime.modelfile import Card

    text = data.decode("utf-8", "replace")
    for kind in (Card, ClassifierCard):
        with contextlib.suppress(TinctError):
            kind.from_json(text, source="fuzz.onnx")


def read_model(data: bytes) -> None:
    """Check a model file as it is checked before anything loads it."""
    from tinct.runtime.onnxfile import check_file

    check_file(stored(data, "model.onnx"))


def read_recipe(data: bytes) -> None:
    """Read a recipe."""
    from tinct.study.recipe import parse_recipe

    try:
        values = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        return
    parse_recipe(values, name="fuzz")


def read_manifest(data: bytes) -> None:
    """Read the manifest of a folder of results, whatever lies there in its place; then use it for a run."""
    from tinct.coloring.photo.manifest import Run, manifest_file, opened
    from tinct.coloring.photo.status import read_manifest as rows

    path = manifest_file(place() / "out")
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.iterdir():
        left.unlink()
    path.write_bytes(data)
    with contextlib.suppress(TinctError):
        for row in rows(place() / "out"):
            json.dumps(row.to_json())
    with opened(place() / "out", Run("local", "0", "m", "s", "{}")) as manifest:
        manifest.entry(place() / "in.jpg")


def read_hints(data: bytes) -> None:
    """Read hints: as text and JSON of a request, as a film's, and as a painted layer."""
    from tinct.coloring.hints.hint import load_film_hints, load_hints
    from tinct.web.receive import read_hints as of_request

    if data.startswith(b"\x89PNG"):
        load_hints(stored(data, "hints.png"))
        return
    with contextlib.suppress(TinctError):
        of_request(data.decode("utf-8", "replace"))
    with contextlib.suppress(TinctError):
        load_film_hints(stored(data, "hints.json"))


def read_shard(data: bytes) -> None:
    """Read a shard of prepared photographs, as a training does."""
    from tinct.data.shards import Shard, list_shard
    from tinct.data.shards import read_shard as pictures

    shard = Shard(str(stored(data, "train-000000.tar")), 1)
    with contextlib.suppress(TinctError):
        list(list_shard(shard))
    for _ in pictures(shard):
        pass


def read_array(data: bytes) -> None:
    """Read a .npy file."""
    from tinct.media.image.small import read_array as array

    array(stored(data, "array.npy"))


def read_dataset(data: bytes) -> None:
    """Read a dataset's card, and a study's record."""
    from tinct.data.shards import read_card
    from tinct.study.folder import Study

    stored(data, "dataset.json")
    stored(data, "study.json")
    with contextlib.suppress(TinctError):
        read_card(place())
    Study.open(place())


@dataclass(frozen=True)
class _Server:
    app: Any
    loop: asyncio.AbstractEventLoop
    lifespan: Any


@cache
def _server() -> _Server:
    from tinct.coloring.photo.colorizer import Colorizer
    from tinct.web.app import create_app
    from tinct.web.settings import Limits

    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # it tells of every damaged body
    folder = place() / "served"
    folder.mkdir()
    limits = Limits(megapixels=MOST_PIXELS / 1e6, keep_seconds=1)
    app = create_app(Colorizer(TINY, runtime="onnxruntime", threads=1), limits=limits, temporary=folder)
    loop = asyncio.new_event_loop()
    lifespan = app.router.lifespan_context(app)
    loop.run_until_complete(lifespan.__aenter__())
    return _Server(app, loop, lifespan)


def read_multipart(data: bytes) -> None:
    """Send a body to the server, which answers with one of its own statuses and never with 500."""
    server = _server()
    status, body = server.loop.run_until_complete(_answer(server.app, data))
    if status >= 500 and status not in (503, 507):
        raise AssertionError(f"{status}: {body[:300]!r}")


async def _answer(app: Any, data: bytes) -> tuple[int, bytes]:
    headers = [(b"host", b"localhost"), (b"content-type", b"multipart/form-data; boundary=tinct")]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/v1/colorize", "raw_path": b"/v1/colorize", "query_string": b"", "root_path": "",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("localhost", 80), "state": {},
    }  # fmt: skip
    coming = [{"type": "http.request", "body": data, "more_body": False}]
    status, answered = 0, []

    async def receive() -> dict[str, Any]:
        if coming:
            return coming.pop()
        await asyncio.sleep(3600)
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)
        answered.append(message.get("body", b""))

    await app(scope, receive, send)
    return status, b"".join(answered)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "image": read_image,
    "tags": read_tags,
    "video": read_video,
    "card": read_cards,
    "model": read_model,
    "recipe": read_recipe,
    "manifest": read_manifest,
    "hints": read_hints,
    "shard": read_shard,
    "array": read_array,
    "dataset": read_dataset,
    "multipart": read_multipart,
}


def call(name: str, data: bytes) -> None:
    """Give bytes to a reader; a TinctError is an answer, anything else is raised."""
    with contextlib.suppress(TinctError):
        TARGETS[name](data)


def manifest_bytes() -> bytes:
    """Return a manifest with a row, as one file."""
    from tinct.coloring.photo.manifest import Note, Run, Seen, manifest_file, opened

    out = place() / "made"
    with opened(out, Run("local", "0", "m", "s", "{}")) as manifest:
        source, target = place() / "a.jpg", out / "a_color.jpg"
        manifest.note(Note(source, target, "failed", False, "no", picture=Seen(1, 2, "3")))
    base = sqlite3.connect(manifest_file(out))
    for step in ("PRAGMA journal_mode = DELETE", "PRAGMA page_size = 512", "VACUUM"):
        base.execute(step)
    base.close()
    return manifest_file(out).read_bytes()
