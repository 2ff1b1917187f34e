"""The page in Chromium, as a person uses it: nothing here looks into the server."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from web.helpers import Process
from web.pages import PHONE, Open, changed, ready, saved, slide, upload, violations

# Some pixels of an image of the page, [[r, g, b], ...].
PIXELS = """async id => {
  const image = document.getElementById(id);
  await image.decode();
  const pen = new OffscreenCanvas(8, 8).getContext("2d");
  pen.drawImage(image, 0, 0, 8, 8);
  const data = [...pen.getImageData(0, 0, 8, 8).data];
  return Array.from({ length: 64 }, (_, at) => data.slice(4 * at, 4 * at + 3));
}"""


def test_a_photograph_is_coloured_corrected_and_saved(open_page: Open, files: dict[str, Path], server: Process) -> None:
    (store,) = server.place.glob("tinct-serve-*")  # type: ignore[attr-defined]
    # The lock, and photographs of pages that were left a moment ago: the server keeps these for a minute.
    earlier = set(store.iterdir())
    page = open_page()
    upload(page, files["photo"])
    ready(page)
    assert len(set(store.iterdir()) - earlier) == 1
    assert page.locator("#size-note").inner_text().startswith("440 × 300 pixels, JPEG")
    # Vividness, live.
    changed(page, lambda: slide(page, "vividness", 30))
    assert page.locator("#vividness-value").inner_text() == "30"
    # A colour at a place: the likely ones first.
    page.get_by_label("Set a colour").check()
    box = page.locator("#stage").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.4)
    page.locator("#chooser").wait_for()
    assert page.locator("#chooser-swatches button").count() >= 1
    changed(page, lambda: page.locator("#chooser-color").fill("#c02020"))  # live, while one picks
    page.click("#chooser-use")
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
    assert result[120, 264, 0] > result[120, 264, 1] + 30
    changed(page, lambda: page.click("#reset"))
    assert page.locator("#reset").is_disabled()
    page.get_by_role("button", name="Remove grandmother.jpg").click()
    for _ in range(300):  # the server learns of it a moment later
        if set(store.iterdir()) <= earlier:
            break
        page.wait_for_timeout(100)
    assert set(store.iterdir()) <= earlier


def test_brushing_other_colourings_veil_and_the_slider(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page()
    upload(page, files["photo"])
    ready(page)
    changed(page, lambda: page.click("#readings [data-reading='1']"))
    page.locator("#readings [data-reading='1'][aria-pressed=true]").wait_for()
    # The small pictures follow the settings.
    small = page.locator("#readings [data-reading='2'] img")
    before = small.get_attribute("src")
    changed(page, lambda: slide(page, "saturation", 0))
    page.locator(f"#readings [data-reading='2'] img:not([src='{before}'])").wait_for()
    grey = page.evaluate(PIXELS, "after")
    assert max(max(pixel) - min(pixel) for pixel in grey) <= 6  # JPEG's rounding
    changed(page, lambda: slide(page, "saturation", 150))
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
    assert "not a photograph" in page.locator("#file-list li.failed").first.inner_text()
    told = page.locator("#file-list li.failed").last.inner_text()
    assert "has colours already" in told
    assert "recolor" not in told  # that is for programs
    page.click("#alert-close")
    page.get_by_role("button", name="Colour it anyway").click()
    ready(page, 3)
    page.locator("#file-list button.open").last.click()
    page.locator("#size-note", has_text="150 × 200").wait_for()
    page.get_by_role("button", name="Remove garbage.jpg").click()
    assert page.locator("#file-list li").count() == 3
    name, data = saved(page, "#save-all")
    assert name == "tinct_color.zip"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["grandmother_color.jpg", "color_color.png", "uncle_color.png"]
        result = cv2.imdecode(np.frombuffer(archive.read("uncle_color.png"), np.uint8), cv2.IMREAD_COLOR)
        assert result.shape == (200, 150, 3)


def test_a_film(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page()
    upload(page, files["film"])
    page.locator("#stills button").first.wait_for()
    changed(page, lambda: slide(page, "vividness", 30))
    # A colour in a still; the others do not show it.
    assert page.locator("#stills [aria-pressed=true]").all_inner_texts() == ["0.0 s"]
    page.get_by_label("Set a colour").check()
    box = page.locator("#stage").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    page.locator("#chooser").wait_for()
    page.locator("#chooser-color").fill("#c02020")
    changed(page, lambda: page.click("#chooser-use"))
    assert page.locator("#hints li").count() == 1
    page.get_by_role("button", name="Still at 0.3 s").click()
    page.locator("#hints-box").wait_for(state="hidden")
    page.click("#undo")
    page.click("#redo")
    page.get_by_text("Fields and rate").click()
    page.get_by_label("Interlaced frames").select_option("off")
    page.get_by_label("Frames a second").fill("12.5")
    assert violations(page) == []
    with page.expect_request("**/start") as started:
        page.get_by_role("button", name="Colour the film").click()
    shown = {name: started.value.post_data_json[name] for name in ("deinterlace", "rate", "sound")}
    assert shown == {"deinterlace": "off", "rate": 12.5, "sound": "encode"}
    (hint,) = started.value.post_data_json["hints"]
    assert (hint["color"], hint["time"]) == ("#c02020", 0)
    page.locator("#film-done").wait_for()
    # Before and after: colour is taken out of what lies left of the line.
    page.locator("#film-stage").wait_for()
    page.locator("#divide").fill("25")
    assert page.locator("#film-grey").evaluate("part => getComputedStyle(part).backdropFilter") == "grayscale(1)"
    assert "75%" in page.locator("#film-grey").evaluate("part => getComputedStyle(part).clipPath")
    page.get_by_role("button", name="Still at 0.0 s").click()
    assert page.locator("#film-stage").is_hidden()
    assert page.locator("#stills [aria-pressed=true]").all_inner_texts() == ["0.0 s"]
    page.get_by_role("button", name="Film", exact=True).click()
    assert page.locator("#film-stage").is_visible()
    assert page.locator("#stills [aria-pressed=true]").all_inner_texts() == ["Film"]
    assert page.locator("#film-video").evaluate("video => video.getAttribute('src')").startswith("/v1/jobs/")
    assert violations(page) == []
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
    row = details.locator("tr", has=page.locator("code", has_text="temperature")).locator("td").all_inner_texts()
    assert all(row)  # name, kind, and what it is
    assert "vivid" in row[2]
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
