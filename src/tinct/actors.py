"""An ordered map over worker processes, of this machine or of Ray, which may be on a running cluster.

Items and results travel between processes, so they are small: paths, never pixels. Each worker of Ray has one item at a
time. If it dies, another worker tries that item again, and no other item is affected: losing a machine stops nothing.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from tinct.errors import MissingExtraError, SettingError, TinctError, one_line
from tinct.parallel import core_count, process_map

Item = TypeVar("Item")
Result = TypeVar("Result")

ENGINES = ("local", "ray")
TRIES = 3  # workers that may die on one item
AHEAD = 16  # items for each worker that may be finished before an earlier one is
STORE_BYTES = 80_000_000  # of Ray's object store: about the least that it accepts, since only rows travel


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Where the workers are.

    Attributes:
        address: of a running cluster, such as `10.0.0.5:6379` or `auto`; None starts Ray on this machine alone.
        workers: how many; default: one for each core of the machine or cluster.
    """

    address: str | None = None
    workers: int | None = None


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What works on many files: this process and others of this machine (`local`), or workers of Ray (`ray`).

    Attributes:
        name: one of `ENGINES`.
        ray_address: of a running cluster, `auto` for the one that this machine is part of; None starts Ray here.

    Raises:
        SettingError: there is no such engine, or an address is given for `local`.
    """

    name: str = "local"
    ray_address: str | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        if self.name not in ENGINES:
            raise SettingError(f"no engine '{self.name}'; there are {', '.join(ENGINES)}")
        if self.ray_address is not None and self.name != "ray":
            raise SettingError("--ray-address is for --engine ray")


@dataclass(frozen=True)
class Processes:
    """Several processes for one map.

    Attributes:
        count: how many; with a cluster of Ray, an estimate.
        pool: where Ray's workers are; None for processes of this machine.
    """

    count: int
    pool: Pool | None = None

    def map(
        self, make: Callable[[], Callable[[Item], Result]], items: Iterable[Item], *, lost: Callable[[Item], Result]
    ) -> Generator[Result, None, None]:
        """Call a function on several items at once; yield the results in the items' order.

        Arguments and errors are those of `actor_map`, or without Ray those of `process_map`, for which a process that
        dies is an error.
        """
        if self.pool is not None:
            return actor_map(make, items, known=lambda _: None, lost=lost, pool=self.pool)
        return process_map(make, items, workers=self.count)


def chosen_processes(workers: int | None, engine: Engine | None) -> Processes | None:
    """Return the processes that were asked for; None if this process does all the work.

    Raises:
        SettingError: `workers` is below 1.
    """
    if workers is not None and workers < 1:
        raise SettingError(f"there must be at least 1 worker, not {workers}")
    if engine is not None and engine.name == "ray":
        return Processes(workers or core_count(), Pool(address=engine.ray_address, workers=workers))
    return Processes(workers) if workers is not None and workers > 1 else None


def actor_map(
    make: Callable[[], Callable[[Item], Result]],
    items: Iterable[Item],
    *,
    known: Callable[[Item], Result | None],
    lost: Callable[[Item], Result],
    pool: Pool,
) -> Generator[Result, None, None]:
    """Call a function on several items at once in processes of Ray; yield the results in the items' order.

    Ray starts when the first item needs it, and ends with the map, unless it ran before.

    Args:
        make: called once in each worker, in the caller's working directory; returns the function. It, the items and
            the results are pickled.
        items: read in the caller's thread, no further ahead than needed.
        known: returns the result of an item that needs no worker, or None.
        lost: returns the result of an item on which `TRIES` workers have died.
        pool: where the workers are.

    Yields:
        The results. An error of `make` or of the function ends the map.

    Raises:
        MissingExtraError: Ray is not installed.
        SettingError: no cluster answers at the address.
        TinctError: workers die as they start.
    """
    schedule: _Schedule[Item, Result] = _Schedule(make, pool)
    try:
        yield from schedule.results(items, known=known, lost=lost)
    finally:
        schedule.close()


class _Worker:
    """Ray's actor: it holds the function, made once."""

    def make(self, make: Callable[[], Callable[[Any], Any]], folder: str) -> None:
        if not Path(folder).is_dir():
            raise SettingError(f"{folder}: does not exist on a machine of the cluster; share it with all of them")
        os.chdir(folder)
        self._function = make()

    def work(self, item: Any) -> Any:
        return self._function(item)


@dataclass
class _Task(Generic[Item]):
    """An item under way; `deaths` counts the workers that died on it."""

    place: int
    item: Item
    deaths: int = 0


