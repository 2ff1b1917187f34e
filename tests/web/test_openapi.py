"""The OpenAPI document says what the server does: Schemathesis makes requests from it and looks at the answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from web.helpers import Process

schemathesis = pytest.importorskip("schemathesis", reason="needs Schemathesis: pip install schemathesis")


@pytest.fixture(scope="module")
def api(server: Process) -> Any:
    return schemathesis.openapi.from_url(f"{server.url}v1/openapi.json")


def ask(api: Any, *, examples: int, only: frozenset[str] = frozenset()) -> int:
    """Ask operations (all, or only some) what their description allows, and what it does not; give how many."""
    from schemathesis.generation import GenerationMode
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    found = [result.ok() for result in api.get_all_operations()]
    found = [operation for operation in found if not only or operation.label in only]
    for operation in found:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(
                max_examples=examples,
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.explicit, Phase.generate],
            )
            def check(case: Any) -> None:
                # Bytes made by chance are no photograph, and names made by chance are of nothing that is open.
                case.call_and_validate(excluded_checks=[positive_data_acceptance])

            try:
                check()
            except Unsatisfiable:  # nothing about it can be wrong
                assert mode is GenerationMode.NEGATIVE
    return len(found)


def test_answers_are_as_described(api: Any) -> None:
    some = frozenset({"POST /v1/colorize", "POST /v1/edits/{name}/preview", "GET /v1/jobs/{name}", "GET /healthz"})
    assert ask(api, examples=3, only=some) == len(some)


@pytest.mark.slow
def test_answers_are_as_described_at_length(api: Any) -> None:
    assert ask(api, examples=60) >= 20


def test_the_document_names_every_address_and_has_examples(client: TestClient) -> None:
    document = client.get("/v1/openapi.json").json()
    assert {
        "/v1/colorize", "/v1/video", "/v1/models", "/healthz", "/v1/jobs/{name}", "/v1/edits/{name}/preview"
    } <= set(document["paths"])  # fmt: skip
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert "security" not in document
    text = str(document)
    assert "examples" in text
    assert "://" not in text


def test_the_document_tells_where_the_token_goes(make_client: Callable[..., TestClient]) -> None:
    client = make_client(token="s3cret")
    document = client.get("/v1/openapi.json", headers={"authorization": "Bearer s3cret"}).json()
    assert document["security"] == [{"token": []}]
    assert document["paths"]["/healthz"]["get"]["security"] == []
    body = document["paths"]["/v1/colorize"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert document["components"]["schemas"][body["schema"]["$ref"].split("/")[-1]]["additionalProperties"] is False
