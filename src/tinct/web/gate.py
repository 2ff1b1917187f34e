"""Limit the work: a few requests are worked on at one time, a few wait, and the others are told to try again.

No visitor can take all places, and what a request sends counts as kept before it has arrived.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tinct.web.problems import Problem
from tinct.web.security import visitor_of
from tinct.web.store import Store

T = TypeVar("T")
# A client that is refused is asked to try again after this many seconds.
_RETRY_SECONDS = 2
_WITH_BODY = {"POST", "PUT", "PATCH"}
# A refused body is still read for at most this many seconds, so that the client gets to read the answer,
_DRAIN_SECONDS = 3.0
# and for at most this many bytes.
_DRAIN_BYTES = 200_000_000
_COPIES = 2  # a file lies on disk twice while it arrives: as it is received, and as it is stored
_STEP = 4_000_000  # a body of unknown length has room reserved in steps of this many bytes


class Gate:
    """Room for a number of requests, a few of which are worked on at one time, in threads.

    Attributes:
        inside: number of requests that arrive, wait or are worked on.
        working: number of requests that are worked on, including those that have been given up.
    """

    def __init__(self, *, at_once: int, waiting: int, share: float = 1.0) -> None:
        """Make room for `at_once` requests at work and `waiting` others; one visitor gets a `share` of all."""
        self.inside = 0
        self.working = 0
        self._room = at_once + waiting
        self._most_each = most_each(self._room, share)
        self._by_visitor: Counter[str] = Counter()
        self._free = asyncio.Semaphore(at_once)
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="tinct-web")

    def has_room(self, visitor: str | None = None) -> bool:
        """Check whether a visitor could take a place."""
        return self.inside < self._room and not self._has_enough(visitor)

    def _has_enough(self, visitor: str | None) -> bool:
        return visitor is not None and self._by_visitor[visitor] >= self._most_each

    def enter(self, visitor: str | None = None) -> None:
        """Take a place, which `leave` frees; Problem (429) if there is none, or the visitor has too many already."""
        if self._has_enough(visitor):
            message = "You have reached the number of requests per visitor. Try again when one of them is answered."
            raise Problem(429, message, retry_after=_RETRY_SECONDS)
        if self.inside >= self._room:
            message = "The server is busy with other pictures. Try again in a moment."
            raise Problem(429, message, retry_after=_RETRY_SECONDS)
        self.inside += 1
        if visitor is not None:
            self._by_visitor[visitor] += 1

    def leave(self, visitor: str | None = None) -> None:
        """Free a place."""
        self.inside -= 1
        if visitor is not None:
            self._by_visitor[visitor] -= 1
            self._by_visitor += Counter()  # drops visitors without requests

    async def run(self, function: Callable[[], T], *, seconds: float, disconnected: Callable[[], Awaitable[bool]]) -> T:
        """Run a function in a thread, when it is its turn.

        Args:
            function: the work.
            seconds: the longest that waiting and working may take. A thread that has begun still runs to its end, and
                its place is free only then.
            disconnected: called when it is the function's turn: whether the client has disconnected.

        Raises:
            Problem: it took too long (503), or the client has disconnected (499).
        """
        try:
            async with asyncio.timeout(seconds) as limit:
                await self._free.acquire()
                try:
                    if await disconnected():
                        raise gone()
                except BaseException:
                    self._free.release()
                    raise
                self.working += 1
                future = asyncio.get_running_loop().run_in_executor(self._threads, function)
                future.add_done_callback(self._ended)
                return await asyncio.shield(future)
        except TimeoutError as error:
            if not limit.expired():
                raise
            message = (
                f"This took longer than {seconds:g} seconds, the most that is allowed here. Try a smaller picture."
            )
            raise Problem(503, message, retry_after=_RETRY_SECONDS) from error

    def _ended(self, future: asyncio.Future[Any]) -> None:
        self.working -= 1
        self._free.release()
        if not future.cancelled():
            future.exception()  # marks it as retrieved, even if nobody awaits the future any more

    def close(self) -> None:
        """Take no more work; what has begun runs to its end."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def most_each(places: int, share: float) -> int:
    """Return how many of these places one visitor may take by a share (0..1): at least 1."""
    return max(1, int(places * share))


def gone() -> Problem:
    """Return the answer that nobody reads, since the client has disconnected."""
    return Problem(499, "The client has disconnected.")


class Allowance(NamedTuple):
    """What a request's body may be.

    Attributes:
        most_bytes: the most bytes.
        seconds: the most seconds for it to arrive.
        silent_seconds: the longest pause within it.
        store: where it counts as kept while it arrives; None if it is not written to disk.
    """

    most_bytes: int
    seconds: float
    silent_seconds: float = 10.0
    store: Store | None = None


class Admission:
    """Middleware that takes requests with a body through the gate, and watches the body arrive.

    Too many requests are answered with 429, too many bytes with 413, a body that stops arriving with 408, and a body
    that the disk has no room for with 507, before it arrives.
    """

    def __init__(self, app: ASGIApp, *, gate: Gate, allowed: Callable[[Scope], Allowance]) -> None:
        """Watch an application's requests; `allowed` returns what the body of each may be."""
        self._app = app
        self._gate = gate
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in _WITH_BODY:
            await self._app(scope, receive, send)
            return
        body = _Body(receive, self._allowed(scope))
        visitor = visitor_of(scope)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                await body.drain()
            await send(message)

        try:
            body.check_length(Headers(scope=scope).get("content-length"))
            self._gate.enter(visitor)
        except Problem as problem:
            body.release()
            await problem.response()(scope, receive, answer)
            return
        try:
            await self._app(scope, body.receive, answer)
        finally:
            body.release()
            self._gate.leave(visitor)


class _Body:
    """One request's body while it arrives."""

    def __init__(self, receive: Receive, allowed: Allowance) -> None:
        self._receive = receive
        self._most, seconds, self._silent_seconds, self._store = allowed
        self._until = asyncio.get_running_loop().time() + seconds
        self._reserved = 0
        self._bytes = 0
        self._over = False  # everything has arrived, or nothing more will

    def check_length(self, stated: str | None) -> None:
        if stated is None or not stated.isdecimal():
            return
        if int(stated) > self._most:
            raise self._too_long()
        self._reserve(int(stated))

    def release(self) -> None:
        if self._store is not None:
            self._store.release(self._reserved)

    def _reserve(self, count: int) -> None:
        if self._store is not None:
            self._store.reserve(_COPIES * count)
            self._reserved += _COPIES * count

    async def receive(self) -> Message:
        if self._over:
            return await self._receive()
        left = self._until - asyncio.get_running_loop().time()
        try:
            message = await asyncio.wait_for(self._next(), max(0.001, min(self._silent_seconds, left)))
        except TimeoutError as error:
            self._over = True
            raise Problem(408, "The request stopped arriving, or arrived too slowly. Send it again.") from error
        if self._bytes > self._most:
            raise self._too_long()
        if _COPIES * self._bytes > self._reserved:
            self._reserve(max(_STEP, len(message.get("body", b""))))
        return message

    async def drain(self) -> None:
        """Read what is left and drop it, for a while."""
        most = self._bytes + _DRAIN_BYTES
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                while not self._over and self._bytes <= most:
                    await self._next()
        except TimeoutError:
            self._over = True

    async def _next(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        self._over = not message.get("more_body", False)
        return message

    def _too_long(self) -> Problem:
        return Problem(413, f"The request is larger than {self._most / 1e6:g} MB, the most that is allowed here.")
