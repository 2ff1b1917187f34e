"""Open once, try often, save: what the page works with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient

from tinct.web.settings import Limits
from web.helpers import decoded, photo_file


@pytest.fixture(scope="module")
def edit(client: TestClient, grey_png: bytes) -> Iterator[dict[str, Any]]:
    info = client.post("/v1/edits", files=photo_file(grey_png)).json()
    yield info
    client.delete(f"/v1/edits/{info['id']}")


def preview(client: TestClient, edit: dict[str, Any], **settings: Any) -> Any:
    response = client.post(f"/v1/edits/{edit['id']}/preview", json=settings)
    assert response.status_code == 200, response.text
    return decoded(response.content).astype(int)


def test_opening_tells_what_it_is(edit: dict[str, Any]) -> None:
    assert (edit["width"], edit["height"], edit["suffix"]) == (200, 120, ".png")
    assert edit["temperature"] > 0


def test_a_place_too_bright_for_a_hint_is_told_and_can_be_darkened(client: TestClient) -> None:
    white = np.random.default_rng(0).integers(244, 250, (90, 120), dtype=np.uint8)
    edit = client.post("/v1/edits", files=photo_file(cv2.imencode(".png", white)[1].tobytes())).json()
    hint = {"points": [[50, 50]], "color": "#3060c0"}
    told = client.post(f"/v1/edits/{edit['id']}/preview", json={"hints": [hint]})
    assert told.headers["x-tinct-remarks"].startswith("hint 50%,50%=#3060c0: the picture is too bright there")
    assert decoded(told.content)[45, 60].min() > 215
    darkened = client.post(f"/v1/edits/{edit['id']}/preview", json={"hints": [hint | {"darken": True}]})
    assert "x-tinct-remarks" not in darkened.headers
    np.testing.assert_allclose(decoded(darkened.content)[45, 60].astype(int), (0x30, 0x60, 0xC0), atol=12)
    client.delete(f"/v1/edits/{edit['id']}")


def test_previews_follow_settings_and_the_network_runs_once(
    client: TestClient, edit: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = client.app.state.service.colorizer.session  # type: ignore[attr-defined]
    monkeypatch.setattr(type(session), "run", lambda *_: pytest.fail("the network ran again"))
    usual = preview(client, edit)
    assert usual.shape == (120, 200, 3)
    assert np.abs(preview(client, edit, temperature=0.05) - usual).max() > 2
    hint = {"points": [[50, 50]], "color": "#c02020"}
    red = preview(client, edit, hints=[hint])
    assert red[60, 100, 0] > red[60, 100, 1] + 30
    stroke = {"points": [[25, 30], [35, 35], [45, 30]], "color": "#2040c0", "width": 3}
    both = preview(client, edit, hints=[hint, stroke])
    assert both[42, 70, 2] > both[42, 70, 0] + 20
    assert max(preview(client, edit, edge=64).shape) == 64


def test_other_readings_and_saturation(client: TestClient, edit: dict[str, Any]) -> None:
    path = f"/v1/edits/{edit['id']}"
    readings = client.get(f"{path}/readings").json()
    assert [item["number"] for item in readings] == list(range(1, len(readings) + 1))
    assert len({item["name"] for item in readings}) == len(readings) >= 1
    usual, other = preview(client, edit), preview(client, edit, reading=1)
    assert np.abs(other - usual).max() > 2
    saved = client.post(f"{path}/save", json={"reading": 1, "saturation": 1.5, "format": "png"})
    shown = preview(client, edit, reading=1, saturation=1.5)
    assert np.abs(decoded(saved.content) - shown).mean() < 4 < np.abs(usual - shown).mean()  # as far as JPEG goes
    assert np.ptp(preview(client, edit, saturation=0), axis=2).max() <= 2
    if len(readings) < 5:
        assert client.post(f"{path}/preview", json={"reading": 5}).status_code == 422
    assert edit["saturation"] == 1


def test_before_confidence_suggestions_and_colours(client: TestClient, edit: dict[str, Any]) -> None:
    path = f"/v1/edits/{edit['id']}"
    grey = decoded(client.get(f"{path}/before").content).astype(int)
    assert np.ptp(grey, axis=2).max() <= 2
    veil = client.get(f"{path}/confidence")
    assert veil.headers["content-type"] == "image/png"
    found = client.get(f"{path}/suggestions", params={"count": 2}).json()
    assert 1 <= len(found) <= 2
    assert all(0 <= item["x"] <= 100 and item["colors"][0].startswith("#") for item in found)
    here = client.get(f"{path}/colors", params={"x": 100, "y": 0}).json()
    assert here["colors"]


def test_saving_at_full_size(client: TestClient, edit: dict[str, Any]) -> None:
    path = f"/v1/edits/{edit['id']}/save"
    hint = {"points": [[50, 50]], "color": "#c02020"}
    response = client.post(path, json={"hints": [hint], "temperature": 0.3, "format": "tiff"})
    assert response.headers["content-type"] == "image/tiff"
    red = decoded(response.content)[60, 100].astype(int)
    assert red[0] > red[1] + 30
    assert client.post(path, json={}).headers["content-type"] == "image/png"


def test_closing_deletes_the_files(client: TestClient, grey_png: bytes) -> None:
    info = client.post("/v1/edits", files=photo_file(grey_png)).json()
    folder = client.store / info["id"]  # type: ignore[attr-defined]
    assert folder.exists()
    path = f"/v1/edits/{info['id']}"
    assert client.delete(path).status_code == 204
    assert not folder.exists()
    assert client.delete(path).status_code == 204
    response = client.post(f"{path}/preview", json={})
    assert response.status_code == 404
    assert "open" in response.json()["error"]


def test_a_page_that_is_left_may_come_back(make_client: Callable[..., TestClient], grey_png: bytes) -> None:
    client = make_client()
    back, gone = (client.post("/v1/edits", files=photo_file(grey_png)).json() for _ in range(2))
    for info in (back, gone):
        assert client.delete(f"/v1/edits/{info['id']}", params={"after": 0.05}).status_code == 204
    assert preview(client, back).any()
    edits = client.app.state.service.edits  # type: ignore[attr-defined]
    time.sleep(0.1)
    edits.remove_left()
    assert (client.store / back["id"]).exists()  # type: ignore[attr-defined]
    assert not (client.store / gone["id"]).exists()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0},
        {"hints": [{"points": [], "color": "#ffffff"}]},
        {"hints": [{"points": [[101, 5]], "color": "#ffffff"}]},
        {"hints": [{"points": [[5, 5]], "color": "url(http://x)"}]},
        {"saturation": 5},
        {"reading": 6},
        {"reading": -1},
        {"unknown": 1},
        [],
    ],
)
def test_bad_settings_are_refused(client: TestClient, edit: dict[str, Any], settings: Any) -> None:
    response = client.post(f"/v1/edits/{edit['id']}/preview", json=settings)
    assert response.status_code == 422
    assert response.json()["error"]


def test_only_so_many_are_open_at_one_time(make_client: Callable[..., TestClient], grey_png: bytes) -> None:
    client = make_client(Limits(edits=2))
    first, _ = (client.post("/v1/edits", files=photo_file(grey_png)).json() for _ in range(2))
    response = client.post("/v1/edits", files=photo_file(grey_png))
    assert response.status_code == 429
    assert response.headers["retry-after"]
    client.delete(f"/v1/edits/{first['id']}")
    assert client.post("/v1/edits", files=photo_file(grey_png)).status_code == 201
    # Another visitor gets no more than a share; this machine does.
    roomy = make_client(Limits(edits=4))
    stranger = TestClient(roomy.app, base_url="http://127.0.0.1", client=("192.0.2.7", 1))
    statuses = [stranger.post("/v1/edits", files=photo_file(grey_png)).status_code for _ in range(3)]
    assert statuses == [201, 201, 429]
    assert roomy.post("/v1/edits", files=photo_file(grey_png)).status_code == 201
    # One that nobody used for long makes room.
    edits = client.app.state.service.edits  # type: ignore[attr-defined]
    next(iter(edits._items.values())).used -= 10_000
    assert client.post("/v1/edits", files=photo_file(grey_png)).status_code == 201
