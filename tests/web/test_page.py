"""The page in Chromium, as a person uses it: nothing here looks into the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from web.helpers import Process, encoded, grey_picture

WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, film_mp4: Path, color_png: bytes) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    made = {
        "photo": ("grandmother.jpg", encoded(".jpg", grey_picture(300, 440))),
        "second": ("uncle.png", encoded(".png", grey_picture(200, 150))),
        "garbage": ("garbage.jpg", b"no picture at all"),
        "color": ("color.png", color_png),
        "film": ("reel.mp4", film_mp4.read_bytes()),
    }
    for name, data in made.values():
        (folder / name).write_bytes(data)
    return {key: folder / name for key, (name, _) in made.items()}


class Seen:
    """What a page did beside what was asked of it."""

    def __init__(self, page: Any, server: Process) -> None:
        self.page = page
        self.console: list[str] = []
        self.elsewhere: list[str] = []
        self.allowed: list[str] = []
        page.on("console", lambda message: message.type in ("error", "warning") and self.console.append(message.text))
        page.on("pageerror", lambda error: self.console.append(str(error)))

        def request(asked: Any) -> None:
            if not asked.url.startswith((server.url, "blob:", "data:")):
                self.elsewhere.append(asked.url)

        page.on("request", request)

    def check(self) -> None:
        # Chromium itself writes a line for every answer that is no success.
        told = [line for line in self.console if not any(allowed in line for allowed in self.allowed)]
        assert told == []
        assert self.elsewhere == []


Open = Callable[..., Any]


@pytest.fixture
def open_page(browser: Any, server: Process) -> Iterator[Open]:
    """Open the page; after the test, nothing was on its console and nothing asked of other machines."""
    opened: list[Any] = []

    def make(path: str = "", **options: Any) -> Any:
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
        page.seen.check()
        context.close()


def upload(page: Any, *paths: Path) -> None:
    page.set_input_files("#file-input", [str(path) for path in paths])


def ready(page: Any, count: int = 1) -> None:
    page.locator("#file-list li.ready").nth(count - 1).wait_for()
    page.locator("#after[src]").wait_for()
    page.locator("#variants img[src]").nth(5).wait_for()


def changed(page: Any, action: Callable[[], Any]) -> None:
    """Do something after which another picture is to be seen."""
    before = page.locator("#after").get_attribute("src")
    action()
    page.locator(f'#after:not([src="{before}"])').wait_for()


def slide(page: Any, name: str, value: float) -> None:
    page.locator(f"#{name}").fill(str(value))
    page.locator(f"#{name}").dispatch_event("change")


def saved(page: Any, button: str = "#save") -> tuple[str, bytes]:
    with page.expect_download() as download:
        page.click(button)
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def violations(page: Any) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{item['id']}: {node['html'][:120]}" for item in found for node in item["nodes"]]


def test_a_photograph_is_coloured_corrected_and_saved(open_page: Open, files: dict[str, Path], server: Process) -> None:
    page = open_page()
    upload(page, files["photo"])
    ready(page)
    assert page.locator("#size-note").inner_text().startswith("440 × 300 pixels, JPEG")
    # Temperature, live.
    changed(page, lambda: slide(page, "temperature", 0.9))
    assert page.locator("#temperature-value").inner_text() == "0.90"
    # A colour at a place: the likely ones first.
    page.get_by_label("Set a colour").check()
    box = page.locator("#stage").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.4)
    page.locator("#chooser").wait_for()
    assert page.locator("#chooser-swatches button").count() >= 1
    page.locator("#chooser-color").fill("#c02020")
    changed(page, lambda: page.click("#chooser-use"))
    assert page.locator("#hints li").count() == 1
    # Undo, redo, reset.
    changed(page, lambda: page.click("#undo"))
    assert page.locator("#hints li").count() == 0
    changed(page, lambda: page.keyboard.press("Control+Shift+Z"))
    assert page.locator("#hints li").count() == 1
    name, data = saved(page)
    assert name == "grandmother_color.jpg"
    result = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)
    assert result.shape == (300, 440, 3)
    assert result[120, 220, 0] > result[120, 220, 1] + 30
    changed(page, lambda: page.click("#reset"))
    assert page.locator("#reset").is_disabled()
    page.goto("about:blank")
    (store,) = server.place.glob("tinct-serve-*")  # type: ignore[attr-defined]
    for _ in range(50):  # the server learns of it a moment later
        if [path.name for path in store.iterdir()] == ["lock"]:
            break
        page.wait_for_timeout(100)
    assert [path.name for path in store.iterdir()] == ["lock"]


def test_brushing_variants_veil_and_the_slider(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page()
    upload(page, files["photo"])
    ready(page)
    changed(page, lambda: page.get_by_role("button", name="Vivid").click())
    page.get_by_label("Show where the network is unsure").check()
    page.locator("#veil[src]").wait_for()
    page.locator("#divide").fill("20")
    assert page.evaluate("getComputedStyle(document.getElementById('stage')).getPropertyValue('--cut')") == "20%"
    box = page.locator("#stage").bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 60)
    page.mouse.up()
    assert 70 < float(page.locator("#divide").input_value()) < 80
    page.get_by_label("Brush", exact=True).check()
    page.locator("#brush-color").fill("#2040c0")
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 140, steps=6)
    changed(page, page.mouse.up)
    assert "brushed" in page.locator("#hints li").inner_text()


def test_everything_by_keyboard(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose files").focus()
        page.keyboard.press("Enter")
    chooser.value.set_files(str(files["photo"]))
    ready(page)
    page.locator("input[name=tool]:checked").focus()
    page.keyboard.press("ArrowRight")
    page.locator("#stage").focus()
    for key in ("ArrowUp", "ArrowUp", "ArrowLeft"):
        page.keyboard.press(key)
    assert page.locator("#cross").is_visible()
    page.keyboard.press("Enter")
    page.locator("#chooser").wait_for()
    page.keyboard.press("Escape")
    assert page.locator("#chooser").is_hidden()
    assert page.evaluate("document.activeElement.id") == "stage"
    page.keyboard.press("Enter")
    page.locator("#chooser").wait_for()
    changed(page, lambda: page.keyboard.press("Enter"))  # the first of the likely colours has the focus
    assert page.locator("#hints li").count() == 1
    changed(page, lambda: page.keyboard.press("Control+z"))


def test_several_files_good_and_bad(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page()
    page.seen.allowed += ["status of 415", "status of 409"]
    upload(page, files["photo"], files["garbage"], files["color"], files["second"])
    ready(page, 2)
    assert "no photograph" in page.locator("#file-list li.failed").first.inner_text()
    assert page.locator("#alert").is_visible()
    page.click("#alert-close")
    page.get_by_role("button", name="Colour it anyway").click()
    ready(page, 3)
    page.locator("#file-list button.open").last.click()
    page.locator("#size-note", has_text="150 × 200").wait_for()
    page.get_by_role("button", name="Remove garbage.jpg").click()
    assert page.locator("#file-list li").count() == 3
    names = set()
    page.on("download", lambda download: names.add(download.suggested_filename))
    page.click("#save-all")
    page.locator("#status", has_text="All photographs saved.").wait_for()
    page.wait_for_timeout(200)
    assert names == {"grandmother_color.jpg", "color_color.png", "uncle_color.png"}


def test_a_film(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page()
    upload(page, files["film"])
    page.locator("#stills button").first.wait_for()
    changed(page, lambda: slide(page, "temperature", 0.9))
    page.get_by_role("button", name="Colour the film").click()
    page.locator("#film-done").wait_for()
    assert page.locator("#film-video").evaluate("video => video.getAttribute('src')").startswith("/v1/jobs/")
    name, data = saved(page, "#film-save")
    assert name == "reel_color.mp4"
    assert data[4:8] == b"ftyp"


@pytest.mark.parametrize("scheme", [pytest.param("light", marks=pytest.mark.slow), "dark"])
def test_phone_light_and_dark_are_accessible(open_page: Open, files: dict[str, Path], scheme: str) -> None:
    page = open_page(viewport=PHONE, color_scheme=scheme, has_touch=True, is_mobile=True)
    assert page.get_by_role("button", name="Take a photograph").is_visible()
    assert violations(page) == []
    upload(page, files["photo"])
    ready(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in background[4:-1].split(",")) < 300) == (scheme == "dark")
    page.get_by_label("Set a colour").check()
    page.locator("#marks button").first.tap()
    page.locator("#chooser").wait_for()
    assert violations(page) == []
    changed(page, lambda: page.locator("#chooser-swatches button").last.tap())
    assert violations(page) == []


def test_dropping_and_pasting(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page()
    data = list(files["second"].read_bytes())
    give = """([data, kind]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(data)], `${kind}.png`, { type: "image/png" }));
      const options = kind === "drop" ? { dataTransfer: transfer } : { clipboardData: transfer };
      const make = kind === "drop" ? DragEvent : ClipboardEvent;
      document.body.dispatchEvent(new make(kind, { ...options, bubbles: true, cancelable: true }));
    }"""
    page.evaluate(give, [data, "drop"])
    page.evaluate(give, [data, "paste"])
    ready(page, 2)
    assert [name.inner_text() for name in page.locator("#file-list .name").all()] == ["drop.png", "paste.png"]


def test_the_api_is_described_without_a_network(open_page: Open) -> None:
    page = open_page("docs")
    page.locator("summary", has_text="/v1/colorize").click()
    details = page.locator("details[open]")
    assert "temperature" in details.inner_text()
    assert "curl -X POST -F file=@FILE" in details.inner_text()
    assert page.locator("details").count() >= 20
    assert violations(page) == []


def test_a_server_that_is_gone_is_told(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page()
    page.seen.allowed += ["ERR_FAILED"]
    page.route("**/v1/edits", lambda route: route.abort())
    upload(page, files["photo"])
    page.locator("#alert-text", has_text="cannot be reached").wait_for()
    page.unroute("**/v1/edits")
    page.get_by_role("button", name="Try again").click()
    ready(page)
