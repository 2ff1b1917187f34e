"""Who may come in, who works, and who waits: a few at work, a few waiting, the others told to come again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tinct.web.problems import Problem

T = TypeVar("T")


class Gate:
    """Room for a number of requests, of which a few work at one time, in threads.

    Attributes:
        at_once: how many work.
        room: how many may be inside, on their way in, waiting or working.
        inside: how many are.
        working: how many work now, those too whose request has given up.
    """

    def __init__(self, *, at_once: int, waiting: int) -> None:
        """Make room for `at_once` at work and `waiting` beside them."""
        self.at_once = at_once
        self.room = at_once + waiting
        self.inside = 0
        self.working = 0
        self._seconds = 0.5  # that one piece of work takes, on average of late
        self._free = asyncio.Semaphore(at_once)
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="tinct-web")

    def enter(self) -> None:
        """Take a place; `leave` gives it back.

        Raises:
            Problem: there is none (429).
        """
        if self.inside >= self.room:
            raise Problem(
                429, "The server is busy with other pictures. Try again in a moment.", retry_after=self.retry_after
            )
        self.inside += 1

    def leave(self) -> None:
        """Give a place back."""
        self.inside -= 1

    @property
    def retry_after(self) -> int:
        """Seconds after which there should be room again."""
        return max(1, min(60, round(self._seconds * self.room / self.at_once / 2)))

    async def run(self, function: Callable[[], T], *, seconds: float, wanted: Callable[[], Awaitable[bool]]) -> T:
        """Run a function in a thread, when it is its turn.

        Args:
            function: what to do.
            seconds: most that waiting and working may take; what a thread has begun it ends all the same, and its
                place is free only then.
            wanted: asked when it is its turn: whether anybody still waits for the answer.

        Raises:
            Problem: it took too long (503), or nobody waits any more (499).
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        try:
            await asyncio.wait_for(self._free.acquire(), until - loop.time())
        except TimeoutError as error:
            raise self._too_long(seconds) from error
        try:
            asked_for = await wanted()
        except BaseException:
            self._free.release()
            raise
        if not asked_for:
            self._free.release()
            raise Problem(499, "Whoever asked has gone.")
        started = loop.time()
        self.working += 1
        future = loop.run_in_executor(self._threads, function)

        def done(ended: asyncio.Future[T]) -> None:
            self.working -= 1
            self._seconds += 0.1 * (loop.time() - started - self._seconds)
            self._free.release()
            if not ended.cancelled():
                ended.exception()  # seen, even where nobody waits any more

        future.add_done_callback(done)
        try:
            return await asyncio.wait_for(asyncio.shield(future), max(0.001, until - loop.time()))
        except TimeoutError as error:
            if future.done() and not future.cancelled() and future.exception() is error:
                raise
            raise self._too_long(seconds) from error

    def close(self) -> None:
        """Take no more work; what has begun ends."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _too_long(self, seconds: float) -> Problem:
        return Problem(
            503,
            f"This took longer than {seconds:g} seconds, the most that is allowed here. Try a smaller picture.",
            retry_after=self.retry_after,
        )
