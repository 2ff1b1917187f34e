"""Requests with a body: how many, how many bytes, and how long they may take to come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tinct.web.gate import Gate
from tinct.web.problems import Problem

_WITH_BODY = {"POST", "PUT", "PATCH"}
# A refused body is read on for so long, and so far, so that whoever sends it gets to read the answer.
_DRAIN_SECONDS = 3.0
_DRAIN_BYTES = 200_000_000


class Admission:
    """Middleware that lets requests with a body in by the gate, and watches the body come.

    Too many requests are answered with 429, too many bytes with 413, and a body that stops coming with 408.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        gate: Gate,
        most_bytes: Callable[[str], int],
        silent_seconds: float,
        most_seconds: Callable[[str], float],
    ) -> None:
        """Watch an application's requests.

        Args:
            app: the application.
            gate: who may come in.
            most_bytes: most bytes of a body, by the request's path.
            silent_seconds: most between two pieces of a body.
            most_seconds: most for the whole body, by the request's path.
        """
        self._app = app
        self._gate = gate
        self._most_bytes = most_bytes
        self._silent_seconds = silent_seconds
        self._most_seconds = most_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] not in _WITH_BODY:
            await self._app(scope, receive, send)
            return
        body = _Body(
            receive,
            most=self._most_bytes(scope["path"]),
            silent_seconds=self._silent_seconds,
            most_seconds=self._most_seconds(scope["path"]),
        )

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                await body.drain()
            await send(message)

        try:
            body.check_length(Headers(scope=scope).get("content-length"))
            self._gate.enter()
        except Problem as problem:
            await problem.response()(scope, receive, answer)
            return
        try:
            await self._app(scope, body.receive, answer)
        finally:
            self._gate.leave()


class _Body:
    """One request's body on its way in."""

    def __init__(self, receive: Receive, *, most: int, silent_seconds: float, most_seconds: float) -> None:
        self._receive = receive
        self._most = most
        self._silent_seconds = silent_seconds
        self._until = asyncio.get_running_loop().time() + most_seconds
        self._bytes = 0
        self._over = False  # all of it has come, or nothing more will

    def check_length(self, stated: str | None) -> None:
        if stated is not None and stated.isdecimal() and int(stated) > self._most:
            raise self._too_long()

    async def receive(self) -> Message:
        if self._over:
            return await self._receive()
        left = self._until - asyncio.get_running_loop().time()
        try:
            message = await asyncio.wait_for(self._receive(), max(0.001, min(self._silent_seconds, left)))
        except TimeoutError as error:
            self._over = True
            raise Problem(408, "The request stopped coming, or came too slowly. Send it again.") from error
        if message["type"] == "http.request":
            self._bytes += len(message.get("body", b""))
            self._over = not message.get("more_body", False)
        else:
            self._over = True
        if self._bytes > self._most:
            raise self._too_long()
        return message

    async def drain(self) -> None:
        """Read what is left and forget it, for a while."""
        most = self._bytes + _DRAIN_BYTES
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while not self._over and self._bytes <= most:
                    message = await self._receive()
                    self._bytes += len(message.get("body", b""))
                    self._over = not message.get("more_body", False)
        except TimeoutError:
            self._over = True

    def _too_long(self) -> Problem:
        return Problem(413, f"The request is larger than {self._most / 1e6:g} MB, the most that is allowed here.")
