"""An ordered map over threads, and how many of them make sense."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def core_count() -> int:
    """Return the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    threads: int | None = None,
    ahead: int | None = None,
    pool: ThreadPoolExecutor | None = None,
) -> Generator[Result, None, None]:
    """Call a function on several items at once; yield the results in the items' order.

    Args:
        function: called in threads.
        items: read in the caller's thread, no further ahead than needed.
        threads: as many as there are cores without it.
        ahead: calls under way or results waiting to be taken, at most; twice the threads without it.
        pool: threads that several maps share, instead of its own; it stays open.

    Yields:
        The results. After an error, or where the caller stops, no other call is begun; those under way in threads of
        its own are waited for.
    """
    threads = threads or core_count()
    waiting: deque[Future[Result]] = deque()
    with ExitStack() as own:
        workers = pool or own.enter_context(ThreadPoolExecutor(threads, thread_name_prefix="tinct"))
        try:
            for item in items:
                waiting.append(workers.submit(function, item))
                if len(waiting) >= (ahead or 2 * threads):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for left in waiting:
                left.cancel()
