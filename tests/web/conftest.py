"""A server in this process for the API, one in a process of its own, and Chromium for the page."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from tinct.coloring.photo.colorizer import Colorizer
from tinct.web.app import create_app
from tinct.web.settings import Limits
from web.helpers import HERE, Process, encoded, eventually, grey_picture, serving, write_film
from web.pages import WIDE, Open, Seen


@pytest.fixture(scope="session")
def colorizer(tiny_model: Path) -> Colorizer:
    return Colorizer(tiny_model, size=64)


@pytest.fixture(scope="session")
def make_client(colorizer: Colorizer) -> Iterator[Callable[..., TestClient]]:
    """Give a client of a server with these limits and options; the files it keeps lie in `client.store`."""
    with ExitStack() as stack:

        def make(limits: Limits | None = None, **options: Any) -> TestClient:
            app = create_app(colorizer, limits=limits, **options)
            client = stack.enter_context(TestClient(app, base_url=HERE))
            client.store = app.state.service.store.root  # type: ignore[attr-defined]
            return client

        yield make


@pytest.fixture(scope="session")
def client(make_client: Callable[..., TestClient]) -> TestClient:
    return make_client(names=("127.0.0.1",))


@pytest.fixture(scope="session")
def grey_png() -> bytes:
    """A grey picture of 200 x 120 with something in it."""
    return encoded(".png", grey_picture())


@pytest.fixture(scope="session")
def color_png() -> bytes:
    shades = np.zeros((60, 90, 3), np.uint8)
    light = np.linspace(80, 220, 60).astype(np.uint8)[:, None]
    shades[:, :30, 0] = shades[:, 30:60, 1] = shades[:, 60:, 2] = light
    return encoded(".png", shades)


@pytest.fixture(scope="session")
def film_mp4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grey film of 12 frames in one second."""
    return write_film(tmp_path_factory.mktemp("film") / "film.mp4", frames=12)


@pytest.fixture(scope="session")
def server(seeing_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """`tinct serve` with the tiny model, which can compare pictures."""
    place = tmp_path_factory.mktemp("served")
    with serving(
        "serve", "--port", "0", "--size", "64", "--model", str(seeing_model), env={"TMPDIR": str(place)}
    ) as process:
        process.place = place  # type: ignore[attr-defined]
        yield process


# Of each module: while Playwright is at work its event loop runs in this thread, and no other can.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, without a network but this machine."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("needs Chromium: make browser")  # the end of the run says it once more
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, film_mp4: Path, color_png: bytes) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    made = {
        "photo": ("grandmother.jpg", encoded(".jpg", grey_picture(300, 440))),
        "second": ("uncle.png", encoded(".png", grey_picture(200, 150))),
        "garbage": ("garbage.jpg", b"no picture at all"),
        "color": ("color.png", color_png),
        "film": ("reel.mp4", film_mp4.read_bytes()),
        "like": ("aunt.png", color_png),
        "bright": ("sky.png", encoded(".png", 244 + grey_picture() % 6)),
    }
    for name, data in made.values():
        (folder / name).write_bytes(data)
    return {key: folder / name for key, (name, _) in made.items()}


def wait_for_room(server: Process) -> None:
    """Wait until the photographs of earlier tests' pages are closed, which is some seconds after their pages are."""

    def room() -> bool:
        with urllib.request.urlopen(f"{server.url}healthz") as answer:
            return bool(json.load(answer)["room"])

    eventually(room)


@pytest.fixture
def open_page(browser: Any, server: Process) -> Iterator[Open]:
    """Open the page; after the test, nothing was on its console and nothing asked of other machines."""
    opened: list[Any] = []

    def make(path: str = "", **options: Any) -> Any:
        wait_for_room(server)
        context = browser.new_context(**({"viewport": WIDE} | options))
        context.set_default_timeout(60_000)
        page = context.new_page()
        page.seen = Seen(page, server)
        page.goto(server.url + path)
        opened.append((context, page))
        return page

    yield make
    for context, page in opened:
        page.goto("about:blank")  # leaving is what closes the photographs
        page.wait_for_timeout(100)
        context.close()
    for _, page in opened:
        page.seen.check()
