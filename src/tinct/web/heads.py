"""Answer HEAD as GET, without the body."""

from __future__ import annotations

from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send


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
