"""Ordered maps over threads and over processes, and how many of them make sense."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from tinct.errors import TinctError

Item = TypeVar("Item")
Result = TypeVar("Result")


def core_count() -> int:
    """Return the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def process_map(
    make: Callable[[], Callable[[Item], Result]], items: Iterable[Item], *, workers: int
) -> Generator[Result, None, None]:
    """Call a function on several items at once in processes of this machine; yield the results in the items' order.

    The processes import the caller's main module, whose work must be under `if __name__ == "__main__":`.

    Args:
        make: called once in each process; returns the function. It, the items and the results are pickled.
        items: read in the caller's thread, no further ahead than needed.
        workers: how many processes.

    Raises:
        TinctError: a process died. Errors of the function are raised as they are.
    """
    from concurrent.futures import ProcessPoolExecutor  # these take long to import
    from multiprocessing import get_context

    class Pool(ProcessPoolExecutor):
        def submit(self, *arguments: Any, **options: Any) -> Future[Any]:
            with unheard():  # here processes are begun
                return super().submit(*arguments, **options)

    anew = get_context("spawn")  # libvips, OpenCV and the runtimes have threads, which do not survive a fork
    with Pool(workers, mp_context=anew, initializer=_begin, initargs=(make,)) as pool:
        try:
            yield from ordered_map(_work, items, pool=pool, ahead=2 * workers)
        except (GeneratorExit, KeyboardInterrupt, SystemExit):
            for process in list(pool._processes.values()):  # told to stop, nobody waits for what they are at
                process.terminate()
            raise
        except BrokenExecutor as error:
            remedy = "for want of memory perhaps; what is finished stays: run again, with fewer processes"
            raise TinctError(f"a worker process died, {remedy}") from error


@contextmanager
def unheard() -> Iterator[None]:
    """Let processes that the block begins not hear Ctrl-C, which a terminal sends to all; their parent ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_made: list[Callable[[Any], Any]] = []  # in a process of `process_map`: its function


def _begin(make: Callable[[], Callable[[Any], Any]]) -> None:
    _made.append(make())


def _work(item: Any) -> Any:
    return _made[0](item)


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    threads: int | None = None,
    ahead: int | None = None,
    pool: Executor | None = None,
) -> Generator[Result, None, None]:
    """Call a function on several items at once; yield the results in the items' order.

    Args:
        function: called in threads.
        items: read in the caller's thread, no further ahead than needed.
        threads: as many as there are cores without it.
        ahead: calls under way or results waiting to be taken, at most; twice the threads without it.
        pool: threads, or processes, that several maps share, instead of its own threads; it stays open.

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
