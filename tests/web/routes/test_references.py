"""References over HTTP: with photographs, with films, and for what is open."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient

from tinct.coloring.photo.colorizer import Colorizer
from tinct.web.app import create_app
from tinct.web.settings import Limits
from web.helpers import HERE, decoded, encoded, grey_picture, photo_file


def toned(pixels: np.ndarray, color: tuple[int, int, int]) -> bytes:
    """Encode a grey picture in shades of a colour, but for its right quarter, which is green; its luma is kept."""
    shades = [np.array(shade) / np.dot(shade, (0.299, 0.587, 0.114)) for shade in (color, (80, 130, 80))]
    where = np.arange(pixels.shape[1]) < 3 * pixels.shape[1] // 4
    rgb = pixels[..., None] * np.where(where[None, :, None], *shades)
    return encoded(".png", np.clip(rgb, 0, 255).astype(np.uint8)[..., ::-1])


PICTURE = cv2.resize(np.random.default_rng(0).integers(60, 150, (12, 20), dtype=np.uint8), (200, 120))
BLUE, RED = toned(PICTURE, (85, 95, 175)), toned(PICTURE, (155, 95, 80))


@pytest.fixture(scope="module")
def client(seeing_model: Path) -> Iterator[TestClient]:
    app = create_app(Colorizer(seeing_model, size=64), limits=Limits(megapixels=1))
    with TestClient(app, base_url=HERE) as made:
        made.store = app.state.service.store.root  # type: ignore[attr-defined]
        yield made


def sent(*references: bytes, data: bytes = encoded(".png", PICTURE)) -> list[tuple[str, Any]]:
    return [*photo_file(data).items(), *(("reference", ("r.png", io.BytesIO(one), "image/png")) for one in references)]


def blueness(data: bytes) -> float:
    colors = decoded(data).astype(float)
    return float((colors[..., 2] - colors[..., 0])[:, : colors.shape[1] // 2].mean())


def test_a_photograph_takes_the_colours_of_its_references_and_the_last_counts_most(client: TestClient) -> None:
    plain, blue, both = (
        client.post("/v1/colorize", files=sent(*references)) for references in ((), (BLUE,), (BLUE, RED))
    )
    assert blue.status_code == both.status_code == 200, blue.text
    assert blueness(blue.content) > blueness(plain.content) + 10
    assert blueness(both.content) < blueness(blue.content) - 10
    assert not any(client.store.glob("*/*"))  # type: ignore[attr-defined]


def test_previews_of_what_is_open_follow_the_references_that_are_named(client: TestClient) -> None:
    info = client.post("/v1/edits", files=sent(BLUE)).json()
    path = f"/v1/edits/{info['id']}"
    (blue,) = info["references"]
    red = client.post(f"{path}/references", files=sent(RED)[1:]).json()["id"]
    assert client.post(f"{path}/references", files=sent(RED)[1:]).json()["id"] == red
    shown = {
        name: client.post(f"{path}/preview", json={} if chosen is None else {"references": chosen}).content
        for name, chosen in {"sent": None, "none": [], "blue": [blue], "red": [red]}.items()
    }
    assert shown["sent"] == shown["blue"]
    assert blueness(shown["blue"]) - 10 > blueness(shown["none"]) > blueness(shown["red"]) + 10
    saved = client.post(f"{path}/save", json={"references": [red], "format": "png"})
    assert blueness(saved.content) == pytest.approx(blueness(shown["red"]), abs=4)
    small = decoded(client.get(f"{path}/references/{red}").content)
    assert small[..., 0].mean() > small[..., 2].mean() + 20
    unknown = client.post(f"{path}/preview", json={"references": ["0" * 16]})
    assert unknown.status_code == 422
    assert "send it first" in unknown.json()["error"]
    client.delete(path)


def test_what_was_taken_from_where_is_told_and_drawn(client: TestClient) -> None:
    mirrored = toned(PICTURE[:, ::-1], (85, 95, 175))
    info = client.post("/v1/edits", files=sent(BLUE, mirrored)).json()
    path = f"/v1/edits/{info['id']}"
    (same,) = client.post(f"{path}/taken", json={"references": info["references"][:1]}).json()
    assert same["same"] > 0.2
    assert 1 <= len(same["matches"]) <= 5
    assert 1 <= len(same["matches"]) <= 5
    for match in same["matches"]:
        assert 0.3 <= match["confidence"] <= 1
        assert match["same"]
    both = client.post(f"{path}/taken", json={}).json()
    assert [part["id"] for part in both] == info["references"]
    assert both[0]["color"] != both[1]["color"]
    assert both[0]["same"] < same["same"]  # the second has replaced some of it
    veil = client.post(f"{path}/taken/veil", json={})
    assert veil.headers["content-type"] == "image/png"
    assert client.post(f"{path}/taken", json={"references": []}).json() == []
    assert client.post(f"{path}/taken/veil", json={"references": []}).status_code == 200
    client.delete(path)


@pytest.mark.parametrize(
    ("reference", "status", "told"),
    [
        (encoded(".png", PICTURE), 422, "The reference: has no colours to take"),
        (b"no picture at all", 415, "not a photograph of a kind"),
        (encoded(".png", np.zeros((1200, 1200, 3), np.uint8)), 413, "megapixels"),
    ],
    ids=["grey", "garbage", "large"],
)
def test_what_cannot_be_a_reference_is_refused(client: TestClient, reference: bytes, status: int, told: str) -> None:
    info = client.post("/v1/edits", files=sent()).json()
    for answer in (
        client.post("/v1/colorize", files=sent(reference)),
        client.post("/v1/edits", files=sent(reference)),
        client.post(f"/v1/edits/{info['id']}/references", files=sent(reference)[1:]),
    ):
        assert answer.status_code == status, answer.text
        assert told in answer.json()["error"]
    client.delete(f"/v1/edits/{info['id']}")


def test_limits_of_references(client: TestClient) -> None:
    many = [toned(PICTURE, (60, 80, 160 + number)) for number in range(9)]
    answer = client.post("/v1/colorize", files=sent(*many))
    assert (answer.status_code, answer.json()["error"][:43]) == (422, "reference: at most 8 can be used at one tim")
    assert client.post("/v1/edits/gone/references", files=sent(RED)[1:]).status_code == 404
    assert client.post("/v1/jobs/gone/references", files=sent(RED)[1:]).status_code == 404


def test_a_model_that_cannot_compare_says_so(make_client: Callable[..., TestClient], client: TestClient) -> None:
    other = make_client()
    answer = other.post("/v1/colorize", files=sent(BLUE))
    assert answer.status_code == 422
    assert "cannot compare pictures" in answer.json()["error"]
    assert [one.get("/v1/models").json()["models"][0]["references"] for one in (other, client)] == [False, True]


def test_a_film_and_its_stills_take_the_colours_of_references(client: TestClient, film_mp4: Path) -> None:
    frame = toned(grey_picture(96, 128) // 3 + 40, (85, 95, 175))
    files = [("file", ("f.mp4", film_mp4.read_bytes())), ("reference", ("r.png", frame))]
    info = client.post("/v1/video", files=files, data={"hold": "true"}).json()
    path = info["link"]
    red = client.post(f"{path}/references", files=sent(RED)[1:]).json()["id"]
    assert client.get(f"{path}/references/{red}").headers["content-type"] == "image/jpeg"
    still = f"{path}/stills/0"
    usual, plain = (client.post(still, json=body) for body in ({}, {"references": []}))
    assert blueness(usual.content) > blueness(plain.content) + 3
    taken = client.post(f"{still}/taken", json={}).json()
    assert taken[0]["kind"] + taken[0]["same"] > 0.1
    assert client.post(f"{still}/taken/veil", json={}).headers["content-type"] == "image/png"
    both = [{"id": red, "time": 0.5}, {"id": red}]
    assert client.post(f"{path}/start", json={"references": both}).status_code == 202
    settings = client.app.state.service.jobs.find(info["id"]).settings  # type: ignore[attr-defined]
    placed, whole = settings.references
    assert placed == f"0.500000s@{whole}"
    assert Path(whole).name == f"reference-{red}"
    client.delete(path)
