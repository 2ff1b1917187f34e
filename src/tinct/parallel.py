"""An ordered map over the threads or processes of a pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(
    pool: Executor, function: Callable[[Item], Result], items: Sequence[Item] | Iterator[Item], *, depth: int
) -> Iterator[Result]:
    """Give function(item) for each item in order, with at most `depth` of them under way or waiting to be taken."""
    rest = iter(items)
    waiting: list[Future[Result]] = [pool.submit(function, item) for item in islice(rest, depth)]
    while waiting:
        result = waiting.pop(0).result()
        waiting.extend(pool.submit(function, item) for item in islice(rest, 1))
        yield result