class _Schedule(Generic[Item, Result]):
    """Which worker has which item, and which results came back before their turn."""

    def __init__(self, make: Callable[[], Callable[[Item], Result]], pool: Pool) -> None:
        self._make, self._pool = make, pool
        self._ray: Any = None
        self._began = False  # whether Ray was started or joined here
        self._actors: list[Any] = []
        self._free: deque[Any] = deque()
        self._busy: dict[Future[Any], tuple[Any, _Task[Item] | None]] = {}  # no task while a worker starts
        self._again: deque[_Task[Item]] = deque()  # whose workers died
        self._done: dict[int, Result] = {}
        self._taken = self._given = 0  # items taken, results yielded
        self._stillborn = 0  # workers that died in a row as they started
        self._ended = False  # no item is left

    def results(
        self, items: Iterable[Item], *, known: Callable[[Item], Result | None], lost: Callable[[Item], Result]
    ) -> Iterator[Result]:
        source = iter(items)
        while True:
            while self._given in self._done:
                yield self._done.pop(self._given)
                self._given += 1
            if self._send_again() or self._send_next(source, known):
                continue
            if self._ended and self._given == self._taken:
                return
            self._collect(lost)

    def _send_again(self) -> bool:
        if self._again and self._free:
            self._send(self._again.popleft())
            return True
        return False

    def _send_next(self, source: Iterator[Item], known: Callable[[Item], Result | None]) -> bool:
        """Take one more item if a worker is free and not too many results wait; return whether one was taken."""
        if self._ray is not None and (not self._free or self._taken - self._given >= AHEAD * len(self._actors)):
            return False
        for item in source:
            task = _Task(self._taken, item)
            self._taken += 1
            result = known(item)
            if result is not None:
                self._done[task.place] = result
                return True
            if self._ray is None:
                self._begin()
                self._again.append(task)
            else:
                self._send(task)
            return True
        self._ended = True
        return False

    def _send(self, task: _Task[Item]) -> None:
        actor = self._free.popleft()
        self._busy[actor.work.remote(task.item).future()] = actor, task

    def _collect(self, lost: Callable[[Item], Result]) -> None:
        """Wait for a worker and take its result; if it died, its item is tried again by another."""
        errors = self._ray.exceptions
        # Not ray.wait, which would turn the exit that a signal asks for into one with status 1.
        done = next(iter(wait(self._busy, return_when=FIRST_COMPLETED).done))
        actor, task = self._busy.pop(done)
        try:
            result = done.result()
        except errors.RayTaskError as error:
            if isinstance(error.cause, TinctError):
                raise error.cause from None  # the other machine's traceback does not help the user
            raise
        except errors.RayError as error:
            self._replace(actor, error, started=task is not None)
            if task is not None:
                task.deaths += 1
                if task.deaths < TRIES:
                    self._again.append(task)
                else:
                    self._done[task.place] = lost(task.item)
            return
        self._free.append(actor)
        if task is not None:
            self._done[task.place] = result

    def _begin(self) -> None:
        """Start Ray, or join the cluster, and start the workers."""
        self._ray, self._began = _start(self._pool)
        self._kind = self._ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(_Worker)
        count = self._pool.workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        for _ in range(count):
            self._start_worker()

    def _start_worker(self) -> None:
        actor = self._kind.remote()
        self._actors.append(actor)
        self._busy[actor.make.remote(self._make, str(Path.cwd())).future()] = actor, None

    def _replace(self, actor: Any, error: Any, *, started: bool) -> None:
        """Start a worker in place of one that died; give up if all die as they start."""
        self._actors.remove(actor)
        self._stillborn = 0 if started else self._stillborn + 1
        if self._stillborn >= TRIES * (len(self._actors) + 1):
            reason = one_line(error)
            message = f"Ray's workers die as they start, perhaps for lack of memory ({reason:.300}); start fewer"
            raise TinctError(message) from error
        self._start_worker()

    def close(self) -> None:
        """End the workers, and Ray if it was started here."""
        if self._ray is None:
            return
        for actor in self._actors:
            self._ray.kill(actor)
        if self._began:
            self._ray.shutdown()


def _start(pool: Pool) -> tuple[Any, bool]:
    """Return Ray, running, and whether it was started or joined here."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else Ray reports its use over the network
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else Ray warns of a change in a later version
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise MissingExtraError("ray", "the engine ray") from error
    if ray.is_initialized():
        return ray, False
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    in_main = threading.current_thread() is threading.main_thread()
    ending = signal.getsignal(signal.SIGTERM)
    try:
        if pool.address is None:
            cores = pool.workers or core_count()
            ray.init("local", num_cpus=cores, object_store_memory=STORE_BYTES, include_dashboard=False, **quiet)
        else:
            ray.init(pool.address, **quiet)
    except (ConnectionError, ValueError) as error:
        reason = one_line(error)
        remedy = "start one by  ray start --head,  and set RAY_AUTH_TOKEN if it has a token"
        message = f"{pool.address or 'this machine'}: no Ray there ({reason:.200}); {remedy}"
        raise SettingError(message) from error
    except Exception as error:  # Ray's own errors have no common class; a part that started too late is one
        reason = one_line(error)
        place = pool.address or "this machine"
        raise TinctError(f"{place}: Ray does not start ({reason:.200}); is the machine too busy? Run again") from error
    finally:
        if in_main:
            signal.signal(signal.SIGTERM, ending)  # Ray installs a handler that exits with another status
    return ray, True
