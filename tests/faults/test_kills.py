"""`kill -9` at random moments: what is there is whole, and run again, the work ends as if nothing had been."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from faults.conftest import ROUNDS
from faults.launcher import Launcher, launching
from faults.works import Batch, Film, Preparation, Work

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


def kill_often(work: Work, launcher: Launcher, rounds: int) -> int:
    """Kill the work `rounds` times, each time going on with what was left; return how often it came to its end."""
    chance = random.Random(os.environ.get("TINCT_FAULT_SEED", "1"))
    started = time.monotonic()
    work.begin(launcher)
    whole = time.monotonic() - started
    work.remove()
    ends = kills = 0
    arguments = work.arguments
    while kills < rounds:
        ended = launcher.stopped(*arguments, number=signal.SIGKILL, after=chance.uniform(0, whole))
        work.check()
        if ended.code == -signal.SIGKILL:
            kills += 1
            arguments = work.going_on()
            continue
        work.done(ended)
        work.check_end(launcher)
        work.remove()
        ends += 1
        arguments = work.arguments
    work.done(launcher.run(*arguments))
    work.check_end(launcher)
    return ends + 1


def test_a_batch(tmp_path: Path, tiny_model: Path) -> None:
    with launching(*Batch.modules) as launcher:
        assert kill_often(Batch.of(tmp_path, tiny_model), launcher, ROUNDS or 2)


def test_a_film(tmp_path: Path, tiny_model: Path) -> None:
    with launching(*Film.modules) as launcher:
        assert kill_often(Film.of(tmp_path, tiny_model), launcher, ROUNDS or 1)


def test_a_preparation(tmp_path: Path, photo_folder: Path) -> None:
    with launching(*Preparation.modules) as launcher:
        assert kill_often(Preparation.of(tmp_path, photo_folder), launcher, ROUNDS or 1)
