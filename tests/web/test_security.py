"""Who may ask, from where, and what every answer says to browsers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from tinct.web.server import host_names
from web.helpers import HERE, photo_file


@pytest.mark.parametrize("path", ["/", "/static/app.js", "/healthz", "/v1/models", "/nothing"])
def test_headers_are_safe(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


def test_errors_have_them_too(client: TestClient) -> None:
    response = client.post("/v1/colorize", data={"x": "y"})
    assert response.status_code == 422
    assert "default-src 'none'" in response.headers["content-security-policy"]


def test_other_names_of_this_server_are_refused(client: TestClient) -> None:
    assert client.get("/v1/models", headers={"host": "evil.example"}).status_code == 403
    assert client.get("/v1/models", headers={"host": "127.0.0.1:8000"}).status_code == 200
    assert client.get("/v1/models", headers={"host": "[::1"}).status_code == 403
    # An address is no name that another site could point here.
    assert client.get("/v1/models", headers={"host": "192.0.2.7:8000"}).status_code == 200
    assert client.get("/v1/models", headers={"host": "192.0.2.7.evil.example"}).status_code == 403


@pytest.mark.parametrize(
    ("host", "more", "token", "answered", "refused"),
    [
        ("127.0.0.1", (), False, "localhost", "evil.example"),
        ("127.0.0.1", ("Studio.local",), True, "studio.local", "evil.example"),
        ("0.0.0.0", (), False, "localhost", "evil.example"),
        ("0.0.0.0", ("studio.local",), False, "studio.local", "evil.example"),
    ],
)
def test_names_that_a_server_answers_to(
    host: str, more: tuple[str, ...], token: bool, answered: str, refused: str
) -> None:
    names = host_names(host, more, token=token)
    assert names is not None
    assert answered in names
    assert refused not in names


def test_a_token_lets_any_name_in() -> None:
    assert host_names("0.0.0.0", (), token=True) is None


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9"])
def test_other_sites_pages_are_refused(client: TestClient, grey_png: bytes, origin: str) -> None:
    response = client.post("/v1/colorize", files=photo_file(grey_png), headers={"origin": origin})
    assert response.status_code == 403
    assert client.post("/v1/colorize", files=photo_file(grey_png), headers={"origin": HERE}).status_code == 200


def test_a_token_is_asked_for_everywhere_but_on_the_bare_page(make_client: Callable[..., TestClient]) -> None:
    client = make_client(token="s3cret")
    for path in ("/", "/static/app.js", "/healthz"):
        assert client.get(path).status_code == 200
    for path in ("/v1/models", "/v1/openapi.json", "/v1/jobs/x", "/static/../v1/models"):
        response = client.get(path)
        assert response.status_code == 401, path
        assert response.headers["www-authenticate"] == "Bearer"
    for wrong in ("Bearer s3cre", "Basic s3cret", "s3cret", "Bearer s3cretx", "Bearer sécret"):
        assert client.get("/v1/models", headers={"authorization": wrong.encode("latin-1")}).status_code == 401
    assert client.get("/v1/models", headers={"authorization": "bearer s3cret"}).status_code == 200


def test_unknown_addresses_and_methods_answer_in_words(client: TestClient) -> None:
    assert client.get("/v2/x").json() == {"error": "There is nothing at this address."}
    response = client.put("/v1/colorize")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert "error" in response.json()
    assert client.put("/v1/jobs/x").headers["allow"] == "DELETE, GET, HEAD"
    assert client.get("/static/../app.py").status_code == 404


@pytest.mark.parametrize("path", ["/", "/docs", "/healthz", "/v1/models", "/static/app.js"])
def test_head_is_get_without_a_body(client: TestClient, path: str) -> None:
    response = client.head(path)
    assert response.status_code == 200
    assert response.content == b""
    assert response.headers["content-length"] == client.get(path).headers["content-length"]
    assert client.head("/nothing").status_code == 404
    assert client.head("/v1/colorize").status_code == 405


def test_models_and_health(client: TestClient) -> None:
    about = client.get("/v1/models").json()
    assert about["models"][0]["name"] == "tiny_bins"
    assert about["models"][0]["task"] == "colorize"
    assert about["limits"]["photo_mb"] == 100
    assert client.get("/healthz").json()["status"] == "ok"
