"""`POST /v1/colorize`: results, limits, words for errors, and nothing left behind."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient

from photographs import photograph
from scans import DARK, WHITE, bordered, laid, paper
from tinct.color.spaces import rgb_to_yuv
from tinct.web.settings import Limits
from web.helpers import decoded, encoded, eventually, grey_picture, photo_file


def colorize(client: TestClient, data: bytes, name: str = "x.png", **fields: str):  # type: ignore[no-untyped-def]
    return client.post("/v1/colorize", files=photo_file(data, name), data=fields)


def kept(client: TestClient) -> list[Path]:
    return [path for path in client.store.iterdir() if path.is_dir()]  # type: ignore[attr-defined]


def test_a_negative_is_inverted(client: TestClient, grey_png: bytes) -> None:
    negative = encoded(".png", 255 - decoded(grey_png))
    response = colorize(client, negative, negative="true")
    before, after = (rgb_to_yuv(decoded(data) / np.float32(255))[..., 0] for data in (grey_png, response.content))
    assert np.abs(before - after).max() < 1 / 255
    edit = client.post("/v1/edits", files=photo_file(negative), data={"negative": "true"}).json()
    shown = decoded(client.post(f"/v1/edits/{edit['id']}/preview", json={}).content) / np.float32(255)
    client.delete(f"/v1/edits/{edit['id']}")
    assert np.abs(rgb_to_yuv(shown)[..., 0] - before).mean() < 0.02


def test_a_photograph_gets_colours_and_keeps_its_luma(client: TestClient, grey_png: bytes) -> None:
    before = kept(client)
    response = colorize(client, grey_png)
    assert response.status_code == 200
    assert response.headers["content-type"] == "image/png"
    assert response.headers["content-disposition"] == 'attachment; filename="colorized.png"'
    assert response.headers["x-tinct-model"] == "tiny_bins"
    rgb = decoded(response.content)
    assert rgb.shape == (120, 200, 3)
    assert np.ptp(rgb.astype(int), axis=2).max() > 3
    luma = rgb_to_yuv(rgb.astype(np.float32) / 255)[..., 0] * 255
    assert np.abs(luma - grey_picture()).max() <= 1
    assert kept(client) == before  # nothing stays


@pytest.mark.parametrize(
    ("form", "media_type", "start"),
    [("jpeg", "image/jpeg", b"\xff\xd8"), ("tiff", "image/tiff", b"II*"), ("webp", "image/webp", b"RIFF")],
)
def test_format(client: TestClient, grey_png: bytes, form: str, media_type: str, start: bytes) -> None:
    response = colorize(client, grey_png, format=form)
    assert response.headers["content-type"] == media_type
    assert response.content.startswith(start)


def test_slips_in_forms_are_told(client: TestClient, grey_png: bytes) -> None:
    response = colorize(client, grey_png, temprature="0.5")
    assert response.status_code == 422
    assert response.json()["error"].startswith("temprature: there is no such field. The fields are: ")
    twice = [("file", ("a.png", grey_png)), ("file", ("b.png", grey_png))]
    for path in ("/v1/colorize", "/v1/edits", "/v1/video", "/v1/classify"):
        response = client.post(path, files=twice)
        assert response.status_code == 422, path
        assert response.json()["error"].startswith("file: it came 2 times"), path
    response = client.post("/v1/colorize", files=photo_file(grey_png), data={"size": ["32", "64"]})
    assert response.json()["error"].startswith("size: it came 2 times")


def test_options_change_the_result(client: TestClient, grey_png: bytes) -> None:
    usual = decoded(colorize(client, grey_png).content).astype(int)
    for fields in ({"temperature": "0.05"}, {"size": "32"}, {"hints": "50%,50%=#c02020"}):
        other = decoded(colorize(client, grey_png, **fields).content)
        assert np.abs(other - usual).max() > 2, fields
    hints = json.dumps([{"x": 50, "y": 50, "unit": "percent", "color": "#c02020"}])
    red = decoded(colorize(client, grey_png, hints=hints).content)[60, 100].astype(int)
    assert red[0] > red[1] + 30


def test_a_scan_keeps_its_frame_or_loses_it(client: TestClient) -> None:
    photo = cv2.resize(photograph("camera"), (300, 280))
    scan = bordered(photo, WHITE, sides=(30, 30, 30, 30))
    sent = encoded(".png", scan)
    whole = decoded(colorize(client, sent).content)
    np.testing.assert_array_equal(whole[:25], scan[:25])
    alone = decoded(colorize(client, sent, crop="true").content)
    assert abs(alone.shape[0] - 280) <= 4
    off = decoded(colorize(client, sent, frames="off").content)
    assert np.abs(off.astype(int) - whole)[40:-40, 40:-40].mean() > 1
    page = paper(360, 700, DARK)
    for middle in ((180, 180), (520, 180)):
        laid(page, cv2.resize(photo, (260, 240)), middle, 1.0)
    answer = client.post("/v1/colorize", files=photo_file(encoded(".png", page)), data={"crop": "true"})
    assert answer.status_code == 409
    assert "There are 2 photographs on this scan" in answer.json()["error"]


def test_a_link_instead_of_the_image(client: TestClient, grey_png: bytes) -> None:
    facts = colorize(client, grey_png, reply="json").json()
    assert (facts["width"], facts["height"], facts["media_type"]) == (200, 120, "image/png")
    response = client.get(facts["link"])
    assert decoded(response.content).shape == (120, 200, 3)
    assert client.delete(facts["link"]).status_code == 204
    assert client.get(facts["link"]).status_code == 404


def test_what_is_kept_is_deleted_after_a_while(make_client: Callable[..., TestClient], grey_png: bytes) -> None:
    client = make_client(Limits(keep_seconds=1))
    link = colorize(client, grey_png, reply="json").json()["link"]
    assert client.get(link).status_code == 200
    eventually(lambda: not kept(client))
    assert client.get(link).status_code == 404


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", 415, "empty"),
        (b"no picture at all", 415, "not a photograph"),
        (b"%PDF-1.4\n" + bytes(50), 415, "It is a PDF document: take its pictures out first"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', 415, "not a photograph"),
        (b"\x89PNG\r\n\x1a\n" + b"garbage" * 30, 415, "damaged"),
        (b"\xff\xd8\xff\xe0" + bytes(200), 415, "damaged"),
        (png_that_claims(40_000, 30_000), 413, "pixels"),
        (png_that_claims(4, 4), 422, "too few"),
    ],
)
def test_what_cannot_be_coloured_is_told_in_words(client: TestClient, data: bytes, status: int, words: str) -> None:
    before = kept(client)
    response = colorize(client, data)
    assert response.status_code == status
    error = response.json()["error"]
    assert words in error
    assert "/" not in error.replace("and/or", "")  # no paths of ours
    assert kept(client) == before


def test_a_cut_file_is_an_error_not_half_a_picture(client: TestClient) -> None:
    whole = encoded(".jpg", np.random.default_rng(0).integers(0, 255, (400, 400), dtype=np.uint8))
    response = colorize(client, whole[: len(whole) // 2])
    assert response.status_code == 415


def test_pictures_with_colours_are_left_unless_asked(client: TestClient, color_png: bytes) -> None:
    response = colorize(client, color_png)
    assert response.status_code == 409
    assert "recolor=true" in response.json()["error"]
    assert colorize(client, color_png, recolor="true").status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": "0"},
        {"temperature": "nan"},
        {"temperature": "warm"},
        {"caution": "9"},
        {"size": "3"},
        {"size": "4000"},  # above the server's own limit
        {"format": "exe"},
        {"hints": "[1"},
        {"hints": "[" * 5000},
        {"hints": '[{"x": 1}]'},
        {"hints": "red"},
        {"hints": "500%,1%=#fff"},
        {"hints": "9999,1=#fff"},
    ],
)
def test_bad_options_are_refused(client: TestClient, grey_png: bytes, fields: dict[str, str]) -> None:
    response = colorize(client, grey_png, **fields)
    assert response.status_code == 422
    assert len(response.json()["error"]) > 10


def test_too_many_hints_are_refused(client: TestClient, grey_png: bytes) -> None:
    assert colorize(client, grey_png, hints="1,1=#fff\n" * 1001).status_code == 422


def test_a_request_without_a_file(client: TestClient) -> None:
    response = client.post("/v1/colorize", data={"temperature": "1"})
    assert response.status_code == 422
    assert "file" in response.json()["error"]


@pytest.mark.parametrize("name", ["../../../tmp/evil.png", "/etc/passwd", "a" * 3000 + ".png", "x\0y.png", "-rf", ""])
def test_names_from_users_do_not_matter(client: TestClient, grey_png: bytes, name: str) -> None:
    response = colorize(client, grey_png, name=name)
    assert response.status_code in (200, 422)  # without a name it is no file
    if name:
        assert response.headers["content-disposition"] == 'attachment; filename="colorized.png"'


def test_an_address_instead_of_a_file_is_not_fetched(client: TestClient) -> None:
    response = client.post("/v1/colorize", data={"file": "http://127.0.0.1:9/x.png"})
    assert response.status_code == 422


def test_too_many_bytes_and_pixels(make_client: Callable[..., TestClient], grey_png: bytes) -> None:
    client = make_client(Limits(photo_mb=0.01, megapixels=0.02))
    response = colorize(client, grey_png + bytes(20_000))
    assert response.status_code == 413
    assert "0.01 MB" in response.json()["error"]
    chunked = client.post("/v1/colorize", content=iter([b"x" * 9_000] * 3), headers={"content-type": "text/plain"})
    assert chunked.status_code in (413, 422)
    response = colorize(client, encoded(".png", np.zeros((150, 150), np.uint8)))
    assert response.status_code == 413
    assert "megapixels" in response.json()["error"]


def test_metadata_is_kept(client: TestClient) -> None:
    import pyvips

    image = pyvips.Image.new_from_array(grey_picture()).cast("uchar").copy()
    image.set_type(pyvips.GValue.gstr_type, "exif-ifd0-Artist", "Grandmother")
    data = colorize(client, image.jpegsave_buffer()).content
    assert "Grandmother" in pyvips.Image.new_from_buffer(data, "").get("exif-ifd0-Artist")


def test_full_server_says_when_to_come_again(make_client: Callable[..., TestClient], grey_png: bytes) -> None:
    client = make_client(Limits(at_once=1, waiting=0))
    gate = client.app.state.service.gate  # type: ignore[attr-defined]
    gate.enter()
    try:
        response = colorize(client, grey_png)
    finally:
        gate.leave()
    assert response.status_code == 429
    assert 1 <= int(response.headers["retry-after"]) <= 60
    assert colorize(client, grey_png).status_code == 200
