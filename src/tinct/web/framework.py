"""What FastAPI leaves out: HEAD, fields of forms that are unknown, and what its document says of tokens and forms."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, get_origin

from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tinct.web.problems import Problem

_SCHEME = {"type": "http", "scheme": "bearer", "description": "The token of `tinct serve --token-file`, if it has one."}
_OPEN = ("/healthz",)
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


class Application(FastAPI):
    """FastAPI whose OpenAPI document names the token, and says that forms have no further fields.

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


async def check_fields(request: Request) -> None:
    """Raise Problem (422) for fields of a request's form that its route does not take, or does not take twice."""
    route: Any = request.scope.get("route")
    fields = route.dependant.body_params if hasattr(route, "dependant") else []
    known = [field.alias for field in fields]
    several = {field.alias for field in fields if get_origin(field.field_info.annotation) is list}
    if not known or not request.headers.get("content-type", "").lower().startswith(_FORMS):
        return
    names = [name for name, _ in (await request.form()).multi_items()]
    for name in names:
        if name not in known:
            raise Problem(422, f"{name[:60]}: there is no such field. The fields are: {', '.join(known)}.")
        if names.count(name) > 1 and name not in several:
            raise Problem(422, f"{name}: it came {names.count(name)} times. Send it once; one request is one picture.")


class _SentError(Exception):
    """Raised inside an application when the head of its answer is sent, so that it reads no file for the rest."""


class Heads:
    """Middleware that answers HEAD wherever an application answers GET."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
            else:
                await send({"type": "http.response.body", "body": b""})
                raise _SentError

        with suppress(_SentError):
            await self._app({**scope, "method": "GET"}, receive, head)
