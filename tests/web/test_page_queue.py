"""Many photographs on the page at one time, and what outlives a reload."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2

from tinct.web.app import STATIC
from web.helpers import Process, encoded, grey_picture
from web.pages import Open, changed, ready, saved, slide, upload


def sent(page: Any) -> list[str]:
    """Note each time a photograph is sent."""
    seen: list[str] = []
    page.on("request", lambda asked: asked.method == "POST" and asked.url.endswith("/v1/edits") and seen.append("sent"))
    return seen


def test_more_photographs_than_the_server_has_room_for(open_page: Open, tmp_path: Path, server: Process) -> None:
    paths = [tmp_path / f"{number:02}.png" for number in range(30)]
    for number, path in enumerate(paths):
        path.write_bytes(encoded(".png", grey_picture(48 + number, 64)))
    (store,) = server.place.glob("tinct-serve-*")  # type: ignore[attr-defined]
    earlier = set(store.iterdir())
    page = open_page()
    page.seen.allowed += ["status of 404"]  # of photographs that the server has dropped meanwhile
    times = sent(page)
    upload(page, *paths)
    page.locator("#file-list li.ready").nth(29).wait_for()
    assert len(times) == 30
    for _ in range(50):
        if len(set(store.iterdir()) - earlier) <= 6:
            break
        page.wait_for_timeout(100)
    assert 1 <= len(set(store.iterdir()) - earlier) <= 6
    # One that the server has dropped comes back when it is chosen, with its settings.
    page.locator("#file-list button.open").nth(1).click()
    page.locator("#size-note", has_text="64 × 49 pixels").wait_for()
    changed(page, lambda: slide(page, "saturation", 150))
    page.get_by_role("button", name="Use these for all photographs").click()
    page.locator("#file-list button.open").nth(20).click()
    page.locator("#size-note", has_text="64 × 68 pixels").wait_for()
    page.wait_for_function("document.querySelector('#saturation').value === '150'")


def test_a_busy_server_is_waited_for_without_sending_again(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page()
    page.seen.allowed += ["status of 429"]
    times = sent(page)
    asked: list[str] = []

    def refuse_once(route: Any) -> None:
        if len(times) > 1:
            route.continue_()
        else:
            route.fulfill(status=429, headers={"Retry-After": "60"}, json={"error": "Too many photographs are open."})

    def health(route: Any) -> None:
        asked.append("asked")
        route.fulfill(json={"status": "ok", "room": len(asked) > 2})

    page.route("**/v1/edits", refuse_once)
    page.route("**/healthz", health)
    upload(page, files["photo"])
    page.locator("#file-list li", has_text="waits for the server").wait_for()
    ready(page)
    assert len(times) == 2
    assert len(asked) == 3


def test_a_reload_brings_everything_back(open_page: Open, files: dict[str, Path], server: Process) -> None:
    page = open_page()
    upload(page, files["photo"], files["second"])
    ready(page, 2)
    page.get_by_label("Set a colour").check()
    page.locator("#suggestions .swatch").first.click()
    page.locator("#hints li").wait_for()
    changed(page, lambda: page.click("#readings [data-reading='2']"))
    questions: list[str] = []
    page.once("dialog", lambda dialog: (questions.append(dialog.type), dialog.accept()))
    page.reload()
    assert questions == ["beforeunload"]  # something is unsaved
    ready(page, 2)
    assert page.locator("#hints li").count() == 1
    assert [name.inner_text() for name in page.locator("#file-list .name").all()] == ["grandmother.jpg", "uncle.png"]
    page.locator("#readings [data-reading='2'][aria-pressed=true]").wait_for()
    changed(page, lambda: page.click("#undo"))
    assert saved(page)[0] == "grandmother_color.jpg"
    # What the server dropped meanwhile is asked for, and its settings wait for it.
    page.seen.allowed += ["status of 404"]
    page.route("**/v1/edits/*/before", lambda route: route.fulfill(status=404, json={"error": "not open"}))
    page.reload()
    page.locator("#alert-text", has_text="2 files are no longer here").wait_for()
    page.unroute("**/v1/edits/*/before")
    upload(page, files["photo"], files["second"])
    ready(page, 2)
    assert page.locator("#file-list li").count() == 2
    assert page.locator("#hints li").count() == 1


def test_what_the_server_has_dropped_is_sent_again_by_itself(
    open_page: Open, files: dict[str, Path], server: Process
) -> None:
    page = open_page()
    page.seen.allowed += ["status of 404"]
    with page.expect_response(lambda response: response.url.endswith("/v1/edits")) as opened:
        upload(page, files["photo"])
    ready(page)
    page.request.delete(f"{server.url}v1/edits/{opened.value.json()['id']}")
    times = sent(page)
    page.click("#readings [data-reading='2']")
    page.locator("#progress").wait_for(state="visible")
    ready(page)
    page.locator("#readings [data-reading='2'][aria-pressed=true]").wait_for()
    assert len(times) == 1
    assert page.locator("#alert").is_hidden()


def test_examples_are_grey_and_tried_by_a_click(open_page: Open) -> None:
    paths = sorted((STATIC / "examples").glob("*.jpg"))
    assert len(paths) == 4
    for path in paths:
        assert cv2.imread(str(path), cv2.IMREAD_UNCHANGED).ndim == 2
        assert path.stat().st_size < 60_000
        assert path.name in (STATIC / "examples" / "LICENCES.md").read_text()
    page = open_page()
    page.get_by_role("button", name="Try a cat").click()
    ready(page)
    assert page.locator("#size-note").inner_text().startswith("451 × 300 pixels")
