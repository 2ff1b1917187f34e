"""What people report of similar pages, tried on this one.

Turned photographs of phones (filepond 316, appwrite 2696, immich 12405); a canvas that grows where the screen is scaled
(gradio 5858); places beside the picture (darktable 4476); picking a colour and undo (zeedonk 391); the same file once
more (gradio_image_annotator 2); a line that no finger can drag (img-comparison-slider 11, godot-website 1411).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
import pyvips

from web.helpers import grey_picture
from web.pages import PHONE, Open, changed, ready, upload


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph of 300 x 440 as it is shown, that lies on its side in the file."""
    path = tmp_path_factory.mktemp("turned") / "IMG_0001.JPG"
    pixels = grey_picture(300, 440)
    image = pyvips.Image.new_from_memory(pixels.tobytes(), 440, 300, 1, "uchar").copy(interpretation="b-w")
    image.set_type(pyvips.GValue.gint_type, "orientation", 6)
    image.jpegsave(str(path))
    assert cv2.imread(str(path), cv2.IMREAD_IGNORE_ORIENTATION | cv2.IMREAD_GRAYSCALE).shape == (300, 440)
    return path


def test_a_turned_photograph_on_a_scaled_screen(open_page: Open, turned: Path) -> None:
    page = open_page(device_scale_factor=1.25)
    upload(page, turned)
    ready(page)
    for name in ("source", "after", "before"):
        width, height = page.evaluate(f"[{name}.naturalWidth, {name}.naturalHeight]")
        assert height / width == pytest.approx(440 / 300, abs=0.02), name
    assert page.locator("#size-note").inner_text().startswith("300 × 440 pixels")
    # Beside the picture there is nothing to colour.
    page.get_by_label("Set a colour").check()
    page.wait_for_timeout(300)
    stage, frame = page.locator("#stage").bounding_box(), page.locator("#frame").bounding_box()
    page.mouse.click((frame["x"] + stage["x"]) / 2, stage["y"] + stage["height"] / 2)
    page.wait_for_timeout(300)
    assert page.locator("#chooser").is_hidden()
    # Colours that were looked at while picking are no steps.
    page.mouse.click(stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2)
    page.locator("#chooser").wait_for()
    for color in ("#c02020", "#20c020", "#2020c0"):
        page.locator("#chooser-color").fill(color)
    page.click("#chooser-use")
    changed(page, lambda: page.click("#undo"))
    assert page.locator("#undo").is_disabled()
    assert page.locator("#stage").bounding_box() == stage
    # The same file once more.
    page.get_by_role("button", name="Remove IMG_0001.JPG").click()
    page.locator("#drop").wait_for()
    upload(page, turned)
    ready(page)


def test_a_finger_drags_the_line_and_scrolls_nothing(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    upload(page, files["photo"])
    ready(page)
    box = page.locator("#stage").bounding_box()
    touch = page.context.new_cdp_session(page)
    at = lambda across, down: [{"x": box["x"] + across * box["width"], "y": box["y"] + down * box["height"]}]  # noqa: E731
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": at(0.5, 0.5)})
    for step in range(1, 6):
        points = at(0.5 + 0.05 * step, 0.5 - 0.06 * step)
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": points})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert float(page.locator("#divide").input_value()) == pytest.approx(75, abs=2)
    assert page.evaluate("[scrollX, scrollY, document.getElementById('panel').scrollTop]") == [0, 0, 0]
