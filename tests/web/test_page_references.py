"""References on the page, and colours for which a place is too bright."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from web.pages import PHONE, Open, changed, ready, upload, violations


def add(page: Any, path: Path) -> None:
    page.set_input_files("#reference-input", str(path))
    page.locator("#references img[src]").last.wait_for()


def test_a_reference_is_added_shown_removed_and_kept(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page()
    upload(page, files["photo"])
    ready(page)
    assert page.locator("#taken-label").is_hidden()
    changed(page, lambda: add(page, files["like"]))
    assert page.locator("#references .name").inner_text() == "aunt.png"
    page.locator("#references .note", has_text="of the picture").wait_for()
    page.get_by_label("Show what was taken from where").check()
    page.locator("#taken-veil[src]").wait_for()
    here, there = (page.locator(f"{where} .pair").all_inner_texts() for where in ("#pairs", "#references"))
    assert here == there
    assert here[:1] == ["A"]
    assert "How sure: A " in page.locator("#references .note").inner_text()
    assert violations(page) == []
    # A step of the history, as others are.
    changed(page, lambda: page.click("#undo"))
    assert page.locator("#references li").count() == 0
    assert page.locator("#pairs .pair").count() == 0
    assert page.locator("#taken-veil").is_hidden()
    changed(page, lambda: page.click("#redo"))
    page.reload()
    ready(page)
    page.locator("#references img[src]").wait_for()
    changed(page, lambda: page.get_by_role("button", name="Remove reference aunt.png").click())
    assert page.locator("#references li").count() == 0


def test_what_is_dropped_beside_the_picture_is_a_reference(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(viewport=PHONE)
    page.seen.allowed += ["status of 422"]
    upload(page, files["photo"])
    ready(page)
    drop = """([data, name]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([new Uint8Array(data)], name, { type: "image/png" }));
      const options = { dataTransfer: transfer, bubbles: true, cancelable: true };
      document.getElementById("panel").dispatchEvent(new DragEvent("drop", options));
    }"""
    page.evaluate(drop, [list(files["like"].read_bytes()), "dropped.png"])
    page.locator("#references img[src]").wait_for()
    assert page.locator("#file-list li").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("#panel").evaluate("panel => panel.scrollWidth <= panel.clientWidth")
    page.evaluate(drop, [list(files["second"].read_bytes()), "grey.png"])
    page.locator("#alert-text", has_text="has no colours to take").wait_for()
    assert page.locator("#references li").count() == 1


def test_a_reference_is_for_a_film_or_for_one_shot(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page()
    upload(page, files["film"])
    page.locator("#stills button").first.wait_for()
    changed(page, lambda: add(page, files["like"]))
    choice = page.get_by_label("What of the film aunt.png is for")
    assert choice.locator("option").all_inner_texts()[:3] == [
        "all that it resembles", "the shot at 0.0 s", "the shot at 0.2 s"
    ]  # fmt: skip
    changed(page, lambda: choice.select_option(index=2))  # the second still's shot: this one shows none of it
    note = page.locator("#references .note")
    assert note.inner_text() == "Not for this still."
    page.get_by_role("button", name="Still at 0.2 s").click()
    page.locator("#references .note:not(:empty)").wait_for()
    note.filter(has_not_text="Not for").wait_for()
    with page.expect_request("**/start") as started:
        page.get_by_role("button", name="Colour the film").click()
    (reference,) = started.value.post_data_json["references"]
    assert 0.1 < reference["time"] < 0.3
    page.locator("#film-done").wait_for()


def test_a_place_too_bright_for_its_colour_can_be_darkened(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page()
    upload(page, files["bright"])
    ready(page)
    page.get_by_label("Set a colour").check()
    box = page.locator("#stage").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    page.locator("#chooser").wait_for()
    page.locator("#chooser-color").fill("#3060c0")
    assert "too bright" in page.locator("#chooser-note").inner_text()
    changed(page, lambda: page.get_by_label("Darken this place to show it").check())
    page.click("#chooser-use")
    darken = page.get_by_label("Too bright here to show it: darken the place")
    assert darken.is_checked()
    changed(page, darken.uncheck)  # it stays offered, where the server tells that it is needed
    assert not darken.is_checked()
    with page.expect_request("**/preview") as asked:
        darken.check()
    assert asked.value.post_data_json["hints"][0]["darken"] is True
    assert violations(page) == []
