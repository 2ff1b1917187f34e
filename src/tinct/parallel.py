"""Ordered maps over threads and over processes, their progress, and the number of processor cores."""

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

    The processes import the caller's main module, so that its work must be under `if __name__ == "__main__":`.

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
            with unheard():  # this starts processes
                return super().submit(*arguments, **options)

    spawn = get_context("spawn")  # libvips, OpenCV and the runtimes have threads, which do not survive a fork
    with Pool(workers, mp_context=spawn, initializer=_begin, initargs=(make,)) as pool:
        try:
            yield from ordered_map(_work, items, pool=pool, ahead=2 * workers)
        except (GeneratorExit, KeyboardInterrupt, SystemExit):
            for process in list(pool._processes.values()):  # else the pool would wait for the items under way
                process.terminate()
            raise
        except BrokenExecutor as error:
            remedy = "perhaps for lack of memory; what is finished stays: run again, with fewer processes"
            raise TinctError(f"a worker process died, {remedy}") from error


@contextmanager
def unheard() -> Iterator[None]:
    """Keep Ctrl-C from processes that the block starts: a terminal sends it to all, and their parent ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_made: list[Callable[[Any], Any]] = []  # in a worker process of `process_map`: its function


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
        threads: how many; default: one for each core.
        ahead: most calls that are under way or have results nobody has taken; default: twice the threads.
        pool: threads or processes to use instead of new threads; it stays open, so that several maps can share it.

    Yields:
        The results. After an error, or if the caller stops, no further call starts; calls under way in the map's own
        threads are waited for.
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
            for call in waiting:
                call.cancel()


def counted(
    results: Iterable[Result], total: int, progress: Callable[[int, int], object] | None
) -> Generator[Result, None, None]:
    """Yield results; call `progress` with (done, total) after the caller has used each."""
    for done, result in enumerate(results, start=1):
        yield result
        if progress is not None:
            progress(done, total)
