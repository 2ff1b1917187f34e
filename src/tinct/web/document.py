"""The application's OpenAPI document: what FastAPI writes, completed with what it leaves out."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

_SCHEME = {"type": "http", "scheme": "bearer", "description": "The token of `tinct serve --token-file`, if it has one."}
_OPEN = ("/healthz",)


class Application(FastAPI):
    """FastAPI whose document names the token, and says that forms have no further fields.

    Attributes:
        asks_token: whether requests must have a token.
    """

    asks_token = False

    def openapi(self) -> dict[str, Any]:
        """Return the document, made once."""
        known = self.openapi_schema
        document = super().openapi()
        if document is not known:
            self._complete(document)
        return document

    def _complete(self, document: dict[str, Any]) -> None:
        components = document.setdefault("components", {})
        components["securitySchemes"] = {"token": _SCHEME}
        if self.asks_token:
            document["security"] = [{"token": []}]
        for path, operations in document["paths"].items():
            for operation in operations.values():
                if self.asks_token and path in _OPEN:
                    operation["security"] = []
                for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                    if kind != "application/json":
                        name = content["schema"]["$ref"].rpartition("/")[2]
                        components["schemas"][name]["additionalProperties"] = False
