"""A few at work, a few waiting, the others told to come again."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from tinct.web.gate import Gate
from tinct.web.problems import Problem


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


def test_room_is_bounded() -> None:
    gate = Gate(at_once=1, waiting=2)
    for _ in range(3):
        gate.enter()
    with pytest.raises(Problem) as problem:
        gate.enter()
    assert problem.value.status == 429
    assert int(problem.value.response().headers["retry-after"]) >= 1
    gate.leave()
    gate.enter()
    gate.close()


def test_no_visitor_takes_all_places() -> None:
    gate = Gate(at_once=1, waiting=3, share=0.5)
    for _ in range(2):
        gate.enter("192.0.2.7")
    with pytest.raises(Problem, match="per visitor") as problem:
        gate.enter("192.0.2.7")
    assert problem.value.status == 429
    gate.enter("192.0.2.8")
    gate.enter(None)
    gate.leave("192.0.2.7")
    gate.enter("192.0.2.7")
    assert gate.inside == 4
    gate.close()


def test_no_more_work_at_once_than_allowed() -> None:
    gate = Gate(at_once=2, waiting=8)
    now = most = 0
    guard = threading.Lock()

    def work() -> int:
        nonlocal now, most
        with guard:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with guard:
            now -= 1
        return 7

    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(gate.run(work, seconds=5, disconnected=no) for _ in range(9)))

    assert asyncio.run(all_of_them()) == [7] * 9
    assert most == 2
    gate.close()


def test_work_that_takes_too_long_is_given_up_and_keeps_its_place_until_it_ends() -> None:
    gate = Gate(at_once=1, waiting=8)
    go = threading.Event()

    async def late() -> None:
        with pytest.raises(Problem) as problem:
            await gate.run(go.wait, seconds=0.05, disconnected=no)
        assert problem.value.status == 503
        assert gate.working == 1
        with pytest.raises(Problem) as problem:  # the place is still taken
            await gate.run(lambda: 1, seconds=0.05, disconnected=no)
        assert problem.value.status == 503
        go.set()
        assert await gate.run(lambda: 2, seconds=5, disconnected=no) == 2
        assert gate.working == 0

    asyncio.run(late())
    gate.close()


def test_work_nobody_waits_for_is_not_begun() -> None:
    gate = Gate(at_once=1, waiting=8)
    begun = []

    async def gone() -> None:
        with pytest.raises(Problem):
            await gate.run(lambda: begun.append(1), seconds=5, disconnected=yes)
        assert await gate.run(lambda: 3, seconds=5, disconnected=no) == 3

    asyncio.run(gone())
    assert begun == []
    gate.close()


def test_a_failure_is_passed_on() -> None:
    gate = Gate(at_once=1, waiting=8)

    def fail() -> None:
        raise TimeoutError("of its own")

    async def ask() -> None:
        with pytest.raises(TimeoutError, match="of its own"):
            await gate.run(fail, seconds=5, disconnected=no)
        assert await gate.run(lambda: 3, seconds=5, disconnected=no) == 3

    asyncio.run(ask())
    gate.close()
