"""Calls in threads and processes whose results come in the order of their items."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tinct.errors import TinctError
from tinct.parallel import ordered_map, process_map


def test_results_come_in_the_order_of_their_items_however_long_each_takes() -> None:
    def slow(item: int) -> int:
        time.sleep(0.02 if item % 3 == 0 else 0)
        return item * item

    assert list(ordered_map(slow, range(20), threads=4)) == [item * item for item in range(20)]
    assert list(ordered_map(slow, [], threads=4)) == []


def test_items_are_read_no_further_ahead_than_asked() -> None:
    read: list[int] = []

    def items() -> Iterator[int]:
        for item in range(20):
            read.append(item)
            yield item

    results = ordered_map(lambda item: item, items(), threads=2, ahead=3)
    assert [next(results), next(results)] == [0, 1]
    assert len(read) == 4
    results.close()


def test_an_error_comes_in_its_items_place_and_no_other_call_is_begun() -> None:
    called: list[int] = []

    def fail(item: int) -> int:
        called.append(item)
        if item == 1:
            raise ValueError("the second")
        return item

    results = ordered_map(fail, range(100), threads=1, ahead=2)
    assert next(results) == 0
    with pytest.raises(ValueError, match="the second"):
        next(results)
    assert len(called) < 5


def test_several_maps_share_a_pool_that_stays_open() -> None:
    names: set[str] = set()

    def note(item: int) -> int:
        names.add(threading.current_thread().name)
        return item + 1

    with ThreadPoolExecutor(2, thread_name_prefix="shared") as pool:
        first = ordered_map(note, range(10), pool=pool, ahead=3)
        assert list(ordered_map(note, first, pool=pool, ahead=3)) == list(range(2, 12))
        assert pool.submit(note, 1).result() == 2
    assert names
    assert all(name.startswith("shared") for name in names)


def test_processes_give_results_in_order_and_their_errors() -> None:
    assert list(process_map(partial(partial, pow, 2), range(5), workers=2)) == [1, 2, 4, 8, 16]
    with pytest.raises(TypeError, match="unsupported operand"):
        list(process_map(partial(partial, pow, 2), ["no number"], workers=1))


def test_a_process_that_dies_ends_the_map_with_a_remedy() -> None:
    with pytest.raises(TinctError, match="a worker process died"):
        list(process_map(partial(partial, os._exit), [3], workers=1))
