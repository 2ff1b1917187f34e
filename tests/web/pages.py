"""What the tests of the page share: what a person does there, and what else the page did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from web.helpers import Process

WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
SIZES = (WIDE, {"width": 1366, "height": 768}, PHONE)


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
        assert told == [], told
        assert self.elsewhere == []


Open = Callable[..., Any]


def upload(page: Any, *paths: Path) -> None:
    page.set_input_files("#file-input", [str(path) for path in paths])


def ready(page: Any, count: int = 1) -> None:
    page.locator("#file-list li.ready").nth(count - 1).wait_for()
    page.locator("#after[src]").wait_for(state="attached")
    page.locator("#readings:has(img):not(:has(img:not([src])))").wait_for(state="attached")


def changed(page: Any, action: Callable[[], Any]) -> None:
    """Do something after which another picture is to be seen."""
    before = page.locator("#after").get_attribute("src")
    action()
    page.locator(f'#after:not([src="{before}"])').wait_for(state="attached")


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
