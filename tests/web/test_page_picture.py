"""The picture on the page: there at once, always in view, zoomed, with colours that are picked and moved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from web.pages import PHONE, SIZES, Open, changed, ready, slide, upload, violations


def place(page: Any, x: float, y: float) -> tuple[float, float]:
    box = page.locator("#stage").bounding_box()
    return box["x"] + box["width"] * x, box["y"] + box["height"] * y


def hints(page: Any) -> int:
    count: int = page.locator("#hints li").count()
    return count


def test_it_is_there_in_grey_while_the_server_works(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page()
    held: list[Any] = []
    page.route("**/v1/edits", lambda route: held.append(route))
    upload(page, files["photo"])
    page.locator("#source").wait_for()
    assert page.locator("#source").evaluate("image => image.naturalWidth") == 440
    assert page.locator("#source").evaluate("image => getComputedStyle(image).filter") == "grayscale(1)"
    assert page.locator("#progress").is_visible()
    assert page.locator("#panel").evaluate("panel => panel.inert")
    held[0].continue_()
    ready(page)
    assert page.locator("#progress").is_hidden()
    assert not page.locator("#panel").evaluate("panel => panel.inert")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size['width']}x{size['height']}")
def test_it_stays_in_view_beside_or_above_its_panel(
    open_page: Open, files: dict[str, Path], size: dict[str, int]
) -> None:
    page = open_page(viewport=size)
    upload(page, files["photo"], files["second"])
    ready(page, 2)
    assert violations(page) == []
    page.locator("#panel").evaluate("panel => panel.scrollTo(0, panel.scrollHeight)")
    assert page.locator("#panel").evaluate("panel => panel.scrollTop") > 0
    picture, panel = (page.locator(name).bounding_box() for name in ("#stage", "#panel"))
    assert picture["y"] >= 0
    assert picture["y"] + picture["height"] <= size["height"]
    assert panel["y"] + panel["height"] <= size["height"]
    assert picture["width"] >= 0.5 * min(size["width"], 700)
    assert page.evaluate("[document.documentElement.scrollHeight, document.documentElement.scrollWidth]") == [
        size["height"], size["width"],
    ]  # fmt: skip


def test_zooming_and_moving(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page()
    upload(page, files["photo"])
    ready(page)
    fitted = page.locator("#stage").bounding_box()
    at = place(page, 0.25, 0.5)
    page.mouse.move(*at)
    for _ in range(4):
        page.mouse.wheel(0, -120)
    zoomed = page.locator("#stage").bounding_box()
    assert zoomed["width"] > 2 * fitted["width"]
    assert place(page, 0.25, 0.5) == pytest.approx(at, abs=6)  # what is under the pointer stays there
    assert page.locator("#stage").evaluate("stage => stage.classList.contains('sharp')")
    # Away from the line a drag moves the picture; the line stays.
    page.mouse.down()
    page.mouse.move(at[0] + 60, at[1] + 10, steps=4)
    page.mouse.up()
    assert page.locator("#stage").bounding_box()["x"] == pytest.approx(zoomed["x"] + 60, abs=2)
    assert page.locator("#divide").input_value() == "50"
    page.click("#zoom-fit")
    assert page.locator("#stage").bounding_box() == fitted
    page.locator("#stage").focus()
    page.keyboard.press("+")
    assert page.locator("#stage").bounding_box()["width"] > fitted["width"]
    page.keyboard.press("0")
    assert page.locator("#zoom-fit").is_disabled()


def test_two_fingers_zoom_and_set_nothing(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    upload(page, files["photo"])
    ready(page)
    page.get_by_label("Set a colour").check()
    fitted = page.locator("#stage").bounding_box()
    x, y = place(page, 0.5, 0.5)
    touch = page.context.new_cdp_session(page)
    for kind, gap in (("touchStart", 30), ("touchMove", 60), ("touchMove", 90)):
        points = [{"x": x - gap, "y": y, "id": 1}, {"x": x + gap, "y": y, "id": 2}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert page.locator("#stage").bounding_box()["width"] == pytest.approx(3 * fitted["width"], rel=0.1)
    assert page.locator("#chooser").is_hidden()


def test_a_colour_shows_while_it_is_picked_and_a_click_outside_does_nothing_else(
    open_page: Open, files: dict[str, Path]
) -> None:
    page = open_page()
    upload(page, files["photo"])
    ready(page)
    page.get_by_label("Set a colour").check()
    page.mouse.click(*place(page, 0.5, 0.4))
    page.locator("#chooser").wait_for()
    assert page.locator("#cross").is_visible()
    changed(page, lambda: page.locator("#chooser-color").fill("#2030ff"))
    assert page.locator("#chooser-shown").is_visible()
    shown = page.locator("#chooser-sample").evaluate("sample => getComputedStyle(sample).backgroundColor")
    assert shown != "rgb(32, 48, 255)"  # the place keeps its light
    changed(page, lambda: page.mouse.click(*place(page, 0.1, 0.9)))  # back to what was before
    assert page.locator("#chooser").is_hidden()
    page.wait_for_timeout(300)
    assert page.locator("#chooser").is_hidden()  # the click has not opened another
    assert hints(page) == 0
    assert page.locator("#undo").is_disabled()
    page.mouse.click(*place(page, 0.1, 0.9))
    page.locator("#chooser").wait_for()


def test_dots_are_moved_by_pointer_and_keys(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page()
    upload(page, files["photo"])
    ready(page)
    page.get_by_label("Set a colour").check()
    page.mouse.click(*place(page, 0.3, 0.4))
    page.locator("#chooser").wait_for()
    page.locator("#chooser-color").fill("#c02020")
    page.click("#chooser-use")
    dot = page.locator("#marks .set")
    middle = lambda: page.evaluate(  # noqa: E731
        "['left', 'top'].map((side) => parseFloat(document.querySelector('#marks .set').style[side]))"
    )
    assert middle() == pytest.approx([30, 40], abs=0.5)
    page.mouse.move(*place(page, 0.3, 0.4))
    page.mouse.down()
    page.mouse.move(*place(page, 0.6, 0.7), steps=5)
    page.mouse.up()
    assert middle() == pytest.approx([60, 70], abs=0.6)
    dot.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert middle() == pytest.approx([65, 70], abs=0.6)
    page.click("#undo")  # five keys are one step
    assert middle() == pytest.approx([60, 70], abs=0.6)
    page.click("#undo")
    assert middle() == pytest.approx([30, 40], abs=0.5)
    dot.focus()
    page.keyboard.press("Delete")
    assert hints(page) == 0


def test_arrow_keys_on_a_slider_are_one_step(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page()
    upload(page, files["photo"])
    ready(page)
    before = page.locator("#vividness-value").inner_text()
    page.locator("#vividness").focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    assert int(page.locator("#vividness-value").inner_text()) == int(before) - 5
    slide(page, "caution", 1.5)  # another slider is another step
    page.click("#undo")
    assert int(page.locator("#vividness-value").inner_text()) == int(before) - 5
    page.click("#undo")
    assert page.locator("#vividness-value").inner_text() == before
    assert page.locator("#undo").is_disabled()


def test_a_negative_is_inverted(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page()
    upload(page, files["photo"])
    ready(page)
    middle = "image => createImageBitmap(image).then(b => { const c = new OffscreenCanvas(1, 1).getContext('2d'); c.drawImage(b, 0, 0, 1, 1); const d = c.getImageData(0, 0, 1, 1).data; return 0.299 * d[0] + 0.587 * d[1] + 0.114 * d[2]; })"  # fmt: skip # noqa: E501
    before = page.locator("#after").evaluate(middle)
    with page.expect_response(lambda response: response.url.endswith("/preview")):
        page.locator("#negative").check()
    ready(page)
    page.wait_for_function("document.querySelector('#busy').hidden")
    assert abs(page.locator("#after").evaluate(middle) - (255 - before)) < 8
